"""A network for Xylo on stripes: in floating point, and in the chip's simulator.

The learning rate and the number of epochs were chosen on the validation images of the plain and the faint stripes; the
hard ones are tried with the same. The test images are read once.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.chips.xylo import XyloNet, XyloRun, columns, operations, quantized, run_integers, run_simulator
from course_utils.lessons.hardware_quantization.faint import FAINT
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, HARD, PLAIN
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions
from course_utils.training.loop import fit
from course_utils.training.measuring import Split, curve_of, measured

HOW = {"epochs": 6, "learning_rate": 3e-3, "batch_size": 64}
TASKS = {"plain": replace(PLAIN, first_test=FIRST_TEST), "faint": FAINT, "hard": HARD}


@cache
def _trained(task: str, seed: int) -> tuple[XyloNet, Split, dict[str, list[float]]]:
    """The network of a seed, the images and its curve."""
    split = TASKS[task].draw(seed)
    torch.manual_seed(seed)
    network = XyloNet()
    return network, split, curve_of(fit(network, split.train, split.validation, seed=seed, **HOW))


def _record(
    task: str, seed: int, _: Path, *, run: Callable[[XyloNet, Tensor], XyloRun], steps: int | None = None, **fields: Any
) -> Record:
    """A record of a network that runs in some way, stopped after so many steps if they are given."""
    network, split, curve = _trained(task, seed)
    spikes = columns(split.test[0])[:steps]
    with torch.no_grad():
        ran = run(network, spikes)
    own = {
        "cost": operations(network, spikes, ran),
        "lesson": "chip_toolchains",
        "task": TASKS[task].name,
        "config": HOW | {"hidden": len(network.hidden.linear.weight)},
        "accuracy": (ran.scores.argmax(1) == split.test[1]).double().mean().item(),
        "baseline": TASKS[task].baseline(split),
        "time_steps": len(spikes),
        "bits": 8,
        "curve": curve,
    }
    return measured(network, split, **own | fields)


def _simulated(task: str, seed: int, checkpoint: Path) -> Record:
    record = _record(task, seed, checkpoint, run=lambda network, spikes: run_simulator(quantized(network), spikes))
    return replace(record, versions=versions("torch", "xylosim"))


def _state(bits: int, steps: int, seed: int, checkpoint: Path) -> Record:
    """A record of the faint stripes with a state of so many bits, stopped after so many steps."""

    def run(network: XyloNet, spikes: Tensor) -> XyloRun:
        return run_integers(quantized(network, bits), spikes)

    return _record("faint", seed, checkpoint, run=run, steps=steps, config=HOW | {"state_bits": bits})


RUNS = {}
for _task in TASKS:
    RUNS[f"{_task}, floating point"] = partial(_record, _task, run=XyloNet.run, bits=32)
    RUNS[f"{_task}, Xylo's simulator"] = partial(_simulated, _task)
STATES = {f"{bits} bits": partial(_state, bits, 18) for bits in (16, 12, 10, 8, 7, 6, 5)}
STATES |= {"16 bits, one empty step": partial(_state, 16, 17), "16 bits, no empty step": partial(_state, 16, 16)}
EXPERIMENTS = (
    Experiment("xylo", "stripes, column by column, in the simulator of Xylo", RUNS),
    Experiment("xylo-state", "faint stripes on Xylo with fewer bits of state, or fewer steps", STATES, range(10)),
)
