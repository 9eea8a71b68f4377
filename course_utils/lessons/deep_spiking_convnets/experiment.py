"""The deep spiking networks of lesson 12, trained to the end: on MNIST, N-MNIST, SVHN and CIFAR.

A run goes on from its checkpoint. Under `torchrun` several processes share it:

    torchrun --nproc_per_node 4 -m course_utils.tools.experiment mnist-lenet5
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.data.colour import load_colour
from course_utils.data.digits import load_images
from course_utils.data.events import frames, load_nmnist
from course_utils.lessons.deep_spiking_convnets import presets
from course_utils.spiking import convnets
from course_utils.spiking.gradients import Neuron, Spike
from course_utils.spiking.layers import SpikingNeurons
from course_utils.spiking.surrogates import Surrogate, fast_sigmoid, triangle
from course_utils.training import long_training
from course_utils.training.baselines import linear_accuracy
from course_utils.training.counting import OperationCounter
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions
from course_utils.training.long_training import Plan

FOR_TESTING = 10**6  # stands where an epoch stands in the keys of test images


class Samples(NamedTuple):
    """Images uint8 [count, channels, size, size], or spikes [count, time, channels, size, size], with their labels."""

    images: Tensor
    labels: Tensor


class Task(NamedTuple):
    """A set in three. `source` says for tables what it is."""

    source: str
    train: Samples
    validation: Samples
    test: Samples


def mnist() -> Task:
    """MNIST: 55,000 images to learn from, 5,000 to choose with, 10,000 for the test.

    Raises:
        ValueError: MNIST is not here; the small digits that lessons fall back to would be another experiment.
    """
    train, test = load_images("MNIST")
    if train.source != "MNIST":
        raise ValueError("this experiment needs MNIST itself: in $COURSE_DATA, in data/, or a network to fetch it")
    return _split("MNIST", train.images[:, None], train.labels, Samples(test.images[:, None], test.labels), 5000)


def colour(name: str) -> Task:
    """CIFAR-10 or SVHN, whole or in part; a tenth of the training images is for choosing."""
    train, test = load_colour(name)
    return _split(train.source, train.images, train.labels, Samples(test.images, test.labels), len(train.labels) // 10)


def nmnist(steps: int) -> Task:
    """N-MNIST as spikes in equal slices of time; a tenth of the training recordings is for choosing."""
    train, test = load_nmnist()
    spikes = [torch.stack([frames(events, steps) for events in part.events]).to(torch.uint8) for part in (train, test)]
    order = torch.randperm(len(train.labels), generator=torch.Generator().manual_seed(0))  # the files lie by digit
    kept = len(order) // 10
    return _split(train.source, spikes[0][order], train.labels[order], Samples(spikes[1], test.labels), kept)


def _split(source: str, images: Tensor, labels: Tensor, test: Samples, validation: int) -> Task:
    """The last images of the training set become the validation set."""
    return Task(
        source,
        Samples(images[:-validation], labels[:-validation]),
        Samples(images[-validation:], labels[-validation:]),
        test,
    )


# --- what happens to an image before it enters the network ----------------------------------------------------------


def shifted(images: Tensor, keys: Tensor, reach: int = 2) -> Tensor:
    """Images [batch, channels, size, size] moved by up to `reach` pixels up, down, left and right; black comes in."""
    size = images.shape[-1]
    padded = functional.pad(images, (reach,) * 4)
    offsets = (keyed.uniform(keys, 2) * (2 * reach + 1)).long()
    rows = offsets[:, :1] + torch.arange(size, device=images.device)
    columns = offsets[:, 1:] + torch.arange(size, device=images.device)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def warped(images: Tensor, keys: Tensor, degrees: float = 0.0, zoom: float = 0.0, bend: float = 0.0) -> Tensor:
    """Images [batch, channels, size, size] turned and scaled about their centre and bent, at random; black comes in.

    Bending is the elastic distortion of P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for convolutional
    neural networks applied to visual document analysis", ICDAR 2003; here five by five points of an image move, and
    the rest of it follows.

    Args:
        images: of any values.
        keys: [batch].
        degrees: how far images turn at most, to the left or to the right.
        zoom: how much larger or smaller they become at most, as a fraction below 1.
        bend: how far a point moves, downwards and sideways, in pixels: its standard deviation.
    """
    angle, scale = (2 * keyed.uniform(keys, 2) - 1).unbind(1)
    angle, scale = torch.deg2rad(degrees * angle), 1 + zoom * scale
    cos, sin, no_move = scale * angle.cos(), scale * angle.sin(), torch.zeros_like(angle)
    places = torch.stack([cos, -sin, no_move, sin, cos, no_move], 1).view(-1, 2, 3)
    grid = functional.affine_grid(places, list(images.shape), align_corners=False)  # of images from −1 to 1
    if bend:
        size = images.shape[-1]
        moves = bend * 2 / size * math.sqrt(3) * (2 * keyed.uniform(keyed.keys(keys, 0), 2, 5, 5) - 1)
        grid = grid + functional.interpolate(moves, (size, size), mode="bicubic", align_corners=True).movedim(1, 3)
    return functional.grid_sample(images, grid, align_corners=False)


def flipped(images: Tensor, keys: Tensor) -> Tensor:
    """Every other image, at random, with left and right exchanged."""
    mirrored = keyed.uniform(keys, 1)[:, :, None, None] < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def bipolar(images: Tensor) -> Tensor:
    """Colour images 0 to 1 with a mean of 0 and a standard deviation of 1, each, then scaled into −1 to 1."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    return centred / centred.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)


