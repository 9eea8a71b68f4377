"""Lesson 11: checks of its exercises."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.spiking import surrogates


@check
def check_triangle_slope(triangle_slope: Callable[[Tensor, float, float], Tensor]) -> str:
    """σ' of a triangle of width γ and height β."""
    x = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    found = attempt(triangle_slope, x, 2.0, 0.5)
    if not isinstance(found, Tensor) or found.shape != x.shape:
        raise NotYet("Return a tensor with one slope for each entry of x.")
    found = found.to(x.dtype)
    mistakes = {
        "Far from the threshold your slope is negative: there the error would flow back with the wrong sign. Cut it "
        "off at 0.": 0.5 * (1 - x.abs() / 2),
        "Below the threshold your slope is larger than at it. Take |x|, not x.": 0.5 * (1 - x / 2).clamp(min=0),
        "Below the threshold your slope is β everywhere. Take |x|, not x.": 0.5 * (1 - x / 2).clamp(0, 1),
        "Your triangle has height 1, whatever β is.": (1 - x.abs() / 2).clamp(min=0),
        "Your triangle is β wide and γ high. γ is the width.": 2.0 * (1 - x.abs() / 0.5).clamp(min=0),
        "For γ = 2 and β = 0.5 your triangle ends at −1 and 1, at γ/2. It should end at γ, which is half its base; β "
        "multiplies all of it.": 0.5 * (1 - x.abs()).clamp(min=0),
        "This is a box: the same slope everywhere between −γ and γ.": 0.5 * (x.abs() < 2).to(x.dtype),
    }
    for message, wrong in mistakes.items():
        if torch.allclose(found, wrong, atol=1e-6):
            raise NotYet(message)
    if not torch.allclose(found, surrogates.triangle(2.0, 0.5).slope(x), atol=1e-6):
        raise NotYet(
            f"For γ = 2 and β = 0.5 your slopes at {x.tolist()} are {found.tolist()}. At x = 0 it is β; it falls on "
            "straight lines to 0 at x = −γ and x = γ."
        )
    x = torch.linspace(-2, 2, 42).reshape(2, 3, 7)
    found = attempt(triangle_slope, x, 0.3, 1.7)
    if not isinstance(found, Tensor) or found.shape != x.shape:
        raise NotYet("Right for one row of numbers, but x may have any shape.")
    found = found.to(x.dtype)
    if not torch.allclose(found, surrogates.triangle(0.3, 1.7).slope(x), atol=1e-6):  # near the ends rounding is all
        raise NotYet("Right for γ = 2 and β = 0.5, but not for γ = 0.3 and β = 1.7.")
    return "β at the threshold, nothing beyond γ."


@check
def check_balanced_height(balanced_height: Callable[[list[float], float], float]) -> str:
    """The height at which the first layer's error is as large as the last one's."""
    norms, height = [48.0, 24.0, 12.0, 6.0], 1.0  # four layers, three ways between them: a factor 2 in each
    found = float(attempt(balanced_height, norms, height))
    mistakes = {
        "You found the height that would let the error grow even faster. It grows by 2 a layer, so the height must "
        "shrink.": 2.0,
        "This would be right if all layers together multiplied by β once. Each of them does: take a root.": 1 / 8,
        "You took the fourth root: one for each layer. Between four layers there are only three.": 8 ** (-1 / 4),
        "You took the fifth root. Between four layers the error makes three ways.": 8 ** (-1 / 5),
        "You halved the exponent, as for squared norms. These norms are not squared.": 8 ** (-1 / 6),
    }
    for message, wrong in mistakes.items():
        if abs(found - wrong) < 1e-6:
            raise NotYet(message)
    if abs(found - 0.5) > 1e-6:
        raise NotYet(f"From the last layer to the first the norm grows from 6 to 48 in three ways. You say {found:g}.")
    second = float(attempt(balanced_height, [0.09, 0.5, 1.0], 0.2))  # not the same in each way
    if abs(second - 0.2 / 0.3) > 1e-6:
        if abs(second - 1 / 0.3) < 1e-6:
            raise NotYet("The norms were measured at height 0.2. Your answer ignores this: scale that height.")
        raise NotYet(
            f"Right where every layer multiplies by the same. For the norms 0.09, 0.5, 1 at height 0.2 you say "
            f"{second:g}. Only the first and the last norm count, and how many ways lie between them."
        )
    return "The error's norm is multiplied once per way, so the height takes the root of that number."


@check
def check_batch_norm(batch_norm: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Batch norm of currents [time, batch, neurons]."""
    generator = torch.Generator().manual_seed(0)
    steps, neurons = torch.linspace(0, 3, 50)[:, None, None], torch.linspace(0, 2, 70)
    current = torch.linspace(1, 3, 70) * torch.randn(50, 60, 70, generator=generator) + steps + neurons
    scale, shift = torch.linspace(0.5, 2, 70), torch.linspace(1, -1, 70)
    found = attempt(batch_norm, current, scale, shift)
    if not isinstance(found, Tensor) or found.shape != current.shape:
        raise NotYet("Return a tensor of the shape of `current`, [time, batch, neurons].")
    mistakes = {
        "You normalise every time step by itself. Then a neuron's weights mean something else at each step, and what "
        "the steps say by their difference is lost.": (1,),
        "You normalise every image by itself, over time.": (0,),
        "You normalise over the neurons. That is layer norm; batch norm gives each neuron its own mean.": (2,),
        "You have one mean for all neurons. Each neuron needs its own: average over time and batch only.": (0, 1, 2),
    }
    for message, dims in mistakes.items():
        if _close(found, _normalised(current, dims) * scale + shift):
            raise NotYet(message)
    right = _normalised(current, (0, 1))
    if _close(found, right):
        raise NotYet("Mean 0 and variance 1, as it should be. Now the scale and the shift of each neuron.")
    if _close(found, (right + shift) * scale):
        raise NotYet("You shift first and scale afterwards, so the shift is scaled, too.")
    centred = current - current.mean((0, 1))
    if _close(found, centred / current.var((0, 1), correction=0) * scale + shift):
        raise NotYet("You divide by the variance. Divide by its root, the standard deviation.")
    if _close(found, current / current.std((0, 1), correction=0) * scale + shift):
        raise NotYet("You forgot to take the mean away.")
    if _close(found, centred / centred.std() * scale + shift):
        raise NotYet("You have one standard deviation for all neurons. Each neuron needs its own.")
    if _close(found, right * scale):
        raise NotYet("Scaled, but not shifted: add the shift of each neuron.")
    if _close(found, right * shift + scale):
        raise NotYet("Scale and shift have changed places.")
    if not _close(found, right * scale + shift):
        raise NotYet(
            "For each neuron: take away the mean over time and batch, divide by the standard deviation over "
            "time and batch, multiply by its scale, add its shift."
        )
    return "One mean and one standard deviation for each neuron, over time and batch together."


def _normalised(current: Tensor, dims: tuple[int, ...]) -> Tensor:
    mean = current.mean(dims, keepdim=True)
    return (current - mean) / (current.var(dims, keepdim=True, correction=0) + 1e-5).sqrt()


def _close(found: Tensor, expected: Tensor) -> bool:
    # with or without the small number under the root, and whether the variance counts n or n − 1
    return nn.functional.mse_loss(found.to(expected.dtype), expected).sqrt().item() < 0.02 * expected.std().item()
