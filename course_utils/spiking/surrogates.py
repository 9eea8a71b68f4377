"""Surrogate gradients of a given width and height, deep networks of spiking neurons, and their gradients' norms.

Lesson 11 derives all of this. Source of the question: E. Ledinauskas et al., "Training Deep Spiking Neural Networks"
(2020), arXiv:2006.04436, which tunes the surrogate's width γ and height β and normalises input currents.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.spiking import gradients
from course_utils.spiking.neurons import heaviside, leak

Spike = Callable[[Tensor], Tensor]  # v − threshold to spikes
Slope = Callable[[Tensor], Tensor]  # σ' of x = v − threshold, elementwise, 0 or more


class Surrogate:
    """A spike function: the step forwards, `slope` in place of its derivative backwards. Fits `LIF(spike=…)`.

    Args:
        slope: σ', maps x = v − threshold to a value of 0 or more, elementwise.
        name: for legends.
    """

    def __init__(self, slope: Slope, name: str):
        self.slope = slope
        self.name = name

    def __call__(self, x: Tensor) -> Tensor:
        return gradients.SpikeFunction.apply(x, gradients.Spike(slope=self.slope))

    def __repr__(self) -> str:
        return self.name


def triangle(width: float, height: float) -> Surrogate:
    """σ'(x) = height · max(0, 1 − |x|/width).

    Args:
        width: γ, half of the base, in units of the potential; above 0.
        height: β, the value at the threshold; above 0.

    Raises:
        ValueError: an argument is not above 0.
    """
    _check_above_0(width=width, height=height)
    return Surrogate(lambda x: height * (1 - x.abs() / width).clamp(min=0), f"triangle, γ = {width:g}, β = {height:g}")


def fast_sigmoid(slope: float = 25.0) -> Surrogate:
    """σ'(x) = 1/(1 + slope·|x|)², as snnTorch's `fast_sigmoid`; with slope 1 Norse 1.1's "super", whatever its alpha.

    Source: F. Zenke and S. Ganguli, "SuperSpike", Neural Computation 30 (2018).

    Raises:
        ValueError: `slope` is not above 0.
    """
    _check_above_0(slope=slope)
    return Surrogate(lambda x: (1 + slope * x.abs()) ** -2, f"fast sigmoid, slope {slope:g}")


def arctan(alpha: float = 2.0) -> Surrogate:
    """σ'(x) = (α/2)/(1 + (π α x/2)²), as snnTorch's `atan`.

    Source: W. Fang et al., "Incorporating learnable membrane time constant …" (2021), arXiv:2007.05785.

    Raises:
        ValueError: `alpha` is not above 0.
    """
    _check_above_0(alpha=alpha)
    return Surrogate(lambda x: alpha / 2 / (1 + (math.pi * alpha * x / 2) ** 2), f"arctan, α = {alpha:g}")


class _Neurons(torch.autograd.Function):
    """`run_lif`, backwards by hand: a deep network spends half of its time here, and steps in place cost a third."""

    @staticmethod
    def forward(ctx, current: Tensor, slope: Slope | None, leak_mem: float) -> tuple[Tensor, Tensor]:
        scaled = (1 - leak_mem) * current
        spikes, potentials = torch.empty_like(scaled), torch.empty_like(scaled)
        after = torch.zeros_like(scaled[0])
        for now, v, s in zip(scaled, potentials, spikes, strict=True):
            torch.add(after.mul_(leak_mem), now, out=v)
            torch.gt(v, 1, out=s)
            torch.sub(v, s, out=after)
        ctx.save_for_backward(potentials)
        ctx.slope, ctx.leak_mem = slope, leak_mem
        ctx.set_materialize_grads(False)
        return spikes, potentials

    @staticmethod
    def backward(ctx, at_spikes: Tensor | None, at_v: Tensor | None) -> tuple[Tensor | None, None, None]:
        (potentials,) = ctx.saved_tensors
        error = torch.zeros_like(potentials) if at_v is None else at_v.clone()
        if at_spikes is not None and ctx.slope is not None:
            error.addcmul_(at_spikes, ctx.slope(potentials - 1))
        for t in range(len(error) - 1, 0, -1):
            error[t - 1].add_(error[t], alpha=ctx.leak_mem)
        return error.mul_(1 - ctx.leak_mem), None, None


def run_lif(current: Tensor, spike: Spike, leak_mem: float) -> tuple[Tensor, Tensor]:
    """LIF neurons with threshold 1 and subtractive reset; no error flows back through the reset.

    The spikes are those of `LIF(reset="subtract")`.

    Args:
        current: [time, …], in units of the threshold.
        spike: a `Surrogate`, or `heaviside`, which sends nothing back.
        leak_mem: λ of the membrane.

    Returns:
        Spikes and the membrane potentials before the reset, [time, …] each.
    """
    return _Neurons.apply(current, spike.slope if isinstance(spike, Surrogate) else None, leak_mem)


class Layer(NamedTuple):
    """What one hidden layer did, [time, batch, neurons] each.

    Attributes:
        spikes: 0 or 1.
        v: membrane potentials before the reset.
    """

    spikes: Tensor
    v: Tensor


class DeepLIF(nn.Module):
    """A deep spiking network: `depth` times weights, batch norm if wanted, LIF neurons; then a readout that adds up.

    The image is a constant current. Batch norm sits between the weights and the neurons. It takes mean and variance of
    each neuron's current over the batch and all time steps together. Until `awaken` scales them, weights are normal
    with variance 1/fan-in.

    Args:
        depth: number of hidden layers, 1 or more.
        spike: of all neurons.
        batch_norm: between weights and neurons.
        inputs: pixels.
        width: neurons in a hidden layer.
        classes: scores.
        steps: number of time steps, 1 or more.
        tau_mem_ms: of the membranes; a time step is 1 ms.
        drive: standard deviation of the currents to begin with, in units of the threshold.
        seed: of the weights.

    Raises:
        ValueError: `depth` or `steps` is below 1, or a number that must be above 0 is not.
    """

    def __init__(
        self,
        depth: int,
        spike: Spike,
        *,
        batch_norm: bool = False,
        inputs: int = 64,
        width: int = 256,
        classes: int = 10,
        steps: int = 6,
        tau_mem_ms: float = 2.0,
        drive: float = 2.5,
        seed: int = 0,
    ):
        super().__init__()
        if depth < 1 or steps < 1:
            raise ValueError(f"depth is {depth} and steps {steps}; both must be 1 or more")
        _check_above_0(drive=drive)
        self.spike = spike
        self.steps = steps
        self.leak = leak(tau_mem_ms, dt_ms=1.0)
        self.drive = drive
        fans = [inputs] + [width] * depth
        self.weights = nn.ModuleList(nn.Linear(fan_in, width) for fan_in in fans[:-1])
        self.readout = nn.Linear(width, classes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) if batch_norm else nn.Identity() for _ in self.weights)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for linear in (*self.weights, self.readout):
                linear.weight.normal_(0, linear.in_features**-0.5, generator=generator)
                linear.bias.zero_()
            if batch_norm:
                for norm in self.norms:
                    norm.weight.fill_(drive)

    def hidden(self, images: Tensor) -> list[Layer]:
        """Spikes and potentials of every hidden layer, for images [batch, inputs]."""
        layers = []
        for linear, norm in zip(self.weights, self.norms, strict=True):
            if not layers:
                current = norm(linear(images)).expand(self.steps, -1, -1)  # the same at every step: computed once
            else:
                current = norm(linear(layers[-1].spikes).flatten(0, 1)).unflatten(0, (self.steps, -1))
            layers.append(Layer(*run_lif(current, self.spike, self.leak)))
        return layers

    def forward(self, images: Tensor) -> Tensor:
        return self.readout(self.hidden(images)[-1].spikes).mean(0)

    @torch.no_grad()
    def awaken(self, images: Tensor) -> "DeepLIF":
        """Scale the weights layer by layer until the currents vary by `drive` for these images; returns the network."""
        spikes = images
        for linear in self.weights:
            current = linear(spikes)
            scale = self.drive / current.std()
            linear.weight.mul_(scale)
            current = (scale * current).expand(self.steps, -1, -1) if spikes is images else scale * current
            spikes, _ = run_lif(current, heaviside, self.leak)
        return self


@torch.no_grad()
def send_back(error: Tensor, v: Tensor, weight: Tensor, slope: Slope, leak_mem: float) -> Tensor:
    """The error of a layer's spikes becomes that of the spikes before it: neurons backwards in time, then the weights.

    e_t = σ'(v_t − 1) δ_t + λ e_(t+1) is the error of the potential, (1 − λ) e_t that of the current (section 3).

    Args:
        error: δ, the loss's gradient with respect to the layer's spikes, [time, batch, neurons].
        v: the layer's membrane potentials before the reset, the same shape.
        weight: from the layer before, [neurons, neurons before].
        slope: σ' of x = v − 1.
        leak_mem: λ of the membrane.

    Returns:
        δ of the layer before, [time, batch, neurons before].
    """
    of_potential, of_currents = torch.zeros_like(error[0]), []
    for now, slopes in zip(error.flip(0), slope(v - 1).flip(0), strict=True):
        of_potential = slopes * now + leak_mem * of_potential
        of_currents.append((1 - leak_mem) * of_potential)
    return torch.stack(of_currents[::-1]) @ weight


def error_norms(model: DeepLIF, images: Tensor, labels: Tensor) -> list[float]:
    """The norm of δ, the cross-entropy's gradient with respect to a hidden layer's spikes; the first layer first.

    Batch norm is in training mode, as at a step of training; the model is left as it was.
    """
    state = {name: value.clone() for name, value in model.state_dict().items()}
    was_training = model.training
    model.train()
    spikes = [layer.spikes for layer in model.hidden(images)]
    loss = nn.functional.cross_entropy(model.readout(spikes[-1]).mean(0), labels)
    errors = torch.autograd.grad(loss, spikes)
    model.train(was_training)
    model.load_state_dict(state)  # batch norm has counted these images
    return [error.norm().item() for error in errors]


def growth(norms: list[float]) -> float:
    """By which factor the error's norm changes in one layer on its way back; the geometric mean over all layers.

    Raises:
        ValueError: there are fewer than two layers.
    """
    if len(norms) < 2:
        raise ValueError(f"norms are {len(norms)}; two layers or more have an error that travels")
    return (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))


def _check_above_0(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}; it must be above 0")
