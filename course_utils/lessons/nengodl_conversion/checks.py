"""The exercises of the lesson on networks that are trained at rates and run on spikes."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray as Array

from course_utils.classroom.exercise import Exercise


def one_by_one(right: Callable[..., tuple], slip: Callable[..., tuple]) -> list[Callable[..., tuple]]:
    """Of three answers one is that of `slip`, the others are right."""
    return [lambda *x, n=n: (*right(*x)[:n], slip(*x)[n], *right(*x)[n + 1 :]) for n in range(3)]


def three_rates(spikes: Array, dt_s: float) -> tuple[Array, Array, Array]:
    """Spikes a second from [trials, neurons, steps]: over time, over the population, over trials."""
    return spikes[0].mean(1) / dt_s, spikes[0].mean(0) / dt_s, spikes[:, 0].mean(0) / dt_s


check_three_rates = Exercise(
    right=three_rates,
    cases=[((np.random.default_rng(0).random((3, 4, 10)) < 0.3).astype(float), 0.002)],
    draw=lambda rng: ((rng.random((6, 5, 40)) < 0.2).astype(float), rng.uniform(2e-4, 5e-3)),
    wrong={
        "You counted spikes. A rate is a count divided by the time in which it was counted.":
            one_by_one(three_rates, lambda x, dt_s: (x[0].sum(1), x[0].sum(0), x[:, 0].sum(0))),
        "You added up neurons or trials. An average over them is also divided by their number.": one_by_one(
            three_rates, lambda x, dt_s: (x[0].sum(1) / dt_s, x[0].sum(0) / dt_s, x[:, 0].sum(0) / dt_s)
        )[1:],
        "This is in spikes per step. Divide by the length of a step for spikes per second.":
            one_by_one(three_rates, lambda x, dt_s: three_rates(x, 1.0)),
        "You take every step to be 1 ms long. Use dt_s.":
            one_by_one(three_rates, lambda x, dt_s: three_rates(x, 0.001)),
        "Your second rate is the average over trials. The population is all neurons in one trial.":
            lambda x, dt_s: (x[0].mean(1) / dt_s, *[x[:, 0].mean(0) / dt_s] * 2),
        "Your third rate is the average over the population. Take one neuron, in all trials.":
            lambda x, dt_s: (x[0].mean(1) / dt_s, *[x[0].mean(0) / dt_s] * 2),
        "You also average over what is to be held: one trial, or one neuron, alone.":
            one_by_one(three_rates, lambda x, dt_s: (x.mean((0, 2)) / dt_s, *[x.mean((0, 1)) / dt_s] * 2)),
    },
    otherwise="Which axis must disappear: trials, neurons or steps?",
    solved="One number for each neuron; one for each step of a trial; one for each step of a neuron.",
)

check_needed_rate = Exercise(
    right=lambda precision, steps, dt_ms: 1000 / (precision * steps * dt_ms),
    cases=[(0.1, 30, 1.0), (0.05, 60, 0.5)],
    draw=lambda rng: (rng.uniform(0.01, 0.5), int(rng.integers(5, 100)), rng.uniform(0.1, 2)),
    wrong={
        "This is in spikes per millisecond. A rate in Hz is a thousand times that.": lambda p, n, dt: 1 / (p * n * dt),
        "You left out the precision: one spike would be a whole activation of 1.": lambda p, n, dt: 1000 / (n * dt),
        "You left out the number of steps: spikes are counted over all of them.": lambda p, n, dt: 1000 / (p * dt),
        "Upside down: the scale grows as the precision becomes finer.": lambda p, n, dt: p * n * dt / 1000,
        "Finer differences need more spikes: divide by the precision.": lambda p, n, dt: 1000 * p / (n * dt),
        "With more time a lower rate is enough: divide by the number of steps.": lambda p, n, dt: 1000 * n / (p * dt),
        "Right for steps of 1 ms only. Use dt_ms.": lambda p, n, dt: 1000 / (p * n),
    },
    otherwise="One spike must be worth the precision: 1000 / (s · T · Δt), with Δt in ms.",
    solved="1000 / (precision · steps · Δt).",
)


def readouts(outputs: Array) -> tuple[Array, Array, Array]:
    """From [steps, images, classes] to [images, classes]: spikes of a spiking ReLU, potentials, filtered outputs.

    A spiking ReLU keeps what is left after a spike, so that only the sum of its input counts.
    """
    spikes = np.floor(np.maximum(outputs, 0).sum(0) * 250 / 1000)
    filtered = np.tensordot(np.exp(np.arange(1 - len(outputs), 1) / 20), outputs, 1)
    return spikes, outputs.sum(0), filtered


def read_out(outputs: Array) -> tuple[Array, ...]:
    """The class of each image by each readout."""
    return tuple(found.argmax(1) for found in readouts(outputs))


def clear_outputs(rng: np.random.Generator) -> tuple[Array]:
    """Outputs whose best class is two spikes ahead, or potentials of 1: rounding errors change no class."""
    outputs = rng.normal(0, 8, (30, 60, 10))
    outputs[:, np.arange(60), rng.integers(0, 10, 60)] += 3
    ahead = [np.diff(np.sort(found)[:, -2:])[:, 0] for found in readouts(outputs)]
    return (outputs[:, (ahead[0] >= 2) & (ahead[1] > 1) & (ahead[2] > 1)][:, :12],)


check_read_out = Exercise(
    right=read_out,
    cases=[clear_outputs(np.random.default_rng(1))],
    draw=clear_outputs,
    wrong={
        "Return a class for each image: argmax(1) at the end.": one_by_one(read_out, readouts),
        "Your filtered class is the last step's. Filter first, then take the last.":
            lambda x: (*read_out(x)[:2], x[-1].argmax(1)),
        "Your voltage forgets what is below 0. A membrane without threshold goes down as well as up.":
            lambda x: (read_out(x)[0], np.maximum(x, 0).sum(0).argmax(1), read_out(x)[2]),
        "Your voltage is the largest output of all steps. A membrane adds them up.":
            lambda x: (read_out(x)[0], x.max(0).argmax(1), read_out(x)[2]),
        "Your count is the voltage. Let spiking ReLUs fire, and add up their spikes.":
            lambda x: (x.sum(0).argmax(1), *read_out(x)[1:]),
    },
    otherwise="The three classes are those of the count, of the voltage, and filtered.",
    solved="Three readings of one and the same output.",
)
