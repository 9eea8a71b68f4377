"""Lesson 15: checks of its exercises."""

from collections.abc import Callable

import numpy as np

from course_utils.classroom.verdict import NotYet, attempt, check


def _raster() -> np.ndarray:
    return (np.random.default_rng(0).random((6, 5, 40)) < 0.2).astype(float)  # trials, neurons, steps


def _arrays(found: object, count: int, names: str) -> list[np.ndarray]:
    if not isinstance(found, tuple | list) or len(found) != count:
        raise NotYet(f"Return {count} things: {names}.")
    return [np.asarray(one, dtype=float) for one in found]


@check
def check_three_rates(three_rates: Callable[[np.ndarray, float], tuple]) -> str:
    """Rates of one raster, averaged over time, over the population, over trials."""
    spikes = _raster()
    dt_s = 0.002
    by_time, by_population, by_trials = _arrays(
        attempt(three_rates, spikes.copy(), dt_s), 3, "the averages over time, over neurons and over trials"
    )
    wanted = spikes[0].mean(1) / dt_s, spikes[0].mean(0) / dt_s, spikes[:, 0].mean(0) / dt_s
    at_each_step = spikes.mean((0, 1)) / dt_s
    everything = {
        "over time": spikes.mean((0, 2)) / dt_s,
        "over the population": at_each_step,
        "over trials": at_each_step,
    }
    for name, found, right in zip(
        ("over time", "over the population", "over trials"), (by_time, by_population, by_trials), wanted, strict=True
    ):
        if found.shape == right.shape and np.allclose(found, right):
            continue
        if found.shape == right.shape and np.allclose(found, right * dt_s):
            raise NotYet(
                f"Your average {name} is in spikes a step. Divide by the length of a step for spikes a second."
            )
        if found.shape == right.shape and np.allclose(found, right * dt_s * 1000):
            raise NotYet(f"Your average {name} takes every step to be 1 ms long. Use dt_s.")
        if name == "over time" and found.shape == right.shape and np.allclose(found, spikes[0].sum(1)):
            raise NotYet("You counted spikes. A rate is a count divided by the time in which it was counted.")
        if name == "over the population" and found.shape == right.shape and np.allclose(found, wanted[2]):
            raise NotYet("This is the average over trials. The population is all neurons in one trial.")
        if name == "over trials" and found.shape == right.shape and np.allclose(found, wanted[1]):
            raise NotYet("This is the average over the population. Take one neuron, in all trials.")
        if found.shape == right.shape and np.allclose(found, everything[name]):
            raise NotYet(f"Your average {name} also averages over what is to be held: one trial, or one neuron, alone.")
        if found.shape == right.shape:
            raise NotYet(f"Your average {name} has other values than expected. Which axis must disappear?")
        raise NotYet(
            f"Your average {name} has shape {found.shape}; it must be {right.shape}. Which axis must disappear: "
            "trials, neurons or steps?"
        )
    return "One number a neuron; one a step of one trial; one a step of one neuron."


@check
def check_needed_rate(needed_rate: Callable[[float, int, float], float]) -> str:
    """The firing-rate scale that a wanted precision needs."""
    found = float(attempt(needed_rate, 0.1, 30, 1.0))
    right = 1000 / (0.1 * 30)
    mistakes = {
        "Your result is in spikes a millisecond. A rate in Hz is a thousand times that.": right / 1000,
        "You left out the precision: with this scale one spike more is a whole activation of 1.": 1000 / 30,
        "You left out the number of steps: spikes are counted over all of them.": 1000 / 0.1,
        "Upside down: the scale grows as the precision becomes finer.": 1 / right,
        "You multiplied by the precision. To see smaller differences, neurons must fire more.": 1000 * 0.1 / 30,
        "You multiplied by the number of steps. With more time a lower rate is enough.": 1000 * 30 / 0.1,
    }
    for message, wrong in mistakes.items():
        if abs(found - wrong) < 1e-6 * wrong:
            raise NotYet(message)
    if abs(found - right) > 1e-6 * right:
        raise NotYet(
            f"For a precision of 0.1 in 30 steps of 1 ms one spike must be worth 0.1: {right:.0f} Hz, not {found:g}."
        )
    if abs(float(attempt(needed_rate, 0.05, 60, 0.5)) - 1000 / (0.05 * 30)) > 1e-3:
        raise NotYet("Right for steps of 1 ms, but not for steps of 0.5 ms. Use dt_ms.")
    return "1000 / (precision · steps · Δt)."


@check
def check_read_out(read_out: Callable[[np.ndarray], tuple]) -> str:
    """The class, from one run of the output: counted, from the voltage, filtered."""
    generator = np.random.default_rng(1)
    outputs = generator.normal(0, 8, (30, 60, 10))
    outputs[:, np.arange(60), generator.integers(0, 10, 60)] += 3
    counted, voltage, filtered = _arrays(attempt(read_out, outputs.copy()), 3, "classes counted, by voltage, filtered")
    for name, found in (("count", counted), ("voltage", voltage), ("filter", filtered)):
        if found.shape != (60,):
            raise NotYet(f"Your {name} has shape {found.shape}. Return a class for each image: argmax(1) at the end.")
    v, counts = np.zeros(outputs.shape[1:]), np.zeros(outputs.shape[1:])
    for now in outputs:
        v += np.maximum(250 * now, 0) / 1000
        counts += np.floor(v)
        v -= np.floor(v)
    kept = np.exp(-1 / 20)
    weights = kept ** np.arange(29, -1, -1)
    wanted = counts.argmax(1), outputs.sum(0).argmax(1), np.tensordot(weights, outputs, 1).argmax(1)
    if (filtered == outputs[-1].argmax(1)).all():
        raise NotYet("Your filtered class is that of the last step alone. Filter over time first, then take the last.")
    if (voltage == np.maximum(outputs, 0).sum(0).argmax(1)).all() and not (voltage == wanted[1]).all():
        raise NotYet("Your voltage forgets what is below 0. A membrane without threshold goes down as well as up.")
    if (counted == wanted[1]).all():
        raise NotYet("Your count is the voltage. Let spiking ReLUs fire, and add up their spikes.")
    for name, found, right in zip(("count", "voltage", "filter"), (counted, voltage, filtered), wanted, strict=True):
        if (found != right).mean() > 0.02:
            raise NotYet(f"Your {name} finds {(found != right).sum()} of 60 classes that are not the expected ones.")
    return "Three readings of one and the same output."
