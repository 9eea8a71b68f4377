"""One training loop for every network of the course, in seconds or in days.

The lesson on the basics of PyTorch derives `fit`; a test holds the two equal. `fit_plan` is the loop itself. Whatever a
`Plan` leaves to chance belongs to the seed, the epoch and the number of a sample (`keyed`), never to the moment or to
the process. So a training that goes on from its checkpoint ends with the same weights, bit for bit, and one that
`torchrun` spreads over several processes differs from a single process only by the order in which numbers are added.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from course_utils.data import keyed
from course_utils.data.files import try_to_write
from course_utils.data.require import guarded, require, require_whole
from course_utils.training.checkpoint import Checkpoint, digest
from course_utils.training.plan import OneCycle, Plan
from course_utils.training.team import ALONE, Team

Loss = Callable[[Tensor, Tensor], Tensor]  # (outputs, labels) to the mean over a batch, or one number a sample
Forward = Callable[[nn.Module, Tensor, Tensor], Tensor]  # (model, inputs, their keys) to outputs [batch, classes]


@dataclass
class History:
    """What happened during training: the mean loss of each epoch, and the accuracy on the validation set after it, 0 to
    1, where it was watched; loss and seconds of every update."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list, repr=False, compare=False)  # their losses
    seconds: list[float] = field(default_factory=list, repr=False, compare=False)  # that each of them took


