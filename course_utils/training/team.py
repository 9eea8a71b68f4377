"""One process or several: those that `torchrun` starts share a training."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, distributed


class Team(NamedTuple):
    """The processes that share a training: the number of this one, and how many there are."""

    rank: int = 0
    size: int = 1

    def share(self, batch: Tensor) -> Tensor:
        """What this process does of a batch."""
        return batch.tensor_split(self.size)[self.rank]

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Team()


def device() -> torch.device:
    """The graphics card of this process if there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


@contextmanager
def team() -> Iterator[Team]:
    """The processes that `torchrun` started, or this one alone."""
    if not distributed.is_torchelastic_launched():
        yield ALONE
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
