"""Lesson 01: checks of its exercises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.data.digits import small_digits


@check
def check_nearest_mean(nearest_mean: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The class whose mean image is nearest, by broadcasting."""
    train, _ = small_digits()
    pixels = train.images.flatten(1).float() / 255
    means = torch.stack([pixels[train.labels == digit].mean(dim=0) for digit in range(10)])
    images = pixels[:300]
    difference = images[:, None] - means[None]
    try:
        found = torch.as_tensor(attempt(nearest_mean, images, means))
    except NotYet as wrong:
        if "must match the size" in str(wrong):
            raise NotYet(
                "300 images and 10 means do not line up: broadcasting compares shapes from the right, and 300 is not "
                "10. Give each of the two an axis of length 1 where the other one counts."
            ) from wrong
        raise
    if found.shape == (10,):
        raise NotYet(
            "You return ten numbers: for each class the nearest image. Asked is for each image the nearest class. "
            "Along which axis do you look for the smallest?"
        )
    if found.shape != (300,):
        raise NotYet(
            f"For 300 images you return the shape {list(found.shape)}; one label an image has [300]. "
            "One axis of the differences has to be summed, one searched."
        )
    squares = difference.square().sum(dim=2)
    misconceptions = [
        (squares.argmax(dim=1), "You return the farthest class. The nearest one has the smallest distance."),
        (
            difference.sum(dim=2).argmin(dim=1),
            "You add up the differences themselves. Positive and negative ones cancel, and a large negative sum wins. "
            "Square them first.",
        ),
        (
            difference.sum(dim=2).abs().argmin(dim=1),
            "You take the size of the sum. Inside the sum positive and negative differences have cancelled already. "
            "Square each of them first.",
        ),
        (
            (images @ means.T).argmax(dim=1),
            "You look for the largest product. That prefers bright means, near or not. Take differences.",
        ),
        (
            difference.abs().sum(dim=2).argmin(dim=1),
            "You add up absolute differences. That is a distance, too, but another one. Asked are squares.",
        ),
    ]
    if torch.equal(found, squares.argmin(dim=1)):
        right = (found == train.labels[:300]).double().mean()
        return f"{right:.0%} of 300 images are nearest to the mean of their own class, and nothing was trained."
    for labels, message in misconceptions:
        if torch.equal(found, labels):
            raise NotYet(message)
    raise NotYet(
        "Some labels differ. For each image and class: differences, squared, summed over pixels; then the smallest."
    )


_BROKEN = {  # part of PyTorch's message: what it means
    "a leaf Variable that requires grad": "PyTorch stopped you: the step itself was about to become part of the graph. "
    "Take the step inside `with torch.no_grad():`.",
    "does not require grad": "Nobody watches how f(x) is computed from x. Was x made with `requires_grad=True`? Is "
    "f(x) computed outside `no_grad()`? And is x changed in place (`x -= …`)? `x = x - …` makes a new tensor.",
    "'NoneType'": "x.grad is None when you use it: `backward()` has not run yet, or the gradient was cleared too "
    "early, or x was replaced by a computed tensor. The order is: backward, step in place, clear.",
    "a second time": "Two calls of `backward()` share one graph. Compute f(x) anew in each step.",
}


@check
def check_descend(descend: Callable[[Callable[[Tensor], Tensor], float, float, int], float]) -> str:
    """Gradient descent with autograd."""

    def bowl(x: Tensor) -> Tensor:
        return 2 * x**2

    def valleys(x: Tensor) -> Tensor:
        return x**4 / 4 - x**2 + x / 4

    try:
        found = float(attempt(descend, bowl, 1.0, 0.1, 5))
        other = float(attempt(descend, valleys, 2.0, 0.05, 30))
    except NotYet as wrong:
        for part, meaning in _BROKEN.items():
            if part in str(wrong):
                raise NotYet(meaning) from wrong
        raise
    x, stored = 1.0, 0.0
    for _ in range(5):
        stored += 4 * x
        x -= 0.1 * stored
    misconceptions = [
        (1.4**5, "You walk uphill: f grows with each step. The gradient points up, so subtract it."),
        (
            x,
            "Your gradients add up. `backward()` adds to x.grad, and the sum of all old slopes keeps pushing, so "
            "x swings through the valley. Clear x.grad once a step.",
        ),
        (1.0, "x is still where it started. Is the step taken in place, and the gradient cleared after it?"),
        ((-3) ** 5, "You step by the whole slope. Multiply it by the learning rate."),
        (0.6**4, "You take one step too few."),
        (0.6**6, "You take one step too many."),
        (0.6, "You take a single step. Does `return` stand inside the loop?"),
        (2 * 0.6**10, "You return f(x). Asked is x."),
    ]
    for value, message in misconceptions:
        if math.isclose(found, value, rel_tol=1e-4):
            raise NotYet(message)
    if not math.isclose(found, 0.6**5, rel_tol=1e-4):
        raise NotYet(f"On f(x) = 2x², from 1 with rate 0.1, five steps end at {0.6**5:.5f}; yours at {found:.5f}.")
    expected = 2.0
    for _ in range(30):
        expected -= 0.05 * (expected**3 - 2 * expected + 0.25)
    if not math.isclose(other, expected, rel_tol=1e-3):
        raise NotYet("It works for 2x², but not for another f. Let autograd find the slope; write no formula for it.")
    return "Down the bowl, and down another curve that you were not told about."


