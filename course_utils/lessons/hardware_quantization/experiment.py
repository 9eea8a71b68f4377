"""The fifth model on virtual chips: how many bits a weight needs, and what circuits that differ cost."""

import copy
import functools
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from course_utils.chips.chip_training import AnyChip, InTheLoop, calibrate
from course_utils.chips.virtual_chip import Limits, VirtualChip
from course_utils.lessons.hardware_quantization.faint import BITS, FAINT, MISMATCHES, SCALE, STEPS, limits
from course_utils.lessons.stripe_snn.experiment import Recipe, awake
from course_utils.spiking import encoders
from course_utils.spiking.li_readout import LIReadout
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.loop import accuracy, fit
from course_utils.training.measuring import Split

CHIPS = range(20)

# The fifth model with a pool that adds up. On faint stripes more images, and half the current, as on the hard set.
RECIPE = Recipe(
    "hardware_quantization",
    FAINT,
    partial(awake, gain=12.0, pool="sum", encode=partial(encoders.stripe_input, scale=SCALE, steps=STEPS)),
    8,
    1e-2,
    steps=STEPS,
    images=4000,
)


@functools.cache
def trained(seed: int) -> tuple[LIReadout, Split, dict[str, list[float]]]:
    """The model that all runs of a seed begin with, its data and its curve. Copy it before you change it."""
    return RECIPE.train(seed)


def tuned(
    model: nn.Module, split: Split, seed: int, *, images: int = 2000, epochs: int = 2, rate: float = 5e-3
) -> None:
    """Go on training for a while, with whatever stands between the weights and the scores."""
    train = tuple(part[:images] for part in split.train)
    fit(model, train, split.validation, epochs=epochs, learning_rate=rate, seed=seed, batch_size=64)


# --- bits -----------------------------------------------------------------------------------------------------------


def _bits(bits: int | None, aware: bool, seed: int, _: Path) -> Record:
    """A record of the model with weights of so many bits: rounded, or trained on with them."""
    model, split, curve = trained(seed)
    chip = VirtualChip(copy.deepcopy(model), Limits(weight_bits=bits))
    if aware:
        tuned(chip, split, seed)
    right = accuracy(chip, *split.test)
    return RECIPE.measured(chip.model, split, curve, accuracy=right, bits=bits or 32)


BITS_RUNS = {
    **{"float": partial(_bits, None, False), "float, trained on": partial(_bits, None, True)},
    **{f"rounded to {bits} bits": partial(_bits, bits, False) for bits in BITS},
    **{f"trained with {bits} bits": partial(_bits, bits, True) for bits in BITS},
}

# --- circuits that differ -------------------------------------------------------------------------------------------


Weights = Callable[[float, int, int], LIReadout]  # (mismatch, seed, chip) to the model that it runs


def _as_it_is(mismatch: float, seed: int, chip: int) -> LIReadout:
    return trained(seed)[0]


@functools.cache
def _own(mismatch: float, seed: int, chip: int) -> LIReadout:
    """The model of this seed after training with this chip in the loop."""
    model, split, _ = trained(seed)
    own = copy.deepcopy(model)
    tuned(InTheLoop(VirtualChip(own, limits(mismatch), chip)), split, seed)
    return own


@functools.cache
def _any_chip(mismatch: float, seed: int) -> LIReadout:
    """The model of this seed after training on chips of this mismatch, another one for every batch."""
    model, split, _ = trained(seed)
    own = copy.deepcopy(model)
    tuned(AnyChip(own, limits(mismatch)), split, seed, images=len(split.train[0]), epochs=4)
    return own


def _mismatch(weights: Weights, mismatch: float, seed: int, _: Path, *, calibrated: bool = False) -> Record:
    """A record of 20 chips: its accuracy is their median, its curve holds all of them."""
    model, split, curve = trained(seed)
    test = tuple(part[:1000] for part in split.test)
    torch.manual_seed(seed)  # the chips' noise
    found = []
    for number in CHIPS:
        chip = VirtualChip(weights(mismatch, seed, number), limits(mismatch), number)
        found.append(accuracy(calibrate(chip) if calibrated else chip, *test))
    record = RECIPE.measured(model, split, curve | {"accuracy of each chip": found}, bits=6)
    return replace(
        record,
        data=record.data | {"test": len(test[1])},
        config=record.config | {"mismatch": mismatch, "chips": len(CHIPS)},
        accuracy=statistics.median(found),
        beside={"float": record.accuracy, "lowest": min(found), "highest": max(found)},
    )


AT_20: dict[str, Weights] = {
    "in the loop": _own,
    "in the loop of another chip": lambda *run: _own(*run[:2], (run[2] + 1) % len(CHIPS)),
    "trained for any chip": lambda *run: _any_chip(*run[:2]),
    "trained as long on chips that are alike": lambda mismatch, seed, chip: _any_chip(0.0, seed),
}
MISMATCH_RUNS = {
    **{f"as it is, {mismatch:.0%}": partial(_mismatch, _as_it_is, mismatch) for mismatch in MISMATCHES},
    **{f"calibrated, {m:.0%}": partial(_mismatch, _as_it_is, m, calibrated=True) for m in MISMATCHES},
    **{f"{name}, 20%": partial(_mismatch, way, 0.2) for name, way in AT_20.items()},
}

EXPERIMENTS = (
    Experiment("chip-bits", "faint stripes with weights of 2 to 8 bits", BITS_RUNS),
    Experiment("chip-mismatch", "faint stripes on 20 chips whose circuits differ", MISMATCH_RUNS, (0, 1, 2)),
)
