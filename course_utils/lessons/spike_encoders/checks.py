"""Exercises of the lesson on spike encoders."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise, attempt, shown, tell, tensors
from course_utils.spiking import encoders


def _grade_bipolar(bipolar: Callable[[Tensor, int, torch.Generator], Tensor]) -> None:
    """The bipolar Poisson code: its rates, its signs, its independence."""
    steps, levels = 2000, torch.tensor([-1, -0.5, 0, 0.25, 1])
    arguments = levels.repeat(20, 1), steps, torch.Generator().manual_seed(0)
    spikes = torch.as_tensor(attempt(bipolar, *arguments)).float()
    tell({f"Time comes first: values of shape (20, 5) give spikes of shape ({steps}, 20, 5). You return "
          f"{tuple(spikes.shape)}.": spikes.shape != (steps, 20, 5)})  # fmt: skip
    share, mean, again = spikes.abs().mean((0, 1)), spikes.mean((0, 1)), torch.as_tensor(attempt(bipolar, *arguments))
    tell({
        "A value of −0.5 never spikes. A random number from 0 to 1 is never below a negative value: compare it with "
        "the absolute value.": share[1] < 0.01,
        f"A value of 0 spikes in {share[2]:.0%} of the steps. In this code zero is silence; do not map −1…1 to a "
        "probability of 0…1.": share[2] > 0.01,
        "The sign is lost: −0.5 and 0.5 make the same spikes. A negative spike is −1.": spikes.min() >= 0,
        "A spike is −1 or 1, silence is 0. Multiply the spikes by the sign of the value, not by the value.":
            not set(spikes.unique().tolist()) <= {-1, 0, 1},
        "All steps are alike: draw a new random number for each value at every step.": (spikes == spikes[0]).all(),
        "Equal values spike at the same steps. Draw a number for each of them.": (spikes == spikes[:, :1]).all(),
        f"The mean of the spikes should be the value itself: for {shown(levels)} you get {shown(mean)}.":
            not (mean - levels).abs().max() <= 0.02,
        "The same generator state gives other spikes the second time. Draw from `generator`, not past it.":
            not torch.equal(spikes, again.float()),
    })  # fmt: skip


check_bipolar = Exercise(
    right=encoders.bipolar_poisson,
    grade=_grade_bipolar,
    wrong={
        "never spikes": lambda v, steps, g: torch.rand(steps, *v.shape, generator=g) < v,
        "zero is silence": lambda v, steps, g: torch.rand(steps, *v.shape, generator=g) < (v + 1) / 2,
        "The sign is lost": lambda v, steps, g: encoders.poisson(v.abs(), steps, g),
        "not by the value": lambda v, steps, g: encoders.poisson(v.abs(), steps, g) * v,
        "All steps are alike": lambda v, steps, g: encoders.bipolar_poisson(v, 1, g).expand(steps, *v.shape),
        "Equal values spike at the same steps":
            lambda v, steps, g: (torch.rand(steps, 1, 1, generator=g) < v.abs()) * v.sign(),
        "mean of the spikes": lambda v, steps, g: encoders.bipolar_poisson(v / 2, steps, g),
        "Draw from `generator`": lambda v, steps, g: encoders.bipolar_poisson(v, steps),
        "Time comes first": [lambda v, steps, g: encoders.bipolar_poisson(v, 3, g),
                             lambda v, steps, g: encoders.bipolar_poisson(v, steps, g).movedim(0, -1)],
    },
    solved="Rate |v|, sign of v, silence at 0; and the same seed gives the same spikes.",
)


def _rounded(*steps: Callable[[float], float]) -> list[Callable[[float], float]]:
    """These formulas, and the same with their results rounded up and down."""
    return [lambda error, f=f, r=r: r(f(error)) for f in steps for r in (math.ceil, math.floor, float)]


check_steps_needed = Exercise(
    right=lambda standard_error: math.ceil(0.25 / standard_error**2),
    cases=[(0.07,), (0.03,), (0.011,), (0.25,)],
    draw=lambda rng: (rng.uniform(0.005, 0.1),),
    wrong={
        "You let the error fall with T. It falls with √T, so the wanted error has to be squared.":
            _rounded(*(lambda error, share=share: share / error for share in (1, 0.5, 0.25))),
        "You forgot p(1 − p). Its largest value, at p = ½, is ¼, not 1.": _rounded(lambda error: 1 / error**2),
        "Under the root stands p(1 − p), not p: at p = ½ that is ¼.": _rounded(lambda error: 0.5 / error**2),
        "That is just too few: round up, not down.": lambda error: math.floor(0.25 / error**2),
        "Steps are whole numbers: round up.": lambda error: 0.25 / error**2,
        "Right unless the steps come out whole: for an error of 0.25 exactly 4 are enough. `math.ceil` knows.":
            lambda error: math.floor(0.25 / error**2) + 1,
        "Rounding to the nearest number is sometimes just too few: round up.": lambda error: round(0.25 / error**2),
    },
    solved="Half the error costs four times the steps.",
    otherwise="At p = ½ solve √(p(1 − p)/T) = standard_error for T.",
)


def _grade_scale(input_scale: Callable[[float, float], float]) -> None:
    """A scale at which both ends of a range of values can be told from their neighbours."""
    for darkest, brightest in ((0.05, 0.38), (0.1, 0.8), (0.01, 0.09)):
        scale = attempt(input_scale, darkest, brightest, like=1.0)
        begin = f"Values from {darkest} to {brightest}, your scale {scale:.3g}: "
        tell({begin + "a scale must be a finite number above 0.": not 0 <= scale < math.inf})
        low, high = encoders.constant_current(torch.tensor([darkest, brightest]), 50, scale=scale).sum(0).tolist()
        tell({
            f"{begin}not even the brightest pixel fires. Its current is {scale * brightest:.3g}; a neuron needs more "
            "than its rheobase of 1.": high == 0,
            f"{begin}the darkest pixel never fires. Its current is {scale * darkest:.3g}; within 50 steps it fires "
            "only if that is a little above the rheobase of 1.": low == 0,
            f"{begin}the brightest pixel fires at every step, as any brighter one would. Its current is "
            f"{scale * brightest:.3g}; keep it below 10.": high == 50,
        })  # fmt: skip


check_input_scale = Exercise(
    right=lambda darkest, brightest: math.sqrt((1 / darkest) * (10 / brightest)),
    grade=_grade_scale,
    wrong={
        "not even the brightest": lambda darkest, brightest: 1 / brightest,
        "the darkest pixel never fires": lambda darkest, brightest: 1 / darkest,
        "brightest pixel fires at every step": lambda darkest, brightest: 40,
        "keep it below 10": lambda darkest, brightest: 10 / brightest,
        "above 0": lambda darkest, brightest: -20,
    },
    solved="The darkest pixel fires, the brightest is not saturated, for all three ranges.",
)


def _spikes_and_worth(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """At most one spike for each pixel of a small image, about every fifth pixel silent, and a table of worths."""
    spikes = (np.arange(6).reshape(-1, 1, 1) == rng.integers(6, size=(2, 3))) & (rng.random((2, 3)) < 0.8)
    return tensors(spikes.astype(float), -np.sort(-rng.uniform(0.05, 1, 6)))


check_decode = Exercise(
    right=lambda spikes, worth: (spikes * worth.reshape(-1, 1, 1)).sum(0),
    draw=_spikes_and_worth,
    wrong={
        "Right but for a pixel that stays silent: `argmax` of nothing but zeros is 0, the step of the brightest. A "
        "pixel that never spikes is worth 0.": lambda spikes, worth: worth[spikes.argmax(0)],
        "Bright and dark are exchanged: you read the table from its end. Step 0 belongs to worth[0].": [
            lambda spikes, worth: (spikes * worth.flip(0).reshape(-1, 1, 1)).sum(0),
            lambda spikes, worth: worth.flip(0)[spikes.argmax(0)],
        ],
        "You return the step. Look up what a spike at this step is worth.": lambda spikes, worth: spikes.argmax(0),
        "You count spikes. Here no pixel spikes twice; *when* it spikes tells its value.":
            lambda spikes, worth: spikes.sum(0),
        "You average over the steps, which divides by their number. Add up: only one term of each pixel is not 0.":
            lambda spikes, worth: (spikes * worth.reshape(-1, 1, 1)).mean(0),
        "6 steps of a 2×3 image give one value for each pixel, the shape (2, 3).":
            lambda spikes, worth: spikes * worth.reshape(-1, 1, 1),
        "`spikes` is [time, row, column] and `worth` is [time], so PyTorch lines up `worth` with the columns. Reshape "
        "it to [time, 1, 1]: `worth.reshape(-1, 1, 1)`.": [
            lambda spikes, worth: (spikes * worth).sum(0), lambda spikes, worth: (worth * spikes).sum(0),
        ],
    },
    solved="Every pixel gets the worth of its step, a silent one gets 0.",
    otherwise="A pixel that spikes at step t should get worth[t], one that never spikes 0.",
)
