"""Exercises of the lesson on PyTorch: broadcasting, gradient descent, learning rate, the scale of weights."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise


def _images_and_means(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Random ones, far more images than classes, and some means brighter than others."""
    images, means = rng.random((40, 30)), rng.random((10, 30)) * rng.uniform(0.5, 1, (10, 1))
    return torch.tensor(images, dtype=torch.float32), torch.tensor(means, dtype=torch.float32)


def _differences(images: Tensor, means: Tensor) -> Tensor:
    return images[:, None] - means


check_nearest_mean = Exercise(
    right=lambda images, means: _differences(images, means).square().sum(2).argmin(1),
    cases=[_images_and_means(np.random.default_rng(1))],
    draw=_images_and_means,
    wrong={
        "Images and means do not line up. Give each of the two an axis of length 1 where the other one counts.":
            lambda images, means: (images - means).square().sum(1).argmin(),
        "You return for each class the nearest image, not for each image the nearest class. Along which axis do you "
        "look for the smallest?": lambda images, means: _differences(images, means).square().sum(2).argmin(0),
        "The answer has one label for each image. One axis of the differences has to be summed, one searched.":
            lambda images, means: _differences(images, means).square().argmin(1),
        "You return the farthest class. The nearest one has the smallest distance.":
            lambda images, means: _differences(images, means).square().sum(2).argmax(1),
        "You add up the differences themselves. Positive and negative ones cancel, and a large negative sum wins. "
        "Square them first.": lambda images, means: _differences(images, means).sum(2).argmin(1),
        "You take the size of the sum. Inside the sum positive and negative differences have cancelled already. "
        "Square each of them first.": lambda images, means: _differences(images, means).sum(2).abs().argmin(1),
        "You look for the largest product. That prefers bright means, near or not. Take differences.":
            lambda images, means: (images @ means.T).argmax(1),
        "You add up absolute differences. That is a distance, too, but another one. Add up squares.":
            lambda images, means: _differences(images, means).abs().sum(2).argmin(1),
    },
    solved="About nine of ten digits are nearest to the mean of their own class, and nothing was trained.",
    otherwise="For each image and class: differences, squared, summed over pixels; then the smallest.",
)  # fmt: skip


def _bowl(x: Tensor) -> Tensor:
    return 2 * x**2


def _two_valleys(x: Tensor) -> Tensor:
    return x**4 / 4 - x**2 + x / 4


def _descent(
    step: Callable = lambda x, rate: x.sub_(rate * x.grad), *, guard: bool = True, clear: str = "after the step",
    one_graph: bool = False, more: int = 0, result: Callable = lambda f, x: x,
) -> Callable:  # fmt: skip
    """Gradient descent with autograd, and whatever may go wrong in it."""

    def descend(f: Callable[[Tensor], Tensor], start: float, learning_rate: float, steps: int) -> float:
        x = torch.tensor(start, requires_grad=True)
        y = f(x)
        for _ in range(steps + more):
            (y if one_graph else f(x)).backward()
            if clear == "before the step":
                x.grad = None
            with torch.set_grad_enabled(not guard):
                x = step(x, learning_rate)
            if clear == "after the step":
                x.grad = None
        return result(f, x).item()

    return descend


def _cases_of_descent(rng: np.random.Generator) -> tuple[Callable, float, float, int]:
    return _two_valleys, float(rng.uniform(-1.5, 1.5)), float(rng.uniform(0.02, 0.1)), int(rng.integers(3, 9))


