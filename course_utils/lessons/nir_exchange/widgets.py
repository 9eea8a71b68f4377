"""The picture of a NIR graph, for all platforms, and a neuron that is read with the wrong time step."""

from collections import OrderedDict
from functools import cache, partial

import matplotlib.pyplot as plt
import nir
import norse.torch as norse
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, GREEN, ORANGE
from course_utils.exchange import graphs
from course_utils.exchange.platforms import PLATFORMS, unknown_nodes
from course_utils.spiking.neurons import LIF, Recorded

DT_MS, STEPS = 1.0, 60


# What the picture says of a node: the attribute, its symbol, and the factor and unit in which it is shown.
PARAMETERS = {
    "tau": ("τ", 1000, " ms"),
    "tau_mem": ("τ_mem", 1000, " ms"),
    "tau_syn": ("τ_syn", 1000, " ms"),
    "w_in": ("w_in", 1, ""),
    "r": ("r", 1, ""),
    "v_threshold": ("threshold", 1, ""),
    "v_reset": ("reset to", 1, ""),
}


def described(node: nir.NIRNode) -> str:
    """The main parameters of a node in a few words."""
    parts = ["weights " + "×".join(map(str, node.weight.shape))] if hasattr(node, "weight") else []
    for name in ("kernel_size", "stride"):
        if hasattr(node, name):
            parts.append(f"{name.split('_')[0]} {np.ravel(getattr(node, name))[0]}")
    if np.any(getattr(node, "bias", 0)):
        parts.append("bias")
    for name, (symbol, factor, unit) in PARAMETERS.items():
        if hasattr(node, name):
            ends = {f"{factor * end(getattr(node, name)):.3g}": None for end in (np.min, np.max)}
            parts.append(f"{symbol} {' … '.join(ends)}{unit}")
    return ", ".join(parts)


def draw_nir(graph: nir.NIRGraph, platform: str | None = None) -> tuple[Figure, str]:
    """A chain of nodes from top to bottom, the shapes between them, and what a platform's reader does not know."""
    nodes = {name: graph.nodes[name] for name in graphs.chain(graph)}
    kinds = {name: type(node).__name__ for name, node in nodes.items()}
    obstacles = {} if platform is None else {item.node: item for item in unknown_nodes(graph, platform)}
    figure, ax = plt.subplots(figsize=(8, 0.47 * len(nodes) + 0.3))
    for y, (name, node) in zip(range(0, -len(nodes), -1), nodes.items(), strict=True):
        blocked, end = name in obstacles, kinds[name] in ("Input", "Output")
        color = "0.85" if end else "#f6d5c0" if blocked else "#cfe3f1"
        ax.add_patch(plt.Rectangle((0, y - 0.32), 3.1, 0.64, fc=color, ec=ORANGE if blocked else "0.4", lw=1))
        ax.text(0.1, y, name, va="center", fontsize=10, weight="bold", color="black")
        kind = f"✗ {kinds[name]}" if blocked else kinds[name]
        ax.text(3.0, y, kind, va="center", ha="right", fontsize=10, color="black")
        way_round = f"instead: {obstacles[name].way_round}" if blocked and obstacles[name].way_round else "not read"
        beside, ink = (way_round, ORANGE) if blocked else (described(node), plt.rcParams["text.color"])
        ax.text(3.3, y, beside, va="center", fontsize=9, color=ink)
    between = -0.5 - np.arange(len(nodes) - 1)
    for y, node in zip(between, nodes.values(), strict=False):
        shape = "×".join(str(int(size)) for size in np.ravel(node.output_type["output"]))
        ax.text(0.75, y, shape, va="center", fontsize=8)
    ax.vlines(np.full(len(between), 0.55), between - 0.18, between + 0.18, color="0.4", lw=1)
    ax.plot(np.full(len(between), 0.55), between - 0.08, "v", color="0.4", ms=5)
    ax.set(xlim=(-0.05, 9.6), ylim=(-len(nodes) + 0.5, 0.5))
    ax.set_axis_off()
    alt = f"A chain of {len(nodes)} nodes: " + ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) + "."
    if platform is None:
        return figure, alt
    inner = len(nodes) - 2  # every reader knows Input and Output
    ax.set_title(f"{platform}: its reader knows {inner - len(obstacles)} of the {inner} nodes", fontsize=12)
    named = ", ".join(f"{name} ({item.kind})" for name, item in obstacles.items()) or "nothing that is known"
    return figure, f"{alt} In the way to {platform}: {named}."


