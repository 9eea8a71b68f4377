"""The layers of a deep spiking network, and its walk through time. `convnets` builds networks of them.

A network is an `nn.Sequential` of ordinary layers of PyTorch, which have no memory and so take all steps of a batch in
one call, and of layers that know time: those of class `Timed` map [time, batch, …] to the same. `OverTime` runs it.
The neurons are those of `gradients.lif`, whose backward pass is written by hand.

Source: C. Lee et al., "Enabling spike-based backpropagation for training deep neural network architectures",
Frontiers in Neuroscience 14:119 (2020), and its public code.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.data import keyed
from course_utils.data.require import require, require_whole
from course_utils.spiking.gradients import Neuron, lif
from course_utils.spiking.spikes import each_step

NEURON = Neuron(decay=0.99)  # as Lee et al. have it


def draw_weights(weight: Tensor, gain: float) -> None:
    """Fills a weight [outputs, inputs, …] from N(0, √(gain/n)), in place; n is the number of inputs of an output."""
    nn.init.normal_(weight, std=math.sqrt(gain / weight[0].numel()))


class HeldDropout(nn.Module):
    """Dropout for spikes: who is silenced, is silenced at every step of a sample.

    In training a neuron is silenced with probability p; the others' spikes count 1/(1 − p). A mask that is drawn anew
    at every step silences nobody: over many steps every neuron gets through in a fraction 1 − p of them.

    Args:
        p: 0 ≤ p < 1; the thesis takes 0.2 to 0.25.
        seed: whole numbers, 0 or more; every layer of a network needs seeds of its own.
        held: without it the mask is drawn anew at every step, as an ordinary dropout would do.
    """

    def __init__(self, p: float, *, seed: Sequence[int] = (0,), held: bool = True):
        super().__init__()
        require(0 <= p < 1, "p", p, "a probability, at least 0 and below 1")
        self.p, self.seed, self.held = p, tuple(seed), held

    def mask(self, x: Tensor, keys: Tensor) -> Tensor:
        """0 or 1/(1 − p) for x [time, batch, …]: [1, batch, …] if it is held, else the shape of x."""
        steps = 1 if self.held else len(x)
        stays = keyed.uniform(keyed.keys(keys, *self.seed), steps, *x.shape[2:]).movedim(1, 0) >= self.p
        return stays.to(x) / (1 - self.p)

    def forward(self, x: Tensor, keys: Tensor | None = None) -> Tensor:
        """Spikes [time, batch, …] without those silenced; one key for every sample [batch], see `keyed.keys`. None
        draws keys that were never used before, from PyTorch's global generator."""
        if not self.training or self.p == 0:
            return x
        if keys is None:
            keys = fresh_keys(x.shape[1])
        if keys.shape != x.shape[1:2]:
            raise ValueError(f"keys have shape {tuple(keys.shape)}; {x.shape[1]} samples need [{x.shape[1]}]")
        return x * self.mask(x, keys)


def fresh_keys(count: int) -> Tensor:
    """Keys that were never used before, [count], from PyTorch's global generator."""
    return torch.randint(2**62, (count,))


class Timed(nn.Module):
    """A layer that is called with [time, batch, …], and with the keys of the batch's dropout (see `HeldDropout`)."""


class SpikingNeurons(Timed):
    """LIF neurons, or IF neurons with a decay of 1: currents [time, batch, …] to spikes of that shape, from rest, less
    those that a dropout silences."""

    def __init__(self, neuron: Neuron, dropout: HeldDropout | None = None):
        super().__init__()
        self.neuron, self.dropout = neuron, dropout

    def forward(self, currents: Tensor, keys: Tensor | None = None) -> Tensor:
        spikes = lif(currents, self.neuron)
        return spikes if self.dropout is None else self.dropout(spikes, keys)


