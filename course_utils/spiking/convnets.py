"""The deep spiking networks of lesson 12: LeNet5, VGG, ResNet. A network is a table; one class builds them all.

    net = LeNet5(norm=True)
    answers = net(images, steps=4)      # a static image as a constant current
    answers = net(spikes)               # [time, batch, channels, height, width]

Tables 4.2 to 4.4 of P. Tsoukas, "Training spiking neural networks" (diploma thesis, University of Thessaly, 2023),
which follows C. Lee et al., Frontiers in Neuroscience 14:119 (2020). Where the thesis is silent (padding, biases,
where the dropout sits) the public code of Lee et al. decides: convolutions are padded to keep the size, nothing has a
bias, dropout follows every layer of neurons but not the pools.
"""

import math
from itertools import count
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from course_utils.classroom.tables import Table
from course_utils.spiking.encoders import check_steps
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import (
    NEURON,
    Answer,
    Firing,
    HeldDropout,
    Layer,
    Places,
    Residual,
    SpikingAvgPool,
    Subsample,
    Synapses,
    fresh_keys,
)

# --- rows of a network's table --------------------------------------------------------------------------------------


class Conv(NamedTuple):
    """A convolution and its neurons."""

    channels: int
    kernel: int = 3
    stride: int = 1


class Pool(NamedTuple):
    """A spiking average pool, 2×2."""


class Around(NamedTuple):
    """Convolutions one after another, and a skip around them; the last neurons get the sum.

    The skip is a 1×1 convolution where the number of channels changes, else it has no weights.
    """

    path: tuple[Conv, ...]


def block(channels: int, stride: int = 1) -> Around:
    """Two 3×3 convolutions; the second has the stride."""
    return Around((Conv(channels), Conv(channels, stride=stride)))


def bottleneck(channels: int, stride: int = 1) -> Around:
    """1×1, 3×3 and 1×1; the second has the stride, the third four times the channels."""
    return Around((Conv(channels, 1), Conv(channels, stride=stride), Conv(4 * channels, 1)))


class Mean(NamedTuple):
    """The fraction of all places of a feature map that spike; no neurons."""


class Dense(NamedTuple):
    """Neurons connected to all below."""

    neurons: int


Row = Conv | Pool | Around | Mean | Dense


