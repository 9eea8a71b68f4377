"""The lesson on chips: its explorer, what it writes out, and the records that its tables show."""


import matplotlib.pyplot as plt
import pytest
import torch

from course_utils.chips import placing
from course_utils.chips import virtual_chip as hardware
from course_utils.lessons.hardware_quantization import checks, widgets
from course_utils.lessons.hardware_quantization.faint import BITS, MISMATCHES, faint_network
from course_utils.lessons.hardware_quantization.strips import strips
from course_utils.training import ledger
from course_utils.training.loop import accuracy


def test_the_lesson_rounds_as_the_package_does(lesson) -> None:
    values = torch.linspace(-1.4, 1.4, 57)
    for bits in (2, 6):
        ours, theirs = (values.clone().requires_grad_() for _ in range(2))
        held = lesson["to_integers"](ours, 50.0, bits)
        assert torch.equal(held, hardware.to_integers(theirs, 50.0, bits))
        assert torch.equal(held, checks.check_whole_weights.right(ours, 50.0, bits))
        (held * torch.arange(57)).sum().backward()
        (hardware.to_integers(theirs, 50.0, bits) * torch.arange(57)).sum().backward()
        assert torch.equal(ours.grad, theirs.grad) and 0 < (ours.grad == 0).sum() < 57


def test_circuits_are_counted_as_the_package_does() -> None:
    taken = placing.places(faint_network())
    assert checks.check_circuits_taken.right([(p.neurons, p.fan_in) for p in taken]) == placing.check_fits(taken)


# --- the explorer ---------------------------------------------------------------------------------------------------


def test_the_shipped_network_reads_its_pictures() -> None:
    images, labels = widgets.faint_stripes()
    assert accuracy(faint_network(), images, torch.tensor(labels)) == 1


def test_the_explorer_shows_the_run_of_that_chip() -> None:
    figure, alt = widgets.draw_chip(4, 40, 7, 2)
    seen = widgets.seen_on_chip(4, 0.4, 7, 2)
    assert f"{int(seen.hidden.sum())} hidden spikes" in alt
    drawn = figure.axes[3].lines[1].get_ydata()
    assert torch.allclose(torch.as_tensor(drawn), hardware.to_lsb(seen.readout[:, 0, 0]))
    assert ("right" in alt) == (int(faint_network().scores(seen.readout).argmax()) == widgets.faint_stripes()[1][2])


def test_a_run_depends_on_its_arguments_alone() -> None:
    torch.manual_seed(5)
    first = widgets.seen_on_chip(6, 0.2, 3, 0)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after), "nobody else's random numbers are touched"
    assert all(torch.equal(a, b) for a, b in zip(first, widgets.seen_on_chip(6, 0.2, 3, 0), strict=True))
    assert not torch.equal(first.hidden, widgets.seen_on_chip(6, 0.2, 4, 0).hidden)


# --- points ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizontal", [False, True])
def test_a_point_a_chip_and_a_bar_at_the_median(horizontal: bool) -> None:
    _, ax = plt.subplots()
    strips({"a": [0.5, 0.7, 0.9], "nothing": [], "b": [1.0]}, ax, horizontal=horizontal)
    points, median, *others = ax.lines
    values, places = (points.get_xdata(), points.get_ydata()) if horizontal else points.get_data()[::-1]
    assert sorted(values) == pytest.approx([50, 70, 90]) and abs(places).max() < 0.3
    assert list(median.get_xdata() if horizontal else median.get_ydata()) == pytest.approx([70, 70])
    assert len(others) == 1, "one chip has no median"
    _, ax = plt.subplots()
    strips({"a": [], "b": []}, ax, horizontal=horizontal)
    assert not ax.lines, "nothing measured yet"


# --- records --------------------------------------------------------------------------------------------------------


def test_the_tables_show_runs_that_exist() -> None:
    models = {name: set(described.models) for name, described in ledger.experiments(ledger.SHIPPED).items()}
    assert {f"{way}, {m:.0%}" for way in ("as it is", "calibrated") for m in MISMATCHES} <= models["chip-mismatch"]
    loops = {"in the loop, 20%", "in the loop of another chip, 20%", "trained for any chip, 20%"}
    assert loops <= models["chip-mismatch"]
    wanted = {f"{verb} {bits} bits" for verb in ("rounded to", "trained with") for bits in BITS}
    assert wanted | {"float", "float, trained on"} <= models["chip-bits"]
