"""An experiment: models, each trained from several seeds, every run ending in a record that tables read.

What a run is made of stands here, once for all experiments: `Split`, the data in three parts; `real`, which refuses a
stand-in for a data set; `measured`, which makes the record.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data.files import try_to_write
from course_utils.training import ledger
from course_utils.training.counting import OperationCounter, Operations
from course_utils.training.ledger import Described, Record
from course_utils.training.loop import History, accuracy

Part = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Split:
    """Data in three parts, each of inputs [count, …] and labels [count]."""

    source: str  # for tables
    train: Part
    validation: Part  # to choose with; empty where nothing is chosen
    test: Part  # read once, at the end

    @property
    def sizes(self) -> dict[str, str | int]:
        """What a record says of the data."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {"source": self.source} | {name: len(labels) for name, (_, labels) in parts.items()}


def real(name: str, *parts: Any) -> tuple:
    """The parts of a data set as they are loaded, if their `source` is what it should be, else a `ValueError`.

        train, test = real("MNIST", *load_images("MNIST"))

    Where a data set is missing, lessons fall back to a smaller one, with which this would be another experiment.
    """
    if any(part.source != name for part in parts):
        raise ValueError(f"this experiment needs {name} itself: in $COURSE_DATA, in data/, or a network to fetch it")
    return parts


def curve_of(history: History) -> dict[str, list[float]]:
    """What a record keeps of a training: a number an epoch."""
    return {"loss": history.loss, "accuracy": history.accuracy}


def measured(
    model: nn.Module | None,
    split: Split,
    /,
    *,
    forward: Callable[[Tensor], object] | None = None,
    spiking: tuple[type[nn.Module], ...] = (),
    samples: int = 200,
    cost: Operations | None = None,
    **fields: Any,
) -> Record:
    """The record of a trained network, with all that follows from the network and its data.

        measured(model, split, lesson="stripe_snn", task="stripes, plain", config={"epochs": 9}, baseline=rule)

    Args:
        model: the network, on the device where it runs; None if all that it would tell is given.
        split: what it was trained and is tested with.
        forward: how it meets inputs, where calling it is not enough.
        spiking: classes of its layers whose (first) output are spikes.
        samples: with how many test inputs the operations are counted.
        cost: of a sample, where it is not to be counted.
        fields: of the record; `accuracy` and `parameters` go before what the model would tell.
    """
    inputs, labels = split.test
    if cost is None:
        sample = inputs[:samples]
        with torch.no_grad(), OperationCounter(model, spiking=spiking) as counter:
            (forward or model)(sample)
        cost = counter.per_sample(len(sample))
    if "accuracy" not in fields:
        fields["accuracy"] = accuracy(model, inputs, labels)
    if "parameters" not in fields:
        fields["parameters"] = sum(values.numel() for values in model.parameters())
    return Record(data=split.sizes, **asdict(cost), **fields)


@dataclass(frozen=True)
class Experiment:
    """Models to train and seeds to train them from.

    `runs` says how each model, by its name in tables, is trained and tested: (seed, checkpoint) to a record. The
    checkpoint is a file in which the run may keep what it needs to go on after an interruption.
    """

    name: str  # what the command line calls it
    about: str  # one line for the list
    runs: Mapping[str, Callable[[int, Path], Record]]
    seeds: Sequence[int] = (0, 1, 2, 3, 4)  # of every model

    def run(
        self, folder: Path | None = None, *, seeds: Sequence[int] | None = None, models: Sequence[str] | None = None
    ) -> Iterator[Record]:
        """Run what has no record in the folder yet, one model and seed after the other, and write each record.

        An interrupted run goes on from its checkpoint at the next call. Each record comes as soon as it is written.

        Args:
            folder: where records and, while a run is under way, checkpoints are kept; as in `ledger.write` if None.
            seeds: only these of the experiment's; None takes all.
            models: the same for the models.

        Raises:
            CannotWrite: the folder cannot be written; nothing was trained then.
        """
        folder = folder or ledger.mine()
        for name, wanted, known in (("seeds", seeds, self.seeds), ("models", models, self.runs)):
            if unknown := set(wanted or ()) - set(known):
                raise ValueError(f"{name} hold {sorted(unknown)}; {self.name} has {list(known)}")
        wanted = set(models or self.runs)
        writes = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts the first one writes
        if writes:
            try_to_write(folder / "unfinished")
            ledger.describe(self.name, Described(self.about, list(self.runs), list(self.seeds)), folder)
        for number, (model, run) in enumerate(self.runs.items(), start=1):
            for seed in seeds or self.seeds:
                if model not in wanted or (model, seed) in ledger.runs(self.name, folder):  # somebody's by now
                    continue
                checkpoint = folder / "unfinished" / f"{self.name}-{number}-seed{seed}.safetensors"
                record = replace(run(seed, checkpoint), experiment=self.name, model=model, seed=seed)
                if writes:
                    ledger.write(record, folder)
                    for file in checkpoint.parent.glob(f"{checkpoint.stem}.*"):
                        file.unlink(missing_ok=True)  # another process may have been faster
                yield record
