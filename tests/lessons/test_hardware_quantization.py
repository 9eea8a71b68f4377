"""Lesson 17: its exercises, its explorer, what it writes out, and the experiments that its tables show."""

import io
import warnings
from contextlib import redirect_stdout

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.chips import virtual_chip as hardware
from course_utils.chips import xylo
from course_utils.lessons.hardware_quantization import checks, widgets
from course_utils.lessons.hardware_quantization import experiment as chips
from course_utils.tools.experiment import EXPERIMENTS
from course_utils.training.loop import accuracy
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "hardware_quantization"


@pytest.fixture(scope="module")
def lesson() -> dict:
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["circuits_taken", "whole_weights", "threshold_correction"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def total(rule):
    return lambda layers: sum(neurons * rule(inputs) for neurons, inputs in layers)


def away(x):
    return x.sign() * (x.abs() + 0.5).floor()


def first_or_last(spikes):
    return torch.where(spikes.any(0), spikes.argmax(0), len(spikes) - 1)


def at(samples, step):
    return samples.gather(0, step[None])[0]


def spoiled(spikes, samples):
    samples.zero_()
    return torch.ones(4)


def test_a_number_of_numpy_is_an_answer_too() -> None:
    solution = total(lambda inputs: -(-inputs // 128))
    assert checks.check_circuits_taken(lambda layers: np.int64(solution(layers))).status == "solved"


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_circuits_taken, total(lambda inputs: 1), "count neurons"),
        (checks.check_circuits_taken, total(lambda inputs: inputs // 128), "round down"),
        (checks.check_circuits_taken, total(lambda inputs: inputs // 128 + 1), "one circuit too many"),
        (checks.check_circuits_taken, total(lambda inputs: inputs / 128), "no broken circuits"),
        (checks.check_circuits_taken, total(lambda inputs: -(-inputs // 256)), "takes two of them"),
        (checks.check_circuits_taken, lambda layers: -(-sum(n * i for n, i in layers) // 128), "belongs to one neuron"),
        (checks.check_circuits_taken, lambda layers: layers, "one whole number"),
        (checks.check_circuits_taken, lambda layers: 7, "take 1 circuits; you say 7"),
        (checks.check_whole_weights, lambda w, s, b: (w * s).round().clamp(-63, 63), "even neighbour"),
        (checks.check_whole_weights, lambda w, s, b: (w * s + 0.5).floor().clamp(-63, 63), "takes −2.5 to −2"),
        (checks.check_whole_weights, lambda w, s, b: (w * s).trunc().clamp(-63, 63), "cut off"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s), "Nothing stops"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s).clamp(-31, 31), "kind of the synapse"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s).clamp(-64, 64), "not 64"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s).clamp(-64, 63), "symmetric"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s).clamp(0, 63), "keeps its sign"),
        (checks.check_whole_weights, lambda w, s, b: away(w).clamp(-63, 63), "before you round"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s).clamp(-63, 63) / s, "model's units"),
        (checks.check_whole_weights, lambda w, s, b: away(w * s).clamp(-63, 63), "follows from `bits`"),
        (checks.check_whole_weights, lambda w, s, b: w.sum(), "of shape"),
        (checks.check_whole_weights, lambda w, s, b: w * s, "already scaled"),
        (checks.check_threshold_correction, lambda z, v: at(v, first_or_last(z)), "that you measured"),
        (checks.check_threshold_correction, lambda z, v: 1 / at(v, z.argmax(0)), "never fired"),
        (checks.check_threshold_correction, lambda z, v: 1 / v.max(0).values, "largest sample"),
        (checks.check_threshold_correction, lambda z, v: 1 / first_or_last(z).float(), "time of the first spike"),
        (checks.check_threshold_correction, lambda z, v: 2 - at(v, first_or_last(z)), "a threshold is a factor"),
        (checks.check_threshold_correction, lambda z, v: torch.ones(4), "need the factors"),
        (checks.check_threshold_correction, lambda z, v: 1.0, "one factor for each"),
        (checks.check_threshold_correction, spoiled, "changed what was measured"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_the_lesson_rounds_as_the_package_does(lesson) -> None:
    values = torch.linspace(-1.4, 1.4, 57)
    for bits in (2, 6):
        ours, theirs = (values.clone().requires_grad_() for _ in range(2))
        held = lesson["to_integers"](ours, 50.0, bits)
        assert torch.equal(held, hardware.to_integers(theirs, 50.0, bits))
        (held * torch.arange(57)).sum().backward()
        (hardware.to_integers(theirs, 50.0, bits) * torch.arange(57)).sum().backward()
        assert torch.equal(ours.grad, theirs.grad) and 0 < (ours.grad == 0).sum() < 57
        assert torch.equal(lesson["whole_weights_solution"](values, 50.0, bits), held.detach())


def test_the_solution_counts_circuits_as_the_package_does(lesson) -> None:
    taken = hardware.places(widgets.network())
    assert lesson["circuits_taken_solution"]([(p.neurons, p.fan_in) for p in taken]) == hardware.check_fits(taken)


def test_the_lesson_adds_whole_numbers_as_the_package_does(lesson) -> None:
    arriving = torch.randint(-6, 7, (100,), generator=torch.Generator().manual_seed(3))
    for threshold, a, b, most in ((90, 1, 2, 31), (30, 2, 3, 2)):
        layer = xylo.IntegerLayer(torch.tensor([[25]]), *(torch.tensor([n]) for n in (threshold, a, b)), most)
        wanted = layer.run(arriving[:, None, None])[0].flatten().tolist()
        assert lesson["whole_number_neuron"]((25 * arriving).tolist(), threshold, a, b, most) == wanted
        assert max(wanted) > 0


# --- the explorer ---------------------------------------------------------------------------------------------------


def test_the_explorer_draws_at_every_corner() -> None:
    check_corners(widgets.chip_explorer())


def test_the_shipped_network_reads_its_pictures() -> None:
    images, labels = widgets.pictures()
    assert accuracy(widgets.network(), images, torch.tensor(labels)) == 1


def test_the_explorer_shows_the_run_of_that_chip() -> None:
    figure, alt = widgets.draw_chip(4, 40, 7, 2)
    seen = widgets.run(4, 0.4, 7, 2)
    assert f"{int(seen.hidden.sum())} hidden spikes" in alt
    drawn = figure.axes[3].lines[1].get_ydata()
    assert torch.allclose(torch.as_tensor(drawn), hardware.to_lsb(seen.readout[:, 0, 0]))
    assert ("right" in alt) == (int(widgets.network().scores(seen.readout).argmax()) == widgets.pictures()[1][2])
    plt.close(figure)


def test_a_run_depends_on_its_arguments_alone() -> None:
    torch.manual_seed(5)
    first = widgets.run(6, 0.2, 3, 0)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after), "nobody else's random numbers are touched"
    assert all(torch.equal(a, b) for a, b in zip(first, widgets.run(6, 0.2, 3, 0), strict=True))
    assert not torch.equal(first.hidden, widgets.run(6, 0.2, 4, 0).hidden)


# --- points ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizontal", [False, True])
def test_a_point_a_chip_and_a_bar_at_the_median(horizontal: bool) -> None:
    figure, ax = plt.subplots()
    widgets.strips({"a": [0.5, 0.7, 0.9], "nothing": [], "b": [1.0]}, ax, horizontal=horizontal)
    points, median, *others = ax.lines
    values, places = (points.get_xdata(), points.get_ydata()) if horizontal else points.get_data()[::-1]
    assert sorted(values) == pytest.approx([50, 70, 90]) and abs(places).max() < 0.3
    assert list(median.get_xdata() if horizontal else median.get_ydata()) == pytest.approx([70, 70])
    assert len(others) == 1, "one chip has no median"
    plt.close(figure)


def test_nothing_measured_yet() -> None:
    figure, ax = plt.subplots()
    widgets.strips({"a": [], "b": []}, ax)
    assert not ax.lines
    plt.close(figure)


# --- experiments ----------------------------------------------------------------------------------------------------


def test_the_tables_show_runs_that_exist() -> None:
    runs = EXPERIMENTS["chip-mismatch"].runs
    assert {f"{way}, {m:.0%}" for way in ("as it is", "calibrated") for m in chips.MISMATCHES} <= set(runs)
    assert {"in the loop, 20%", "in the loop of another chip, 20%", "trained for any chip, 20%"} <= set(runs)
    for experiment in ("chip-bits", "chip-bits-plain"):
        wanted = {f"{verb} {bits} bits" for verb in ("rounded to", "trained with") for bits in chips.BITS}
        assert wanted | {"float"} <= set(EXPERIMENTS[experiment].runs)
    assert {"float", "trained with 6 bits", "calibrated, 20%"} <= set(EXPERIMENTS["chip-patches"].runs)
