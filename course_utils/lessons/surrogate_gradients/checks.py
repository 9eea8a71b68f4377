"""The exercises on surrogates and depth: a triangle, the height that keeps the error level, and batch norm."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise, tensors


def _triangle(x: Tensor, width: float, height: float) -> Tensor:
    return height * (1 - x.abs() / width).clamp(min=0)


check_triangle_slope = Exercise(
    right=_triangle,
    cases=[(torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]), 2.0, 0.5)],
    draw=lambda rng: (torch.linspace(-2, 2, 42).reshape(2, 3, 7), *rng.uniform(0.3, 1.8, 2).tolist()),
    tolerance=1e-4,  # near the ends of the triangle all is rounding
    wrong={
        "Far from the threshold your slope is negative: there the error would flow back with the wrong sign. Cut it "
        "off at 0.": lambda x, width, height: height * (1 - x.abs() / width),
        "Below the threshold your slope is larger than at it. Take |x|, not x.":
            lambda x, width, height: height * (1 - x / width).clamp(min=0),
        "Below the threshold your slope is β everywhere. Take |x|, not x.":
            lambda x, width, height: height * (1 - x / width).clamp(0, 1),
        "Your triangle has height 1, whatever β is.": lambda x, width, height: _triangle(x, width, 1),
        "Your triangle is β wide and γ high. γ is the width.": lambda x, width, height: _triangle(x, height, width),
        "Your triangle ends at −γ/2 and γ/2. It should end at −γ and γ, which are half its base each.":
            lambda x, width, height: _triangle(x, width / 2, height),
        "Your triangle ends at −βγ and βγ: the height has to multiply all of it.":
            lambda x, width, height: (height - x.abs() / width).clamp(min=0),
        "This is a box: the same slope everywhere between −γ and γ.":
            lambda x, width, height: height * (x.abs() < width),
        "Your γ and β are always 2 and 0.5. Take those that are given.": lambda x, width, height: _triangle(x, 2, 0.5),
        "x may have any shape, and each of its entries has a slope: return them in the shape of x.":
            lambda x, width, height: _triangle(x, width, height).flatten(),
    },
    solved="β at the threshold, nothing beyond γ.",
    otherwise="At x = 0 the slope is β; it falls on straight lines to 0 at x = −γ and x = γ.",
)


def _balanced(norms: list[float], height: float, order: Callable[[int], float] = lambda layers: layers - 1) -> float:
    """The height divided by a root of the error's growth; its order depends on the number of layers."""
    return height / (norms[0] / norms[-1]) ** (1 / order(len(norms)))


check_balanced_height = Exercise(
    right=_balanced,
    cases=[([48.0, 24.0, 12.0, 6.0], 1.0), ([0.09, 0.5, 1.0], 0.2)],
    draw=lambda rng: (rng.uniform(0.1, 10, rng.integers(3, 9)).tolist(), rng.uniform(0.2, 2)),
    wrong={
        "You found the height that would let the error grow or shrink even faster. Where it grows from the last layer "
        "to the first, the height must shrink.": {"order": lambda layers: 1 - layers},
        "This would be right if all layers together multiplied by β once. Each of them does: take a root.":
            {"order": lambda layers: 1},
        "Your root has the number of layers. Between four layers there are only three ways: one less.":
            {"order": lambda layers: layers},
        "Your root has one more than the number of layers. Between four layers the error makes three ways.":
            {"order": lambda layers: layers + 1},
        "You halved the exponent, as for squared norms. These norms are not squared.":
            {"order": lambda layers: 2 * (layers - 1)},
        "The norms were measured at the height that is given. Your answer ignores this: scale that height.":
            lambda norms, height: _balanced(norms, 1.0),
        "You compare two neighbours. Only the first and the last norm count, and how many ways lie between them.": [
            lambda norms, height: height * norms[1] / norms[0],
            lambda norms, height: height * norms[-1] / norms[-2],
        ],
    },
    solved="One layer's factor is the root of what all of them did together, and the height makes up for it.",
    otherwise="Only the first and the last norm count, and how many ways lie between them. In 48, 24, 12, 6 each of "
    "three ways doubles the norm.",
)


