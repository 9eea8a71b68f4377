"""The hybrid road to a deep spiking network: learn as a staircase, run as spikes, learn on a little from the spikes.

One training of the staircase (see `spiking.staircase`) serves three models of a table: the network as it was trained,
the same weights with spikes, and those after fine-tuning. Its checkpoint stays in the folder of what is unfinished, so
that none of them trains again. Convolutions are computed in bfloat16 where the processor can; weights are kept and
updated in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.lessons.deep_spiking_convnets.experiment import LEAKY, Pictures, colour, mnist
from course_utils.spiking import convnets
from course_utils.spiking.layers import SpikingNeurons
from course_utils.spiking.staircase import StaircaseNeurons, in_mode
from course_utils.training import ledger
from course_utils.training.augment import flipped, shifted, warped
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.long_run import BFLOAT16, LongRun
from course_utils.training.loop import History
from course_utils.training.measuring import Split
from course_utils.training.plan import Plan

LESSON, LEVELS = "deep_spiking_convnets", 4
SMOOTHED = partial(functional.cross_entropy, reduction="none", label_smoothing=0.1)


@dataclass(frozen=True)
class Staircase(LongRun):
    """A network as it learns: with staircases."""

    def neuron_settings(self, model: nn.Module) -> dict[str, Any]:
        return {"levels": LEVELS, "bfloat16": int(BFLOAT16)}

    def forward(self, model: nn.Module, samples: Tensor, keys: Tensor) -> Tensor:
        """Outputs for samples as they are stored; convolutions in bfloat16 if it is fast."""
        x = self.enter(samples, keys, model.training).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            return self.gain * self.outputs(model, x).float()

    def outputs(self, model: nn.Module, x: Tensor) -> Tensor:
        """Outputs for what enters the network."""
        return model(x, 1)


@dataclass(frozen=True)
class AsSpikes(Staircase):
    """The trained network with spikes; nothing more is learned."""

    # of a seed to the network that has learned as a staircase, and how
    learned: Callable[[int], tuple[nn.Module, History]] | None = None

    def outputs(self, model: nn.Module, x: Tensor) -> Tensor:
        with in_mode(model, "spikes"):
            return model(x, self.steps)

    def train(self, split: Split, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, History]:
        return self.learned(seed)


class Tuned(AsSpikes):
    """The trained network with spikes, which learns on: values from the spikes, slopes from the staircase."""

    def outputs(self, model: nn.Module, x: Tensor) -> Tensor:
        if not model.training:
            return super().outputs(model, x)
        for layer in model.modules():  # its statistics are part of the thresholds by now
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()
        with torch.no_grad():
            super().outputs(model, x)
        with in_mode(model, "rates"):
            return model(x, 1)

    def train(self, split: Split, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, History]:
        """The network, and how it learned on; the seconds are those of both trainings."""
        learned, before = self.learned(seed)
        model, history = LongRun.train(replace(self, network=lambda _: learned), split, seed, checkpoint)
        history.seconds[:0] = before.seconds
        return model, history


class Direct(Staircase):
    """The same network with leaky neurons in the place of its staircases; it learns from spikes through all steps."""

    def neuron_settings(self, model: nn.Module) -> dict[str, Any]:
        return {"leak": LEAKY.decay, "surrogate": repr(LEAKY.spike), "bfloat16": int(BFLOAT16)}

    def outputs(self, model: nn.Module, x: Tensor) -> Tensor:
        return model(x, self.steps)


def hybrid(
    name: str,
    model: str,
    run: Staircase,
    tuning: Plan,
    steps: tuple[int, ...] = (2, 4, 8),
    tuned: tuple[int, ...] = (4,),
) -> dict[str, Callable[[int, Path], Record]]:
    """The models of an experiment of this name, by those of its table: the staircase, which `run` trains, the same
    weights with spikes for each number of `steps`; for those of `tuned` also after it learned on, planned by `tuning`.
    """

    def file(seed: int) -> Path:
        return ledger.mine() / "unfinished" / f"{name}-staircase-seed{seed}.safetensors"

    def learned(seed: int) -> tuple[nn.Module, History]:
        return run.train(run.split(seed), seed, file(seed))

    runs = {f"{model}, staircase": lambda seed, _: run.record(seed, file(seed))}
    for count in steps:
        runs[f"{model}, spikes, T={count}"] = AsSpikes(**vars(run) | {"steps": count, "learned": learned}).record
    for count in tuned:
        learner = Tuned(**vars(run) | {"steps": count, "plan": tuning, "learned": learned})
        runs[f"{model}, spikes, tuned, T={count}"] = learner.record
    return runs


@dataclass(frozen=True)
class Standardised:
    """How colour images uint8 [batch, 3, size, size] enter a network: colours with a mean of 0 and a deviation of 1.

    Training images are changed at random, as `Pictures` are.
    """

    mean: tuple[float, float, float]  # of each colour over the training images, 0 to 1
    std: tuple[float, float, float]
    flip: bool = False
    shift: int = 2  # here the border is mirrored
    turn: float = 0.0
    zoom: float = 0.0
    invert: bool = False  # light and dark exchanged or not

    def __call__(self, images: Tensor, keys: Tensor, learning: bool) -> Tensor:
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        x = (images.float() / 255 - mean) / std
        if not learning:
            return x
        if self.flip:
            x = flipped(x, keyed.keys(keys, 1))
        if self.turn or self.zoom:
            x = warped(x, keyed.keys(keys, 4), self.turn, self.zoom)
        if self.invert:
            x = torch.where(keyed.uniform(keyed.keys(keys, 5), 1, 1, 1) < 0.5, -x, x)
        return shifted(x, keyed.keys(keys, 2), self.shift, "reflect")


def staircase_network(
    name: str, split: Callable[[int], Split], enter: Callable, spiking: bool = False
) -> Callable[[int], nn.Module]:
    """A network of `convnets` with staircases, or with `LEAKY` neurons in their place, for a seed.

    Its whitening, if it has one, is that of training images. Convolutions that begin by passing maps on help the
    staircase; of spikes they would make currents of two values, neither of them near a threshold: no error would pass.
    """

    def made(seed: int) -> nn.Module:
        net = convnets.build(name, levels=LEVELS, norm=True)
        if name == "LeanNet":
            images = split(seed).train[0][:5000]
            if not spiking:
                convnets.pass_on(net)
            convnets.whiten(net, enter(images, keyed.keys(torch.arange(len(images))), False))
        if spiking:
            for place, layer in list(net.named_modules()):
                if isinstance(layer, StaircaseNeurons):
                    net.set_submodule(place, SpikingNeurons(LEAKY))
        return net.to(memory_format=torch.channels_last)

    return made


def _experiment(
    name: str,
    about: str,
    model: str,
    task: tuple[str, Callable, Callable],  # its name, its data, and how images enter
    plan: tuple[int, int, int],  # passes with stairs, passes of fine-tuning, images an update
    seeds: tuple[int, ...] = (0,),
    direct: int = 0,  # passes of direct training with four steps, as many as the same hours allow; 0: none
    tuned: tuple[int, ...] = (4,),  # numbers of steps with which it learns on
) -> Experiment:
    (title, split, enter), (epochs, tuning, batch_size) = task, plan
    how = {"gain": 1.0, "loss": SMOOTHED, "watched": 5000}
    plan_of = partial(Plan, batch_size=batch_size, weight_decay=0.05)
    made, stairs = staircase_network(model, split, enter), plan_of(epochs, learning_rate=4e-3)
    run = Staircase(LESSON, title, split, made, 1, stairs, enter, spiking=(StaircaseNeurons,), **how)
    models = hybrid(name, model, run, plan_of(tuning, learning_rate=2e-4), tuned=tuned)
    if direct:
        fresh, straight = staircase_network(model, split, enter, spiking=True), plan_of(direct, learning_rate=4e-3)
        models[f"{model}, direct, T=4"] = Direct(LESSON, title, split, fresh, 4, straight, enter, **how).record
    return Experiment(name, about, models, seeds)


_MNIST = "MNIST", mnist, Pictures(shift=1, turn=10.0, zoom=0.1, bend=0.6)
_CIFAR10 = "CIFAR-10", partial(colour, "CIFAR10"), Standardised(
    (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), flip=True
)
_SVHN = "SVHN", partial(colour, "SVHN"), Standardised(
    (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), turn=8.0, zoom=0.1, invert=True
)
_LEAN = "a lean residual net on CIFAR-10: staircase, spikes, fine-tuning"
_VGG9 = "the thesis's VGG9 on CIFAR-10, by the hybrid road"
_RESNET9 = "the thesis's ResNet9 on CIFAR-10, by the hybrid road"
_RESNET7 = "ResNet7 on 10,000 house numbers, by the hybrid road"
_LENET5 = "LeNet5 on all of MNIST, by the hybrid road"

EXPERIMENTS = (
    _experiment("cifar10-hybrid", _LEAN, "LeanNet", _CIFAR10, (16, 2, 128), direct=7),
    _experiment("cifar10-vgg9-hybrid", _VGG9, "VGG9", _CIFAR10, (20, 2, 128)),
    _experiment("cifar10-resnet9-hybrid", _RESNET9, "ResNet9", _CIFAR10, (8, 1, 128), tuned=(4, 8)),
    _experiment("svhn-hybrid", _RESNET7, "ResNet7", _SVHN, (40, 4, 64)),
    _experiment("mnist-hybrid", _LENET5, "LeNet5", _MNIST, (30, 2, 64), seeds=(0, 1, 2)),
)
