"""The deep spiking networks of the thesis and of the talk, trained to the end: on MNIST, N-MNIST, SVHN and CIFAR.

A run goes on from its checkpoint. Under `torchrun` several processes share it:

    torchrun --nproc_per_node 4 -m course_utils.tools.experiment mnist-lenet5
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import keyed
from course_utils.data.colour import load_colour
from course_utils.data.digits import load_images
from course_utils.data.events import frames, load_nmnist
from course_utils.spiking import convnets
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.surrogates import Surrogate, fast_sigmoid, triangle
from course_utils.training.augment import bipolar, flipped, shifted, warped
from course_utils.training.experiment import Experiment
from course_utils.training.long_run import LongRun
from course_utils.training.measuring import Part, Split, real
from course_utils.training.plan import Plan

# --- data: images uint8 [count, channels, size, size], or spikes [count, time, channels, size, size] ------------------


def mnist(_: int = 0) -> Split:
    """MNIST: 55,000 images to learn from, 5,000 to choose with, 10,000 for the test."""
    train, test = real("MNIST", *load_images("MNIST"))
    return _split("MNIST", (train.images[:, None], train.labels), (test.images[:, None], test.labels), 5000)


def colour(name: str, _: int = 0) -> Split:
    """CIFAR-10 or SVHN, whole or in part; a tenth of the training images is for choosing."""
    train, test = load_colour(name)
    count = len(train.labels) // 10
    return _split(train.source, (train.images, train.labels), (test.images, test.labels), count)


def nmnist(steps: int, _: int = 0) -> Split:
    """N-MNIST as spikes in equal slices of time; a tenth of the training recordings is for choosing."""
    train, test = load_nmnist()
    spikes = [torch.stack([frames(events, steps) for events in part.events]).to(torch.uint8) for part in (train, test)]
    order = torch.randperm(len(train.labels), generator=torch.Generator().manual_seed(0))  # the files lie by digit
    return _split(train.source, (spikes[0][order], train.labels[order]), (spikes[1], test.labels), len(order) // 10)


def _split(source: str, train: Part, test: Part, count: int) -> Split:
    """The last ones of the training set become the validation set."""
    learnt, kept = (tuple(values[at] for values in train) for at in (slice(-count), slice(-count, None)))
    return Split(source, learnt, kept, test)


# --- how samples enter a network, and what is learned ---------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """How images uint8 [batch, channels, size, size] enter a network: from 0 to 1, bipolar ones from −1 to 1.

    Training images are changed at random, by up to so much; what is random has its keys.
    """

    shift: int = 0  # pixels
    turn: float = 0.0  # degrees
    zoom: float = 0.0  # as a fraction of their size
    bend: float = 0.0  # pixels, a standard deviation
    flip: bool = False  # mirrored or not
    colour: bool = False  # whether pixels are made bipolar

    def __call__(self, images: Tensor, keys: Tensor, learning: bool) -> Tensor:
        x = images.float() / 255
        if learning and self.flip:
            x = flipped(x, keyed.keys(keys, 1))
        if learning and self.shift:
            x = shifted(x, keyed.keys(keys, 2), self.shift)
        if learning and (self.turn or self.zoom or self.bend):
            x = warped(x, keyed.keys(keys, 4), self.turn, self.zoom, self.bend)
        return bipolar(x) if self.colour else x


def as_stored(spikes: Tensor, keys: Tensor, learning: bool) -> Tensor:
    """Spikes uint8 [batch, time, …] as [time, batch, …]."""
    return spikes.movedim(1, 0).float()


# --- networks -------------------------------------------------------------------------------------------------------


def network(name: str, **options: Any) -> Callable[[int], nn.Module]:
    """The network of that name in `convnets`, for a seed.

    With the channels of a pixel side by side in memory, convolutions on a processor take half the time.
    """

    def made(seed: int) -> nn.Module:
        return convnets.build(name, seed=seed, **options).to(memory_format=torch.channels_last)

    return made


deep_run = partial(LongRun, "deep_spiking_convnets")


# --- the experiments ------------------------------------------------------------------------------------------------


def _experiment(name: str, about: str, models: dict[str, LongRun], seeds: tuple[int, ...] = (0,)) -> Experiment:
    return Experiment(name, about, {label: one.record for label, one in models.items()}, seeds)


def _deep(name: str, task: str, dataset: str, epochs: int, **augmentation: Any) -> Experiment:
    """One of the deep networks, with batch norm, a constant input and T=8.

    Small batches give more updates from as few images as a processor can learn from. The surrogate is tuned for this
    decay, see below: of VGG7's first and last layer the error's norms agree.
    """
    made = network(name, norm=True, neuron=Neuron(decay=0.5, spike=triangle(2.0, 0.65)))
    enter = Pictures(colour=True, **augmentation)
    here = deep_run(task, partial(colour, dataset), made, 8, Plan(epochs, 25, 4e-3), enter, gain=2.0)
    return _experiment(f"{dataset}-{name}".lower(), f"{name} on {task}", {f"{name}, batch norm, T=8": here})


@dataclass(frozen=True)
class Strided(LongRun):
    """The network that the lesson trains, with T steps. Its answers u_T/T are multiplied by T/2: so they have one size
    at every T, and at T = 2 they are the lesson's.
    """

    # Whether the loss is the mean of those of the answers after 1, 2, … T steps: the first term of S. Deng et al.,
    # "Temporal efficient training of spiking neural network …" (ICLR 2022), arXiv:2202.11946.
    every_step: bool = False

    def forward(self, model: nn.Module, samples: Tensor, keys: Tensor) -> Tensor:
        """Outputs [batch, classes]; of a network that learns by every step [batch, classes, T]."""
        if not (self.every_step and model.training):
            return super().forward(model, samples, keys)
        spikes = model.watch(self.enter(samples, keys, True), self.steps, keys)[1][-1]
        return torch.stack([t / 2 * model.layers[-1](spikes[:t]) for t in range(1, self.steps + 1)], -1)

    def neuron_settings(self, model: nn.Module) -> dict[str, Any]:
        return {"leak": model.neuron.decay, "surrogate": repr(model.neuron.spike), "every_step": self.every_step}

    def beside(self, model: nn.Module, split: Split, seed: int) -> dict[str, float]:
        """Validation accuracy, also with more or fewer steps than in training."""
        used = {f"{t} in use": replace(self, steps=t).accuracy(model, split.validation, seed) for t in (1, 2, 4, 8)}
        return super().beside(model, split, seed) | used


def _of_all_steps(outputs: Tensor, labels: Tensor) -> Tensor:
    """The mean loss of each sample's outputs [batch, classes, T]."""
    every = labels[:, None].expand(-1, outputs.shape[2])
    return nn.functional.cross_entropy(outputs, every, reduction="none").mean(1)