class LeakyReadout(Timed):
    """Output neurons that leak and never fire; the answer is their last potential over the number of steps.

    A spike of step t counts λ^(T−t)/T in the end, whatever its synapse. So the spikes are added up with these factors
    first, and the weights meet their sum once instead of T times. The gain is k of `draw_weights`.
    """

    def __init__(self, inputs: int, classes: int, *, decay: float, gain: float):
        super().__init__()
        self.weights = nn.Linear(inputs, classes, bias=False)
        draw_weights(self.weights.weight, gain)
        self.decay = decay

    def forward(self, x: Tensor, keys: Tensor | None = None) -> Tensor:
        """Spikes [time, batch, …] to answers [batch, classes]."""
        age = torch.arange(len(x) - 1, -1, -1, dtype=x.dtype, device=x.device)
        return self.weights(torch.tensordot(self.decay**age / len(x), x.flatten(2), dims=1))


class OverTime(nn.Module):
    """Layers with spiking neurons among them, run for some steps.

    Images are a constant current: what stands before the first neurons is the same at every step, and is computed once,
    forwards and backwards. Ordinary layers at the end, behind the last that knows time, are given the mean over time:
    they work once instead of T times.

    Args:
        layers: the layers in order.
        steps: number of time steps T under images, if a call does not say; may be changed after training.
        sample: shape of a sample, [channels, height, width], if others shall be refused.
    """

    rows: tuple = ()  # its table, if a `Builder` made it

    def __init__(self, layers: nn.Sequential, steps: int | None = None, sample: tuple[int, ...] | None = None):
        super().__init__()
        if steps is not None:
            require_whole(steps=(steps, 1))
        self.layers, self.steps, self.sample = layers, steps, sample

    @property
    def neuron(self) -> Neuron:
        """Decay, threshold and surrogate of the first spiking layer."""
        return next(module.neuron for module in self.modules() if isinstance(module, SpikingNeurons))

    def parts(self) -> tuple[nn.Sequential, nn.Sequential]:
        """The layers up to the last that knows time, and those behind it, which get the mean over time."""
        last = max(place for place, layer in enumerate(self.layers) if isinstance(layer, Timed))
        return self.layers[: last + 1], self.layers[last + 1 :]

    def forward(self, x: Tensor, steps: int | None = None, keys: Tensor | None = None) -> Tensor:
        """Answers [batch, classes] for spikes or currents [time, batch, channels, height, width], or for images [batch,
        channels, height, width] and a number of time steps. The keys [batch] are the dropout's, see `HeldDropout`."""
        return self.watch(x, steps, keys)[0]

    def watch(self, x: Tensor, steps: int | None = None, keys: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """The answers, and the spikes that neurons, pools and residual blocks send on, [time, batch, …] each."""
        steps = self._steps_for(x, steps)
        x, sent = x if x.dim() == 5 else x[None], []
        dropout = (module for module in self.modules() if isinstance(module, HeldDropout))
        if keys is None and self.training and any(module.p > 0 for module in dropout):
            keys = fresh_keys(x.shape[1])
        body, head = self.parts()
        for layer in body:
            if not isinstance(layer, Timed):
                x = each_step(layer, x)
                continue
            x = layer(x.expand(steps, *x.shape[1:]), keys)
            if not isinstance(layer, LeakyReadout):
                sent.append(x)
        return head(x.mean(0)) if len(head) else x, sent

    def _steps_for(self, x: Tensor, steps: int | None) -> int:
        """Refuses what does not fit, and returns the number of steps."""
        if x.dim() not in (4, 5) or self.sample not in (None, x.shape[-3:]):
            sample = ", ".join(map(str, self.sample or ("channels", "height", "width")))
            shapes = f"images [batch, {sample}] or spikes [time, batch, {sample}]"
            raise ValueError(f"x has shape {tuple(x.shape)}; this network needs {shapes}")
        if x.dim() == 4:
            steps = self.steps if steps is None else steps
            require_whole(steps=(steps, 1))
            return steps
        if steps is not None:
            raise ValueError(f"steps is {steps}; spikes [time, batch, …] have their own number of steps: leave it out")
        if len(x) == 0:
            raise ValueError("x has 0 time steps; it must have 1 or more")
        return len(x)
