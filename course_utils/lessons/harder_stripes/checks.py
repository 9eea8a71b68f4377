"""Exercises of the lesson on harder stripes."""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

from course_utils.classroom.exercise import Exercise, tensors


def _maps(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Evidence as 40 images have it: about −5 everywhere, much more at one place of one of the two maps."""
    maps = rng.normal(-5, 3, size=(2, 40, 12, 12))
    maps[rng.integers(2, size=40), range(40), rng.integers(12, size=40), rng.integers(12, size=40)] += 20
    return (maps,)


def _label_of(
    maps: np.ndarray, *, total: Callable = lambda maps: logsumexp(maps, axis=(2, 3)),
    pick: Callable = lambda totals: totals.argmax(axis=0),
) -> np.ndarray:  # fmt: skip
    return pick(total(maps))


@np.errstate(over="ignore")
def _summed(maps: np.ndarray) -> np.ndarray:
    """Sums of exp(evidence) that overflow in silence, [2, images]."""
    return np.exp(maps).sum((2, 3))


# Two images with an evidence whose exponential is more than a float can hold.
_OVERFLOWING = np.array([[[[-5.0, 3000.0]], [[-5.0, 2000.0]]], [[[-5.0, 2000.0]], [[-5.0, 3000.0]]]])
# One place with e¹ and 24 with e⁻³ against 25 places with e⁰, once for each orientation.
_ONE, _MANY = np.where(np.arange(25) == 0, 1.0, -3.0).reshape(5, 5), np.zeros((5, 5))
check_label_of = Exercise(
    right=_label_of,
    cases=[(_OVERFLOWING,), (np.array([[_ONE, _MANY], [_MANY, _ONE]]),)],
    draw=_maps,
    wrong={
        "Every answer is wrong: you take the less likely orientation. Map 0 is horizontal, label 0.":
            {"pick": lambda totals: totals.argmin(axis=0)},
        "With an evidence of 3,000 your sum fails: exp(3000) is more than a float can hold, and infinity is not larger "
        "than infinity. `logsumexp` computes the logarithm of the sum without ever leaving the range.":
            [{"total": _summed}, {"total": _summed, "pick": lambda totals: totals[1] >= totals[0]}],
        "Do you add up the evidence itself? It is a logarithm; probabilities are added, and those are exp(evidence). A "
        "sum of logarithms would mean a patch at every place.": {"total": lambda maps: maps.sum((2, 3))},
        "You keep only the best place. Where many places are a little likely and one is likely for the other "
        "orientation, all of them count: add up exp(evidence).": {"total": lambda maps: maps.max((2, 3))},
        "Compare the two orientations: one label for each image.": {"pick": np.asarray},
    },
    solved="Every place counts, and no number overflows.",
    otherwise="Add up exp(evidence) over the places, then compare the two orientations.",
)  # fmt: skip

check_anywhere = Exercise(
    right=lambda hidden: hidden.amax((3, 4)),
    draw=lambda rng: tensors((rng.random((6, 3, 4, 7, 8)) > 0.97) * 1.0),  # [time, batch, map, row, column]
    wrong={
        "Time is gone. The leaky integrators need every step; take the maximum over places only.":
            lambda hidden: hidden.amax((0, 3, 4)),
        "You took the maximum over the maps. They look for different things and must stay apart.":
            [lambda hidden: hidden.amax(2), lambda hidden: hidden.amax((2, 3, 4))],
        "One axis of places is left. A place has a row and a column.":
            [lambda hidden: hidden.amax(4), lambda hidden: hidden.amax(3)],
        "That is how many places spike. 'Anywhere' is 1 whether one place spikes or ten: the maximum.":
            lambda hidden: hidden.sum((3, 4)),
        "The mean says what part of the map spikes. One small patch hardly moves it. Take the maximum.":
            lambda hidden: hidden.mean((3, 4)),
        "That tells whether all places spike. Return whether any does.": lambda hidden: hidden.amin((3, 4)),
    },
    solved="One answer for all places, at every step.",
    otherwise="1 if any place of the map spikes at this step, else 0.",
)


def _read(
    alone: list[float], without: list[float], learned: float, *, judge: Callable = min, judge_without: Callable = min
) -> tuple[bool, bool]:
    """Whether a change is enough, and whether it is needed, to learn from every seed."""
    return judge(alone) >= learned, judge_without(without) < learned


def _row(rng: np.random.Generator) -> tuple[list[float], list[float], float]:
    """Accuracies of five seeds with a change alone and without it; all, some or none of them high."""
    alone, without = (np.where(np.arange(5) < rng.integers(6), 0.97, 0.52)[rng.permutation(5)] for _ in range(2))
    return alone.tolist(), without.tolist(), rng.choice([0.7, 0.98])


check_read_row = Exercise(
    right=_read,
    cases=[([0.95] * 5, [0.95] * 5, 0.9), ([0.5] * 5, [0.5] * 5, 0.9),
           ([0.99] * 4 + [0.55], [0.99] * 4 + [0.55], 0.9), ([0.9] * 5, [0.9] * 5, 0.9)],
    draw=_row,
    draws=30,
    wrong={
        "You ask whether *some* seed learns. The question is whether every seed does.":
            {"judge": max, "judge_without": max},
        "`needed` is turned round: a change is needed if without it some seed does *not* learn.":
            lambda alone, without, learned: (min(alone) >= learned, min(without) >= learned),
        "You call a change needed only if without it *no* seed learns. If one fails, model 6 does not learn from every "
        "seed.": {"judge_without": max},
        "You return the two the other way round: first `enough`, then `needed`.": lambda *row: _read(*row)[::-1],
        "You took `needed` to be the opposite of `enough`. It asks about another row of runs: `without`.":
            lambda alone, without, learned: _read(alone, alone, learned),
        "You judge by the mean. Four seeds at 99 % and one at a coin have a mean of 90 %, and still one seed learned "
        "nothing.": {"judge": np.mean, "judge_without": np.mean},
        "From `learned` on means that `learned` itself counts: ≥.":
            lambda alone, without, learned: (min(alone) > learned, min(without) <= learned),
    },
    solved="Enough and needed are two questions, and each has its own runs.",
    otherwise="`enough`: all of `alone` are `learned` or more. `needed`: not all of `without` are.",
)  # fmt: skip
