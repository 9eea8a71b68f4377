"""Lesson 03: checks of its exercises, and the blind neuron."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from course_utils.classroom.verdict import NotYet, attempt, check


class Measured(NamedTuple):
    """What spike times can tell about a LIF neuron.

    Attributes:
        tau_mem_ms: membrane time constant.
        rheobase_na: the current above which it fires: threshold / resistance.
        refractory_ms: refractory period.
    """

    tau_mem_ms: float
    rheobase_na: float
    refractory_ms: float


class BlindNeuron:
    """A LIF neuron whose parameters you cannot see: send a current in, get spike times back.

    Each recording begins at rest. Times are multiples of 0.1 ms. The cell lives for 60 seconds of recording.

    Args:
        seed: which neuron. Its time constant lies between 8 and 40 ms, its rheobase between 0.05 and 0.5 nA, its
            refractory period between 1 and 8 ms.

    Attributes:
        life_ms: recording time that is left.
        revealed: whether somebody has looked.
    """

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self._hidden = Measured(rng.uniform(8, 40), rng.uniform(0.05, 0.5), rng.integers(10, 81) / 10)
        self.life_ms = 60_000.0
        self.revealed = False

    def spike_times(self, current_na: float, duration_ms: float = 500) -> np.ndarray:
        """Record under a constant current.

        Args:
            current_na: finite; it enters at time 0 and stays.
            duration_ms: above 0.

        Returns:
            The spike times in ms, in order; empty if the neuron is silent.

        Raises:
            ValueError: an argument is out of range, or the cell does not live that long.
        """
        if not math.isfinite(current_na):
            raise ValueError(f"current_na is {current_na}; it must be a finite current")
        if not 0 < duration_ms <= self.life_ms:
            raise ValueError(
                f"duration_ms is {duration_ms}; it must be above 0, and the cell lives for {self.life_ms:g} ms more"
            )
        self.life_ms -= duration_ms
        tau, rheobase, refractory = self._hidden
        leak, drive = math.exp(-0.1 / tau), current_na / rheobase  # the potential in units of the threshold
        v, wake, times = 0.0, 0, []
        for step in range(1, round(duration_ms / 0.1) + 1):
            if step <= wake:
                continue
            v = leak * v + (1 - leak) * drive
            if v > 1:
                times.append(step / 10)
                v, wake = 0.0, step + round(refractory / 0.1)
        return np.array(times)

    def reveal(self) -> Measured:
        """The hidden parameters."""
        self.revealed = True
        return self._hidden


@check
def check_euler_tau(euler_tau: Callable[[float, float], float]) -> str:
    """The time constant that Euler's step really has."""
    cases = [(10.0, 1.0), (10.0, 5.0), (3.0, 0.1), (20.0, 19.0)]
    for tau, dt in cases:
        found, expected = _number(euler_tau, tau, dt), -dt / math.log(1 - dt / tau)
        if _near(found, expected):
            continue
        if _near(found, -expected):
            raise NotYet("A negative time. The logarithm of a number below 1 is negative; one sign is missing.")
        if _near(found, tau):
            raise NotYet("You return τ itself. Then λ would be exp(−Δt/τ), but Euler's step uses 1 − Δt/τ.")
        if _near(found, tau - dt / 2):
            raise NotYet(
                f"τ − Δt/2 is a very good approximation for small steps, and worth remembering. At τ = {tau:g} ms and "
                f"Δt = {dt:g} ms it gives {found:g} ms, but the exact answer is {expected:.4g} ms."
            )
        if _near(found, expected * math.log(10)):
            raise NotYet("Your logarithm has the base 10. The exponential belongs to the natural one, `math.log`.")
        if _near(found, dt / (1 - math.exp(-dt / tau))):
            raise NotYet(
                "You solved the opposite question: which τ must Euler be given so that it acts like the exact step? "
                "Asked is the τ that the exact step needs to act like Euler's."
            )
        raise NotYet(
            f"For τ = {tau:g} ms and Δt = {dt:g} ms you return {found:g} ms. Test it yourself: exp(−Δt/your τ) must be "
            f"{1 - dt / tau:g}, but is {_exp(-dt, found):.4g}."
        )
    return "With Δt = 1 ms, Euler's neuron of 10 ms is an exact neuron of 9.49 ms. Half a step is missing."


