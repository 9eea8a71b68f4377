"""The fifth model as a NIR graph for BrainScaleS-2, and what of a graph is in the way of that chip's own reader.

The reader is `hxtorch.spiking.from_nir` (https://github.com/electronicvisions/hxtorch, src/pyhxtorch/hxtorch/spiking/
utils/from_nir.py, commit 3bfc7aa of 12 March 2026). It needs the chip's own software, which runs on EBRAINS. So this
module states what it asks for and checks that here:

- one Input, one Output, and Linear, CubaLIF, CubaLI between them, their edges in the order of a run;
- weights that, times 64, round to at most ±63, for it cuts off the rest;
- neurons of a layer that are all alike, for it takes the first one's parameters;
- time constants that, times 10⁻³, lie in the chip's range. (The source converts "ms to s". A file in seconds of the
  model therefore runs 1000 times as fast: 10 ms become 10 µs.)
- one circuit a neuron, for it joins none: up to 128 inputs of either sign, and 512 neurons. A matrix has a synapse for
  every input, be its weight 0; the module `SparseSynapse` of the same package has not, but the reader does not use it.

It takes no notice of `w_in`, and on the chip none of `r`. How far a weight of 63 moves a membrane is set by the chip's
calibration. The factor that belongs there stands in `r`.
"""

from itertools import pairwise

import nir
import numpy as np
import torch
from torch import Tensor, nn

from course_utils.chips.placing import CIRCUITS, INPUTS, Place, circuits_for
from course_utils.chips.virtual_chip import fitting_scale, fold_pool, largest, to_integers
from course_utils.data.require import guarded, require_whole
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import over_time

WEIGHT_SCALE = 64  # of the reader
SECONDS = 1e-3  # what one unit of a time constant in the file is for the reader
TAU_MEM_S, TAU_SYN_S = (0.5e-6, 60e-6), (0.3e-6, 30e-6)  # what the chip can be calibrated to
KNOWN = ("Linear", "CubaLIF", "CubaLI", "Input", "Output")


@torch.no_grad()
def stripe_graph(model: LIReadout) -> nir.NIRGraph:
    """The fifth model as Linear, CubaLIF, Linear, CubaLI, with 6-bit weights.

    The convolution becomes a matrix with a column for each of the 256 pixels. Neither node knows a bias. The hidden
    layer's is the column of a 257th input that fires at every step (`with_bias_input`); the readout's is added on the
    computer (`readout_bias`).

    The model's pool must add up, for it becomes part of the second matrix.
    """
    pixels = torch.eye(16 * 16, dtype=model.conv.weight.dtype).unflatten(1, (1, 16, 16))
    places = nn.functional.conv2d(pixels, model.conv.weight).flatten(1).T
    bias = model.conv.bias.repeat_interleave(13 * 13)[:, None]
    layers = {"hidden": (torch.cat((places, bias), 1), model.lif), "readout": (fold_pool(model), model.li)}
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([16 * 16 + 1]))}
    for name, (weight, cell) in layers.items():
        scale, alike = fitting_scale(weight), np.ones(len(weight))
        integers = to_integers(weight, scale)
        nodes[f"{name}_weights"] = nir.Linear((integers / WEIGHT_SCALE).numpy())
        # rounded, for a float32 of Norse's is not 5 ms
        tau_syn, tau_mem = (round(1 / float(inverse), 9) for inverse in (cell.p.tau_syn_inv, cell.p.tau_mem_inv))
        neuron = {"tau_syn": tau_syn, "tau_mem": tau_mem, "r": WEIGHT_SCALE / scale, "v_leak": 0.0}
        if name == "hidden":
            neuron |= {"v_threshold": float(cell.p.v_th), "v_reset": 0.0}
        kind = nir.CubaLIF if name == "hidden" else nir.CubaLI
        nodes[name] = kind(**{key: value * alike for key, value in neuron.items()}, w_in=tau_syn / cell.dt * alike)
    nodes["output"] = nir.Output(np.array([len(weight)]))
    return nir.NIRGraph(nodes, list(pairwise(nodes)))


