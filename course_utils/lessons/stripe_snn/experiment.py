"""The five stripe models over five seeds, on the plain and on the hard set."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import norse.torch as norse
import numpy as np
import torch
from torch import Tensor, nn

from course_utils.data import stripes
from course_utils.spiking import stripe_networks as models
from course_utils.training.counting import OperationCounter
from course_utils.training.experiment import Experiment, fit_whole
from course_utils.training.ledger import Record, versions
from course_utils.training.loop import accuracy

TRAIN, VALIDATION, TEST = 2000, 500, 2000
FIRST_TEST = 200_000  # where settings were chosen with the images before it, the test images begin at this number


@dataclass(frozen=True)
class Splits:
    """A set in three: images float [count, 1, size, size], 0 to 1, with labels [count]."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    @property
    def sizes(self) -> dict[str, str | int]:
        """What a record says of the data."""
        return {"source": "drawn"} | {name: len(labels) for name, (_, labels) in vars(self).items()}

    @classmethod
    def draw(
        cls,
        seed: int,
        settings: stripes.StripeSettings = stripes.PLAIN,
        *,
        train: int = TRAIN,
        first_test: int = TRAIN + VALIDATION,
    ) -> "Splits":
        """A stripe set in three, see `draw_splits`."""

        def drawn(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
            made = stripes.make_stripes(count, seed, first=first, settings=settings)
            return made.images, made.labels

        return draw_splits(drawn, train, first_test)


def draw_splits(
    draw: Callable[..., tuple[np.ndarray, np.ndarray]], train: int = TRAIN, first_test: int = FIRST_TEST
) -> Splits:
    """Training, 500 validation and 2,000 test images, disjoint parts of what one seed numbers.

    Args:
        draw: of `count` and `first=` to pixels uint8 [count, …] and labels [count].
        train: how many images to train on.
        first_test: number of the first test image.

    Raises:
        ValueError: the test images would begin among the others.
    """
    if first_test < train + VALIDATION:
        raise ValueError(f"first_test is {first_test}; it must be {train + VALIDATION} or more, after the other images")

    def part(count: int, first: int) -> tuple[Tensor, Tensor]:
        pixels, labels = draw(count, first=first)
        return torch.tensor(pixels)[:, None] / 255, torch.tensor(labels)

    return Splits(part(train, 0), part(VALIDATION, train), part(TEST, first_test))


@dataclass(frozen=True)
class Recipe:
    """How a stripe model is trained.

    Attributes:
        lesson: where it is taught.
        build: of the training images and the seed to the network; PyTorch's own seed is set before.
        epochs: passes over the training images.
        learning_rate: the highest of the one cycle.
        steps: number of time steps.
        settings: of the stripe set.
        images: how many to train on.
        first_test: number of the first test image.
    """

    lesson: str
    build: Callable[[Tensor, int], nn.Module]
    epochs: int
    learning_rate: float
    steps: int = models.STEPS
    settings: stripes.StripeSettings = stripes.PLAIN
    images: int = TRAIN
    first_test: int = TRAIN + VALIDATION

    rule: ClassVar[str] = "row and column variance"

    def draw(self, seed: int) -> Splits:
        """The images of this seed."""
        return Splits.draw(seed, self.settings, train=self.images, first_test=self.first_test)

    def guess(self, pixels: np.ndarray) -> np.ndarray:
        """Labels [count] by the rule that stands beside the model, from uint8 [count, size, size]."""
        return stripes.row_column_baseline(pixels)

    def beside(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Further accuracies, by name; they are recorded, too."""
        return {}

    def train(self, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, Splits, dict[str, list[float]]]:
        """The trained network, the data it was trained on, and its curve."""
        splits = self.draw(seed)
        torch.manual_seed(seed)
        model = self.build(splits.train[0], seed)
        history = fit_whole(
            model,
            splits.train,
            splits.validation,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            seed=seed,
            batch_size=64,
            checkpoint=checkpoint,
        )
        return model, splits, asdict(history)

    def record(self, task: str, model_name: str, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        model, splits, curve = self.train(seed, checkpoint)
        return measured(self, model, splits, task=task, name=model_name, seed=seed, curve=curve)


def pixels_of(images: Tensor) -> np.ndarray:
    """Grey levels uint8 [count, …] of images [count, 1, …] from 0 to 1."""
    return (images[:, 0] * 255).round().to(torch.uint8).numpy()


def measured(
    recipe: Recipe, model: nn.Module, splits: Splits, *, task: str, name: str, seed: int, curve: dict[str, list[float]]
) -> Record:
    """The record of a trained model: accuracy on the test set, cost of a sample, the baseline beside it."""
    images, labels = splits.test
    sample = images[:200]
    with torch.no_grad(), OperationCounter(model, spiking=(norse.LIFCell, models.RecurrentLIF)) as counter:
        model(sample)
    operations = counter.per_sample(len(sample))
    guesses = torch.tensor(recipe.guess(pixels_of(images)))
    return Record(
        lesson=recipe.lesson,
        task=task,
        model=name,
        data=splits.sizes,
        seed=seed,
        config={"epochs": recipe.epochs, "learning_rate": recipe.learning_rate, "batch_size": 64},
        accuracy=accuracy(model, images, labels),
        baseline={"name": recipe.rule, "accuracy": (guesses == labels).double().mean().item()},
        beside=recipe.beside(model, splits),
        parameters=sum(values.numel() for values in model.parameters()),
        **asdict(operations),
        time_steps=recipe.steps,
        versions=versions("torch", "norse"),
        curve=curve,
    )


def awake(images: Tensor, seed: int, gain: float = 6.0, **options: object) -> models.LIReadout:
    """Model 5 with initial weights from which it learns."""
    return models.awaken(models.LIReadout(**options), images[:500], gain)


def poisson(images: Tensor, seed: int) -> models.LeanConv:
    """Model 3 with its own random numbers."""
    return models.LeanConv(models.PoissonInput(seed=seed))


RECIPES = {
    "1: flat, library defaults": Recipe("stripe_snn", lambda images, seed: models.FlatLIF(), 30, 1e-3),
    "1: flat, mended": Recipe("stripe_snn", lambda images, seed: models.FlatLIF(scale=5), 10, 1e-2),
    "2: two convolutions": Recipe("stripe_snn", lambda images, seed: models.BroadConv(), 3, 2e-3, steps=10),
    "3: lean, Poisson": Recipe("stripe_snn", poisson, 9, 1e-2),
    "4: lean, constant current": Recipe("stripe_snn", lambda images, seed: models.LeanConv(), 9, 1e-2),
    "5: as built, maximum": Recipe("li_readout", lambda images, seed: models.LIReadout(readout="maximum"), 9, 1e-2),
    "5: LI readout": Recipe("li_readout", awake, 9, 5e-3),
    "5: one output": Recipe("li_readout", partial(awake, outputs=1), 9, 5e-3),
}
# Faint stripes: half the current, because slower spike trains have more levels; larger kernels; many more images.
# Earlier images of these seeds helped to choose this, so the test images begin beyond them.
_faint = partial(awake, gain=12.0, encode=partial(models.constant_current, scale=10.0))
_hard = partial(Recipe, "li_readout", settings=stripes.HARD, first_test=FIRST_TEST)
HARD = {
    "5: as for plain stripes": _hard(awake, 20, 5e-3),
    "5: LI readout": _hard(_faint, 5, 1.5e-2, images=16_000),
}


def runs(task: str, recipes: dict[str, Recipe]) -> dict[str, Callable[[int, Path], Record]]:
    """The runs of an `Experiment`: each model by its name, trained for the same task."""
    return {name: partial(recipe.record, task, name) for name, recipe in recipes.items()}


EXPERIMENTS = (
    Experiment("stripes-plain", "the five stripe models on plain stripes", runs("stripes, plain", RECIPES)),
    Experiment("stripes-hard", "the fifth model on faint, noisy stripes", runs("stripes, hard", HARD)),
)
