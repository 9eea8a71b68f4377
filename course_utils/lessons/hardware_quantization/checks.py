"""The exercises of the lesson on networks for chips."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from course_utils.chips.placing import INPUTS, circuits_for
from course_utils.classroom.exercise import Exercise, NotYet, attempt, tell


def _taken(layers: Sequence[tuple[int, int]], circuits: Callable[[int], float] = circuits_for) -> float:
    """Circuits of layers of so many neurons with so many inputs each, by what a neuron with so many takes."""
    return sum(neurons * circuits(inputs) for neurons, inputs in layers)


check_circuits_taken = Exercise(
    right=_taken,
    cases=[([(1, 128)],), ([(1, 129)],), ([(338, 16), (2, 338)],), ([(338, 256), (2, 338)],), ([(5, 384), (3, 385)],)],
    draw=lambda rng: ([(int(rng.integers(1, 400)), int(rng.integers(1, 600))) for _ in range(3)],),
    wrong={
        "You count neurons. One with more than 128 inputs takes several circuits.": {"circuits": lambda inputs: 1},
        "You round down. 129 inputs do not fit into one circuit.": {"circuits": lambda inputs: inputs // INPUTS},
        "One circuit too many where the inputs just fit: 128 take one.":
            {"circuits": lambda inputs: inputs // INPUTS + 1},
        "There are no broken circuits: round up for each neuron.": {"circuits": lambda inputs: inputs / INPUTS},
        "A signed input takes two of a circuit's 256 synapses: 128 fit.":
            {"circuits": lambda inputs: -(-inputs // 256)},
        "You add up inputs of several neurons. A circuit belongs to one neuron: round up for each.": [
            lambda layers: -(-_taken(layers, lambda inputs: inputs) // INPUTS),
            lambda layers: sum(-(-neurons * inputs // INPUTS) for neurons, inputs in layers),
        ],
    },
    otherwise="Round up for each neuron, then multiply by how many there are.",
    solved="338 + 2 · 3 = 344 circuits for the fifth model: each output neuron is made of three.",
)


def _away(x: Tensor) -> Tensor:
    """Rounded, halves away from zero."""
    return x.sign() * (x.abs() + 0.5).floor()


def _whole(weight: Tensor, scale: float, bits: int, rounded: Callable[[Tensor], Tensor] = _away) -> Tensor:
    """Scaled, rounded in this way, clamped to what so many bits and a sign hold."""
    return rounded(weight * scale).clamp(1 - 2**bits, 2**bits - 1)


check_whole_weights = Exercise(
    right=_whole,
    cases=[
        (torch.tensor([0.5, 1.5, 2.5, -0.5, -2.5, 0.2, -1.2, 31.6, 63.4, 64.0, 700.0, -700.0]) / 8, 8.0, bits)
        for bits in (6, 3)
    ],
    draw=lambda rng: (torch.tensor(rng.integers(-300, 300, 12) / 32.0).float(), 16.0, int(rng.integers(2, 8))),
    wrong={
        "`round` takes halves to the even neighbour: 0.5 becomes 0, and 2.5 becomes 2. The chip's software rounds them "
        "away from zero.": {"rounded": torch.round},
        "`floor(x + 0.5)` is right for positive numbers. It takes −2.5 to −2; away from zero is −3.":
            {"rounded": lambda x: (x + 0.5).floor()},
        "You cut off what comes after the point. 2.9 would become 2.": {"rounded": torch.trunc},
        "You scale, but do not round.": [{"rounded": lambda x: x}, lambda w, scale, bits: w * scale],
        "Multiply by the scale before you round.": [
            lambda w, scale, bits: _whole(w, 1.0, bits),
            lambda w, scale, bits: _whole(_away(w), scale, bits, lambda x: x),
        ],
        "Nothing stops large weights. 6 bits end at 63.": lambda w, scale, bits: _away(w * scale),
        "6 bits reach ±63. The sign comes on top.": lambda w, scale, bits: _whole(w, scale, bits - 1),
        "With 6 bits the largest is 2⁶ − 1 = 63.": lambda w, scale, bits: _away(w * scale).clamp(-(2**bits), 2**bits),
        "−64 belongs to two's complement. This chip's weights are symmetric.":
            lambda w, scale, bits: _away(w * scale).clamp(-(2**bits), 2**bits - 1),
        "A weight keeps its sign: with 6 bits negative ones end at −63, not at 0.":
            lambda w, scale, bits: _whole(w, scale, bits).clamp(min=0),
        "The chip holds the whole numbers, not weights in the model's units.":
            lambda w, scale, bits: _whole(w, scale, bits) / scale,
        "Right for 6 bits only: the limit follows from `bits`.": lambda w, scale, bits: _whole(w, scale, 6),
    },
    otherwise="Scale, round, clamp to ±(2ᵇ − 1).",
    solved="Halves away from zero, and nothing beyond ±63 for 6 bits.",
)


def _ramp(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Spikes and samples [time, neurons] under a current that grows, for four thresholds; the last is never reached."""
    thresholds = torch.tensor([*rng.uniform(0.6, 1.4, 3), 2.0], dtype=torch.float32)
    samples = torch.linspace(0, 1.6, 33)[:, None].repeat(1, 4)
    spikes = torch.zeros_like(samples)
    for neuron, threshold in enumerate(thresholds[:3]):
        first = int((samples[:, neuron] >= threshold).nonzero()[0])
        spikes[first, neuron] = spikes[min(first + 5, 32), neuron] = 1
        samples[first + 1 :, neuron] = 0
        samples[min(first + 5, 32), neuron] = threshold + 0.3  # the current has grown: later spikes overshoot
    return spikes, samples


