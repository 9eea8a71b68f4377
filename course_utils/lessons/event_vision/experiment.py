"""N-MNIST by cross-validation: a spiking convnet on frames of events, and what it loses when time is taken away.

The 1,100 recordings make five folds. The seed of a run is the number of the fold that is its test set, read once at the
end; it trains on the other four. Network, learning rate and number of epochs were chosen on simulated recordings; a
part of fold 0's training recordings was looked at once, to see that they do for real ones, too.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.data.digits import load_images
from course_utils.data.events import Recordings, frames, load_nmnist
from course_utils.data.saccades import simulate_saccades
from course_utils.lessons.event_vision.models import GAIN, ORDERS, Order, displaced, event_net, in_order
from course_utils.spiking.layers import SpikingNeurons
from course_utils.training import long_training
from course_utils.training.baselines import linear_accuracy
from course_utils.training.counting import OperationCounter
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions
from course_utils.training.long_training import Plan

STEPS = 8
FOLDS = 5
PLAN = Plan(30, 40, 4e-3, weight_decay=1e-2)
FOR_TESTING = 10**6  # stands where an epoch stands in the keys of test recordings


class Split(NamedTuple):
    """Spikes uint8 [count, time, 2, 34, 34] and labels, to learn from and to test with. `source` is for tables."""

    source: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def spikes_of(recordings: Recordings, steps: int = STEPS) -> Tensor:
    """Frames of equal time of all recordings, uint8 [count, time, 2, 34, 34]."""
    return torch.stack([frames(events, steps).to(torch.uint8) for events in recordings.events])


@cache
def _all_recordings() -> tuple[Tensor, Tensor]:
    """The 1,100 first recordings, training and test set together, in a random order that never changes."""
    train, test = load_nmnist(1000, 100)
    kept = [_first(train, 1000), _first(test, 100)]
    order = torch.randperm(1100, generator=torch.Generator().manual_seed(0))
    return torch.cat([spikes_of(part) for part in kept])[order], torch.cat([part.labels for part in kept])[order]


def _first(recordings: Recordings, count: int) -> Recordings:
    """The recordings with the lowest numbers: of the whole set the same ones as in the part with 1,100."""
    if len(recordings.labels) < count:
        raise ValueError(f"{recordings.source} has {len(recordings.labels)} recordings; {count} are needed")
    order = recordings.numbers.argsort()[:count]
    return Recordings(
        recordings.source, [recordings.events[at] for at in order], recordings.labels[order], recordings.numbers[order]
    )


def fold(number: int) -> Split:
    """Every fifth recording, from `number` on, is for the test."""
    spikes, labels = _all_recordings()
    is_test = torch.arange(len(labels)) % FOLDS == number
    source = "N-MNIST, its first 1,000 + 100 recordings"
    return Split(source, (spikes[~is_test], labels[~is_test]), (spikes[is_test], labels[is_test]))


def simulated(seed: int, *, train: int = 20_000, test: int = 1000) -> Split:
    """Simulated saccades over MNIST: its first training and its first test images.

    Raises:
        ValueError: MNIST is not here; the small digits that lessons fall back to would be another experiment.
    """
    images = load_images("MNIST")
    if images[0].source != "MNIST":
        raise ValueError("this experiment needs MNIST itself: in $COURSE_DATA, in data/, or a network to fetch it")
    parts = []
    for some, count, first in ((images[0], train, 0), (images[1], test, len(images[0].labels))):
        numbers = torch.arange(min(count, len(some.labels)))
        spikes = [
            frames(events, STEPS).to(torch.uint8)
            for few in numbers.split(500)
            for events in simulate_saccades(some.images[few], seed=seed, samples=first + few)
        ]
        parts.append((torch.stack(spikes), some.labels[numbers]))
    return Split("simulated saccades over MNIST", *parts)


@dataclass(frozen=True)
class Run:
    """One network under one treatment of time.

    Attributes:
        task: for tables.
        split: of a seed to the data.
        order: in which it meets the frames, in training and in the test.
        plan: of the training.
        displace: whether training recordings are turned, scaled and moved at random.
    """

    task: str
    split: Callable[[int], Split]
    order: Order = "kept"
    plan: Plan = PLAN
    displace: bool = True

    def forward(self, model: nn.Module, spikes: Tensor, keys: Tensor, order: Order | None = None) -> Tensor:
        """Answers for spikes uint8 [batch, time, …]; what is random comes from the keys."""
        x = in_order(spikes.float(), order or self.order, keyed.keys(keys, 1))
        if model.training and self.displace:
            x = displaced(x, keyed.keys(keys, 2))
        return GAIN * model(x.movedim(1, 0), keys=keys)

    def record(self, model_name: str, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        split = self.split(seed)
        model = event_net(seed)
        loss = partial(functional.cross_entropy, reduction="none")
        losses = long_training.train(
            model, *split.train, self.plan, seed=seed, forward=self.forward, loss=loss, checkpoint=checkpoint
        )
        model.eval()  # what follows must neither learn from the test set nor displace it
        spikes, labels = split.test
        keys = keyed.keys(torch.arange(len(labels)), seed, FOR_TESTING)

        def accuracy(order: Order) -> float:
            found = long_training.answers(model, spikes, keys, partial(self.forward, order=order))
            return (found.argmax(1) == labels).double().mean().item()

        with torch.no_grad(), OperationCounter(model, spiking=(SpikingNeurons,)) as counter:
            self.forward(model, spikes[:50], keys[:50])
        operations = counter.per_sample(50)
        updates = len(losses) // self.plan.epochs
        return Record(
            lesson="event_vision",
            task=self.task,
            model=model_name,
            data={"source": split.source, "train": len(split.train[1]), "validation": 0, "test": len(labels)},
            seed=seed,
            config=asdict(self.plan) | {"order": self.order, "displaced": self.displace, "leak": model.neuron.leak},
            accuracy=accuracy(self.order),
            baseline={"name": "linear on counts", "accuracy": linear_accuracy(split.train, split.test)},
            beside={f"test frames {order}": accuracy(order) for order in ORDERS},
            parameters=sum(values.numel() for values in model.parameters()),
            **asdict(operations),
            time_steps=spikes.shape[1],
            versions=versions("torch"),
            curve={"loss": [float(np.mean(losses[i : i + updates])) for i in range(0, len(losses), updates)]},
        )


def _experiment(name: str, about: str, runs: dict[str, Run], seeds: tuple[int, ...]) -> Experiment:
    return Experiment(name, about, {label: partial(run.record, label) for label, run in runs.items()}, seeds)


EXPERIMENTS = [
    _experiment(
        "nmnist-cross-validation",
        "N-MNIST in five folds (the seed is the fold), with time and without",
        {
            "spiking convnet, T=8": Run("N-MNIST, five folds", fold),
            "frames in random order": Run("N-MNIST, five folds", fold, "shuffled"),
            "time summed": Run("N-MNIST, five folds", fold, "summed"),
        },
        tuple(range(FOLDS)),
    ),
    _experiment(
        "saccades",
        "simulated saccades over 20,000 digits, tested on 1,000 unseen ones",
        {
            "spiking convnet, T=8": Run(
                "simulated saccades", simulated, plan=Plan(5, 50, 6e-3, weight_decay=1e-2), displace=False
            )
        },
        (0, 1, 2),
    ),
]
