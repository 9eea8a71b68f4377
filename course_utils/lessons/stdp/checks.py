"""Lesson 09: checks of its exercises."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.spiking import plasticity

MISSING = {"A": "inhibition", "B": "normalisation", "C": "homeostasis"}


@check
def check_trace(trace: Callable[[Tensor, float], Tensor]) -> str:
    """A trace after every step."""
    spikes = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    found = attempt(trace, spikes, 0.75)
    if not isinstance(found, Tensor) or found.shape != spikes.shape:
        raise NotYet(f"Return a tensor with one number for each of the {len(spikes)} steps; `torch.stack` makes one.")
    found = found.to(spikes.dtype)
    if torch.allclose(found, _trace(spikes, lambda x, s: 0.75 * x + s)):
        both = torch.stack([spikes, 1 - spikes], dim=1)
        if not torch.allclose(attempt(trace, both, 0.9), _trace(both, lambda x, s: 0.9 * x + s)):
            raise NotYet("Right for one input with λ = ¾, but not for two inputs, [time, 2], with λ = 0.9.")
        return "Every spike adds 1, and every step keeps the part λ."
    mistakes = {
        "The trace counts spikes and never forgets. Multiply by λ at every step.": lambda x, s: x + s,
        "A new spike adds only λ in your trace: it fades before it is one step old. Let the old trace fade, then add "
        "the spike.": lambda x, s: 0.75 * (x + s),
        "A new spike sets your trace to 1. Then only the latest spike is remembered, and the sum over all pairs "
        "becomes a sum over nearest pairs. Add 1 instead.": lambda x, s: torch.where(s > 0, 1.0, 0.75 * x),
        "This is the leaky integrator of lesson 03: a spike adds only 1 − λ. A trace jumps by 1.": lambda x, s: (
            0.75 * x + 0.25 * s
        ),
    }
    for message, wrong in mistakes.items():
        if torch.allclose(found, _trace(spikes, wrong)):
            raise NotYet(message)
    if torch.allclose(found[1:], _trace(spikes, lambda x, s: 0.75 * x + s)[:-1]):
        raise NotYet("Your trace comes one step late: the spike of a step belongs to the trace after this step.")
    raise NotYet(
        f"For the spikes {_numbers(spikes)} and λ = ¾ you return {_numbers(found)}. At each step: let the trace fade, "
        "then add the spike."
    )


@check
def check_label_neurons(label_neurons: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Labels of neurons from their spikes for labelled images."""
    # Neuron 0 likes horizontal. Neuron 1 likes vertical, but five of the six images are horizontal. Neuron 2 is silent.
    counts = torch.tensor([[3.0, 1, 0]] * 5 + [[0.0, 3, 0]])
    labels = torch.tensor([0, 0, 0, 0, 0, 1])
    found = attempt(label_neurons, counts, labels)
    if not isinstance(found, Tensor) or found.shape != (3,):
        raise NotYet("Return a tensor with one label for each of the 3 neurons. `counts` is [images, neurons].")
    named = found.tolist()
    if named[:2] == [1, 0]:
        raise NotYet("The two labels are exchanged: a neuron that fires for horizontal stripes gets the label 0.")
    if named[:2] == [0, 0]:
        raise NotYet(
            "Neuron 1 fired 5 spikes for five horizontal images and 3 for one vertical image: 1 spike an image "
            "against 3. You compare sums, so the class with more images wins. Compare means."
        )
    if named[:2] != [0, 1]:
        raise NotYet(f"Neuron 0 fires for horizontal, neuron 1 for vertical stripes; your labels are {named}.")
    if named[2] != -1:
        raise NotYet(
            f"Neuron 2 never fired, yet you label it {named[2]}. Nobody knows what it stands for: its label is −1."
        )
    generator = torch.Generator().manual_seed(0)
    counts = torch.poisson(torch.rand(40, 12, generator=generator), generator=generator)
    labels = torch.randint(2, (40,), generator=generator)
    if not torch.equal(attempt(label_neurons, counts, labels).long(), plasticity.assign_labels(counts, labels)):
        raise NotYet("Right for three neurons, but not for twelve neurons and 40 images of random spikes.")
    return "Each neuron has the label that it fires for most, a silent one has none."


@check
def check_diagnosis(diagnosis: Mapping[str, str]) -> str:
    """Which part is missing in which layer."""
    parts = sorted(MISSING.values())
    if not isinstance(diagnosis, Mapping) or set(diagnosis) != set(MISSING):
        raise NotYet('Give a part for each layer: {"A": "…", "B": "…", "C": "…"}.')
    unknown = sorted(set(diagnosis.values()) - set(parts), key=str)
    if unknown:
        raise NotYet(f"{unknown[0]!r} is none of the parts. Choose from {', '.join(parts)}.")
    if dict(diagnosis) == MISSING:
        return (
            "All three found. Without inhibition all become the same, without normalisation few eat all, without "
            "homeostasis many never fire."
        )
    reasons = {
        "A": "In A all neurons fire, equally often, and all fields are the same. What keeps neurons from learning from "
        "the same spikes?",
        "B": "In B one or more fields are white: their weights stand at the limit of 1. What keeps the sum of weights "
        "where it is?",
        "C": "In C the fields that grew are clear, but more than a quarter of the neurons never fired. What gives a "
        "neuron that lost so far a better chance?",
    }
    wrong = next(layer for layer in MISSING if diagnosis[layer] != MISSING[layer])
    raise NotYet(f"{reasons[wrong]} You say: {diagnosis[wrong]}.")


def _trace(spikes: Tensor, step: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    x, after = torch.zeros_like(spikes[0]), []
    for now in spikes:
        x = step(x, now)
        after.append(x)
    return torch.stack(after)


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{value:g}" for value in values.tolist())
