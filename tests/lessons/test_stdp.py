"""Lesson 09: its exercises, its explorers, and the functions that it writes out."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.classroom import plots
from course_utils.data import stripes
from course_utils.lessons.stdp import checks, widgets
from course_utils.lessons.stdp.experiment import Recipe
from course_utils.spiking import plasticity
from course_utils.spiking.encoders import poisson
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "stdp"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "exercise", "solution", namespace=taught())


def taught() -> dict:
    """The functions written out, with the numbers that the lesson gives in untagged cells."""
    numbers = {"A_PLUS": 1e-3, "A_MINUS": 2e-4, "TAU_PLUS_MS": 20.0, "TAU_MINUS_MS": 20.0, "DT_MS": 1.0, "TOTAL": 16.0}
    namespace = lessons.run_cells(LESSON, "setup", namespace=numbers)
    return lessons.run_cells(LESSON, "taught", namespace=namespace)


@pytest.mark.parametrize("name", ["trace", "label_neurons", "diagnosis"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def trace_with(step):
    def trace(spikes, leak):
        x, after = torch.zeros_like(spikes[0]), []
        for now in spikes:
            x = step(x, now, leak)
            after.append(x)
        return torch.stack(after)

    return trace


def late(spikes, leak):
    after = trace_with(lambda x, s, leak: leak * x + s)(spikes, leak)
    return torch.cat([torch.zeros_like(after[:1]), after[:-1]])


def by_sum(counts, labels):
    sums = torch.stack([counts[labels == label].sum(0) for label in (0, 1)])
    return torch.where(counts.sum(0) > 0, sums.argmax(0), -1)


def by_mean(counts, labels):
    return torch.stack([counts[labels == label].mean(0) for label in (0, 1)]).argmax(0)


def swapped(counts, labels):
    return plasticity.assign_labels(counts, 1 - labels)


def three_only(counts, labels):
    return torch.tensor([0, 1, -1]) if counts.shape[1] == 3 else torch.zeros(counts.shape[1])


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_trace, trace_with(lambda x, s, leak: x + s), "never forgets"),
        (checks.check_trace, trace_with(lambda x, s, leak: leak * (x + s)), "adds only λ"),
        (checks.check_trace, trace_with(lambda x, s, leak: torch.where(s > 0, 1.0, leak * x)), "only the latest spike"),
        (checks.check_trace, trace_with(lambda x, s, leak: leak * x + (1 - leak) * s), "adds only 1 − λ"),
        (checks.check_trace, late, "one step late"),
        (checks.check_trace, trace_with(lambda x, s, leak: 0.75 * x + s), "λ = 0.9"),
        (checks.check_trace, lambda spikes, leak: 3 * spikes, "you return"),
        (checks.check_trace, lambda spikes, leak: spikes.sum(), "one number for each of the 7 steps"),
        (checks.check_trace, lambda spikes, leak: None, "returned None"),
        (checks.check_label_neurons, by_sum, "You compare sums"),
        (checks.check_label_neurons, by_mean, "never fired"),
        (checks.check_label_neurons, swapped, "exchanged"),
        (checks.check_label_neurons, lambda counts, labels: torch.ones(3), "fires for horizontal"),
        (checks.check_label_neurons, lambda counts, labels: labels, "one label for each of the 3 neurons"),
        (checks.check_label_neurons, three_only, "twelve neurons"),
        (checks.check_diagnosis, {"A": "inhibition", "B": "homeostasis", "C": "normalisation"}, "limit of 1"),
        (checks.check_diagnosis, {"A": "homeostasis", "B": "normalisation", "C": "inhibition"}, "In A all neurons"),
        (checks.check_diagnosis, {"A": "inhibition", "B": "normalisation", "C": "normalisation"}, "lost so far"),
        (checks.check_diagnosis, {"A": "leak", "B": "normalisation", "C": "homeostasis"}, "none of the parts"),
        (checks.check_diagnosis, {"A": "inhibition"}, "a part for each layer"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message


def snapshots() -> dict[int, np.ndarray]:
    rng = np.random.default_rng(0)
    return {seen: rng.random((256, 20)) for seen in (0, 10, 400)}


def test_explorers_draw_at_every_corner() -> None:
    check_corners(widgets.pair_explorer())
    check_corners(widgets.receptive_field_explorer(snapshots(), [0.7, 0.9, 1.0]))


def test_fields_need_an_accuracy_each() -> None:
    with pytest.raises(ValueError, match="accuracies are 2; there are 3"):
        widgets.receptive_field_explorer(snapshots(), [0.7, 0.9])


@pytest.mark.parametrize("delay_ms", [-50, -1, 0, 17])
def test_the_explorer_draws_the_window_of_the_package(delay_ms) -> None:
    rule = plasticity.PairSTDP(a_plus=1.5, a_minus=0.5, tau_plus_ms=10.0, tau_minus_ms=30.0)
    figure, _ = widgets.draw_pair(1.5, 0.5, 10, 30, delay_ms)
    marked = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == 1)
    assert marked.get_xdata()[0] == delay_ms
    assert marked.get_ydata()[0] == pytest.approx(rule.window(torch.tensor(float(delay_ms))).item(), rel=1e-5)
    plt.close(figure)


def test_every_field_is_drawn_at_its_place() -> None:
    weights = np.repeat(np.arange(1.0, 8.0)[None], 16, axis=0)  # seven neurons of 4 × 4 inputs
    for names in (None, list("abcdefg")):
        figure, ax = plt.subplots()
        wall = np.asarray(plots.receptive_fields(weights, ax, columns=3, names=names).get_array().filled(np.nan))
        step = 10 if names else 6
        for neuron in range(7):
            top, left = neuron // 3 * step, neuron % 3 * 6
            assert (wall[top : top + 4, left : left + 4] == neuron + 1).all()
        assert [text.get_text() for text in ax.texts] == (names or [])
        plt.close(figure)


def test_the_lesson_learns_as_the_package_does(lesson) -> None:
    layer = plasticity.WinnerTakeAll()
    generator = torch.Generator().manual_seed(3)
    learned = layer.start(256, 10, generator)
    by_hand = learned
    for image in torch.rand(5, 256, generator=generator) * 0.3:
        spikes = poisson(image, 50, generator)
        by_hand = lesson["learn_image"](spikes, *by_hand)
        fired, learned = layer.learn(spikes, learned)
        assert fired.any()
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(by_hand, learned, strict=True))


def test_the_lesson_changes_weights_as_the_package_does(lesson) -> None:
    generator = torch.Generator().manual_seed(0)
    pre, post = poisson(torch.full((4,), 0.3), 50, generator), poisson(torch.full((3,), 0.3), 50, generator)
    x, y, traces = torch.zeros(4), torch.zeros(3), None
    for now_in, now_out in zip(pre, post, strict=True):
        change, x, y = lesson["stdp_step"](now_in, now_out, x, y)
        packaged, traces = plasticity.PairSTDP().step(now_in, now_out, traces)
        assert torch.equal(change, packaged) and torch.equal(x, traces.pre) and torch.equal(y, traces.post)
    exercise = lesson["trace_solution"](pre, lesson["LEAK_PLUS"])
    assert torch.equal(exercise[-1], x)


def test_the_experiment_records_what_it_measures() -> None:
    recipe = Recipe(neurons=6, train=8, labelling=40, test=30)
    record = recipe.record("stripes, plain", "small", seed=1)
    assert record == recipe.record("stripes, plain", "small", seed=1), "the same seed, the same numbers"
    assert record.baseline["accuracy"] == 1 and 0 <= record.beside["random weights, labelled"] <= 1
    assert record.data == {"source": "drawn", "train": 8, "validation": 40, "test": 30}
    assert record.dense == 50 * 256 * 6 > record.accumulates > 0
    assert record.accumulates / 6 < record.spikes < record.accumulates / 6 + 50, "at most one winner a step"


def test_the_experiment_starts_and_learns_as_the_lesson_does(lesson) -> None:
    start, learned = Recipe(neurons=6, train=3).learn(seed=2)
    generator, by_hand = torch.Generator().manual_seed(2), start
    for image in torch.tensor(stripes.make_stripes(3, 2).images).flatten(1) / 255:
        by_hand = lesson["learn_image"](poisson(image, 50, generator), *by_hand)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(by_hand, learned, strict=True))