check_descend = Exercise(
    right=_descent(),
    cases=[(_bowl, 1.0, 0.1, 5), (_two_valleys, 2.0, 0.05, 30)],
    draw=_cases_of_descent,
    wrong={
        "PyTorch stopped you: the step itself was about to become part of the graph. "
        "Take the step inside `with torch.no_grad():`.": _descent(guard=False),
        "Nobody watches how f(x) is computed from x. Was x made with `requires_grad=True`? Is f(x) computed outside "
        "`no_grad()`? And is x changed in place (`x -= …`)? `x = x - …` makes a new tensor.":
            _descent(lambda x, rate: x - rate * x.grad),
        "x.grad is None when you use it: `backward()` has not run yet, or the gradient was cleared too early, or x was "
        "replaced by a computed tensor. The order is: backward, step in place, clear.": [
            _descent(clear="before the step"),
            _descent(lambda x, rate: x.sub_(rate * x.grad.item()), clear="before the step"),
            _descent(lambda x, rate: x.grad.zero_(), clear="before the step"),
        ],
        "Two calls of `backward()` share one graph. Compute f(x) anew in each step.": _descent(one_graph=True),
        "Your gradients add up. `backward()` adds to x.grad, and the sum of all old slopes keeps pushing, so x swings "
        "through the valley. Clear x.grad once a step.": _descent(clear="never"),
        "You walk uphill: f grows with each step. The gradient points up, so subtract it.":
            _descent(lambda x, rate: x.add_(rate * x.grad)),
        "x is still where it started. Is the step taken in place, and the gradient cleared after it?":
            lambda f, start, learning_rate, steps: start,
        "You step by the whole slope. Multiply it by the learning rate.": _descent(lambda x, rate: x.sub_(x.grad)),
        "You take one step too few.": _descent(more=-1),
        "You take one step too many.": _descent(more=1),
        "You take a single step. Does `return` stand inside the loop?":
            lambda f, start, learning_rate, steps: _descent()(f, start, learning_rate, 1),
        "You return f(x). Return x.": _descent(result=lambda f, x: f(x)),
        "It works for 2x², but not for another f. Let autograd find the slope; write no formula for it.":
            lambda f, start, learning_rate, steps: start * (1 - 4 * learning_rate) ** steps,
    },
    solved="Down the bowl, and down another curve that you were not told about.",
    otherwise="Each step is x minus the learning rate times the slope of f at x.",
    tolerance=1e-3,
)  # fmt: skip

check_best_rate = Exercise(
    right=lambda flat, steep: 2 / (flat + steep),
    cases=[(1.0, 10.0), (2.0, 3.0), (0.5, 0.5)],
    draw=lambda rng: tuple(sorted(rng.uniform(0.1, 20, 2).tolist())),
    wrong={
        "At 2/steep the steep direction jumps from side to side for ever: its factor is −1. That is the limit, not the "
        "best rate.": lambda flat, steep: 2 / steep,
        "With 1/steep the steep direction lands at once, and then waits for the flat one: with curvatures 1 and 10 it "
        "still has the factor 0.9. The steep direction can afford a larger rate.": lambda flat, steep: 1 / steep,
        "1/flat suits the flat direction alone. With curvatures 1 and 10 the steep one has the factor 1 − 10 = −9 and "
        "runs away.": lambda flat, steep: 1 / flat,
        "Along the flat direction 2/flat is the limit already, and a steeper one runs away.":
            lambda flat, steep: 2 / flat,
        "You divide 1 by the sum. Then the flat direction is still the slower one; the steep one can afford more.":
            lambda flat, steep: 1 / (flat + steep),
        "That is the limit for one direction with the mean of the curvatures. With curvatures 1 and 10 the steep one "
        "runs away. What matters is the worse of the two factors.": lambda flat, steep: 4 / (flat + steep),
        "This is right for curvatures 1 and 10 alone. Use both arguments.": lambda flat, steep: 2 / 11,
    },
    solved="Both directions now shrink by the same factor, 9/11 = 0.818 for curvatures 1 and 10. No single rate does "
    "better.",
    otherwise="With curvatures 1 and 10 the slower direction can have the factor 9/11 = 0.818.",
)  # fmt: skip

check_relu_scale = Exercise(
    right=lambda n: math.sqrt(2 / n),
    cases=[(64,), (200,)],
    draw=lambda rng: (int(rng.integers(2, 2000)),),
    wrong={
        "This keeps the size in a layer without activation. A ReLU throws away the negative half, so each layer halves "
        "the mean square. What makes up for it?": lambda n: 1 / math.sqrt(n),
        "This is the variance. Return the standard deviation.": lambda n: 2 / n,
        "Doubling the weights multiplies the mean square by four. It has to be doubled, not quadrupled.":
            lambda n: 2 / math.sqrt(n),
        "Halving makes it worse: a ReLU already loses half. The weights have to make up for it.":
            lambda n: 0.5 / math.sqrt(n),
        "This does not depend on the number of inputs. Each output adds up n products, so the more inputs there are, "
        "the smaller each weight has to be.": [lambda n: math.sqrt(2), lambda n: math.sqrt(2 / 64)],
        "You divide by the number of inputs. Variances add up, so the standard deviation grows with its root.":
            lambda n: math.sqrt(2) / n,
    },
    solved="√(2/n): the mean square stays what it is, layer after layer, forwards and on the way back.",
    otherwise="With your weights the mean square does not stay what it is from layer to layer.",
    tolerance=0.02,
)  # fmt: skip