class _Builder:
    """Makes the layers of a table from top to bottom, and follows a sample's shape through them."""

    def __init__(self, channels: int, side: int, *, neuron: Neuron, dropout: float, held: bool, seed: int, **synapses):
        self.channels, self.side, self.size = channels, side, side
        self.neuron = neuron
        self.masks = (HeldDropout(dropout, seed=(seed, layer), held=held) for layer in count())
        self.synapses = synapses

    @property
    def outputs(self) -> int:
        """Numbers that leave what was built so far."""
        return self.channels * self.side**2

    def stage(self, row: Row) -> nn.Module:
        match row:
            case Conv():
                return Layer(self._convolution(row), self._firing())
            case Pool():
                if self.side < 2:
                    raise ValueError(f"size is {self.size}; it must be larger: 1×1 pixel is left for a pool of 2×2")
                self.side //= 2
                return SpikingAvgPool(self.neuron)
            case Around(path):
                inputs, stride = self.channels, math.prod(conv.stride for conv in path)
                synapses = [self._convolution(conv) for conv in path]
                if inputs == self.channels:
                    skip = Subsample(stride)
                else:
                    skip = Synapses(inputs, self.channels, 1, stride=stride, **self.synapses)
                return Residual(synapses, skip, [self._firing() for _ in path])
            case Mean():
                self.side = 1
                return Places()
            case Dense(neurons):
                synapses = Synapses(self.outputs, neurons, **self.synapses)
                self.channels, self.side = neurons, 1
                return Layer(synapses, self._firing())

    def _convolution(self, row: Conv) -> Synapses:
        synapses = Synapses(self.channels, row.channels, row.kernel, stride=row.stride, **self.synapses)
        self.channels, self.side = row.channels, -(-self.side // row.stride)
        return synapses

    def _firing(self) -> Firing:
        return Firing(self.neuron, next(self.masks))


# --- networks -------------------------------------------------------------------------------------------------------


class SpikingConvNet(nn.Module):
    """A network by its table; the classes below are this one with a table of theirs.

    Args:
        in_channels: of the image; None takes the network's usual one.
        size: pixels a side; None takes the usual.
        classes: output neurons; None takes the usual.
        neuron: leak, threshold and surrogate of all neurons; the pools take only its surrogate, the output its leak.
        norm: batch normalisation of all currents except the output's, over time and batch.
        dropout: p of the `HeldDropout` after every layer of neurons.
        held: whether its masks hold over all steps.
        seed: of its masks. The weights come from PyTorch's generator: call `torch.manual_seed` before.

    Raises:
        ValueError: an argument is out of range, or nothing is left of an image of this size.
    """

    ROWS: ClassVar[tuple[Row, ...]]
    IMAGE: ClassVar[tuple[int, int]] = (3, 32)  # channels, pixels a side
    CLASSES: ClassVar[int] = 10
    GAIN: ClassVar[float] = 2.0  # k of the initial weights N(0, √(k/n))

    def __init__(
        self,
        *,
        in_channels: int | None = None,
        size: int | None = None,
        classes: int | None = None,
        neuron: Neuron = NEURON,
        norm: bool = False,
        dropout: float = 0.0,
        held: bool = True,
        seed: int = 0,
    ):
        super().__init__()
        self.in_channels = self.IMAGE[0] if in_channels is None else in_channels
        self.size = self.IMAGE[1] if size is None else size
        self.classes = self.CLASSES if classes is None else classes
        for name in ("in_channels", "size", "classes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number, 1 or more")
        self.neuron = neuron
        self.dropout = dropout
        builder = _Builder(
            self.in_channels, self.size, neuron=neuron, dropout=dropout, held=held, seed=seed, gain=self.GAIN, norm=norm
        )
        self.stages = nn.ModuleList(builder.stage(row) for row in self.ROWS)
        self.answer = Answer(builder.outputs, self.classes, leak=neuron.leak, gain=self.GAIN)

    def forward(self, x: Tensor, steps: int | None = None, keys: Tensor | None = None) -> Tensor:
        """Answers [batch, classes]: the last potentials of the output neurons, over the number of steps.

        Args:
            x: spikes or currents [time, batch, channels, size, size]; or images [batch, channels, size, size], which
                act as a constant current. The first convolution of an image is the same at every step: it is
                computed once, forwards and backwards.
            steps: number of time steps T, with images only.
            keys: of the dropout's masks, [batch], see `keyed.keys`; None draws new ones with PyTorch's generator.

        Raises:
            ValueError: x does not fit the network, `steps` is missing, superfluous or below 1, or `keys` do not fit.
        """
        return self.answer(self.run(x, steps, keys)[-1])

    def run(self, x: Tensor, steps: int | None = None, keys: Tensor | None = None) -> list[Tensor]:
        """What every stage sends on, [time, batch, …] each, without the answer; arguments as of `forward`."""
        self._check(x, steps)
        if keys is None and self.training and self.dropout > 0:
            keys = fresh_keys(x.shape[0 if steps else 1])
        first, *others = self.stages
        currents = first.synapses(x if steps is None else x[None])
        spikes = [first.firing(currents if steps is None else currents.expand(steps, *currents.shape[1:]), keys)]
        for stage in others:
            takes_keys = isinstance(stage, Layer | Residual)
            spikes.append(stage(spikes[-1], keys) if takes_keys else stage(spikes[-1]))
        return spikes

    def _check(self, x: Tensor, steps: int | None) -> None:
        if x.dim() not in (4, 5) or x.shape[-3:] != (self.in_channels, self.size, self.size):
            sample = f"{self.in_channels}, {self.size}, {self.size}"
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this {type(self).__name__} needs images [batch, {sample}] or spikes "
                f"[time, batch, {sample}]"
            )
        if x.dim() == 4:
            if steps is None:
                raise ValueError("steps is None; images need a number of time steps, 1 or more")
            check_steps(steps)
        elif steps is not None:
            raise ValueError(f"steps is {steps}; spikes [time, batch, …] have their own number of steps: leave it out")
        elif len(x) == 0:
            raise ValueError("x has 0 time steps; it must have 1 or more")


