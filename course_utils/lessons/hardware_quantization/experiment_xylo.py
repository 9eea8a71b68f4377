"""A network for Xylo on stripes: in floating point, and in the chip's simulator (lesson 17).

The learning rate and the number of epochs were chosen on the validation images of the plain and the faint stripes; the
hard ones are tried with the same. The test images are read once.
"""

import functools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from course_utils.chips.xylo import HIDDEN_SPIKES, INPUT_SPIKES, XyloNet, columns, one_step_later, quantized, simulate
from course_utils.data import stripes
from course_utils.lessons.hardware_quantization.experiment import FAINT, LESSON
from course_utils.lessons.stripe_snn.experiment import FIRST_TEST, Splits, pixels_of
from course_utils.training.experiment import Experiment, fit_whole
from course_utils.training.ledger import Record, versions

EPOCHS, LEARNING_RATE, BATCH = 6, 3e-3, 64
TASKS = {"plain": stripes.PLAIN, "faint": FAINT, "hard": stripes.HARD}
FLOAT, CHIP = "floating point", "Xylo's simulator"


@functools.cache
def trained(task: str, seed: int) -> tuple[XyloNet, Splits, dict[str, list[float]]]:
    """The network of a seed, the images and its curve."""
    splits = Splits.draw(seed, TASKS[task], first_test=FIRST_TEST)
    torch.manual_seed(seed)
    network = XyloNet()
    history = fit_whole(
        network,
        splits.train,
        splits.validation,
        epochs=EPOCHS,
        learning_rate=LEARNING_RATE,
        seed=seed,
        batch_size=BATCH,
    )
    return network, splits, {"loss": history.loss, "accuracy": history.accuracy}


def _record(task: str, where: str, seed: int, _: Path) -> Record:
    """Where the network runs: `FLOAT`, or `CHIP` with its integers."""
    network, splits, curve = trained(task, seed)
    images, labels = splits.test
    spikes = columns(images)
    with torch.no_grad():
        ran = network.run(spikes) if where == FLOAT else simulate(quantized(network), spikes)
    hidden, inputs = network.hidden.linear.weight.shape
    outputs = len(network.output.linear.weight)
    guesses = torch.tensor(stripes.row_column_baseline(pixels_of(images)))
    arrived = one_step_later(ran.hidden).sum().item()
    return Record(
        lesson=LESSON,
        task=f"stripes, {task}",
        model=f"{task}, {where}",
        data=splits.sizes,
        seed=seed,
        config={"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "batch_size": BATCH, "hidden": hidden},
        accuracy=(ran.scores.argmax(1) == labels).double().mean().item(),
        baseline={"name": "row and column variance", "accuracy": (guesses == labels).double().mean().item()},
        parameters=sum(values.numel() for values in network.parameters()),
        # every input and hidden neuron at its most: each spike of a step is added for itself
        dense=float(len(spikes) * hidden * (inputs * INPUT_SPIKES + outputs * HIDDEN_SPIKES)),
        multiply_accumulates=0.0,
        accumulates=(spikes.sum().item() * hidden + arrived * outputs) / len(labels),
        spikes=(ran.hidden.sum().item() + ran.output.sum().item()) / len(labels),
        time_steps=len(spikes),
        bits=32 if where == FLOAT else 8,
        versions=versions("torch", *(["xylosim"] if where == CHIP else [])),
        curve=curve,
    )


def _runs() -> dict[str, Callable[[int, Path], Record]]:
    return {f"{task}, {where}": partial(_record, task, where) for task in TASKS for where in (FLOAT, CHIP)}


EXPERIMENTS = (Experiment("xylo", "stripes, column by column, in the simulator of Xylo", _runs()),)
