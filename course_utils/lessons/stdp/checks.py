"""Exercises of the lesson on STDP."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise
from course_utils.spiking.plasticity import assign_labels

MISSING = {"A": "inhibition", "B": "normalisation", "C": "homeostasis"}


def _stepwise(step: Callable[[Tensor, Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    """A trace after every step, from what a step makes of the trace x, the spikes s and the factor λ."""

    def trace(spikes: Tensor, decay: float) -> Tensor:
        x, after = torch.zeros_like(spikes[0]), []
        for now in spikes:
            x = step(x, now, decay)
            after.append(x)
        return torch.stack(after)

    return trace


_trace = _stepwise(lambda x, s, decay: decay * x + s)


def _spikes(rng: np.random.Generator) -> tuple[Tensor, float]:
    """Spikes of two inputs, one of which begins, and a factor."""
    spikes = torch.tensor(rng.random((8, 2)) < 0.5).float()
    spikes[0, 0] = 1
    return spikes, rng.uniform(0.5, 0.95)


check_trace = Exercise(
    right=_trace,
    cases=[(torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]), 0.75)],
    draw=_spikes,
    wrong={
        "The trace counts spikes and never forgets. Multiply by λ at every step.": _stepwise(lambda x, s, decay: x + s),
        "A new spike adds only λ in your trace: it fades before it is one step old. Let the old trace fade, then add "
        "the spike.": _stepwise(lambda x, s, decay: decay * (x + s)),
        "A new spike sets your trace to 1. Then only the latest spike is remembered, and the sum over all pairs "
        "becomes a sum over nearest pairs. Add 1 instead.":
            _stepwise(lambda x, s, decay: torch.where(s > 0, 1.0, decay * x)),
        "This is the leaky integrator: a spike adds only 1 − λ. A trace jumps by 1.":
            _stepwise(lambda x, s, decay: decay * x + (1 - decay) * s),
        "Your trace comes one step late: a spike belongs to the trace after its own step.":
            lambda spikes, decay: torch.cat([torch.zeros_like(spikes[:1]), _trace(spikes, decay)[:-1]]),
        "Your λ is a number of your own. Use the argument.": lambda spikes, decay: _trace(spikes, 0.75),
        "Return one number for each step; `torch.stack` makes one tensor of them.":
            lambda spikes, decay: _trace(spikes, decay)[-1],
    },
    solved="Every spike adds 1, and every step keeps the part λ.",
    otherwise="At each step: let the trace fade, then add the spike.",
)


def _window(a_plus: float, a_minus: float, tau_plus_ms: float, tau_minus_ms: float) -> Callable[[float], float]:
    def window(delay_ms: float) -> float:
        if delay_ms >= 0:
            return a_plus * math.exp(-delay_ms / tau_plus_ms)
        return -a_minus * math.exp(delay_ms / tau_minus_ms)

    return window


def _over_pairs(taken: Callable[[int, int, float], bool] = lambda i, j, d: True, sign: int = 1) -> Callable:
    """The sum of the window over those pairs of input i and output j, d ms apart, that are taken."""

    def total(window: Callable[[float], float], delay_ms: float, interval_ms: float, repeats: int) -> float:
        pairs = [(i, j, delay_ms + (j - i) * interval_ms) for i in range(repeats) for j in range(repeats)]
        return sum(window(sign * d) for i, j, d in pairs if taken(i, j, d))

    return total


check_repeated = Exercise(
    right=_over_pairs(),
    cases=[(_window(1e-3, 2e-4, 20, 20), 10.0, 1000.0, 5), (_window(1e-3, 2e-4, 20, 20), -5.0, 20.0, 5)],
    draw=lambda rng: (_window(*rng.uniform(0.5, 2, 2), *rng.uniform(10, 40, 2)), *rng.uniform((-20, 10), (20, 60)), 4),
    wrong={
        "You pair each output only with the input of its own repeat. Every input pairs with every output: two loops.":
            lambda window, delay_ms, interval_ms, repeats: repeats * window(delay_ms),
        "The sign of your delays is turned round: d is output time − input time.": _over_pairs(sign=-1),
        "You leave out the pairs whose output comes first. They count too: the window is negative there.":
            _over_pairs(lambda i, j, d: d >= 0),
        "You pair an input with the outputs of its own and of later repeats only. Those of earlier repeats came first, "
        "and weaken.": _over_pairs(lambda i, j, d: j >= i),
        "You take the mean over the repeats. The weight keeps every change: take the sum.":
            lambda window, delay_ms, interval_ms, repeats:
                _over_pairs()(window, delay_ms, interval_ms, repeats) / repeats,
        "You take the mean over all pairs. The weight keeps every change: take the sum.":
            lambda window, delay_ms, interval_ms, repeats:
                _over_pairs()(window, delay_ms, interval_ms, repeats) / repeats**2,
    },
    solved="Every input meets every output, and the window weighs each pair by its own delay.",
    otherwise="Input i comes at i · interval_ms, output j at j · interval_ms + delay_ms. Add the window of all pairs.",
)


def _race(
    inhibition: bool = True,
    own: bool = True,
    rises: Callable[[Tensor], Tensor] = lambda post: post,
    needs: bool = True,
    scale: bool = True,
) -> Callable[[Tensor, float, float, int], Tensor]:
    """Wins of neurons that race; each switch leaves something out."""

    def wins(currents: Tensor, theta_plus: float, decay: float, steps: int) -> Tensor:
        v, theta, won = (torch.zeros_like(currents) for _ in range(3))
        for _ in range(steps):
            v = decay * v + ((1 - decay) if scale else 1) * currents
            above = v - (1 + theta)
            best = (above if own else v).argmax()
            post = torch.zeros_like(v)
            if above[best] > 0 or not needs:
                post[best] = 1
            won, theta = won + post, theta + theta_plus * rises(post)
            v = v * (1 - (post.max() if inhibition else post))
        return won

    return wins


def _all_above(currents: Tensor, theta_plus: float, decay: float, steps: int) -> Tensor:
    v, theta, won = (torch.zeros_like(currents) for _ in range(3))
    for _ in range(steps):
        v = decay * v + (1 - decay) * currents
        post = (v > 1 + theta).to(v.dtype)
        won, theta, v = won + post, theta + theta_plus * post, v * (1 - post.max())
    return won


check_wins = Exercise(
    right=_race(),
    cases=[
        (torch.tensor([2.4, 2.3], dtype=torch.float64), 0.005, 0.95, 200),
        (torch.tensor([0.9, 0.8, 0.7], dtype=torch.float64), 0.005, 0.95, 60),  # nobody reaches the threshold
    ],
    draw=lambda rng: (torch.tensor(rng.uniform(1.8, 2.6, 3)), rng.uniform(0.01, 0.05), rng.uniform(0.9, 0.97), 120),
    draws=4,
    wrong={
        "A win resets only the winner in your race. Its spike sets all membranes to rest: that is the inhibition.":
            _race(inhibition=False),
        "In your race one neuron wins every time. The winner is not the highest potential, but the one furthest above "
        "its own threshold, 1 + θ; and a win raises only the winner's θ.":
            [_race(own=False), _race(rises=lambda post: post.max().expand(post.shape))],
        "In your race the threshold stays where it is. Every win raises that of the winner by θ₊.":
            _race(rises=torch.zeros_like),
        "You let somebody win at every step. A win needs a potential above the threshold.": _race(needs=False),
        "The current enters your membranes in full. The equation has (1 − λ) · i.": _race(scale=False),
        "All neurons above their thresholds win in your race. At one step there is one winner.": _all_above,
        "Your λ is a number of your own. Use the argument.":
            lambda currents, theta_plus, decay, steps: _race()(currents, theta_plus, math.exp(-1 / 20), steps),
    },
    solved="The strongest wins first; its own threshold then gives the others a turn.",
    otherwise="At each step: integrate, subtract the thresholds 1 + θ, find the largest. If it is above 0, it wins: "
    "count it, raise its θ, set all potentials to 0.",
)


def _counts(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Spikes of twelve neurons for 40 images, most of them horizontal; one neuron is silent."""
    counts, labels = torch.tensor(rng.poisson(rng.random((40, 12)))).float(), torch.tensor(rng.random(40) < 0.2).long()
    counts[:, rng.integers(12)] = 0
    labels[:2] = torch.tensor([0, 1])
    return counts, labels


