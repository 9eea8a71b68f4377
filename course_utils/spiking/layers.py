"""The layers of a deep spiking network, over spikes or currents [time, batch, …]. `convnets` builds networks of them.

Every layer takes all steps of a batch at once. Synapses have no memory, so all steps go through them in one call;
only the neurons walk through time, in `gradients.lif`, whose backward pass is written by hand.

Source: C. Lee et al., "Enabling spike-based backpropagation for training deep neural network architectures",
Frontiers in Neuroscience 14:119 (2020), and its public code.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.spiking.gradients import Neuron, lif

POOL_THRESHOLD = 0.75
NEURON = Neuron(leak=0.99)  # as Lee et al. have it


class SpikingNeurons(nn.Module):
    """LIF neurons, or IF neurons with a leak of 1: currents [time, batch, …] to spikes of that shape, from rest."""

    def __init__(self, neuron: Neuron):
        super().__init__()
        self.neuron = neuron

    def forward(self, currents: Tensor) -> Tensor:
        return lif(currents, self.neuron)

    def extra_repr(self) -> str:
        return f"leak={self.neuron.leak}, threshold={self.neuron.threshold}"


class SpikingAvgPool(SpikingNeurons):
    """The mean of 2×2 spikes drives an IF neuron, whose spike is the pool's.

    Above a threshold of 0.75 it takes four spikes in one step, or fewer that add up: what is left of the potential is
    carried over to the next step, without leak. The reset is to zero, so what exceeds the threshold is lost. Its
    gradient is that of any other neuron. An odd last row or column is left out.

    Args:
        neuron: whose surrogate is used; the leak and the threshold are the pool's own.
    """

    def __init__(self, neuron: Neuron = NEURON):
        super().__init__(replace(neuron, leak=1.0, threshold=POOL_THRESHOLD))

    def forward(self, spikes: Tensor) -> Tensor:
        """Spikes [time, batch, channels, height, width] to [time, batch, channels, height // 2, width // 2]."""
        return super().forward(functional.avg_pool2d(spikes.flatten(0, 1), 2).unflatten(0, spikes.shape[:2]))


# --- dropout --------------------------------------------------------------------------------------------------------


def fresh_keys(count: int) -> Tensor:
    """Keys that were never used before, [count], from PyTorch's global generator."""
    return torch.randint(2**62, (count,))


class HeldDropout(nn.Module):
    """Dropout for spikes: who is silenced, is silenced at every step of a sample.

    In training a neuron is silenced with probability p; the others' spikes count 1/(1 − p). A mask that is drawn anew
    at every step silences nobody: over many steps every neuron gets through in a fraction 1 − p of them.

    Args:
        p: 0 ≤ p < 1; the thesis takes 0.2 to 0.25.
        seed: whole numbers, 0 or more; every layer of a network needs seeds of its own.
        held: without it the mask is drawn anew at every step, as an ordinary dropout would do.

    Raises:
        ValueError: p is out of range.
    """

    def __init__(self, p: float, *, seed: Sequence[int] = (0,), held: bool = True):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p is {p}; it must be a probability, at least 0 and below 1")
        self.p = p
        self.seed = tuple(seed)
        self.held = held

    def mask(self, x: Tensor, keys: Tensor) -> Tensor:
        """0 or 1/(1 − p) for x [time, batch, …]: [1, batch, …] if it is held, else the shape of x."""
        steps = 1 if self.held else len(x)
        stays = keyed.uniform(keyed.keys(keys, *self.seed), steps, *x.shape[2:]).movedim(1, 0) >= self.p
        return stays.to(x) / (1 - self.p)

    def forward(self, x: Tensor, keys: Tensor | None = None) -> Tensor:
        """x [time, batch, …] without those silenced; `keys` [batch] as of `keyed.keys`, None draws fresh ones.

        Raises:
            ValueError: there is not one key for every sample.
        """
        if not self.training or self.p == 0:
            return x
        if keys is None:
            keys = fresh_keys(x.shape[1])
        if keys.shape != x.shape[1:2]:
            raise ValueError(f"keys have shape {tuple(keys.shape)}; {x.shape[1]} samples need [{x.shape[1]}]")
        return x * self.mask(x, keys)

    def extra_repr(self) -> str:
        return f"p={self.p}, held={self.held}"


class Firing(nn.Module):
    """Neurons, and the dropout of their spikes."""

    def __init__(self, neuron: Neuron, dropout: HeldDropout):
        super().__init__()
        self.neurons = SpikingNeurons(neuron)
        self.dropout = dropout

    def forward(self, currents: Tensor, keys: Tensor | None) -> Tensor:
        return self.dropout(self.neurons(currents), keys)


# --- synapses -------------------------------------------------------------------------------------------------------


class Synapses(nn.Module):
    """Spikes [time, batch, …] to currents: a convolution that keeps the size (up to its stride), or all to all.

    Weights are drawn from N(0, √(k/n)), with n inputs a neuron; there are no biases.

    Args:
        inputs: channels, or neurons.
        outputs: the same.
        kernel: odd side of a convolution's kernel; None connects all to all.
        stride: of the convolution.
        gain: k; 2 in networks without skips, 1 in those with them.
        norm: batch normalisation of the currents. Its mean and variance are taken over time, batch and places, one
            for each channel, so every step is scaled alike.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int | None = None, *, stride: int = 1, gain: float, norm: bool = False
    ):
        super().__init__()
        if kernel is None:
            self.weights = nn.Linear(inputs, outputs, bias=False)
        else:
            self.weights = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        draw_weights(self.weights.weight, gain)
        batch_norm = nn.BatchNorm1d if kernel is None else nn.BatchNorm2d
        self.norm = batch_norm(outputs) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        samples = x.flatten(0, 1)
        if isinstance(self.weights, nn.Linear):
            samples = samples.flatten(1)
        return self.norm(self.weights(samples)).unflatten(0, x.shape[:2])


def draw_weights(weight: Tensor, gain: float) -> None:
    """Fills a weight [outputs, inputs, …] from N(0, √(gain/n)), in place; n is the number of inputs of an output."""
    nn.init.normal_(weight, std=math.sqrt(gain / weight[0].numel()))


class Subsample(nn.Module):
    """The skip that has no weights: every stride-th row and column of [time, batch, channels, height, width]."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :: self.stride, :: self.stride]


class Places(nn.Module):
    """The mean over height and width of [time, batch, channels, height, width]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((3, 4))


class Layer(nn.Module):
    """Synapses and the neurons that they drive."""

    def __init__(self, synapses: Synapses, firing: Firing):
        super().__init__()
        self.synapses = synapses
        self.firing = firing

    def forward(self, x: Tensor, keys: Tensor | None) -> Tensor:
        return self.firing(self.synapses(x), keys)


class Residual(nn.Module):
    """Synapses one after another with neurons between, and a skip around them: both end in the same neurons.

    Args:
        path: the synapses in order.
        skip: around all of them.
        firing: of every one of the path.
    """

    def __init__(self, path: Sequence[Synapses], skip: nn.Module, firing: Sequence[Firing]):
        super().__init__()
        self.path = nn.ModuleList(path)
        self.skip = skip
        self.firing = nn.ModuleList(firing)

    def forward(self, x: Tensor, keys: Tensor | None) -> Tensor:
        *first, last = self.path
        *between, end = self.firing
        y = x
        for synapses, firing in zip(first, between, strict=True):
            y = firing(synapses(y), keys)
        return end(last(y) + self.skip(x), keys)


class Answer(nn.Module):
    """Output neurons that leak and never fire; the answer is their last potential over the number of steps.

    A spike of step t counts λ^(T−t)/T in the end, whatever its synapse. So the spikes are added up with these factors
    first, and the weights meet their sum once instead of T times.

    Args:
        inputs: neurons below.
        classes: output neurons.
        leak: λ.
        gain: k of the initial weights.
    """

    def __init__(self, inputs: int, classes: int, *, leak: float, gain: float):
        super().__init__()
        self.weights = nn.Linear(inputs, classes, bias=False)
        draw_weights(self.weights.weight, gain)
        self.leak = leak

    def forward(self, x: Tensor) -> Tensor:
        """Spikes [time, batch, …] to answers [batch, classes]."""
        age = torch.arange(len(x) - 1, -1, -1, dtype=x.dtype, device=x.device)
        return self.weights(torch.tensordot(self.leak**age / len(x), x.flatten(2), dims=1))
