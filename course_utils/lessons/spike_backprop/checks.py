"""The exercises on backpropagation through spikes: the leak's factor, errors through time, and moments of spikes."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise


def _leak_factor(
    s: Tensor,
    decay: float,
    form: Callable = lambda f, n, log, steps: 1 + log * f / n,
    trace: Callable = lambda f, s, decay: decay * f + s,
    silent: float = 0.0,
) -> Tensor:
    """A leak factor by its form, of the trace f, the count N, ln λ and the number of steps."""
    f = torch.zeros_like(s[0])
    for now in s:
        f = trace(f, now, decay)
    n = s.sum(0)
    return torch.where(n > 0, form(f, n.clamp(min=1), math.log(decay), len(s)), silent)


check_leak_factor = Exercise(
    right=_leak_factor,
    cases=[(torch.tensor([[1, 1, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=torch.float64), 0.5)],
    draw=lambda rng: (torch.tensor(1.0 * (rng.random((30, 8)) < rng.uniform(0.05, 0.3))), rng.uniform(0.6, 0.95)),
    wrong={
        "A neuron that never fired gives 0/0 in your factor. Its factor is 0.": {"silent": math.nan},
        "Right for neurons that fired. But one that never fired gets 1; its factor is 0.": {"silent": 1.0},
        "Your factor is above 1: the trace shrinks between spikes, so its slope is negative. Is it ln λ, or −ln λ?":
            {"form": lambda f, n, log, steps: 1 - log * f / n},
        "You divide by the number of steps. Divide by the number of spikes of each neuron.":
            {"form": lambda f, n, log, steps: 1 + log * f / steps},
        "You divide by the rate N/T. Divide by the count N of each neuron.":
            {"form": lambda f, n, log, steps: 1 + log * f * steps / n},
        "You divide by the spikes of all neurons. Each has its own count: sum over time only.":
            lambda s, decay: _leak_factor(s, decay, lambda f, n, log, steps: 1 + log * f / s.sum()),
        "You left out the slope: f′ = ln(λ)·f.": {"form": lambda f, n, log, steps: 1 + f / n},
        "ln λ is the natural logarithm, `math.log(decay)`; you multiply by λ itself.":
            {"form": lambda f, n, log, steps: 1 + math.exp(log) * f / n},
        "Your trace never leaks: you use the number of spikes. Multiply by λ at every step.":
            {"trace": lambda f, s, decay: f + s},
        "A new spike adds only λ in your trace. Let the old trace fade, then add the spike.":
            {"trace": lambda f, s, decay: decay * (f + s)},
        "This is f′/N alone. The IF neuron's part, 1, is missing.": {"form": lambda f, n, log, steps: log * f / n},
    },
    solved="Below 1 for neurons that fired, 0 for those that did not.",
    otherwise="With spikes at steps 0, 2 and 3 of four and λ = 0.5 the trace ends at 1.625, and N is 3.",
)


def _through_time(
    e: Tensor,
    s: Tensor,
    u: Tensor,
    slope: Tensor,
    decay: float,
    passes: Callable = lambda s, u, slope, decay: decay * (1 - s - u * slope),
) -> Tensor:
    """A recursion from the last step that lets a part of the next step's error through."""
    delta, part = e * slope, passes(s, u, slope, decay) + 0 * e
    for t in reversed(range(len(e) - 1)):
        delta[t] += part[t] * delta[t + 1]
    return delta


def _forwards(e: Tensor, s: Tensor, u: Tensor, slope: Tensor, decay: float) -> Tensor:
    later = torch.cat([(e * slope)[1:], e.new_zeros(1)])
    return e * slope + decay * (1 - s - u * slope) * later


def _draw_through_time(rng: np.random.Generator) -> tuple:
    steps, decay = int(rng.integers(6, 16)), float(rng.uniform(0.6, 0.95))
    v, s, u = 0.0, [], []
    for current in rng.random(steps):
        u.append(decay * v + current)
        s.append(float(u[-1] > 1))
        v = u[-1] * (1 - s[-1])
    s, u = torch.tensor(s).double(), torch.tensor(u).double()
    return torch.tensor(rng.normal(size=steps)), s, u, 1 / (1 + (u - 1).abs()) ** 2, decay


