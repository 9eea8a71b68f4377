"""A network for Xylo on stripes: in floating point, and in the chip's simulator.

The learning rate and the number of epochs were chosen on the validation images of the plain and the faint stripes; the
hard ones are tried with the same. The test images are read once.
"""

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from course_utils.chips.xylo import XyloNet, columns, operations, quantized, run_integers, run_simulator
from course_utils.lessons.hardware_quantization.faint import FAINT
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, HARD, PLAIN
from course_utils.training.experiment import Experiment, Split, curve_of, measured
from course_utils.training.ledger import Record, versions
from course_utils.training.loop import fit

HOW = {"epochs": 6, "learning_rate": 3e-3, "batch_size": 64}
TASKS = {"plain": replace(PLAIN, first_test=FIRST_TEST), "faint": FAINT, "hard": HARD}
FLOAT, CHIP = "floating point", "Xylo's simulator"


@cache
def _trained(task: str, seed: int) -> tuple[XyloNet, Split, dict[str, list[float]]]:
    """The network of a seed, the images and its curve."""
    split = TASKS[task].draw(seed)
    torch.manual_seed(seed)
    network = XyloNet()
    return network, split, curve_of(fit(network, split.train, split.validation, seed=seed, **HOW))


def _record(task: str, where: str, seed: int, _: Path) -> Record:
    """Where the network runs: `FLOAT`, or `CHIP` with its integers."""
    network, split, curve = _trained(task, seed)
    images, labels = split.test
    spikes = columns(images)
    with torch.no_grad():
        ran = network.run(spikes) if where == FLOAT else run_simulator(quantized(network), spikes)
    return measured(
        network,
        split,
        cost=operations(network, spikes, ran),
        lesson="chip_toolchains",
        task=TASKS[task].name,
        config=HOW | {"hidden": len(network.hidden.linear.weight)},
        accuracy=(ran.scores.argmax(1) == labels).double().mean().item(),
        baseline=TASKS[task].baseline(split),
        time_steps=len(spikes),
        bits=32 if where == FLOAT else 8,
        versions=versions("torch", *(["xylosim"] if where == CHIP else [])),
        curve=curve,
    )


def _state(bits: int, steps: int, seed: int, _: Path) -> Record:
    """A record of the faint stripes with a state of so many bits, stopped after so many steps."""
    network, split, curve = _trained("faint", seed)
    images, labels = split.test
    spikes = columns(images)[:steps]
    ran = run_integers(quantized(network, bits), spikes)
    return measured(
        network,
        split,
        cost=operations(network, spikes, ran),
        lesson="chip_toolchains",
        task=FAINT.name,
        config=HOW | {"state_bits": bits},
        accuracy=(ran.scores.argmax(1) == labels).double().mean().item(),
        baseline=FAINT.baseline(split),
        time_steps=steps,
        bits=8,
        curve=curve,
    )


RUNS = {f"{task}, {where}": partial(_record, task, where) for task in TASKS for where in (FLOAT, CHIP)}
STATES = {f"{bits} bits": partial(_state, bits, 18) for bits in (16, 12, 10, 8, 7, 6, 5)}
STATES |= {"16 bits, one empty step": partial(_state, 16, 17), "16 bits, no empty step": partial(_state, 16, 16)}
EXPERIMENTS = (
    Experiment("xylo", "stripes, column by column, in the simulator of Xylo", RUNS),
    Experiment("xylo-state", "faint stripes on Xylo with fewer bits of state, or fewer steps", STATES, range(10)),
)
