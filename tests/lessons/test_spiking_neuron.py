"""Lesson 03: its exercises, its explorers, its blind neuron, and the functions that it writes out."""

import math
import time

import numpy as np
import pytest
import torch

from course_utils.lessons.spiking_neuron import checks, widgets
from course_utils.spiking.neurons import LIF, firing_rate
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "spiking_neuron"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["euler_tau", "rate", "leaky_arguments", "estimate"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def closed_form(current: float, tau: float, threshold: float, refractory: float) -> float:
    return 1000 / (refractory - tau * math.log(1 - threshold / current))


def silent_only_below(current, tau, threshold, refractory):
    return (
        1.0
        if current == threshold
        else 0.0
        if current < threshold
        else closed_form(current, tau, threshold, refractory)
    )


def measure(
    neuron,
    *,
    lowest_ms=1000.0,
    halvings=16,
    above=1.05,
    tau_from_interval=False,
    refractory_from_interval=False,
    log=math.log,
) -> tuple[float, float, float]:
    """The solution, with faults on request."""
    silent, fires = 0.05, 0.5
    for _ in range(halvings):
        middle = (silent + fires) / 2
        silent, fires = (silent, middle) if len(neuron.spike_times(middle, lowest_ms)) else (middle, fires)
    rheobase = (silent + fires) / 2
    first, second = neuron.spike_times(above * rheobase, 500)[:2]
    refractory = second - first - (0 if refractory_from_interval else first)
    climb = second - first if tau_from_interval else first
    return -climb / log(1 - 1 / above), rheobase, refractory


def with_fault(**fault):
    return lambda neuron: measure(neuron, **fault)


def changed(factors=(1, 1, 1), order=(0, 1, 2)):
    def estimate(neuron):
        right = measure(neuron)
        return [right[place] * factor for place, factor in zip(order, factors, strict=True)]

    return estimate


def peek(neuron):
    return neuron.reveal()


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_euler_tau, lambda tau, dt: dt / math.log(1 - dt / tau), "A negative time"),
        (checks.check_euler_tau, lambda tau, dt: tau, "You return τ itself"),
        (checks.check_euler_tau, lambda tau, dt: tau - dt / 2, "a very good approximation"),
        (checks.check_euler_tau, lambda tau, dt: -dt / math.log10(1 - dt / tau), "base 10"),
        (checks.check_euler_tau, lambda tau, dt: dt / (1 - math.exp(-dt / tau)), "the opposite question"),
        (checks.check_euler_tau, lambda tau, dt: 3.0, "Test it yourself"),
        (checks.check_euler_tau, lambda tau, dt: 0.0, "Test it yourself"),
        (checks.check_euler_tau, lambda tau, dt: (tau, dt), "Return one number"),
        (checks.check_rate, lambda *case: closed_form(*case) / 1000, "spikes per millisecond"),
        (checks.check_rate, lambda *case: 1000 / closed_form(*case), "You return the period"),
        (checks.check_rate, lambda i, tau, th, ref: 1000 / (ref + tau * math.log(1 - th / i)), "A negative rate"),
        (checks.check_rate, lambda i, tau, th, ref: closed_form(i, tau, th, 0), "Right without a refractory period"),
        (checks.check_rate, lambda i, tau, th, ref: closed_form(i, tau, 1, ref), "enters only as the ratio"),
        (checks.check_rate, lambda i, tau, th, ref: 50.0, "The period is 10 · ln 3"),
        (checks.check_rate, closed_form, "Right above the rheobase"),
        (checks.check_rate, silent_only_below, "exactly at the rheobase you return 1 Hz"),
        (checks.check_leaky_arguments, lambda tau, dt: (1 - dt / tau, dt / tau), "This is Euler's step"),
        (checks.check_leaky_arguments, lambda tau, dt: (math.exp(-dt / tau), dt / tau), "the factor is Euler's"),
        (checks.check_leaky_arguments, lambda tau, dt: (math.exp(-dt / tau), 1), "many times too high"),
        (
            checks.check_leaky_arguments,
            lambda tau, dt: (1 - math.exp(-dt / tau), math.exp(-dt / tau)),
            "other way round",
        ),
        (
            checks.check_leaky_arguments,
            lambda tau, dt: (math.exp(-dt / tau), math.exp(-dt / tau)),
            "Both numbers are λ",
        ),
        (checks.check_leaky_arguments, lambda tau, dt: (math.exp(-tau / dt), 0.5), "upside down"),
        (checks.check_leaky_arguments, lambda tau, dt: (math.exp(dt / tau), 0.5), "between 0 and 1"),
        (checks.check_leaky_arguments, lambda tau, dt: (0.5, 0.3), "Compare"),
        (checks.check_leaky_arguments, lambda tau, dt: math.exp(-dt / tau), "Return two numbers"),
        (checks.check_estimate, peek, "You looked"),
        (checks.check_estimate, with_fault(lowest_ms=50.0), "is too high: this neuron fires below it"),
        (checks.check_estimate, changed((1, 0.9, 1)), "is silent there for ever"),
        (checks.check_estimate, changed(order=(1, 0, 2)), "The time constant stands where the rheobase belongs"),
        (checks.check_estimate, changed((1, 1, 0)), "is about 0"),
        (checks.check_estimate, changed((1, 1, 0.001)), "is about 0"),
        (checks.check_estimate, with_fault(refractory_from_interval=True), "also holds the time to charge"),
        (checks.check_estimate, with_fault(tau_from_interval=True), "the refractory period is in it"),
        (checks.check_estimate, with_fault(log=math.log10), "base 10"),
        (checks.check_estimate, changed((-1, 1, 1)), "a sign is missing"),
        (checks.check_estimate, changed((0.001, 1, 1)), "in seconds"),
        (checks.check_estimate, changed((0.95, 1, 1)), "too small by 5%"),
        (checks.check_estimate, lambda neuron: measure(neuron)[:2], "has the shape (2,)"),
        (checks.check_estimate, lambda neuron: (math.nan, 0.1, 1), "Was a recording silent"),
        (checks.check_estimate, with_fault(halvings=70), "the cell lives for"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message


@pytest.mark.parametrize("explorer", [widgets.step_explorer, widgets.neuron_explorer])
def test_explorers_draw_at_every_corner(explorer) -> None:
    check_corners(explorer())


def test_the_neuron_explorer_marks_a_rate_beyond_its_axis() -> None:
    explorer = widgets.neuron_explorer()
    explorer.controls["current"].value = 4
    assert "at 348 Hz" in explorer.alt
    explorer.controls["current"].value = 0.5
    assert "Left: 0 spikes" in explorer.alt and "at 0 Hz" in explorer.alt


def test_redrawing_is_fast() -> None:
    explorer = widgets.neuron_explorer()
    taken = []
    for current in (1, 2, 3, 1.5, 2.5):
        begin = time.process_time()
        explorer.controls["current"].value = current
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.15


def test_the_lesson_writes_the_neurons_of_the_package(lesson) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = 6 * torch.rand(300, 50, generator=generator, dtype=torch.float64) - 1
    for options in (
        {},
        {"update": "euler"},
        {"reset": "subtract", "refractory_ms": 2.0},
        {"tau_mem_ms": 20.0, "dt_ms": 0.5, "threshold": 0.7, "refractory_ms": 1.0},
    ):
        spikes, v = lesson["lif"](inputs, **options)
        package = LIF(**options).run(inputs)
        assert spikes.sum() > 100 and torch.equal(spikes, package.spikes) and torch.equal(v, package.v)
        update = options.get("update", "exact")
        current = lesson["synapse"](inputs / 3, 5.0, options.get("dt_ms", 1.0), update)
        spikes, _ = lesson["lif"](current, **options)
        assert torch.equal(spikes, LIF(tau_syn_ms=5.0, **options).run(inputs / 3).spikes)
    for current in (0.5, 1.0, 1.2, 3.0):
        package = firing_rate(torch.tensor(current, dtype=torch.float64), tau_mem_ms=20.0, refractory_ms=2.0)
        assert lesson["rate_solution"](current, 20.0, 1.0, 2.0) == pytest.approx(package.item())


def test_the_blind_neuron_is_a_lif_neuron() -> None:
    for seed in range(5):
        neuron = checks.BlindNeuron(seed)
        recorded = neuron.spike_times(1.0, duration_ms=300)
        tau, rheobase, refractory = neuron.reveal()
        model = LIF(tau_mem_ms=tau, dt_ms=0.1, refractory_ms=refractory)
        spikes = model.run(torch.full((3000,), 1.0 / rheobase, dtype=torch.float64)).spikes
        assert len(recorded) > 3 and recorded == pytest.approx(0.1 * (1 + np.flatnonzero(spikes)))
        assert 8 <= tau <= 40 and 0.05 <= rheobase <= 0.5 and 1 <= refractory <= 8
        assert len(neuron.spike_times(0.99 * rheobase, duration_ms=2000)) == 0


def test_the_blind_neuron_keeps_its_word() -> None:
    one, same, other = checks.BlindNeuron(3), checks.BlindNeuron(3), checks.BlindNeuron(4)
    assert one.spike_times(0.8).tolist() == same.spike_times(0.8).tolist() != other.spike_times(0.8).tolist()
    assert one.life_ms == 59_500 and not one.revealed
    for name, bad in (("current_na", math.nan), ("current_na", math.inf), ("duration_ms", 0), ("duration_ms", 1e6)):
        with pytest.raises(ValueError, match=f"{name} is {bad:g}|{name} is {bad}"):
            one.spike_times(**{"current_na": 0.1, name: bad})
    assert one.life_ms == 59_500, "a refused recording costs nothing"


def test_many_blind_neurons_can_be_measured(lesson) -> None:
    for seed in range(12):
        neuron = checks.BlindNeuron(seed)
        tau, rheobase, refractory = lesson["estimate_solution"](neuron)
        hidden = neuron.reveal()
        assert tau == pytest.approx(hidden.tau_mem_ms, rel=0.02)
        assert rheobase == pytest.approx(hidden.rheobase_na, rel=0.02)
        assert refractory == pytest.approx(hidden.refractory_ms, abs=0.2)
