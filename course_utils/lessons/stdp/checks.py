"""Exercises of the lesson on STDP."""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise, tensors
from course_utils.spiking.plasticity import assign_labels

MISSING = {"A": "inhibition", "B": "normalisation", "C": "homeostasis"}


def _trace(
    spikes: Tensor, decay: float, *, step: Callable = lambda x, s, decay: decay * x + s, result: Callable = torch.stack
) -> Tensor:
    """A trace after every step, from what a step makes of the trace x, the spikes s and the factor λ."""
    after = [torch.zeros_like(spikes[0])]
    for now in spikes:
        after.append(step(after[-1], now, decay))
    return result(after[1:])


check_trace = Exercise(
    right=_trace,
    cases=[(torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]), 0.75)],
    draw=lambda rng: (*tensors((rng.random((8, 2)) < (1, 0.5)) * 1.0), rng.uniform(0.5, 0.95)),  # one is never silent
    wrong={
        "The trace counts spikes and never forgets. Multiply by λ at every step.": {"step": lambda x, s, decay: x + s},
        "A new spike adds only λ in your trace: it fades before it is one step old. Let the old trace fade, then add "
        "the spike.": {"step": lambda x, s, decay: decay * (x + s)},
        "A new spike sets your trace to 1. Then only the latest spike is remembered, and the sum over all pairs "
        "becomes a sum over nearest pairs. Add 1 instead.":
            {"step": lambda x, s, decay: torch.where(s > 0, 1.0, decay * x)},
        "This is the leaky integrator: a spike adds only 1 − λ. A trace jumps by 1.":
            {"step": lambda x, s, decay: decay * x + (1 - decay) * s},
        "Your trace comes one step late: a spike belongs to the trace after its own step.":
            lambda spikes, decay: torch.cat([torch.zeros_like(spikes[:1]), _trace(spikes, decay)[:-1]]),
        "Your λ is a number of your own. Use the argument.": lambda spikes, decay: _trace(spikes, 0.75),
        "Return one number for each step; `torch.stack` makes one tensor of them.": {"result": lambda after: after[-1]},
    },
    solved="Every spike adds 1, and every step keeps the part λ.",
    otherwise="At each step: let the trace fade, then add the spike.",
)  # fmt: skip


def _window(a_plus: float, a_minus: float, tau_plus_ms: float, tau_minus_ms: float) -> Callable[[float], float]:
    def window(delay_ms: float) -> float:
        if delay_ms >= 0:
            return a_plus * math.exp(-delay_ms / tau_plus_ms)
        return -a_minus * math.exp(delay_ms / tau_minus_ms)

    return window


def _over_pairs(
    window: Callable[[float], float], delay_ms: float, interval_ms: float, repeats: int, *,
    taken: Callable[[int, int, float], bool] = lambda i, j, d: True, sign: int = 1, among: Callable = lambda repeats: 1,
) -> float:  # fmt: skip
    """The sum of the window over those pairs of input i and output j, d ms apart, that are taken; or a mean of it."""
    pairs = [(i, j, delay_ms + (j - i) * interval_ms) for i, j in product(range(repeats), repeat=2)]
    return sum(window(sign * d) for i, j, d in pairs if taken(i, j, d)) / among(repeats)


check_repeated = Exercise(
    right=_over_pairs,
    cases=[(_window(1e-3, 2e-4, 20, 20), 10.0, 1000.0, 5), (_window(1e-3, 2e-4, 20, 20), -5.0, 20.0, 5)],
    draw=lambda rng: (_window(*rng.uniform(0.5, 2, 2), *rng.uniform(10, 40, 2)), *rng.uniform((-20, 10), (20, 60)), 4),
    wrong={
        "You pair each output only with the input of its own repeat. Every input pairs with every output: two loops.":
            {"taken": lambda i, j, d: i == j},
        "The sign of your delays is turned round: d is output time − input time.": {"sign": -1},
        "You leave out the pairs whose output comes first. They count too: the window is negative there.":
            {"taken": lambda i, j, d: d >= 0},
        "You pair an input with the outputs of its own and of later repeats only. Those of earlier repeats came first, "
        "and weaken.": {"taken": lambda i, j, d: j >= i},
        "You take the mean over the repeats. The weight keeps every change: take the sum.":
            {"among": lambda repeats: repeats},
        "You take the mean over all pairs. The weight keeps every change: take the sum.":
            {"among": lambda repeats: repeats**2},
    },
    solved="Every input meets every output, and the window weighs each pair by its own delay.",
    otherwise="Input i comes at i · interval_ms, output j at j · interval_ms + delay_ms. Add the window of all pairs.",
)  # fmt: skip