@check
def check_rate(rate: Callable[[float, float, float, float], float]) -> str:
    """The f–I curve in closed form."""

    def expected(current: float, tau: float, threshold: float, refractory: float) -> float:
        period = refractory - tau * math.log(1 - threshold / current) if current > threshold else math.inf
        return 1000 / period

    driven = [(1.5, 10.0, 1.0, 0.0), (2.0, 20.0, 0.5, 2.0), (1.2, 8.0, 1.0, 5.0)]
    found = [_number(rate, *case) for case in driven]
    right = [expected(*case) for case in driven]
    if not all(map(_near, found, right)):
        if all(_near(a, b / 1000) for a, b in zip(found, right, strict=True)):
            raise NotYet("You return spikes per millisecond. The times are in ms, a hertz is one spike per second.")
        if all(_near(a, 1000 / b) for a, b in zip(found, right, strict=True)):
            raise NotYet("You return the period. The rate is one spike per period: 1000 / period for a period in ms.")
        if found[0] < 0:
            raise NotYet("A negative rate. The logarithm of 1 − V_th/(RI) is negative: τ ln(…) needs a minus in front.")
        if _near(found[0], right[0]):
            without = [expected(current, tau, threshold, 0) for current, tau, threshold, _ in driven]
            if all(map(_near, found, without)):
                raise NotYet("Right without a refractory period. With one, every period is longer by that time.")
            raise NotYet(
                "Right for a threshold of 1 and no refractory period, wrong otherwise. A period is the refractory time "
                "*plus* the time from 0 to the threshold; the current enters only as the ratio threshold / current."
            )
        raise NotYet(
            f"For a current of 1.5, τ = 10 ms, threshold 1, no refractory period you return {found[0]:g} Hz. The "
            f"period is 10 · ln 3 = {10 * math.log(3):.3f} ms."
        )
    for case, where in (((0.5, 10.0, 1.0, 2.0), "below"), ((1.0, 10.0, 1.0, 2.0), "exactly at")):
        try:
            silent = _number(rate, *case)
        except NotYet as error:
            raise NotYet(
                f"Right above the rheobase. For a current {where} it the logarithm has no value ({error}). Such a "
                "neuron never fires: return 0."
            ) from error
        if silent != 0:
            raise NotYet(f"For a current {where} the rheobase you return {silent:g} Hz. Such a neuron never fires.")
    return "Zero up to the rheobase, then steep, then never faster than one spike per refractory period."


@check
def check_leaky_arguments(leaky_arguments: Callable[[float, float], tuple[float, float]]) -> str:
    """`beta` and the factor for the input that make snnTorch's Leaky take the exact step."""
    for tau, dt in ((10.0, 1.0), (20.0, 0.5), (5.0, 2.0)):
        found = np.asarray(attempt(leaky_arguments, tau, dt), dtype=float)
        if found.shape != (2,):
            raise NotYet(f"Return two numbers, beta and the factor. You return the shape {found.shape}.")
        beta, factor = found.tolist()
        exact, euler = math.exp(-dt / tau), 1 - dt / tau
        if _near(beta, exact) and _near(factor, 1 - exact):
            continue
        if _near(beta, 1 - exact) and _near(factor, exact):
            raise NotYet("beta comes first, the factor second. You return them the other way round.")
        if _near(beta, euler) and _near(factor, 1 - euler):
            raise NotYet("This is Euler's step, and Norse's default neuron. Asked is the exact step: what is its λ?")
        if _near(beta, math.exp(-tau / dt)):
            raise NotYet("A long time constant must mean a slow leak. Is the fraction in the exponent upside down?")
        if not 0 < beta < 1:
            raise NotYet(f"beta is {beta:g}. It is the part of the potential that is left, between 0 and 1.")
        if _near(factor, 1):
            raise NotYet(
                "With the factor 1 the potential climbs to current / (1 − beta), many times too high. In our step the "
                "current has a factor too; Leaky leaves it to you."
            )
        if _near(beta, exact) and _near(factor, exact):
            raise NotYet("Both numbers are λ. In v ← λ v + (1 − λ) RI the current has another factor.")
        if _near(beta, exact) and _near(factor, dt / tau):
            raise NotYet(
                "beta is exact, but the factor is Euler's. Under a constant current the potential then ends at "
                f"{factor / (1 - exact):.3f} times the current: the rheobase is wrong. The two must add up to 1."
            )
        raise NotYet(
            f"For τ = {tau:g} ms and Δt = {dt:g} ms you return beta = {beta:g} and the factor {factor:g}. Compare "
            "v ← λ v + (1 − λ) RI with Leaky's v ← beta v + input."
        )
    return "One step of Leaky is now our exact step, whatever the time constant and the time step."


