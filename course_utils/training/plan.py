"""What a training does, update by update: which samples it takes, and how far it goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, inf, pi
from typing import Any, Literal

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require, require_whole


@dataclass(frozen=True)
class Plan:
    """How long, and with which steps.

    An epoch's order depends on the seed and the number of the epoch alone, so that a training can go on from anywhere.
    A last batch that is not full is left out of its epoch.
    """

    epochs: int  # 1 or more
    batch_size: int  # samples an update, over all processes
    learning_rate: float  # the highest one, above 0
    optimizer: Literal["adam", "sgd"] = "adam"
    drops: tuple[int, ...] | None = None  # after these epochs the rate falls; None: one cycle, up and down again
    weight_decay: float = 0.0  # as PyTorch's optimizers take it
    drop_factor: float = 0.1  # what a drop multiplies the learning rate with
    momentum: float = 0.9  # of "sgd"

    def __post_init__(self):
        require_whole(epochs=(self.epochs, 1), batch_size=(self.batch_size, 1))
        require(0 < self.learning_rate < inf, "learning_rate", self.learning_rate, "above 0")
        require(self.optimizer in ("adam", "sgd"), "optimizer", self.optimizer, '"adam" or "sgd"')

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of a model's parameters."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                model.parameters(), self.learning_rate, self.momentum, weight_decay=self.weight_decay
            )
        return torch.optim.AdamW(model.parameters(), self.learning_rate, weight_decay=self.weight_decay)

    def updates_an_epoch(self, count: int) -> int:
        """How many updates an epoch of `count` samples has."""
        return count // self.batch_size

    def batches(self, count: int, seed: int) -> Iterator[list[Tensor]]:
        """For each epoch the numbers of the samples of its batches."""
        for epoch in range(self.epochs):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            yield list(batches(count, self.batch_size, generator))[: self.updates_an_epoch(count)]

    @guarded
    def step_size(self, update: int, updates_an_epoch: int) -> dict[str, Any]:
        """What the optimizer is told before an update, counted from 0: its learning rate."""
        if self.drops is not None:
            passed = sum(update >= epoch * updates_an_epoch for epoch in self.drops)
            return {"lr": self.learning_rate * self.drop_factor**passed}
        way = update / (self.epochs * updates_an_epoch)
        rise = 0.25
        share = way / rise if way < rise else (1 + cos(pi * (way - rise) / (1 - rise))) / 2
        return {"lr": self.learning_rate * max(share, 0.01)}


class OneCycle(Plan):
    """The plan of the lessons' `fit`: Adam, and PyTorch's `OneCycleLR`, whose state is the number of the update.

    Learning rate and momentum make one cycle (L. N. Smith and N. Topin, "Super-convergence", 2019, arXiv:1708.07120).
    The order of all epochs comes from one generator, and a last batch that is not full is used.
    """

    def updates_an_epoch(self, count: int) -> int:
        return -(-count // self.batch_size)

    def batches(self, count: int, seed: int) -> Iterator[list[Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(self.epochs):
            yield list(batches(count, self.batch_size, generator))

    @guarded
    def step_size(self, update: int, updates_an_epoch: int) -> dict[str, Any]:
        total = self.epochs * updates_an_epoch
        top, low, high = 0.3 * total - 1, 0.85, 0.95  # the update at the top of the cycle; momentum
        start = self.learning_rate / 25
        if update <= top:
            way, rates, momenta = update / top, (start, self.learning_rate), (high, low)
        else:
            way, rates, momenta = (update - top) / (total - 1 - top), (self.learning_rate, start / 1e4), (low, high)
        rate, momentum = (end + (begin - end) / 2.0 * (cos(pi * way) + 1) for begin, end in (rates, momenta))
        return {"lr": rate, "betas": (momentum, 0.999)}


def batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The indices 0 … count − 1 in random order, cut into batches; the last one may be smaller."""
    yield from torch.randperm(count, generator=generator).split(batch_size)
