"""The lesson on the spiking neuron: its explorers, its blind neuron, and the functions that it writes out."""

import math

import numpy as np
import pytest
import torch

from course_utils.lessons.spiking_neuron import checks, widgets
from course_utils.spiking.neurons import LIF, firing_rate

SOLVED = True


def closed_form(current: float, tau: float, threshold: float, refractory: float) -> float:
    return 1000 / (refractory - tau * math.log(1 - threshold / current))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda i, tau, threshold, rest: 1 / (rest - tau * math.log(1 - threshold / i)), "spikes per millisecond"),
        (lambda *case: 1000 / closed_form(*case) if case[0] > case[2] else 0, "You return the period"),
        (lambda i, tau, threshold, rest: np.float64(closed_form(i, tau, 1, rest)) if i > 1 else 7, "as the ratio"),
        (lambda i, tau, threshold, rest: closed_form(i, tau, threshold, rest) if i != threshold else 1, "return 0"),
        (lambda *case: closed_form(*case) ** 2 if case[0] > case[2] else 0, "you return 8285.4; right is 91.024"),
    ],
)
def test_a_rate_is_judged_above_the_rheobase_first(answer, says) -> None:
    verdict = checks.check_rate(answer)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_the_neuron_explorer_marks_a_rate_beyond_its_axis() -> None:
    explorer = widgets.neuron_explorer()
    explorer.controls["current"].value = 4
    assert "at 348 Hz" in explorer.alt
    explorer.controls["current"].value = 0.5
    assert "Left: 0 spikes" in explorer.alt and "at 0 Hz" in explorer.alt


@pytest.mark.parametrize(
    "options",
    [{}, {"update": "euler"}, {"reset": "subtract", "refractory_ms": 2.0},
     {"tau_mem_ms": 20.0, "dt_ms": 0.5, "threshold": 0.7, "refractory_ms": 1.0}],
    ids=str,
)  # fmt: skip
def test_the_lesson_writes_the_neurons_of_the_package(lesson, options) -> None:
    inputs = 6 * torch.rand(300, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    spikes, v = lesson["lif"](inputs, **options)
    package = LIF(**options).run(inputs)
    assert spikes.sum() > 100 and torch.equal(spikes, package.spikes) and torch.equal(v, package.v)
    current = lesson["synapse"](inputs / 3, 5.0, options.get("dt_ms", 1.0), options.get("update", "exact"))
    spikes, _ = lesson["lif"](current, **options)
    assert torch.equal(spikes, LIF(tau_syn_ms=5.0, **options).run(inputs / 3).spikes)
    for current in (0.5, 1.0, 1.2, 3.0):
        package = firing_rate(torch.tensor(current, dtype=torch.float64), tau_mem_ms=20.0, refractory_ms=2.0)
        assert lesson["rate_solution"](current, 20.0, 1.0, 2.0) == pytest.approx(package.item())


@pytest.mark.parametrize("seed", range(12))
def test_the_blind_neuron_is_a_lif_neuron_and_can_be_measured(lesson, seed) -> None:
    neuron = checks.BlindNeuron(seed)
    recorded = neuron.spike_times(1.0, duration_ms=300)
    tau, rheobase, refractory = neuron.reveal()
    model = LIF(tau_mem_ms=tau, dt_ms=0.1, refractory_ms=refractory)
    spikes = model.run(torch.full((3000,), 1.0 / rheobase, dtype=torch.float64)).spikes
    assert len(recorded) > 3 and recorded == pytest.approx(0.1 * (1 + np.flatnonzero(spikes)))
    assert 8 <= tau <= 40 and 0.05 <= rheobase <= 0.5 and 1 <= refractory <= 8
    assert len(neuron.spike_times(0.99 * rheobase, duration_ms=2000)) == 0
    found_tau, found_rheobase, found_refractory = lesson["estimate_solution"](checks.BlindNeuron(seed))
    assert (found_tau, found_rheobase) == pytest.approx((tau, rheobase), rel=0.02)
    assert found_refractory == pytest.approx(refractory, abs=0.2)


def test_the_blind_neuron_keeps_its_word() -> None:
    one, same, other = checks.BlindNeuron(3), checks.BlindNeuron(3), checks.BlindNeuron(4)
    assert one.spike_times(0.8).tolist() == same.spike_times(0.8).tolist() != other.spike_times(0.8).tolist()
    assert one.life_ms == 59_500 and not one.revealed
    for name, bad in (("current_na", math.nan), ("current_na", math.inf), ("duration_ms", 0), ("duration_ms", 1e6)):
        with pytest.raises(ValueError, match=f"{name} is {bad}"):
            one.spike_times(**{"current_na": 0.1, name: bad})
    assert one.life_ms == 59_500, "a refused recording costs nothing"
