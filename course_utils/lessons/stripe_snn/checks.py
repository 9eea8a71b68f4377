"""Lesson 06: checks of its exercises, and the four broken networks with what is wrong with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotStarted, NotYet, attempt, check


@dataclass(frozen=True)
class Patient:
    """A broken network.

    Attributes:
        illness: one of `ILLNESSES`.
        fault: the argument of the lesson's `examine` that is wrong.
    """

    illness: str
    fault: dict[str, object]


ILLNESSES = ("silent neurons", "saturation", "forgotten reset", "wrong time step")
PATIENTS = {
    "A": Patient("forgotten reset", {"reset": False}),
    "B": Patient("saturation", {"scale": 20 * 255}),
    "C": Patient("silent neurons", {"scale": 1}),
    "D": Patient("wrong time step", {"dt": 0.02}),
}
SIGNS = {
    "A": "looks healthy, but the same picture gets other counts the second time. Something was left over.",
    "B": "spikes at nearly every pixel and step, so bright and dark look the same. Too much input, not too little.",
    "C": "gets no input spikes at all. What its output neurons do comes from their biases alone.",
    "D": "has ordinary input, but its potentials jump at every step, and further each time. Which step does that?",
}


@check
def check_answers(answers: Callable[[Tensor], Tensor]) -> str:
    """Labels from spike counts, and −1 where there is a tie."""
    counts = torch.tensor([[3.0, 1], [0, 7], [0, 0], [4, 4], [50, 49], [50, 50]])
    expected = torch.tensor([0, 1, -1, -1, 0, -1])
    found = attempt(answers, counts)
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"Counts of shape (6, 2) give one answer a picture, the shape (6,). You return {shape}.")
    ties, silent = expected == -1, counts.sum(1) == 0
    if torch.equal(found, expected):
        return "The larger count wins, and a tie is no answer."
    if torch.equal(found, counts.argmax(1)):
        raise NotYet(
            "Two silent neurons give you class 0. `argmax` takes the first of equal values: it answers even when "
            "nobody has spoken."
        )
    if torch.equal(found[~ties], 1 - expected[~ties]):
        raise NotYet("You have the classes exchanged: column 0 counts for horizontal, label 0.")
    if torch.equal(found[~ties], expected[~ties]) and (found[silent] == -1).all():
        raise NotYet("Silence is a tie, but 4 against 4 is one too, and so is 50 against 50.")
    if torch.equal(found[~ties], expected[~ties]):
        raise NotYet(f"Ties should give −1. You give {found[ties].tolist()} for 0:0, 4:4 and 50:50.")
    raise NotYet(f"For the counts {counts.int().tolist()} the answers are {expected.tolist()}; yours {found.tolist()}.")


@check
def check_level(level: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str:
    """The level that the potential of an output neuron approaches."""
    draw = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(2, 256, generator=draw) / 16, torch.tensor([0.3, -0.2])
    pixels, scale = torch.rand(7, 256, generator=draw) * 0.4, 3.0
    found = attempt(level, weight, bias, pixels, scale)
    products = scale * pixels @ weight.T
    expected = 5 * (products + bias)
    if isinstance(found, Tensor) and found.shape == (2, 7):
        raise NotYet("You return [neuron, picture]. A batch comes first: [picture, neuron].")
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"7 pictures and 2 neurons give the shape (7, 2). You return {shape}.")
    mistakes = {
        1.0: "That is the input x of one step. The synapse has not forgotten the steps before: its current piles up.",
        4.0: "That is the current after it has decayed. The new input is added first, and the sum drives the membrane.",
        50.0: "You added up 50 steps as if nothing decayed. The synapse forgets a fifth of its current at every step.",
        1.25: "You divided by 0.8. What goes on for ever adds up to 1/(1 − 0.8) times the input.",
    }
    if torch.allclose(found, expected, rtol=1e-4, atol=1e-5):
        return "Five times the input of one step: 1 + 0.8 + 0.8² + … = 5."
    for factor, says in mistakes.items():
        if torch.allclose(found, factor * (products + bias), rtol=1e-4, atol=1e-5):
            raise NotYet(says)
    if torch.allclose(found, 5 * scale * (pixels @ weight.T + bias), rtol=1e-4, atol=1e-5):
        raise NotYet("The scale brightens the picture. The bias does not come from the picture: do not scale it.")
    if torch.allclose(found, 5 * products, rtol=1e-4, atol=1e-5):
        raise NotYet("The bias is missing. It flows into the neuron at every step, picture or not.")
    raise NotYet("The input of one step is weights · scaled pixels + bias. Where does i = 0.8·i + x come to rest?")


@check
def check_size(size: Callable[[int], tuple[int, int]]) -> str:
    """Parameters and neurons of model 2, for any number of maps in its second convolution."""
    for hidden in (32, 8):
        found = attempt(size, hidden)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise NotYet("Return two numbers: parameters, neurons.")
        parameters, neurons = (int(number) for number in found)
        weights = 13 * 16, 13 * 16 * hidden, 9 * hidden * 2
        expected = sum(weights) + 13 + hidden + 2, 13 * 169 + 9 * hidden + 2
        if (parameters, neurons) == expected:
            continue
        asked = f"For {hidden} maps you have {parameters:,} parameters and {neurons:,} neurons. "
        if parameters == sum(weights):
            raise NotYet(f"{asked}Your parameters are the weights. Every map and every output also has a bias.")
        if parameters == 13 * 17 + 17 * hidden + (9 * hidden + 1) * 2:
            raise NotYet(f"{asked}A kernel of the second convolution sees all 13 maps: 13·16 weights, not 16.")
        if parameters != expected[0]:
            raise NotYet(f"{asked}Count the parameters of the three layers one by one, each with its biases.")
        if neurons == 13 * 36 + 9 * hidden + 2:
            raise NotYet(f"{asked}The first neurons stand before the pool: 13 maps of 13×13. The pool comes after.")
        if neurons == 13 * 169 + 13 * 36 + 9 * hidden + 2:
            raise NotYet(f"{asked}A pool has no neurons. It passes on the largest of four spikes.")
        if neurons == 13 * 169 + 9 * hidden:
            raise NotYet(f"{asked}The two output neurons are missing.")
        if neurons == 13 + hidden + 2:
            raise NotYet(f"{asked}You counted maps. Every place of a map is a neuron, with a potential of its own.")
        raise NotYet(f"{asked}Neurons stand at every place of every map: what are the maps' sizes?")
    return "7,487 parameters and 2,487 neurons with 32 maps."


@check
def check_diagnosis(diagnosis: Mapping[str, str]) -> str:
    """What is wrong with each of the four."""
    if not isinstance(diagnosis, Mapping):
        raise NotYet("Give a dictionary: a diagnosis for each of A, B, C and D.")
    if all(value is ... for value in diagnosis.values()):
        raise NotStarted
    if missing := [name for name in PATIENTS if diagnosis.get(name, ...) is ...]:
        raise NotYet(f"No diagnosis yet for {', '.join(missing)}.")
    if unknown := [value for value in diagnosis.values() if value not in ILLNESSES]:
        raise NotYet(f"{unknown[0]!r} is none of the four: {', '.join(ILLNESSES)}.")
    wrong = [name for name, patient in PATIENTS.items() if diagnosis[name] != patient.illness]
    if wrong:
        name = wrong[0]
        raise NotYet(f"{name} does not suffer from: {diagnosis[name]}. Look again. {name} {SIGNS[name]}")
    return "All four. Now mend them, with one argument each."
