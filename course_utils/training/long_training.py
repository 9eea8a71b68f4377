"""Trainings that take hours: interrupted and resumed, on one process or on several, with the same result.

Whatever is random belongs to the seed, the epoch and the number of an image (`keyed`), never to the moment or to the
process. So a training that goes on from its checkpoint ends with the same weights, bit for bit, and one that `torchrun`
spreads over several processes differs from a single process only by the order in which numbers are added.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from course_utils.data import keyed

Forward = Callable[
    [nn.Module, Tensor, Tensor | None], Tensor
]  # (model, images, their keys) to answers [batch, classes]
Loss = Callable[[Tensor, Tensor], Tensor]  # (answers, labels) to a loss for each image, [batch]


@dataclass(frozen=True)
class Plan:
    """How long, and with which steps.

    Attributes:
        epochs: passes over the training images, 1 or more.
        batch_size: images an update, over all processes. A last batch that is not full is left out of its epoch.
        learning_rate: the highest one.
        optimizer: "adam" or "sgd".
        drops: after these epochs the learning rate falls. None: one cycle, up and down again.
        weight_decay: as PyTorch's optimizers take it.
        drop_factor: what a drop multiplies the learning rate with.
        momentum: of "sgd".

    Raises:
        ValueError: a value is out of range.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: Literal["adam", "sgd"] = "adam"
    drops: tuple[int, ...] | None = None
    weight_decay: float = 0.0
    drop_factor: float = 0.1
    momentum: float = 0.9

    def __post_init__(self):
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"epochs is {self.epochs} and batch_size {self.batch_size}; both must be 1 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if self.optimizer not in ("adam", "sgd"):
            raise ValueError(f'optimizer is {self.optimizer!r}; it must be "adam" or "sgd"')

    def rate(self, update: int, updates_an_epoch: int) -> float:
        """The learning rate of an update, counted from 0."""
        if self.drops is not None:
            passed = sum(update >= epoch * updates_an_epoch for epoch in self.drops)
            return self.learning_rate * self.drop_factor**passed
        way = update / (self.epochs * updates_an_epoch)
        rise = 0.25
        share = way / rise if way < rise else (1 + cos(pi * (way - rise) / (1 - rise))) / 2
        return self.learning_rate * max(share, 0.01)

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of a model's parameters."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                model.parameters(), self.learning_rate, self.momentum, weight_decay=self.weight_decay
            )
        return torch.optim.AdamW(model.parameters(), self.learning_rate, weight_decay=self.weight_decay)


# --- one process or several -----------------------------------------------------------------------------------------


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


# --- training -------------------------------------------------------------------------------------------------------


