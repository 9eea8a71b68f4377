"""One network in Norse, in snnTorch and in the course's own neurons, carried from one to another in a NIR file.

A NIR graph holds differential equations and no time step: time constants are in seconds, and x is what comes in.

    LIF, LI          τ dv/dt = v_leak − v + r x
    CubaLIF, CubaLI  τ_syn di/dt = −i + w_in x,   τ_mem dv/dt = v_leak − v + r i

A LIF neuron spikes above v_threshold and is reset to v_reset. Whoever reads a graph chooses a step. Norse, snnTorch and
`neurons.LIF(update="euler")` all take forward Euler's, the current first. But they count in different units. With
λ = 1 − dt/τ, and j the input x or, behind a synapse, j ← (1 − dt/τ_syn) j + x, they compute

    Norse, by hand   u ← λ u + (1 − λ) j,   so v = r · u
    snnTorch         u ← λ u + j,           so v = r · dt/τ · u

and behind a synapse v is w_in · dt/τ_syn times as much. The factor between v and u is called `unit` here. Thresholds
are divided by it, readouts multiplied. So the spikes are the same, and no weight is ever touched.

Source: J. E. Pedersen et al., "Neuromorphic intermediate representation: a unified instruction set for interoperable
brain-inspired computing", Nature Communications 15:8122 (2024), and the installed sources of both libraries.
"""

import contextlib
import itertools
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import nir
import norse.torch as norse
import numpy as np
import snntorch
import torch
from norse.torch.functional.reset import reset_value
from norse.torch.module.snn import SNNCell
from torch import Tensor, nn

from course_utils.spiking import neurons

Library = Literal["norse", "snntorch", "hand"]
Shape = tuple[int, ...]
SUPPORTED_NODES = ("Affine", "Linear", "Conv2d", "AvgPool2d", "SumPool2d", "Flatten", "LIF", "CubaLIF", "LI", "CubaLI")
SUPPORTED_MODULES = (
    "Linear, Conv2d, AvgPool2d (with divisor_override=1: a sum), LPPool2d (norm 1: a sum), MaxPool2d over spikes, "
    "Flatten; Norse's LIFBoxCell, LIFCell, LIBoxCell, LICell; snnTorch's Leaky and Synaptic; ByHand; Readout"
)


# --- a network, step by step, whatever library its neurons come from -------------------------------------------------


class ByHand(nn.Module):
    """The course's own neurons as a layer.

    Args:
        neuron: a `neurons.LI` or `neurons.LIF` with update="euler", the only step that all libraries know.
    """

    def __init__(self, neuron: neurons.LI):
        super().__init__()
        self.neuron = neuron

    def extra_repr(self) -> str:
        return repr(self.neuron)


class Readout(nn.Module):
    """Potentials of neurons without spikes, in the unit of the graph.

    Args:
        cell: Norse's LIBoxCell or LICell, `ByHand(neurons.LI(…))`, or snnTorch's Leaky or Synaptic without reset.
        unit: what the cell's potential is multiplied by.
    """

    def __init__(self, cell: nn.Module, unit: Tensor):
        super().__init__()
        self.cell = cell
        self.register_buffer("unit", unit)


