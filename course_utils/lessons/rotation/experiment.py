"""Over five seeds: stripes that turn, with and without recurrence, with learnable and with fixed time constants."""

from functools import partial

import torch
from torch import nn

from course_utils.data import rotation
from course_utils.lessons.rotation.models import RotationNet
from course_utils.lessons.stripe_snn.experiment import Recipe, experiment
from course_utils.lessons.stripe_snn.tasks import Task
from course_utils.training.experiment import Split
from course_utils.training.loop import accuracy

LESSON = "rotation"


def rotation_task(name: str, settings: rotation.RotationSettings = rotation.TURNING) -> Task:
    """Stripes that turn. Beside a network: a rule that tracks the angle, and trials in no order or backwards."""

    def beside(model: nn.Module, split: Split) -> dict[str, float]:
        trials, labels = split.test
        played = rotation.controls(trials[:, 0].numpy(), seed=0)
        return {way: accuracy(model, torch.tensor(frames)[:, None], labels) for way, frames in played.items()}

    make = partial(rotation.make_rotations, settings=settings)
    return Task(name, make, "tracking the angle", rotation.tracking_baseline, beside=beside, pixels="frames")


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

EXPERIMENTS = (experiment("rotation", "stripes that turn, with and without recurrence", ON_ROTATION),)
