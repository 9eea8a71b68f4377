"""The exercises of the lesson on motorbikes and airplanes."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise
from course_utils.lessons.vehicles.models import threshold_accuracy


def _two_parts(rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Numbers and labels to learn from, and those of a test, a draw in which one cut alone is best to learn from.

    No test number lies between this cut's two neighbours, and these are a hundredth of the range or more apart. So `>`,
    a threshold between them, and the best one of an even grid are right, too.
    """
    while True:
        labels, test_labels = torch.arange(100) % 2, torch.arange(50) % 2
        numbers, shifted = torch.tensor(rng.normal(size=100)), torch.tensor(rng.normal(size=50))
        numbers, shifted = numbers + 1.5 * labels, shifted + 1.5 * test_labels + 0.8  # another threshold is best there
        right = ((numbers >= numbers[:, None]) == labels.bool()).sum(1)
        best = numbers[right.argmax()]
        below = numbers[numbers < best].max()
        free = best - below > 0.1 and not ((shifted > below) & (shifted < best)).any()
        if free and (right == right.max()).sum() == 1:
            return numbers, labels, shifted, test_labels


def _by_threshold(numbers: Tensor, labels: Tensor, test_numbers: Tensor, test_labels: Tensor) -> float:
    return threshold_accuracy((numbers, labels), (test_numbers, test_labels))


check_by_threshold = Exercise(
    right=_by_threshold,
    cases=[_two_parts(np.random.default_rng(0))],
    draw=_two_parts,
    wrong={
        "Return a share between 0 and 1, not per cent.": lambda *parts: 100 * _by_threshold(*parts),
        "This is the accuracy on the training part. Only the threshold comes from there.":
            lambda a, b, c, d: _by_threshold(a, b, a, b),
        "You chose the threshold on the test part. It is the best there by luck; choose it on the training part.":
            lambda a, b, c, d: _by_threshold(c, d, c, d),
        "You count the wrong ones, or say 0 above the threshold. Airplanes, label 1, are the wider pictures.":
            lambda *parts: 1 - _by_threshold(*parts),
        "Your threshold is the mean. Try every training number.":
            lambda a, b, c, d: ((c >= a.mean()) == d.bool()).double().mean(),
    },
    otherwise="Try every training number as a threshold, and say 1 for numbers that reach it.",
    solved="Chosen on the training part, counted on the test part.",
)


def _places(values: Tensor) -> Tensor:
    return values.argsort(descending=True, stable=True)


def _order_code(
    values: Tensor,
    kept: int,
    ranks: Callable[[Tensor], Tensor] = lambda values: _places(values).argsort(),
    lowest: float = 0.0,
    silent: bool = True,
) -> Tensor:
    """A rank-order code, by what it takes for ranks, where it ends, and whether silent cells stay silent."""
    code = (1 - ranks(values) / kept).clamp(min=lowest)
    return code * (values > 0) if silent else code


check_order_code = Exercise(
    right=_order_code,
    cases=[(torch.tensor([0.2, 0.9, 0.0, 0.5, 0.7, 0.1, 0.0]), kept) for kept in (3, 7)],
    draw=lambda rng: (torch.tensor(rng.permutation(np.maximum(np.arange(-3, 8), 0) / 8)), int(rng.integers(3, 11))),
    wrong={
        "`argsort` says which coefficient is on which place. You need the place of each coefficient: sort the answer "
        "again.": [{"ranks": _places, "silent": silent} for silent in (False, True)],
        "Your largest coefficient has the last rank. Rank 0 belongs to the largest.":
            [{"ranks": lambda values: values.argsort().argsort(), "silent": silent} for silent in (False, True)],
        "Ranks from `kept` on do not count: their code is 0, yours falls below.":
            [{"lowest": -math.inf, "silent": silent} for silent in (False, True)],
        "A coefficient of 0 belongs to a cell that is silent. It gets no code, whatever its rank.": {"silent": False},
        "You kept the coefficients' sizes. Only the order may count.":
            lambda values, kept: values * (_places(values).argsort() < kept),
        "All ranks that count get the same. The first must get the most.":
            lambda values, kept: (_places(values).argsort() < kept) * (values > 0),
    },
    otherwise="1 for the largest, 1 − r/kept for rank r.",
    solved="The order, and nothing else.",
)

check_current_for = Exercise(
    right=lambda period, decay: 1 / (1 - decay**period),
    cases=[(5.0, math.exp(-1 / 20)), (12.5, 0.9)],
    draw=lambda rng: (rng.uniform(1, 30), rng.uniform(0.7, 0.98)),
    wrong={
        "So far the potential comes under a current of 1. Which current brings it to 1?": lambda p, decay: 1 - decay**p,
        "You forgot the period: this current reaches the threshold in one step.": lambda p, decay: 1 / (1 - decay),
        "Not λ to the power of 1/P: after P steps λᴾ is left of the distance.":
            lambda p, decay: 1 / (1 - decay ** (1 / p)),
        "You share the way evenly among the steps. Each step takes the part 1 − λ of the distance that is left.":
            [lambda p, decay: 1 / p, lambda p, decay: 1 / (p * (1 - decay))],
        "This is what is left of a potential after P steps, λᴾ.": lambda p, decay: decay**p,
    },
    otherwise="After P steps the potential is I (1 − λᴾ).",
    solved="The f–I curve, read backwards.",
)
