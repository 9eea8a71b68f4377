"""Faint stripes, chips whose circuits differ, and one trained network: what the lesson, its experiments and later
lessons have in common."""

import functools
from dataclasses import replace
from functools import partial
from pathlib import Path

from safetensors.torch import load_file

from course_utils.chips.virtual_chip import BRAINSCALES, Limits
from course_utils.data.stripes import StripeSettings
from course_utils.spiking import stripe_networks as models

SETTINGS = StripeSettings(noise=(0.3,), contrast=0.4)
STEPS = 32
BITS = (8, 6, 5, 4, 3, 2)
MISMATCHES = (0.05, 0.1, 0.2, 0.3, 0.4)


def limits(mismatch: float) -> Limits:
    """The chip's limits, and circuits whose thresholds, time constants and weights all differ by this much."""
    differing = {f"{name}_mismatch": mismatch for name in ("threshold", "tau", "weight")}
    return replace(BRAINSCALES, noise=0.02, readout_noise_lsb=1.0, **differing)


@functools.cache
def faint_network() -> models.LIReadout:
    """The fifth model as `course-experiment chip-mismatch` trained it from seed 0."""
    model = models.LIReadout(pool="sum", encode=partial(models.constant_current, scale=10.0, steps=STEPS))
    weights = load_file(Path(__file__).with_name("faint_stripes.safetensors"))
    model.load_state_dict(weights, strict=False)  # Norse's time constants are not in the file
    return model
