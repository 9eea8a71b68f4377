"""Lesson 12: its exercises, its explorers, and what they compute."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_utils.lessons.deep_spiking_convnets import checks, widgets
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import HeldDropout, SpikingAvgPool, SpikingNeurons, draw_weights
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "deep_spiking_convnets"


@pytest.fixture(scope="module")
def lesson() -> dict:
    namespace = {"checks": checks, "math": math, "nn": torch.nn, "torch": torch}
    return lessons.run_cells(LESSON, "exercise", "solution", namespace=namespace)


@pytest.mark.parametrize("name", ["spiking_pool", "first_weights", "held_dropout"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def pool(leak=1.0, threshold=0.75, compare=torch.gt, reset=lambda u, s: u * (1 - s)):
    def spiking_pool(spikes):
        v, fired = 0.0, []
        for mean in functional.avg_pool2d(spikes[:, None], 2)[:, 0]:
            u = leak * v + mean
            s = compare(u, torch.tensor(threshold)).float()
            v = reset(u, s)
            fired.append(s)
        return torch.stack(fired)

    return spiking_pool


def dropout(shape, p=lambda p: p, scale=lambda p: 1 / (1 - p)):
    def held_dropout(spikes, p_given, generator):
        numbers = torch.rand(shape(*spikes.shape), generator=generator)
        return spikes * (numbers >= p(p_given)) * scale(p_given)

    return held_dropout


def samples(time, batch, neurons):
    return batch, neurons


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_spiking_pool, pool(leak=0.0), "carried over"),
        (checks.check_spiking_pool, pool(compare=torch.ge), "not at it"),
        (checks.check_spiking_pool, pool(reset=lambda u, s: u), "never reset"),
        (checks.check_spiking_pool, pool(reset=lambda u, s: u - 0.75 * s), "set to 0"),
        (checks.check_spiking_pool, pool(reset=lambda u, s: u - s), "forget everything"),
        (checks.check_spiking_pool, pool(leak=0.5), "leaks"),
        (checks.check_spiking_pool, pool(threshold=1.0), "has its own"),
        (checks.check_spiking_pool, pool(threshold=5.0), "should be 1"),
        (checks.check_spiking_pool, lambda spikes: functional.avg_pool2d(spikes[:, None], 2)[:, 0], "neither 0 nor 1"),
        (checks.check_spiking_pool, lambda spikes: spikes, "rows // 2"),
        (checks.check_spiking_pool, lambda spikes: [*pool()(spikes)], "`torch.stack`"),
        (checks.check_spiking_pool, lambda s: functional.max_pool2d(s, 2), "Any single spike"),
        (checks.check_first_weights, lambda i, o, n, k: (math.sqrt(k / (i * n**2)), i * o * n**2), "other way round"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, ...), "Return two numbers"),
        (checks.check_first_weights, lambda i, o, n, k: (i * n**2, math.sqrt(k / (i * n**2))), "50 such maps"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2 + o, math.sqrt(k / (i * n**2))), "bias"),
        (checks.check_first_weights, lambda i, o, n, k: (o * n**2, math.sqrt(k / (i * n**2))), "not one for all"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n, math.sqrt(k / (i * n**2))), "25 weights, not 5"),
        (checks.check_first_weights, lambda i, o, n, k: (7, 1.0), "one kernel for each pair"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, k / (i * n**2)), "the variance"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, math.sqrt(k / i)), "not the number of maps"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, math.sqrt(k / n**2)), "the window of one map"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, math.sqrt(k / (i * o * n**2))), "of one neuron"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, math.sqrt(k / (o * n**2))), "comes in"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, math.sqrt(1 / (i * n**2))), "left out k"),
        (checks.check_first_weights, lambda i, o, n, k: (i * o * n**2, 3.0), "0.0632"),
        (checks.check_first_weights, lambda i, o, n, k: (25_000, math.sqrt(2 / 500)), "64 → 128"),
        (checks.check_first_weights, lambda i, o, n, k: 25_000, "two numbers"),
        (checks.check_held_dropout, dropout(lambda *shape: shape), "from step to step"),
        (checks.check_held_dropout, dropout(lambda t, b, n: (n,)), "same mask"),
        (checks.check_held_dropout, dropout(lambda t, b, n: (b, 1)), "whole samples"),
        (checks.check_held_dropout, dropout(samples, p=lambda p: 1 - p), "keep those"),
        (checks.check_held_dropout, dropout(samples, p=lambda p: 0.5), "should be p"),
        (checks.check_held_dropout, dropout(samples, scale=lambda p: 1), "gets less"),
        (checks.check_held_dropout, dropout(samples, scale=lambda p: 1 / p), "count 4"),
        (checks.check_held_dropout, lambda s, p, g: s * (torch.rand(s.shape[1:]) >= p) / (1 - p), "same generator"),
        (checks.check_held_dropout, lambda s, p, g: dropout(samples)(s, 0.25, g), "not for p = 0.5"),
        (checks.check_held_dropout, lambda spikes, p, generator: spikes, "Nobody"),
        (checks.check_held_dropout, lambda spikes, p, generator: spikes[0], "shape of `spikes`"),
        (
            checks.check_held_dropout,
            lambda spikes, p, g: (torch.rand(spikes.shape[1:], generator=g) >= p).expand_as(spikes) / (1 - p),
            "Multiply the spikes",
        ),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_other_right_answers_are_accepted() -> None:
    assert checks.check_spiking_pool(lambda spikes: SpikingAvgPool()(spikes[:, None, None])[:, 0, 0])
    assert checks.check_held_dropout(
        lambda spikes, p, generator: (
            spikes * torch.bernoulli(torch.full(spikes.shape[1:], 1 - p), generator=generator)[None] / (1 - p)
        )
    )
    assert checks.check_held_dropout(lambda spikes, p, generator: HeldDropout(p)(spikes, torch.arange(spikes.shape[1])))


def test_the_exercise_and_the_package_draw_the_same_weights(lesson) -> None:
    weight = torch.empty(50, 20, 5, 5)
    torch.manual_seed(0)
    draw_weights(weight, 2.0)
    count, deviation = lesson["first_weights_solution"](20, 50, 5, 2.0)
    assert count == weight.numel() and weight.std().item() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("leak", [0.25, 0.5, 0.75, 1.0])
def test_the_worked_example_is_what_the_layers_do(leak) -> None:
    x = torch.tensor(widgets.SPIKES)[:, None, None]
    kernel = torch.tensor(widgets.KERNEL)[None, None]
    currents = functional.conv2d(x.flatten(0, 1), kernel, padding=1).unflatten(0, x.shape[:2])
    spikes = SpikingNeurons(Neuron(leak=leak))(currents)
    pooled = SpikingAvgPool()(spikes)
    neurons, pool_neurons = widgets.worked_example(leak)
    for step, (now, below) in enumerate(zip(neurons, pool_neurons, strict=True)):
        assert np.array_equal(now.current, currents[step, 0, 0].numpy())
        assert np.array_equal(now.spikes, spikes[step, 0, 0].numpy())
        assert np.array_equal(below.spikes, pooled[step, 0, 0].numpy())


def test_the_worked_example_shows_what_the_text_asks_for() -> None:
    neurons, pool_neurons = widgets.worked_example(0.5)
    assert [int(now.helped.sum()) for now in neurons] == [0, 5, 3]
    assert [int(now.helped.sum()) for now in pool_neurons] == [0, 1, 1]
    assert pool_neurons[1].spikes.sum() == 2, "one block of four spikes, one that was helped"
    assert pool_neurons[2].potential[1, 1] == 0.75 and not pool_neurons[2].spikes[1, 1]


def test_a_reset_forgets_and_a_leak_takes_its_part() -> None:
    first, second, third = widgets.moments([np.array([0.6]), np.array([0.8]), np.array([0.1])], 0.5, 1.0)
    assert second.kept == 0.3 and second.spikes and second.helped
    assert third.kept == 0 and not third.spikes
    assert not first.spikes and not first.helped


def test_totals_are_geometric_sums() -> None:
    without, with_leak = widgets.totals(0.9, 5)
    assert without.tolist() == [1, 2, 3, 4, 5]
    assert with_leak == pytest.approx([(1 - 0.9**n) / 0.1 for n in range(1, 6)])
    assert widgets.totals(1.0, 5)[1].tolist() == [1, 2, 3, 4, 5]


def test_dropped_counts_keep_the_mean() -> None:
    held, redrawn = widgets.dropped_counts(0.25, 100)
    assert held.mean() == pytest.approx(20, rel=0.05) and redrawn.mean() == pytest.approx(20, rel=0.05)
    assert (held == 0).mean() == pytest.approx(0.25, abs=0.03) and not (redrawn == 0).any()
    assert redrawn.std() < 0.5 * held.std()
    none, redrawn = widgets.dropped_counts(0.0, 10)
    assert np.array_equal(none, redrawn), "p = 0 drops nothing"


@pytest.mark.parametrize("name", ["example_explorer", "leak_explorer", "dropout_explorer"])
def test_an_explorer_draws_at_every_corner(name) -> None:
    check_corners(getattr(widgets, name)())


def test_the_player_plays_the_step() -> None:
    explorer = widgets.example_explorer()
    play = explorer.children[0]
    assert (play.min, play.max, play.value) == (1, 3, explorer.controls["step"].value)
    before = explorer.png
    explorer.controls["step"].value = 1
    assert explorer.png != before and "Step 1 of 3" in explorer.alt
