"""Exercises of the lesson that begins the course: spikes are counted, then spikes per second."""

import numpy as np

from course_utils.classroom.exercise import Exercise


def spike_train(steps: int, *at: int) -> np.ndarray:
    """False at every time step, True at those given: bool [steps]."""
    return np.isin(np.arange(steps), at)


check_count_spikes = Exercise(
    right=lambda spikes: int(spikes.sum()),
    cases=[(spike_train(50, 3, 17, 18, 40),), (spike_train(10),), (spike_train(3, 0, 1, 2),)],
    draw=lambda rng: (rng.random(60) < 0.3,),
    wrong={
        "You return something for each spike or each step. Return *how many* spikes there are, one number.":
            [np.flatnonzero, lambda spikes: spikes.astype(int)],
        "You count all time steps. Count only those with a spike.": len,
        "You return the share of time steps with a spike. Return their number, without a division.": np.mean,
        "You count the time steps *without* a spike.": lambda spikes: (~spikes).sum(),
        "You tell *whether* there is a spike, or what the largest entry is. Add the entries up instead.": np.max,
        "Two spikes in neighbouring time steps are two spikes. You count them as one.":
            [lambda spikes: (spikes[1:] > spikes[:-1]).sum(), lambda spikes: (np.diff(spikes, prepend=0) == 1).sum()],
    },
    solved="Adding up a spike train counts its spikes, since a spike is a 1 and everything else is a 0.",
)  # fmt: skip


check_firing_rate_hz = Exercise(
    right=lambda spikes, dt_ms: 1000 * spikes.sum() / (len(spikes) * dt_ms),
    cases=[(spike_train(400, 5, 80, 81, 200, 250, 399), 0.5), (spike_train(400), 0.5), (spike_train(999, 1, 2), 0.1)],
    draw=lambda rng: (rng.random(rng.integers(100, 300)) < 0.2, float(rng.choice([0.2, 0.5, 2]))),
    wrong={
        "That is the number of spikes. A rate is a number *per second*: divide by how long the train lasts.":
            lambda spikes, dt_ms: spikes.sum(),
        "You return spikes per millisecond. A hertz is one spike per *second*, and a second has 1,000 ms.":
            lambda spikes, dt_ms: spikes.sum() / (len(spikes) * dt_ms),
        "You turn milliseconds into seconds the wrong way round. 200 ms are 0.2 s, not 200,000 s.":
            lambda spikes, dt_ms: spikes.sum() / (len(spikes) * dt_ms * 1000),
        "You divide by the number of time steps. That gives spikes per *step*; how long is a step?":
            lambda spikes, dt_ms: spikes.mean(),
        "You take every time step for 1 ms. Here one lasts `dt_ms`. Where does it enter?":
            lambda spikes, dt_ms: spikes.mean() * 1000,
        "You divide by the length of *one* step. The train lasts `len(spikes)` of them.":
            [lambda spikes, dt_ms: spikes.sum() / dt_ms, lambda spikes, dt_ms: spikes.sum() / dt_ms * 1000],
        "The time step stands on the wrong side: longer steps make a longer train, so a *lower* rate.":
            lambda spikes, dt_ms: spikes.mean() * dt_ms * 1000,
        "You measure from the first spike to the last. The silence before and after them belongs to the train, too.":
            lambda spikes, dt_ms: 1000 * (spikes.sum() - 1) / (np.ptp(np.flatnonzero(spikes)) * dt_ms),
    },
    solved="6 spikes in 200 ms are 30 in a second: 30 Hz, whatever the time step.",
    otherwise="Work it out by hand: with 6 spikes in 200 ms, how many would a whole second have?",
)  # fmt: skip
