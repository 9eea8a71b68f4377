"""Lesson 14: checks of its exercises."""

import itertools
from collections.abc import Callable

import nir
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.exchange.platforms import PLATFORMS


def _number(answer: object) -> float:
    try:
        return float(answer)
    except (TypeError, ValueError):
        raise NotYet(f"Return one number, not {answer!r}.") from None


def _name_mistake(found: float, mistakes: dict[str, float]) -> None:
    for message, wrong in mistakes.items():
        if abs(found - wrong) < 1e-9 * max(1, abs(wrong)):
            raise NotYet(message)


@check
def check_decay(decay: Callable[[float, float], float]) -> str:
    """β of snnTorch for a time constant, under forward Euler."""
    found = _number(attempt(decay, 0.008, 0.001))
    _name_mistake(
        found,
        {
            "This is what is lost in a step. β is what is left.": 0.001 / 0.008,
            "This is the exact solution, exp(−dt/τ). Norse takes Euler's step, and the graph is to be read as Norse "
            "does: for τ = 8 ms and dt = 1 ms that is 0.875, and you have 0.882. "
            "It is enough to move spikes.": 2.718281828459045 ** (-1 / 8),
            "You divided τ by dt. How much of the potential leaks in one step?": 1 - 8.0,
            "You took the rate 1/τ. How much leaks in one step of dt?": 1 - 1 / 0.008,
        },
    )
    if abs(found - 0.875) > 1e-9:
        raise NotYet(f"For τ = 8 ms and dt = 1 ms, an eighth leaks away in a step, so β is 0.875. You say {found:g}.")
    if abs(_number(attempt(decay, 0.02, 0.0001)) - 0.995) > 1e-9:
        raise NotYet("Right for dt = 1 ms, but not for τ = 20 ms and dt = 0.1 ms. Is the time step written into it?")
    return "What is left of the potential after one step."


@check
def check_threshold(threshold: Callable[[float, float, float, float], float]) -> str:
    """The threshold in snnTorch's unit."""
    found = _number(attempt(threshold, 0.5, 2.0, 0.008, 0.001))  # v_threshold, r, tau_s, dt_s
    _name_mistake(
        found,
        {
            "You left it as it is. snnTorch's neuron climbs by the whole input in a step, the graph's only by r·dt/τ "
            "of it: the same threshold would be reached far too soon.": 0.5,
            "You multiplied by r·dt/τ. u is larger than v, so its threshold is larger, too.": 0.5 * 2 / 8,
            "You have dt/τ, but left out r: with twice the resistance the potential climbs twice as fast.": 4.0,
            "r belongs below: with twice the resistance, v climbs twice as fast, so half the u is enough.": 8.0,
            "You divided by r only. That is Norse's unit; snnTorch also leaves out dt/τ.": 0.25,
        },
    )
    if abs(found - 2.0) > 1e-9:
        raise NotYet(
            "v = r·dt/τ·u. For a threshold of 0.5, r = 2, τ = 8 ms and dt = 1 ms, v is a quarter of u, so u spikes "
            f"above 2. You say {found:g}."
        )
    if abs(_number(attempt(threshold, 1.0, 1.0, 0.02, 0.0001)) - 200) > 1e-6:
        raise NotYet("Right for one neuron, but not for v_threshold = 1, r = 1, τ = 20 ms and dt = 0.1 ms.")
    return "v_threshold · τ / (r · dt)."


@check
def check_pool_by_neurons(pool_by_neurons: Callable[[Tensor], Tensor]) -> str:
    """2×2 max pooling over spikes, by a convolution and LIF neurons."""
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(30, 4, 3, 6, 6, generator=generator) < 0.3).float()  # time, batch, channels, height, width
    wanted = functional.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, spikes.shape[:2])
    found = attempt(pool_by_neurons, spikes.clone())
    if isinstance(found, tuple):
        raise NotYet("`run` of a LIF returns spikes and potentials. Return the spikes.")
    if not isinstance(found, Tensor) or found.shape != wanted.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"Return spikes of shape {tuple(wanted.shape)}, [time, batch, channels, 3, 3]. Yours: {shape}.")
    if torch.equal(found, wanted):
        return "One spike or more in the window: a spike, at once, and nothing left over."
    if not ((found == 0) | (found == 1)).all():
        raise NotYet("Return spikes, 0 or 1. You return something before the threshold.")
    missed, invented = (wanted > found).sum().item(), (found > wanted).sum().item()
    if invented:
        raise NotYet(
            f"{invented} spikes come from windows without one. Something is left over from earlier steps: is the reset "
            "to zero, and does the whole potential leak away in one step (τ = dt)?"
        )
    several = functional.avg_pool2d(spikes.flatten(0, 1), 2).unflatten(0, spikes.shape[:2]) > 0.26
    if torch.equal(found, wanted * several):
        raise NotYet(
            "A single spike in a window is not enough for yours. It must lift the potential above the threshold."
        )
    raise NotYet(
        f"{missed} spikes are missed. One spike in the window must pass by itself: under Euler's step it lifts the "
        "potential by dt/τ, and the threshold must lie below that."
    )


def _example() -> nir.NIRGraph:
    """One node of several kinds, and two of one kind; the names say nothing about the kinds."""
    ones, flat = np.ones((2, 4, 4)), np.ones(32)
    nodes = {
        "input": nir.Input(np.array([2, 4, 4])),
        "first": nir.Conv2d((4, 4), np.ones((2, 2, 1, 1)), 1, 0, 1, 1, np.zeros(2)),
        "second": nir.LIF(tau=ones, r=ones, v_leak=0 * ones, v_threshold=ones),
        "third": nir.Flatten({"input": np.array([2, 4, 4])}, 0, -1),
        "fourth": nir.Affine(np.ones((32, 32)), flat),
        "fifth": nir.CubaLIF(tau_syn=flat, tau_mem=flat, r=flat, v_leak=0 * flat, v_threshold=flat),
        "sixth": nir.Affine(np.ones((32, 32)), flat),
        "seventh": nir.CubaLI(tau_syn=flat, tau_mem=flat, r=flat, v_leak=0 * flat),
        "output": nir.Output(np.array([32])),
    }
    return nir.NIRGraph(nodes, list(itertools.pairwise(nodes)))


@check
def check_in_the_way(in_the_way: Callable[[nir.NIRGraph, frozenset[str]], list[str]]) -> str:
    """The names of the nodes that a reader does not know."""
    graph = _example()
    for platform in ("BrainScaleS-2", "Speck", "Loihi 2"):
        nodes = PLATFORMS[platform].nodes
        found = attempt(in_the_way, graph, nodes)
        if not isinstance(found, list | tuple | set) or not all(isinstance(name, str) for name in found):
            raise NotYet("Return a list with the names of nodes.")
        kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
        wanted = [name for name, kind in kinds.items() if kind not in {*nodes, "Input", "Output"}]
        if set(found) == set(wanted):
            continue
        if set(found) == {name for name, kind in kinds.items() if kind in nodes}:
            raise NotYet("These are the nodes that the reader knows. Which ones does it not know?")
        if set(found) == {*wanted, "input", "output"}:
            raise NotYet("Input and Output only mark the ends. Every reader knows them.")
        if set(found) == {kinds[name] for name in wanted}:
            raise NotYet("You return the kinds of nodes. Return their names: two nodes may be of one kind.")
        if not found:
            raise NotYet(f"You find nothing for {platform}. `type(node).__name__` is a text such as 'LIF'.")
        raise NotYet(f"For {platform} you say {sorted(found)}; in the way are {wanted}.")
    return "Known to the reader or in the way."
