"""Faint stripes, chips whose circuits differ, and the network that moves: what the lessons on chips have in common."""

import functools
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file

from course_utils.chips.virtual_chip import BRAINSCALES, Limits
from course_utils.data.stripes import StripeSettings
from course_utils.lessons.stripe_snn.tasks import stripe_task
from course_utils.spiking import encoders, li_readout
from course_utils.training.loop import History, fit
from course_utils.training.measuring import Split

SETTINGS = StripeSettings(noise=(0.3,), contrast=0.4)
FAINT = stripe_task("stripes, faint", SETTINGS)
SCALE, STEPS = 10.0, 32  # of the encoder: current of a white pixel, time steps
BITS = (8, 6, 5, 4, 3, 2)
MISMATCHES = (0.05, 0.1, 0.2, 0.3, 0.4)


def limits(mismatch: float) -> Limits:
    """The chip's limits, and circuits whose thresholds, time constants and weights all differ by this much."""
    differing = {f"{name}_mismatch": mismatch for name in ("threshold", "tau", "weight")}
    return replace(BRAINSCALES, noise=0.02, readout_noise_lsb=1.0, **differing)


def small_network(seed: int, images: int = 4000) -> tuple[li_readout.LIReadout, Split, History]:
    """The network of the lessons on chips: the fifth model with a pool that adds up, trained in seconds from a seed."""
    split = FAINT.draw(seed, train=images)
    torch.manual_seed(seed)
    encode = partial(encoders.stripe_input, scale=SCALE, steps=STEPS)
    model = li_readout.awaken(li_readout.LIReadout(pool="sum", encode=encode), split.train[0][:500], gain=12.0)
    how = {"epochs": 2, "learning_rate": 1e-2, "seed": seed, "batch_size": 64}
    return model, split, fit(model, split.train, split.validation, **how)


@functools.cache
def faint_network() -> li_readout.LIReadout:
    """The fifth model as `course-experiment chip-mismatch` trained it from seed 0."""
    model = li_readout.LIReadout(pool="sum", encode=partial(encoders.stripe_input, scale=SCALE, steps=STEPS))
    weights = load_file(Path(__file__).with_name("faint_stripes.safetensors"))
    model.load_state_dict(weights, strict=False)  # Norse's time constants are not in the file
    return model
