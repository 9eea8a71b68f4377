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
from course_utils.data import stripes
from course_utils.lessons.hardware_quantization.experiment import RECIPES, trained
from course_utils.lessons.stripe_snn.experiment import FIRST_TEST, stripe_task
from course_utils.spiking.stripe_networks import Activity, LIReadout
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions

# So faint that the model, trained on stripes of more than twice this contrast, is right in about 90 %: where it is
# nearly always right, two chips that differ would still agree. The contrast was chosen with images before these.
CONTRAST, COUNT = 0.18, 500
FAINTER = stripe_task(
    "stripes, fainter", stripes.StripeSettings(noise=(0.3,), contrast=CONTRAST), first_test=FIRST_TEST + 100_000
)

WAYS: dict[str, Callable[[LIReadout, Tensor], Activity]] = {
    "float": lambda model, images: model.activity(images),
    "8-bit weights": lambda model, images: VirtualChip(model, Limits(weight_bits=7)).activity(images),
    "8-bit weights and biases": lambda model, images: loihi.on_the_grid(model).activity(images),
    "Loihi by hand": lambda model, images: loihi.VirtualLoihi(model).activity(images),
    "Loihi's emulator": loihi.emulate,
}


def fainter(seed: int, count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Images float [count, 1, 16, 16] and labels [count] of the fainter stripes."""
    return FAINTER.draw(seed, 1, 0, count).test


def correlation(ours: Activity, theirs: Activity) -> float:
    """Of hidden spike counts, over all neurons and images."""
    counts = torch.stack([activity.hidden.sum(0).flatten() for activity in (ours, theirs)])
    return torch.corrcoef(counts)[0, 1].item()


def agreement(model: LIReadout, ours: Activity, theirs: Activity) -> float:
    """The share of images to which both give the same class."""
    ours, theirs = (model.scores(activity.readout).argmax(1) for activity in (ours, theirs))
    return (ours == theirs).double().mean().item()


@functools.cache
@torch.no_grad()
def _activities(seed: int) -> dict[str, Activity]:
    model, _, _ = trained("faint", seed)
    images, _ = fainter(seed)
    return {name: way(model, images) for name, way in WAYS.items()}


@torch.no_grad()
def _run(name: str, seed: int, _: Path) -> Record:
    """A record of one way to run the model, and how near it is to the emulator."""
    model, split, curve = trained("faint", seed)
    images, labels = fainter(seed)
    ours, emulated = _activities(seed)[name], _activities(seed)["Loihi's emulator"]
    record = RECIPES["faint"].measured(
        model,
        replace(split, test=(images, labels)),
        curve,
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