@singledispatch
def step(layer: nn.Module, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """One time step of a layer, for inputs [batch, …]: spikes, potentials or currents, and the state for the next step.

    A layer that is not made of neurons has no state. snnTorch's neurons without reset give their potential, as they are
    used for readouts.
    """
    return layer(x), None


@step.register
def _(layer: SNNCell, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    return layer(x, state)


@step.register(snntorch.Leaky)
@step.register(snntorch.Synaptic)
def _(layer: nn.Module, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    if layer.init_hidden:
        raise ValueError("init_hidden is True; a layer that hides its state cannot be begun anew. Leave it out")
    count = 2 if isinstance(layer, snntorch.Synaptic) else 1
    spikes, *state = layer(x, *(state or [torch.zeros_like(x)] * count))
    return state[-1] if layer.reset_mechanism == "none" else spikes.to(x.dtype), state


@step.register
def _(layer: ByHand, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    return layer.neuron.step(x, state)


@step.register
def _(layer: Readout, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    v, state = step(layer.cell, x, state)
    return layer.unit * v, state


class Run(NamedTuple):
    """What a network did.

    Attributes:
        outputs: of the last layer, [time, batch, …].
        spikes: of each layer that gives nothing but 0 and 1, by name, bool [time, batch, …].
    """

    outputs: Tensor
    spikes: dict[str, Tensor]


def run(network: nn.Sequential, inputs: Tensor) -> Run:
    """A network of any of the libraries over time, from rest; all layers are crossed within one step.

    Args:
        inputs: [time, batch, …], in the type of the network's weights.
    """
    states, outputs, spikes = dict.fromkeys(names(network)), [], {name: [] for name in spiking(network)}
    for x in inputs:
        for name, layer in network.named_children():
            x, states[name] = step(layer, x, states[name])
            if name in spikes:
                spikes[name].append(x.detach() > 0)
        outputs.append(x)
    return Run(torch.stack(outputs), {name: torch.stack(steps) for name, steps in spikes.items()})


def names(network: nn.Sequential) -> list[str]:
    """The names of its layers, in order."""
    return [name for name, _ in network.named_children()]


def spiking(network: nn.Sequential) -> list[str]:
    """The names of the layers that give spikes: neurons with a threshold, and max pooling behind them."""
    found = []
    for before, (name, layer) in zip([None, *names(network)], network.named_children(), strict=False):
        if _fires(layer) or (isinstance(layer, nn.MaxPool2d) and before in found):
            found.append(name)
    return found


def _fires(layer: nn.Module) -> bool:
    if isinstance(layer, ByHand):
        return isinstance(layer.neuron, neurons.LIF)
    if isinstance(layer, snntorch.Leaky | snntorch.Synaptic):
        return layer.reset_mechanism != "none"
    return isinstance(layer, norse.LIFBoxCell | norse.LIFCell)


class Comparison(NamedTuple):
    """How two runs differ.

    Attributes:
        mismatches: spikes that only one of them has, by layer.
        compared: neurons × steps × samples, by layer.
        readout: the largest difference between their outputs.
    """

    mismatches: dict[str, int]
    compared: dict[str, int]
    readout: float

    @property
    def total(self) -> int:
        """Mismatches of all layers."""
        return sum(self.mismatches.values())


def compare(one: Run, other: Run) -> Comparison:
    """Spike for spike.

    Raises:
        ValueError: their spiking layers differ in name or shape, so there is nothing to compare.
    """
    shapes = [{name: tuple(spikes.shape) for name, spikes in of.spikes.items()} for of in (one, other)]
    if shapes[0] != shapes[1] or one.outputs.shape != other.outputs.shape:
        raise ValueError(f"the runs differ in their layers or shapes: {shapes[0]} and {shapes[1]}")
    return Comparison(
        {name: int((spikes != other.spikes[name]).sum()) for name, spikes in one.spikes.items()},
        {name: spikes.numel() for name, spikes in one.spikes.items()},
        (one.outputs.detach() - other.outputs.detach()).abs().max().item(),
    )


# --- module → graph --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a module stands in its network.

    Attributes:
        name: of the module.
        shape: of what comes in, without time and batch.
        dt_s: the time step in seconds.
        spikes: whether nothing but 0 and 1 comes in.
    """

    name: str
    shape: Shape
    dt_s: float
    spikes: bool

    def refuse(self, module: nn.Module, why: str) -> ValueError:
        return ValueError(f"layer {self.name!r} ({type(module).__name__}) cannot be written: {why}")

    def fill(self, value: Any) -> np.ndarray:
        """A parameter in the full shape of the layer, float64: libraries cannot read less."""
        values = _double(value)
        try:
            return np.broadcast_to(values, self.shape).copy()
        except ValueError:
            raise ValueError(
                f"layer {self.name!r} has a parameter of shape {values.shape}, but what comes in has {self.shape}"
            ) from None


def to_nir(network: nn.Sequential, *, input_shape: Shape, dt_s: float) -> nir.NIRGraph:
    """The graph of a network; see `SUPPORTED_MODULES`.

    Max pooling over spikes becomes two nodes, a convolution of ones named `…_count` and a LIF with τ = dt and threshold
    0.5 that keeps the name. Under forward Euler one spike lifts it by dt/τ = 1, so it fires at once, and its reset
    leaves nothing behind. That is exact for readers that take this very time step; with half of it or less it is wrong.

    Args:
        network: of Norse, snnTorch or the course's own neurons.
        input_shape: of one sample at one time step.
        dt_s: the time step that the network was made for, in seconds.

    Raises:
        ValueError: a layer is not supported, NIR cannot say what it does, or the time step is another; it is named.
    """
    _check_dt(dt_s)
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(input_shape))}
    shape, spikes = tuple(input_shape), spiking(network)
    before = None
    for name, module in network.named_children():
        if name in ("input", "output"):
            raise ValueError(f"layer {name!r} has the name of a node that every graph has; give it another")
        place = Place(name, shape, dt_s, before in spikes)
        made = to_node(module, place)
        made = made if isinstance(made, dict) else {name: made}
        if taken := made.keys() & nodes.keys():
            raise ValueError(f"layer {name!r} becomes a node {min(taken)!r}, and there is one already; rename it")
        nodes |= made
        shape, before = _flow(module, place.shape, name), name
    nodes["output"] = nir.Output(np.array(shape))
    order = list(nodes)
    return nir.NIRGraph(nodes, list(itertools.pairwise(order)))


def _flow(module: nn.Module, shape: Shape, name: str) -> Shape:
    """The shape that comes out of a layer."""
    if isinstance(module, ByHand | Readout | SNNCell | snntorch.Leaky | snntorch.Synaptic):
        return shape
    dtype = next((weight.dtype for weight in module.parameters()), torch.float32)
    try:
        with torch.no_grad():
            return tuple(module(torch.zeros(1, *shape, dtype=dtype)).shape[1:])
    except (RuntimeError, IndexError, ValueError) as error:
        kind = type(module).__name__
        raise ValueError(f"{name!r} ({kind}) does not fit an input of shape {shape}: {error}") from None


@singledispatch
def to_node(module: nn.Module, place: Place) -> nir.NIRNode | dict[str, nir.NIRNode]:
    """The node of a module, or several by name.

    Raises:
        ValueError: there is none; the message names the layer.
    """
    raise place.refuse(module, f"supported are {SUPPORTED_MODULES}")


@to_node.register
def _(module: nn.Linear, place: Place):
    weight = _array(module.weight)
    return nir.Linear(weight) if module.bias is None else nir.Affine(weight, _array(module.bias))


@to_node.register
def _(module: nn.Conv2d, place: Place):
    _square(module, module.kernel_size, place)
    if module.groups != 1:
        raise place.refuse(module, f"groups is {module.groups}; nir reckons with the input shape of one group only")
    if module.padding_mode != "zeros":
        raise place.refuse(module, f"padding_mode is {module.padding_mode!r}, and NIR pads with zeros")
    bias = torch.zeros(module.out_channels, dtype=module.weight.dtype) if module.bias is None else module.bias
    return nir.Conv2d(
        place.shape[1:],
        weight=_array(module.weight),
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=_array(bias),
    )


@to_node.register
def _(module: nn.AvgPool2d, place: Place):
    if module.ceil_mode or not module.count_include_pad or module.divisor_override not in (None, 1):
        raise place.refuse(module, "ceil_mode, count_include_pad=False and divisors other than 1 are not in NIR")
    kind = nir.AvgPool2d if module.divisor_override is None else nir.SumPool2d
    return kind(_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))


@to_node.register
def _(module: nn.LPPool2d, place: Place):
    if module.norm_type != 1 or module.ceil_mode:
        raise place.refuse(module, "only norm 1 without ceil_mode is a sum")
    return nir.SumPool2d(_pair(module.kernel_size), _pair(module.stride or module.kernel_size), _pair(0))


@to_node.register
def _(module: nn.MaxPool2d, place: Place):
    if not place.spikes:
        raise place.refuse(module, "NIR has no max pooling. Over spikes there is a way round, but here come no spikes")
    if module.ceil_mode or module.return_indices:
        raise place.refuse(module, "ceil_mode and return_indices are not in NIR")
    side = _square(module, _pair(module.kernel_size), place)
    channels = place.shape[0]
    ones = np.ones((side, side), np.float32)
    count = nir.Conv2d(
        place.shape[1:],
        weight=np.einsum("oi,hw->oihw", np.eye(channels, dtype=np.float32), ones),  # each channel for itself
        stride=tuple(map(int, _pair(module.stride))),
        padding=tuple(map(int, _pair(module.padding))),
        dilation=tuple(map(int, _pair(module.dilation))),
        groups=1,
        bias=np.zeros(channels, np.float32),
    )
    pooled = Place(place.name, _flow(module, place.shape, place.name), place.dt_s, False)
    return {f"{place.name}_count": count, place.name: _neurons(pooled, tau=place.dt_s, threshold=0.5)}


@to_node.register
def _(module: nn.Flatten, place: Place):
    dims = len(place.shape) + 1  # NIR does not count the batch
    start, end = module.start_dim % dims, module.end_dim % dims
    if start == 0:
        raise place.refuse(module, "it flattens the batch, too; start_dim must be 1 or more")
    return nir.Flatten({"input": np.array(place.shape)}, start - 1, end - 1)


@to_node.register
def _(module: norse.LIFBoxCell, place: Place):
    _same_dt(module, place)
    if module.p.reset_method is not reset_value:
        raise place.refuse(module, "it subtracts the threshold, and a NIR neuron is reset to a value (v_reset)")
    p = module.p
    return _neurons(place, tau=_inverse(p.tau_mem_inv), threshold=p.v_th, leak=p.v_leak, reset=p.v_reset)


@to_node.register
def _(module: norse.LIFCell, place: Place):
    _same_dt(module, place)
    p = module.p
    times = {"tau": _inverse(p.tau_mem_inv), "tau_syn": _inverse(p.tau_syn_inv)}
    return _neurons(place, **times, threshold=p.v_th, leak=p.v_leak, reset=p.v_reset)


@to_node.register
def _(module: norse.LIBoxCell, place: Place):
    _same_dt(module, place)
    return _neurons(place, tau=_inverse(module.p.tau_mem_inv), leak=module.p.v_leak)


@to_node.register
def _(module: norse.LICell, place: Place):
    _same_dt(module, place)
    p = module.p
    return _neurons(place, tau=_inverse(p.tau_mem_inv), tau_syn=_inverse(p.tau_syn_inv), leak=p.v_leak)


@to_node.register(snntorch.Leaky)
@to_node.register(snntorch.Synaptic)
def _(module: nn.Module, place: Place):
    reset, synapse = module.reset_mechanism, isinstance(module, snntorch.Synaptic)
    if reset == "subtract":
        raise place.refuse(module, 'it subtracts the threshold, and a NIR neuron is reset to a value. Use "zero"')
    if synapse and reset == "zero" and module.reset_delay:
        raise place.refuse(module, "its reset comes a step late and wipes out an input; use reset_delay=False")
    if module.inhibition or module.state_quant or module.graded_spikes_factor != 1:
        raise place.refuse(module, "inhibition, state_quant and graded_spikes_factor are not in NIR")
    decays = {"tau": module.beta} | ({"tau_syn": module.alpha} if synapse else {})
    times = {name: place.dt_s / (1 - place.fill(decay)) for name, decay in decays.items()}
    if not all(np.isfinite(tau).all() and (tau >= place.dt_s).all() for tau in times.values()):
        raise place.refuse(module, "its decay must be 0 or more, and below 1")
    threshold = None if reset == "none" else module.threshold
    return _neurons(place, **times, r=times["tau"] / place.dt_s, threshold=threshold)


@to_node.register
def _(module: ByHand, place: Place):
    neuron = module.neuron
    if neuron.update != "euler":
        raise place.refuse(module, f'update is {neuron.update!r}; others take Euler\'s step, so use update="euler"')
    if not np.isclose(neuron.dt_ms, 1000 * place.dt_s, rtol=1e-9):
        raise place.refuse(module, f"its time step is {neuron.dt_ms} ms, and dt_s is {place.dt_s}")
    if getattr(neuron, "reset", "zero") != "zero":
        raise place.refuse(module, 'it subtracts the threshold, and a NIR neuron is reset to a value. Use "zero"')
    if getattr(neuron, "refractory_ms", 0):
        raise place.refuse(module, "NIR has no refractory period")
    tau_syn = None if neuron.tau_syn_ms is None else neuron.tau_syn_ms / 1000
    return _neurons(place, tau=neuron.tau_mem_ms / 1000, tau_syn=tau_syn, threshold=getattr(neuron, "threshold", None))


@to_node.register
def _(module: Readout, place: Place):
    node = to_node(module.cell, place)
    node.r = node.r * place.fill(module.unit)
    return node


def _neurons(place: Place, *, tau, tau_syn=None, r=1.0, threshold=None, leak=0.0, reset=0.0) -> nir.NIRNode:
    """LIF, LI, CubaLIF or CubaLI, every parameter in the full shape; w_in = τ_syn/dt lets an input jump by itself."""
    parameters = {"r": r, "v_leak": leak}
    if threshold is not None:
        parameters |= {"v_threshold": threshold, "v_reset": reset}
    if tau_syn is None:
        kind = nir.LI if threshold is None else nir.LIF
        parameters |= {"tau": tau}
    else:
        kind = nir.CubaLI if threshold is None else nir.CubaLIF
        parameters |= {"tau_mem": tau, "tau_syn": tau_syn, "w_in": place.fill(tau_syn) / place.dt_s}
    return kind(**{name: place.fill(value) for name, value in parameters.items()})


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _double(value: Any) -> np.ndarray:
    return _array(value.double()) if isinstance(value, Tensor) else np.asarray(value, np.float64)


def _inverse(rate: Any) -> np.ndarray:
    return 1 / _double(rate)


def _pair(size: int | tuple[int, int]) -> np.ndarray:
    return np.array((size, size) if isinstance(size, int) else size)


def _square(module: nn.Module, kernel: Any, place: Place) -> int:
    if kernel[0] != kernel[1]:
        raise place.refuse(module, f"its kernel is {kernel[0]}×{kernel[1]}; nir reckons with square kernels only")
    return int(kernel[0])


def _same_dt(module: SNNCell, place: Place) -> None:
    if not np.isclose(module.dt, place.dt_s, rtol=1e-9):
        raise place.refuse(module, f"its time step is {module.dt} s, and dt_s is {place.dt_s}")


def _check_dt(dt_s: float) -> None:
    if not 0 < dt_s < float("inf"):
        raise ValueError(f"dt_s is {dt_s}; it must be a time in seconds, above 0")


# --- graph → module --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Neurons:
    """What a node of neurons says, before it is put into the unit of a library; [shape of the layer] each, float64.

    Attributes:
        tau: membrane time constant in seconds.
        tau_syn: that of the synaptic current, None without one.
        gain: what Norse's potential is multiplied by to be the graph's.
        leak: potential at rest.
        threshold, reset: None for neurons without spikes.
    """

    tau: np.ndarray
    tau_syn: np.ndarray | None
    gain: np.ndarray
    leak: np.ndarray
    threshold: np.ndarray | None
    reset: np.ndarray | None

    @classmethod
    def of(cls, node: nir.NIRNode, dt_s: float) -> "Neurons":
        synapse, fires = hasattr(node, "tau_syn"), hasattr(node, "v_threshold")
        gain = node.r * node.w_in * dt_s / node.tau_syn if synapse else node.r
        return cls(
            tau=node.tau_mem if synapse else node.tau,
            tau_syn=node.tau_syn if synapse else None,
            gain=gain,
            leak=node.v_leak,
            threshold=node.v_threshold if fires else None,
            reset=node.v_reset if fires else None,
        )


def from_nir(
    graph: nir.NIRGraph, library: Library, *, dt_s: float, dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """A network of a library's own modules that does what the graph says, by forward Euler's step; for `run`.

    Args:
        graph: a chain of `SUPPORTED_NODES` between one Input and one Output.
        library: "norse", "snntorch" (neurons reset at once, to zero) or "hand" (`ByHand`).
        dt_s: the time step in seconds. A graph does not know it.
        dtype: of weights and parameters. Only float64 makes libraries agree for certain: what they compute differs by
            rounding, and a potential that is that close to its threshold decides otherwise.

    Raises:
        ValueError: a node is not supported, has no shape or does not fit; the graph is no chain; the library cannot do
            it, or not with this time step. The node is named.
    """
    _check_dt(dt_s)
    if library not in _CELLS:
        raise ValueError(f"library is {library!r}; it must be one of {', '.join(_CELLS)}")
    first, *order, _ = chain(graph)
    shape = _shape_of(graph.nodes[first], first)
    layers = OrderedDict()
    for name in order:
        node = graph.nodes[name]
        if type(node).__name__ not in SUPPORTED_NODES:
            raise ValueError(f"node {name!r} is {type(node).__name__}; supported are {', '.join(SUPPORTED_NODES)}")
        if hasattr(node, "v_leak"):
            _check_neurons(node, name, shape, dt_s)
            try:
                layer = _CELLS[library](Neurons.of(node, dt_s), dt_s, dtype)
            except ValueError as error:
                raise ValueError(f"node {name!r} ({type(node).__name__}) is not for {library}: {error}") from None
        else:
            layer = _SYNAPSES[type(node)](node).to(dtype)
        shape = _flow(layer, shape, name)
        plain = name.replace(".", "_")  # PyTorch takes no dots
        if plain in layers:
            raise ValueError(f"node {name!r} and another one would both be called {plain!r}; rename one of them")
        layers[plain] = layer
    return nn.Sequential(layers)


def chain(graph: nir.NIRGraph) -> list[str]:
    """The names of the nodes from Input to Output.

    Raises:
        ValueError: the graph has a loop or branches, or an end is missing; the nodes are named.
    """
    edges = set(map(tuple, graph.edges))
    for name in {name for edge in edges for name in edge} - graph.nodes.keys():
        raise ValueError(f"an edge leads from or to {name!r}, and there is no such node")
    after = {name: sorted(end for start, end in edges if start == name) for name in graph.nodes}
    before = {name: sorted(start for start, end in edges if end == name) for name in graph.nodes}
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        loop = " → ".join(reversed(error.args[1]))
        raise ValueError(f"the graph has a loop: {loop}. Supported are chains, without recurrent connections") from None
    for name, node in graph.nodes.items():
        wanted = int(not isinstance(node, nir.Input)), int(not isinstance(node, nir.Output))
        if (len(before[name]), len(after[name])) != wanted:
            raise ValueError(
                f"node {name!r} ({type(node).__name__}) has {len(before[name])} edges in and {len(after[name])} out; "
                "supported are chains from one Input to one Output"
            )
    if not order or sum(isinstance(node, nir.Input) for node in graph.nodes.values()) != 1:
        raise ValueError("the graph is not one chain; supported are chains from one Input to one Output")
    return order


def _shape_of(node: nir.Input, name: str) -> Shape:
    shape = node.input_type["input"]
    if shape is None or not np.size(shape):
        raise ValueError(f"node {name!r} (Input) has no shape; it must say that of one sample at one time step")
    return tuple(int(size) for size in shape)


def _check_neurons(node: nir.NIRNode, name: str, shape: Shape, dt_s: float) -> None:
    kind, found = type(node).__name__, np.shape(node.v_leak)
    if found != shape:
        has = f"has shape {found}" if found else "has no shape (its parameters are single numbers)"
        raise ValueError(f"node {name!r} ({kind}) {has}, but what comes in has {shape}; give the parameters that shape")
    for parameter in ("tau", "tau_mem", "tau_syn"):
        tau = getattr(node, parameter, None)
        if tau is not None and not (np.isfinite(tau) & (tau >= dt_s * (1 - 1e-9))).all():
            raise ValueError(
                f"{parameter} of node {name!r} ({kind}) falls to {np.min(tau):g} s; it must be no less than the time "
                f"step dt_s = {dt_s:g}, or Euler's step overshoots"
            )
    for parameter in ("r", "w_in"):
        value = getattr(node, parameter, None)
        if value is not None and not (value > 0).all():
            raise ValueError(f"{parameter} of node {name!r} ({kind}) is not above 0 everywhere")


def _conv(node: nir.Conv2d) -> nn.Conv2d:
    out_channels, per_group, *kernel = node.weight.shape
    bias = bool(np.any(node.bias))  # NIR always writes a bias; zeros only stand for none
    module = nn.Conv2d(
        per_group * int(node.groups),
        out_channels,
        tuple(kernel),
        stride=_sizes(node.stride),
        padding=node.padding if isinstance(node.padding, str) else _sizes(node.padding),
        dilation=_sizes(node.dilation),
        groups=int(node.groups),
        bias=bias,
        dtype=torch.float64,
    )
    return _load(module, weight=node.weight, **({"bias": node.bias} if bias else {}))


def _linear(node: nir.Linear | nir.Affine) -> nn.Linear:
    bias = {"bias": node.bias} if isinstance(node, nir.Affine) else {}
    module = nn.Linear(node.weight.shape[-1], node.weight.shape[-2], bias=bool(bias), dtype=torch.float64)
    return _load(module, weight=node.weight, **bias)


def _load(module: nn.Module, **parameters: np.ndarray) -> nn.Module:
    module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in parameters.items()})
    return module


def _sizes(size: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in np.broadcast_to(size, 2))


def _pool(node: nir.AvgPool2d | nir.SumPool2d) -> nn.AvgPool2d:
    divisor = 1 if isinstance(node, nir.SumPool2d) else None
    kernel, stride, padding = map(_sizes, (node.kernel_size, node.stride, node.padding))
    return nn.AvgPool2d(kernel, stride, padding, divisor_override=divisor)


def _flatten(node: nir.Flatten) -> nn.Flatten:
    start, end = int(node.start_dim), int(node.end_dim)
    return nn.Flatten(start + (start >= 0), end + (end >= 0))  # the batch comes first


_SYNAPSES: dict[type[nir.NIRNode], Callable[[Any], nn.Module]] = {
    nir.Affine: _linear,
    nir.Linear: _linear,
    nir.Conv2d: _conv,
    nir.AvgPool2d: _pool,
    nir.SumPool2d: _pool,
    nir.Flatten: _flatten,
}


def _norse(of: Neurons, dt_s: float, dtype: torch.dtype) -> nn.Module:
    def number(values: np.ndarray) -> Tensor:
        return _number(values, dtype)

    rates = {"tau_mem_inv": number(1 / of.tau), "v_leak": number(of.leak / of.gain)}
    if of.tau_syn is not None:
        rates["tau_syn_inv"] = number(1 / of.tau_syn)
    if of.threshold is None:
        kinds = (norse.LIBoxCell, norse.LIBoxParameters) if of.tau_syn is None else (norse.LICell, norse.LIParameters)
        cell = kinds[0](kinds[1](**rates), dt=dt_s)
        return cell if np.all(of.gain == 1) else Readout(cell, number(of.gain))
    kinds = (norse.LIFBoxCell, norse.LIFBoxParameters) if of.tau_syn is None else (norse.LIFCell, norse.LIFParameters)
    potentials = {"v_th": number(of.threshold / of.gain), "v_reset": number(of.reset / of.gain)}
    return kinds[0](kinds[1](**rates, **potentials), dt=dt_s)


def _snntorch(of: Neurons, dt_s: float, dtype: torch.dtype) -> nn.Module:
    _at_zero(of)
    unit = of.gain * dt_s / of.tau
    decays = {"beta": _number(1 - dt_s / of.tau, dtype)}
    if of.tau_syn is not None:
        decays["alpha"] = _number(1 - dt_s / of.tau_syn, dtype)
    kind = snntorch.Leaky if of.tau_syn is None else snntorch.Synaptic
    if of.threshold is None:
        return Readout(kind(**decays, reset_mechanism="none"), _number(unit, dtype))
    threshold = _number(of.threshold / unit, dtype)
    return kind(**decays, threshold=threshold, reset_mechanism="zero", reset_delay=False)


def _by_hand(of: Neurons, dt_s: float, dtype: torch.dtype) -> nn.Module:
    _at_zero(of)

    def number(values: np.ndarray) -> float:
        if not np.all(values == values.flat[0]):
            raise ValueError("its neurons have one value of each parameter in a layer, and here they differ")
        return float(values.flat[0])

    times = {"tau_mem_ms": 1000 * number(of.tau), "dt_ms": 1000 * dt_s, "update": "euler"}
    if of.tau_syn is not None:
        times["tau_syn_ms"] = 1000 * number(of.tau_syn)
    if of.threshold is not None:
        return ByHand(neurons.LIF(**times, threshold=number(of.threshold / of.gain)))
    cell = ByHand(neurons.LI(**times))
    return cell if np.all(of.gain == 1) else Readout(cell, _number(of.gain, dtype))


_CELLS: dict[str, Callable[[Neurons, float, torch.dtype], nn.Module]] = {
    "norse": _norse,
    "snntorch": _snntorch,
    "hand": _by_hand,
}


def _at_zero(of: Neurons) -> None:
    for name, value in (("v_leak", of.leak), ("v_reset", of.reset)):
        if value is not None and np.any(value):
            raise ValueError(f"{name} is not 0 everywhere, and its neurons rest at 0 and are reset to 0")


def _number(values: np.ndarray, dtype: torch.dtype) -> Tensor:
    """A single number where all neurons have the same, else one for each."""
    same = np.all(values == values.flat[0])
    return torch.as_tensor(values.flat[0] if same else np.array(values), dtype=dtype)


# --- files -----------------------------------------------------------------------------------------------------------


def write(path: str | os.PathLike, graph: nir.NIRGraph) -> Path:
    """Write a graph to a .nir file; nothing of it is lost.

    Raises:
        ValueError: a node lacks what a file needs; it is named.
    """
    for name, node in graph.nodes.items():
        for field, value in node.to_dict().items():
            if value is None:
                raise ValueError(f"node {name!r} ({type(node).__name__}) has no {field}; a file cannot be without it")
    nir.write(path, graph)
    return Path(path)


def read(path: str | os.PathLike) -> nir.NIRGraph:
    """A graph from a .nir file.

    Raises:
        ValueError: the file is cut off, damaged or no NIR file, or holds a node that nir does not know; the message
            names the file, and the byte or the node.
        FileNotFoundError: there is none.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path.name}")
    where = "its head"
    try:
        with h5py.File(path) as file:
            for name, node in file["node/nodes"].items():
                where = f"node {name!r}"
                if (kind := node["type"][()].decode()) not in (*SUPPORTED_NODES, "Input", "Output"):
                    raise ValueError(f"it is {kind}; supported are {', '.join(SUPPORTED_NODES)}")
            where = "its graph"
        graph = nir.read(path)
    except Exception as error:  # h5py and nir raise whatever they stumble over
        cut = re.search(r"eof = (\d+).*stored_eof = (\d+)", str(error))
        why = f"it ends at byte {cut[1]} of {cut[2]}" if cut else f"{where}: {error or type(error).__name__}"
        raise ValueError(f"{path.name} cannot be read as NIR: {why}") from error
    with contextlib.suppress(ValueError):  # a file sorts the nodes by name
        graph.nodes = {name: graph.nodes[name] for name in chain(graph)}
    return graph