@guarded
def with_bias_input(inputs: Tensor) -> Tensor:
    """Spikes [time, batch, 1, 16, 16] as [time, batch, 257]; the last input fires at every step."""
    if inputs.shape[2:] != (1, 16, 16):
        raise ValueError(f"inputs have shape {tuple(inputs.shape)}; it must be [time, batch, 1, 16, 16]")
    return torch.cat((inputs.flatten(2), torch.ones_like(inputs[..., 0, :1, 0])), 2)


@torch.no_grad()
def readout_bias(model: LIReadout, steps: int) -> Tensor:
    """What the readout's bias adds to its potentials, [time, 1, outputs]; exact, for leaky integrators add up."""
    require_whole(steps=(steps, 1))
    return over_time(model.li, model.linear.bias.expand(steps, 1, -1))


def places_of(graph: nir.NIRGraph, *, sparse: bool = False) -> list[Place]:
    """What the layers of a graph of matrices and neurons take of the chip, with as many circuits joined as a neuron
    needs; if it is `sparse`, a weight of 0 needs no synapse."""
    found = []
    for source, target in graph.edges:
        if isinstance(matrix := graph.nodes[source], nir.Linear):
            neurons, fan_in = matrix.weight.shape
            if sparse:
                fan_in = int(np.count_nonzero(matrix.weight, axis=1).max())
            found.append(Place(target, neurons, fan_in, circuits_for(fan_in, layer=target)))
    return found


def obstacles(graph: nir.NIRGraph) -> list[str]:
    """What of a graph is in the way of BrainScaleS-2's reader, a sentence each; empty if nothing is known to be."""
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    found = [f"{name} is {kind}, which the reader does not know" for name, kind in kinds.items() if kind not in KNOWN]
    taken = places_of(graph)
    found += [
        f"{place.layer} has {place.fan_in} inputs a neuron; the reader joins no circuits, "
        f"and one has {INPUTS} signed ones"
        for place in taken
        if place.circuits > 1
    ]
    if (neurons := sum(place.neurons for place in taken)) > CIRCUITS:
        found.append(f"the graph has {neurons} neurons; the chip has {CIRCUITS}, and the reader divides nothing")
    counts = {kind: list(kinds.values()).count(kind) for kind in ("Input", "Output")}
    found += [f"the graph has {n} nodes {kind}; the reader wants one" for kind, n in counts.items() if n != 1]
    ran = {name for name, kind in kinds.items() if kind == "Input"}
    for source, target in graph.edges:
        if source not in ran:
            found.append(f"the edge from {source} to {target} stands before anything that leads to {source}")
        ran.add(target)
    return found + [f"{name}: {what}" for name, node in graph.nodes.items() for what in _of_node(node)]


def _of_node(node: nir.NIRNode) -> list[str]:
    """What the reader would change in a node, or refuse."""
    if isinstance(node, nir.Linear):
        top, limit = float(np.abs(node.weight).max()), largest(6) / WEIGHT_SCALE
        return [f"the largest weight is {top:.3g}; above {limit:.3g} it is cut off"] if top > limit else []
    if not isinstance(node, (nir.CubaLIF, nir.CubaLI)):
        return []
    found = []
    for parameter in ("tau_mem", "tau_syn", "r", "v_leak", "v_reset", "v_threshold"):
        values = np.unique(getattr(node, parameter, 0.0))
        if len(values) > 1:
            found.append(f"{parameter} has {len(values)} values; the reader wants one for the layer")
    for parameter, (low, high) in (("tau_mem", TAU_MEM_S), ("tau_syn", TAU_SYN_S)):
        times = np.asarray(getattr(node, parameter)) * SECONDS
        if (times < low).any() or (times > high).any():
            does = f"which does {low * 1e6} to {high * 1e6:g} µs"
            found.append(f"{parameter} is {times.flat[0] * 1e6:.3g} µs on the chip, {does}")
    return found
