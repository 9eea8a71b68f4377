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
from course_utils.data import patches
from course_utils.lessons.harder_stripes.experiment import patch_task
from course_utils.lessons.hardware_quantization.faint import BITS, FAINT, MISMATCHES, STEPS, limits
from course_utils.lessons.stripe_snn.experiment import Recipe, awake
from course_utils.lessons.stripe_snn.tasks import PLAIN
from course_utils.spiking import stripe_networks as models
from course_utils.spiking.stripe_networks import LIReadout
from course_utils.training.experiment import Experiment, Split, fit_whole
from course_utils.training.ledger import Record
from course_utils.training.loop import accuracy

LESSON = "hardware_quantization"
CHIPS = range(20)

# The fifth model with a pool that adds up. On faint stripes more images, and half the current, as on the hard set.
RECIPES = {
    "plain": Recipe(LESSON, PLAIN, partial(awake, pool="sum"), 9, 5e-3),
    "faint": Recipe(
        LESSON,
        FAINT,
        partial(awake, gain=12.0, pool="sum", encode=partial(models.stripe_input, scale=10.0, steps=STEPS)),
        8,
        1e-2,
        steps=STEPS,
        images=4000,
    ),
    "easy patches": Recipe(
        LESSON, patch_task("stripes, easy patches", patches.EASY), partial(awake, pool="sum"), 8, 5e-3, images=4000
    ),
}


@functools.cache
def trained(task: str, seed: int) -> tuple[LIReadout, Split, dict[str, list[float]]]:
    """The model that all runs of a seed begin with, its data and its curve. Copy it before you change it."""
    return RECIPES[task].train(seed)


def tuned(
    model: nn.Module, split: Split, seed: int, *, images: int = 2000, epochs: int = 2, rate: float = 5e-3
) -> None:
    """Go on training for a while, with whatever stands between the weights and the scores."""
    train = tuple(part[:images] for part in split.train)
    fit_whole(model, train, split.validation, epochs=epochs, learning_rate=rate, seed=seed, batch_size=64)


# --- bits -----------------------------------------------------------------------------------------------------------


def _bits(task: str, bits: int | None, aware: bool, seed: int, _: Path) -> Record:
    """A record of the model with weights of so many bits: rounded, or trained on with them."""
    model, split, curve = trained(task, seed)
    chip = VirtualChip(copy.deepcopy(model), Limits(weight_bits=bits))
    if aware:
        tuned(chip, split, seed)
    right = accuracy(chip, *split.test)
    return RECIPES[task].measured(chip.model, split, curve, accuracy=right, bits=bits or 32)


def _bits_runs(task: str) -> dict[str, Callable[[int, Path], Record]]:
    ways = {"float": (None, False), "float, trained on": (None, True)}
    ways |= {f"rounded to {bits} bits": (bits, False) for bits in BITS}
    ways |= {f"trained with {bits} bits": (bits, True) for bits in BITS}
    return {name: partial(_bits, task, *how) for name, how in ways.items()}


# --- circuits that differ -------------------------------------------------------------------------------------------


Weights = Callable[[str, float, int, int], LIReadout]  # (task, mismatch, seed, chip) to the model that it runs


@functools.cache
def _own(task: str, mismatch: float, seed: int, chip: int) -> LIReadout:
    """The model of this seed after training with this chip in the loop."""
    model, split, _ = trained(task, seed)
    own = copy.deepcopy(model)
    tuned(InTheLoop(VirtualChip(own, limits(mismatch), chip)), split, seed)
    return own


@functools.cache
def _any_chip(task: str, mismatch: float, seed: int) -> LIReadout:
    """The model of this seed after training on chips of this mismatch, another one for every batch."""
    model, split, _ = trained(task, seed)
    own = copy.deepcopy(model)
    tuned(AnyChip(own, limits(mismatch)), split, seed, images=len(split.train[0]), epochs=4)
    return own


def _mismatch(task: str, weights: Weights, mismatch: float, seed: int, _: Path, *, calibrated: bool = False) -> Record:
    """A record of 20 chips: its accuracy is their median, its curve holds all of them."""
    model, split, curve = trained(task, seed)
    test = tuple(part[:1000] for part in split.test)
    torch.manual_seed(seed)  # the chips' noise
    found = []
    for number in CHIPS:
        chip = VirtualChip(weights(task, mismatch, seed, number), limits(mismatch), number)
        found.append(accuracy(calibrate(chip) if calibrated else chip, *test))
    record = RECIPES[task].measured(model, split, curve | {"accuracy of each chip": found}, bits=6)
    return replace(
        record,
        data=record.data | {"test": len(test[1])},
        config=record.config | {"mismatch": mismatch, "chips": len(CHIPS)},
        accuracy=statistics.median(found),
        beside={"float": record.accuracy, "lowest": min(found), "highest": max(found)},
    )


def _mismatch_runs(task: str) -> dict[str, Callable[[int, Path], Record]]:
    def as_it_is(task: str, mismatch: float, seed: int, chip: int) -> LIReadout:
        return trained(task, seed)[0]

    at_20: dict[str, Weights] = {
        "in the loop": _own,
        "in the loop of another chip": lambda *run: _own(*run[:3], (run[3] + 1) % len(CHIPS)),
        "trained for any chip": lambda *run: _any_chip(*run[:3]),
        "trained as long on chips that are alike": lambda task, mismatch, seed, chip: _any_chip(task, 0.0, seed),
    }
    plain = {f"as it is, {mismatch:.0%}": partial(_mismatch, task, as_it_is, mismatch) for mismatch in MISMATCHES}
    helped = {name.replace("as it is", "calibrated"): partial(run, calibrated=True) for name, run in plain.items()}
    return plain | helped | {f"{name}, 20%": partial(_mismatch, task, way, 0.2) for name, way in at_20.items()}


PATCH_RUNS = {
    name: run
    for name, run in (_bits_runs("easy patches") | _mismatch_runs("easy patches")).items()
    if name == "float" or name.endswith((" 6 bits", " 4 bits")) or name in ("as it is, 20%", "calibrated, 20%")
}

EXPERIMENTS = (
    Experiment("chip-bits", "faint stripes with weights of 2 to 8 bits", _bits_runs("faint")),
    Experiment("chip-bits-plain", "plain stripes with weights of 2 to 8 bits", _bits_runs("plain")),
    Experiment("chip-mismatch", "faint stripes on 20 chips whose circuits differ", _mismatch_runs("faint"), (0, 1, 2)),
    Experiment("chip-patches", "easy patches with few bits, and on 20 chips", PATCH_RUNS, (0, 1, 2)),
)
