"""One network in Norse, in snnTorch and in the course's own neurons, carried from one to another in a NIR file.

A NIR graph holds differential equations and no time step: time constants are in seconds, and x is what comes in.

    LIF, LI          τ dv/dt = v_leak − v + r x
    CubaLIF, CubaLI  τ_syn di/dt = −i + w_in x,   τ_mem dv/dt = v_leak − v + r i

A LIF neuron spikes above v_threshold and is reset to v_reset. Whoever reads a graph chooses a step; `libraries` says
which one all libraries share, and in which units they count.

Source: J. E. Pedersen et al., "Neuromorphic intermediate representation: a unified instruction set for interoperable
brain-inspired computing", Nature Communications 15:8122 (2024).
"""

import contextlib
import itertools
import math
import os
import re
from collections import OrderedDict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import torch
from torch import Tensor, nn

from course_utils.data.require import require
from course_utils.exchange.libraries import LIBRARIES, NEURONS, Library, Neurons, build_neurons, describe_neurons
from course_utils.exchange.networks import spiking_layers

Shape = tuple[int, ...]
SUPPORTED_NODES = ("Affine", "Linear", "Conv2d", "AvgPool2d", "SumPool2d", "Flatten", "LIF", "CubaLIF", "LI", "CubaLI")


# --- module → graph --------------------------------------------------------------------------------------------------


def to_nir(network: nn.Sequential, *, input_shape: Shape, dt_s: float) -> nir.NIRGraph:
    """The graph of a network; see `libraries.SUPPORTED_MODULES`.

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
    shape, spiking, before = tuple(input_shape), spiking_layers(network), None
    for name, module in network.named_children():
        if name in ("input", "output"):
            raise ValueError(f"layer {name!r} has the name of a node that every graph has; give it another")
        after = _shape_behind(module, shape, name)
        try:
            if isinstance(module, nn.MaxPool2d):
                made = _max_pool(module, name, shape, after, dt_s, before in spiking)
            else:
                made = {name: _node(module, shape, dt_s)}
        except ValueError as why:
            raise ValueError(f"layer {name!r} ({type(module).__name__}) cannot be written: {why}") from None
        if taken := made.keys() & nodes.keys():
            raise ValueError(f"layer {name!r} becomes a node {min(taken)!r}, and there is one already; rename it")
        nodes |= made
        shape, before = after, name
    nodes["output"] = nir.Output(np.array(shape))
    return nir.NIRGraph(nodes, list(itertools.pairwise(nodes)))


def _shape_behind(module: nn.Module, shape: Shape, name: str) -> Shape:
    """The shape that comes out of a layer."""
    if isinstance(module, NEURONS):
        return shape
    dtype = next((weight.dtype for weight in module.parameters()), torch.float32)
    try:
        with torch.no_grad():
            return tuple(module(torch.zeros(1, *shape, dtype=dtype)).shape[1:])
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
        case nn.Flatten():
            dims = len(shape) + 1  # NIR does not count the batch
            start, end = module.start_dim % dims, module.end_dim % dims
            if start == 0:
                raise ValueError("it flattens the batch, too; start_dim must be 1 or more")
            return nir.Flatten({"input": np.array(shape)}, start - 1, end - 1)
    return _neuron_node(describe_neurons(module, dt_s), shape, dt_s)


def _max_pool(
    module: nn.MaxPool2d, name: str, shape: Shape, after: Shape, dt_s: float, over_spikes: bool
) -> dict[str, nir.NIRNode]:
    """How many spikes are in a window, each channel for itself, and neurons that one spike is enough for."""
    if not over_spikes:
        raise ValueError("NIR has no max pooling. Over spikes there is a way round, but here come no spikes")
    if module.ceil_mode or module.return_indices:
        raise ValueError("ceil_mode and return_indices are not in NIR")
    ones = np.ones(_pair(module.kernel_size), np.float32)
    weight = np.einsum("oi,hw->oihw", np.eye(shape[0], dtype=np.float32), ones)
    count = _conv_node(module, shape, weight, np.zeros(shape[0], np.float32))
    return {f"{name}_count": count, name: _neuron_node(Neurons(tau=dt_s, threshold=0.5), after, dt_s)}


def _conv_node(module: nn.Module, shape: Shape, weight: np.ndarray, bias: np.ndarray) -> nir.Conv2d:
    """A convolution with these weights and what else the layer says."""
    rows, columns = weight.shape[2:]
    if rows != columns:
        raise ValueError(f"its kernel is {rows}×{columns}; nir reckons with square kernels only")
    padding = module.padding if isinstance(module.padding, str) else _pair(module.padding)
    return nir.Conv2d(shape[1:], weight, _pair(module.stride), padding, _pair(module.dilation), 1, bias)


def _neuron_node(of: Neurons, shape: Shape, dt_s: float) -> nir.NIRNode:
    """Every parameter in the full shape, for libraries cannot read less; w_in = τ_syn/dt lets an input jump by 1."""
    parameters = {"r": of.gain, "v_leak": of.leak}
    if of.threshold is not None:
        parameters |= {"v_threshold": of.threshold, "v_reset": of.reset}
    if of.tau_syn is None:
        parameters |= {"tau": of.tau}
    else:
        parameters |= {"tau_mem": of.tau, "tau_syn": of.tau_syn, "w_in": of.tau_syn / dt_s}
    for name, value in parameters.items():
        try:
            parameters[name] = np.broadcast_to(value, shape).astype(np.float64)
        except ValueError:
            has = f"it has a parameter of shape {np.shape(value)}"
            raise ValueError(f"{has}, but what comes in has {shape}") from None
    return of.kind.node(**parameters)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _pair(size: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in np.broadcast_to(size, 2))


def _check_dt(dt_s: float) -> None:
    require(0 < dt_s < math.inf, "dt_s", dt_s, "a time in seconds, above 0")


# --- graph → module --------------------------------------------------------------------------------------------------


def from_nir(
    graph: nir.NIRGraph, library: Library, *, dt_s: float, dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """A network of a library's own modules that does what the graph says, by forward Euler's step.

    Args:
        graph: a chain of `SUPPORTED_NODES` between one Input and one Output.
        library: "norse", "snntorch" (neurons reset at once, to zero) or "hand" (`libraries.OwnNeurons`).
        dt_s: the time step in seconds. A graph does not know it.
        dtype: of weights and parameters. Only float64 makes libraries agree for certain: what they compute differs by
            rounding, and a potential that is that close to its threshold decides otherwise.

    Returns:
        The network, for `networks.run_network`.

    Raises:
        ValueError: a node is not supported, has no shape or does not fit; the graph is no chain; the library cannot do
            it, or not with this time step. The node is named.
    """
    _check_dt(dt_s)
    require(library in LIBRARIES, "library", library, f"one of {', '.join(LIBRARIES)}")
    first, *order, _ = chain(graph)
    shape = graph.nodes[first].input_type["input"]
    if shape is None or not np.size(shape):
        raise ValueError(f"node {first!r} (Input) has no shape; it must say that of one sample at one time step")
    shape, layers = tuple(int(size) for size in shape), OrderedDict()
    for name in order:
        node = graph.nodes[name]
        if type(node).__name__ not in SUPPORTED_NODES:
            raise ValueError(f"node {name!r} is {type(node).__name__}; supported are {', '.join(SUPPORTED_NODES)}")
        if hasattr(node, "v_leak"):
            of = _neurons_of(node, name, shape, dt_s)
            try:
                layer = build_neurons(of, library, dt_s, dtype)
            except ValueError as error:
                raise ValueError(f"node {name!r} ({type(node).__name__}) is not for {library}: {error}") from None
        else:
            layer = _layer(node).to(dtype)
        shape = _shape_behind(layer, shape, name)
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


def _neurons_of(node: nir.NIRNode, name: str, shape: Shape, dt_s: float) -> Neurons:
    """What a node of neurons says, if it has the shape of what comes in and Euler's step can take it."""
    title, found = f"node {name!r} ({type(node).__name__})", np.shape(node.v_leak)
    if found != shape:
        has = f"has shape {found}" if found else "has no shape (its parameters are single numbers)"
        raise ValueError(f"{title} {has}, but what comes in has {shape}; give the parameters that shape")
    for parameter in ("tau", "tau_mem", "tau_syn"):
        tau = getattr(node, parameter, None)
        if tau is not None and not (np.isfinite(tau) & (tau >= dt_s * (1 - 1e-9))).all():
            raise ValueError(
                f"{parameter} of {title} falls to {np.min(tau):g} s; it must be no less than the time step "
                f"dt_s = {dt_s:g}, or Euler's step overshoots"
            )
    for parameter in ("r", "w_in"):
        if not np.all(getattr(node, parameter, 1.0) > 0):
            raise ValueError(f"{parameter} of {title} is not above 0 everywhere")
    synapse = hasattr(node, "tau_syn")
    return Neurons(
        tau=node.tau_mem if synapse else node.tau,
        tau_syn=node.tau_syn if synapse else None,
        gain=node.r * node.w_in * dt_s / node.tau_syn if synapse else node.r,
        leak=node.v_leak,
        threshold=getattr(node, "v_threshold", None),
        reset=getattr(node, "v_reset", 0.0),
    )