@cache
def example_graph() -> nir.NIRGraph:
    """A graph of the lesson's form, with random weights."""
    with torch.random.fork_rng(devices=[]):  # nobody else's random numbers are touched
        torch.manual_seed(0)
        network = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(2, 8, 5, stride=2, bias=False),
                lif1=norse.LIFBoxCell(),
                pool=nn.MaxPool2d(3),
                flat=nn.Flatten(),
                hidden=nn.Linear(200, 64),
                lif2=norse.LIFCell(),
                scores=nn.Linear(64, 10),
                readout=norse.LIBoxCell(),
            )
        )
    return graphs.to_nir(network, input_shape=(2, 34, 34), dt_s=DT_MS / 1000)


# the lesson's graph for every platform
platform_explorer = partial(
    Explorer, lambda platform: draw_nir(example_graph(), platform), platform=list(PLATFORMS)
)


@cache
def drive() -> torch.Tensor:
    """A current between 0 and 1 for each step."""
    return torch.rand(STEPS, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def read_with(tau_ms: float, dt_ms: float, current: float) -> Recorded:
    """What a LIF neuron with threshold 1 does if a step is taken to be dt_ms long."""
    return LIF(tau_mem_ms=tau_ms, dt_ms=dt_ms, update="euler").run(2 * current * drive())


def draw_time_step(tau_ms: float, assumed_ms: float, current: float) -> tuple[Figure, str]:
    """One neuron, read with the time step that it was made for, and with another."""
    made, read = read_with(tau_ms, DT_MS, current), read_with(tau_ms, assumed_ms, current)
    steps = np.arange(1, STEPS + 1)
    only_one = int((made.spikes != read.spikes).sum())
    figure, ax = plt.subplots(figsize=(8, 3.6))
    both = (
        (made, BLUE, "-", f"made for {DT_MS:g} ms", 1.32),
        (read, ORANGE, "--", f"read with {assumed_ms:g} ms", 1.1),
    )
    for trace, color, style, name, row in both:
        ax.plot(steps, trace.v, style, color=color, label=name)
        ax.vlines(steps[trace.spikes.numpy() > 0], row, row + 0.17, color=color, lw=2)
    ax.axhline(1, color="gray", lw=1, ls=":")
    ax.set(xlim=(0, STEPS + 1), ylim=(-0.05, 1.95), xlabel="time step", ylabel="membrane potential")
    ax.set_yticks([0, 0.5, 1])
    ax.legend(loc="upper left", ncols=2)
    ax.set_title(f"spikes that only one of them has: {only_one}", fontsize=12)
    if only_one == 0:
        ax.title.set_color(GREEN)
    return figure, (
        f"A neuron with a time constant of {tau_ms:g} ms. Made for steps of {DT_MS:g} ms it spikes "
        f"{int(made.spikes.sum())} times in {STEPS} steps; read with {assumed_ms:g} ms, "
        f"{int(read.spikes.sum())} times. {only_one} spikes belong to only one of them."
    )


# time constant, assumed step and current against what the neuron does
time_step_explorer = partial(
    Explorer,
    draw_time_step,
    tau_ms=(5.0, 2, 20, 0.5, "τ (ms)"),
    assumed_ms=(0.1, 0.1, 2, 0.1, "assumed dt (ms)"),
    current=(1.5, 0.5, 3, 0.1, "mean current"),
)