def _wins(
    currents: Tensor, theta_plus: float, decay: float, steps: int, *, inhibition: bool = True, scale: bool = True,
    fires: Callable = lambda above, v: _is_highest(above) & (above > 0), rises: Callable = lambda post: post,
) -> Tensor:  # fmt: skip
    """Wins of neurons that race; each switch leaves something out, `fires` tells whose spikes count."""
    v, theta, won = (torch.zeros_like(currents) for _ in range(3))
    for _ in range(steps):
        v = decay * v + (1 - decay if scale else 1) * currents
        post = fires(v - (1 + theta), v).to(v.dtype)
        won, theta = won + post, theta + theta_plus * rises(post)
        v = v * (1 - (post.max() if inhibition else post))
    return won


def _is_highest(values: Tensor) -> Tensor:
    """One of them, [neurons]."""
    return torch.arange(len(values)) == values.argmax()


check_wins = Exercise(
    right=_wins,
    cases=[
        (torch.tensor([2.4, 2.3], dtype=torch.float64), 0.005, 0.95, 200),
        (torch.tensor([0.9, 0.8, 0.7], dtype=torch.float64), 0.005, 0.95, 60),  # nobody reaches the threshold
    ],
    draw=lambda rng: (torch.tensor(rng.uniform(1.8, 2.6, 3)), rng.uniform(0.01, 0.05), rng.uniform(0.9, 0.97), 120),
    draws=4,
    wrong={
        "A win resets only the winner in your race. Its spike sets all membranes to rest: that is the inhibition.":
            {"inhibition": False},
        "In your race one neuron wins every time. The winner is not the highest potential, but the one furthest above "
        "its own threshold, 1 + θ; and a win raises only the winner's θ.":
            [{"fires": lambda above, v: _is_highest(v) & (above > 0)}, {"rises": lambda post: post.amax() + 0 * post}],
        "In your race the threshold stays where it is. Every win raises that of the winner by θ₊.":
            {"rises": torch.zeros_like},
        "You let somebody win at every step. A win needs a potential above the threshold.":
            {"fires": lambda above, v: _is_highest(above)},
        "The current enters your membranes in full. The equation has (1 − λ) · i.": {"scale": False},
        "All neurons above their thresholds win in your race. At one step there is one winner.":
            {"fires": lambda above, v: above > 0},
        "Your λ is a number of your own. Use the argument.":
            lambda currents, theta_plus, decay, steps: _wins(currents, theta_plus, math.exp(-1 / 20), steps),
    },
    solved="The strongest wins first; its own threshold then gives the others a turn.",
    otherwise="At each step: integrate, subtract the thresholds 1 + θ, find the largest. If it is above 0, it wins: "
    "count it, raise its θ, set all potentials to 0.",
)  # fmt: skip


def _counts(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Spikes of twelve neurons for 40 images, most of them horizontal; one neuron is silent."""
    counts, labels = 1.0 * rng.poisson(rng.random((40, 12))), 1 * (rng.random(40) < 0.2)
    counts[:, rng.integers(12)] = 0
    labels[:2] = 0, 1
    return tensors(counts, labels)


def _by_sum(counts: Tensor, labels: Tensor) -> Tensor:
    sums = torch.stack([counts[labels == label].sum(0) for label in (0, 1)])
    return torch.where(counts.sum(0) > 0, sums.argmax(0), -1)


check_label_neurons = Exercise(
    right=assign_labels,
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
        "You label a neuron that never fired. Nobody knows what it stands for: its label is −1.":
            [lambda *given: assign_labels(*given).clamp(min=0), lambda *given: assign_labels(*given).abs()],
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