class LeNet5(SpikingConvNet):
    """20C5–P2–50C5–P2–200–10, for MNIST; N-MNIST with in_channels=2, size=34 (table 4.2)."""

    ROWS = (Conv(20, 5), Pool(), Conv(50, 5), Pool(), Dense(200))
    IMAGE = (1, 28)


class StridedNet(SpikingConvNet):
    """24C5–48C5–96C3–10, every convolution with stride 2, for MNIST: a network of ours, quick enough to train live.

    Strides in place of pools leave about a quarter of LeNet5's neurons.
    """

    ROWS = (Conv(24, 5, stride=2), Conv(48, 5, stride=2), Conv(96, 3, stride=2))
    IMAGE = (1, 28)


class VGG7(SpikingConvNet):
    """For SVHN (table 4.3). Its strides and pools leave a single place, so 128 numbers enter the last layers."""

    ROWS = (
        *(Conv(64), Conv(64, stride=2), Pool()),
        *(Conv(128), Conv(128, stride=2), Conv(128, stride=2), Pool()),
        Dense(1024),
    )


class VGG9(SpikingConvNet):
    """For CIFAR-10 (table 4.4)."""

    ROWS = (
        *(Conv(64), Conv(64), Pool()),
        *(Conv(128), Conv(128), Pool()),
        *(Conv(256), Conv(256), Conv(256), Pool()),
        Dense(1024),
    )


class ResNet7(SpikingConvNet):
    """For SVHN (table 4.3)."""

    ROWS = (Conv(64), Pool(), block(128, stride=2), block(256, stride=2), Dense(1024))
    GAIN = 1.0


class ResNet9(SpikingConvNet):
    """For CIFAR-10 (table 4.4)."""

    ROWS = (Conv(64), Pool(), block(128), block(256, stride=2), block(512, stride=2), Dense(1024))
    GAIN = 1.0


class ResNet11(SpikingConvNet):
    """For CIFAR-10, after the public code of Lee et al. (2020), for the thesis's table 4.4 is one short.

    The table lists 10 layers with weights on the main path, not 11. Its last rows run 256 → 512, 512 → 512, 512 → 512
    with stride 2, and one skip. The code has two blocks there: 256 → 512 → 512 with a 1×1 skip, then 512 → 512 → 512
    with stride 2. So a convolution 512 → 512 and the skip 256 → 512 are missing. The last skip, "512×1×1" with stride 2
    in the table, has no weights in the code: it takes every second row and column.
    """

    ROWS = (Conv(64), Pool(), block(128), block(256, stride=2), block(512), block(512, stride=2), Dense(1024))
    GAIN = 1.0


class ResNet50(SpikingConvNet):
    """The 50 layers of K. He et al. (2016) with spiking neurons, for CIFAR-100; batch normalisation unless refused.

    As usual for images this small, one 3×3 convolution stands in for the 7×7 one and the pool. A spike train and its
    skip meet in front of neurons, as in the small networks. For such a network on CIFAR-100 see E. Ledinauskas et
    al., "Training deep spiking neural networks" (2020), arXiv:2006.04436.
    """

    ROWS = (
        Conv(64),
        *(bottleneck(64),) * 3,
        *(bottleneck(128, stride=2), *(bottleneck(128),) * 3),
        *(bottleneck(256, stride=2), *(bottleneck(256),) * 5),
        *(bottleneck(512, stride=2), *(bottleneck(512),) * 2),
        Mean(),
    )
    CLASSES = 100
    GAIN = 1.0

    def __init__(self, *, norm: bool = True, **options):
        super().__init__(norm=norm, **options)


