"""A layer of neurons over all time steps in one function, forwards and backwards (a lesson derives the way back).

    i_t = λ_syn i_(t−1) + input_t    with a synapse; else the current is the input
    u_t = λ v_(t−1) + i_t            or, scaled, u_t = v_(t−1) + (1 − λ)(i_t − v_(t−1))
    s_t = 1 where u_t > V_th         spike
    v_t = u_t (1 − s_t)              reset to zero; by subtraction v_t = u_t − V_th s_t

On the way back a surrogate's slope σ′ stands in for that of the spike, and the error passes the reset: for δ, the error
of u, it says δ_t = e_t σ′_t + λ δ_(t+1) (1 − s_t − u_t σ′_t), by subtraction … (1 − V_th σ′_t). No graph of steps is
kept. The spikes are those of `neurons`, of Norse and of snnTorch, and so are the gradients; tests hold them equal. The
other rules for this neuron, as papers print and run them, are in `lessons.spike_backprop.rules`.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_utils.data.require import require
from course_utils.spiking.ranges import above_0
from course_utils.spiking.spikes import heaviside
from course_utils.spiking.surrogates import Surrogate

PART = 2**18  # neurons that are run together


@dataclass(frozen=True)
class Neuron:
    """What all neurons of a network share."""

    decay: float = 0.9  # λ, what one step leaves of a potential, above 0, at most 1 (1: no leak, an IF neuron)
    threshold: float | None = 1.0  # V_th, above 0; None: a neuron without spikes, whose potential is its output
    spike: Surrogate = field(default=Surrogate(), repr=False)  # its slope counts only in backpropagation through time
    corrected: bool = True  # whether the rules of Lee et al. correct for the leak, or treat every neuron as IF
    decay_syn: float | None = None  # λ of the synaptic current, as `decay`; None: the input is the current
    scaled: bool = False  # whether the current is scaled by 1 − λ; else the weights take that factor
    reset: Literal["zero", "subtract"] = "zero"  # see `neurons.LIF`

    def __post_init__(self):
        for name in ("decay", "decay_syn"):
            value = getattr(self, name)
            require(value is None or 0 < value <= 1, name, value, "above 0 and at most 1")
        if self.threshold is not None:
            above_0(threshold=self.threshold)
        require(self.reset in ("zero", "subtract"), "reset", self.reset, '"zero" or "subtract"')


def lif(currents: Tensor, neuron: Neuron) -> Tensor:
    """Spikes of neurons for inputs [time, batch, …], floating-point, from rest, or their potentials where they have no
    threshold; differentiable through all time steps."""
    return _Neurons.apply(currents, neuron)


class Fired(NamedTuple):
    """What the neurons of a layer did, [time, batch, …] each: spikes s, and potentials u before the reset."""

    s: Tensor
    u: Tensor


@torch.no_grad()
def spikes_and_potentials(currents: Tensor, neuron: Neuron) -> Fired:
    """Runs neurons from rest through inputs [time, batch, …]; there is no gradient."""
    s, u = torch.empty_like(currents), torch.empty_like(currents)
    _walk(currents, neuron, s, u)
    return Fired(s, u)


def _walk(inputs: Tensor, neuron: Neuron, s: Tensor, u: Tensor) -> None:
    """All steps of neurons: writes spikes, and potentials before the reset, which are one step that is expanded over
    time if they need not be kept. A step rounds as Norse's does: v + (1 − λ)(i − v), i − (1 − λ_syn) i."""
    v, i, current = (torch.zeros_like(inputs[0]) for _ in range(3))
    for now, fired, potential in zip(inputs.unbind(), s.unbind(), u.unbind(), strict=True):
        if neuron.decay_syn is not None:
            now = torch.add(i, now, out=current)
            torch.mul(now, neuron.decay_syn - 1, out=i).add_(now)
        if neuron.scaled:
            torch.sub(now, v, out=potential).mul_(1 - neuron.decay).add_(v)
        else:
            torch.add(now, v, alpha=neuron.decay, out=potential)
        if neuron.threshold is None:
            v = potential
            continue
        if neuron.spike.value is heaviside:
            torch.gt(potential, neuron.threshold, out=fired)  # the same in one go
        else:
            fired.copy_(neuron.spike.value(potential - neuron.threshold))
        if neuron.reset == "zero":
            torch.addcmul(potential, potential, fired, value=-1, out=v)  # u (1 − s)
        else:
            torch.add(potential, fired, alpha=-neuron.threshold, out=v)


class _Neurons(torch.autograd.Function):
    """Large tensors cost more to allocate than to compute, so every step is worked out in place."""

    @staticmethod
    def forward(ctx, inputs: Tensor, neuron: Neuron) -> Tensor:
        s = u = _empty(inputs)
        if neuron.threshold is not None:
            u = _empty(inputs) if ctx.needs_input_grad[0] else torch.empty_like(inputs[0]).expand_as(inputs)
        for part in _parts(inputs):
            _walk(inputs[:, part], neuron, s[:, part], u[:, part])
        ctx.neuron = neuron
        ctx.save_for_backward(s, u)
        return s

    @staticmethod
    @once_differentiable
    def backward(ctx, error: Tensor) -> tuple[Tensor, None]:
        errors = _empty(ctx.saved_tensors[0])
        for part in _parts(errors):
            _back(ctx.neuron, errors[:, part], error[:, part], *(kept[:, part] for kept in ctx.saved_tensors))
        return errors, None


def _back(neuron: Neuron, errors: Tensor, error: Tensor, s: Tensor, u: Tensor) -> None:
    """All steps from the last to the first; writes the errors of the inputs for those of the outputs."""
    x, by_spike, *delta = (torch.zeros_like(errors[0]) for _ in range(4))
    direct = neuron.decay_syn is None and not neuron.scaled  # the error of u is that of the input
    later, factor = x.new_zeros(()).expand_as(x), 1.0  # their product is the error of v after the step
    for t in reversed(range(len(errors))):
        now = errors[t] if direct else delta[t % 2]
        if neuron.threshold is None:
            torch.add(error[t], later, alpha=factor, out=now)
        else:
            slope = neuron.spike.slope(torch.sub(u[t], neuron.threshold, out=x))
            if neuron.reset == "zero":
                torch.addcmul(error[t], later, u[t], value=-factor, out=by_spike).mul_(slope)
                later = torch.addcmul(later, later, s[t], value=-1, out=x)
            else:
                torch.add(error[t], later, alpha=-factor * neuron.threshold, out=by_spike).mul_(slope)
            torch.add(by_spike, later, alpha=factor, out=now)
        if not direct:
            torch.mul(now, 1 - neuron.decay if neuron.scaled else 1, out=errors[t])
        if neuron.decay_syn is not None and t + 1 < len(errors):
            errors[t].add_(errors[t + 1], alpha=neuron.decay_syn)
        later, factor = now, neuron.decay


def _parts(inputs: Tensor) -> list:
    """Indices of parts of a batch so small that what one operation writes the next one finds in the processor's cache:
    that takes a third off the way back. One part where nothing is gained."""
    if inputs.dim() < 2 or inputs.is_cuda or inputs[0].numel() <= PART:
        return [...]
    size = max(1, PART * inputs.shape[1] // inputs[0].numel())
    return [slice(begin, begin + size) for begin in range(0, inputs.shape[1], size)]


def _empty(inputs: Tensor) -> Tensor:
    """Steps that lie in memory as those of the inputs do, one after the other even where the inputs are one step that
    is expanded over time."""
    step = torch.empty_like(inputs[0])
    return step.new_empty_strided(inputs.shape, (step.numel(), *step.stride()))
