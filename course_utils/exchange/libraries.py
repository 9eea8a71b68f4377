"""The neurons of Norse, of snnTorch and of the course, described by one set of parameters.

All three take forward Euler's step, but count in different units. With λ = 1 − dt/τ, and j the input x or, behind a
synapse, j ← (1 − dt/τ_syn) j + x, they compute

    Norse, by hand   u ← λ u + (1 − λ) j,   so v = gain · u
    snnTorch         u ← λ u + j,           so v = gain · dt/τ · u

where v is the potential of a NIR graph (see `graphs`) and gain its r, behind a synapse r · w_in · dt/τ_syn. The order
counts: j takes its input first, and u sees the new j. Euler's step of both equations at once would use the old j, and
every spike would come one step late. The factor between v and u is called `unit`. Thresholds are divided by it,
readouts multiplied. So the spikes are the same, and no weight is ever touched. Without a leak (IF), u ← u + x in every
library, and the unit is r · dt.

Source: the installed sources of both libraries; `neurons.LIF(update="euler")` is the course's own.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import nir
import norse.torch as norse
import numpy as np
import snntorch
import torch
from norse.torch.functional.reset import reset_value
from norse.torch.module.snn import SNNCell
from torch import Tensor, nn

from course_utils.data.require import require_whole
from course_utils.spiking import neurons

Library = Literal["norse", "snntorch", "hand"]
LIBRARIES = get_args(Library)
SUPPORTED_MODULES = (
    "Linear, Conv2d, AvgPool2d (with divisor_override=1: a sum), MaxPool2d over spikes, Flatten; Norse's LIFBoxCell, "
    "LIFCell, LIBoxCell, LICell, IAFCell; snnTorch's Leaky and Synaptic; OwnNeurons; Readout, Recurrent, Delay"
)


class Kind(NamedTuple):
    """A kind of neuron, by its name in each place; Norse keeps the parameters of a cell apart."""

    node: type[nir.NIRNode]
    norse: type[nn.Module]
    norse_parameters: type
    snntorch: type[nn.Module]
    own: type[neurons.LI] | None


WITHOUT_LEAK = Kind(nir.IF, norse.IAFCell, norse.IAFParameters, snntorch.Leaky, None)
KINDS = {  # by whether there is a synaptic current, and whether the neuron spikes
    (False, True): Kind(nir.LIF, norse.LIFBoxCell, norse.LIFBoxParameters, snntorch.Leaky, neurons.LIF),
    (False, False): Kind(nir.LI, norse.LIBoxCell, norse.LIBoxParameters, snntorch.Leaky, neurons.LI),
    (True, True): Kind(nir.CubaLIF, norse.LIFCell, norse.LIFParameters, snntorch.Synaptic, neurons.LIF),
    (True, False): Kind(nir.CubaLI, norse.LICell, norse.LIParameters, snntorch.Synaptic, neurons.LI),
}


@dataclass(frozen=True)
class Neurons:
    """What a layer of neurons computes, in the graph's unit; a number for all, or one for each neuron, float64."""

    tau: Any  # membrane time constant in seconds; None for neurons that never leak
    tau_syn: Any = None  # that of the synaptic current, None without one
    gain: Any = 1.0  # what Norse's potential is multiplied by to be the graph's; without leak, per second of input
    leak: Any = 0.0  # potential at rest
    threshold: Any = None  # None for neurons without spikes
    reset: Any = 0.0  # potential after a spike

    @property
    def kind(self) -> Kind:
        return WITHOUT_LEAK if self.tau is None else KINDS[self.tau_syn is not None, self.threshold is not None]


class OwnNeurons(nn.Module):
    """The course's own neurons as a layer; with update="euler", the only step that all libraries know."""

    def __init__(self, neuron: neurons.LI):
        super().__init__()
        self.neuron = neuron


class Readout(nn.Module):
    """Potentials of neurons without spikes, of any library, multiplied by `unit`: in the unit of the graph."""

    def __init__(self, cell: nn.Module, unit: Tensor):
        super().__init__()
        self.cell = cell
        self.register_buffer("unit", unit)


class Recurrent(nn.Module):
    """Spiking neurons that hear their own spikes, one step later, through weights.

    A NIR graph has an edge back and says nothing of that step. A library has to take it, for nobody can hear a spike
    before it is there. With a smaller time step the same graph therefore has a faster loop. A bias of the weights comes
    in at every step.
    """

    def __init__(self, cell: nn.Module, weights: nn.Linear):
        super().__init__()
        self.cell, self.weights = cell, weights


