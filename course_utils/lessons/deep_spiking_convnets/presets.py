"""How the thesis trains its networks. Numbers only; the experiments do the training.

The thesis (P. Tsoukas, 2023, chapters 3.3.2 and 4.1) gives the epochs, the epochs of the drops, T, and 0.2 to 0.25 for
p. What it leaves open (learning rate, drop factor, batch size, weight decay, leak, which p where) is that of the public
code of C. Lee et al. (2020) for LeNet5, VGG9 and ResNet11. Where there is no code either, the numbers are ours: those
of the nearest relative, for N-MNIST the T of MNIST, and for Adam its usual learning rate.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """How the thesis trains a network: numbers only, `course_utils` has other modules that train.

    Attributes:
        network: of `NETWORKS`.
        dataset: "MNIST", "NMNIST", "SVHN" or "CIFAR10".
        steps: T (section 4.1.5).
        optimizer: "SGD" without momentum, or "Adam" (section 4.1.1).
        learning_rate: at the start. That of SGD belongs to the loss Σ(answer − label)², summed over the batch. Half of
            it, averaged over the batch, needs 2 · batch_size times the rate, and the weight decay divided by as much.
        drops: epochs at which the learning rate is multiplied by `drop_factor`.
        dropout: p of the masks (section 3.3.2).
        flips: images are mirrored left to right at random.
        bipolar: colours are standardised and scaled to −1 … 1, and spikes have their sign (section 4.1.3).
        epochs: passes over the training set.
        drop_factor: see `drops`.
        batch_size: samples an update.
        weight_decay: of the optimizer.
        leak: λ of all neurons.
    """

    network: str
    dataset: str
    steps: int
    optimizer: Literal["SGD", "Adam"]
    learning_rate: float
    drops: tuple[int, ...]
    dropout: float
    flips: bool
    bipolar: bool
    epochs: int = 150
    drop_factor: float = 0.2
    batch_size: int = 16
    weight_decay: float = 5e-4
    leak: float = 0.99


SGD_DROPS = (70, 100, 125)
ADAM_DROPS = (40, 80, 120)


def _colour(network: str, dataset: str, learning_rate: float, dropout: float) -> Recipe:
    return Recipe(network, dataset, 100, "SGD", learning_rate, SGD_DROPS, dropout, flips=True, bipolar=True)


PRESETS: dict[str, Recipe] = {
    "mnist-lenet5": Recipe(
        "LeNet5", "MNIST", 50, "SGD", 0.0085, SGD_DROPS, 0.0, flips=False, bipolar=False, batch_size=64
    ),
    "nmnist-lenet5": Recipe(
        "LeNet5", "NMNIST", 50, "Adam", 0.001, ADAM_DROPS, 0.0, flips=False, bipolar=False, batch_size=64
    ),
    "svhn-vgg7": _colour("VGG7", "SVHN", 0.0033, 0.2),
    "svhn-resnet7": _colour("ResNet7", "SVHN", 0.0025, 0.25),
    "cifar10-vgg9": _colour("VGG9", "CIFAR10", 0.0033, 0.2),
    "cifar10-resnet9": _colour("ResNet9", "CIFAR10", 0.0025, 0.25),
    "cifar10-resnet11": _colour("ResNet11", "CIFAR10", 0.0025, 0.25),
}


def preset(name: str) -> Recipe:
    """A recipe by its name in `PRESETS`.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in PRESETS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(PRESETS)}")
    return PRESETS[name]
