"""How one deep network is trained, tested and recorded: on one process, or on several that `torchrun` starts."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.spiking.layers import SpikingNeurons
from course_utils.training.augment import bipolar, flipped, shifted, warped
from course_utils.training.baselines import linear_accuracy
from course_utils.training.experiment import Part, Split, measured
from course_utils.training.ledger import Record
from course_utils.training.loop import Loss, accuracy, fit_plan
from course_utils.training.plan import Plan
from course_utils.training.team import device, team

FOR_TESTING = 10**6  # stands where an epoch stands in the keys of test samples


def cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """For each sample, [batch]."""
    return functional.cross_entropy(outputs, labels, reduction="none")


def squared_distance(outputs: Tensor, labels: Tensor) -> Tensor:
    """The squared distance of outputs [batch, classes] to one-hot labels, [batch]: what the thesis's code sums up."""
    return (outputs - functional.one_hot(labels, outputs.shape[1])).square().sum(1)


@dataclass(frozen=True)
class Pictures:
    """How images uint8 [batch, channels, size, size] enter a network.

    Attributes:
        shift: how many pixels training images are moved at random.
        turn: how many degrees they are turned at random.
        zoom: by which fraction they are made larger or smaller at random.
        bend: by how many pixels they are bent at random.
        flip: whether they are mirrored at random.
        colour: whether pixels are made bipolar.
        poisson: with how many steps pixels become random spikes. With none they are a current that stays on.
    """

    shift: int = 0
    turn: float = 0.0
    zoom: float = 0.0
    bend: float = 0.0
    flip: bool = False
    colour: bool = False
    poisson: int = 0

    def __call__(self, images: Tensor, keys: Tensor, learning: bool) -> Tensor:
        """Images from 0 to 1, bipolar ones from −1 to 1, or spikes [time, batch, …]; what is random has its keys."""
        x = images.float() / 255
        if learning and self.flip:
            x = flipped(x, keyed.keys(keys, 1))
        if learning and self.shift:
            x = shifted(x, keyed.keys(keys, 2), self.shift)
        if learning and (self.turn or self.zoom or self.bend):
            x = warped(x, keyed.keys(keys, 4), self.turn, self.zoom, self.bend)
        if self.colour:
            x = bipolar(x)
        if not self.poisson:
            return x
        chance = keyed.uniform(keyed.keys(keys, 3), self.poisson, *x.shape[1:]).movedim(1, 0)
        return torch.where(chance < x.abs(), x.sign(), 0)


@dataclass(frozen=True)
class Events:
    """How spikes uint8 [batch, time, channels, size, size] enter a network: as they are."""

    def __call__(self, spikes: Tensor, keys: Tensor, learning: bool) -> Tensor:
        return spikes.movedim(1, 0).float()


@dataclass(frozen=True)
class Recipe:
    """How one network is trained on one task.

    Attributes:
        lesson: the topic of the lesson that it belongs to.
        task: for tables.
        split: of a seed to the data.
        network: of a seed to the network; PyTorch's own seed is set before.
        steps: number of time steps T.
        plan: of the training.
        enter: of samples as they are stored, their keys, and whether the network is learning, to what enters it.
        gain: what outputs are multiplied with before the loss.
        loss: of outputs and labels, for each sample.
        baseline: what the linear classifier is called.
    """

    task: str
    split: Callable[[int], Split]
    network: Callable[[int], nn.Module]
    steps: int
    plan: Plan
    enter: Callable[[Tensor, Tensor, bool], Tensor] = Pictures()
    gain: float = 10.0
    loss: Loss = cross_entropy
    lesson: str = "deep_spiking_convnets"
    baseline: str = "linear classifier"

    def forward(self, model: nn.Module, samples: Tensor, keys: Tensor) -> Tensor:
        """Outputs of the model for samples as they are stored; what is random comes from the keys."""
        x = self.enter(samples, keys, model.training)
        return self.gain * (model(x, keys=keys) if x.dim() == 5 else model(x, self.steps, keys=keys))

    def record(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        split = self.split(seed)
        torch.manual_seed(seed)
        model = self.network(seed).to(device())
        began, afresh = time.monotonic(), checkpoint is None or not checkpoint.exists()
        how = {"seed": seed, "forward": self.forward, "loss": self.loss, "checkpoint": checkpoint}
        with team() as processes:
            history = fit_plan(model, split.train, self.plan, team=processes, **how)
        seconds = {"seconds": round(time.monotonic() - began)} if afresh else {}  # of an interrupted run nobody knows
        model.eval()
        return measured(
            model,
            split,
            forward=lambda x: self.forward(model, x.to(device()), self._keys(x, seed).to(device())),
            spiking=(SpikingNeurons,),
            samples=50,
            lesson=self.lesson,
            task=self.task,
            config=asdict(self.plan) | asdict(self.enter) | {"leak": model.neuron.decay, "device": str(device())},
            accuracy=self.accuracy(model, split.test, seed),
            baseline={"name": self.baseline, "accuracy": linear_accuracy(split.train, split.test)},
            beside=self.beside(model, split, seed),
            measured=seconds,
            time_steps=self.steps,
            curve={"loss": np.reshape(history.updates, (self.plan.epochs, -1)).mean(1).tolist()},
        )

    def accuracy(self, model: nn.Module, part: Part, seed: int) -> float:
        """Fraction of a part of the data that the model knows."""
        return accuracy(model, *part, forward=self.forward, keys=self._keys(part[0], seed), batch_size=250)

    def beside(self, model: nn.Module, split: Split, seed: int) -> dict[str, float]:
        """Further accuracies, by name."""
        return {"validation": self.accuracy(model, split.validation, seed)}

    def _keys(self, samples: Tensor, seed: int) -> Tensor:
        return keyed.keys(torch.arange(len(samples)), seed, FOR_TESTING)
