"""Exercises of the lesson on the LI readout."""

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise

check_readout_inputs = Exercise(
    right=lambda size, kernel, filters, pool, stride: filters * ((size - kernel + 1 - pool) // stride + 1) ** 2,
    cases=[(16, 4, 2, 2, 1), (16, 4, 2, 2, 2), (28, 5, 12, 2, 2), (9, 3, 3, 3, 1), (16, 4, 3, 2, 2)],
    draw=lambda rng: tuple(map(int, rng.integers((12, 2, 3, 2, 1), (40, 6, 9, 4, 4)))),
    wrong={
        "You have the places of one map. The linear layer sees those of all filters.":
            [lambda n, k, f, p, s: ((n - k + 1 - p) // s + 1) ** 2, lambda n, k, f, p, s: (n - k + 1 - p + 1) ** 2],
        "That is one side. The maps are squares, and there is one for each filter.":
            [lambda n, k, f, p, s: (n - k + 1 - p) // s + 1, lambda n, k, f, p, s: n - k + 1 - p + 1],
        "The maps are squares: you took their side in the place of their area.":
            lambda n, k, f, p, s: f * ((n - k + 1 - p) // s + 1),
        "Right for a pool that moves by its own width. `stride` may be another.":
            lambda n, k, f, p, s: f * ((n - k + 1) // p) ** 2,
        "That is the hidden layer, before the pool. A pool of 2 with stride 1 takes one more row and column.":
            lambda n, k, f, p, s: f * (n - k + 1) ** 2,
        "A window of K pixels has N − K + 1 places, not N − K: also the first place counts.": [
            lambda n, k, f, p, s: f * ((n - k - p) // s + 1) ** 2,
            lambda n, k, f, p, s: f * ((n - k + 1 - p) // s) ** 2,
            lambda n, k, f, p, s: f * ((n - k - p) // s) ** 2,
            lambda n, k, f, p, s: f * (n - k - p + 1) ** 2,
        ],
        "A window that sticks out has no place: round down.": [
            lambda n, k, f, p, s: f * (-(-(n - k + 1 - p) // s) + 1) ** 2,
            lambda n, k, f, p, s: f * ((n - k + 1 - p) / s + 1) ** 2,
        ],
        "You left out the convolution: it takes K − 1 rows and columns from the picture before the pool comes.":
            [lambda n, k, f, p, s: f * ((n - p) // s + 1) ** 2, lambda n, k, f, p, s: f * (n - p + 1) ** 2],
        "Right for stride 1. With stride S the window takes ⌊(N − pool)/S⌋ + 1 places a side.":
            lambda n, k, f, p, s: f * (n - k + 1 - p + 1) ** 2,
    },
    solved="16 → 13 → 12 pixels a side, and 2 · 12 · 12 = 288.",
    otherwise="Write down the side after the convolution, then after the pool.",
)


def _drive(kernels: Tensor, rates: Tensor) -> Tensor:
    """The mean input of each map that its kernel brings, without a bias."""
    return torch.nn.functional.conv2d(rates, kernels).mean((0, 2, 3))


def _kernels_and_rates(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    return torch.tensor(rng.normal(size=(3, 1, 4, 4))).float(), torch.tensor(rng.random((4, 1, 16, 16))).float()


check_rheobase_bias = Exercise(
    right=lambda kernels, rates: 1 / 5 - _drive(kernels, rates),
    draw=_kernels_and_rates,
    wrong={
        "The mean input is then 1, and the current piles up to 5 times the threshold. A constant input x ends as the "
        "current 5x, so x must be a fifth of the threshold.": lambda kernels, rates: 1 - _drive(kernels, rates),
        "You give the rheobase on top of what the kernel brings already. Take the kernel's own mean away.":
            lambda kernels, rates: torch.full((3,), 1 / 5),
        "The sign is the wrong way round: a kernel that holds back needs a larger bias.":
            lambda kernels, rates: _drive(kernels, rates) - 1 / 5,
        "You add the kernel's mean input once more. Take it away.":
            lambda kernels, rates: 1 / 5 + _drive(kernels, rates),
        "You cancel the kernel's mean input. That leaves the mean current at 0, still below the threshold.":
            lambda kernels, rates: -_drive(kernels, rates),
        "You multiplied the drive by 5. The bias piles up 5 times, too: 5 · (drive + bias) = 1. Divide both sides by "
        "5, and the drive stands there once.": [
            lambda kernels, rates: 1 / 5 - 5 * _drive(kernels, rates),
            lambda kernels, rates: 1 - 5 * _drive(kernels, rates),
        ],
        "All of the bias is divided by 5. Only the threshold is: the drive is an input already.":
            lambda kernels, rates: (1 - _drive(kernels, rates)) / 5,
        "The mean over all maps is one number. Each map has a kernel of its own, and needs a bias of its own.": [
            lambda kernels, rates: (1 / 5 - _drive(kernels, rates).mean()).repeat(3),
            lambda kernels, rates: 1 / 5 - _drive(kernels, rates).mean(),
        ],
    },
    tolerance=1e-4,
    solved="Each map now gets, on average, just the current at which a neuron begins to spike.",
    otherwise="The mean current of each map, 5 · (drive + bias), should be 1, the threshold.",
)


def _after_last_wrong(margin: Tensor) -> Tensor:
    """The step after the last one that is wrong, for margins [time, images]."""
    steps = torch.arange(len(margin))[:, None]
    return torch.where(margin > 0, 0, steps + 1).amax(0)


def _never_is(number: int, margin: Tensor) -> Tensor:
    """The right answer, but a certain number for an image that is wrong at the last step."""
    found = _after_last_wrong(margin)
    return torch.where(found == len(margin), number, found)


_MARGINS = [-1, -1, 1, 1, 1], [1, 1, 1, 1, 1], [1, -1, 1, -1, 1], [-1] * 5, [0, 0, 1, 1, 1], [1, 1, 1, 1, -1]
check_decision_step = Exercise(
    right=lambda margin: _after_last_wrong(margin),
    cases=[(torch.tensor(_MARGINS).float().T,)],
    draw=lambda rng: (torch.tensor(rng.choice((-0.5, 0.0, 1.0, 2.0), size=(7, 5))).float(),),
    wrong={
        "You give the first step at which the answer is right. It may change its mind later: with the margins 1, −1, 1 "
        "it is right at step 0, wrong at step 1. Return the step from which on it *stays* right.":
            lambda margin: (margin > 0).int().argmax(0),
        "You count steps. An image may be wrong only once, but late: where is its last wrong step?":
            [lambda margin: (margin > 0).sum(0), lambda margin: (margin <= 0).sum(0)],
        "You give the last wrong step. The answer stands one step later.":
            [lambda margin: _after_last_wrong(margin) - 1, lambda margin: (_after_last_wrong(margin) - 1).clamp(min=0)],
        "For an image that is wrong at the end, give the number of steps: it is not decided within them.": [
            lambda margin: _never_is(0, margin),
            lambda margin: _never_is(-1, margin),
            lambda margin: _never_is(len(margin) - 1, margin),
        ],
        "A margin of exactly 0 is no answer yet: right means above 0.": lambda margin: _after_last_wrong(
            torch.where(margin == 0, 1.0, margin)
        ),
    },
    solved="From this step on the answer stands, and an answer that is wrong at the end never stood.",
    otherwise="`margin` is [time, images], and each image gets the step after its last wrong one.",
)


def _two_neurons(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    return torch.tensor(rng.normal(size=(2, 288))).float(), torch.tensor(rng.normal(size=2)).float()


check_one_neuron = Exercise(
    right=lambda weight, bias: (weight[1:] - weight[:1], bias[1:] - bias[:1]),
    draw=_two_neurons,
    wrong={
        "A shape is wrong: `nn.Linear(288, 1)` wants weights [1, 288] and a bias [1]. `weight[1:]` keeps the axis, "
        "`weight[1]` drops it.": lambda weight, bias: (weight[1] - weight[0], bias[1:] - bias[:1]),
        "That neuron says the opposite: its potential is v₀ − v₁, above 0 for class 0.":
            lambda weight, bias: (weight[:1] - weight[1:], bias[:1] - bias[1:]),
        "A sum or a mean does not tell which of the two potentials is higher. Take the difference.": [
            lambda weight, bias: (weight.sum(0, keepdim=True), bias[1:] - bias[:1]),
            lambda weight, bias: (weight.mean(0, keepdim=True), bias[1:] - bias[:1]),
        ],
        "Half of the difference gives the right answer, but half of the potential: v₁ − v₀ was asked for.": [
            lambda weight, bias: ((weight[1:] - weight[:1]) / 2, (bias[1:] - bias[:1]) / 2),
            lambda weight, bias: ((weight[1:] - weight[:1]) / 2, bias[1:] - bias[:1]),
        ],
        "Twice row 1 is right only where the rows mirror each other. These may be of any network: use both rows.": [
            lambda weight, bias: (2 * weight[1:], 2 * bias[1:]),
            lambda weight, bias: (-2 * weight[:1], -2 * bias[:1]),
            lambda weight, bias: (2 * weight[1:], bias[1:] - bias[:1]),
        ],
        "The bias is wrong. It is an input like the others, so it is treated the same.": [
            lambda weight, bias: (weight[1:] - weight[:1], bias[1:]),
            lambda weight, bias: (weight[1:] - weight[:1], bias[:1]),
            lambda weight, bias: (weight[1:] - weight[:1], bias[:1] + bias[1:]),
            lambda weight, bias: (weight[1:] - weight[:1], bias[:1] - bias[1:]),
            lambda weight, bias: (weight[1:] - weight[:1], 0 * bias[:1]),
        ],
    },
    tolerance=1e-4,
    solved="v₁ − v₀ at every step, from one neuron and 289 numbers instead of 578.",
    otherwise="The neuron's potential should be v₁ − v₀ at every step. An LI is linear: what holds for v holds for w.",
)
