"""Backpropagation through time for a layer of spiking neurons, written out by hand (a lesson derives it).

    u_t = λ v_(t−1) + I_t        integrate: the current is not scaled by 1 − λ, the weights take that factor
    s_t = 1 where u_t > V_th     spike
    v_t = u_t (1 − s_t)          reset to zero

On the way back a surrogate's slope σ′ stands in for that of the spike, and the error passes the reset. The other rules
for this neuron, as papers print and run them, are in `lessons.spike_backprop.rules`.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.require import require
from course_utils.spiking.neurons import heaviside
from course_utils.spiking.ranges import above_0
from course_utils.spiking.surrogates import Surrogate


@dataclass(frozen=True)
class Neuron:
    """What all neurons of a network share.

    Attributes:
        decay: λ, what one step leaves of a potential, above 0, at most 1 (1: no leak, an IF neuron).
        threshold: V_th, above 0.
        spike: its slope counts only in backpropagation through time.
        corrected: whether the rules of Lee et al. correct for the leak. Without it they treat every neuron as IF.
    """

    decay: float = 0.9
    threshold: float = 1.0
    spike: Surrogate = field(default=Surrogate(), repr=False)
    corrected: bool = True

    def __post_init__(self):
        require(0 < self.decay <= 1, "decay", self.decay, "above 0 and at most 1")
        above_0(threshold=self.threshold)


class Fired(NamedTuple):
    """What the neurons of a layer did, [time, batch, …] each: spikes s, and potentials u before the reset."""

    s: Tensor
    u: Tensor


def spikes_and_potentials(currents: Tensor, neuron: Neuron) -> Fired:
    """Runs neurons from rest through currents [time, batch, …]."""
    u = torch.empty_like(currents)
    return Fired(_spikes(currents, neuron, u), u)


def _spikes(currents: Tensor, neuron: Neuron, u: Tensor, s: Tensor | None = None) -> Tensor:
    """Spikes for currents [time, batch, …]; the potentials before the reset are left in u, whatever its memory is.

    Spikes s that are known already are taken as they are. Large tensors cost as much to allocate as to compute, so
    every step works in place. Spikes lie in memory as the currents of a step do, step after step, even where the
    currents are one step that is expanded over time.
    """
    known = s is not None
    if not known:
        step = torch.empty_like(currents[0])
        s = step.new_empty_strided(currents.shape, (step.numel(), *step.stride()))
    v = torch.zeros_like(s[0])
    for current, potential, fired in zip(currents, u, s, strict=True):
        torch.add(current, v, alpha=neuron.decay, out=potential)
        if not known and neuron.spike.value is heaviside:
            torch.gt(potential, neuron.threshold, out=fired)  # the same in one go
        elif not known:
            fired.copy_(neuron.spike.value(potential - neuron.threshold))
        torch.addcmul(potential, potential, fired, value=-1, out=v)  # u (1 − s)
    return s


def through_time(error: Tensor, s: Tensor, u: Tensor, neuron: Neuron, *, over_u: bool = False) -> Tensor:
    """Errors of the currents from errors of the spikes, both [time, batch, …], by the chain rule through all steps.

    From u_(t+1) = λ v_t + …, v_t = u_t (1 − s_t) and s_t = σ(u_t − V_th):
    δ_t = e_t σ′ + λ δ_(t+1) (1 − s_t − u_t σ′) = σ′ (e_t − λ δ_(t+1) u_t) + λ δ_(t+1) (1 − s_t).

    With `over_u` the result takes the memory of u, which is then lost.
    """
    delta = u if over_u else torch.empty_like(u)
    later = torch.zeros_like(u[0])  # δ_(t+1)
    x, by_spike = torch.empty_like(later), torch.empty_like(later)
    for t in reversed(range(len(s))):
        slope = neuron.spike.slope(torch.sub(u[t], neuron.threshold, out=x))
        torch.addcmul(error[t], later, u[t], value=-neuron.decay, out=by_spike).mul_(slope)
        passed = torch.addcmul(later, later, s[t], value=-1, out=x)
        later = torch.add(by_spike, passed, alpha=neuron.decay, out=delta[t])
    return delta


class _Neurons(torch.autograd.Function):
    """Currents and spikes are kept, potentials are computed again: that is quicker than to keep them, and of a current
    that is constant (a tensor expanded over time) one step is all there is to keep."""

    @staticmethod
    def forward(ctx, currents: Tensor, neuron: Neuron) -> Tensor:
        s = _spikes(currents, neuron, torch.empty_like(currents[0]).expand_as(currents))
        ctx.save_for_backward(currents, s)
        ctx.neuron = neuron
        return s

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor, None]:
        currents, s = ctx.saved_tensors
        u = torch.empty_like(s)
        _spikes(currents, ctx.neuron, u, s)
        return through_time(error, s, u, ctx.neuron, over_u=True), None


def lif(currents: Tensor, neuron: Neuron) -> Tensor:
    """Spikes of LIF neurons for currents [time, batch, …], from rest; differentiable through all time steps."""
    return _Neurons.apply(currents, neuron)
