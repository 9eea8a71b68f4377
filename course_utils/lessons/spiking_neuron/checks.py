"""Exercises of the lesson on the spiking neuron, and the blind neuron."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from course_utils.classroom.exercise import Exercise, attempt, tell
from course_utils.data.require import require


class Measured(NamedTuple):
    """What spike times can tell about a LIF neuron."""

    tau_mem_ms: float
    rheobase_na: float  # the current above which it fires: threshold / resistance
    refractory_ms: float


class BlindNeuron:
    """A LIF neuron whose parameters you cannot see: send a current in, get spike times back.

    Each recording begins at rest. Times are multiples of 0.1 ms. The cell lives for 60 seconds of recording, of which
    `life_ms` are left; `revealed` says whether somebody has looked. The seed tells which neuron: its time constant lies
    between 8 and 40 ms, its rheobase between 0.05 and 0.5 nA, its refractory period between 1 and 8 ms.
    """

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self._hidden = Measured(rng.uniform(8, 40), rng.uniform(0.05, 0.5), rng.integers(10, 81) / 10)
        self.life_ms = 60_000.0
        self.revealed = False

    def spike_times(self, current_na: float, duration_ms: float = 500) -> np.ndarray:
        """The spike times (ms) under a current that enters at time 0 and stays, in order; none if it is silent.

        Raises:
            ValueError: the current is not finite, the duration not above 0, or the cell does not live that long.
        """
        require(math.isfinite(current_na), "current_na", current_na, "a finite current")
        left = f"above 0, and the cell lives for {self.life_ms:g} ms more. A search that halves an interval needs few"
        require(0 < duration_ms <= self.life_ms, "duration_ms", duration_ms, f"{left} recordings")
        self.life_ms -= duration_ms
        tau, rheobase, refractory = self._hidden
        if current_na <= rheobase:
            return np.array([])
        climb = math.floor(-10 * tau * math.log(1 - rheobase / current_na)) + 1  # steps of 0.1 ms up to the threshold
        return np.arange(climb, round(10 * duration_ms) + 1, climb + round(10 * refractory)) / 10

    def reveal(self) -> Measured:
        """The hidden parameters."""
        self.revealed = True
        return self._hidden


check_euler_tau = Exercise(
    right=lambda tau_mem_ms, dt_ms: -dt_ms / math.log(1 - dt_ms / tau_mem_ms),
    cases=[(10.0, 1.0), (10.0, 5.0), (3.0, 0.1), (20.0, 19.0)],
    draw=lambda rng: (float(tau := rng.uniform(2, 30)), float(tau * rng.uniform(0.05, 0.95))),
    wrong={
        "A negative time. The logarithm of a number below 1 is negative; one sign is missing.":
            lambda tau, dt: dt / math.log(1 - dt / tau),
        "You return τ itself. Then λ would be exp(−Δt/τ), but Euler's step uses 1 − Δt/τ.": lambda tau, dt: tau,
        "τ − Δt/2 is a very good approximation for small steps, and worth remembering. At τ = 10 ms and Δt = 5 ms it "
        "gives 7.5 ms, but the exact answer is 7.213 ms.": lambda tau, dt: tau - dt / 2,
        "This is λ itself. Which τ makes exp(−Δt/τ) as large?": lambda tau, dt: 1 - dt / tau,
        "The logarithm got a number that is not above 0: the fraction in it is Δt/τ, not τ/Δt.":
            lambda tau, dt: -dt / math.log(1 - tau / dt),
        "Your logarithm has the base 10. The exponential belongs to the natural one, `math.log`.":
            lambda tau, dt: -dt / math.log10(1 - dt / tau),
        "You solved the opposite question: which τ must Euler be given so that it acts like the exact step? Return "
        "the τ that the exact step needs to act like Euler's.": lambda tau, dt: dt / (1 - math.exp(-dt / tau)),
    },
    solved="With Δt = 1 ms, Euler's neuron of 10 ms is an exact neuron of 9.49 ms: about half a step less.",
    otherwise="Test it yourself: exp(−Δt/your τ) must be 1 − Δt/τ.",
)  # fmt: skip


def _rate_above(current: float, tau_mem_ms: float, threshold: float, refractory_ms: float) -> float:
    """The firing rate above the rheobase. Up to it the logarithm has no value, and this stops with an error."""
    return 1000 / (refractory_ms - tau_mem_ms * math.log(1 - threshold / current))


check_rate = Exercise(
    right=lambda current, tau_mem_ms, threshold, refractory_ms:
        _rate_above(current, tau_mem_ms, threshold, refractory_ms) if current > threshold else 0.0,
    cases=[(1.5, 10.0, 1.0, 0.0), (2.0, 20.0, 0.5, 2.0), (1.2, 8.0, 1.0, 5.0), (0.5, 10.0, 1.0, 2.0),
           (1.0, 10.0, 1.0, 2.0), (0.8, 10.0, 0.5, 0.0), (1.2, 10.0, 1.5, 0.0)],
    draw=lambda rng: tuple(rng.uniform([0.5, 5, 0.5, 0], [4, 40, 2, 10]).tolist()),
    wrong={
        "You return spikes per millisecond. The times are in ms, a hertz is one spike per second.":
            lambda *case: _rate_above(*case) / 1000,
        "You return the period. The rate is one spike per period: 1000 / period for a period in ms.":
            lambda *case: 1000 / _rate_above(*case),
        "A negative rate. The logarithm of 1 − V_th/(RI) is negative: τ ln(…) needs a minus in front.":
            lambda current, tau, threshold, refractory: _rate_above(current, -tau, threshold, refractory),
        "Right without a refractory period. With one, every period is longer by that time.":
            lambda current, tau, threshold, refractory: _rate_above(current, tau, threshold, 0),
        "Right for a threshold of 1, wrong otherwise. The current enters only as the ratio threshold / current.":
            lambda current, tau, threshold, refractory: _rate_above(current, tau, 1, refractory),
        "You compare the current with 1. The neuron fires above its threshold, and that may be another number.":
            lambda current, *rest: 0.0 if current <= 1 else _rate_above(current, *rest),
        "The ratio is upside down: the level is RI, and the threshold is a part of it.":
            lambda current, tau, threshold, refractory: _rate_above(threshold, tau, current, refractory),
        "Your logarithm has the base 10. Use the natural one, `math.log`.": lambda current, tau, threshold, refractory:
            1000 / (refractory - tau * math.log10(1 - threshold / current)) if current > threshold else 0,
        "Right above the rheobase and below it. Exactly at the rheobase the neuron never fires either: return 0.":
            lambda current, *rest: 0.0 if current < rest[1] else _rate_above(current, *rest),
        "Right above the rheobase. For a current up to it the logarithm has no value. Such a neuron never fires: "
        "return 0.": _rate_above,
    },
    solved="Zero up to the rheobase, then steep, then never faster than one spike per refractory period.",
    otherwise="A period is the refractory time *plus* the time from 0 to the threshold: for a current of 1.5, τ = 10 "
    "ms, threshold 1 and no refractory period it is 10 · ln 3 = 10.986 ms.",
)  # fmt: skip


def _exact(tau: float, dt: float) -> float:
    return math.exp(-dt / tau)


check_leaky_arguments = Exercise(
    right=lambda tau_mem_ms, dt_ms: (_exact(tau_mem_ms, dt_ms), 1 - _exact(tau_mem_ms, dt_ms)),
    cases=[(10.0, 1.0), (20.0, 0.5), (5.0, 2.0)],
    draw=lambda rng: tuple(rng.uniform([5, 0.1], [40, 4]).tolist()),
    wrong={
        "beta comes first, the factor second. You return them the other way round.":
            lambda tau, dt: (1 - _exact(tau, dt), _exact(tau, dt)),
        "This is Euler's step, and Norse's default neuron. What is the λ of the exact step?":
            lambda tau, dt: (1 - dt / tau, dt / tau),
        "A long time constant must mean a slow leak. Is the fraction in the exponent upside down?": [
            lambda tau, dt: (math.exp(-tau / dt), 1 - math.exp(-tau / dt)),
            lambda tau, dt: (math.exp(-tau / dt), 1 - _exact(tau, dt)),
        ],
        "beta is the part of the potential that is left, between 0 and 1. Yours is above 1: a sign is missing.": [
            lambda tau, dt: (math.exp(dt / tau), 1 - math.exp(dt / tau)),
            lambda tau, dt: (math.exp(dt / tau), 1 - _exact(tau, dt)),
        ],
        "With the factor 1 the potential climbs to current / (1 − beta), which is too high. In our step the current "
        "has a factor too; Leaky leaves it to you.": lambda tau, dt: (_exact(tau, dt), 1),
        "Your factor is λ. In v ← λ v + (1 − λ) RI the current has another one.":
            lambda tau, dt: (_exact(tau, dt), _exact(tau, dt)),
        "Your factor is Euler's. Beside the exact beta the potential does not end at RI then: the rheobase is wrong.":
            lambda tau, dt: (_exact(tau, dt), dt / tau),
    },
    solved="One step of Leaky is now our exact step, whatever the time constant and the time step.",
    otherwise="Compare v ← λ v + (1 − λ) RI with Leaky's v ← beta v + input.",
)  # fmt: skip


def _measure(
    neuron: BlindNeuron, *, recorded_ms: float = 1000, halvings: int = 16, tau_from: str = "first spike",
    refractory_from: str = "difference", log: Callable = math.log, factors: tuple = (1, 1, 1), order: tuple = (0, 1, 2),
) -> list[float]:  # fmt: skip
    """Measure a blind neuron, with faults if that is wished."""
    silent, fires = 0.05, 0.5
    for _ in range(halvings):
        middle = (silent + fires) / 2
        silent, fires = (silent, middle) if len(neuron.spike_times(middle, recorded_ms)) else (middle, fires)
    rheobase = (silent + fires) / 2
    first, second = neuron.spike_times(1.05 * rheobase, 500)[:2]
    climb = first if tau_from == "first spike" else second - first
    refractory = second - first - (first if refractory_from == "difference" else 0)
    found = -climb / log(1 - 1 / 1.05), rheobase, refractory
    return [found[place] * factor for place, factor in zip(order, factors, strict=True)]


def _grade_estimate(estimate: Callable[[BlindNeuron], tuple[float, float, float]]) -> str:
    worst = 0.0
    for seed in (101, 102, 103, 104):
        neuron = BlindNeuron(seed)
        found = attempt(lambda neuron=neuron: estimate(neuron), like=(0.0, 0.0, 0.0))
        tell({"You looked. Real neurons have no `reveal`; only spike times count.": neuron.revealed})
        measured, hidden = Measured(*map(float, found)), neuron.reveal()
        tell(_likely_causes(measured, hidden))
        worst = max(worst, *(abs(mine / true - 1) for mine, true in zip(measured[:2], hidden[:2], strict=True)))
    return f"Four neurons measured; the largest error of a time constant or a rheobase is {worst:.1%}."


def _likely_causes(found: Measured, hidden: Measured) -> dict[str, bool]:
    """Why a measurement may be off, and whether it is. Rheobase first: the others build on it."""
    tau, rheobase = found.tau_mem_ms / hidden.tau_mem_ms, found.rheobase_na / hidden.rheobase_na
    return {
        f"You return {tuple(found)}. Was a recording silent, or too short for the second spike?":
            not all(map(math.isfinite, found)),
        "The time constant stands where the rheobase belongs. The order: τ, rheobase, refractory period.":
            abs(found.rheobase_na / hidden.tau_mem_ms - 1) < 0.05,
        f"Your rheobase of {found.rheobase_na:.3g} nA is too high: this neuron fires below it. Near the "
        "rheobase the first spike takes long. Record longer, and halve the interval more often.": rheobase >= 1.02,
        f"Your rheobase of {found.rheobase_na:.3g} nA is too low: this neuron is silent there for ever.":
            rheobase <= 0.98,
        "Your refractory period is about 0 ms. (Is it in seconds?) The first spike comes without one, all later ones "
        "wait for it. Compare the time to the first spike with the interval after it.": abs(found.refractory_ms) < 0.25,
        f"Your refractory period is {found.refractory_ms:.3g} ms, off by more than 0.2 ms. The interval between two "
        "spikes also holds the time to charge the membrane. Which recorded time holds that time alone?":
            abs(found.refractory_ms - hidden.refractory_ms) >= 0.25,
        "A negative time constant. ln(1 − rheobase/current) is negative: a sign is missing.": tau < 0,
        "Your time constant is in seconds. Return milliseconds.": abs(tau * 1000 - 1) < 0.05,
        "Your logarithm has the base 10. Use the natural one, `math.log`.": abs(tau / math.log(10) - 1) < 0.03,
        f"Your time constant is {tau:.2g} times the true one, too far off for an error of measurement. Is it "
        "−first/ln(1 − rheobase/current), with the time to the first spike and its current?": tau >= 1.6 or tau <= 0.6,
        f"Your time constant is too large by {tau - 1:.0%}. If you take it from an interval, the refractory period is "
        "in it. If from a strong current: times come in steps of 0.1 ms, and a short time is coarse.": tau >= 1.02,
        f"Your time constant is too small by {1 - tau:.0%}. Near the rheobase an error of the rheobase itself weighs "
        "heavily: find it more precisely, or take a current further above it.": tau <= 0.98,
    }  # fmt: skip


check_estimate = Exercise(
    right=_measure,
    grade=_grade_estimate,
    wrong={
        "You looked": lambda neuron: neuron.reveal(),
        "Return 3 things": lambda neuron: _measure(neuron)[:2],
        "Was a recording silent": lambda neuron: (math.nan, 0.1, 1),
        "The time constant stands where the rheobase belongs": {"order": (1, 0, 2)},
        "is too high: this neuron fires below it": {"recorded_ms": 50.0},
        "is silent there for ever": {"factors": (1, 0.9, 1)},
        "is about 0": {"factors": (1, 1, 0)},
        "also holds the time to charge": {"refractory_from": "interval"},
        "is in seconds. Return milliseconds": {"factors": (0.001, 1, 1)},
        "A negative time constant": {"factors": (-1, 1, 1)},
        "Your logarithm has the base 10": {"log": math.log10},
        "the refractory period is in it": {"tau_from": "interval"},
        "too far off for an error of measurement": [{"factors": (3, 1, 1)}, {"log": lambda x: -1.0}],
        "Your time constant is too small by 5%": {"factors": (0.95, 1, 1)},
        "the cell lives for": {"halvings": 70},
    },
)
