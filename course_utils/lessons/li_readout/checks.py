"""Exercises of the lesson on the LI readout."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from course_utils.classroom.exercise import Exercise, tensors


def _inputs(
    size: int, kernel: int, filters: int, pool: int, stride: int, *,
    side: Callable = lambda c, p, s: (c - p) // s + 1, maps: Callable = lambda filters, side: filters * side**2,
) -> int:  # fmt: skip
    """Inputs of the readout; `side` makes of c places a side those after a pool of p with the stride s."""
    return maps(filters, side(size - kernel + 1, pool, stride))


check_readout_inputs = Exercise(
    right=_inputs,
    cases=[(16, 4, 2, 2, 1), (16, 4, 2, 2, 2), (28, 5, 12, 2, 2), (9, 3, 3, 3, 1), (16, 4, 3, 2, 2)],
    draw=lambda rng: tuple(map(int, rng.integers((12, 2, 3, 2, 1), (40, 6, 9, 4, 4)))),
    wrong={
        "You have the places of one map. The linear layer sees those of all filters.":
            [lambda n, k, f, p, s: _inputs(n, k, 1, p, s), lambda n, k, f, p, s: _inputs(n, k, 1, p, 1)],
        "That is one side. The maps are squares, and there is one for each filter.":
            [{"maps": lambda f, side: side}, {"maps": lambda f, side: side, "side": lambda c, p, s: c - p + 1}],
        "The maps are squares: you took their side in the place of their area.": {"maps": lambda f, side: f * side},
        "Right for a pool that moves by its own width. `stride` may be another.": {"side": lambda c, p, s: c // p},
        "That is the hidden layer, before the pool. A pool of 2 with stride 1 takes one more row and column.":
            {"side": lambda c, p, s: c},
        "A window of K pixels has N − K + 1 places, not N − K: also the first place counts.":
            [{"side": lambda c, p, s: (c - 1 - p) // s + 1}, {"side": lambda c, p, s: (c - p) // s},
             {"side": lambda c, p, s: (c - 1 - p) // s}, {"side": lambda c, p, s: c - p}],
        "A window that sticks out has no place: round down.":
            [{"side": lambda c, p, s: -(-(c - p) // s) + 1}, {"side": lambda c, p, s: (c - p) / s + 1}],
        "You left out the convolution: it takes K − 1 rows and columns from the picture before the pool comes.":
            [lambda n, k, f, p, s: _inputs(n, 1, f, p, s), lambda n, k, f, p, s: _inputs(n, 1, f, p, 1)],
        "Right for stride 1. With stride S the window takes ⌊(N − pool)/S⌋ + 1 places a side.":
            {"side": lambda c, p, s: c - p + 1},
    },
    solved="16 → 13 → 12 pixels a side, and 2 · 12 · 12 = 288.",
    otherwise="Write down the side after the convolution, then after the pool.",
)  # fmt: skip


def _bias(kernels: Tensor, rates: Tensor, *, of: Callable = lambda drive: 1 / 5 - drive) -> Tensor:
    """The bias of each map, made of the mean input that its kernel brings."""
    return of(conv2d(rates, kernels).mean((0, 2, 3)))


check_rheobase_bias = Exercise(
    right=_bias,
    draw=lambda rng: tensors(rng.normal(size=(3, 1, 4, 4)), rng.random((4, 1, 16, 16))),
    wrong={
        "The mean input is then 1, and the current piles up to 5 times the threshold. A constant input x ends as the "
        "current 5x, so x must be a fifth of the threshold.": {"of": lambda drive: 1 - drive},
        "You give the rheobase on top of what the kernel brings already. Take the kernel's own mean away.":
            {"of": lambda drive: torch.full((3,), 1 / 5)},
        "The sign is the wrong way round: a kernel that holds back needs a larger bias.":
            {"of": lambda drive: drive - 1 / 5},
        "You add the kernel's mean input once more. Take it away.": {"of": lambda drive: 1 / 5 + drive},
        "You cancel the kernel's mean input. That leaves the mean current at 0, still below the threshold.":
            {"of": torch.neg},
        "You multiplied the drive by 5. The bias piles up 5 times, too: 5 · (drive + bias) = 1. Divide both sides by "
        "5, and the drive stands there once.":
            [{"of": lambda drive: 1 / 5 - 5 * drive}, {"of": lambda drive: 1 - 5 * drive}],
        "All of the bias is divided by 5. Only the threshold is: the drive is an input already.":
            {"of": lambda drive: (1 - drive) / 5},
        "The mean over all maps is one number. Each map has a kernel of its own, and needs a bias of its own.":
            [{"of": lambda drive: (1 / 5 - drive.mean()).repeat(3)}, {"of": lambda drive: 1 / 5 - drive.mean()}],
    },
    tolerance=1e-4,
    solved="Each map now gets, on average, just the current at which a neuron begins to spike.",
    otherwise="The mean current of each map, 5 · (drive + bias), should be 1, the threshold.",
)  # fmt: skip


def _stands_from(margin: Tensor, *, never: int | None = None) -> Tensor:
    """The step after the last one that is wrong, for margins [time, images], or `never` if that would be the end."""
    steps = torch.arange(len(margin))[:, None]
    found = torch.where(margin > 0, 0, steps + 1).amax(0)
    return found if never is None else torch.where(found == len(margin), never, found)


_MARGINS = [-1, -1, 1, 1, 1], [1, 1, 1, 1, 1], [1, -1, 1, -1, 1], [-1] * 5, [0, 0, 1, 1, 1], [1, 1, 1, 1, -1]
check_decision_step = Exercise(
    right=_stands_from,
    cases=[(torch.tensor(_MARGINS).float().T,)],
    draw=lambda rng: tensors(rng.choice((-0.5, 0.0, 1.0, 2.0), size=(7, 5))),
    wrong={
        "You give the first step at which the answer is right. It may change its mind later: with the margins 1, −1, 1 "
        "it is right at step 0, wrong at step 1. Return the step from which on it *stays* right.":
            lambda margin: (margin > 0).int().argmax(0),
        "You count steps. An image may be wrong only once, but late: where is its last wrong step?":
            [lambda margin: (margin > 0).sum(0), lambda margin: (margin <= 0).sum(0)],
        "You give the last wrong step. The answer stands one step later.":
            [lambda margin: _stands_from(margin) - 1, lambda margin: (_stands_from(margin) - 1).clamp(min=0)],
        "For an image that is wrong at the end, give the number of steps: it is not decided within them.":
            [{"never": 0}, {"never": -1}, lambda margin: _stands_from(margin, never=len(margin) - 1)],
        "A margin of exactly 0 is no answer yet: right means above 0.": lambda margin: _stands_from(margin + 1e-9),
    },
    solved="From this step on the answer stands, and an answer that is wrong at the end never stood.",
    otherwise="`margin` is [time, images], and each image gets the step after its last wrong one.",
)  # fmt: skip


def _difference(
    weight: Tensor, bias: Tensor, *, of_weights: Callable = torch.sub, of_biases: Callable = torch.sub
) -> tuple[Tensor, Tensor]:
    """A neuron's weights and bias from those of two, each made of row 1 and row 0."""
    return of_weights(weight[1:], weight[:1]), of_biases(bias[1:], bias[:1])


