"""What stands in for the missing derivative of a spike: surrogate gradients of a given width and height.

Source of the question how wide and how high: E. Ledinauskas et al., "Training Deep Spiking Neural Networks" (2020),
arXiv:2006.04436, which tunes the surrogate's width γ and height β. The lessons on backpropagation with spikes and on
surrogate gradients derive all of this.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.spiking.ranges import above_0
from course_utils.spiking.spikes import heaviside

Slope = Callable[[Tensor], Tensor]  # σ' of x = u − threshold, elementwise, 0 or more


def superspike(x: Tensor) -> Tensor:
    """σ'(x) = 1/(1 + |x|)²: the slope of Norse 1.1's "super", whatever its alpha.

    Source: F. Zenke and S. Ganguli, "SuperSpike", Neural Computation 30 (2018).
    """
    return x.abs().add_(1).pow_(-2)


@dataclass(frozen=True)
class Surrogate:
    """How x = u − threshold becomes a spike, and which slope is used on the way back. Fits `LIF(spike=…)`."""

    slope: Slope = superspike  # σ', the derivative of `value`, or what stands in for it
    name: str = "fast sigmoid, slope 1"  # for legends
    value: Callable[[Tensor], Tensor] = heaviside  # of x to a spike, 0 to 1

    def __call__(self, x: Tensor) -> Tensor:
        return _Spike.apply(x, self)

    def __repr__(self) -> str:
        return self.name


class _Spike(torch.autograd.Function):
    """The value and the slope of a surrogate, for autograd."""

    @staticmethod
    def forward(ctx, x: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(x)
        ctx.slope = surrogate.slope
        return surrogate.value(x)

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor, None]:
        return error * ctx.slope(*ctx.saved_tensors), None


def triangle(width: float, height: float) -> Surrogate:
    """σ'(x) = β · max(0, 1 − |x|/γ), with γ the width of one side, in units of the potential, and β the height."""
    above_0(width=width, height=height)
    return Surrogate(lambda x: height * (1 - x.abs() / width).clamp(min=0), f"triangle, γ = {width:g}, β = {height:g}")


def fast_sigmoid(slope: float = 25.0) -> Surrogate:
    """σ'(x) = 1/(1 + slope·|x|)², as snnTorch's `fast_sigmoid`; with slope 1 it is `superspike`."""
    above_0(slope=slope)
    return Surrogate(lambda x: (1 + slope * x.abs()) ** -2, f"fast sigmoid, slope {slope:g}")


def arctan(alpha: float = 2.0) -> Surrogate:
    """σ'(x) = (α/2)/(1 + (π α x/2)²), as snnTorch's `atan`.

    Source: W. Fang et al., "Incorporating learnable membrane time constant …" (2021), arXiv:2007.05785.
    """
    above_0(alpha=alpha)
    return Surrogate(lambda x: alpha / 2 / (1 + (math.pi * alpha * x / 2) ** 2), f"arctan, α = {alpha:g}")


def smooth_spike(steepness: float = 4.0) -> Surrogate:
    """A spike without a jump, 1/(1 + e^(−k x)), and its true slope: here finite differences can be a judge."""

    def slope(x: Tensor) -> Tensor:
        s = torch.sigmoid(steepness * x)
        return steepness * s * (1 - s)

    return Surrogate(slope, f"smooth spike, k = {steepness:g}", lambda x: torch.sigmoid(steepness * x))


def straight_through(value: Tensor, line: Tensor) -> Tensor:
    """A tensor with the value of the first and the gradient of the second.

    Source: Y. Bengio, N. Léonard and A. Courville, "Estimating or propagating gradients …" (2013), arXiv:1308.3432.
    """
    return value.detach() + (line - line.detach())  # in this order the value is exact