class Delay(nn.Module):
    """What comes in goes out so many steps later, zeros before; whole steps, 1 or more."""

    def __init__(self, steps: int):
        super().__init__()
        require_whole(steps=(steps, 1))
        self.steps = steps


NEURONS = Readout | OwnNeurons | SNNCell | snntorch.Leaky | snntorch.Synaptic | Recurrent


def step(layer: nn.Module, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """One time step of a layer, for inputs [batch, …]: spikes, potentials or currents, and the state for the next step.

    A layer that is not made of neurons has no state. snnTorch's neurons without reset give their potential, as they are
    used for readouts.
    """
    match layer:
        case Readout():
            v, state = step(layer.cell, x, state)
            return layer.unit * v, state
        case Recurrent():
            spikes, inner = state or (x.new_zeros(x.shape), None)
            spikes, inner = step(layer.cell, x + layer.weights(spikes), inner)
            return spikes, (spikes, inner)
        case Delay():
            waiting = [*(state or [torch.zeros_like(x)] * layer.steps), x]
            return waiting[0], waiting[1:]
        case OwnNeurons():
            return layer.neuron.step(x, state)
        case SNNCell():
            return layer(x, state)
        case snntorch.Leaky() | snntorch.Synaptic():
            if layer.init_hidden:
                raise ValueError("init_hidden is True; a layer that hides its state cannot be begun anew. Leave it out")
            count = 2 if isinstance(layer, snntorch.Synaptic) else 1
            spikes, *state = layer(x, *(state or [torch.zeros_like(x)] * count))
            return spikes.to(x.dtype) if fires(layer) else state[-1], state
    return layer(x), None


def fires(layer: nn.Module) -> bool:
    """Whether these are neurons with a threshold."""
    match layer:
        case Recurrent():
            return fires(layer.cell)
        case OwnNeurons():
            return isinstance(layer.neuron, neurons.LIF)
        case snntorch.Leaky() | snntorch.Synaptic():
            return layer.reset_mechanism != "none"
    return isinstance(layer, norse.LIFBoxCell | norse.LIFCell | norse.IAFCell)


def describe_neurons(layer: nn.Module, dt_s: float) -> Neurons:
    """What neurons of any library compute. They must have been made for this time step, and do what NIR can say."""
    match layer:
        case Readout():
            of = describe_neurons(layer.cell, dt_s)
            return replace(of, gain=of.gain * _double(layer.unit))
        case Recurrent():
            return describe_neurons(layer.cell, dt_s)
        case OwnNeurons():
            return _of_our_own(layer.neuron, dt_s)
        case norse.LIFBoxCell() | norse.LIFCell() | norse.LIBoxCell() | norse.LICell() | norse.IAFCell():
            return _of_norse(layer, dt_s)
        case snntorch.Leaky() | snntorch.Synaptic():
            return _of_snntorch(layer, dt_s)
    raise ValueError(f"supported are {SUPPORTED_MODULES}")


SUBTRACTS = "it subtracts the threshold, and a NIR neuron is reset to a value (v_reset)"


def _of_norse(cell: SNNCell, dt_s: float) -> Neurons:
    _check_step(cell.dt, dt_s, f"{cell.dt} s")
    if getattr(cell.p, "reset_method", reset_value) is not reset_value:
        raise ValueError(SUBTRACTS)
    names = {"leak": "v_leak", "threshold": "v_th", "reset": "v_reset"}
    times = {"tau": "tau_mem_inv", "tau_syn": "tau_syn_inv"}
    found = {name: _double(getattr(cell.p, its)) for name, its in names.items() if hasattr(cell.p, its)}
    found |= {name: 1 / _double(getattr(cell.p, its)) for name, its in times.items() if hasattr(cell.p, its)}
    return Neurons(**({"tau": None, "gain": 1 / dt_s} if isinstance(cell, norse.IAFCell) else {}) | found)


def _of_snntorch(layer: nn.Module, dt_s: float) -> Neurons:
    reset, synapse = layer.reset_mechanism, isinstance(layer, snntorch.Synaptic)
    if reset == "subtract":
        raise ValueError(f'{SUBTRACTS}. Use "zero"')
    if synapse and reset == "zero" and layer.reset_delay:
        raise ValueError("its reset comes a step late and wipes out an input; use reset_delay=False")
    if layer.inhibition or layer.state_quant or layer.graded_spikes_factor != 1:
        raise ValueError("inhibition, state_quant and graded_spikes_factor are not in NIR")
    decays = [_double(decay) for decay in (layer.beta, *([layer.alpha] if synapse else []))]
    threshold = _double(layer.threshold) if fires(layer) else None
    if fires(layer) and not synapse and (decays[0] == 1).all():
        return Neurons(None, gain=1 / dt_s, threshold=threshold)
    if not all(((decay >= 0) & (decay < 1)).all() for decay in decays):
        raise ValueError("its decay must be 0 or more, and below 1 (or 1 for all neurons of a Leaky with spikes)")
    tau, *tau_syn = (dt_s / (1 - decay) for decay in decays)
    return Neurons(tau, *tau_syn, gain=tau / dt_s, threshold=threshold)


def _of_our_own(neuron: neurons.LI, dt_s: float) -> Neurons:
    if neuron.update != "euler":
        raise ValueError(f'update is {neuron.update!r}; others take Euler\'s step, so use update="euler"')
    _check_step(neuron.dt_ms / 1000, dt_s, f"{neuron.dt_ms} ms")
    if getattr(neuron, "reset", "zero") != "zero":
        raise ValueError(f'{SUBTRACTS}. Use "zero"')
    if getattr(neuron, "refractory_ms", 0):
        raise ValueError("NIR has no refractory period")
    tau_syn = None if neuron.tau_syn_ms is None else neuron.tau_syn_ms / 1000
    return Neurons(neuron.tau_mem_ms / 1000, tau_syn, threshold=getattr(neuron, "threshold", None))


def _check_step(own_s: float, dt_s: float, own: str) -> None:
    if not math.isclose(own_s, dt_s, rel_tol=1e-9):
        raise ValueError(f"its time step is {own}, and dt_s is {dt_s}")


def _double(value: Any) -> np.ndarray:
    return value.detach().cpu().double().numpy() if isinstance(value, Tensor) else np.asarray(value, np.float64)


def build_neurons(of: Neurons, library: Library, dt_s: float, dtype: torch.dtype) -> nn.Module:
    """Neurons of a library that do this in steps of dt_s; without spikes they give potentials in the graph's unit."""
    synapse, spikes = of.tau_syn is not None, of.threshold is not None
    if library != "norse" or of.tau is None:  # Norse's neurons without leak begin at their reset
        for name, value in (("v_leak", of.leak), ("v_reset", of.reset)):
            if np.any(value):
                raise ValueError(f"{name} is not 0 everywhere, and its neurons rest at 0 and are reset to 0")
    if (leaks := of.tau is not None) is False and library == "hand":
        raise ValueError("its neurons all leak")
    unit = of.gain * dt_s / (of.tau if leaks else 1) if library == "snntorch" or not leaks else of.gain
    threshold = of.threshold / unit if spikes else None
    if library == "norse":
        values = {"tau_mem_inv": 1 / of.tau, "v_leak": of.leak / unit} if leaks else {}
        values |= {"tau_syn_inv": 1 / of.tau_syn} if synapse else {}
        values |= {"v_th": threshold, "v_reset": of.reset / unit} if spikes else {}
        parameters = of.kind.norse_parameters(**{name: _number(value, dtype) for name, value in values.items()})
        cell = of.kind.norse(parameters, dt=dt_s)
    elif library == "snntorch":
        values = {"beta": 1 - dt_s / of.tau if leaks else np.ones_like(unit)}
        values |= {"alpha": 1 - dt_s / of.tau_syn} if synapse else {}
        values |= {"threshold": threshold} if spikes else {}
        reset = {"reset_mechanism": "zero", "reset_delay": False} if spikes else {"reset_mechanism": "none"}
        cell = of.kind.snntorch(**{name: _number(value, dtype) for name, value in values.items()}, **reset)
    else:
        values = {"tau_mem_ms": 1000 * of.tau} | ({"tau_syn_ms": 1000 * of.tau_syn} if synapse else {})
        values |= {"threshold": threshold} if spikes else {}
        if any(np.ptp(value) for value in values.values()):
            raise ValueError("its neurons have one value of each parameter in a layer, and here they differ")
        values = {name: float(np.max(value)) for name, value in values.items()}
        cell = OwnNeurons(of.kind.own(**values, dt_ms=1000 * dt_s, update="euler"))
    return cell if spikes or np.all(unit == 1) else Readout(cell, _number(unit, dtype))


def _number(values: np.ndarray, dtype: torch.dtype) -> Tensor:
    """A single number where all neurons have the same, else one for each."""
    return torch.as_tensor(np.max(values) if np.ptp(values) == 0 else np.array(values), dtype=dtype)
