"""The exercises on deep spiking networks: a pool that spikes, first weights, and dropout that is held over time."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from course_utils.classroom.exercise import Exercise, attempt, tell


def _spiking_pool(
    spikes: Tensor,
    decay: float = 1.0,
    threshold: float = 0.75,
    fires: Callable = torch.gt,
    reset: Callable = lambda u, s: u * (1 - s),
) -> Tensor:
    """The average pool with a threshold and a memory: [time, rows, columns] to half the rows and columns."""
    v, fired = 0.0, []
    for mean in _means(spikes):
        u = decay * v + mean
        s = fires(u, torch.tensor(threshold)).to(u.dtype)
        v = reset(u, s)
        fired.append(s)
    return torch.stack(fired)


def _means(spikes: Tensor) -> Tensor:
    return functional.avg_pool2d(spikes[:, None], 2)[:, 0]


check_spiking_pool = Exercise(
    right=_spiking_pool,
    draw=lambda rng: (torch.tensor(rng.random((20, 2 * rng.integers(1, 4), 4)) < 0.4).float(),),
    wrong={
        "You forget the potential after each step. What stays below the threshold is kept.": {"decay": 0},
        "Three of four spikes make 0.75, and your pool fires. A neuron fires above its threshold, not at it.":
            {"fires": torch.ge},
        "You never reset the potential: one that has fired once goes on firing.": {"reset": lambda u, s: u},
        "You take the threshold away where a neuron fires. Here the potential is set to 0, and the excess is lost.":
            {"reset": lambda u, s: u - 0.75 * s},
        "You take 1 away where a neuron fires. A reset to 0 forgets everything.": {"reset": lambda u, s: u - s},
        "Your pool fires above 1, the threshold of the other neurons. The pool has its own, 0.75.": {"threshold": 1.0},
        "Any single spike gets through: you take the sum or the maximum of the block. Take its mean.":
            lambda spikes: functional.max_pool2d(spikes, 2),
        "Your potential leaks. The pool's neurons keep all of it.": {"decay": 0.5},
        "What leaves the pool are spikes, 0 or 1, not means.": _means,
        "Return [time, rows // 2, columns // 2]; you return what came in.": lambda spikes: spikes,
    },
    solved="The mean of four spikes goes in. Above 0.75 a spike comes out and nothing is left; up to 0.75 it waits.",
    otherwise="Add the mean of the block to the potential, compare with 0.75, reset to 0.",
)


def _first_weights(
    maps_in: int,
    maps_out: int,
    kernel: int,
    k: float,
    count: Callable = lambda i, o, side: i * o * side**2,
    n: Callable = lambda i, o, side: i * side**2,
    deviation: Callable = lambda n, k: math.sqrt(k / n),
) -> tuple[int, float]:
    """How many weights a convolution has, and their standard deviation, by the number n of a neuron's inputs."""
    return count(maps_in, maps_out, kernel), deviation(n(maps_in, maps_out, kernel), k)


check_first_weights = Exercise(
    right=_first_weights,
    cases=[(20, 50, 5, 2.0), (64, 128, 3, 1.0)],
    draw=lambda rng: (*rng.integers(2, 40, 2).tolist(), int(rng.integers(2, 8)), rng.uniform(0.5, 4)),
    wrong={
        "The other way round: first how many weights there are, then their standard deviation.":
            lambda *layer: _first_weights(*layer)[::-1],
        "You counted the weights of one of the maps that go out. Count those of all.":
            {"count": lambda i, o, side: i * side**2},
        "You counted a bias for each of the maps that go out. These layers have none.":
            {"count": lambda i, o, side: i * o * side**2 + o},
        "Each map that goes out has a kernel for each of the maps below, not one for all of them.":
            {"count": lambda i, o, side: o * side**2},
        "A kernel of side 5 has 25 weights, not 5.": {"count": lambda i, o, side: i * o * side},
        "This is the variance k/n. The standard deviation is its root.": {"deviation": lambda n, k: k / n},
        "n is not the number of maps. Each neuron has a window on each of the maps below.":
            {"n": lambda i, o, side: i},
        "n counts the window of one map. A neuron has one on each of the maps below.":
            {"n": lambda i, o, side: side**2},
        "n is the number of inputs of one neuron, not the number of all weights.":
            {"n": lambda i, o, side: i * o * side**2},
        "n counts what goes out. It is what comes in that adds up in a neuron.": {"n": lambda i, o, side: o * side**2},
        "You left out k.": {"deviation": lambda n, k: n**-0.5},
    },
    solved="One kernel for each pair of maps; the deviation falls with the root of what comes in.",
    otherwise="There is one kernel for each pair of maps. From 20 maps with a 5×5 kernel a neuron has n = 500 inputs, "
    "so for k = 2 the deviation is √(k/n) = √(2/500) ≈ 0.0632.",
)


def _held_dropout(
    spikes: Tensor,
    p: float,
    generator: Generator,
    shape: Callable[..., tuple] = lambda time, batch, neurons: (batch, neurons),
    silenced: Callable[[float], float] = lambda p: p,
    count: Callable[[float], float] = lambda p: 1 / (1 - p),
) -> Tensor:
    """Dropout by the shape of its mask, the part that is silenced, and what a spike of the others counts."""
    numbers = torch.rand(shape(*spikes.shape), generator=generator)
    return spikes * (numbers >= silenced(p)) * count(p)


