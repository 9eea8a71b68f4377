"""Leaky neurons, one time step at a time. A lesson derives them; tests hold them equal to Norse and snnTorch.

Potentials are measured from rest, so rest is 0. The membrane resistance is taken into the current: where the text
writes R·I, the code has `current`, in units of the potential. A state is handed in and out; nothing is remembered
behind your back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from course_utils.data.require import guarded, require
from course_utils.spiking.ranges import above_0, at_least_0
from course_utils.spiking.spikes import heaviside


def decay(tau_ms: float, dt_ms: float, update: Literal["exact", "euler"] = "exact") -> float:
    """λ, the part of a potential that is left after one time step without input.

    The solution of τ dv/dt = −v gives λ = exp(−dt/τ); Euler's step gives λ = 1 − dt/τ.

    Args:
        tau_ms: time constant, above 0.
        dt_ms: time step, above 0.
        update: "exact", or "euler", which needs dt < 2τ: beyond it every step ends further from rest than it began.
            Exact λ lies between 0 and 1, Euler's between −1 and 1.
    """
    above_0("a time", tau_ms=tau_ms, dt_ms=dt_ms)
    require(update in ("exact", "euler"), "update", update, '"exact" or "euler"')
    if update == "exact":
        return math.exp(-dt_ms / tau_ms)
    if dt_ms >= 2 * tau_ms:
        raise ValueError(f"dt_ms is {dt_ms}; Euler's step is unstable unless it is below 2·tau_ms = {2 * tau_ms}")
    return 1 - dt_ms / tau_ms


class State(NamedTuple):
    """What neurons carry from one step to the next; every entry has the shape of the input."""

    v: Tensor  # membrane potential
    i: Tensor  # synaptic current
    rest_steps: Tensor  # time steps until the neuron may integrate again


@dataclass(frozen=True)
class LI:
    """A leaky integrator: τ dv/dt = −v + current, no threshold, no spikes.

    Attributes:
        tau_mem_ms: membrane time constant.
        tau_syn_ms: time constant of the synaptic current. None: the input is the current itself. Otherwise the input
            jumps onto a current that acts in the same step and then decays.
        dt_ms: time step.
        update: "exact" or "euler", see `decay`.
    """

    tau_mem_ms: float = 10.0
    tau_syn_ms: float | None = None
    dt_ms: float = 1.0
    update: Literal["exact", "euler"] = "exact"

    def __post_init__(self):
        _ = self.decay_mem, self.decay_syn

    @property
    def decay_mem(self) -> float:
        """λ of the membrane."""
        return decay(self.tau_mem_ms, self.dt_ms, self.update)

    @property
    def decay_syn(self) -> float:
        """λ of the synaptic current; 0 without a synapse: no current is left for the next step."""
        return 0.0 if self.tau_syn_ms is None else decay(self.tau_syn_ms, self.dt_ms, self.update)

    def step(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One time step: v ← λ v + (1 − λ) i; returns the membrane potential after it, and the new state.

        Args:
            inputs: floating-point, any shape, in units of the potential.
            state: what the step before returned, for inputs of the same shape; None begins at rest.
        """
        state = self._checked(inputs, state)
        i = state.i + inputs
        v = self.decay_mem * state.v + (1 - self.decay_mem) * i
        return v, state._replace(v=v, i=self.decay_syn * i)

    @guarded
    def run(self, inputs: Tensor, state: State | None = None) -> Tensor:
        """The membrane potential after every step, for inputs [time, …]; the same shape."""
        self._check_time(inputs)
        potentials = []
        for now in inputs:
            v, state = self.step(now, state)
            potentials.append(v)
        return torch.stack(potentials)

    @staticmethod
    def _check_time(inputs: Tensor) -> None:
        known = inputs.dim() > 0 and len(inputs) > 0 and inputs.is_floating_point()
        require(known, "inputs", f"{inputs.dtype} {tuple(inputs.shape)}", "floating-point [time, …], one step or more")

    def _checked(self, inputs: Tensor, state: State | None) -> State:
        if state is None:  # at rest
            return State(*[torch.zeros_like(inputs)] * 3)
        if state.v.shape != inputs.shape:
            raise ValueError(
                f"the state has shape {tuple(state.v.shape)}, the inputs {tuple(inputs.shape)}: it was left by another "
                "batch. Begin each batch with state=None"
            )
        return state