NETWORKS: dict[str, type[SpikingConvNet]] = {
    kind.__name__: kind for kind in (LeNet5, StridedNet, VGG7, VGG9, ResNet7, ResNet9, ResNet11, ResNet50)
}


def build(name: str, **options) -> SpikingConvNet:
    """A network by its name in `NETWORKS`; options as of `SpikingConvNet`.

    Raises:
        ValueError: the name is unknown, or an option is out of range.
    """
    if name not in NETWORKS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(NETWORKS)}")
    return NETWORKS[name](**options)


class ConstantInput(nn.Module):
    """A network and a number of time steps: a model of images, as `training.fit` and `training.predict` want it.

    Attributes:
        network: see `SpikingConvNet`.
        steps: T; it may be changed after training.

    Raises:
        ValueError: `steps` is below 1.
    """

    def __init__(self, network: SpikingConvNet, steps: int):
        super().__init__()
        check_steps(steps)
        self.network = network
        self.steps = steps

    def forward(self, images: Tensor) -> Tensor:
        """Images [batch, channels, size, size] to answers [batch, classes]."""
        return self.network(images, self.steps)


# --- what a network is made of --------------------------------------------------------------------------------------


class LayerRow(NamedTuple):
    """A row of a network's table, as those of the thesis.

    Attributes:
        kind: "convolution", "skip convolution", "skip" (without weights), "average pooling", "mean", "fully connected"
            or "output".
        kernel: inputs × height × width, or height × width of a pool; empty if there is none.
        channels: feature maps, or neurons of a layer that is connected to all below.
        stride: None if there is none.
        output: shape for one sample and one step.
        parameters: trained numbers.
        neurons: that spike; the output's do not and are not counted.
    """

    kind: str
    kernel: str
    channels: int
    stride: int | None
    output: tuple[int, ...]
    parameters: int
    neurons: int


@torch.no_grad()
def layers(network: SpikingConvNet) -> list[LayerRow]:
    """The rows of a network in the order in which they work, noted while a black image passes through it."""
    rows: list[LayerRow] = []
    skips = {module.skip for module in network.modules() if isinstance(module, Residual)}

    def note(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        shape = tuple(output.shape[1:] if isinstance(module, Answer) else output.shape[2:])
        kind, kernel, stride = _describe(module, module in skips)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        spikes = isinstance(module, SpikingAvgPool | Synapses) and module not in skips
        rows.append(LayerRow(kind, kernel, shape[0], stride, shape, parameters, math.prod(shape) if spikes else 0))

    kinds = (Synapses, SpikingAvgPool, Subsample, Places, Answer)
    hooks = [module.register_forward_hook(note) for module in network.modules() if isinstance(module, kinds)]
    was_training = network.training
    network.eval()
    try:
        image = next(network.parameters()).new_zeros(1, network.in_channels, network.size, network.size)
        network(image, steps=1)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return rows


def _describe(module: nn.Module, is_skip: bool) -> tuple[str, str, int | None]:
    """Kind, kernel and stride of a row."""
    match module:
        case SpikingAvgPool():
            return "average pooling", "2×2", 2
        case Subsample():
            return "skip", "1×1", module.stride
        case Places():
            return "mean", "", None
        case Answer():
            return "output", "", None
        case Synapses(weights=nn.Conv2d() as conv):
            kind = "skip convolution" if is_skip else "convolution"
            return kind, "×".join(map(str, conv.weight.shape[1:])), conv.stride[0]
        case _:
            return "fully connected", "", None


def layer_table(network: SpikingConvNet) -> Table:
    """`layers` as a table to show, with the sums in the last row."""
    rows = layers(network)
    shown = [
        (*row[:3], row.stride or "", "×".join(map(str, row.output)), f"{row.parameters:,}", f"{row.neurons:,}")
        for row in rows
    ]
    total = ("all", "", "", "", "", f"{sum(r.parameters for r in rows):,}", f"{sum(r.neurons for r in rows):,}")
    return Table(("layer", "kernel", "channels", "stride", "output", "parameters", "neurons"), [*shown, total])
