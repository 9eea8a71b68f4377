"""Deep spiking networks: LeNet5, VGG, ResNet, each built from top to bottom in a few lines.

    net = lenet5(norm=True)
    answers = net(images, steps=4)      # a static image as a constant current
    answers = net(spikes)               # [time, batch, channels, height, width]

Tables 4.2 to 4.4 of P. Tsoukas, "Training spiking neural networks" (diploma thesis, University of Thessaly, 2023),
which follows C. Lee et al., Frontiers in Neuroscience 14:119 (2020). Where the thesis is silent (padding, biases,
where the dropout sits) the public code of Lee et al. decides: convolutions are padded to keep the size, nothing has a
bias, dropout follows every layer of neurons but not the pools.
"""

import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.classroom.tables import Table
from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.blocks import ResidualBlock, SpikingAvgPool, Subsample
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import NEURON, HeldDropout, LeakyReadout, OverTime, SpikingNeurons, Timed, draw_weights
from course_utils.spiking.staircase import StaircaseNeurons


class LayerRow(NamedTuple):
    """A row of a network's table, as those of the thesis."""

    kind: str  # "convolution", "skip convolution", "skip" (without weights), "average pooling", "mean", "output", …
    kernel: str  # inputs × height × width, or height × width of a pool; empty if there is none
    channels: int  # feature maps, or neurons of a layer that is connected to all below
    stride: int | None  # None if there is none
    output: tuple[int, ...]  # shape for one sample and one step
    parameters: int  # trained numbers, those of its batch norm among them
    neurons: int  # that spike; the output's do not and are not counted


