"""Lesson 07: checks of its exercises."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check

STEPS_OF_MEMORY = 5  # τ_syn/Δt: a constant input piles up to this multiple


@check
def check_readout_inputs(readout_inputs: Callable[[int, int, int, int, int], int]) -> str:
    """How many numbers enter the linear layer."""
    cases = {
        (16, 4, 2, 2, 1): 288,
        (16, 4, 2, 2, 2): 72,
        (28, 5, 12, 2, 2): 1728,
        (9, 3, 3, 3, 1): 75,
        (16, 4, 3, 2, 2): 108,
    }
    found = {case: attempt(readout_inputs, *case) for case in cases}
    if found == cases:
        return "16 → 13 → 12 pixels a side, and 2 · 12 · 12 = 288."
    got = found[16, 4, 2, 2, 1]
    if got in (144, 12 * 12 * 4):
        raise NotYet("You have the 12 × 12 places of one map. The linear layer sees those of all filters.")
    if got == 12:
        raise NotYet("12 is one side. The maps are squares, and there is one for each filter.")
    if got == 72:
        raise NotYet("72 is right for a pool that moves by its own width. `stride` may be another: here it is 1.")
    if got == 2 * 13 * 13:
        raise NotYet(
            "338 is the hidden layer, before the pool. A pool of 2 with stride 1 takes one more row and column."
        )
    if got == 2 * 11 * 11:
        raise NotYet("A window of K pixels has N − K + 1 places, not N − K: also the first place counts.")
    if got == 2 * 15 * 15:
        raise NotYet(
            "You left out the convolution: it takes 3 rows and columns from the picture before the pool comes."
        )
    if got == 288:
        case = next(case for case in cases if found[case] != cases[case])
        raise NotYet(
            f"Right for stride 1. For {case} (size, kernel, filters, pool, stride) you get {found[case]}, expected are "
            f"{cases[case]}: with stride S the window takes ⌊(N − pool)/S⌋ + 1 places a side."
        )
    raise NotYet(
        f"For a 16 × 16 picture you get {got}. Write down the side after the convolution, then after the pool."
    )


@check
def check_rheobase_bias(rheobase_bias: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The bias that puts the mean current of each map at the rheobase."""
    generator = torch.Generator().manual_seed(0)
    kernels = torch.randn(3, 1, 4, 4, generator=generator)
    rates = torch.rand(20, 1, 16, 16, generator=generator)
    found = attempt(rheobase_bias, kernels, rates)
    if not isinstance(found, Tensor):
        raise NotYet(f"Return a tensor, one number for each map. You return a {type(found).__name__}.")
    if found.shape != (3,):
        raise NotYet(
            f"3 kernels make 3 maps, and each map has one bias: the shape [3]. Yours is {list(found.shape)}. "
            "The mean goes over images, rows and columns: the axes 0, 2 and 3."
        )
    drive = torch.nn.functional.conv2d(rates, kernels).mean((0, 2, 3))
    if torch.allclose(found, 1 / STEPS_OF_MEMORY - drive, atol=1e-4):
        return "Each map now gets, on average, just the current at which a neuron begins to spike."
    fifth = 1 / STEPS_OF_MEMORY
    wrong = {
        "the mean input is then 1, and the current piles up to 5 times the threshold. A constant input x ends as the "
        "current 5x, so x must be a fifth of the threshold.": 1 - drive,
        "you give the rheobase on top of what the kernel brings already. Take the kernel's own mean away.": (
            torch.full_like(drive, fifth)
        ),
        "the sign is the wrong way round: a kernel that holds back needs a larger bias.": drive - fifth,
        "you cancel the kernel's mean input. That leaves the mean current at 0, still below the threshold.": -drive,
        "all of the bias is divided by 5. Only the threshold is: the drive is an input already.": fifth * (1 - drive),
        "the mean over all maps is one number. Each map has a kernel of its own, and needs its own bias.": (
            (fifth - drive.mean()).expand(3)
        ),
    }
    for why, value in wrong.items():
        if torch.allclose(found, value, atol=1e-4):
            raise NotYet(f"Look again: {why}")
    mean_current = (STEPS_OF_MEMORY * (drive + found)).tolist()
    raise NotYet(
        "With your biases the mean currents of three maps are "
        + ", ".join(f"{current:.2f}" for current in mean_current)
        + "; each should be 1, the threshold."
    )


