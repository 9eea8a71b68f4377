"""The fifth model on virtual chips: how many bits a weight needs, and what circuits that differ cost."""

import copy
import functools
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.chips.chip_training import AnyChip, InTheLoop, calibrate
from course_utils.chips.virtual_chip import AS_READ, BRAINSCALES, NIGHTLY, NO_LIMITS, Limits, VirtualChip
from course_utils.lessons.hardware_quantization.faint import (
    BITS,
    FAINT,
    MISMATCHES,
    SCALE,
    STEPS,
    limits,
    small_network,
)
from course_utils.lessons.stripe_snn.experiment import Recipe, awake
from course_utils.spiking import stripe_networks as models
from course_utils.spiking.stripe_networks import LIReadout
from course_utils.training.experiment import Experiment, Split, curve_of
from course_utils.training.ledger import Record
from course_utils.training.loop import accuracy, fit

CHIPS = range(20)

# The fifth model with a pool that adds up. On faint stripes more images, and half the current, as on the hard set.
RECIPE = Recipe(
    "hardware_quantization",
    FAINT,
    partial(awake, gain=12.0, pool="sum", encode=partial(models.stripe_input, scale=SCALE, steps=STEPS)),
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

# --- one limit at a time --------------------------------------------------------------------------------------------

ONE_LIMIT = {
    "float": NO_LIMITS,
    **{f"weights of {bits} bits": Limits(weight_bits=bits) for bits in (6, 4, 3, 2)},
    "membranes end": Limits(clip=True),
    "8-bit readout every 2 µs": Limits(converter=True, sample_us=2.0),
    "noise": Limits(noise=0.02, converter=True, readout_noise_lsb=1.0),
    **{f"{events} spikes a µs": Limits(events_per_us=events) for events in (40, 20, 10, 5)},
    "input gains that differ by 20%": Limits(gain_mismatch=0.2),
    "the same, calibrated": Limits(gain_mismatch=0.2),
    "BrainScaleS-2's limits": BRAINSCALES,
    "reset at 70 LSB": replace(BRAINSCALES, reset_lsb=70),
    "refractory time of 2 µs": replace(BRAINSCALES, refractory_us=2.0),
    "synapses of 10 µs": BRAINSCALES,
    "all three, the nightly calibration": NIGHTLY,
    "as hxtorch's reader asks": AS_READ,
}
SLOW_SYNAPSES = ("synapses of 10 µs", "all three, the nightly calibration")


@functools.cache
def _small(seed: int) -> tuple[LIReadout, Tensor, Tensor, Record]:
    """The lesson's own small network, 200 test images, its hidden spikes on them, and its record."""
    model, split, learned = small_network(seed)
    split = replace(split, test=tuple(part[:200] for part in split.test))
    record = RECIPE.measured(model, split, curve_of(learned), config={"epochs": 2, "learning_rate": 1e-2})
    return model, *split.test, record


def _one_limit(name: str, seed: int, _: Path) -> Record:
    """A record of that network with one limit; the seed is also the chip's. Spikes are compared with the model's."""
    model, images, labels, record = _small(seed)
    chip = VirtualChip(model, ONE_LIMIT[name], seed)
    torch.manual_seed(seed)  # the chip's noise
    if name in SLOW_SYNAPSES:
        chip.with_tau_syn(10.0)
    if name == "the same, calibrated":
        calibrate(chip, gains=True)
    right = spikes = changed = 0.0
    for batch, wanted in zip(images.split(100), labels.split(100), strict=True):
        with torch.no_grad():
            ours, theirs = chip.activity(batch), model.activity(batch)
        right += (model.scores(ours.readout).argmax(1) == wanted).sum().item()
        spikes += ours.hidden.sum().item()
        changed += (ours.hidden != theirs.hidden).sum().item()
    told = {"hidden spikes": spikes / len(labels), "hidden decisions changed": changed / len(labels)}
    return replace(record, accuracy=right / len(labels), measured=told)


EXPERIMENTS = (
    Experiment(
        "chip-limits",
        "faint stripes with one limit of a chip at a time",
        {name: partial(_one_limit, name) for name in ONE_LIMIT},
        range(10),
    ),
    Experiment("chip-bits", "faint stripes with weights of 2 to 8 bits", BITS_RUNS),
    Experiment("chip-mismatch", "faint stripes on 20 chips whose circuits differ", MISMATCH_RUNS, (0, 1, 2)),
)
