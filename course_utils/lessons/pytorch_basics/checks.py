"""Exercises of the lesson on PyTorch: broadcasting, gradient descent, the training loop."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from course_utils.classroom.exercise import Exercise, NotYet, tensors


def _nearest(
    images: Tensor, means: Tensor, *, distance: Callable = lambda far: far.square().sum(2),
    pick: Callable = lambda distances: distances.argmin(1),
) -> Tensor:  # fmt: skip
    return pick(distance(images[:, None] - means))


check_nearest_mean = Exercise(
    right=_nearest,
    # far more images than classes, and some means brighter than others
    draw=lambda rng: tensors(rng.random((40, 30)), rng.random((10, 30)) * rng.uniform(0.5, 1, (10, 1))),
    wrong={
        "Images and means do not line up. Give each of the two an axis of length 1 where the other one counts.":
            lambda images, means: (images - means).square().sum(1).argmin(),
        "You return for each class the nearest image, not for each image the nearest class. Along which axis do you "
        "look for the smallest?": {"pick": lambda distances: distances.argmin(0)},
        "The answer has one label for each image. One axis of the differences has to be summed, one searched.":
            {"distance": torch.square},
        "You return the farthest class. The nearest one has the smallest distance.":
            {"pick": lambda distances: distances.argmax(1)},
        "You add up the differences themselves. Positive and negative ones cancel, and a large negative sum wins. "
        "Square them first.": {"distance": lambda far: far.sum(2)},
        "You take the size of the sum. Inside the sum positive and negative differences have cancelled already. "
        "Square each of them first.": {"distance": lambda far: far.sum(2).abs()},
        "You look for the largest product. That prefers bright means, near or not. Take differences.":
            lambda images, means: (images @ means.T).argmax(1),
        "`min` gives the smallest *values*. Return where they stand: `argmin`.":
            [{"pick": lambda distances: distances.min(1)}, {"pick": lambda distances: distances.min(1).values}],
        "You add up absolute differences. That is a distance, too, but another one. Add up squares.":
            {"distance": lambda far: far.abs().sum(2)},
    },
    solved="About nine of ten digits are nearest to the mean of their own class, and nothing was trained.",
    otherwise="For each image and class: differences, squared, summed over pixels; then the smallest.",
)  # fmt: skip


def _two_valleys(x: Tensor) -> Tensor:
    return x**4 / 4 - x**2 + x / 4


def _descend(
    f: Callable[[Tensor], Tensor], start: float, learning_rate: float, steps: int, *,
    step: Callable = lambda x, rate: x.sub_(rate * x.grad), guard: bool = True, clear: str = "after the step",
    one_graph: bool = False, more: int = 0, result: Callable = lambda f, x: x,
) -> float:  # fmt: skip
    """Gradient descent with autograd, and whatever may go wrong in it."""
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


check_descend = Exercise(
    right=_descend,
    cases=[(lambda x: 2 * x**2, 1.0, 0.1, 5), (_two_valleys, 2.0, 0.05, 30)],
    draw=lambda rng: (_two_valleys, rng.uniform(-1.5, 1.5), rng.uniform(0.02, 0.1), int(rng.integers(3, 9))),
    wrong={
        "PyTorch stopped you: the step itself was about to become part of the graph. "
        "Take the step inside `with torch.no_grad():`.": {"guard": False},
        "Nobody watches how f(x) is computed from x. Was x made with `requires_grad=True`? Is f(x) computed outside "
        "`no_grad()`? And is x changed in place (`x -= …`)? `x = x - …` makes a new tensor.":
            {"step": lambda x, rate: x - rate * x.grad},
        "x.grad is None when you use it: `backward()` has not run yet, or the gradient was cleared too early, or x was "
        "replaced by a computed tensor. The order is: backward, step in place, clear.": [
            {"clear": "before the step"},
            {"clear": "before the step", "step": lambda x, rate: x.sub_(rate * x.grad.item())},
            {"clear": "before the step", "step": lambda x, rate: x.grad.zero_()},
        ],
        "Two calls of `backward()` share one graph. Compute f(x) anew in each step.": {"one_graph": True},
        "Your gradients add up. `backward()` adds to x.grad, and the sum of all old slopes keeps pushing, so x swings "
        "through the valley. Clear x.grad once a step.": {"clear": "never"},
        "You walk uphill: f grows with each step. The gradient points up, so subtract it.":
            {"step": lambda x, rate: x.add_(rate * x.grad)},
        "x is still where it started. Is the step taken in place, and the gradient cleared after it?":
            lambda f, start, learning_rate, steps: start,
        "You step by the whole slope. Multiply it by the learning rate.": {"step": lambda x, rate: x.sub_(x.grad)},
        "You take one step too few.": {"more": -1},
        "You take one step too many.": {"more": 1},
        "You take a single step. Does `return` stand inside the loop, or is x made anew in each round?":
            lambda f, start, learning_rate, steps: _descend(f, start, learning_rate, 1),
        "You return f(x). Return x.": {"result": lambda f, x: f(x)},
        "It works for 2x², but not for another f. Let autograd find the slope; write no formula for it.":
            lambda f, start, learning_rate, steps: start * (1 - 4 * learning_rate) ** steps,
    },
    solved="Down the bowl, and down another curve that you were not told about.",
    otherwise="Each step is x minus the learning rate times the slope of f at x.",
    tolerance=1e-3,
)  # fmt: skip

Batches = list[tuple[Tensor, Tensor]]


def _model_and_batches(rng: np.random.Generator) -> tuple[nn.Module, Batches, float]:
    """A small network, five batches of points in three classes, and a learning rate."""
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(1000)))
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    points_and_labels = tensors(rng.normal(size=(5, 12, 4)), rng.integers(3, size=(5, 12)))
    return model, list(zip(*points_and_labels, strict=True)), rng.uniform(0.2, 0.6)


def _learn(
    model: nn.Module, batches: Batches, learning_rate: float, *, order: str = "clear backward step",
    loss: Callable = cross_entropy, optimizer: Callable = torch.optim.SGD, told: str = "before",
    part: Callable = lambda model: model,
) -> list[float]:  # fmt: skip
    """A training loop that does things in this order after each loss, and whatever may go wrong in it."""
    steps, losses = optimizer(part(model).parameters(), lr=learning_rate), []
    do = {"backward": lambda now: now.backward(), "step": lambda _: steps.step(), "clear": lambda _: steps.zero_grad()}
    for inputs, labels in batches:
        now = loss(model(inputs), labels)
        for name in order.split():
            do[name](now)
        losses.append((now if told == "before" else loss(model(inputs), labels)).item())
    return losses


def _recorded(model: nn.Module, batches: Batches, learning_rate: float) -> None:
    """A step that autograd watches."""
    cross_entropy(model(batches[0][0]), batches[0][1]).backward()
    for parameter in model.parameters():
        parameter -= learning_rate * parameter.grad


class _InPlace(Exercise):
    """Whose first argument has to be another one afterwards."""

    def _compare(self, answer: Callable) -> None:
        super()._compare(answer)
        model, batches, learning_rate = copy.deepcopy(self.cases[0])
        answer(model, batches, learning_rate)
        if all(map(torch.equal, model.parameters(), self.cases[0][0].parameters())):
            raise NotYet("The losses are right, but the model that was handed in is as before. Train it, not a copy.")


check_learn = _InPlace(
    right=_learn,
    cases=[_model_and_batches(np.random.default_rng(2))],
    draw=_model_and_batches,
    draws=3,
    wrong={
        "PyTorch stopped you: the step itself was about to become part of the graph. Take it inside "
        "`with torch.no_grad():`, or leave it to `optimizer.step()`.": _recorded,
        "Your gradients add up: `backward()` adds to what earlier batches have left. Clear them once for each batch.":
            {"order": "backward step"},
        "You step before `backward()`. So each step uses the gradient of the batch before, and the first step none.":
            [{"order": "step clear backward"}, {"order": "step backward"}],
        "The weights never move: at the step there is no gradient. It is cleared between `backward()` and the step, or "
        "`backward()` or the step is missing, or `p = p - …` made a new tensor (write `p -= …`).":
            [{"order": "backward clear step"}, {"order": "backward clear"}, {"order": "clear step"}],
        "You walk uphill: the loss grows. Subtract the gradient.":
            {"optimizer": lambda parts, lr: torch.optim.SGD(parts, lr=lr, maximize=True)},
        "You step by the whole gradient. Multiply it by the learning rate, or give it to the optimizer.":
            lambda model, batches, learning_rate: _learn(model, batches, 1.0),
        "`cross_entropy` makes probabilities of the scores by itself. You did so before, and it happens twice.":
            {"loss": lambda scores, labels: cross_entropy(scores.softmax(1), labels)},
        "You add up the losses of a batch. Take their mean, as `cross_entropy` does if nothing else is said.":
            {"loss": lambda scores, labels: cross_entropy(scores, labels, reduction="sum")},
        "You note the loss after the step. Note the one that `backward()` started from.": {"told": "after"},
        "Momentum and Adam take other steps. Plain gradient descent is meant: `torch.optim.SGD(…)` without them.":
            [{"optimizer": torch.optim.Adam}, {"optimizer": lambda parts, lr: torch.optim.SGD(parts, lr, 0.9)}],
        "Your steps do not depend on `learning_rate`. Did you type a number in?":
            lambda model, batches, learning_rate: _learn(model, batches, 0.1),
        "Take the batches in the order in which they come.":
            lambda model, batches, learning_rate: _learn(model, batches[::-1], learning_rate),
        "The loss is the cross-entropy of scores and labels, not their squared difference.":
            {"loss": lambda scores, labels: (scores - one_hot(labels, scores.shape[1])).pow(2).mean()},
        "An answer (`argmax`) has no slope: between its jumps nothing changes. Give the loss the scores.":
            {"loss": lambda scores, labels: (scores.argmax(1) != labels).double().mean()},
        "Not all weights learn. Give the optimizer `model.parameters()`, or step through all of them.":
            {"part": lambda model: model[-1]},
        "Return the losses of all batches, in a list. Is the list made before the loop, and returned behind it?": [
            lambda model, batches, learning_rate: _learn(model, batches, learning_rate)[-1],
            lambda model, batches, learning_rate: _learn(model, batches[:1], learning_rate),
        ],
    },
    solved="Output, loss, gradient, step, clear. This loop trains every network of the course.",
    otherwise="Write down the five parts in order: output, loss, gradient, step, clear. Which one is missing?",
    tolerance=1e-3,
)  # fmt: skip
