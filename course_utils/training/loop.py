"""One training loop for every network of the course. Lesson 01 derives it; a test holds the two equal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm


@dataclass
class History:
    """What happened during training: one entry an epoch.

    Attributes:
        loss: mean training loss.
        accuracy: fraction of the validation set that was right, 0 to 1.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)


def batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The indices 0 … count − 1 in random order, cut into batches; the last one may be smaller."""
    yield from torch.randperm(count, generator=generator).split(batch_size)


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor, batch_size: int = 1000) -> Tensor:
    """Outputs of the model for all inputs [count, …], computed batch by batch in evaluation mode."""
    was_training = model.training
    model.eval()
    try:
        return torch.cat([model(batch) for batch in inputs.split(batch_size)])
    finally:
        model.train(was_training)


def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Fraction of inputs whose largest output is that of their label, 0 to 1."""
    return (predict(model, inputs).argmax(dim=1) == labels).double().mean().item()


def fit(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    batch_size: int = 128,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
    score: Callable[[nn.Module, Tensor, Tensor], float] = accuracy,
    checkpoint: Path | None = None,
) -> History:
    """Train a model in place with Adam and a one-cycle learning rate.

    The learning rate rises to `learning_rate` and falls to nearly zero over the whole training (L. N. Smith and
    N. Topin, "Super-convergence", 2019, arXiv:1708.07120). Interrupting the cell keeps the model as it is then.

    Args:
        model: maps inputs [batch, …] to outputs [batch, classes].
        train: inputs and labels to learn from.
        validation: inputs and labels to watch; nothing is learned from them.
        epochs: passes over the training set, 1 or more.
        learning_rate: the highest learning rate.
        seed: of the order of the batches. The weights' own seed is set before the model is built.
        batch_size: images a step.
        loss: of outputs and labels; a mean over the batch.
        score: of a model, inputs and labels: what is watched, 0 to 1.
        checkpoint: a file that keeps everything after each epoch. If it is there, training goes on from it, and ends
            with the same numbers as without the interruption.

    Raises:
        ValueError: `epochs` or `batch_size` is below 1, inputs and labels differ in number, or the checkpoint belongs
            to another training.
    """
    inputs, labels = train
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs is {epochs} and batch_size {batch_size}; both must be 1 or more")
    if len(inputs) != len(labels):
        raise ValueError(f"train has {len(inputs)} inputs but {len(labels)} labels")
    generator = torch.Generator().manual_seed(seed)
    steps_an_epoch = -(-len(inputs) // batch_size)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * steps_an_epoch)
    history = History()
    memory = _Memory(checkpoint, model, optimizer, schedule, generator, history)
    memory.recall({"epochs": epochs, "learning_rate": learning_rate, "seed": seed, "batch_size": batch_size})
    done = len(history.loss)
    model.train()
    # Twice a second: whoever reads a cell's messages only after its end (nbval does) has room for about 1,000.
    with tqdm(total=epochs * steps_an_epoch, initial=done * steps_an_epoch, leave=False, mininterval=0.5) as bar:
        try:
            for epoch in range(done, epochs):
                total = 0.0
                for batch in batches(len(inputs), batch_size, generator):
                    batch_loss = loss(model(inputs[batch]), labels[batch])
                    optimizer.zero_grad()
                    batch_loss.backward()
                    optimizer.step()
                    schedule.step()
                    total += batch_loss.item() * len(batch)
                    bar.update()
                right = score(model, *validation)  # may be interrupted, so the history grows only afterwards
                history.loss.append(total / len(inputs))
                history.accuracy.append(right)
                memory.keep()
                bar.set_description(
                    f"epoch {epoch + 1}, loss {history.loss[-1]:.3f}, accuracy {history.accuracy[-1]:.2%}"
                )
        except KeyboardInterrupt:
            print(f"Interrupted in epoch {len(history.loss) + 1}. The model keeps what it has learned so far.")
    return history


class _Memory:
    """All that a training needs to go on after an interruption, in one file; without a file it does nothing."""

    def __init__(self, file: Path | None, model, optimizer, schedule, generator: torch.Generator, history: History):
        self.file = file
        self.parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
        self.generator = generator
        self.history = history
        self.settings: dict[str, float] = {}

    def recall(self, settings: dict[str, float]) -> None:
        self.settings = settings
        if self.file is None or not self.file.exists():
            return
        kept = torch.load(self.file, weights_only=True)
        if kept["settings"] != settings:
            raise ValueError(f"{self.file} was left by a training with {kept['settings']}, not {settings}; remove it")
        for name, part in self.parts.items():
            part.load_state_dict(kept[name])
        self.generator.set_state(kept["generator"])
        self.history.loss[:], self.history.accuracy[:] = kept["loss"], kept["accuracy"]

    def keep(self) -> None:
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".part")
        content = {name: part.state_dict() for name, part in self.parts.items()}
        content |= {"generator": self.generator.get_state(), "settings": self.settings}
        content |= {"loss": self.history.loss, "accuracy": self.history.accuracy}
        torch.save(content, unfinished)
        unfinished.replace(self.file)  # all of it or nothing
