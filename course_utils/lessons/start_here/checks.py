"""Lesson 00: checks of its exercises."""

from collections.abc import Callable

import numpy as np

from course_utils.classroom.verdict import NotYet, attempt, check


def spike_train(steps: int, *at: int) -> np.ndarray:
    """False at every time step, True at those given: bool [steps]."""
    spikes = np.zeros(steps, dtype=bool)
    spikes[list(at)] = True
    return spikes


@check
def check_count_spikes(count_spikes: Callable[[np.ndarray], int]) -> str:
    """The number of spikes in a spike train."""
    spikes = spike_train(50, 3, 17, 18, 40)
    found = attempt(count_spikes, spikes)
    if np.ndim(found) > 0:
        raise NotYet(
            f"You return {np.size(found)} numbers. That tells *where* something is; asked is *how many* "
            "spikes there are, one number."
        )
    if found == 50:
        raise NotYet("You count time steps. There are 50 of them, and most have no spike. Count only those that do.")
    if abs(found - 4 / 50) < 1e-9:
        raise NotYet("You return the share of time steps with a spike. Asked is their number, without a division.")
    if found == 46:
        raise NotYet("You count the time steps *without* a spike.")
    if found == 1:
        raise NotYet("1 tells *whether* there is a spike, or what the largest entry is. Add the entries up instead.")
    if found == 3:
        raise NotYet("Two spikes in neighbouring time steps are two spikes. You count them as one.")
    silent, busy = attempt(count_spikes, spike_train(10)), attempt(count_spikes, spike_train(3, 0, 1, 2))
    if (found, silent, busy) != (4, 0, 3):
        raise NotYet(f"For trains with 4, 0 and 3 spikes you return {found}, {silent} and {busy}.")
    return "Adding up a spike train counts its spikes, since a spike is a 1 and everything else is a 0."


@check
def check_firing_rate_hz(firing_rate_hz: Callable[[np.ndarray, float], float]) -> str:
    """Spikes per second, from a spike train and its time step."""
    spikes, dt_ms = spike_train(400, 5, 80, 81, 200, 250, 399), 0.5  # 6 spikes in 200 ms
    found = attempt(firing_rate_hz, spikes, dt_ms)
    if np.ndim(found) > 0:
        raise NotYet(f"You return {np.size(found)} numbers. The rate of one spike train is one number.")
    wrong = {
        6: "That is the number of spikes. A rate is a number *per second*: divide by how long the train lasts.",
        0.03: "You return spikes per millisecond. A hertz is one spike per *second*, and a second has 1,000 ms.",
        0.00003: "You turn milliseconds into seconds the wrong way round. 200 ms are 0.2 s, not 200,000 s.",
        0.015: "You divide by the number of time steps. That gives spikes per *step*; how long is a step?",
        15: "You take every time step for 1 ms. This one has 0.5 ms: `dt_ms` tells. Where does it enter?",
        12: "You divide by the length of *one* step. The train lasts `len(spikes)` of them.",
        12_000: "You divide by the length of *one* step. The train lasts `len(spikes)` of them.",
        7.5: "The time step stands on the wrong side: longer steps make a longer train, so a *lower* rate.",
    }
    for value, misconception in wrong.items():
        if np.isclose(found, value, rtol=1e-6, atol=0):
            raise NotYet(misconception)
    intervals = 5 / (394 * 0.5e-3)
    if np.isclose(found, intervals):
        raise NotYet(
            "You measure from the first spike to the last. The silence before and after them belongs to the train, too."
        )
    silent = attempt(firing_rate_hz, spike_train(400), dt_ms)
    other = attempt(firing_rate_hz, spike_train(1000, 1, 2, 3), 0.1)  # 3 spikes in 100 ms
    if not np.allclose([found, silent, other], [30, 0, 30]):
        raise NotYet(
            f"6 spikes in 200 ms, none in 200 ms and 3 in 100 ms give {found:g}, {silent:g} and {other:g} Hz with your "
            "function. Work out the first by hand: how many spikes would a whole second have?"
        )
    return "6 spikes in 200 ms are 30 in a second: 30 Hz, whatever the time step."
