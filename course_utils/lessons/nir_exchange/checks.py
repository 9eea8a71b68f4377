"""The exercises of the lesson on NIR."""

from collections.abc import Callable, Collection

import nir
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.classroom.exercise import Exercise, NotYet, attempt
from course_utils.exchange.platforms import PLATFORMS
from course_utils.lessons.nir_exchange.widgets import example_graph
from course_utils.spiking.neurons import LIF

check_decay = Exercise(
    right=lambda tau_s, dt_s: 1 - dt_s / tau_s,
    cases=[(0.008, 0.001), (0.02, 0.0001)],
    draw=lambda rng: (rng.uniform(0.002, 0.05), rng.uniform(1e-4, 1e-3)),
    wrong={
        "This is what is lost in a step. β is what is left.": lambda tau_s, dt_s: dt_s / tau_s,
        "This is the exact solution, exp(−dt/τ). Norse takes Euler's step, and the graph is to be read as Norse does: "
        "for τ = 8 ms and dt = 1 ms that is 0.875, not 0.882. The difference is enough to move spikes.":
            lambda tau_s, dt_s: np.exp(-dt_s / tau_s),
        "You divided τ by dt. How much of the potential leaks in one step?": lambda tau_s, dt_s: 1 - tau_s / dt_s,
        "You took the rate 1/τ. How much leaks in one step of dt?": lambda tau_s, dt_s: 1 - 1 / tau_s,
        "Right for dt = 1 ms only. Use `dt_s`.": lambda tau_s, dt_s: 1 - 0.001 / tau_s,
    },
    otherwise="A share of dt/τ leaks away in a step.",
    solved="What is left of the potential after one step.",
)

check_threshold = Exercise(
    right=lambda v_threshold, r, tau_s, dt_s: v_threshold * tau_s / (r * dt_s),
    cases=[(0.5, 2.0, 0.008, 0.001), (1.0, 1.0, 0.02, 0.0001)],
    draw=lambda rng: (*rng.uniform(0.5, 3, 2), rng.uniform(0.002, 0.05), rng.uniform(1e-4, 1e-3)),
    wrong={
        "You left it as it is. snnTorch's neuron climbs by the whole input in a step, the graph's only by r·dt/τ of "
        "it: the same threshold would be reached far too soon.": lambda v, r, tau, dt: v,
        "You multiplied by r·dt/τ. But u is larger than v: divide.": lambda v, r, tau, dt: v * r * dt / tau,
        "You left out r: with twice the resistance v climbs twice as fast.": lambda v, r, tau, dt: v * tau / dt,
        "r belongs below: with twice the resistance half the u is enough.": lambda v, r, tau, dt: v * r * tau / dt,
        "You divided by r only. That is Norse's unit; snnTorch also leaves out dt/τ.": lambda v, r, tau, dt: v / r,
    },
    otherwise="v = r·dt/τ·u, for the potential and for its threshold.",
    solved="v_threshold · τ / (r · dt).",
)


def _count(spikes: Tensor) -> Tensor:
    """The number of spikes in each window of 2×2, [time, batch, channels, height, width]."""
    return functional.avg_pool2d(spikes.flatten(0, 1), 2, divisor_override=1).unflatten(0, spikes.shape[:2])


def _pooled_by(weight: float = 1.0, **neuron: object) -> Callable[[Tensor], Tensor]:
    """A pool made of LIF neurons with these parameters, each synapse of this weight."""
    chosen = LIF(**({"tau_mem_ms": 1.0, "dt_ms": 1.0, "threshold": 0.5, "update": "euler"} | neuron))
    return lambda spikes: chosen.run(weight * _count(spikes)).spikes


def _grade_pool(pool_by_neurons: Callable[[Tensor], Tensor]) -> None:
    spikes = (torch.rand(30, 4, 3, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    wanted = functional.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, spikes.shape[:2])
    found = attempt(pool_by_neurons, spikes)
    if isinstance(found, tuple):
        raise NotYet("`run` of a LIF returns spikes and potentials. Return the spikes.")
    found = attempt(lambda: found, like=wanted)
    if not ((found == 0) | (found == 1)).all():
        raise NotYet("Return spikes, 0 or 1. Have your values passed the threshold of a neuron?")
    if invented := int((found > wanted).sum()):
        raise NotYet(
            f"{invented} spikes come from windows without one. Is something left over from earlier steps? The reset "
            "must be to zero, and the whole potential must leak away in one step."
        )
    if not torch.equal(found, wanted) and torch.equal(found, wanted * (_count(spikes) > 1)):
        raise NotYet(
            "A single spike in a window is not enough for yours. It must lift the potential above the threshold."
        )
    if missed := int((wanted > found).sum()):
        raise NotYet(
            f"{missed} spikes are missed. One spike in the window must pass by itself: under Euler's step it lifts the "
            "potential by dt/τ, or by a quarter of that if you take the mean. The threshold must lie below."
        )


check_pool_by_neurons = Exercise(
    right=_pooled_by(),
    grade=_grade_pool,
    wrong={
        "Return the spikes": lambda spikes: LIF(tau_mem_ms=1.0, update="euler").run(_count(spikes)),
        "Have your values passed the threshold": _count,
        "left over from earlier steps": _pooled_by(tau_mem_ms=2.0, threshold=0.2, reset="subtract"),
        "A single spike": _pooled_by(threshold=1.0),
        "must pass by itself": [_pooled_by(weight=0.25), _pooled_by(tau_mem_ms=4.0), lambda spikes: 0 * _count(spikes)],
        "of the shape [30, 4, 3, 3, 3]": [lambda spikes: spikes, lambda spikes: _count(spikes).sum()],
    },
    solved="One spike or more in the window: a spike, at once, and nothing left over.",
)


def _in_the_way(graph: nir.NIRGraph, known: Collection[str], ends: Collection[str] = ("Input", "Output")) -> set[str]:
    return {name for name, node in graph.nodes.items() if type(node).__name__ not in {*known, *ends}}


check_in_the_way = Exercise(
    right=lambda graph, known: _in_the_way(graph, known),
    cases=[(example_graph(), PLATFORMS[platform].nodes) for platform in ("BrainScaleS-2", "Speck", "Loihi 2", "Xylo")],
    wrong={
        "These are the nodes that the reader knows. Which ones does it not know?":
            lambda graph, known: [name for name, node in graph.nodes.items() if type(node).__name__ in known],
        "Input and Output only mark the ends. Every reader knows them.": lambda g, known: _in_the_way(g, known, ()),
        "You return the kinds of nodes. Return their names: two nodes may be of one kind.":
            lambda graph, known: {type(graph.nodes[name]).__name__ for name in _in_the_way(graph, known)},
        "You find nothing. `type(node).__name__` is a text such as 'LIF'.": lambda graph, known: set(),
    },
    otherwise="Return the names of the nodes whose kind is not in the set.",
    solved="Known to the reader or in the way.",
)
