"""The retina: differences of Gaussians, rank order, reconstruction, and currents for the neurons behind it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.lessons.vehicles import front_end
from course_utils.lessons.vehicles.front_end import COARSE, FINE, DoG
from course_utils.spiking.timing import ranks

CELLS = [*FINE.values(), *COARSE.values()]


def images(count=3, height=20, width=24, seed=0):
    return torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_kernel_has_the_sum_0_and_squares_of_the_sum_1(cell) -> None:
    kernel = cell.kernel()
    assert kernel.shape == (cell.side, cell.side)
    assert abs(kernel.sum().item()) < 1e-12 and abs(kernel.square().sum().item() - 1) < 1e-12
    middle = kernel[cell.side // 2, cell.side // 2]
    assert (middle > 0) == (cell.centre == "on") and kernel.abs().max() == middle.abs()
    assert torch.allclose(kernel, kernel.T) and torch.allclose(kernel, kernel.flip(0))
    x = images()  # two passes give what the kernel gives
    wide = torch.nn.functional.pad(x[:, None], [cell.side // 2] * 4, mode="replicate")
    wanted = torch.nn.functional.conv2d(wide, kernel[None, None])[:, 0]
    assert torch.allclose(cell.respond(x), wanted, atol=1e-10)


def test_an_even_picture_says_nothing_and_a_bright_point_speaks_to_on_cells_only() -> None:
    assert front_end.coefficients(torch.full((1, 30, 30), 0.6), CELLS).max() < 1e-5
    point = torch.zeros(1, 31, 31)
    point[0, 15, 15] = 1
    on, off = front_end.coefficients(point, [FINE["on"], FINE["off"]])[0]
    assert on.argmax() == 15 * 31 + 15 and off[15, 15] == 0 and off.max() > 0  # beside the point it is darker


def test_a_negative_speaks_to_the_other_centre() -> None:
    on, off = DoG("on", 1.5, 4.0, 9), DoG("off", 1.5, 4.0, 9)
    x = images()
    assert torch.allclose(front_end.coefficients(1 - x, [on]), front_end.coefficients(x, [off]), atol=1e-12)


def test_a_bank_goes_scale_by_scale() -> None:
    assert front_end.bank() == tuple(CELLS)
    assert front_end.bank(["coarse"], ["off"]) == (COARSE["off"],)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=30), st.integers(1, 30), st.floats(0.1, 10))
def test_only_the_order_counts(numbers, kept, factor) -> None:
    values = torch.tensor([numbers], dtype=torch.float64)
    kept = min(kept, len(numbers))
    code = front_end.by_rank(values, kept)
    places = ranks(values)
    assert sorted(places[0].tolist()) == list(range(len(numbers)))
    assert ((code >= 0) & (code <= 1)).all() and not code[(places >= kept) | (values == 0)].any()
    assert (values[0][places[0].argsort()].diff() <= 0).all()
    stretched = values * factor
    if ((stretched > 0) == (values > 0)).all() and len(stretched.unique()) == len(values.unique()):
        assert torch.equal(front_end.by_rank(stretched, kept), code)


def test_more_ranks_rebuild_more_and_the_table_stands_for_the_sizes() -> None:
    x = torch.zeros(2, 40, 64)
    x[0, 10:30, 20:40], x[1, 5:15, 5:60] = 1, 0.5
    filters = front_end.bank(["fine"])
    values = front_end.coefficients(x, filters)
    alike = [front_end.likeness(front_end.reconstruct(values, filters, kept), x) for kept in (5, 50, 500)]
    assert (alike[0] < alike[1]).all() and (alike[1] < alike[2]).all() and (alike[2] > 0.4).all()
    one = front_end.reconstruct(values[:1], filters, 500, values[0].flatten().sort(descending=True).values)
    assert torch.allclose(one, front_end.reconstruct(values[:1], filters, 500), atol=1e-5)


def test_the_first_rank_alone_lays_down_one_kernel() -> None:
    cell = DoG("on", 1.0, 3.0, 5)
    values = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    values[0, 0, 7, 6], values[0, 0, 2, 2] = 3, 1
    rebuilt = front_end.reconstruct(values, [cell], 1)[0]
    assert torch.allclose(rebuilt[5:10, 4:9], 3 * cell.kernel())
    rebuilt[5:10, 4:9] = 0
    assert not rebuilt.any()


def test_likeness_ignores_brightness_and_contrast() -> None:
    x = images()
    assert torch.allclose(front_end.likeness(0.2 * x + 0.3, x), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(front_end.likeness(-x, x), -torch.ones(3, dtype=torch.float64))
    assert not front_end.likeness(torch.ones_like(x), x).any()


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1))
def test_a_neuron_fires_at_the_rate_that_was_asked_for(rate) -> None:
    rates = torch.tensor([rate], dtype=torch.float64)
    count = front_end.spikes(rates, 120).sum(0)
    period = 1 / rates
    near_half = abs(period % 1 - 0.5) < 1e-3  # there the threshold is met at the end of a step
    if not near_half.any():
        assert abs(count - 120 * front_end.fired(rates)) < 1
    assert abs(front_end.fired(rates) - rates) <= max(1 / 3, rates / 3)
    assert front_end.currents(torch.zeros(2)).tolist() == [0, 0] and not front_end.spikes(torch.zeros(2), 50).any()


def test_a_blur_is_what_a_cell_is_without_its_surround() -> None:
    x = images()
    soft = front_end.blurred(x, 2.6)
    assert soft.var() < x.var() / 5 and abs(soft.mean() - x.mean()) < 0.05
    assert torch.allclose(front_end.blurred(torch.full((1, 9, 9), 0.3), 1.0), torch.tensor(0.3))


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (lambda: DoG("middle", 1.0, 3.0, 5), "centre"),
        (lambda: DoG("on", 0.0, 3.0, 5), "sigma is 0.0"),
        (lambda: DoG("on", 1.0, 1.0, 5), "surround is 1.0"),
        (lambda: DoG("on", 1.0, 3.0, 4), "side is 4"),
        (lambda: front_end.bank("fine"), "scales = 'fine'"),
        (lambda: front_end.bank(["fine"], ["left"]), "centres"),
        (lambda: front_end.coefficients(images(), []), r"filters = \[\]"),
        (lambda: front_end.coefficients(255 * images(), CELLS), "between 0 and 1"),
        (lambda: front_end.coefficients(images()[0], CELLS), "batch, height, width"),
        (lambda: front_end.coefficients((255 * images()).to(torch.uint8), CELLS), "floats"),
        (lambda: front_end.blurred(images(), 0), "sigma is 0"),
        (lambda: front_end.by_rank(images(), 0), "kept is 0"),
        (lambda: front_end.by_rank(images(), 481), "1 to 480"),
        (lambda: front_end.by_rank(images(), 2.0), "kept is 2.0"),
        (lambda: front_end.reconstruct(images(), CELLS, 3), r"must be \[batch, 4, height, width"),
        (lambda: front_end.currents(torch.tensor(1.5)), "rates hold 1.5"),
        (lambda: front_end.spikes(torch.tensor(0.5), 0), "steps is 0"),
    ],
)
def test_bad_input_is_refused(attempt, says) -> None:
    with pytest.raises(ValueError, match=says):
        attempt()
