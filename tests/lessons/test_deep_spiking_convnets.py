"""Deep spiking networks: the exercises, the explorers, and what they compute."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_utils.lessons.deep_spiking_convnets import checks, widgets
from course_utils.spiking.blocks import SpikingAvgPool
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import HeldDropout, SpikingNeurons, draw_weights


def test_other_right_answers_are_accepted() -> None:
    assert checks.check_spiking_pool(lambda spikes: SpikingAvgPool()(spikes[:, None, None])[:, 0, 0])
    assert checks.check_held_dropout(
        lambda spikes, p, generator: (
            spikes * torch.bernoulli(torch.full(spikes.shape[1:], 1 - p), generator=generator)[None] / (1 - p)
        )
    )
    assert checks.check_held_dropout(lambda spikes, p, generator: HeldDropout(p)(spikes, torch.arange(spikes.shape[1])))
    assert checks.check_held_dropout(
        lambda spikes, p, generator: spikes.mul_(torch.rand(spikes.shape[1:], generator=generator) >= p).div_(1 - p)
    ), "in place"


def test_the_exercise_and_the_package_draw_the_same_weights() -> None:
    weight = torch.empty(50, 20, 5, 5)
    torch.manual_seed(0)
    draw_weights(weight, 2.0)
    count, deviation = checks.check_first_weights.right(20, 50, 5, 2.0)
    assert count == weight.numel() and weight.std().item() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("leak", [0.25, 0.5, 0.75, 1.0])
def test_the_worked_example_is_what_the_layers_do(leak) -> None:
    x = torch.tensor(widgets.SPIKES)[:, None, None]
    kernel = torch.tensor(widgets.KERNEL)[None, None]
    currents = functional.conv2d(x.flatten(0, 1), kernel, padding=1).unflatten(0, x.shape[:2])
    spikes = SpikingNeurons(Neuron(decay=leak))(currents)
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


def test_dropped_counts_keep_the_mean() -> None:
    held, redrawn = widgets.dropped_counts(0.25, 100)
    assert held.mean() == pytest.approx(20, rel=0.05) and redrawn.mean() == pytest.approx(20, rel=0.05)
    assert (held == 0).mean() == pytest.approx(0.25, abs=0.03) and not (redrawn == 0).any()
    assert redrawn.std() < 0.5 * held.std()
    none, redrawn = widgets.dropped_counts(0.0, 10)
    assert np.array_equal(none, redrawn), "p = 0 drops nothing"


def test_the_player_plays_the_step() -> None:
    explorer = widgets.example_explorer()
    play = explorer.children[0]
    assert (play.min, play.max, play.value) == (1, 3, explorer.controls["step"].value)
    before = explorer.png
    explorer.controls["step"].value = 1
    assert explorer.png != before and "Step 1 of 3" in explorer.alt