def train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    plan: Plan,
    *,
    seed: int,
    forward: Forward,
    loss: Loss,
    checkpoint: Path | None = None,
    team: Team = ALONE,
    save_every_s: float = 600.0,
) -> list[float]:
    """Train a model in place, from where its checkpoint is, if there is one.

    Args:
        model: on its device; every process has the same weights to begin with.
        images: all training images, on any device.
        labels: [count].
        plan: see `Plan`.
        seed: of the order of images and of all that `forward` draws.
        forward: answers of the model for some images; their keys are what random numbers may depend on.
        loss: for each image.
        checkpoint: a `.safetensors` file, written after each epoch and every `save_every_s` seconds.
        team: the processes that share this training.
        save_every_s: how much time an interruption may cost.

    Returns:
        The loss of every update, from the first one on.

    Raises:
        ValueError: there are fewer images than a batch holds, the numbers of images and labels differ, or the
            checkpoint is damaged or belongs to another training; it is then left as it is.
    """
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    an_epoch = len(images) // plan.batch_size
    if an_epoch == 0:
        raise ValueError(f"{len(images)} images do not fill a batch of {plan.batch_size}")
    optimizer = plan.make_optimizer(model)
    keeper = Keeper(checkpoint if team.rank == 0 else None, model, optimizer, {"plan": asdict(plan), "seed": seed})
    losses = keeper.recall() if team.size == 1 else _recall_everywhere(checkpoint, keeper)
    place = next(model.parameters()).device
    shared = DistributedDataParallel(model) if team.size > 1 else model
    model.train()
    saved = time.monotonic()
    bar = tqdm(total=plan.epochs * an_epoch, initial=len(losses), disable=None if team.rank == 0 else True)
    with bar:
        for update in range(len(losses), plan.epochs * an_epoch):
            epoch, batch = divmod(update, an_epoch)
            if batch == 0 or update == len(losses):
                order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            mine = team.share(order[batch * plan.batch_size : (batch + 1) * plan.batch_size])
            answers = forward(shared, images[mine].to(place), keyed.keys(mine, seed, epoch).to(place))
            # processes average their gradients, so each takes its share times their number
            part = loss(answers, labels[mine].to(place)).sum() / plan.batch_size
            optimizer.zero_grad()
            (part * team.size).backward()
            for group in optimizer.param_groups:
                group["lr"] = plan.rate(update, an_epoch)
            optimizer.step()
            losses.append(team.total(part.detach()).item())
            bar.update()
            if batch == an_epoch - 1 or time.monotonic() - saved > save_every_s:
                keeper.keep(losses)
                saved = time.monotonic()
                bar.set_description(f"epoch {epoch + 1}, loss {sum(losses[-100:]) / len(losses[-100:]):.4f}")
    return losses


@torch.no_grad()
def answers(model: nn.Module, images: Tensor, keys: Tensor, forward: Forward, batch_size: int = 250) -> Tensor:
    """What the model says of all images [count, classes], on the processor, in evaluation mode; `keys` is [count]."""
    place = next(model.parameters()).device
    model.eval()
    batches = zip(images.split(batch_size), keys.split(batch_size), strict=True)
    return torch.cat([forward(model, batch.to(place), some.to(place)).cpu() for batch, some in batches])


# --- checkpoints ----------------------------------------------------------------------------------------------------


class Keeper:
    """A training in one `.safetensors` file: weights, the optimizer's state, and all losses so far.

    Args:
        file: None keeps nothing.
        model: whose weights are kept.
        optimizer: of the model.
        settings: what makes this training another one than the rest; JSON can hold it.
    """

    def __init__(self, file: Path | None, model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict):
        self.file = file
        self.model = model
        self.optimizer = optimizer
        self.settings = json.dumps(settings | {"network": type(model).__name__}, sort_keys=True)

    def keep(self, losses: list[float]) -> None:
        """Write the file, all of it or nothing."""
        if self.file is None:
            return
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".part")
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, unfinished,
                  metadata={"settings": self.settings})  # fmt: skip
        unfinished.replace(self.file)

    def recall(self) -> list[float]:
        """Bring model and optimizer to where the file left them; returns the losses so far, none without a file.

        Raises:
            ValueError: the file is damaged or was left by another training.
        """
        if self.file is None or not self.file.exists():
            return []
        try:
            with safe_open(self.file, "pt") as file:
                settings = (file.metadata() or {}).get("settings")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{self.file} is damaged ({error}); remove it to begin anew") from error
        if settings != self.settings:
            raise ValueError(f"{self.file} was left by another training, {settings}, not {self.settings}; remove it")
        weights = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"{self.file} holds another network: {error}") from error
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, number, key = name.split(".")
                state.setdefault(int(number), {})[key] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        return tensors["losses"].tolist()


def _recall_everywhere(checkpoint: Path | None, keeper: Keeper) -> list[float]:
    """Every process reads the same file; none goes on before all have read it."""
    reader = Keeper(checkpoint, keeper.model, keeper.optimizer, {})
    reader.settings = keeper.settings
    losses = reader.recall()
    distributed.barrier()
    return losses