def _batch_norm(
    current: Tensor,
    scale: Tensor,
    shift: Tensor,
    axes: tuple[int, ...] = (0, 1),
    combine: Callable = lambda z, scale, shift: scale * z + shift,
) -> Tensor:
    """Batch norm over these axes of currents [time, batch, neurons]; scale and shift come in by `combine`."""
    mean, variance = current.mean(axes, keepdim=True), current.var(axes, keepdim=True, correction=0)
    return combine((current - mean) / (variance + 1e-5).sqrt(), scale, shift)


def _draw_currents(rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Currents whose mean depends on the step, on the image and on the neuron, and whose spread on the neuron."""
    neurons = int(rng.integers(5, 9))
    spread, means, steps = np.linspace(1, 3, neurons), np.linspace(0, 2, neurons), np.linspace(0, 3, 50)[:, None, None]
    images = np.linspace(-3, 3, 60)[:, None]
    current = spread * rng.normal(size=(50, 60, neurons)) + steps + images + means
    return tensors(current, np.linspace(0.5, 2, neurons), np.linspace(1, -1.2, neurons))


check_batch_norm = Exercise(
    right=_batch_norm,
    draw=_draw_currents,
    draws=3,
    tolerance=1e-2,  # with or without the small number under the root, and whether the variance counts n or n − 1
    wrong={
        "You normalise every time step by itself. What the steps say by their difference is lost.": {"axes": (1,)},
        "You normalise every image by itself, over time.": {"axes": (0,)},
        "You normalise over the neurons. That is layer norm; batch norm gives each neuron its own mean.":
            {"axes": (2,)},
        "You have one mean for all neurons. Each neuron needs its own: average over time and batch only.":
            {"axes": (0, 1, 2)},
        "Mean 0 and variance 1, as it should be. Now the scale and the shift of each neuron.":
            {"combine": lambda z, scale, shift: z},
        "You shift first and scale afterwards, so the shift is scaled, too.":
            {"combine": lambda z, scale, shift: (z + shift) * scale},
        "You divide by the variance. Divide by its root, the standard deviation.":
            lambda x, scale, shift: (x - x.mean((0, 1))) / x.var((0, 1)) * scale + shift,
        "You forgot to take the mean away.": lambda x, scale, shift: x / x.std((0, 1)) * scale + shift,
        "You have one standard deviation for all neurons. Each neuron needs its own.": [
            lambda x, scale, shift: (x - x.mean((0, 1))) / (x - x.mean((0, 1))).std() * scale + shift,
            lambda x, scale, shift: (x - x.mean((0, 1))) / x.std() * scale + shift,
        ],
        "Your spread is that within one image or one step, averaged. How images and steps differ counts, too.": [
            lambda x, scale, shift: (x - x.mean((0, 1))) / x.std(0).mean(0) * scale + shift,
            lambda x, scale, shift: (x - x.mean((0, 1))) / x.std(1).mean(0) * scale + shift,
        ],
        "You measure a part of the batch. Mean and spread are those of all images.":
            lambda x, scale, shift: (x - x[:, :30].mean((0, 1))) / x[:, :30].std((0, 1)) * scale + shift,
        "Scaled, but not shifted: add the shift of each neuron.": {"combine": lambda z, scale, _: z * scale},
        "Scale and shift have changed places.": {"combine": lambda z, scale, shift: z * shift + scale},
    },
    solved="One mean and one standard deviation for each neuron, over time and batch together.",
    otherwise="For each neuron: take away the mean over time and batch, divide by the standard deviation over time and "
    "batch, multiply by its scale, add its shift.",
)
