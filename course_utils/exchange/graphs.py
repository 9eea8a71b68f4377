"""One network in Norse, in snnTorch and in the course's own neurons, carried from one to another as a NIR graph.

A NIR graph holds differential equations and no time step: time constants are in seconds, and x is what comes in.

    LIF, LI          τ dv/dt = v_leak − v + r x
    CubaLIF, CubaLI  τ_syn di/dt = −i + w_in x,   τ_mem dv/dt = v_leak − v + r i
    IF               dv/dt = r x

LIF, CubaLIF and IF spike above v_threshold and are reset to v_reset. Whoever reads a graph chooses a step; `libraries`
says which one all libraries share, in which order, and in which units they count.

Source: J. E. Pedersen et al., "Neuromorphic intermediate representation: a unified instruction set for interoperable
brain-inspired computing", Nature Communications 15:8122 (2024).
"""

import dataclasses
import itertools
import math
from collections import OrderedDict
from graphlib import CycleError, TopologicalSorter
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor, nn

from course_utils.data.require import require
from course_utils.exchange.libraries import (
    LIBRARIES,
    NEURONS,
    Delay,
    Library,
    Neurons,
    Recurrent,
    build_neurons,
    describe_neurons,
    fires,
)
from course_utils.exchange.networks import spiking_layers
from course_utils.spiking.ranges import above_0

Shape = tuple[int, ...]
SUPPORTED_NODES = (
    *("Affine", "Linear", "Conv2d", "AvgPool2d", "SumPool2d", "Flatten", "Delay"),
    *("LIF", "CubaLIF", "LI", "CubaLI", "IF"),
)
POOL_THRESHOLD = 1e-3  # see `to_nir`


def to_nir(network: nn.Sequential, *, input_shape: Shape, dt_s: float) -> nir.NIRGraph:
    """The graph of a network; see `libraries.SUPPORTED_MODULES`.

    Max pooling over spikes becomes two nodes, a convolution of ones named `…_count` and a LIF that keeps the name. Its
    threshold is so low that one spike is enough, and behind every spike it is reset to 0. So it has nothing to forget,
    and τ does not matter: with τ = 10 dt and a threshold of 1/1000 it is exact for steps from dt/99 to 10 dt, Euler's
    or exact ones. `Recurrent` neurons become two nodes, too, with a loop between them: `…` and `…_recurrent`.

    A layer of which NIR cannot say what it does is refused by its name.

    Args:
        network: of Norse, snnTorch or the course's own neurons.
        input_shape: of one sample at one time step.
        dt_s: the time step that the network was made for, in seconds.
    """
    above_0("a time in seconds", dt_s=dt_s)
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(input_shape))}
    order, edges = ["input"], []
    shape, spiking, before = tuple(input_shape), spiking_layers(network), None
    for name, module in network.named_children():
        if name in ("input", "output"):
            raise ValueError(f"layer {name!r} has the name of a node that every graph has; give it another")
        check_name(name)
        after = _shape_behind(module, shape, name)
        loop: dict[str, nir.NIRNode] = {}
        try:
            if isinstance(module, nn.MaxPool2d):
                made = _max_pool(module, name, shape, after, dt_s, before in spiking)
            else:
                made = {name: _node(module, shape, dt_s)}
            if isinstance(module, Recurrent):
                loop = {f"{name}_recurrent": _node(module.weights, shape, dt_s)}
            for node in (made | loop).values():
                _check_finite(node)
        except (ValueError, TypeError, NotImplementedError) as why:
            raise ValueError(f"layer {name!r} ({type(module).__name__}) cannot be written: {why}") from None
        if taken := (made | loop).keys() & nodes.keys():
            raise ValueError(f"layer {name!r} becomes a node {min(taken)!r}, and there is one already; rename it")
        nodes |= made | loop
        order += made
        edges += [edge for back in loop for edge in ((name, back), (back, name))]
        shape, before = after, name
    nodes["output"] = nir.Output(np.array(shape))
    return nir.NIRGraph(nodes, [*itertools.pairwise([*order, "output"]), *edges])


def check_name(name: str) -> None:
    """Refuse a name that no file can hold."""
    if not name or "/" in name:
        raise ValueError(f"{name!r} cannot name a node: in a file '/' parts folders, and a name is needed. Rename it")


def _check_finite(node: nir.NIRNode) -> None:
    """A node's numbers are finite, but for a threshold that may be out of reach."""
    for field, value in vars(node).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            odd = np.isnan(value) | (np.isinf(value) & (field != "v_threshold"))
            require(not odd.any(), field, value[odd].flat[0] if odd.any() else None, "made of finite numbers")