class Builder:
    """Sets layer on layer, follows a sample's shape through them, and notes a row of the table for each.

    Args:
        in_channels: of the image.
        size: pixels a side.
        classes: output neurons.
        neuron: decay, threshold and surrogate of all neurons; the pools take only its surrogate, the output its decay.
        norm: batch normalisation of all currents except the output's, over time, batch and places.
        dropout: p of the `HeldDropout` after every layer of neurons.
        held: whether its masks hold over all steps.
        seed: of its masks. The weights come from PyTorch's generator: call `torch.manual_seed` before.
        steps: see `OverTime`.
        gain: k of the initial weights N(0, √(k/n)), with n inputs a neuron.
        levels: with them all neurons are `StaircaseNeurons` of so many levels, without leak, and a pool passes on the
            strongest of four currents, below the neurons: for the hybrid road.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        size: int = 32,
        classes: int = 10,
        neuron: Neuron = NEURON,
        norm: bool = False,
        dropout: float = 0.0,
        held: bool = True,
        seed: int = 0,
        steps: int | None = None,
        gain: float = 2.0,
        levels: int | None = None,
    ):
        require_whole(in_channels=(in_channels, 1), size=(size, 1), classes=(classes, 1))
        self.sample = self.shape = (in_channels, size, size)
        self.classes, self.neuron, self.norm, self.steps, self.gain = classes, neuron, norm, steps, gain
        self.masks = (HeldDropout(dropout, seed=(seed, layer), held=held) for layer in count())
        self.levels = levels
        self.layers: list[nn.Module] = []
        self.rows: list[LayerRow] = []

    def conv(self, channels: int, kernel: int = 3, stride: int = 1) -> "Builder":
        """A convolution and its neurons."""
        self.layers += [*self._convolution(channels, kernel, stride), self._neurons()]
        return self

    def pool(self) -> "Builder":
        """A spiking average pool, 2×2."""
        channels, side, _ = self.shape
        require(side >= 2, "size", self.sample[1], "larger: 1×1 pixel is left for a pool of 2×2")
        pooled = channels, side // 2, side // 2
        if self.levels is None:
            self.layers.append(SpikingAvgPool(self.neuron))
            return self._note(pooled, "average pooling", "2×2", 2)
        # before the batch norm and the neurons, which are then fewer: what convolutions meet are always spikes
        self.layers.insert(-2 if self.norm else -1, nn.MaxPool2d(2))
        self.rows[-1] = self.rows[-1]._replace(neurons=math.prod(pooled))
        return self._note(pooled, "maximum of currents", "2×2", 2, spikes=False)

    def whitened(self, maps: int) -> "Builder":
        """A fixed 2×2 convolution of so many maps, rectified: the same analog numbers at every step (see `whiten`)."""
        fixed = nn.Conv2d(self.shape[0], maps, 2, bias=False).requires_grad_(False)
        draw_weights(fixed.weight, self.gain)
        self.layers += [fixed, nn.ReLU()]
        side = self.shape[1] - 1
        return self._note((maps, side, side), "fixed convolution", f"{self.sample[0]}×2×2", 1, spikes=False)

    def block(self, channels: int, stride: int = 1) -> "Builder":
        """Two 3×3 convolutions, the second with the stride, and a skip around them."""
        return self.residual((channels, 3, 1), (channels, 3, stride))

    def residual(self, *path: tuple[int, int, int]) -> "Builder":
        """Convolutions one after another (channels, kernel, stride) and a skip around them; the last neurons get the
        sum. The skip is a 1×1 convolution where the number of channels changes, else it has no weights."""
        before, stride = self.shape, math.prod(stride for *_, stride in path)
        layers = self._convolution(*path[0])
        for row in path[1:]:
            layers += [self._neurons(), *self._convolution(*row)]
        skip: nn.Module = Subsample(stride)
        if before[0] == self.shape[0]:
            self._note(self.shape, "skip", "1×1", stride, spikes=False)
        else:
            outputs, self.shape = self.shape[0], before
            skip = nn.Sequential(*self._convolution(outputs, 1, stride, "skip convolution"))
        self.layers.append(ResidualBlock(nn.Sequential(*layers), skip, self._neurons()))
        return self

    def mean(self) -> "Builder":
        """A global average pool: the fraction of all places of a feature map that spike; no neurons."""
        self.layers.append(nn.AdaptiveAvgPool2d(1))
        return self._note(self.shape[:1], "mean", spikes=False)

    def dense(self, neurons: int) -> "Builder":
        """Neurons connected to all below."""
        synapses = self._drawn(nn.Linear(math.prod(self.shape), neurons, bias=False), nn.BatchNorm1d)
        self.layers += [nn.Flatten(), *synapses, self._neurons()]
        return self._note((neurons,), "fully connected", made=synapses)

    def readout(self) -> OverTime:
        """The network, with output neurons that never fire at its end; its `rows` are its table."""
        decay = self.neuron.decay if self.levels is None else 1.0
        made = LeakyReadout(math.prod(self.shape), self.classes, decay=decay, gain=self.gain)
        self._note((self.classes,), "output", made=[made], spikes=False)
        network = OverTime(nn.Sequential(*self.layers, made), self.steps, self.sample)
        network.rows = tuple(self.rows)
        return network

    def _convolution(self, channels: int, kernel: int, stride: int, kind: str = "convolution") -> list[nn.Module]:
        inputs, side, _ = self.shape
        made = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2, bias=False)
        synapses, side = self._drawn(made, nn.BatchNorm2d), -(-side // stride)
        size = f"{inputs}×{kernel}×{kernel}"
        self._note((channels, side, side), kind, size, stride, synapses, spikes=kind == "convolution")
        return synapses

    def _drawn(self, synapses: nn.Module, batch_norm: type[nn.Module]) -> list[nn.Module]:
        draw_weights(synapses.weight, self.gain)
        return [synapses, batch_norm(len(synapses.weight))] if self.norm else [synapses]

    def _neurons(self) -> Timed:
        if self.levels is not None:
            return StaircaseNeurons(self.levels)
        return SpikingNeurons(self.neuron, next(self.masks))

    def _note(
        self, shape: tuple, kind: str, kernel: str = "", stride: int | None = None, made: Sequence = (), *, spikes=True
    ) -> "Builder":
        """A row for what has been made; what leaves it has this shape."""
        self.shape = shape
        parameters = sum(values.numel() for module in made for values in module.parameters())
        self.rows.append(LayerRow(kind, kernel, shape[0], stride, shape, parameters, math.prod(shape) if spikes else 0))
        return self


def layer_table(network: OverTime) -> Table:
    """The rows of a network that a `Builder` made, to show, with the sums in the last row."""
    sums = (sum(row.parameters for row in network.rows), sum(row.neurons for row in network.rows))
    rows = [*network.rows, LayerRow("all", "", "", None, (), *sums)]
    return Table(
        ("layer", "kernel", "channels", "stride", "output", "parameters", "neurons"),
        [(*r[:3], r.stride or "", "×".join(map(str, r.output)), f"{r.parameters:,}", f"{r.neurons:,}") for r in rows],
    )


# The networks: options as of `Builder`.

DIGITS = {"in_channels": 1, "size": 28}
RESIDUAL = {"gain": 1.0}


def lenet5(**options) -> OverTime:
    """20C5–P2–50C5–P2–200–10, for MNIST; N-MNIST with in_channels=2, size=34 (table 4.2)."""
    return Builder(**DIGITS | options).conv(20, 5).pool().conv(50, 5).pool().dense(200).readout()


def strided_net(**options) -> OverTime:
    """24C5–48C5–96C3–10, every convolution with stride 2, for MNIST: a network of ours, quick enough to train live.

    Strides in place of pools leave about a quarter of LeNet5's neurons.
    """
    return Builder(**DIGITS | options).conv(24, 5, stride=2).conv(48, 5, stride=2).conv(96, stride=2).readout()


def vgg7(**options) -> OverTime:
    """For SVHN (table 4.3). Its strides and pools leave a single place, so 128 numbers enter the last layers."""
    net = Builder(**options).conv(64).conv(64, stride=2).pool()
    return net.conv(128).conv(128, stride=2).conv(128, stride=2).pool().dense(1024).readout()


def vgg9(**options) -> OverTime:
    """For CIFAR-10 (table 4.4)."""
    net = Builder(**options).conv(64).conv(64).pool().conv(128).conv(128).pool()
    return net.conv(256).conv(256).conv(256).pool().dense(1024).readout()


def resnet7(**options) -> OverTime:
    """For SVHN (table 4.3)."""
    net = Builder(**RESIDUAL | options).conv(64).pool()
    return net.block(128, stride=2).block(256, stride=2).dense(1024).readout()


def resnet9(**options) -> OverTime:
    """For CIFAR-10 (table 4.4)."""
    net = Builder(**RESIDUAL | options).conv(64).pool()
    return net.block(128).block(256, stride=2).block(512, stride=2).dense(1024).readout()


def resnet11(**options) -> OverTime:
    """For CIFAR-10, after the public code of Lee et al. (2020), for the thesis's table 4.4 is one short.

    The table lists 10 layers with weights on the main path, not 11. Its last rows run 256 → 512, 512 → 512, 512 → 512
    with stride 2, and one skip. The code has two blocks there: 256 → 512 → 512 with a 1×1 skip, then 512 → 512 → 512
    with stride 2. So a convolution 512 → 512 and the skip 256 → 512 are missing. The last skip, "512×1×1" with stride 2
    in the table, has no weights in the code: it takes every second row and column.
    """
    net = Builder(**RESIDUAL | options).conv(64).pool()
    return net.block(128).block(256, stride=2).block(512).block(512, stride=2).dense(1024).readout()


def lean_net(**options) -> OverTime:
    """For CIFAR-10, 118 million multiply-accumulates a step: three blocks of two convolutions, a skip over the second.

    After K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024), arXiv:2404.00498, with neurons, and a
    global average pool at the end. Made for the hybrid road, with `levels`.
    """
    net = Builder(**{"norm": True, "gain": 1.0} | options).whitened(24)
    for channels in (64, 256, 256):
        net.conv(channels).pool().residual((channels, 3, 1))
    return net.mean().readout()


NETWORKS: dict[str, Callable[..., OverTime]] = {
    "LeNet5": lenet5,
    "StridedNet": strided_net,
    "VGG7": vgg7,
    "VGG9": vgg9,
    "ResNet7": resnet7,
    "ResNet9": resnet9,
    "ResNet11": resnet11,
    "LeanNet": lean_net,
}


def build(name: str, **options) -> OverTime:
    """A network by its name in `NETWORKS`; options as of `Builder`."""
    require(name in NETWORKS, "name", name, f"one of {', '.join(NETWORKS)}")
    return NETWORKS[name](**options)


@guarded
@torch.no_grad()
def whiten(network: OverTime, images: Tensor) -> None:
    """Set the fixed convolution of a `Builder.whitened` network, in place: patches of images come out of it with
    variances of 1 and uncorrelated, each map beside its negative, so that the rectifier loses nothing.

    The images are some thousand as they enter the network, [count, c, height, width]; there must be 2·c·2·2 maps.
    """
    first = network.layers[0]
    patches = functional.unfold(images, first.kernel_size).transpose(1, 2).flatten(0, 1)
    variances, directions = torch.linalg.eigh(torch.cov(patches.T))
    kernels = (directions / (variances + 5e-4).sqrt()).T.reshape(-1, *first.weight.shape[1:])
    first.weight.copy_(torch.cat([kernels, -kernels]))


@torch.no_grad()
def pass_on(network: nn.Module) -> None:
    """Let every 3×3 convolution begin by passing its maps on: the first kernels are 1 in the middle and 0 elsewhere
    (S. Zagoruyko and N. Komodakis, "DiracNets", 2017, arXiv:1706.00388). In place."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.requires_grad and layer.kernel_size[0] > 1:
            nn.init.dirac_(layer.weight[: layer.in_channels])