class Recorded(NamedTuple):
    """What LIF neurons did, [time, …] each."""

    spikes: Tensor  # 0 or 1
    v: Tensor  # membrane potential after the step, that is after a reset


@dataclass(frozen=True)
class LIF(LI):
    """A leaky integrate-and-fire neuron: an LI that spikes above a threshold and is reset.

    Attributes:
        threshold: above it the neuron spikes; above 0.
        reset: "zero" sets the potential to 0; "subtract" takes the threshold away and keeps the rest.
        refractory_ms: how long the neuron stays where the reset left it, 0 or more; rounded to whole time steps.
        spike: maps v − threshold to spikes. `heaviside`, or a function with the same values and a gradient.
    """

    threshold: float = 1.0
    reset: Literal["zero", "subtract"] = "zero"
    refractory_ms: float = 0.0
    spike: Callable[[Tensor], Tensor] = field(default=heaviside, repr=False)

    def __post_init__(self):
        super().__post_init__()
        above_0(threshold=self.threshold)
        require(self.reset in ("zero", "subtract"), "reset", self.reset, '"zero" or "subtract"')
        at_least_0("a time", refractory_ms=self.refractory_ms)

    def step(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One time step: integrate as an LI does, spike above the threshold, reset what has spiked.

        Arguments as of `LI.step`; returns the spikes of this step, 0 or 1, and the new state.
        """
        state = self._checked(inputs, state)
        integrated, new = super().step(inputs, state)
        if self.refractory_ms == 0:
            v, spikes, resting = integrated, self.spike(integrated - self.threshold), state.rest_steps
        else:
            rests = state.rest_steps > 0
            v = torch.where(rests, state.v, integrated)
            # subtraction may leave v above the threshold; a neuron that rests does not spike all the same
            spikes = self.spike(v - self.threshold).masked_fill(rests, 0)
            resting = (
                (state.rest_steps - 1).clamp(min=0).masked_fill(spikes > 0, round(self.refractory_ms / self.dt_ms))
            )
        after = (1 - spikes) * v if self.reset == "zero" else v - spikes * self.threshold
        return spikes, new._replace(v=after, rest_steps=resting)

    @guarded
    def run(self, inputs: Tensor, state: State | None = None) -> Recorded:
        """Spikes and membrane potentials for inputs [time, …]."""
        self._check_time(inputs)
        steps = []
        for now in inputs:
            z, state = self.step(now, state)
            steps.append((z, state.v))
        return Recorded(*map(torch.stack, zip(*steps, strict=True)))

    @guarded
    def current_for(self, steps: Tensor) -> Tensor:
        """The constant current under which a potential at rest reaches the threshold after so many steps, any shape.

        After P steps it is at I (1 − λᴾ), so I = V_th/(1 − λᴾ): the f–I curve read backwards. Only for neurons with a
        reset to zero and without synapse and refractory period.
        """
        known = self.reset == "zero" and self.tau_syn_ms is None and self.refractory_ms == 0
        require(known, "neuron", self, "one with a reset to zero, no synapse and no refractory period")
        require(bool((torch.as_tensor(steps) > 0).all()), "steps", steps, "above 0")
        return self.threshold / (1 - self.decay_mem**steps)


@guarded
def firing_rate(
    current: Tensor, *, tau_mem_ms: float = 10.0, threshold: float = 1.0, refractory_ms: float = 0.0
) -> Tensor:
    """Firing rate of a LIF neuron, reset to zero, under a constant current: the f–I curve, in spikes a second (Hz).

    f = 1 / (t_ref − τ ln(1 − threshold/current)) above the rheobase (current = threshold), 0 up to it; of any shape,
    the current in units of the potential (R·I).
    Source: W. Gerstner et al., "Neuronal Dynamics" (2014), section 1.3.
    """
    neuron = LIF(tau_mem_ms=tau_mem_ms, threshold=threshold, refractory_ms=refractory_ms)
    above = current > neuron.threshold
    safe = torch.where(above, current, 2 * neuron.threshold)
    period_ms = neuron.refractory_ms - neuron.tau_mem_ms * torch.log1p(-neuron.threshold / safe)
    return torch.where(above, 1000 / period_ms, 0.0)
