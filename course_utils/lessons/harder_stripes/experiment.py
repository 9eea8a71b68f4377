"""Over five seeds: patches with model 5 as built, model 5 awake and model 6; stripes that turn."""

from functools import partial

import torch
from torch import nn

from course_utils.data import patches, rotation, stripes
from course_utils.lessons.harder_stripes.models import PatchNet, RotationNet
from course_utils.lessons.stripe_snn.experiment import Recipe, awake, experiment
from course_utils.lessons.stripe_snn.tasks import Drawn, Task
from course_utils.spiking.stripe_networks import LIReadout
from course_utils.training.experiment import Split
from course_utils.training.loop import accuracy

LESSON = "harder_stripes"


def patch_task(name: str, settings: patches.PatchSettings = patches.HARD) -> Task:
    """Patches. Beside a network: a filter that knows how they are made, and what comparing two variances reaches."""

    def make(count: int, seed: int, first: int) -> Drawn:
        made = patches.make_patches(count, seed, first=first, settings=settings)
        return made.images, made.labels

    def beside(model: nn.Module, split: Split) -> dict[str, float]:
        variances = task.baseline(split, "row and column variance", stripes.row_column_baseline)
        return {variances["name"]: variances["accuracy"], "training images": accuracy(model, *split.train)}

    task = Task(name, make, "matched filter", partial(patches.matched_filter, settings=settings), beside=beside)
    return task


def rotation_task(name: str, settings: rotation.RotationSettings = rotation.TURNING) -> Task:
    """Stripes that turn. Beside a network: a rule that tracks the angle, and trials in no order or backwards."""

    def make(count: int, seed: int, first: int) -> Drawn:
        made = rotation.make_rotations(count, seed, first=first, settings=settings)
        return made.frames, made.labels

    def beside(model: nn.Module, split: Split) -> dict[str, float]:
        trials, labels = split.test
        played = rotation.controls(trials[:, 0].numpy(), seed=0)
        return {way: accuracy(model, torch.tensor(frames)[:, None], labels) for way, frames in played.items()}

    return Task(name, make, "tracking the angle", rotation.tracking_baseline, beside=beside)


def _sixth(task: Task, **options: object) -> Recipe:
    return Recipe(LESSON, task, lambda images, seed: PatchNet(**options), 12, 1e-2, steps=20)


def _on_patches(task: Task) -> dict[str, Recipe]:
    return {
        "5: as built, maximum": Recipe(
            LESSON, task, lambda images, seed: LIReadout(readout="maximum"), 12, 1e-2
        ),
        "5: awake": Recipe(LESSON, task, awake, 12, 5e-3),
        "6: one pool over all places": _sixth(task),
    }


EASY, HARD = patch_task("patches, easy", patches.EASY), patch_task("patches, hard")
ON_HARD = _on_patches(HARD) | {
    "6, but a weight for every place": _sixth(HARD, pool="none"),
    "6, but a sum over all places": _sixth(HARD, pool="sum"),
    "6, but small kernels": _sixth(HARD, gain=1.0),
    "6, but two filters": _sixth(HARD, filters=2),
}
ON_ROTATION = {
    f"{'recurrent' if recurrent else 'feed-forward'}, τ {'learnable' if learnable else 'fixed'}": Recipe(
        LESSON,
        rotation_task("rotation"),
        lambda images, seed, options=dict(recurrent=recurrent, learnable=learnable): RotationNet(**options),
        8,
        4e-3,
        steps=rotation.TURNING.frames,
        images=4000,
    )
    for recurrent in (True, False)
    for learnable in (True, False)
}

EXPERIMENTS = (
    experiment("patches-easy", "patches of 8×8, little noise", _on_patches(EASY)),
    experiment("patches-hard", "patches of 5×5, more noise", ON_HARD),
    experiment("rotation", "stripes that turn, with and without recurrence", ON_ROTATION),
)
