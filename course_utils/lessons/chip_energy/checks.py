"""The exercises of the lesson on what an answer costs."""

import numpy as np

from course_utils.classroom.exercise import Exercise

# How many of the 13 × 13 windows, each 4 pixels a side, hold each pixel: a side's counts are 1, 2, 3, 4, …, 4, 3, 2, 1.
REACH = np.outer(*[np.convolve(np.ones(13), np.ones(4))] * 2)


def _additions(
    pixels: np.ndarray, hidden: int, reach: np.ndarray | int = REACH, filters: int = 2, outputs: int = 2
) -> float:
    return filters * float((np.asarray(pixels) * reach).sum()) + outputs * hidden


def _corner(row: int, column: int) -> np.ndarray:
    pixels = np.zeros((16, 16))
    pixels[row, column] = 1
    return pixels


check_additions = Exercise(
    right=_additions,
    cases=[(_corner(0, 0), 0), (_corner(8, 8), 0), (_corner(0, 8), 3), (np.zeros((16, 16)), 10)],
    draw=lambda rng: (rng.integers(0, 5, (16, 16)), int(rng.integers(0, 600))),
    wrong={
        "A pixel at the border lies in fewer than 16 windows, one in a corner in 1.": {"reach": 16},
        "There are two filters: each spike of a pixel meets a weight of both.": {"filters": 1},
        "A hidden spike meets a weight for each of the two outputs.": {"outputs": 1},
        "You leave out the hidden spikes.": {"outputs": 0},
        "You count spikes. What costs is each weight that a spike meets.":
            {"reach": 1, "filters": 1, "outputs": 1},
    },
    otherwise="windows(row) · windows(column) · 2 for each spike of a pixel, 2 for each hidden spike.",
    solved="Nearly all of them come from the pixels: one in the middle meets 32 weights, a hidden neuron two.",
)

check_break_even = Exercise(
    right=lambda mac_pj, ac_pj, leak_pj, updates, connections: (mac_pj - leak_pj * updates / connections) / ac_pj,
    cases=[(4.6, 0.9, 0.0, 10_880, 6084), (0.23, 0.03, 0.09, 10_880, 6084), (4.6, 0.9, 9.2, 10_880, 6084)],
    draw=lambda rng: (*rng.uniform(0.1, 5, 3).tolist(), *rng.integers([100, 1000], [20_000, 10_000]).tolist()),
    wrong={
        "That is the break-even without leaks.": lambda mac_pj, ac_pj, leak_pj, updates, connections: mac_pj / ac_pj,
        "Leaks cost the spiking network energy: they take from what is left for spikes.":
            lambda m, a, leak, n, c: (m + leak * n / c) / a,
        "The twin's energy is mac_pj for each connection: share the leaks out among the connections, too.":
            [lambda m, a, leak, n, c: (m - leak * n) / a, lambda m, a, leak, n, c: (m - leak) / a],
        "That is how much energy is left for spikes, in all. Asked for is the number of spikes a connection.":
            lambda m, a, leak, n, c: m * c - leak * n,
        "Upside down: the twin's share stands above, the price of an addition below.":
            lambda m, a, leak, n, c: a / (m - leak * n / c),
        "A break-even below 0 is an answer: no silence is enough. Do not cut it off.":
            lambda m, a, leak, n, c: max((m - leak * n / c) / a, 0.0),
    },
    otherwise="q · ac_pj + leak_pj · updates / connections = mac_pj, solved for q.",
    solved="Leaks are paid in advance; what is left decides how many spikes are allowed.",
)
