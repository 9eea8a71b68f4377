"""The exercises of the lesson on NIR."""

from collections.abc import Callable, Collection
from unittest import mock

import nir
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.classroom.exercise import Exercise, NotYet, attempt, tell
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
        "for τ = 8 ms and dt = 1 ms that is 0.875, not 0.882. That is enough to move spikes.":
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


def _cuba(
    x,
    i,
    v,
    dt_s,
    tau_syn_s,
    tau_mem_s,
    w_in,
    r,
    *,
    old: bool = False,
    leak_first: bool = False,
    jump: Callable = lambda w_in, share: w_in * share,
) -> tuple:
    """One step of a CubaLIF below its threshold, or one of the ways to get it wrong."""
    kept, arriving = 1 - dt_s / tau_syn_s, jump(w_in, dt_s / tau_syn_s) * x
    new = kept * (i + arriving) if leak_first else kept * i + arriving
    return new, (1 - dt_s / tau_mem_s) * v + dt_s / tau_mem_s * r * (i if old else new)


check_cuba = Exercise(
    right=_cuba,
    cases=[(1.0, 0.0, 0.0, 1e-3, 2e-3, 4e-3, 2.0, 1.0), (0.0, 1.0, 0.5, 1e-4, 2e-3, 4e-3, 2.0, 3.0)],
    draw=lambda rng: (
        *rng.uniform(0, 2, 3), rng.uniform(1e-4, 1e-3), *rng.uniform(2e-3, 2e-2, 2), *rng.uniform(0.5, 3, 2)
    ),
    wrong={
        "Your potential sees the current of the step before: Euler's step of both equations at once. Every spike would "
        "come one step late. Norse and snnTorch use the new current.": {"old": True},
        "Your current leaks after it has taken its input. Here an input arrives whole: the old current leaks, then "
        "the input is added.": {"leak_first": True},
        "You add x itself, right for w_in = τ_syn/dt only. It climbs by w_in·dt/τ_syn of x.":
            {"jump": lambda w_in, share: 1.0},
        "You left out w_in.": {"jump": lambda w_in, share: share},
        "You add w_in·x. A step of dt brings w_in·dt/τ_syn of it.": {"jump": lambda w_in, share: w_in},
        "Return the current first, then the potential.": lambda *a: _cuba(*a)[::-1],
        "You left out r.": lambda *a: _cuba(*a[:-1], 1.0),
    },
    otherwise="First the current, by Euler's step of its equation; then the potential, with the new current.",
    solved="First the current, then the potential, with the new current.",
)


def _count(spikes: Tensor) -> Tensor:
    """The number of spikes in each window of 2×2, [time, batch, channels, height, width]."""
    return functional.avg_pool2d(spikes.flatten(0, 1), 2, divisor_override=1).unflatten(0, spikes.shape[:2])


def _pool(spikes: Tensor, dt_ms: float, update: str, weight: float = 1.0, **neuron: object) -> Tensor:
    """A pool made of LIF neurons with these parameters, each synapse of this weight."""
    chosen = {"tau_mem_ms": 4.0, "threshold": 0.01, "dt_ms": dt_ms, "update": update} | neuron
    return LIF(**chosen).run(weight * _count(spikes)).spikes


def _grade_pool(pool_by_neurons: Callable[[Tensor, float, str], Tensor]) -> None:
    spikes = (torch.rand(30, 4, 3, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    wanted = functional.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, spikes.shape[:2])
    for dt_ms in (1.0, 0.5, 0.1):
        for update in ("euler", "exact"):
            with mock.patch.object(LIF, "run", autospec=True, side_effect=LIF.run) as ran:
                found = attempt(pool_by_neurons, spikes, dt_ms, update)
            if isinstance(found, tuple):
                raise NotYet("`run` of a LIF returns spikes and potentials. Return the spikes.")
            found = attempt(lambda found=found: found, like=wanted)
            at = f"With steps of {dt_ms:g} ms ({update})"
            invented, missed = int((found > wanted).sum()), int((wanted > found).sum())
            tell({
                "No `LIF` ran. A chip has no maximum: let a neuron decide, by its `run`.": not ran.called,
                "Return spikes, 0 or 1. Have your values passed the threshold of a neuron?":
                    not ((found == 0) | (found == 1)).all(),
                f"{at} {invented} spikes come from windows without one. Is something left over from earlier steps? A "
                "reset to zero leaves nothing, if every window with a spike fires.": invented,
                f"{at} {missed} spikes are missed. One spike in a window must pass by itself. Euler's step lifts the "
                "potential by dt/τ, or by a quarter of that if you take the mean: less, the shorter the step. The "
                "threshold must lie below.": missed,
            })


check_pool_by_neurons = Exercise(
    right=_pool,
    grade=_grade_pool,
    wrong={
        "Return the spikes": lambda spikes, dt_ms, update: LIF(dt_ms=dt_ms).run(_count(spikes)),
        "No `LIF` ran": [
            lambda spikes, dt_ms, update: _count(spikes),
            lambda spikes, dt_ms, update: (_count(spikes) > 0).float(),
        ],
        "Have your values passed the threshold": lambda spikes, dt_ms, update: LIF().run(_count(spikes)).v,
        "left over from earlier steps": {"threshold": 0.05, "reset": "subtract"},
        "must pass by itself": [{"tau_mem_ms": 1.0, "threshold": 0.5}, {"threshold": 1.0}],
        "of the shape [30, 4, 3, 3, 3]": lambda spikes, dt_ms, update: LIF().run(spikes).spikes,
    },
    solved="One spike or more in the window: a spike, at once, whatever step a reader takes.",
)


def _in_the_way(graph: nir.NIRGraph, known: Collection[str], ends: Collection[str] = ("Input", "Output")) -> set[str]:
    return {name for name, node in graph.nodes.items() if type(node).__name__ not in {*known, *ends}}


check_in_the_way = Exercise(
    right=_in_the_way,
    cases=[(example_graph(), PLATFORMS[platform].nodes) for platform in ("BrainScaleS-2", "Speck", "Loihi 2", "Xylo")],
    wrong={
        "These are the nodes that the reader knows. Which ones does it not know?":
            lambda graph, known: [name for name, node in graph.nodes.items() if type(node).__name__ in known],
        "Input and Output only mark the ends. Every reader knows them.": {"ends": ()},
        "You return the kinds of nodes. Return their names: two nodes may be of one kind.":
            lambda graph, known: {type(graph.nodes[name]).__name__ for name in _in_the_way(graph, known)},
        "You find nothing. `type(node).__name__` is a text such as 'LIF'.": lambda graph, known: set(),
    },
    otherwise="Return the names of the nodes whose kind is not in the set.",
    solved="Known to the reader or in the way.",
)
