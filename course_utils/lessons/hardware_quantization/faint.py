"""Faint stripes, chips whose circuits differ, and one trained network: what the lesson, its experiments and later
lessons have in common."""

import functools
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from course_utils.chips.virtual_chip import BRAINSCALES, Limits
from course_utils.data.stripes import StripeSettings
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, stripe_task
from course_utils.spiking import stripe_networks as models
from course_utils.spiking.stripe_networks import Activity

SETTINGS = StripeSettings(noise=(0.3,), contrast=0.4)
FAINT = stripe_task("stripes, faint", SETTINGS)
STEPS = 32
BITS = (8, 6, 5, 4, 3, 2)
MISMATCHES = (0.05, 0.1, 0.2, 0.3, 0.4)
# So faint that the model, trained on stripes of more than twice this contrast, is right in about 90 %: where it is
# nearly always right, two chips that differ would still agree. The contrast was chosen with images before these.
CONTRAST, COUNT = 0.18, 500
FAINTER = stripe_task(
    "stripes, fainter", StripeSettings(noise=(0.3,), contrast=CONTRAST), first_test=FIRST_TEST + 100_000
)


def limits(mismatch: float) -> Limits:
    """The chip's limits, and circuits whose thresholds, time constants and weights all differ by this much."""
    differing = {f"{name}_mismatch": mismatch for name in ("threshold", "tau", "weight")}
    return replace(BRAINSCALES, noise=0.02, readout_noise_lsb=1.0, **differing)


@functools.cache
def faint_network() -> models.LIReadout:
    """The fifth model as `course-experiment chip-mismatch` trained it from seed 0."""
    model = models.LIReadout(pool="sum", encode=partial(models.stripe_input, scale=10.0, steps=STEPS))
    weights = load_file(Path(__file__).with_name("faint_stripes.safetensors"))
    model.load_state_dict(weights, strict=False)  # Norse's time constants are not in the file
    return model


def fainter(seed: int, count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Images float [count, 1, 16, 16] and labels [count] of the fainter stripes."""
    return FAINTER.draw(seed, 1, 1, count).test


def correlation(ours: Activity, theirs: Activity) -> float:
    """Of hidden spike counts, over all neurons and images."""
    counts = torch.stack([activity.hidden.sum(0).flatten() for activity in (ours, theirs)])
    return torch.corrcoef(counts)[0, 1].item()


def agreement(model: models.LIReadout, ours: Activity, theirs: Activity) -> float:
    """The share of images to which both give the same class."""
    ours, theirs = (model.scores(activity.readout).argmax(1) for activity in (ours, theirs))
    return (ours == theirs).double().mean().item()
