"""Lesson 17: checks of its exercises."""

from collections.abc import Callable, Sequence
from numbers import Real

import torch
from torch import Tensor

from course_utils.chips.virtual_chip import INPUTS, circuits_for, largest, to_integers
from course_utils.classroom.verdict import NotYet, attempt, check


@check
def check_circuits_taken(circuits_taken: Callable[[Sequence[tuple[int, int]]], int]) -> str:
    """How many circuits of 128 signed inputs the layers take."""
    cases = (
        [(1, 128)],
        [(1, 129)],
        [(338, 16), (2, 338)],
        [(338, 256), (2, 338)],
        [(10, 1), (5, 384), (3, 385)],
    )
    wanted = [sum(neurons * circuits_for(inputs) for neurons, inputs in case) for case in cases]
    found = [attempt(circuits_taken, list(case)) for case in cases]
    if not all(isinstance(answer, Real) and not isinstance(answer, bool) for answer in found):
        raise NotYet(f"Return one whole number. For {cases[2]} you return {found[2]!r}.")
    if found == wanted:
        return "338 + 2 · 3 = 344 circuits for the fifth model: each output neuron is made of three."

    def with_rule(circuits: Callable[[int], float]) -> list[float]:
        return [sum(neurons * circuits(inputs) for neurons, inputs in case) for case in cases]

    mistakes = {
        "You count neurons. A neuron with more than 128 inputs takes several circuits.": lambda inputs: 1,
        "You round down. A neuron with 129 inputs does not fit into one circuit: it takes two.": lambda inputs: (
            inputs // INPUTS
        ),
        "You add one circuit too many where the inputs just fit: 128 inputs take one.": lambda inputs: (
            inputs // INPUTS + 1
        ),
        "There are no broken circuits: round up for each neuron.": lambda inputs: inputs / INPUTS,
        "A circuit has 256 synapses, but a signed input takes two of them: 128.": lambda inputs: -(-inputs // 256),
    }
    for message, rule in mistakes.items():
        if found == with_rule(rule):
            raise NotYet(message)
    if found == [-(-sum(neurons * inputs for neurons, inputs in case) // INPUTS) for case in cases]:
        raise NotYet("You add up all inputs first. A circuit belongs to one neuron; round up for each neuron.")
    case = next(n for n in range(len(cases)) if found[n] != wanted[n])
    raise NotYet(f"The layers {cases[case]} take {wanted[case]} circuits; you say {found[case]}.")


@check
def check_whole_weights(whole_weights: Callable[[Tensor, float, int], Tensor]) -> str:
    """Weights as whole numbers: halves away from zero, clamped to what the bits hold."""
    weight = torch.tensor([0.5, 1.5, 2.5, -0.5, -2.5, 0.2, -1.2, 31.6, 62.7, 63.4, 64.0, 700.0, -700.0]) / 10
    wanted = to_integers(weight, 10.0, 6)
    found = attempt(whole_weights, weight.clone(), 10.0, 6)
    if not isinstance(found, Tensor) or found.shape != weight.shape:
        shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"Return a tensor of shape {list(weight.shape)}. Yours: {shape}.")
    found = found.detach().to(wanted)
    scaled = weight * 10.0
    limit = largest(6)
    if torch.equal(found, wanted):
        fewer = attempt(whole_weights, weight.clone(), 10.0, 3)
        if not isinstance(fewer, Tensor) or not torch.equal(fewer.detach().to(wanted), to_integers(weight, 10.0, 3)):
            raise NotYet("Right for 6 bits, but 3 bits hold −7 to 7: the limit follows from `bits`.")
        return "Halves away from zero, and nothing beyond ±63."
    away = scaled.sign() * (scaled.abs() + 0.5).floor()
    mistakes = {
        "`round` takes halves to the even neighbour: 0.5 becomes 0, and 2.5 becomes 2. The chip's software rounds them "
        "away from zero.": scaled.round().clamp(-limit, limit),
        "`floor(x + 0.5)` is right for positive numbers. It takes −2.5 to −2; away from zero is −3.": (
            (scaled + 0.5).floor().clamp(-limit, limit)
        ),
        "You cut off what comes after the point. 2.9 would become 2.": scaled.trunc().clamp(-limit, limit),
        "Nothing stops large weights. 6 bits end at 63.": away,
        "6 bits and a sign reach ±63. The sign is the kind of the synapse, not a bit.": away.clamp(-31, 31),
        "With 6 bits the largest number is 2⁶ − 1 = 63, not 64.": away.clamp(-64, 64),
        "−64 belongs to two's complement. This chip's weights are symmetric.": away.clamp(-64, 63),
        "A weight keeps its sign: negative ones end at −63, not at 0.": away.clamp(0, 63),
        "Multiply by the scale before you round.": (weight.sign() * (weight.abs() + 0.5).floor()).clamp(-limit, limit),
        "These are weights in the model's units again. The chip holds the whole numbers.": wanted / 10.0,
    }
    for message, wrong in mistakes.items():
        if torch.allclose(found, wrong, atol=1e-5):
            raise NotYet(message)
    worst = int((found - wanted).abs().argmax())
    raise NotYet(f"{scaled[worst]:g}, already scaled, becomes {wanted[worst]:.0f}; yours is {found[worst]:g}.")


@check
def check_threshold_correction(threshold_correction: Callable[[Tensor, Tensor], Tensor]) -> str:
    """By which factor the settings of thresholds must change, from a ramp's spikes and samples."""
    thresholds = torch.tensor([0.8, 1.0, 1.25, 2.0])  # the last one is never reached
    samples = torch.linspace(0, 1.6, 33)[:, None].repeat(1, 4)
    spikes = torch.zeros_like(samples)
    for neuron, threshold in enumerate(thresholds):
        fired = (samples[:, neuron] >= threshold - 1e-6).nonzero()
        if len(fired):
            first = int(fired[0])
            spikes[first, neuron] = spikes[first + 5, neuron] = 1
            samples[first + 1 :, neuron] = 0
            samples[first + 5, neuron] = threshold + 0.3  # the current has grown: later spikes overshoot
    kept = spikes.clone(), samples.clone()
    found = attempt(threshold_correction, spikes, samples)
    if not (torch.equal(spikes, kept[0]) and torch.equal(samples, kept[1])):
        raise NotYet("Your function changed what was measured. Leave `spikes` and `samples` as they are.")
    if not isinstance(found, Tensor) or found.shape != (4,):
        shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"Return a tensor with one factor for each of 4 neurons. Yours: {shape}.")
    spikes, samples = kept
    first = spikes.argmax(0)
    last = torch.where(spikes.any(0), first, len(spikes) - 1)
    reached = samples.gather(0, last[None])[0]
    wanted = 1 / reached
    found = found.detach().to(wanted)
    if torch.allclose(found, wanted, atol=1e-4):
        return "Each neuron is asked for as much more, or less, as it came out too low, or too high."
    if torch.allclose(found, reached, atol=1e-4):
        raise NotYet(
            "These are the thresholds that you measured. A neuron that fires at 0.8 must be asked for 1/0.8 as much."
        )
    if torch.allclose(found[:3], wanted[:3], atol=1e-4):
        raise NotYet(
            "The last neuron never fired. `argmax` of nothing is 0, the first step, where every membrane is at rest. "
            "Its threshold is at least as high as its last sample."
        )
    if torch.allclose(found[:3], 1 / samples.max(0).values[:3], atol=1e-4):
        raise NotYet(
            "You take the largest sample. The current has grown on after the first spike, and later ones overshoot. "
            "Take the sample at the first spike."
        )
    if torch.allclose(found[:3], (1 / first.float())[:3], atol=1e-4) or torch.allclose(found[:3], first.float()[:3]):
        raise NotYet("You use the time of the first spike. What counts is where the membrane stood at that time.")
    if torch.allclose(found[:3], 1 + (1 - reached[:3]), atol=1e-4):
        raise NotYet("Close, but a threshold is a factor: 1/0.8 = 1.25, while 1 + 0.2 is only 1.2.")
    raise NotYet(
        f"Four neurons that fired first at {[round(v, 2) for v in reached.tolist()]} (the last one never did) need the "
        f"factors {[round(v, 2) for v in wanted.tolist()]}; yours are {[round(v, 2) for v in found.tolist()]}."
    )