def _layer(node: nir.NIRNode) -> nn.Module:
    """The layer of a node without neurons, in float64."""
    match node:
        case nir.Conv2d():
            bias = node.bias if np.any(node.bias) else None  # NIR always writes one; zeros only stand for none
            padding = node.padding if isinstance(node.padding, str) else _pair(node.padding)
            layer = nn.Conv2d(
                node.weight.shape[1] * int(node.groups),
                len(node.weight),
                node.weight.shape[2:],
                stride=_pair(node.stride),
                padding=padding,
                dilation=_pair(node.dilation),
                groups=int(node.groups),
                bias=bias is not None,
                dtype=torch.float64,
            )
        case nir.Linear() | nir.Affine():
            bias = getattr(node, "bias", None)
            outputs, inputs = node.weight.shape
            layer = nn.Linear(inputs, outputs, bias=bias is not None, dtype=torch.float64)
        case nir.Flatten():
            start, end = int(node.start_dim), int(node.end_dim)
            return nn.Flatten(start + (start >= 0), end + (end >= 0))  # the batch comes first
        case nir.AvgPool2d() | nir.SumPool2d():
            sizes = map(_pair, (node.kernel_size, node.stride, node.padding))
            return nn.AvgPool2d(*sizes, divisor_override=1 if isinstance(node, nir.SumPool2d) else None)
    values = {"weight": node.weight} | ({} if bias is None else {"bias": bias})
    layer.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in values.items()})
    return layer


# --- files -----------------------------------------------------------------------------------------------------------


def write_nir(path: str | os.PathLike, graph: nir.NIRGraph) -> Path:
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


def read_nir(path: str | os.PathLike) -> nir.NIRGraph:
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
