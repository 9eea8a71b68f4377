"""The fifth model, trained in floating point, on Loihi: its emulator, and what it computes worked out by hand."""

import functools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from course_utils.chips import loihi
from course_utils.chips.virtual_chip import Limits, VirtualChip
from course_utils.lessons.chip_toolchains.fainter import CONTRAST, FAINTER, agreement, correlation, fainter
from course_utils.lessons.hardware_quantization.experiment import RECIPE, trained
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import Activity
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions

WAYS: dict[str, Callable[[LIReadout, Tensor], Activity]] = {
    "float": lambda model, images: model.activity(images),
    "8-bit weights": lambda model, images: VirtualChip(model, Limits(weight_bits=7)).activity(images),
    "8-bit weights and biases": lambda model, images: loihi.on_the_grid(model).activity(images),
    "Loihi by hand": lambda model, images: loihi.VirtualLoihi(model).activity(images),
    "Loihi's emulator": loihi.emulate,
}


@functools.cache
@torch.no_grad()
def _activities(seed: int) -> dict[str, Activity]:
    model, _, _ = trained(seed)
    images, _ = fainter(seed)
    return {name: way(model, images) for name, way in WAYS.items()}


@torch.no_grad()
def _run(name: str, seed: int, _: Path) -> Record:
    """A record of one way to run the model, and how near it is to the emulator."""
    model, split, curve = trained(seed)
    images, labels = fainter(seed)
    ours, emulated = _activities(seed)[name], _activities(seed)["Loihi's emulator"]
    record = RECIPE.measured(
        model,
        replace(split, test=(images, labels)),
        curve,
        lesson="chip_toolchains",
        task=FAINTER.name,
        accuracy=(model.scores(ours.readout).argmax(1) == labels).double().mean().item(),
        beside={
            "classes as the emulator's": agreement(model, ours, emulated),
            "hidden counts, correlation with the emulator's": correlation(ours, emulated),
            "hidden spikes unlike the emulator's": (ours.hidden != emulated.hidden).double().mean().item(),
        },
        measured={"largest difference of potentials": (ours.readout - emulated.readout).abs().max().item()},
        bits=32 if name == "float" else 8,
        versions=versions("torch", "norse", "nengo", "nengo-loihi"),
    )
    spikes = ours.hidden.sum().item() / len(labels)
    return replace(record, config=record.config | {"contrast": CONTRAST}, spikes=spikes)


EXPERIMENTS = (
    Experiment(
        "loihi",
        "fainter stripes in Loihi's emulator, and in its whole numbers by hand",
        {name: partial(_run, name) for name in WAYS},
    ),
)
