"""The fifth model on virtual chips: how many bits a weight needs, and what circuits that differ cost."""

import copy
import functools
import statistics
from collections.abc import Callable, Iterator
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
        partial(awake, gain=12.0, pool="sum", encode=partial(models.constant_current, scale=10.0, steps=STEPS)),
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


def _as_it_is(task: str, mismatch: float, seed: int) -> Iterator[nn.Module]:
    for chip in CHIPS:
        yield VirtualChip(trained(task, seed)[0], limits(mismatch), chip)


def _calibrated(task: str, mismatch: float, seed: int) -> Iterator[nn.Module]:
    for chip in _as_it_is(task, mismatch, seed):
        yield calibrate(chip)


@functools.cache
def _own(task: str, mismatch: float, seed: int, chip: int) -> LIReadout:
    """The model with weights that were trained with this chip in the loop."""
    model, split, _ = trained(task, seed)
    own = copy.deepcopy(model)
    tuned(InTheLoop(VirtualChip(own, limits(mismatch), chip)), split, seed)
    return own


def _in_the_loop(task: str, mismatch: float, seed: int, *, further: int = 0) -> Iterator[nn.Module]:
    """Each chip with the weights of its own, or with those of the chip that is `further` numbers on."""
    for chip in CHIPS:
        yield VirtualChip(_own(task, mismatch, seed, (chip + further) % len(CHIPS)), limits(mismatch), chip)


def _any_chip(task: str, mismatch: float, seed: int, *, met: float | None = None) -> Iterator[nn.Module]:
    """Weights for chips that they never met; in training they met others, of mismatch `met` if it is given."""
    model, split, _ = trained(task, seed)
    own = copy.deepcopy(model)
    tuned(AnyChip(own, limits(mismatch if met is None else met)), split, seed, images=len(split.train[0]), epochs=4)
    for chip in CHIPS:
        yield VirtualChip(own, limits(mismatch), chip)


def _mismatch(
    task: str, way: Callable[[str, float, int], Iterator[nn.Module]], mismatch: float, seed: int, _: Path
) -> Record:
    """A record of 20 chips: its accuracy is their median, its curve holds all of them."""
    model, split, curve = trained(task, seed)
    test = tuple(part[:1000] for part in split.test)
    torch.manual_seed(seed)  # the chips' noise
    found = [accuracy(chip, *test) for chip in way(task, mismatch, seed)]
    record = RECIPES[task].measured(model, split, curve | {"accuracy of each chip": found}, bits=6)
    return replace(
        record,
        data=record.data | {"test": len(test[1])},
        config=record.config | {"mismatch": mismatch, "chips": len(CHIPS)},
        accuracy=statistics.median(found),
        beside={"float": record.accuracy, "lowest": min(found), "highest": max(found)},
    )


def _mismatch_runs(task: str) -> dict[str, Callable[[int, Path], Record]]:
    ways = {
        f"{name}, {mismatch:.0%}": (way, mismatch)
        for name, way in (("as it is", _as_it_is), ("calibrated", _calibrated))
        for mismatch in MISMATCHES
    }
    ways |= {
        "in the loop, 20%": (_in_the_loop, 0.2),
        "in the loop of another chip, 20%": (partial(_in_the_loop, further=1), 0.2),
        "trained for any chip, 20%": (_any_chip, 0.2),
        "trained as long on chips that are alike, 20%": (partial(_any_chip, met=0.0), 0.2),
    }
    return {name: partial(_mismatch, task, *how) for name, how in ways.items()}


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
