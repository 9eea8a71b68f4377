"""What a run of an experiment is made of: `Split`, the data in three parts; `real`, which refuses a stand-in for a data
set; `measured`, which makes the record.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded
from course_utils.training.counting import OperationCounter, Operations
from course_utils.training.ledger import Record
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


@guarded
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