check_one_neuron = Exercise(
    right=_difference,
    draw=lambda rng: tensors(rng.normal(size=(2, 288)), rng.normal(size=2)),
    wrong={
        "A shape is wrong: `nn.Linear(288, 1)` wants weights [1, 288] and a bias [1]. `weight[1:]` keeps the axis, "
        "`weight[1]` drops it.": {"of_weights": lambda one, zero: (one - zero)[0]},
        "That neuron says the opposite: its potential is v₀ − v₁, above 0 for class 0.":
            {"of_weights": torch.rsub, "of_biases": torch.rsub},
        "A sum or a mean does not tell which of the two potentials is higher. Take the difference.":
            [{"of_weights": torch.add}, {"of_weights": lambda one, zero: (one + zero) / 2}],
        "Half of the difference gives the right answer, but half of the potential: v₁ − v₀ was asked for.": [
            {"of_weights": lambda one, zero: (one - zero) / 2, "of_biases": lambda one, zero: (one - zero) / 2},
            {"of_weights": lambda one, zero: (one - zero) / 2},
        ],
        "Twice row 1 is right only where the rows mirror each other. These may be of any network: use both rows.": [
            {"of_weights": lambda one, zero: 2 * one, "of_biases": lambda one, zero: 2 * one},
            {"of_weights": lambda one, zero: -2 * zero, "of_biases": lambda one, zero: -2 * zero},
            {"of_weights": lambda one, zero: 2 * one},
        ],
        "The bias is wrong. It is an input like the others, so it is treated the same.":
            [{"of_biases": lambda one, zero: one}, {"of_biases": lambda one, zero: zero}, {"of_biases": torch.add},
             {"of_biases": torch.rsub}, {"of_biases": lambda one, zero: 0 * one}],
    },
    tolerance=1e-4,
    solved="v₁ − v₀ at every step, from one neuron and 289 numbers instead of 578.",
    otherwise="The neuron's potential should be v₁ − v₀ at every step. An LI is linear: what holds for v holds for w.",
)  # fmt: skip

_LOST = {"A": "threshold", "B": "readout", "C": "linear layer"}
check_where_lost = Exercise(
    right=_LOST,
    wrong={
        "Its hidden spikes have a gradient and its kernels have none. What stands between the two?":
            _LOST | {"A": "readout"},
        "Already its potentials have none. What turns potentials into scores?": _LOST | {"B": "threshold"},
        "Its potentials have a gradient and its hidden spikes have none. What stands between the two?":
            _LOST | {"C": "threshold"},
    },
    solved="A gradient is lost in the part before the first 0.",
)  # fmt: skip