@check
def check_best_rate(best_rate: Callable[[float, float], float]) -> str:
    """The learning rate that makes the slower of two directions as fast as possible."""
    flat, steep = 1.0, 10.0
    found, other = float(attempt(best_rate, flat, steep)), float(attempt(best_rate, 2.0, 3.0))
    misconceptions = [
        (
            2 / steep,
            "At 2/steep the steep direction jumps from side to side for ever: its factor is −1. That is the "
            "limit, not the best rate.",
        ),
        (
            1 / steep,
            "With 1/steep the steep direction lands at once, and then waits for the flat one, which still has "
            "the factor 0.9. Make the rate a little larger: the steep direction can afford it.",
        ),
        (1 / flat, "1/flat suits the flat direction alone. The steep one has the factor 1 − 10 = −9 and runs away."),
        (2 / flat, "Along the flat direction this is the limit already, and the steep one runs away."),
        (
            1 / (flat + steep),
            "You divide 1 by the sum. Then the flat direction is still the slower one; the steep one can afford more.",
        ),
        (
            4 / (flat + steep),
            "You count the mean of the curvatures as if there were one direction. Here the steep one runs away. "
            "What matters is the worse of the two factors.",
        ),
    ]
    for rate, message in misconceptions:
        if math.isclose(found, rate, rel_tol=1e-6):
            raise NotYet(message)
    worst = max(abs(1 - found * flat), abs(1 - found * steep))
    if not math.isclose(found, 2 / (flat + steep), rel_tol=1e-3):
        raise NotYet(
            f"With curvatures 1 and 10 your rate {found:.4g} leaves the slower direction the factor {worst:.3f}. "
            f"The factor {9 / 11:.3f} is possible."
        )
    if not math.isclose(other, 2 / 5, rel_tol=1e-3):
        raise NotYet(f"Right for curvatures 1 and 10, but for 2 and 3 you get {other:.4g}. Use both arguments.")
    return f"Both directions now shrink by the same factor, {worst:.3f} a step. No single rate does better."


@check
def check_relu_scale(relu_scale: Callable[[int], float]) -> str:
    """The standard deviation of weights that keeps signals alive through ReLU layers."""
    found, other = float(attempt(relu_scale, 64)), float(attempt(relu_scale, 200))
    misconceptions = [
        (
            1 / 8,
            "This keeps the size in a layer without activation. A ReLU throws away the negative half, so each "
            "layer halves the mean square. What makes up for it?",
        ),
        (1 / 32, "This is the variance. Asked is the standard deviation."),
        (2 / 8, "Doubling the weights multiplies the mean square by four. It has to be doubled, not quadrupled."),
        (0.5 / 8, "Halving makes it worse: a ReLU already loses half. The weights have to make up for it."),
        (
            math.sqrt(2),
            "This does not depend on the number of inputs. Each output adds up 64 products, so the more inputs "
            "there are, the smaller each weight has to be.",
        ),
        (
            math.sqrt(2) / 64,
            "You divide by the number of inputs. Variances add up, so the standard deviation grows with its root.",
        ),
    ]
    for value, message in misconceptions:
        if math.isclose(found, value, rel_tol=1e-4):
            raise NotYet(message)
    if math.isclose(found, other, rel_tol=1e-4):
        raise NotYet("64 and 200 inputs give you the same number. The more inputs, the smaller each weight has to be.")
    if math.isclose(found, math.sqrt(2 / 64), rel_tol=0.02) and math.isclose(other, math.sqrt(2 / 200), rel_tol=0.02):
        return "√(2/n): the mean square stays what it is, layer after layer, forwards and on the way back."
    growth = (found / math.sqrt(2 / 64)) ** 2
    raise NotYet(f"Your weights multiply the mean square by {growth:.2g} in each layer of 64 inputs, not by 1.")