def _by_sum(counts: Tensor, labels: Tensor) -> Tensor:
    sums = torch.stack([counts[labels == label].sum(0) for label in (0, 1)])
    return torch.where(counts.sum(0) > 0, sums.argmax(0), -1)


check_label_neurons = Exercise(
    right=lambda counts, labels: assign_labels(counts, labels),
    # Neuron 0 likes horizontal. Neuron 1 likes vertical, but five of the six images are horizontal. Neuron 2 is silent.
    cases=[(torch.tensor([[3.0, 1, 0]] * 5 + [[0.0, 3, 0]]), torch.tensor([0, 0, 0, 0, 0, 1]))],
    draw=_counts,
    wrong={
        "The two labels are exchanged: a neuron that fires for horizontal stripes gets the label 0.": [
            lambda counts, labels: assign_labels(counts, 1 - labels),
            lambda counts, labels: assign_labels(counts, 1 - labels).abs(),
        ],
        "You compare sums, so the class with more images wins. 5 spikes for five horizontal images are 1 per image, "
        "3 for one vertical image are 3. Compare means.":
            [_by_sum, lambda counts, labels: _by_sum(counts, labels).clamp(min=0)],
        "You label a neuron that never fired. Nobody knows what it stands for: its label is −1.": [
            lambda counts, labels: assign_labels(counts, labels).clamp(min=0),
            lambda counts, labels: assign_labels(counts, labels).abs(),
        ],
        "Return one label for each neuron. `counts` is [images, neurons].":
            [lambda counts, labels: labels, lambda counts, labels: counts.argmax(1)],
    },
    solved="Each neuron has the label that it fires for most, a silent one has none.",
    otherwise="Take the mean spikes of each neuron over the images of each label; `counts` is [images, neurons].",
)

check_diagnosis = Exercise(
    right=MISSING,
    wrong={
        "In A all neurons fire equally often, and all fields are the same. What keeps neurons from learning from the "
        "same spikes?": MISSING | {"A": "homeostasis"},
        "In B one or more fields are white: their weights stand at the limit of 1. What keeps the sum of weights where "
        "it is?": MISSING | {"B": "homeostasis"},
        "In C the fields that grew are clear, but many neurons never fired. What gives a neuron that lost so far a "
        "better chance?": MISSING | {"C": "normalisation"},
    },
    solved="Without inhibition all become the same, without normalisation a few win all, without homeostasis many "
    "never fire.",
)