LEAKY = Neuron(decay=0.5, spike=triangle(1.0, 1.0))


def _strided(steps: int, **how: Any) -> LongRun:
    made = network("StridedNet", norm=True, neuron=LEAKY)
    plan = Plan(1, 64, 1e-2)
    return Strided("deep_spiking_convnets", "MNIST", mnist, made, steps, plan, Pictures(), gain=steps / 2, **how)


def _vgg7(surrogate: Surrogate, norm: bool) -> LongRun:
    made = network("VGG7", norm=norm, neuron=Neuron(decay=0.99, spike=surrogate))
    enter = Pictures(colour=True, flip=True)
    return deep_run("CIFAR-10", partial(colour, "CIFAR10"), made, 8, Plan(2, 25, 4e-3), enter, gain=2.0)


_DIGITS = network("LeNet5", norm=True, neuron=LEAKY)
_MOVED = Pictures(shift=1, turn=10.0, zoom=0.1, bend=0.6)
_EVENTS = network("LeNet5", norm=True, dropout=0.2, in_channels=2, size=34)
_GENTLE = Plan(40, 50, 2e-3, weight_decay=1e-2)

EXPERIMENTS = (
    _experiment(
        "mnist-lenet5",
        "LeNet5 on all of MNIST",
        {"LeNet5, batch norm, T=4": deep_run("MNIST", mnist, _DIGITS, 4, Plan(24, 64, 4e-3), _MOVED, gain=2.0)},
    ),
    _experiment(
        "nmnist-lenet5",
        "LeNet5 on the events of N-MNIST",
        {"LeNet5, batch norm, T=10": deep_run("N-MNIST", partial(nmnist, 10), _EVENTS, 10, _GENTLE, as_stored)},
    ),
    # The thesis mirrors all colour images. A mirrored house number is no number, so here only CIFAR's are.
    _deep("VGG7", "SVHN", "SVHN", 4, shift=2),
    _deep("ResNet7", "SVHN", "SVHN", 2, shift=2),
    _deep("VGG9", "CIFAR-10", "CIFAR10", 3, flip=True),
    _deep("ResNet9", "CIFAR-10", "CIFAR10", 1, flip=True),
    _deep("ResNet11", "CIFAR-10", "CIFAR10", 1, flip=True),
    # {default, tuned} × {batch norm, none}, as in the lesson on surrogate gradients. Tuned: the height at which, before
    # the first update, the error's norms in the first and in the last layer agree within a factor of two. Without batch
    # norm spikes reach the last layers only where hardly anything leaks.
    _experiment(
        "cifar10-surrogate-bn",
        "VGG7 on CIFAR-10, T=8: surrogate and batch norm",
        {
            "default, no batch norm": _vgg7(fast_sigmoid(), norm=False),
            "default, batch norm": _vgg7(fast_sigmoid(), norm=True),
            "tuned, no batch norm": _vgg7(triangle(2.0, 0.7), norm=False),
            "tuned, batch norm": _vgg7(triangle(2.0, 0.55), norm=True),
        },
    ),
    _experiment(
        "mnist-time-steps",
        "StridedNet on MNIST, trained with 1, 2 or 4 time steps",
        {f"T={steps}": _strided(steps) for steps in (1, 2, 4)}
        | {"T=4, loss at every step": _strided(4, every_step=True, loss=_of_all_steps)},
        seeds=(0, 1, 2),
    ),
)