class Interrupted(KeyboardInterrupt):
    """A training was interrupted. In a notebook one calm line stands in the place of the traceback.

    It is an error, so "Run All" stops here: what follows would measure a network that is half trained. `history` is
    what had happened until then.
    """

    def __init__(self, history: History, epochs: int, goes_on: bool):
        then = "Run the cell again: it goes on from its checkpoint." if goes_on else "Run the cell again to begin anew."
        super().__init__(
            f"Interrupted in epoch {len(history.loss) + 1} of {epochs}. The model keeps what it has learned so far; "
            f"nothing is recorded. {then}"
        )
        self.history = history

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows."""
        return [str(self)]


def plain(model: nn.Module, inputs: Tensor, keys: Tensor) -> Tensor:
    """Outputs of a model that needs no keys."""
    return model(inputs)


@guarded
@torch.no_grad()
def predict(
    model: nn.Module,
    inputs: Tensor,
    batch_size: int = 1000,
    *,
    forward: Forward = plain,
    keys: Tensor | None = None,
) -> Tensor:
    """Outputs of the model for all inputs [count, …], computed batch by batch in evaluation mode.

    `forward` is that of `fit_plan`; `keys` [count] are what it gets.
    """
    require_whole(batch_size=(batch_size, 1))
    require(len(inputs) > 0, "number of inputs", 0, "1 or more")
    device = next((parameter.device for parameter in model.parameters()), inputs.device)
    keys = torch.arange(len(inputs)) if keys is None else keys
    was_training = model.training
    model.eval()
    try:
        parts = zip(inputs.split(int(batch_size)), keys.split(int(batch_size)), strict=True)
        return torch.cat([forward(model, x.to(device), some.to(device)).to(inputs.device) for x, some in parts])
    finally:
        model.train(was_training)


@guarded
def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor, **how) -> float:
    """Fraction of inputs whose largest output is that of their label, 0 to 1; `how` as `predict` takes it."""
    require(labels.shape == inputs.shape[:1], "shape of labels", tuple(labels.shape), f"[{len(inputs)}], one an input")
    outputs = predict(model, inputs, **how)
    require(not outputs.isnan().any(), "an output of the model", math.nan, "a number; look at its inputs and weights")
    return (outputs.argmax(dim=1) == labels).double().mean().item()


@guarded
def fit(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    batch_size: int = 128,
    loss: Loss = nn.functional.cross_entropy,
    score: Callable[[nn.Module, Tensor, Tensor], float] = accuracy,
    checkpoint: Path | None = None,
) -> History:
    """Train a model in place with Adam and a one-cycle learning rate (see `OneCycle`).

    Args:
        model: maps inputs [batch, …] to outputs [batch, classes].
        train: inputs and labels to learn from.
        validation: inputs and labels to watch, one or more; nothing is learned from them.
        epochs: passes over the training set, 1 or more.
        learning_rate: the highest learning rate, above 0.
        seed: of the order of the batches. The weights' own seed is set before the model is built.
        batch_size: images a step, 1 or more.
        loss: of outputs and labels; a mean over the batch.
        score: of a model, inputs and labels: what is watched, 0 to 1.
        checkpoint: a file that keeps everything after each epoch. If it is there, training goes on from it, and ends
            with the same numbers as without the interruption.

    Raises:
        Interrupted: the cell was interrupted. The model keeps what it has learned. All else as in `fit_plan`.
    """
    history = History()
    count = len(validation[0])
    require(
        0 < count == len(validation[1]), "number of validation labels", len(validation[1]), f"{count or '1 or more'}"
    )
    try:
        fit_plan(
            model,
            train,
            OneCycle(epochs, batch_size, learning_rate),
            seed=seed,
            loss=loss,
            watch=lambda model: score(model, *validation),
            watched=validation,
            checkpoint=checkpoint,
            silent=False,
            history=history,
        )
    except KeyboardInterrupt:
        raise Interrupted(history, epochs, checkpoint is not None) from None
    return history


@guarded
def fit_plan(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    plan: Plan,
    *,
    seed: int,
    forward: Forward = plain,
    loss: Loss = nn.functional.cross_entropy,
    watch: Callable[[nn.Module], float] | None = None,
    watched: tuple[Tensor, ...] = (),
    checkpoint: Path | None = None,
    save_every_s: float = 600.0,
    team: Team = ALONE,
    silent: bool | None = None,
    history: History | None = None,
) -> History:
    """Train a model in place as a plan says, from where its checkpoint is, if there is one.

    Args:
        model: on its device; every process has the same weights to begin with.
        train: finite inputs and as many labels to learn from, on any device; enough to fill a batch.
        plan: see `Plan`.
        seed: of the order of the samples and of all that `forward` draws.
        forward: outputs of the model for some inputs; their keys are what random numbers may depend on.
        loss: of outputs and labels; a mean over the batch, or one number a sample.
        watch: what is measured after each epoch, 0 to 1.
        watched: what it is measured on; a checkpoint knows it, as it knows `train`.
        checkpoint: a `.safetensors` file, written after each epoch and every `save_every_s` seconds.
        save_every_s: how much time an interruption may cost.
        team: the processes that share this training.
        silent: whether no progress bar is drawn; None draws one in a terminal only.
        history: is filled in as training goes on, for whoever catches an interruption.

    Raises:
        ValueError: the checkpoint is damaged or belongs to another training; it is then left as it is.
        CannotWrite: the checkpoint cannot be written; nothing was trained then.
    """
    inputs, labels = train
    require_whole(seed=(seed, 0))
    require(seed < 2**40, "seed", seed, "below 2**40")
    require(next(model.parameters(), None) is not None, "model", type(model).__name__, "one with parameters to train")
    if not labels.is_floating_point() and labels.dtype != torch.int64:
        labels = labels.long()  # what PyTorch's losses take
    an_epoch = plan.updates_an_epoch(len(inputs))
    if len(inputs) != len(labels):
        raise ValueError(f"train has {len(inputs)} inputs but {len(labels)} labels")
    if an_epoch == 0:
        raise ValueError(f"train has {len(inputs)} inputs; they do not fill a batch of {plan.batch_size}")
    if inputs.is_floating_point():
        if not inputs.isfinite().all():
            raise ValueError("train has inputs that are not finite (NaN or infinity); look at how they were made")
        kind = next(model.parameters()).dtype
        if forward is plain and inputs.dtype != kind:
            raise ValueError(f"inputs are {inputs.dtype}, the model is {kind}; convert one, as by .to({kind})")
    history = History() if history is None else history
    optimizer = plan.make_optimizer(model)
    settings = {"plan": repr(plan), "seed": seed}
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        name = getattr(loss, "__qualname__", type(loss).__name__)
        settings |= {"data": digest(inputs, labels, *watched), "loss": name}
        if team.rank == 0:
            try_to_write(checkpoint.parent)
    kept = Checkpoint(checkpoint, model, optimizer, vars(history), settings, writes=team.rank == 0)
    kept.recall()
    team.wait()
    done, saved = len(history.updates), time.monotonic()
    device = next(model.parameters()).device
    shared = DistributedDataParallel(model) if team.size > 1 else model
    model.train()
    # Twice a second: whoever reads a cell's messages only after its end (nbval does) has room for about 1,000.
    total, disable = plan.epochs * an_epoch, team.rank > 0 or silent
    with tqdm(total=total, initial=done, leave=False, mininterval=0.5, disable=disable) as bar:
        for epoch, dealt in enumerate(plan.batches(len(inputs), seed)):
            if epoch < len(history.loss):
                continue
            for update, batch in enumerate(dealt, start=epoch * an_epoch):
                if update < done:
                    continue
                began, mine = time.monotonic(), team.share(batch)
                keys = mine if forward is plain else keyed.keys(mine, seed, epoch)
                outputs = forward(shared, inputs[mine].to(device), keys.to(device))
                part = loss(outputs, labels[mine].to(device))
                part = part * (len(mine) / len(batch)) if part.dim() == 0 else part.sum() / len(batch)
                optimizer.zero_grad()
                (part * team.size).backward()  # processes average their gradients
                for group in optimizer.param_groups:
                    group.update(plan.step_size(update, an_epoch))
                optimizer.step()
                history.updates.append(team.total(part.detach()).item())
                history.seconds.append(time.monotonic() - began)
                bar.update()
                if time.monotonic() - saved > save_every_s:
                    kept.keep()
                    saved = time.monotonic()
                    bar.set_description(f"epoch {epoch + 1}, loss {history.updates[-1]:.3f}")
            seen = [] if watch is None else [watch(model)]  # may be interrupted, so the history grows afterwards
            summed = sum(value * len(batch) for value, batch in zip(history.updates[-an_epoch:], dealt, strict=True))
            history.loss.append(summed / sum(map(len, dealt)))
            history.accuracy += seen
            kept.keep()
            saved = time.monotonic()
            right = "".join(f", accuracy {value:.2%}" for value in seen)
            bar.set_description(f"epoch {epoch + 1}, loss {history.loss[-1]:.3f}{right}")
    return history
