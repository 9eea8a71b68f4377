"""Neurons that learn as a staircase and run as spikes: the hybrid road to a deep spiking network.

An integrate-and-fire neuron under a current that stays on sends 0, 1, … or T spikes in T steps. So a network is trained
with an activation of that many levels (clip, floor, shift):

    a = θ/M · clip(⌊M x/θ + ½⌋, 0, M)

and then run as it is, each activation replaced by a neuron with threshold θ that starts at θ/2, loses θ with every
spike (reset by subtraction), and sends spikes of the height θ. Under a constant current x and for T = M their mean over
time is a, exactly. Deeper layers get spikes, not constant currents, so there the two differ a little: fine-tuning takes
the values from the spikes, and the slopes from the staircase.

Sources: T. Bu et al., "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural networks",
ICLR 2022, arXiv:2303.04347; the idea to train on after a conversion: N. Rathi et al., "Enabling deep spiking neural
networks with hybrid conversion and spike timing dependent backpropagation", ICLR 2020, arXiv:2005.01807.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require_whole
from course_utils.spiking.layers import Timed
from course_utils.spiking.ranges import above_0

Mode = Literal["staircase", "spikes", "rates"]


class _Stairs(torch.autograd.Function):
    """The staircase, or rates that spikes have shown, with the slopes of the ramp that the staircase stands on."""

    @staticmethod
    def forward(ctx, x: Tensor, height: Tensor, levels: int, rates: Tensor | None) -> Tensor:
        step = (height / levels).to(x.dtype)
        scaled = x / step
        rising = (scaled > 0) & (scaled < levels)
        values = scaled.add_(0.5).floor_().clamp_(0, levels).mul_(step) if rates is None else rates
        ctx.save_for_backward(x, values, rising, height)
        return values

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor, Tensor, None, None]:
        # a = θ f(x/θ), and f′ is 1 on the ramp, so ∂a/∂θ = a/θ − x/θ there, and a/θ beyond.
        x, values, rising, height = ctx.saved_tensors
        passed = error * rising
        by_height = ((error * values).sum(dtype=torch.float32) - (passed * x).sum(dtype=torch.float32)) / height
        return passed, by_height.to(height.dtype), None, None


@torch.no_grad()
@guarded
def count_spikes(currents: Tensor, threshold: float) -> Tensor:
    """Spikes, 0 or 1, of integrate-and-fire neurons for currents [time, batch, …].

    They start at half the threshold and reset by subtraction, so that no current is lost. There is no gradient.
    """
    above_0(threshold=threshold)
    v = torch.full_like(currents[0], threshold / 2)
    spikes = torch.empty_like(currents)
    for current, fired in zip(currents, spikes, strict=True):
        torch.ge(v.add_(current), threshold, out=fired)
        v.sub_(fired, alpha=threshold)
    return spikes


class StaircaseNeurons(Timed):
    """A layer that is a staircase while a network learns, and integrate-and-fire neurons when it runs on spikes.

    The staircase counts M steps (`levels`) up to the height θ, which is learned. In the mode "spikes" what leaves are
    spikes times θ; in "rates" values come from the last spikes (their mean over time), slopes from the staircase.
    """

    mode: Mode = "staircase"

    def __init__(self, levels: int, height: float = 3.0):
        super().__init__()
        require_whole(levels=(levels, 1))
        above_0(height=height)
        self.levels = levels
        self.height = nn.Parameter(torch.tensor(float(height)))
        self.rates: Tensor | None = None

    def forward(self, currents: Tensor, keys: Tensor | None = None) -> Tensor:
        """Currents [time, batch, …] to values of that shape; with "rates" time is 1."""
        if self.mode == "spikes":
            sent = count_spikes(currents, self.height.item()) * self.height.to(currents.dtype)
            self.rates = sent.mean(0, keepdim=True)
            return sent
        rates = self.rates if self.mode == "rates" else None
        return _Stairs.apply(currents, self.height, self.levels, rates)


@contextmanager
def in_mode(network: nn.Module, mode: Mode) -> Iterator[nn.Module]:
    """The network with all its `StaircaseNeurons` in a mode."""
    layers = [module for module in network.modules() if isinstance(module, StaircaseNeurons)]
    before = [layer.mode for layer in layers]
    for layer in layers:
        layer.mode = mode
    try:
        yield network
    finally:
        for layer, mode in zip(layers, before, strict=True):
            layer.mode = mode
