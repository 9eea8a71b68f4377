"""A network for Xylo on stripes: in floating point, and in the chip's simulator.

The learning rate and the number of epochs were chosen on the validation images of the plain and the faint stripes; the
hard ones are tried with the same. The test images are read once.
"""

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from course_utils.chips.xylo import (
    HIDDEN_SPIKES,
    INPUT_SPIKES,
    XyloNet,
    columns,
    one_step_later,
    quantized,
    run_simulator,
)
from course_utils.lessons.hardware_quantization.experiment import LESSON
from course_utils.lessons.hardware_quantization.faint import FAINT
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, HARD, PLAIN
from course_utils.training.counting import Operations
from course_utils.training.experiment import Experiment, Split, curve_of, fit_whole, measured
from course_utils.training.ledger import Record, versions

HOW = {"epochs": 6, "learning_rate": 3e-3, "batch_size": 64}
TASKS = {"plain": replace(PLAIN, first_test=FIRST_TEST), "faint": FAINT, "hard": HARD}
FLOAT, CHIP = "floating point", "Xylo's simulator"


@cache
def _trained(task: str, seed: int) -> tuple[XyloNet, Split, dict[str, list[float]]]:
    """The network of a seed, the images and its curve."""
    split = TASKS[task].draw(seed)
    torch.manual_seed(seed)
    network = XyloNet()
    return network, split, curve_of(fit_whole(network, split.train, split.validation, seed=seed, **HOW))


def _record(task: str, where: str, seed: int, _: Path) -> Record:
    """Where the network runs: `FLOAT`, or `CHIP` with its integers."""
    network, split, curve = _trained(task, seed)
    images, labels = split.test
    spikes = columns(images)
    with torch.no_grad():
        ran = network.run(spikes) if where == FLOAT else run_simulator(quantized(network), spikes)
    hidden, inputs = network.hidden.linear.weight.shape
    outputs = len(network.output.linear.weight)
    arrived = one_step_later(ran.hidden).sum().item()
    cost = Operations(
        spikes=(ran.hidden.sum().item() + ran.output.sum().item()) / len(labels),
        accumulates=(spikes.sum().item() * hidden + arrived * outputs) / len(labels),
        multiply_accumulates=0.0,
        # every input and hidden neuron at its most: each spike of a step is added for itself
        dense=float(len(spikes) * hidden * (inputs * INPUT_SPIKES + outputs * HIDDEN_SPIKES)),
    )
    return measured(
        network,
        split,
        cost=cost,
        lesson=LESSON,
        task=TASKS[task].name,
        config=HOW | {"hidden": hidden},
        accuracy=(ran.scores.argmax(1) == labels).double().mean().item(),
        baseline=TASKS[task].baseline(split),
        time_steps=len(spikes),
        bits=32 if where == FLOAT else 8,
        versions=versions("torch", *(["xylosim"] if where == CHIP else [])),
        curve=curve,
    )


RUNS = {f"{task}, {where}": partial(_record, task, where) for task in TASKS for where in (FLOAT, CHIP)}
EXPERIMENTS = (Experiment("xylo", "stripes, column by column, in the simulator of Xylo", RUNS),)