@check
def check_estimate(estimate: Callable[[BlindNeuron], tuple[float, float, float]]) -> str:
    """Time constant, rheobase and refractory period of neurons that nobody has looked at."""
    worst = 0.0
    for seed in (101, 102, 103, 104):
        neuron = BlindNeuron(seed)
        answer = attempt(estimate, neuron)
        if neuron.revealed:
            raise NotYet("You looked. Real neurons have no `reveal`; only spike times count.")
        found = np.asarray(answer, dtype=float)
        if found.shape != (3,):
            raise NotYet(
                f"Return τ (ms), rheobase (nA), refractory period (ms). Your answer has the shape {found.shape}."
            )
        measured, hidden = Measured(*found.tolist()), neuron.reveal()
        _compare(measured, hidden)
        worst = max(worst, *(abs(mine / true - 1) for mine, true in zip(measured[:2], hidden[:2], strict=True)))
    return f"Four neurons measured; the largest error of a time constant or a rheobase is {worst:.1%}."


def _compare(found: Measured, hidden: Measured) -> None:
    """Raise NotYet where a measurement is off, with its likely cause. Rheobase first: the others build on it."""
    if not all(map(math.isfinite, found)):
        raise NotYet(f"You return {found}. Was a recording silent, or too short for the second spike?")
    if not abs(found.rheobase_na / hidden.rheobase_na - 1) < 0.02:
        if abs(found.rheobase_na / hidden.tau_mem_ms - 1) < 0.05:
            raise NotYet(
                "The time constant stands where the rheobase belongs. The order: τ, rheobase, refractory period."
            )
        if found.rheobase_na > hidden.rheobase_na:
            raise NotYet(
                f"Your rheobase of {found.rheobase_na:.3g} nA is too high: this neuron fires below it, though late. "
                "Near the rheobase the first spike takes long. Record longer, and halve the interval more often."
            )
        raise NotYet(f"Your rheobase of {found.rheobase_na:.3g} nA is too low: this neuron is silent there for ever.")
    if not abs(found.refractory_ms - hidden.refractory_ms) < 0.25:
        if abs(found.refractory_ms) < 0.25:
            raise NotYet(
                "Your refractory period is about 0. The first spike comes without one, all later ones wait for it. "
                "Compare the time to the first spike with the interval after it."
            )
        if abs(found.refractory_ms * 1000 - hidden.refractory_ms) < 0.25:
            raise NotYet("Your refractory period is in seconds; asked are milliseconds.")
        raise NotYet(
            f"Your refractory period is {found.refractory_ms:.3g} ms, off by more than 0.2 ms. The interval between "
            "two spikes also holds the time to charge the membrane. Which recorded time holds that time alone?"
        )
    if not abs(found.tau_mem_ms / hidden.tau_mem_ms - 1) < 0.02:
        ratio = found.tau_mem_ms / hidden.tau_mem_ms
        if ratio < 0:
            raise NotYet("A negative time constant. ln(1 − rheobase/current) is negative: a sign is missing.")
        if abs(ratio * 1000 - 1) < 0.05:
            raise NotYet("Your time constant is in seconds; asked are milliseconds.")
        if abs(ratio / math.log(10) - 1) < 0.03:
            raise NotYet("Your logarithm has the base 10. Use the natural one, `math.log`.")
        if ratio > 1:
            raise NotYet(
                f"Your time constant is too large by {ratio - 1:.0%}. If you take it from an interval, the refractory "
                "period is in it. If from a strong current: times come in steps of 0.1 ms, and a short time is coarse."
            )
        raise NotYet(
            f"Your time constant is too small by {1 - ratio:.0%}. Near the rheobase an error of the rheobase itself "
            "weighs heavily: find it more precisely, or take a current further above it."
        )


def _number(function: Callable[..., float], *arguments: float) -> float:
    """What a learner's function returns, as one number."""
    found = np.asarray(attempt(function, *arguments), dtype=float)
    if found.size != 1:
        raise NotYet(f"Return one number. You return the shape {found.shape}.")
    return found.item()


def _near(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=1e-6)


def _exp(numerator: float, denominator: float) -> float:
    return math.exp(min(numerator / denominator, 700)) if denominator else math.nan