def _shape_behind(module: nn.Module, shape: Shape, name: str) -> Shape:
    """The shape that comes out of a layer."""
    if isinstance(module, Recurrent) and _shape_behind(module.weights, shape, name) != shape:
        raise ValueError(f"{name!r} (Recurrent) has weights to {module.weights.out_features} neurons, not to {shape}")
    if isinstance(module, NEURONS | Delay):
        return shape
    like = next(module.parameters(), torch.zeros(()))
    try:
        with torch.no_grad():
            return tuple(module(like.new_zeros(1, *shape)).shape[1:])
    except (RuntimeError, IndexError, ValueError) as error:
        kind = type(module).__name__
        raise ValueError(f"{name!r} ({kind}) does not fit an input of shape {shape}: {error}") from None


def _node(module: nn.Module, shape: Shape, dt_s: float) -> nir.NIRNode:
    """The node of a layer for inputs of this shape."""
    match module:
        case nn.Linear():
            weight = _array(module.weight)
            return nir.Linear(weight) if module.bias is None else nir.Affine(weight, _array(module.bias))
        case nn.Conv2d():
            if module.groups != 1:
                raise ValueError(f"groups is {module.groups}; nir reckons with the input shape of one group only")
            if module.padding_mode != "zeros":
                raise ValueError(f"padding_mode is {module.padding_mode!r}, and NIR pads with zeros")
            bias = torch.zeros(len(module.weight), dtype=module.weight.dtype) if module.bias is None else module.bias
            return _conv_node(module, shape, _array(module.weight), _array(bias))
        case nn.AvgPool2d():
            if module.ceil_mode or not module.count_include_pad or module.divisor_override not in (None, 1):
                raise ValueError("ceil_mode, count_include_pad=False and divisors other than 1 are not in NIR")
            kind = nir.AvgPool2d if module.divisor_override is None else nir.SumPool2d
            return kind(*(np.array(_pair(size)) for size in (module.kernel_size, module.stride, module.padding)))
        case Delay():
            return nir.Delay(np.full(shape, module.steps * dt_s))
        case nn.Flatten():
            dims = len(shape) + 1  # NIR does not count the batch
            start, end = module.start_dim % dims, module.end_dim % dims
            if start == 0:
                raise ValueError("it flattens the batch, too; start_dim must be 1 or more")
            return nir.Flatten({"input": np.array(shape)}, start - 1, end - 1)
    if isinstance(module, Recurrent) and not fires(module):
        raise ValueError("its cell has no threshold, and only spikes go back")
    return _neuron_node(describe_neurons(module, dt_s), shape, dt_s)


def _max_pool(
    module: nn.MaxPool2d, name: str, shape: Shape, after: Shape, dt_s: float, over_spikes: bool
) -> dict[str, nir.NIRNode]:
    """How many spikes are in a window, each channel for itself, and neurons that one spike is enough for."""
    if not over_spikes:
        raise ValueError("NIR has no max pooling. Over spikes there is a way round, but here come no spikes")
    if module.ceil_mode or module.return_indices:
        raise ValueError("ceil_mode and return_indices are not in NIR")
    each = np.eye(shape[0], dtype=np.float32)[..., None, None]
    weight = np.tile(each, (1, 1, *_pair(module.kernel_size)))
    count = _conv_node(module, shape, weight, np.zeros(shape[0], np.float32))
    pool = Neurons(tau=10 * dt_s, threshold=POOL_THRESHOLD)
    return {f"{name}_count": count, name: _neuron_node(pool, after, dt_s)}


def _conv_node(module: nn.Module, shape: Shape, weight: np.ndarray, bias: np.ndarray) -> nir.Conv2d:
    """A convolution with these weights and what else the layer says."""
    rows, columns = weight.shape[2:]
    if rows != columns:
        raise ValueError(f"its kernel is {rows}×{columns}; nir reckons with square kernels only")
    padding = module.padding if isinstance(module.padding, str) else _pair(module.padding)
    return nir.Conv2d(shape[1:], weight, _pair(module.stride), padding, _pair(module.dilation), 1, bias)


def _neuron_node(of: Neurons, shape: Shape, dt_s: float) -> nir.NIRNode:
    """Every parameter in the full shape, for libraries cannot read less; w_in = τ_syn/dt lets an input jump by 1."""
    parameters = {"r": of.gain, "v_leak": of.leak, "v_threshold": of.threshold, "v_reset": of.reset, "tau": of.tau}
    if of.tau_syn is not None:
        parameters |= {"tau_mem": of.tau, "tau_syn": of.tau_syn, "w_in": of.tau_syn / dt_s}
    arrays = {}
    for field in dataclasses.fields(of.kind.node):
        if (value := parameters.get(field.name)) is None:
            continue
        try:
            arrays[field.name] = np.broadcast_to(value, shape).astype(np.float64)
        except ValueError:
            has = f"it has a parameter of shape {np.shape(value)}"
            raise ValueError(f"{has}, but what comes in has {shape}") from None
    return of.kind.node(**arrays)


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy().copy()  # NumPy has no bfloat16