check_through_time = Exercise(
    right=_through_time,
    draw=_draw_through_time,
    wrong={
        "You look at each step alone. The potential also acts on the next one: add λ·δ[t+1] times ∂v/∂u.":
            {"passes": lambda s, u, slope, decay: 0 * s},
        "The reset is missing: after a spike the potential is 0, so nothing of it reaches the next step.":
            {"passes": lambda s, u, slope, decay: decay},
        "One half of the product rule is missing. v = u(1 − s), and s depends on u too: −u·σ′.":
            {"passes": lambda s, u, slope, decay: decay * (1 - s)},
        "The other half of the product rule is missing: ∂v/∂u has the term 1 − s.":
            {"passes": lambda s, u, slope, decay: -decay * u * slope},
        "In the second half u is missing: ∂(u(1 − s))/∂u = (1 − s) − u·σ′.":
            {"passes": lambda s, u, slope, decay: decay * (1 - s - slope)},
        "A sign: ∂(1 − s)/∂u is −σ′, so the second half is −u·σ′.":
            {"passes": lambda s, u, slope, decay: decay * (1 - s + u * slope)},
        "The leak is missing: ∂u[t+1]/∂v[t] = λ.": {"passes": lambda s, u, slope, decay: 1 - s - u * slope},
        "Only the next step's own spike reaches back. Use δ[t+1], which holds all later steps. Does your loop begin at "
        "the end?": _forwards,
    },
    solved="Both ways are in it: the spike of this step, and all steps after it.",
    otherwise="At the last step nothing follows, so δ[−1] = e[−1]·σ′[−1]. Go from the last step but one down to 0, and "
    "add to each step's own part what u[t] does to u[t+1], times δ[t+1]. The number of steps is len(e).",
)


def g(d: np.ndarray) -> np.ndarray:
    """What one spike of weight 1, d ms ago, has added to the potential (τ_mem 10 ms, τ_syn 5 ms)."""
    late = np.maximum(d, 0)
    return np.exp(-late / 10) - np.exp(-late / 5)


def g_slope(d: np.ndarray) -> np.ndarray:
    """The derivative of `g`."""
    late = np.maximum(d, 0)
    return np.where(d > 0, np.exp(-late / 5) / 5 - np.exp(-late / 10) / 10, 0)


def _spike_time_slopes(
    weights,
    times,
    t,
    g,
    g_slope,
    form: Callable[..., np.ndarray] = lambda w, g, slope: -g / (w * slope).sum(),
    sign: int = 1,
) -> np.ndarray:
    """Slopes of a spike's moment, by their form: of the weights, and of g and g′ of each input."""
    d = sign * (t - times)
    with np.errstate(divide="ignore", invalid="ignore"):
        return form(weights, g(d), g_slope(d))


check_spike_time_slopes = Exercise(
    right=_spike_time_slopes,
    cases=[(np.array([1.2, 1.6, 1.5, 1.4]), np.array([0.0, 2.0, 3.0, 40.0]), 6.0, g, g_slope)],
    draw=lambda rng: (rng.uniform(0.5, 2, 6), np.append(rng.uniform(0, 3, 5), 30.0), rng.uniform(3.5, 6), g, g_slope),
    wrong={
        "Your spike comes later when a weight grows. A larger weight lifts the potential, so the threshold is reached "
        "earlier: a minus sign is missing.": {"form": lambda w, g, slope: g / (w * slope).sum()},
        "This is how far the potential is shifted. Divide by its speed: a fast potential needs little time to make up "
        "for it.": [{"form": lambda w, g, slope: -g}, {"form": lambda w, g, slope: g}],
        "You divide by the speed that each input alone gives. The potential has one speed, the sum over all inputs.":
            {"form": lambda w, g, slope: -g / (w * slope)},
        "You multiply by the weight. That is the slope for a *factor* on the weight, not for the weight itself.":
            {"form": lambda w, g, slope: -w * g / (w * slope).sum()},
        "The speed is Σ w·g′; your sum leaves out the weights.": {"form": lambda w, g, slope: -g / slope.sum()},
        "d is how long ago an input spiked, t − times; you have it the other way round.": {"sign": -1},
    },
    solved="Stronger inputs bring the spike forward, and inputs that come after it have no part in it.",
    otherwise="Input j moves the spike by −g(t − t_j) / v̇(t), and v̇(t) is the sum of w·g′ over all inputs.",
)
