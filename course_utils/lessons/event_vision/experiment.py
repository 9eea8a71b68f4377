"""N-MNIST by cross-validation: a spiking convnet on frames of events, and what it loses when time is taken away.

The 1,100 recordings make five folds. The seed of a run is the number of the fold that is its test set, read once at the
end; it trains on the other four. Network, learning rate and number of epochs were chosen on simulated recordings; a
part of fold 0's training recordings was looked at once, to see that they do for real ones, too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor, nn

from course_utils.data import keyed
from course_utils.data.events import Events, Recordings, frames, load_nmnist
from course_utils.data.require import require
from course_utils.lessons.event_vision.models import GAIN, ORDERS, Order, event_net, in_order
from course_utils.training.augment import displaced
from course_utils.training.experiment import Experiment
from course_utils.training.long_run import LongRun
from course_utils.training.measuring import Split
from course_utils.training.plan import Plan

STEPS = 8
FOLDS = 5


def frames_of(recorded: Iterable[Events], steps: int = STEPS) -> Tensor:
    """Frames of equal time, uint8 [count, time, 2, 34, 34]."""
    return torch.stack([frames(events, steps).to(torch.uint8) for events in recorded])


@cache
def _all_recordings() -> tuple[Tensor, Tensor]:
    """The 1,100 first recordings, training and test set together, in a random order that never changes."""
    kept = list(map(first, load_nmnist(1000, 100), (1000, 100)))
    order = torch.randperm(1100, generator=torch.Generator().manual_seed(0))
    return torch.cat([frames_of(part.events) for part in kept])[order], torch.cat([part.labels for part in kept])[order]


def first(recordings: Recordings, count: int) -> Recordings:
    """The recordings with the lowest numbers: of the whole set the same ones as in the part with 1,100."""
    there = len(recordings.labels)
    require(there >= count, f"number of recordings of {recordings.source}", there, f"{count} or more")
    order = recordings.numbers.argsort()[:count]
    events = [recordings.events[at] for at in order]
    return Recordings(recordings.source, events, recordings.labels[order], recordings.numbers[order])


def fold(number: int) -> Split:
    """Every fifth recording, from `number` on, is for the test; nothing is chosen."""
    spikes, labels = _all_recordings()
    is_test = torch.arange(len(labels)) % FOLDS == number
    train, test = ((spikes[which], labels[which]) for which in (~is_test, is_test))
    return Split("N-MNIST, its first 1,000 + 100 recordings", train, (spikes[:0], labels[:0]), test)


@dataclass(frozen=True)
class Ordered:
    """How spikes uint8 [batch, time, 2, 34, 34] enter the network."""

    order: Order = "kept"  # of the frames, in training and in the test
    displaced: bool = True  # whether training recordings are turned, scaled and moved at random

    def __call__(self, spikes: Tensor, keys: Tensor, learning: bool) -> Tensor:
        x = in_order(spikes.float(), self.order, keyed.keys(keys, 1))
        if learning and self.displaced:
            x = displaced(x, keyed.keys(keys, 2))
        return x.movedim(1, 0)


@dataclass(frozen=True)
class EventRun(LongRun):
    """A run whose network is tested with its frames in each order."""

    def beside(self, model: nn.Module, split: Split, seed: int) -> dict[str, float]:
        """Accuracies under each order of the test frames."""
        runs = {order: replace(self, enter=replace(self.enter, order=order)) for order in ORDERS}
        return {f"test frames {order}": run.accuracy(model, split.test, seed) for order, run in runs.items()}


def event_run(
    split: Callable[[int], Split],
    plan: Plan,
    order: Order = "kept",
    network: Callable[[int], nn.Module] = event_net,
    steps: int = STEPS,
) -> EventRun:
    """A network for N-MNIST under one treatment of time."""
    about = {"gain": GAIN, "baseline": "linear on counts"}
    return EventRun("event_vision", "N-MNIST, five folds", split, network, steps, plan, Ordered(order), **about)


_FOLDS = partial(event_run, fold, Plan(30, 40, 4e-3, weight_decay=1e-2))

EXPERIMENTS = (
    Experiment(
        "nmnist-cross-validation",
        "N-MNIST in five folds (the seed is the fold), with time and without",
        {
            "spiking convnet, T=8": _FOLDS().record,
            "frames in random order": _FOLDS("shuffled").record,
            "time summed": _FOLDS("summed").record,
        },
        tuple(range(FOLDS)),
    ),
)
