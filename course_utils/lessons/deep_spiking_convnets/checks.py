"""Lesson 12: checks of its exercises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.spiking.layers import SpikingAvgPool


@check
def check_spiking_pool(spiking_pool: Callable[[Tensor], Tensor]) -> str:
    """The average pool with a threshold of 0.75 and a memory: [time, rows, columns] to half the rows and columns."""
    corner = torch.zeros(6, 4, 4)
    corner[0, :2, :2] = torch.tensor([[1.0, 0], [1, 0]])  # half of a block, in two steps
    corner[1, :2, :2] = torch.tensor([[0.0, 1], [1, 0]])
    corner[2, :2, 2:] = 1  # a whole block at once, then a quarter at each of three steps
    corner[3:, 0, 3] = 1
    corner[4, 2:, :2] = torch.tensor([[1.0, 1], [1, 0]])  # three quarters: not above the threshold
    corner[0, 2:, 2:] = torch.tensor([[1.0, 1], [1, 0]])  # the same, and half a block after it
    corner[1, 2:, 2:] = torch.tensor([[1.0, 0], [1, 0]])
    found = attempt(spiking_pool, corner)
    if not isinstance(found, Tensor) or found.shape != (6, 2, 2):
        raise NotYet("Return a tensor [time, rows // 2, columns // 2]. `torch.stack` makes one of a list.")
    found = found.float()
    if bool(((found != 0) & (found != 1)).any()):
        raise NotYet("Some of your outputs are neither 0 nor 1. What leaves the pool are spikes, not means.")
    mistakes = {
        "You forget the potential after each step. What stays below the threshold is carried over.": _pool(corner, 0.0),
        "Three of four spikes make 0.75, and your pool fires. A neuron fires above its threshold, not at it.": (
            _pool(corner, 1.0, at_threshold=True)
        ),
        "You never reset the potential: one that has fired once goes on firing.": _pool(corner, 1.0, reset="none"),
        "You take the threshold away where a neuron fires. Here the potential is set to 0, and the excess is lost.": (
            _pool(corner, 1.0, reset="subtract")
        ),
        "Your pool fires above 1, the threshold of the other neurons. The pool has its own, 0.75.": (
            _pool(corner, 1.0, threshold=1.0)
        ),
        "Any single spike gets through: you take the sum or the maximum of the block. Take its mean.": (
            _pool(corner, 1.0, threshold=0.1875)  # three quarters of a quarter
        ),
        "Your potential leaks. The pool's neurons keep all of it.": _pool(corner, 0.5),
    }
    right = _pool(corner, 1.0)
    if torch.equal(found, right):
        second = (torch.rand(40, 6, 8, generator=torch.Generator().manual_seed(0)) < 0.4).float()
        if not torch.equal(attempt(spiking_pool, second).float(), _pool(second, 1.0)):
            other = attempt(spiking_pool, second).float()
            if torch.equal(other, _pool(second, 1.0, reset="subtract")):
                raise NotYet("You take the threshold away where a neuron fires. Here the potential is set to 0.")
            raise NotYet("Right for six steps of 4×4, but not for 40 steps of 6×8. Does a reset forget everything?")
        return "The mean of four spikes goes in. Above 0.75 a spike comes out, nothing is left; up to 0.75 it waits."
    for message, wrong in mistakes.items():
        if torch.equal(found, wrong):
            raise NotYet(message)
    step, row, column = (found != right).nonzero()[0].tolist()
    raise NotYet(
        f"At [{step}, {row}, {column}] your pool says {found[step, row, column]:.0f}; it should be "
        f"{right[step, row, column]:.0f}. Add the mean of the block to the potential, compare with 0.75, reset to 0."
    )


def _pool(
    spikes: Tensor, leak: float, *, threshold: float = 0.75, at_threshold: bool = False, reset: str = "zero"
) -> Tensor:
    """The pool, also with the usual mistakes; without them it is `SpikingAvgPool`."""
    if (leak, threshold, at_threshold, reset) == (1.0, 0.75, False, "zero"):
        return SpikingAvgPool()(spikes[:, None, None])[:, 0, 0]
    v, fired = 0.0, []
    for now in torch.nn.functional.avg_pool2d(spikes[:, None], 2)[:, 0]:
        u = leak * v + now
        s = (u >= threshold if at_threshold else u > threshold).float()
        v = {"zero": u * (1 - s), "none": u, "subtract": u - threshold * s}[reset]
        fired.append(s)
    return torch.stack(fired)


@check
def check_first_weights(first_weights: Callable[[int, int, int, float], tuple[int, float]]) -> str:
    """How many weights a convolution without biases has, and the standard deviation of the first ones."""
    found = attempt(first_weights, 20, 50, 5, 2.0)
    numbers = isinstance(found, tuple | list) and all(isinstance(value, int | float | Tensor) for value in found)
    if not numbers or len(found) != 2:
        raise NotYet("Return two numbers: how many weights there are, and their standard deviation.")
    count, deviation = found
    if math.isclose(deviation, 25_000):
        raise NotYet("The other way round: first how many weights there are, then their standard deviation.")
    mistakes = {
        500: "These are the inputs of one neuron of one map. There are 50 such maps.",
        25_050: "You counted a bias for each of the 50 maps. These layers have none.",
        1_250: "Each of the 50 maps has a kernel for each of the 20 maps below, not one for all of them.",
        5_000: "A kernel of side 5 has 25 weights, not 5.",
    }
    if count in mistakes:
        raise NotYet(mistakes[count])
    if count != 25_000:
        raise NotYet(f"From 20 maps to 50 with a 5×5 kernel you count {count} weights. It is one kernel for each pair.")
    inputs = 20 * 25
    mistakes = {
        2 / inputs: "This is the variance k/n. The standard deviation is its root.",
        math.sqrt(2 / 20): "n is not the number of maps. Each neuron has a 5×5 window on each of the 20 maps below.",
        math.sqrt(2 / 25): "n counts the window of one map. A neuron has one on each of the 20 maps below.",
        math.sqrt(2 / 25_000): "n is the number of inputs of one neuron, not the number of all weights.",
        math.sqrt(2 / (50 * 25)): "n counts what goes out, 50 maps. It is what comes in that adds up in a neuron.",
        math.sqrt(1 / inputs): "You left out k, which is 2 here.",
    }
    for wrong, message in mistakes.items():
        if math.isclose(deviation, wrong, rel_tol=1e-3):
            raise NotYet(message)
    if not math.isclose(deviation, math.sqrt(2 / inputs), rel_tol=1e-3):
        raise NotYet(f"A neuron here has n = 500 inputs, so √(k/n) = √(2/500) ≈ 0.0632. You say {deviation:.4g}.")
    count, deviation = attempt(first_weights, 64, 128, 3, 1.0)
    if count != 73_728 or not math.isclose(deviation, math.sqrt(1 / 576), rel_tol=1e-3):
        raise NotYet("Right for LeNet5's second convolution, but not for 64 → 128 maps, 3×3, k = 1.")
    return "One kernel for each pair of maps; the deviation falls with the root of what comes in."


@check
def check_held_dropout(held_dropout: Callable[[Tensor, float, torch.Generator], Tensor]) -> str:
    """Dropout with one mask over all steps, for spikes [time, batch, neurons]."""
    spikes, p = torch.ones(12, 40, 500), 0.25
    found = attempt(held_dropout, spikes.clone(), p, torch.Generator().manual_seed(0))
    if not isinstance(found, Tensor) or found.shape != spikes.shape:
        raise NotYet("Return a tensor of the shape of `spikes`, [time, batch, neurons].")
    off = found == 0
    if not off.any():
        raise NotYet("Nobody is silenced.")
    if not torch.equal(off, off[:1].expand_as(off)):
        raise NotYet("Your mask changes from step to step. Draw it once, for one step, and use it at all of them.")
    if torch.equal(off[0], off[0, :1].expand_as(off[0])):
        raise NotYet("All samples of the batch have the same mask. Each needs its own.")
    if torch.equal(off[0], off[0, :, :1].expand_as(off[0])):
        raise NotYet("You silence whole samples. Draw a number for each neuron.")
    share = off.double().mean().item()
    if abs(share - (1 - p)) < 0.02:
        raise NotYet(f"You silence {share:.0%}, and p is {p:.0%}: you keep those that should be silent.")
    if abs(share - p) > 0.02:
        raise NotYet(f"You silence {share:.0%} of the neurons; it should be p = {p:.0%}.")
    kept = found[~off]
    if torch.allclose(kept, torch.ones(())):
        raise NotYet("The next layer now gets less than before on average. Those who stay count 1/(1 − p).")
    if not torch.allclose(kept, torch.tensor(1 / (1 - p))):
        raise NotYet(f"Those who stay count {kept[0]:.3g} each; it should be 1/(1 − p) = {1 / (1 - p):.3g}.")
    again = attempt(held_dropout, spikes, p, torch.Generator().manual_seed(0))
    if not torch.equal(found, again):
        raise NotYet("The same generator gives another mask the second time. Pass generator=generator to torch.rand.")
    quiet = attempt(held_dropout, 0 * spikes, p, torch.Generator().manual_seed(0))
    if quiet.any():
        raise NotYet("Where no neuron fired, your output is not 0. Multiply the spikes by the mask.")
    other = attempt(held_dropout, spikes.clone(), 0.5, torch.Generator().manual_seed(0))
    if abs((other == 0).double().mean() - 0.5) > 0.02 or not torch.allclose(other[other != 0], torch.tensor(2.0)):
        raise NotYet("Right for p = 0.25, but not for p = 0.5. Use p, not a number.")
    return "One draw for each neuron and sample, and all steps abide by it."
