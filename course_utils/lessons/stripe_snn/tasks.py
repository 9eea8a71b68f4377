"""Tasks of drawn images: their parts for training, validation and test, and the rule that stands beside a network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from course_utils.data import stripes
from course_utils.data.require import require
from course_utils.training.measuring import Part, Split

TRAIN, VALIDATION, TEST = 2000, 500, 2000
FIRST_TEST = 200_000  # where settings were chosen with the images before it, the test images begin at this number


@dataclass(frozen=True)
class Task:
    """Images that a seed numbers, and a rule that knows them without learning."""

    name: str  # for tables
    make: Callable[..., Any]  # (count, seed, first=number of the first one) to a set of images with labels
    rule: str  # name of the rule
    guess: Callable[[np.ndarray], np.ndarray]  # of pixels uint8 [count, …] to the labels that the rule gives them
    first_test: int = FIRST_TEST  # number of the first test image
    # of a trained network and its data to further accuracies, by name, for the record
    beside: Callable[[nn.Module, Split], dict[str, float]] = lambda model, split: {}
    pixels: str = "images"  # what the set calls its pixels

    def draw(self, seed: int, train: int = TRAIN, validation: int = VALIDATION, test: int = TEST) -> Split:
        """So many images float [count, 1, …], 0 to 1, of each part, with labels [count]; no image is in two parts.

        The validation images follow those of the training, but not before the number `TRAIN`.

        Raises:
            ValueError: the parts would overlap.
        """
        first = max(train, TRAIN)
        require(first + validation <= self.first_test, "first_test", self.first_test, f"{first + validation} or more")

        def part(count: int, first: int) -> Part:
            made = self.make(count, seed, first=first)
            return torch.tensor(getattr(made, self.pixels))[:, None] / 255, torch.tensor(made.labels)

        return Split("drawn", part(train, 0), part(validation, first), part(test, self.first_test))

    def baseline(self, split: Split) -> dict[str, Any]:
        """Name of the rule, and its accuracy on the test set."""
        return {"name": self.rule, "accuracy": share_right(self.guess, split)}


def share_right(guess: Callable[[np.ndarray], np.ndarray], split: Split) -> float:
    """Accuracy of a rule on the test set."""
    images, labels = split.test
    return float((guess((images[:, 0] * 255).round().to(torch.uint8).numpy()) == labels.numpy()).mean())


def stripe_task(name: str, settings: stripes.StripeSettings = stripes.PLAIN, first_test: int = FIRST_TEST) -> Task:
    """Horizontal or vertical stripes."""
    make = partial(stripes.make_stripes, settings=settings)
    return Task(name, make, "row and column variance", stripes.row_column_baseline, first_test)


PLAIN = stripe_task("stripes, plain", first_test=TRAIN + VALIDATION)
HARD = stripe_task("stripes, hard", stripes.HARD)
