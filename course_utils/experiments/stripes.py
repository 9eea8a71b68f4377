"""The five stripe models over five seeds, on the plain and on the hard set."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.counting import OperationCounter
from course_utils.data import stripes
from course_utils.experiments.experiment import Experiment
from course_utils.ledger import Record, versions
from course_utils.training import accuracy, fit

TRAIN, VALIDATION, TEST = 2000, 500, 2000


@dataclass(frozen=True)
class Splits:
    """A stripe set in three: images float [count, 1, size, size], 0 to 1, with labels [count]."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    @classmethod
    def draw(cls, seed: int, settings: stripes.StripeSettings = stripes.PLAIN) -> "Splits":
        """2,000 training, 500 validation and 2,000 test images, disjoint parts of one seed's images."""
        drawn = stripes.make_stripes(TRAIN + VALIDATION + TEST, seed, settings=settings)
        images = torch.tensor(drawn.images)[:, None] / 255
        labels = torch.tensor(drawn.labels)
        sizes = (TRAIN, VALIDATION, TEST)
        return cls(*zip(images.split(sizes), labels.split(sizes), strict=True))


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
    """

    lesson: str
    build: Callable[[Tensor, int], nn.Module]
    epochs: int
    learning_rate: float
    steps: int = models.STEPS
    settings: stripes.StripeSettings = stripes.PLAIN

    def train(self, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, Splits, dict[str, list[float]]]:
        """The trained network, the data it was trained on, and its curve."""
        splits = Splits.draw(seed, self.settings)
        torch.manual_seed(seed)
        model = self.build(splits.train[0], seed)
        history = fit(
            model,
            splits.train,
            splits.validation,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            seed=seed,
            batch_size=64,
            checkpoint=checkpoint,
        )
        if len(history.loss) < self.epochs:
            raise KeyboardInterrupt
        return model, splits, asdict(history)

    def record(self, task: str, model_name: str, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        model, splits, curve = self.train(seed, checkpoint)
        return measured(self, model, splits, task=task, name=model_name, seed=seed, curve=curve)


def measured(
    recipe: Recipe, model: nn.Module, splits: Splits, *, task: str, name: str, seed: int, curve: dict[str, list[float]]
) -> Record:
    """The record of a trained stripe model: accuracy on the test set, cost of a sample, the baseline beside it."""
    images, labels = splits.test
    sample = images[:200]
    with torch.no_grad(), OperationCounter(model, spiking=(norse.LIFCell,)) as counter:
        model(sample)
    operations = counter.per_sample(len(sample))
    pixels = (images[:, 0] * 255).round().to(torch.uint8).numpy()
    guesses = torch.tensor(stripes.row_column_baseline(pixels))
    return Record(
        lesson=recipe.lesson,
        task=task,
        model=name,
        data={"source": "drawn", "train": TRAIN, "validation": VALIDATION, "test": TEST},
        seed=seed,
        config={"epochs": recipe.epochs, "learning_rate": recipe.learning_rate, "batch_size": 64},
        accuracy=accuracy(model, images, labels),
        baseline={"name": "row and column variance", "accuracy": (guesses == labels).double().mean().item()},
        parameters=sum(values.numel() for values in model.parameters()),
        dense=operations.dense,
        multiply_accumulates=operations.multiply_accumulates,
        accumulates=operations.accumulates,
        spikes=operations.spikes,
        time_steps=recipe.steps,
        versions=versions("torch", "norse"),
        curve=curve,
    )


def awake(images: Tensor, seed: int, **options: object) -> models.LIReadout:
    """Model 5 with initial weights from which it learns."""
    return models.awaken(models.LIReadout(**options), images[:500])


def poisson(images: Tensor, seed: int) -> models.LeanConv:
    """Model 3 with its own random numbers."""
    return models.LeanConv(models.PoissonInput(seed=seed))


RECIPES = {
    "1: flat, library defaults": Recipe("06_stripe_snn", lambda images, seed: models.FlatLIF(), 30, 1e-3),
    "1: flat, mended": Recipe("06_stripe_snn", lambda images, seed: models.FlatLIF(scale=5), 10, 1e-2),
    "2: two convolutions": Recipe("06_stripe_snn", lambda images, seed: models.BroadConv(), 3, 2e-3, steps=10),
    "3: lean, Poisson": Recipe("06_stripe_snn", poisson, 9, 1e-2),
    "4: lean, constant current": Recipe("06_stripe_snn", lambda images, seed: models.LeanConv(), 9, 1e-2),
    "5: as built, maximum": Recipe(
        "07_li_readout", lambda images, seed: models.LIReadout(readout="maximum"), 9, 1e-2
    ),
    "5: LI readout": Recipe("07_li_readout", awake, 9, 5e-3),
    "5: one output": Recipe("07_li_readout", partial(awake, outputs=1), 9, 5e-3),
}
HARD = {
    "5: LI readout": Recipe("07_li_readout", awake, 20, 5e-3, settings=stripes.HARD),
    "5: one output": Recipe("07_li_readout", partial(awake, outputs=1), 20, 5e-3, settings=stripes.HARD),
}


def _runs(task: str, recipes: dict[str, Recipe]) -> dict[str, Callable[[int, Path], Record]]:
    return {name: partial(recipe.record, task, name) for name, recipe in recipes.items()}


EXPERIMENTS = (
    Experiment("stripes-plain", "the five stripe models on plain stripes", _runs("stripes, plain", RECIPES)),
    Experiment("stripes-hard", "the fifth model on faint, noisy stripes", _runs("stripes, hard", HARD)),
)
