"""Lesson 05: checks of its exercises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.spiking import encoders


@check
def check_bipolar(bipolar: Callable[[Tensor, int, torch.Generator], Tensor]) -> str:
    """The bipolar Poisson code: its rates, its signs, its independence."""
    steps, levels = 2000, torch.tensor([-1, -0.5, 0, 0.25, 1])
    values = levels.repeat(20, 1)
    spikes = _spikes(attempt(bipolar, values, steps, _seeded(0)), (steps, *values.shape))
    share = spikes.abs().mean((0, 1))
    if share[1] < 0.01:
        raise NotYet(
            "A value of −0.5 never spikes. A random number from 0 to 1 is never below a negative value: compare it "
            "with the absolute value."
        )
    if share[2] > 0.01:
        raise NotYet(
            f"A value of 0 spikes in {share[2]:.0%} of the steps. In this code zero is silence; do not map −1…1 to a "
            "probability of 0…1."
        )
    if spikes.min() >= 0:
        raise NotYet("Right rates, but the sign is lost: −0.5 and 0.5 make the same spikes. A negative spike is −1.")
    if not set(spikes.unique().tolist()) <= {-1, 0, 1}:
        raise NotYet(
            "A spike is −1 or 1, silence is 0. Multiply the spikes by the sign of the value, not by the value."
        )
    if (spikes == spikes[0]).all():
        raise NotYet("All steps are alike: you drew one random number for each value. Draw a new one at every step.")
    if (spikes == spikes[:, :1]).all():
        raise NotYet("Equal values spike at the same steps. Draw a random number for every value of its own.")
    if (spikes.mean((0, 1)) - levels).abs().max() > 0.02:
        found = ", ".join(f"{mean:.2f}" for mean in spikes.mean((0, 1)))
        raise NotYet(f"The mean of the spikes should be the value itself. For −1, −0.5, 0, 0.25, 1 you get {found}.")
    if not torch.equal(spikes, bipolar(values, steps, _seeded(0))):
        raise NotYet("The same generator state gives other spikes the second time. Draw from `generator`, not past it.")
    return "Rate |v|, sign of v, silence at 0; and the same seed gives the same spikes."


@check
def check_steps_needed(steps_needed: Callable[[float], int]) -> str:
    """Steps of a Poisson code for a wanted standard error."""
    for wanted in (0.07, 0.03, 0.011):
        found, exact = float(attempt(steps_needed, wanted)), 0.25 / wanted**2
        if found == math.ceil(exact):
            continue
        asked = f"For a standard error of {wanted} you return {found:g}. "
        if abs(found - 1 / wanted) <= 1 or abs(found - 0.5 / wanted) <= 1 or abs(found - 0.25 / wanted) <= 1:
            raise NotYet(
                f"{asked}You let the error fall with T. That is the law of counts that are set. Here it falls with √T, "
                "so the wanted error has to be squared."
            )
        if abs(found - 1 / wanted**2) <= 1:
            raise NotYet(asked + "You forgot p(1 − p). Its largest value, at p = ½, is ¼, not 1.")
        if abs(found - 0.5 / wanted**2) <= 1:
            raise NotYet(asked + "Under the root stands p(1 − p), not p: at p = ½ that is ¼.")
        if found == math.floor(exact):
            raise NotYet(asked + "That is just too few: round up, not down.")
        if abs(found - exact) < 1:
            raise NotYet(asked + "Steps are whole numbers: round up.")
        raise NotYet(asked + f"Solve √(p(1 − p)/T) = {wanted} for T at p = ½.")
    return "Half the error costs four times the steps."


@check
def check_input_scale(input_scale: Callable[[float, float], float]) -> str:
    """A scale at which both ends of a range of values can be told from their neighbours."""
    for darkest, brightest in ((0.05, 0.38), (0.1, 0.8), (0.01, 0.09)):
        scale = float(attempt(input_scale, darkest, brightest))
        asked = f"Values from {darkest} to {brightest}, your scale {scale:.3g}: "
        if not 0 <= scale < math.inf:
            raise NotYet(asked + "a scale must be a finite number above 0.")
        low, high = encoders.constant_current(torch.tensor([darkest, brightest]), 50, scale=scale).sum(0).tolist()
        if high == 0:
            raise NotYet(
                f"{asked}not even the brightest pixel fires. A largest value of 1 is good for a probability; a neuron "
                "needs a current above its rheobase."
            )
        if low == 0:
            raise NotYet(
                f"{asked}the darkest pixel never fires. Its current is {scale * darkest:.3g}; within 50 steps it fires "
                "only if that is a little above the rheobase of 1."
            )
        if high == 50:
            raise NotYet(
                f"{asked}the brightest pixel fires at every step, as any brighter one would. Its current is "
                f"{scale * brightest:.3g}; keep it below 10."
            )
    return "The darkest pixel fires, the brightest is not saturated, for all three ranges."


@check
def check_decode(decode: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Values from spike times and a table of what each step is worth."""
    steps = 6
    worth = torch.tensor([0.9, 0.7, 0.6, 0.3, 0.2, 0.1])
    at = torch.tensor([[0, 3, 1], [5, 2, 4]])
    spikes = (torch.arange(steps).reshape(-1, 1, 1) == at).float()
    spikes[:, 1, 2] = 0  # one pixel stays silent
    expected = worth[at] * spikes.sum(0)
    found = attempt(decode, spikes, worth)
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"6 steps of a 2×3 image give one value a pixel, the shape (2, 3). You return {shape}.")
    found = found.float()
    spiked = spikes.sum(0) > 0
    if torch.allclose(found, expected, atol=1e-6):
        return "Every pixel gets the worth of its step, a silent one gets 0."
    if torch.allclose(found[spiked], expected[spiked], atol=1e-6):
        raise NotYet(
            f"Right, but for the pixel that stays silent: you give it {found[~spiked].item():.1f}. `argmax` of nothing "
            "but zeros is 0, the step of the brightest. Who never spikes is worth 0."
        )
    if torch.allclose(found[spiked], worth.flip(0)[at][spiked], atol=1e-6):
        raise NotYet("Bright and dark are exchanged: you read the table from its end. Step 0 belongs to worth[0].")
    if torch.allclose(found[spiked], at[spiked].float()):
        raise NotYet("You return the step. Look up what a spike at this step is worth.")
    if torch.allclose(found, spikes.sum(0)):
        raise NotYet("You count spikes. Here every pixel spikes once; when it does is what tells its value.")
    raise NotYet(f"The pixel that spikes at step 0 should get {worth[0]:.1f}; you give it {found[0, 0]:.3g}.")


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _spikes(found: object, shape: tuple[int, ...]) -> Tensor:
    """What a learner's encoder returned, if it has the right shape."""
    if not isinstance(found, Tensor) or tuple(found.shape) != shape:
        given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise NotYet(f"Time comes first: values of shape {shape[1:]} give spikes of shape {shape}. You return {given}.")
    return found.float()
