"""Models 1 to 4 of the stripe lessons: shapes, sizes counted by hand, reproducible noise."""

import math

import norse.torch as norse
import pytest
import torch

from course_utils.spiking import stripe_networks as models
from course_utils.spiking.stripe_networks import BroadConv, FlatLIF, LeanConv, PoissonInput
from tests import notebook_cells as lessons

LESSON = "stripe_snn"
PICTURES = 0.4 * torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))
BUILD = {
    "FlatLIF": FlatLIF,
    "BroadConv": BroadConv,
    "LeanConv, Poisson": lambda: LeanConv(PoissonInput()),
    "LeanConv, constant current": LeanConv,
}


def seeded(build):
    torch.manual_seed(1)
    return build()


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("count", [1, 6])
def test_pictures_become_spike_counts(name, count) -> None:
    model = seeded(BUILD[name])
    scores = model(PICTURES[:count])
    steps = model.steps if hasattr(model, "steps") else models.STEPS
    assert scores.shape == (count, 2)
    assert ((scores >= 0) & (scores <= steps) & (scores == scores.round())).all()


@pytest.mark.parametrize("name", BUILD)
def test_a_gradient_reaches_every_parameter(name) -> None:
    model = seeded(BUILD[name])
    torch.nn.functional.cross_entropy(model(PICTURES), torch.tensor([0, 1, 0, 1, 0, 1])).backward()
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any()


@pytest.mark.parametrize("name", set(BUILD) - {"LeanConv, Poisson"})
def test_nothing_is_left_over_from_the_batch_before(name) -> None:
    model = seeded(BUILD[name])
    together = model(PICTURES)
    assert torch.equal(model(PICTURES), together)
    assert torch.equal(torch.cat([model(picture[None]) for picture in PICTURES]), together)


@pytest.mark.parametrize(
    ("model", "by_hand"),
    [
        (FlatLIF(), 256 * 2 + 2),
        (FlatLIF(size=8), 64 * 2 + 2),
        (BroadConv(), (13 * 16 + 13) + (32 * 13 * 16 + 32) + (32 * 9 * 2 + 2)),
        (BroadConv(hidden=5), (13 * 16 + 13) + (5 * 13 * 16 + 5) + (5 * 9 * 2 + 2)),
        (LeanConv(), (2 * 16 + 2) + (72 * 2 + 2)),
    ],
)
def test_parameters_as_counted_by_hand(model, by_hand) -> None:
    assert sum(values.numel() for values in model.parameters()) == by_hand


def test_maps_have_the_sizes_of_the_lesson() -> None:
    model = seeded(BroadConv)
    seen = []
    for cell in (model.lif1, model.lif2, model.lif3):
        cell.register_forward_hook(lambda cell, inputs, output: seen.append(tuple(output[0].shape[1:])))
    model(PICTURES)
    assert set(seen) == {(13, 13, 13), (32, 3, 3), (2,)} and len(seen) == 3 * model.steps
    assert 13**3 + 32 * 9 + 2 == 2487, "neurons"


@pytest.mark.parametrize(("level", "spikes"), [(0.99, False), (1.01, True)])
def test_model_1_spikes_if_five_times_its_input_is_above_the_threshold(level, spikes) -> None:
    model = FlatLIF(steps=500)
    torch.nn.init.zeros_(model.linear.weight)
    torch.nn.init.constant_(model.linear.bias, level / 5)
    assert bool(model(PICTURES).any()) == spikes


def test_each_step_is_the_layer_at_every_step() -> None:
    layer = torch.nn.Conv2d(1, 2, 4)
    inputs = torch.rand(5, 3, 1, 16, 16)
    one_by_one = torch.stack([layer(now) for now in inputs])
    assert torch.allclose(models.each_step(layer, inputs), one_by_one, atol=1e-6)


def test_over_time_hands_the_state_on_and_begins_at_rest() -> None:
    cell, inputs = norse.LIFCell(), torch.rand(30, 4, 2)
    state, spikes = None, []
    for now in inputs:
        spike, state = cell(now, state)
        spikes.append(spike)
    for _ in range(2):
        assert torch.equal(models.over_time(cell, inputs), torch.stack(spikes))
    assert torch.stack(spikes).any()


def test_poisson_noise_belongs_to_the_network_and_is_restored_with_it(tmp_path) -> None:
    model = LeanConv(PoissonInput(seed=3))
    torch.manual_seed(0)
    model(PICTURES)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    expected = [model.encode(PICTURES) for _ in range(2)]
    assert not torch.equal(*expected), "new spikes at every call"
    other = LeanConv(PoissonInput(seed=4))
    torch.manual_seed(5)  # torch's own generator has no part in it
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert all(torch.equal(other.encode(PICTURES), spikes) for spikes in expected)


def test_poisson_rates_follow_the_gain_and_are_cut_at_one() -> None:
    rates = PoissonInput(steps=4000, gain=2.0)(torch.tensor([0.0, 0.1, 0.3, 0.5, 0.9])).mean(0)
    expected = torch.tensor([0.0, 0.2, 0.6, 1.0, 1.0])
    assert (rates - expected).abs().max() < 4 * math.sqrt(0.25 / 4000)


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("FlatLIF", {}),
        ("FlatLIF", {"scale": 5, "steps": 20}),
        ("BroadConv", {}),
        ("BroadConv", {"hidden": 4, "scale": 10, "steps": 6}),
        ("LeanConv", {}),
    ],
)
def test_the_lesson_writes_out_the_same_models(lesson, name, options, seed) -> None:
    torch.manual_seed(seed)
    by_hand = lesson[name](**options)
    torch.manual_seed(seed)
    packaged = getattr(models, name)(**options)
    assert list(by_hand.state_dict()) == list(packaged.state_dict())
    assert torch.equal(by_hand(PICTURES), packaged(PICTURES))


def test_the_lesson_writes_out_the_same_noise_and_helpers(lesson) -> None:
    for seed, gain, steps in ((0, 2.6, 50), (1, 1.0, 7)):
        by_hand = lesson["PoissonInput"](steps, gain, seed)
        packaged = PoissonInput(steps, gain, seed)
        for _ in range(2):
            assert torch.equal(by_hand(PICTURES), packaged(PICTURES))
    inputs = torch.rand(9, 4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(lesson["over_time"](norse.LIFCell(), inputs), models.over_time(norse.LIFCell(), inputs))
    layer = torch.nn.Linear(3, 2)
    assert torch.equal(lesson["each_step"](layer, inputs), models.each_step(layer, inputs))
