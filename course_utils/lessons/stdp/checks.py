"""Exercises of the lesson on STDP."""

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
        "In C the fields that grew are clear, but more than a quarter of the neurons never fired. What gives a neuron "
        "that lost so far a better chance?": MISSING | {"C": "normalisation"},
    },
    solved="Without inhibition all become the same, without normalisation a few win all, without homeostasis many "
    "never fire.",
)