def _pair(size: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in np.broadcast_to(size, 2))


def from_nir(
    graph: nir.NIRGraph, library: Library, *, dt_s: float, dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """A network of a library's own modules that does what the graph says, by forward Euler's step; for
    `networks.run_network`. A node that the library cannot do, or not with this time step, is refused by its name.

    Args:
        graph: a chain of `SUPPORTED_NODES` between one Input and one Output. Spiking neurons may have a loop through
            one Linear or Affine, see `Recurrent`.
        library: "norse", "snntorch" (neurons reset at once, to zero) or "hand" (`libraries.OwnNeurons`).
        dt_s: the time step in seconds. A graph does not know it.
        dtype: of weights and parameters. Only float64 makes libraries agree for certain: what they compute differs by
            rounding, and a potential that is that close to its threshold decides otherwise.
    """
    above_0("a time in seconds", dt_s=dt_s)
    require(library in LIBRARIES, "library", library, f"one of {', '.join(LIBRARIES)}")
    first, *order, last = chain(graph)
    shape, loops = _size_of(graph, first), _loops(graph)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name in order:
        layer = _read(graph, name, shape, library, dt_s, dtype)
        if name in loops:
            weights = _read(graph, loops[name], shape, library, dt_s, dtype)
            if not fires(layer):
                raise ValueError(f"node {name!r} ({type(graph.nodes[name]).__name__}) has a loop, and does not spike")
            layer = Recurrent(layer, weights)
        shape = _shape_behind(layer, shape, name)
        plain = name.replace(".", "_")  # PyTorch takes no dots,
        plain += "_" * hasattr(nn.Sequential, plain)  # and no name that its modules use
        if plain in layers or not plain:
            raise ValueError(f"node {name!r} and another one would both be called {plain!r}; rename one of them")
        layers[plain] = layer
    said = _size_of(graph, last)
    if [size for size in said if size != 1] != [size for size in shape if size != 1]:
        raise ValueError(f"node {last!r} (Output) has shape {said}, but what comes in has {shape}")
    return nn.Sequential(layers)


def _size_of(graph: nir.NIRGraph, end: str) -> Shape:
    """The shape that an Input or Output says."""
    ((_, shape),) = graph.nodes[end].input_type.items()
    if shape is None or not np.size(shape):
        kind = type(graph.nodes[end]).__name__
        raise ValueError(f"node {end!r} ({kind}) has no shape; it must say that of one sample at one time step")
    return tuple(int(size) for size in shape)


def _read(graph: nir.NIRGraph, name: str, shape: Shape, library: Library, dt_s: float, dtype: torch.dtype) -> nn.Module:
    """The layer of a node."""
    node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
    if kind not in SUPPORTED_NODES:
        raise ValueError(f"node {name!r} is {kind}; supported are {', '.join(SUPPORTED_NODES)}")
    try:
        _check_finite(node)
        if hasattr(node, "r"):
            return build_neurons(_neurons_of(node, shape, dt_s), library, dt_s, dtype)
        return _layer(node, shape, dt_s).to(dtype)
    except (ValueError, RuntimeError, TypeError) as error:
        raise ValueError(f"node {name!r} ({kind}) cannot be read for {library}: {error}") from None


def _loops(graph: nir.NIRGraph) -> dict[str, str]:
    """Neurons with a loop, and the node of weights through which it leads; no other edge goes in or out there."""
    edges, found = [tuple(edge) for edge in graph.edges], {}
    for name, node in graph.nodes.items():
        ends = {end for edge in edges if name in edge for end in edge} - {name}
        if isinstance(node, nir.Linear | nir.Affine) and len(ends) == 1:
            (neurons,) = ends
            if {(name, neurons), (neurons, name)} <= set(edges) and neurons not in found:
                found[neurons] = name
    return found


def chain(graph: nir.NIRGraph) -> list[str]:
    """The names of the nodes from Input to Output, without those of weights in a loop of neurons.

    Another loop, branches, or an end that is missing are refused by the names of their nodes.
    """
    edges = set(map(tuple, graph.edges))
    for name in {name for edge in edges for name in edge} - graph.nodes.keys():
        raise ValueError(f"an edge leads from or to {name!r}, and there is no such node")
    back = set(_loops(graph).values())
    nodes = {name: node for name, node in graph.nodes.items() if name not in back}
    edges = {edge for edge in edges if not back & set(edge)}
    after = {name: sorted(end for start, end in edges if start == name) for name in nodes}
    before = {name: sorted(start for start, end in edges if end == name) for name in nodes}
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        loop = " → ".join(reversed(error.args[1]))
        raise ValueError(
            f"the graph has a loop: {loop}. Supported are chains, and loops of one layer through one Linear or Affine"
        ) from None
    for name, node in nodes.items():
        wanted = int(not isinstance(node, nir.Input)), int(not isinstance(node, nir.Output))
        if (len(before[name]), len(after[name])) != wanted:
            raise ValueError(
                f"node {name!r} ({type(node).__name__}) has {len(before[name])} edges in and {len(after[name])} out; "
                "supported are chains from one Input to one Output"
            )
    if not order or sum(isinstance(node, nir.Input) for node in nodes.values()) != 1:
        raise ValueError("the graph is not one chain; supported are chains from one Input to one Output")
    return order


def _neurons_of(node: nir.NIRNode, shape: Shape, dt_s: float) -> Neurons:
    """What a node of neurons says, if it has the shape of what comes in and Euler's step can take it."""
    found = np.shape(node.r)
    if found != shape:
        has = f"it has shape {found}" if found else "it has no shape (its parameters are single numbers)"
        raise ValueError(f"{has}, but what comes in has {shape}; give the parameters that shape")
    for parameter in ("tau", "tau_mem", "tau_syn"):
        least = np.min(getattr(node, parameter, dt_s))
        if least < dt_s * (1 - 1e-6):  # a time constant may be in single precision
            allowed = f"it must be no less than the time step dt_s = {dt_s:g}, or Euler's step overshoots"
            raise ValueError(f"{parameter} falls to {least:g} s; {allowed}")
    for parameter in ("r", "w_in"):
        least = np.min(getattr(node, parameter, 1.0))
        require(least > 0, parameter, least, "above 0")
    synapse = hasattr(node, "tau_syn")
    return Neurons(
        tau=node.tau_mem if synapse else getattr(node, "tau", None),
        tau_syn=node.tau_syn if synapse else None,
        gain=node.r * node.w_in * dt_s / node.tau_syn if synapse else node.r,
        leak=getattr(node, "v_leak", 0.0),
        threshold=getattr(node, "v_threshold", None),
        reset=getattr(node, "v_reset", 0.0),
    )


def _layer(node: nir.NIRNode, shape: Shape, dt_s: float) -> nn.Module:
    """The layer of a node without neurons, in float64."""
    match node:
        case nir.Delay():
            steps = np.unique(node.delay) / dt_s
            whole = len(steps) == 1 and steps[0] > 0.5 and math.isclose(steps[0], round(steps[0]), rel_tol=1e-6)
            require(whole and node.delay.shape == shape, "delay", node.delay, "one whole number of steps for all")
            return Delay(round(steps[0]))
        case nir.Conv2d():
            bias = node.bias if np.any(node.bias) else None  # NIR always writes one; zeros only stand for none
            sizes = {name: _pair(getattr(node, name)) for name in ("stride", "dilation")}
            sizes |= {"padding": node.padding if isinstance(node.padding, str) else _pair(node.padding)}
            outputs, inputs, *kernel = node.weight.shape
            groups = int(node.groups)
            layer = nn.Conv2d(inputs * groups, outputs, kernel, groups=groups, bias=bias is not None, **sizes).double()
        case nir.Linear() | nir.Affine():
            bias = getattr(node, "bias", None)
            outputs, inputs = node.weight.shape
            layer = nn.Linear(inputs, outputs, bias=bias is not None).double()
        case nir.Flatten():
            start, end = int(node.start_dim), int(node.end_dim)
            return nn.Flatten(start + (start >= 0), end + (end >= 0))  # the batch comes first
        case nir.AvgPool2d() | nir.SumPool2d():
            sizes = map(_pair, (node.kernel_size, node.stride, node.padding))
            return nn.AvgPool2d(*sizes, divisor_override=1 if isinstance(node, nir.SumPool2d) else None)
    if bias is not None and np.shape(bias) != (len(node.weight),):
        raise ValueError(f"its bias has shape {np.shape(bias)}; it must have {(len(node.weight),)}")
    values = {"weight": node.weight} | ({} if bias is None else {"bias": bias})
    layer.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in values.items()})
    return layer
