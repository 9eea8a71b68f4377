"""Lesson 08 over five seeds: patches with model 5 as built, model 5 awake and model 6; stripes that turn."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from course_utils.data import patches, rotation, stripes
from course_utils.data.patches import PatchSettings
from course_utils.lessons.stripe_snn.experiment import FIRST_TEST, Recipe, Splits, awake, draw_splits, pixels_of, runs
from course_utils.spiking import stripe_networks as models
from course_utils.training.experiment import Experiment
from course_utils.training.loop import accuracy


@dataclass(frozen=True)
class PatchRecipe(Recipe):
    """How a model is trained on patches. The matched filter, which knows how the images are made, stands beside it."""

    settings: PatchSettings = patches.HARD
    first_test: int = FIRST_TEST

    rule: ClassVar[str] = "matched filter"

    def draw(self, seed: int) -> Splits:
        """The images of this seed."""

        def drawn(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
            made = patches.make_patches(count, seed, first=first, settings=self.settings)
            return made.images, made.labels

        return draw_splits(drawn, self.images, self.first_test)

    def guess(self, pixels: np.ndarray) -> np.ndarray:
        """Labels by the matched filter."""
        return patches.matched_filter(pixels, self.settings)

    def beside(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """What comparing two variances reaches, and what the model reaches on its own training images."""
        images, labels = splits.test
        guesses = stripes.row_column_baseline(pixels_of(images))
        return {
            Recipe.rule: float((guesses == labels.numpy()).mean()),
            "training images": accuracy(model, *splits.train),
        }


@dataclass(frozen=True)
class RotationRecipe(Recipe):
    """How a model is trained on stripes that turn. A rule that tracks their angle stands beside it."""

    settings: rotation.RotationSettings = rotation.TURNING
    images: int = 4000
    first_test: int = FIRST_TEST

    rule: ClassVar[str] = "tracking the angle"

    def draw(self, seed: int) -> Splits:
        """The trials of this seed."""

        def drawn(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
            made = rotation.make_rotations(count, seed, first=first, settings=self.settings)
            return made.frames, made.labels

        return draw_splits(drawn, self.images, self.first_test)

    def guess(self, pixels: np.ndarray) -> np.ndarray:
        """Labels by the angles in successive frames."""
        return rotation.tracking_baseline(pixels)

    def beside(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """The model on the same trials without their order, and backwards."""
        trials, labels = splits.test
        played = rotation.controls(trials[:, 0].numpy(), seed=0)
        return {name: accuracy(model, torch.tensor(frames)[:, None], labels) for name, frames in played.items()}


LESSON = "harder_stripes"


def _model_6(settings: PatchSettings, **options: object) -> PatchRecipe:
    return PatchRecipe(LESSON, lambda images, seed: models.PatchNet(**options), 12, 1e-2, steps=20, settings=settings)


def _patch_recipes(settings: PatchSettings) -> dict[str, PatchRecipe]:
    return {
        "5: as built, maximum": PatchRecipe(
            LESSON, lambda images, seed: models.LIReadout(readout="maximum"), 12, 1e-2, settings=settings
        ),
        "5: awake": PatchRecipe(LESSON, awake, 12, 5e-3, settings=settings),
        "6: one pool over all places": _model_6(settings),
    }


HARD = _patch_recipes(patches.HARD) | {
    "6, but a weight for every place": _model_6(patches.HARD, pool="none"),
    "6, but a sum over all places": _model_6(patches.HARD, pool="sum"),
    "6, but small kernels": _model_6(patches.HARD, gain=1.0),
    "6, but two filters": _model_6(patches.HARD, filters=2),
}
ROTATION = {
    f"{'recurrent' if recurrent else 'feed-forward'}, τ {'learnable' if learnable else 'fixed'}": RotationRecipe(
        LESSON,
        lambda images, seed, options=dict(recurrent=recurrent, learnable=learnable): models.RotationNet(**options),
        8,
        4e-3,
        steps=rotation.TURNING.frames,
    )
    for recurrent in (True, False)
    for learnable in (True, False)
}

EXPERIMENTS = (
    Experiment("patches-easy", "patches of 8×8, little noise", runs("patches, easy", _patch_recipes(patches.EASY))),
    Experiment("patches-hard", "patches of 5×5, more noise", runs("patches, hard", HARD)),
    Experiment("rotation", "stripes that turn, with and without recurrence", runs("rotation", ROTATION)),
)
