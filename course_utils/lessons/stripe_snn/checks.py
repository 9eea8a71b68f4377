"""Exercises of the lesson on stripes and spikes, and four broken networks with what is wrong with them."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise, tensors


class Patient(NamedTuple):
    """A broken network."""

    illness: str  # what is wrong with it, in two words
    fault: dict[str, object]  # the argument of the lesson's `examine` that is wrong


PATIENTS = {
    "A": Patient("forgotten reset", {"reset": False}),
    "B": Patient("saturation", {"scale": 20 * 255}),
    "C": Patient("silent neurons", {"scale": 1}),
    "D": Patient("wrong time step", {"dt": 0.02}),
}


def _tied(counts: Tensor, untied: Tensor) -> Tensor:
    """Labels of pictures, and −1 where both counts are equal."""
    return torch.where(counts[:, 0] == counts[:, 1], -1, untied)


check_answers = Exercise(
    right=lambda counts: _tied(counts, counts.argmax(1)),
    cases=[(torch.tensor([[3.0, 1], [0, 7], [0, 0], [4, 4], [50, 49], [50, 50]]),)],
    draw=lambda rng: tensors(rng.integers(3, size=(6, 2)).astype(float)),
    wrong={
        "Two silent neurons give you class 0. `argmax` takes the first of equal values: it answers even when nobody "
        "has spoken.": lambda counts: counts.argmax(1),
        "You have the classes exchanged: column 0 counts for horizontal, label 0.":
            [lambda counts: _tied(counts, counts.argmin(1)), lambda counts: counts.argmin(1)],
        "Silence is a tie, but 4 against 4 is one too, and so is 50 against 50.":
            lambda counts: torch.where(counts.sum(1) == 0, -1, counts.argmax(1)),
        "Ties should give −1; yours give 1.": lambda counts: counts[:, 1] >= counts[:, 0],
    },
    solved="The larger count wins, and a tie is no answer.",
    otherwise="The larger of the two counts names the class; a tie, also of no spikes at all, gives −1.",
)


def _level(weight: Tensor, bias: Tensor, pixels: Tensor, scale: float, *, times: float = 5) -> Tensor:
    """So many times the input of one step."""
    return times * (scale * pixels @ weight.T + bias)


check_level = Exercise(
    right=_level,
    # weights and bias of two neurons, seven pictures, a scale
    draw=lambda rng: (*tensors(rng.normal(size=(2, 256)) / 16, rng.normal(size=2), 0.4 * rng.random((7, 256))),
                      rng.uniform(2, 20)),
    wrong={
        "You return [neuron, picture]. The batch comes first: [picture, neuron].": lambda *given: _level(*given).T,
        "That is the input x of one step. The synapse remembers the steps before: its current piles up.": {"times": 1},
        "That is the current after it has decayed. The new input is added first, and the sum drives the membrane.":
            {"times": 4},
        "That is 50 times the input. Did you add up 50 steps as if nothing decayed, or leave out the 0.1 before the "
        "current?": {"times": 50},
        "That is 10 times the input. The potential forgets as well: 0.1 comes in and 0.1 is lost, so it ends where the "
        "current does.": {"times": 10},
        "That is where the potential stands after 50 steps, a little short of the level. What does it approach?":
            {"times": 5 - 9 * 0.9**50 + 4 * 0.8**50},
        "You divided by 0.8, what is left after a step. How much is 1 + 0.8 + 0.8² + …?": {"times": 1 / 0.8},
        "The scale brightens the picture. The bias does not come from the picture: do not scale it.":
            lambda weight, bias, pixels, scale: scale * _level(weight, bias, pixels, 1),
        "The bias is missing. It flows into the neuron at every step, picture or not.":
            lambda weight, bias, pixels, scale: _level(weight, 0 * bias, pixels, scale),
        "You scale twice: the pixels are multiplied by the scale once.":
            lambda weight, bias, pixels, scale: _level(weight, bias, scale * pixels, scale),
        "The bias flows in at every step, too. It piles up like the rest of the input.":
            lambda weight, bias, pixels, scale: _level(weight, bias / 5, pixels, scale),
        "The scale is missing. It brightens every pixel.":
            lambda weight, bias, pixels, scale: _level(weight, bias, pixels, 1),
    },
    tolerance=1e-4,
    solved="Five times the input of one step: 1 + 0.8 + 0.8² + … = 5.",
    otherwise="The input of one step is weights · scaled pixels + bias. Where does i = 0.8·i + x come to rest?",
)  # fmt: skip


def _size(hidden: int, *, parameters: int = 0, neurons: int = 0) -> tuple[int, int]:
    """Parameters and neurons of model 2, each wrong by so many."""
    weights = 13 * 16 + 13 * 16 * hidden + 9 * hidden * 2
    return weights + 13 + hidden + 2 + parameters, 13 * 13 * 13 + 9 * hidden + 2 + neurons


check_size = Exercise(
    right=_size,
    cases=[(32,), (8,)],
    draw=lambda rng: (int(rng.integers(1, 100)),),
    wrong={
        "Parameters come first, neurons second.": lambda hidden: _size(hidden)[::-1],
        "Your parameters are the weights. Every map and every output also has a bias.":
            lambda hidden: _size(hidden, parameters=-13 - hidden - 2),
        "A kernel of the second convolution sees all 13 maps: 13·16 weights, not 16.":
            lambda hidden: _size(hidden, parameters=-12 * 16 * hidden),
        "The first neurons stand before the pool: 13 maps of 13×13. The pool comes after.":
            {"neurons": 13 * (6 * 6 - 13 * 13)},
        "A pool has no neurons. It passes on the largest of four spikes.": {"neurons": 13 * 6 * 6},
        "The two output neurons are missing.": {"neurons": -2},
        "You counted maps. Every place of a map is a neuron, with a potential of its own.":
            lambda hidden: _size(hidden, neurons=-13 * (13 * 13 - 1) - 8 * hidden),
    },
    solved="7,487 parameters and 2,487 neurons with 32 maps.",
    otherwise="Count the parameters of the three layers one by one, each with its biases. Neurons stand at every place "
    "of every map: what are the maps' sizes?",
)  # fmt: skip

_DIAGNOSIS = {name: patient.illness for name, patient in PATIENTS.items()}
check_diagnosis = Exercise(
    right=_DIAGNOSIS,
    wrong={
        "Its raster and its potentials are ordinary. Which column of the table sets it apart from the healthy network?":
            _DIAGNOSIS | {"A": "silent neurons"},
        "Look at its input raster, at bright and at dark pixels: how many steps pass without a spike?":
            _DIAGNOSIS | {"B": "silent neurons"},
        "Where could its output spikes come from? Look at its input raster first.":
            _DIAGNOSIS | {"C": "saturation"},
        "Its input raster is ordinary. Follow one potential from step to step: how does it move?":
            _DIAGNOSIS | {"D": "forgotten reset"},
    },
    solved="All four. Now mend them, with one argument each.",
)  # fmt: skip