def cross_entropy(answers: Tensor, labels: Tensor) -> Tensor:
    """For each image, [batch]."""
    return functional.cross_entropy(answers, labels, reduction="none")


def squared_error(answers: Tensor, labels: Tensor) -> Tensor:
    """The squared distance of answers [batch, classes] to one-hot labels, [batch]: what the thesis's code sums up."""
    return (answers - functional.one_hot(labels, answers.shape[1])).square().sum(1)


@dataclass(frozen=True)
class Recipe:
    """How one network is trained on one task.

    Attributes:
        task: loads the data.
        network: of a seed to the network; PyTorch's own seed is set before.
        steps: number of time steps T.
        plan: of the training.
        poisson: whether pixels become random spikes. Otherwise they are a current that stays on.
        shift: how many pixels training images are moved at random.
        turn: how many degrees they are turned at random.
        zoom: by which fraction they are made larger or smaller at random.
        bend: by how many pixels they are bent at random.
        flip: whether training images are mirrored at random.
        colour: whether pixels are made bipolar.
        gain: what answers are multiplied with before the loss.
        loss: of answers and labels, for each image.
    """

    task: Callable[[], Task]
    network: Callable[[int], nn.Module]
    steps: int
    plan: Plan
    poisson: bool = False
    shift: int = 0
    turn: float = 0.0
    zoom: float = 0.0
    bend: float = 0.0
    flip: bool = False
    colour: bool = False
    gain: float = 10.0
    loss: long_training.Loss = cross_entropy

    def forward(self, model: nn.Module, images: Tensor, keys: Tensor) -> Tensor:
        """Answers of the model for images as they are stored; what is random comes from the keys."""
        if images.dim() == 5:
            return self.gain * model(images.movedim(1, 0).float(), keys=keys)
        x = images.float() / 255
        if model.training:
            x = self._varied(x, keys)
        if self.colour:
            x = bipolar(x)
        if not self.poisson:
            return self.gain * model(x, self.steps, keys=keys)
        chance = keyed.uniform(keyed.keys(keys, 3), self.steps, *x.shape[1:]).movedim(1, 0)
        return self.gain * model(torch.where(chance < x.abs(), x.sign(), 0), keys=keys)

    def _varied(self, x: Tensor, keys: Tensor) -> Tensor:
        if self.flip:
            x = flipped(x, keyed.keys(keys, 1))
        if self.shift:
            x = shifted(x, keyed.keys(keys, 2), self.shift)
        if self.turn or self.zoom or self.bend:
            x = warped(x, keyed.keys(keys, 4), self.turn, self.zoom, self.bend)
        return x

    def record(self, task_name: str, model_name: str, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        task = self.task()
        torch.manual_seed(seed)
        # With the channels of a place side by side in memory, convolutions on a processor take half the time.
        model = self.network(seed).to(long_training.device(), memory_format=torch.channels_last)
        began, afresh = time.monotonic(), checkpoint is None or not checkpoint.exists()
        with long_training.team() as team:
            losses = long_training.train(
                model,
                *task.train,
                self.plan,
                seed=seed,
                forward=self.forward,
                loss=self.loss,
                checkpoint=checkpoint,
                team=team,
            )
        seconds = {"seconds": round(time.monotonic() - began)} if afresh else {}  # of an interrupted run nobody knows
        validation, test = (self._accuracy(model, samples, seed) for samples in (task.validation, task.test))
        updates = len(losses) // self.plan.epochs
        sample = task.test.images[:50]
        with torch.no_grad(), OperationCounter(model, spiking=(SpikingNeurons,)) as counter:
            self.forward(model, sample.to(long_training.device()), self._test_keys(len(sample), seed))
        operations = counter.per_sample(len(sample))
        return Record(
            lesson="deep_spiking_convnets",
            task=task_name,
            model=model_name,
            data={"source": task.source} | {name: len(getattr(task, name).labels) for name in task._fields[1:]},
            seed=seed,
            config=asdict(self.plan)
            | {"input": "events" if sample.dim() == 5 else "poisson" if self.poisson else "constant"}
            | {name: getattr(self, name) for name in ("shift", "turn", "zoom", "bend", "flip")}
            | {"device": str(long_training.device())}
            | seconds,
            accuracy=test,
            baseline={"name": "linear classifier", "accuracy": linear_accuracy(task.train, task.test)},
            beside={"validation": validation},
            parameters=sum(values.numel() for values in model.parameters()),
            **asdict(operations),
            time_steps=self.steps,
            versions=versions("torch"),
            curve={"loss": [float(np.mean(losses[i : i + updates])) for i in range(0, len(losses), updates)]},
        )

    def _test_keys(self, count: int, seed: int) -> Tensor:
        return keyed.keys(torch.arange(count), seed, FOR_TESTING).to(long_training.device())

    def _accuracy(self, model: nn.Module, samples: Samples, seed: int) -> float:
        keys = self._test_keys(len(samples.labels), seed)
        found = long_training.answers(model, samples.images, keys, self.forward)
        return (found.argmax(1) == samples.labels).double().mean().item()


# --- the experiments ------------------------------------------------------------------------------------------------

EXPERIMENTS: list[Experiment] = []


def _add(name: str, task: str, about: str, **recipes: tuple[str, Recipe]) -> None:
    """An experiment of what a processor can do, `here`, and of the seed's recipe, `card`, for a graphics card."""
    runs = {label: partial(_run, recipe, task, label) for label, recipe in recipes.values()}
    heavy = {label for place, (label, _) in recipes.items() if place == "card"}
    EXPERIMENTS.append(Experiment(name, about, runs, seeds=(0,), heavy=frozenset(heavy)))


def _run(recipe: Recipe, task: str, label: str, seed: int, checkpoint: Path) -> Record:
    return recipe.record(task, label, seed, checkpoint.with_suffix(".safetensors"))


def _thesis(name: str, task: Callable[[], Task], **options: Any) -> tuple[str, Recipe]:
    """The recipe of that name in `presets`. Its learning rate is meant for a sum over a batch; ours is a mean."""
    recipe = presets.preset(name)
    summed = recipe.batch_size if recipe.optimizer == "SGD" else 1  # Adam does not see the difference
    plan = Plan(
        recipe.epochs,
        recipe.batch_size,
        recipe.learning_rate * summed,
        recipe.optimizer.lower(),
        recipe.drops,
        recipe.weight_decay / summed,
        recipe.drop_factor,
        momentum=0.0,
    )
    network = partial(_built, recipe.network, dropout=recipe.dropout, neuron=Neuron(leak=recipe.leak), **options)
    how = {"poisson": True, "flip": recipe.flips, "colour": recipe.bipolar, "gain": 1.0, "loss": squared_error}
    return f"{recipe.network}, T={recipe.steps}", Recipe(task, network, recipe.steps, plan, **how)


def _built(network: str, seed: int, **options: Any) -> nn.Module:
    return convnets.build(network, seed=seed, **options)


def _neuron(surrogate: Surrogate, leak: float) -> Neuron:
    return Neuron(leak=leak, spike=Spike(slope=surrogate.slope))


def _live(steps: int, epochs: int, gain: float = 1.0) -> Recipe:
    """The network that lesson 12 trains while the student waits, here with the surrogate of lesson 10."""
    network = partial(_built, "StridedNet", norm=True, neuron=Neuron(leak=0.5))
    return Recipe(mnist, network, steps, Plan(epochs, 64, 1e-2), gain=gain)


_add(
    "mnist-lenet5",
    "MNIST",
    "LeNet5 on all of MNIST",
    here=(
        "LeNet5, batch norm, T=4",
        Recipe(
            mnist,
            partial(_built, "LeNet5", norm=True, neuron=_neuron(triangle(1.0, 1.0), leak=0.5)),
            4,
            Plan(24, 64, 4e-3),
            shift=1,
            turn=10.0,
            zoom=0.1,
            bend=0.6,
            gain=2.0,
        ),
    ),
    card=_thesis("mnist-lenet5", mnist),
)
_add(
    "nmnist-lenet5",
    "N-MNIST",
    "LeNet5 on the events of N-MNIST",
    here=(
        "LeNet5, batch norm, T=10",
        Recipe(
            partial(nmnist, 10),
            partial(_built, "LeNet5", norm=True, dropout=0.2, in_channels=2, size=34),
            10,
            Plan(40, 50, 2e-3, weight_decay=1e-2),
        ),
    ),
    card=_thesis("nmnist-lenet5", partial(nmnist, presets.preset("nmnist-lenet5").steps), in_channels=2, size=34),
)


def _plan(epochs: int) -> Plan:
    """For the subsets. Small batches give more updates from as few images."""
    return Plan(epochs, 25, 4e-3)


def _deep(name: str, task: str, network: str, epochs: int, **augmentation: Any) -> None:
    """One of the deep networks: with batch norm, a constant input and T=8 here, as in the thesis on a card."""
    data = partial(colour, task.replace("-", ""))
    # tuned for this leak, see below: of VGG7's first and last layer the error's norms agree
    here = partial(_built, network, norm=True, neuron=_neuron(triangle(2.0, 0.65), leak=0.5))
    _add(
        name,
        task,
        f"{network} on {task}",
        here=(
            f"{network}, batch norm, T=8",
            Recipe(data, here, 8, _plan(epochs), colour=True, gain=2.0, **augmentation),
        ),
        card=_thesis(name, data),
    )


# The thesis mirrors all colour images. A mirrored house number is no number, so here only CIFAR's are.
_deep("svhn-vgg7", "SVHN", "VGG7", 4, shift=2)
_deep("svhn-resnet7", "SVHN", "ResNet7", 2, shift=2)
_deep("cifar10-vgg9", "CIFAR-10", "VGG9", 3, flip=True)
_deep("cifar10-resnet9", "CIFAR-10", "ResNet9", 1, flip=True)
_deep("cifar10-resnet11", "CIFAR-10", "ResNet11", 1, flip=True)
# {default, tuned} × {batch norm, none}, as in lesson 11. Tuned: the height at which, before the first update, the
# error's norms in the first and in the last layer agree within a factor of two. Without batch norm spikes reach the
# last layers only where hardly anything leaks.
_SURROGATES = {
    "default, no batch norm": (fast_sigmoid(), False),
    "default, batch norm": (fast_sigmoid(), True),
    "tuned, no batch norm": (triangle(2.0, 0.7), False),
    "tuned, batch norm": (triangle(2.0, 0.55), True),
}
EXPERIMENTS.append(
    Experiment(
        "cifar10-surrogate-bn",
        "VGG7 on CIFAR-10, T=8: surrogate and batch norm",
        {
            label: partial(
                _run,
                Recipe(
                    partial(colour, "CIFAR10"),
                    partial(_built, "VGG7", norm=norm, neuron=_neuron(surrogate, leak=0.99)),
                    8,
                    _plan(2),
                    colour=True,
                    flip=True,
                    gain=2.0,
                ),
                "CIFAR-10",
                label,
            )
            for label, (surrogate, norm) in _SURROGATES.items()
        },
        seeds=(0,),
    )
)

# How many time steps? Answers are u_T/T, so the gain grows with T, to keep them of one size.
EXPERIMENTS.append(
    Experiment(
        "mnist-time-steps",
        "StridedNet on MNIST, trained with 1 to 16 time steps",
        {
            f"T={steps}": partial(_run, _live(steps, 1, gain=steps / 4), "MNIST", f"T={steps}")
            for steps in (1, 2, 4, 8, 16)
        },
        seeds=(0, 1, 2),
    )
)
EXPERIMENTS.append(
    Experiment(
        "mnist-quick",
        "StridedNet on MNIST, in two minutes on two cores",
        {
            "StridedNet, batch norm, T=2": partial(
                _run, replace(_live(2, 4), shift=1), "MNIST", "StridedNet, batch norm, T=2"
            )
        },
        seeds=(0,),
    )
)
_add(
    "cifar100-resnet50-bn",
    "CIFAR-100",
    "ResNet50 with batch norm on CIFAR-100",
    card=(
        "ResNet50, batch norm, T=10",
        Recipe(
            partial(colour, "CIFAR100"),
            partial(_built, "ResNet50"),
            10,
            Plan(100, 128, 2e-3, weight_decay=1e-2),  # ours: the talk names no recipe
            colour=True,
            flip=True,
            shift=4,
        ),
    ),
)