def _first(spikes: Tensor) -> Tensor:
    """The step of the first spike; the last step where there is none."""
    return torch.where(spikes.any(0), spikes.argmax(0), len(spikes) - 1)


def _reached(spikes: Tensor, samples: Tensor) -> Tensor:
    return samples.gather(0, _first(spikes)[None])[0]


check_threshold_correction = Exercise(
    right=lambda spikes, samples: 1 / _reached(spikes, samples),
    cases=[_ramp(np.random.default_rng(0))],
    draw=_ramp,
    wrong={
        "These are the thresholds that you measured. A neuron that fires at 0.8 must be asked for 1/0.8 as much.":
            _reached,
        "The last neuron never fired. `argmax` of nothing is 0, the first step, where every membrane is at rest. Its "
        "threshold is at least as high as its last sample.":
            lambda spikes, samples: 1 / samples.gather(0, spikes.argmax(0)[None])[0],
        "You take the largest sample. The current has grown on after the first spike, and later ones overshoot. Take "
        "the sample at the first spike.": lambda spikes, samples: 1 / samples.max(0).values,
        "You use the time of the first spike. What counts is where the membrane stood at that time.": [
            lambda spikes, samples: 1 / _first(spikes).float(),
            lambda spikes, samples: _first(spikes).float(),
            lambda spikes, samples: 1 / spikes.argmax(0).float(),
            lambda spikes, samples: spikes.argmax(0).float(),
        ],
        "Close, but a threshold is a factor: 1/0.8 = 1.25, while 1 + 0.2 is only 1.2.":
            lambda spikes, samples: 2 - _reached(spikes, samples),
    },
    otherwise="Each neuron must be asked for as much more as it came out too low.",
    solved="Each neuron is asked for as much more, or less, as it came out too low, or too high.",
)


SHOWN, COMPUTED, UPSTREAM = (torch.tensor(values) for values in ([1.0, 0.0, 0.5], [0.2, -0.4, 0.9], [1.0, 2.0, -3.0]))


def _grade_borrowed(answer: Callable[[Tensor, Tensor], Tensor]) -> None:
    computed = COMPUTED.clone().requires_grad_()
    found = attempt(lambda shown: answer(shown, 1.0 * computed), SHOWN)
    if not isinstance(found, Tensor):
        raise NotYet("Return a tensor.")
    if found.requires_grad:
        (found * UPSTREAM).sum().backward()
    value, gradient = found.detach(), computed.grad
    near = value.shape == SHOWN.shape and torch.allclose(value, SHOWN, atol=1e-6)
    tell({
        "This has the model's value. The chip's is wanted.": torch.equal(value, COMPUTED),
        "The value must be what the chip showed, and nothing else.": not near,
        "The value is right, but no gradient arrives at what the model computed.":
            gradient is None or not gradient.any(),
        "The value is right. The gradient must pass as if the result were `computed` itself.":
            gradient is not None and not torch.allclose(gradient, UPSTREAM),
    })


check_borrowed = Exercise(
    right="shown + computed - computed.detach()",  # no function: copies of its answer would lose the gradient
    grade=_grade_borrowed,
    wrong={
        "This has the model's value": lambda shown, computed: computed,
        "The value must be what the chip showed": [
            lambda shown, computed: shown + computed,
            lambda shown, computed: (shown + computed) / 2,
        ],
        "no gradient arrives": [
            lambda shown, computed: shown,
            lambda shown, computed: shown + (computed - computed),
            lambda shown, computed: computed + (shown - computed),
            lambda shown, computed: computed.detach() + (shown - computed.detach()),
        ],
        "The gradient must pass as if": [
            lambda shown, computed: shown - computed + computed.detach(),
            lambda shown, computed: shown + 2 * (computed - computed.detach()),
            lambda shown, computed: shown + computed.square() - computed.square().detach(),
        ],
    },
    solved="Forwards the chip, backwards the model: `computed - computed.detach()` is a zero with a gradient.",
)