def _grade_held_dropout(held_dropout: Callable[[Tensor, float, Generator], Tensor]) -> None:
    def tried(spikes: Tensor, p: float) -> Tensor:
        return attempt(held_dropout, spikes, p, torch.Generator().manual_seed(0), like=spikes)

    spikes, p = torch.ones(12, 40, 500), 0.25
    found = tried(spikes, p)
    off = found == 0
    share, kept, half = off.double().mean().item(), found[~off], tried(spikes, 0.5)
    tell({
        "All neurons are silenced.": off.all(),
        "No neuron is silenced.": not off.any(),
        "Your mask changes from step to step. Draw it once, for one step, and use it at all of them.":
            (off != off[:1]).any(),
        "All samples of the batch have the same mask. Each needs its own.": (off == off[:, :1]).all(),
        "You silence whole samples. Draw a number for each neuron.": (off == off[:, :, :1]).all(),
        f"You silence {share:.0%}, and p is {p:.0%}: you keep those that should be silent.":
            abs(share - (1 - p)) < 0.02,
        f"You silence {share:.0%} of the neurons; it should be p = {p:.0%}.": abs(share - p) > 0.02,
        "The next layer now gets less than before on average. Those that stay count 1/(1 − p).":
            torch.allclose(kept, torch.ones(())),
    })
    tell({
        f"Those that stay count {kept[0]:.3g} each; it should be 1/(1 − p) = {1 / (1 - p):.3g}.":
            not torch.allclose(kept, torch.tensor(1 / (1 - p))),
        "The same generator gives another mask the second time. Pass generator=generator to torch.rand.":
            not torch.equal(found, tried(spikes, p)),
        "Where no neuron fired, your output is not 0. Multiply the spikes by the mask.": tried(0 * spikes, p).any(),
        "Right for p = 0.25, but not for p = 0.5. Use p, not a number.":
            abs((half == 0).double().mean() - 0.5) > 0.02 or not torch.allclose(half[half != 0], torch.tensor(2.0)),
    })


check_held_dropout = Exercise(
    right=_held_dropout,
    grade=_grade_held_dropout,
    wrong={
        "from step to step": {"shape": lambda time, batch, neurons: (time, batch, neurons)},
        "All samples of the batch have the same mask": {"shape": lambda time, batch, neurons: (neurons,)},
        "You silence whole samples": {"shape": lambda time, batch, neurons: (batch, 1)},
        "you keep those that should be silent": {"silenced": lambda p: 1 - p},
        "it should be p = 25%": {"silenced": lambda p: 0.5},
        "The next layer now gets less": {"count": lambda p: 1},
        "Those that stay count 4 each": {"count": lambda p: 1 / p},
        "The same generator gives another mask":
            lambda spikes, p, generator: _held_dropout(spikes, p, torch.default_generator),
        "Right for p = 0.25": lambda spikes, p, generator: _held_dropout(spikes, 0.25, generator),
        "No neuron is silenced": lambda spikes, p, generator: spikes,
        "yours has the shape [40, 500]": lambda spikes, p, generator: spikes[0],
        "Multiply the spikes by the mask":
            lambda spikes, p, generator: _held_dropout(torch.ones_like(spikes), p, generator),
    },
    solved="One draw for each neuron and sample, and all steps abide by it.",
)


def _staircase(
    x: Tensor,
    height: float,
    levels: int,
    cut: Callable = torch.floor,
    shift: float = 0.5,
    highest: Callable = lambda levels: levels,
    lowest: float = 0.0,
) -> Tensor:
    """The staircase, by how it cuts, where its first step is, and where it ends."""
    return height / levels * cut(levels * x / height + shift).clamp(lowest, highest(levels))


check_staircase = Exercise(
    right=_staircase,
    cases=[(torch.tensor([-1.0, -0.2, 0.1, 0.3, 0.9, 1.3, 1.9, 2.6]), 2.0, 4)],
    draw=lambda rng: (torch.tensor(rng.normal(1, 2, 40)).float(), rng.uniform(1, 4), int(rng.integers(2, 9))),
    wrong={
        "Your first step comes at θ/M. A neuron that starts at half its threshold rounds: add ½ before you cut.":
            {"shift": 0.0},
        "You round up. A neuron that has not reached its threshold has not fired: cut off what is left.":
            {"cut": torch.ceil, "shift": 0.0},
        "Negative currents have negative values in your stairs. A neuron has no spike to take back.":
            {"lowest": -math.inf},
        "Your stairs have no end. T steps hold at most T spikes, so the value is θ at most.":
            {"highest": lambda levels: math.inf},
        "Your stairs end one step too early: all M spikes are possible.": {"highest": lambda levels: levels - 1},
        "You return the number of spikes. The value is their number times θ/M.":
            lambda x, height, levels: _staircase(x, height, levels) * levels / height,
        "You return the part of the steps with a spike. A spike counts θ.":
            lambda x, height, levels: _staircase(x, height, levels) / height,
        "This is the ramp under the stairs. The values are whole numbers of spikes.":
            lambda x, height, levels: x.clamp(0, height),
        "You count steps of height 1. A step is θ/M.":
            lambda x, height, levels: (x + 0.5).floor().clamp(0, levels),
    },
    solved="M + 1 values, evenly spaced from 0 to θ: what M steps can count.",
    otherwise="Divide by the height of one step, θ/M; add ½; cut off; keep 0 to M; multiply by θ/M again.",
)
