"""The lesson on STDP: its explorers, and the functions that it writes out."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.lessons.stdp import checks, widgets
from course_utils.lessons.stdp.experiment import CODES, WITHOUT_TIMING, Learner
from course_utils.spiking import plasticity
from course_utils.spiking.encoders import poisson
from tests import notebook_cells as lessons

LESSON = "stdp"


@pytest.fixture(scope="module")
def lesson() -> dict:
    """The functions written out, with the numbers that the lesson gives in untagged cells."""
    numbers = {"A_PLUS": 1e-3, "A_MINUS": 2e-4, "TAU_PLUS_MS": 20.0, "TAU_MINUS_MS": 20.0, "DT_MS": 1.0, "TOTAL": 16.0}
    namespace = lessons.run_cells(LESSON, "setup", namespace=numbers)
    return lessons.run_cells(LESSON, "taught", namespace=namespace)


def snapshots() -> dict[int, np.ndarray]:
    rng = np.random.default_rng(0)
    return {seen: rng.random((256, 20)) for seen in (0, 10, 400)}


def test_fields_need_an_accuracy_each() -> None:
    with pytest.raises(ValueError, match="as many as snapshots, 3"):
        widgets.receptive_field_explorer(snapshots(), [0.7, 0.9])


@pytest.mark.parametrize("delay_ms", [-50, -1, 0, 17])
def test_the_explorer_draws_the_window_of_the_package(delay_ms) -> None:
    rule = plasticity.PairSTDP(a_plus=1.5, a_minus=0.5, tau_plus_ms=10.0, tau_minus_ms=30.0)
    figure, _ = widgets.draw_pair(1.5, 0.5, 10, 30, delay_ms)
    marked = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == 1)
    assert marked.get_xdata()[0] == delay_ms
    assert marked.get_ydata()[0] == pytest.approx(rule.window(torch.tensor(float(delay_ms))).item(), rel=1e-5)


def test_every_field_is_drawn_at_its_place() -> None:
    weights = np.repeat(np.arange(1.0, 8.0)[None], 16, axis=0)  # seven neurons of 4 × 4 inputs
    for names in (None, list("abcdefg")):
        _, ax = plt.subplots()
        wall = np.asarray(widgets.receptive_fields(weights, ax, columns=3, names=names).get_array().filled(np.nan))
        step = 10 if names else 6
        for neuron in range(7):
            top, left = neuron // 3 * step, neuron % 3 * 6
            assert (wall[top : top + 4, left : left + 4] == neuron + 1).all()
        assert [text.get_text() for text in ax.texts] == (names or [])


def test_the_lesson_changes_weights_as_the_package_does(lesson) -> None:
    generator = torch.Generator().manual_seed(0)
    pre, post = poisson(torch.full((4,), 0.3), 50, generator), poisson(torch.full((3,), 0.3), 50, generator)
    x, y, traces = torch.zeros(4), torch.zeros(3), None
    for now_in, now_out in zip(pre, post, strict=True):
        change, x, y = lesson["stdp_step"](now_in, now_out, x, y)
        packaged, traces = plasticity.PairSTDP().step(now_in, now_out, traces)
        assert torch.equal(change, packaged) and torch.equal(x, traces.pre) and torch.equal(y, traces.post)
    exercise = checks.check_trace.right(pre, lesson["DECAY_PLUS"])
    assert torch.equal(exercise[-1], x)


def test_the_experiment_records_what_it_measures() -> None:
    learner = Learner(neurons=6, train=8, labelling=40, test=30)
    record = learner(seed=1)
    assert record == learner(seed=1), "the same seed, the same numbers"
    assert record.baseline["accuracy"] == 1 and 0 <= record.beside["random weights, labelled"] <= 1
    assert record.data == {"source": "drawn", "train": 8, "validation": 40, "test": 30}
    assert record.dense == 50 * 256 * 6 > record.accumulates > 0
    assert record.accumulates / 6 < record.spikes < record.accumulates / 6 + 50, "at most one winner a step"


def test_the_experiment_and_so_the_package_learns_as_the_lesson_does(lesson) -> None:
    learner = Learner(neurons=10, train=5)
    images = learner.draw(seed=2).train[0]
    start, learned, fired = learner.learn(images, seed=2)
    assert fired.sum() > 0 and not torch.equal(start.weights, learned.weights)
    generator, by_hand, count = torch.Generator().manual_seed(2), start, 0
    for image in images.flatten(1):
        *by_hand, spikes = lesson["learn_image"](poisson(image, 50, generator), *by_hand)
        count += spikes
    assert all(torch.equal(mine, theirs) for mine, theirs in zip((*by_hand, count), (*learned, fired), strict=True))


@pytest.mark.parametrize("code", ["one spike each", "one spike each, at random"])
def test_each_pixel_spikes_once(code) -> None:
    images = Learner(train=3).draw(seed=1).train[0].flatten(1)
    spikes, others = (CODES[code](images, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert spikes.shape == (50, 3, 256) and (spikes.sum(0) == 1).all()
    assert torch.equal(spikes, others) == (code == "one spike each"), "at random: whatever the image"


@pytest.mark.parametrize(("window", "keeps"), [("counts only", True), ("full rule", False)])
def test_a_count_learns_nothing_where_each_pixel_spikes_once(window, keeps) -> None:
    learner = replace(WITHOUT_TIMING[f"{window}, one spike each"], train=40)
    start, learned, fired = learner.learn(learner.draw(seed=1).train[0], seed=1)
    alike = torch.corrcoef(torch.cat([start.weights.T, learned.weights.T])).diagonal(learner.neurons)
    assert fired.sum() > 20 and (alike.min() > 0.99) == keeps
