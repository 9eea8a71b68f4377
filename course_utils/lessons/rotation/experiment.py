"""Over five seeds: stripes that turn, with and without recurrence, with learnable and with fixed time constants."""

from functools import partial

import torch
from torch import Tensor, nn

from course_utils.data import rotation
from course_utils.lessons.rotation.models import RotationNet
from course_utils.lessons.stripe_snn.experiment import Recipe, experiment
from course_utils.lessons.stripe_snn.tasks import Task
from course_utils.training.experiment import Split
from course_utils.training.loop import accuracy


def rotation_task(name: str, settings: rotation.RotationSettings = rotation.TURNING) -> Task:
    """Stripes that turn. Beside a network: a rule that tracks the angle, and trials in no order or backwards."""

    def beside(model: nn.Module, split: Split) -> dict[str, float]:
        trials, labels = split.test
        played = rotation.controls(trials[:, 0].numpy(), seed=0)
        return {way: accuracy(model, torch.tensor(frames)[:, None], labels) for way, frames in played.items()}

    make = partial(rotation.make_rotations, settings=settings)
    return Task(name, make, "tracking the angle", rotation.tracking_baseline, beside=beside, pixels="frames")


def _net(recurrent: bool, learnable: bool) -> Recipe:
    def build(images: Tensor, seed: int) -> RotationNet:
        return RotationNet(recurrent=recurrent, learnable=learnable)

    return Recipe("rotation", rotation_task("rotation"), build, 8, 4e-3, steps=rotation.TURNING.frames, images=4000)


ON_ROTATION = {
    f"{layer}, τ {time_constants}": _net(layer == "recurrent", time_constants == "learnable")
    for layer in ("recurrent", "feed-forward")
    for time_constants in ("learnable", "fixed")
}
EXPERIMENTS = (experiment("rotation", "stripes that turn, with and without recurrence", ON_ROTATION),)
