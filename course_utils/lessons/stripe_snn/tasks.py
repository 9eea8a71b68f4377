"""Tasks of drawn images: their parts for training, validation and test, and the rule that stands beside a network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.data import stripes
from course_utils.data.require import require
from course_utils.training.experiment import Part, Split

Drawn = tuple[np.ndarray, np.ndarray]  # pixels uint8 [count, …] and labels [count]

TRAIN, VALIDATION, TEST = 2000, 500, 2000
FIRST_TEST = 200_000  # where settings were chosen with the images before it, the test images begin at this number


@dataclass(frozen=True)
class Task:
    """Images that a seed numbers, and a rule that knows them without learning.

    Attributes:
        name: for tables.
        make: (count, seed, number of the first one) to pixels and labels.
        rule: name of the rule.
        guess: of pixels to the labels that the rule gives them.
        first_test: number of the first test image.
        beside: of a trained network and its data to further accuracies, by name, for the record.
    """

    name: str
    make: Callable[[int, int, int], Drawn]
    rule: str
    guess: Callable[[np.ndarray], np.ndarray]
    first_test: int = FIRST_TEST
    beside: Callable[[nn.Module, Split], dict[str, float]] = lambda model, split: {}

    def draw(
        self, seed: int, train: int = TRAIN, validation: int = VALIDATION, test: int = TEST, chosen_from: int = 0
    ) -> Split:
        """So many images float [count, 1, …], 0 to 1, of each part, with labels [count]; no image is in two parts.

        The validation images follow those of the training, but begin at the number `chosen_from` or after it.

        Raises:
            ValueError: the parts would overlap.
        """
        first = max(train, chosen_from)
        require(first + validation <= self.first_test, "first_test", self.first_test, f"{first + validation} or more")

        def part(count: int, first: int) -> Part:
            pixels, labels = self.make(count, seed, first)
            return torch.tensor(pixels)[:, None] / 255, torch.tensor(labels)

        return Split("drawn", part(train, 0), part(validation, first), part(test, self.first_test))

    def baseline(self, split: Split, rule: str = "", guess: Callable | None = None) -> dict[str, Any]:
        """Name of a rule, the task's own if none is given, and its accuracy on the test set."""
        images, labels = split.test
        found = (guess or self.guess)(pixels_of(images))
        return {"name": rule or self.rule, "accuracy": float((found == labels.numpy()).mean())}


def pixels_of(images: Tensor) -> np.ndarray:
    """Grey levels uint8 [count, …] of images [count, 1, …] from 0 to 1."""
    return (images[:, 0] * 255).round().to(torch.uint8).numpy()


def stripe_task(name: str, settings: stripes.StripeSettings = stripes.PLAIN, first_test: int = FIRST_TEST) -> Task:
    """Horizontal or vertical stripes."""

    def make(count: int, seed: int, first: int) -> Drawn:
        made = stripes.make_stripes(count, seed, first=first, settings=settings)
        return made.images, made.labels

    return Task(name, make, "row and column variance", stripes.row_column_baseline, first_test)


PLAIN = stripe_task("stripes, plain", first_test=TRAIN + VALIDATION)
HARD = stripe_task("stripes, hard", stripes.HARD)
