"""Over five seeds: stripes that turn, with and without recurrence, with learnable and with fixed time constants."""

import torch
from torch import nn

from course_utils.data import rotation
from course_utils.lessons.rotation.models import RotationNet
from course_utils.lessons.stripe_snn.experiment import Recipe
from course_utils.lessons.stripe_snn.tasks import Task
from course_utils.training.experiment import Experiment
from course_utils.training.loop import accuracy
from course_utils.training.measuring import Split


def _beside(model: nn.Module, split: Split) -> dict[str, float]:
    """Accuracy on trials in no order or backwards."""
    trials, labels = split.test
    played = rotation.controls(trials[:, 0].numpy(), seed=0)
    return {way: accuracy(model, torch.tensor(frames)[:, None], labels) for way, frames in played.items()}


_RULE = {"rule": "tracking the angle", "guess": rotation.tracking_baseline}
TASK = Task("rotation", rotation.make_rotations, **_RULE, beside=_beside, pixels="frames")


def _net(**options: bool) -> Recipe:
    steps = rotation.TURNING.frames
    return Recipe("rotation", TASK, lambda images, seed: RotationNet(**options), 8, 4e-3, steps=steps, images=4000)


ON_ROTATION = {
    f"{layer}, τ {constants}": _net(recurrent=layer == "recurrent", learnable=constants == "learnable")
    for layer in ("recurrent", "feed-forward")
    for constants in ("learnable", "fixed")
}
EXPERIMENTS = (Experiment("rotation", "stripes that turn, with and without recurrence", ON_ROTATION),)