@check
def check_decision_step(decision_step: Callable[[Tensor], Tensor]) -> str:
    """The first step from which on the margin stays above 0."""
    margin = torch.tensor(
        [
            [-1.0, 1.0, 1.0, -1.0, 0.0, 1.0],
            [-1.0, 1.0, -1.0, -1.0, 0.0, 1.0],
            [1.0, 1.0, 1.0, -1.0, 1.0, 1.0],
            [1.0, 1.0, -1.0, -1.0, 1.0, 1.0],
            [1.0, 1.0, 1.0, -1.0, 1.0, -1.0],
        ]
    )
    expected = torch.tensor([2, 0, 4, 5, 2, 5])
    found = attempt(decision_step, margin)
    if not isinstance(found, Tensor) or found.shape != (6,):
        raise NotYet("For a margin of the shape [time, images] return a tensor with one step for each image.")
    found = found.long()
    if torch.equal(found, expected):
        return "From this step on the answer stands, and an answer that is wrong at the end never stood."
    first = (margin > 0).int().argmax(0)
    if torch.equal(found, first):
        raise NotYet(
            "You give the first step at which the answer is right. It may change its mind later: the third image is "
            "right at step 0, wrong at step 3. Asked for is the step from which on it *stays* right."
        )
    if torch.equal(found, (margin > 0).sum(0)) or torch.equal(found, (margin <= 0).sum(0)):
        raise NotYet("You count steps. The third image is wrong only once, but late: where is its last wrong step?")
    if torch.equal(found, expected - 1):
        raise NotYet("You give the last wrong step. The answer stands one step later.")
    if found[3] != 5:
        raise NotYet(
            f"The fourth image is never right; for it you give {found[3]}. Give the number of steps, 5, which says: "
            "not within the time there was."
        )
    if found[4] != 2:
        raise NotYet("A margin of exactly 0 is no answer yet: right means above 0.")
    wrong = next(i for i in range(6) if found[i] != expected[i])
    raise NotYet(f"For the margin {margin[:, wrong].tolist()} you give {found[wrong]}, expected is {expected[wrong]}.")


@check
def check_one_neuron(one_neuron: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Weights and bias of the neuron that replaces two."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(2, 288, generator=generator), torch.randn(2, generator=generator)
    found = attempt(one_neuron, weight, bias)
    if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(part, Tensor) for part in found):
        raise NotYet("Return two tensors: the weights of the one neuron, and its bias.")
    w, b = found
    if w.flatten().shape != (288,) or b.flatten().shape != (1,):
        raise NotYet(
            f"One neuron with 288 inputs has weights [1, 288], a bias [1]. Yours: {list(w.shape)} and {list(b.shape)}."
        )
    difference = weight[1] - weight[0]
    if torch.allclose(w.flatten(), -difference):
        raise NotYet(
            "That neuron says the opposite: it rises for class 0. Its potential should be above 0 for class 1, so take "
            "w₁ − w₀."
        )
    if torch.allclose(w.flatten(), weight.sum(0)) or torch.allclose(w.flatten(), weight.mean(0)):
        raise NotYet("The two traces mirror each other: their sum is nearly 0 and says nothing. Take the difference.")
    if not torch.allclose(w.flatten(), difference):
        raise NotYet(
            "The neuron's potential should be v₁ − v₀ at every step. An LI is linear: what holds for v holds for w."
        )
    if not torch.allclose(b.flatten(), (bias[1] - bias[0]).reshape(1)):
        raise NotYet(
            "The weights are right, the bias is not. It is an input like the others, so it is treated the same."
        )
    if w.shape != (1, 288) or b.shape != (1,):
        raise NotYet(
            f"The numbers are right. `nn.Linear(288, 1)` wants the shapes [1, 288] and [1]; yours are "
            f"{list(w.shape)} and {list(b.shape)}. `weight[1:]` keeps the axis, `weight[1]` drops it."
        )
    return "v₁ − v₀ at every step, from one neuron and 289 numbers instead of 578."
