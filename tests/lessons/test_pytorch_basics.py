"""The lesson on PyTorch: the loop that it writes is the package's; other ways to the same slips; its pictures."""

import copy
import inspect

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.pytorch_basics import checks, widgets
from course_utils.training import loop as training


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("count", "batch_size"), [(60, 20), (50, 20), (7, 20)])
def test_the_taught_loop_is_fit(lesson, seed: int, count: int, batch_size: int):
    torch.manual_seed(seed)
    data = torch.randn(count, 12), torch.randint(4, (count,))
    by_lesson = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 4))
    by_package = copy.deepcopy(by_lesson)
    settings = {"epochs": 3, "learning_rate": 0.03, "seed": seed, "batch_size": batch_size}
    losses = lesson["train"](by_lesson, *data, **settings)
    assert losses == training.fit(by_package, data, data, **settings).loss and len(losses) == 3
    assert all(map(torch.equal, by_lesson.parameters(), by_package.parameters()))
    default = inspect.signature(training.fit).parameters["batch_size"].default
    assert lesson["train"].__defaults__ == (default,)


def with_backward(move):
    """Exercise 2, but `move` takes the step: from x and the rate to the next x."""

    def descend(f, start, learning_rate, steps):
        x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        for _ in range(steps):
            f(x).backward()
            x = move(x, learning_rate)
        return x.item()

    return descend


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (with_backward(lambda x, rate: (x - rate * x.grad).detach().requires_grad_()), "Down the bowl"),
        (with_backward(lambda x, rate: x - x.grad * rate), "x.grad is None"),
        (with_backward(lambda x, rate: (x - rate * x.grad).detach()), "Nobody watches"),
        (lambda f, start, rate, steps: f(torch.tensor(start)).backward(), "Nobody watches"),
        (lambda *_: 0.5, "whatever goes in"),
    ],
)
def test_other_ways_to_descend_are_told_the_same(answer, says: str):
    verdict = checks.check_descend(answer)
    assert says in verdict.message and bool(verdict) == (says == "Down the bowl"), verdict


def test_training_a_copy_is_refused_and_shapes_that_do_not_line_up_are_told_apart_from_other_errors():
    def learn(model, batches, learning_rate):
        return checks.check_learn.right(copy.deepcopy(model), batches, learning_rate)

    assert "not a copy" in checks.check_learn(learn).message
    assert "do not line up" in checks.check_nearest_mean(lambda i, m: (m - i).abs().sum(1).argmin()).message
    assert "to have the same dtype" in checks.check_nearest_mean(lambda i, m: i.double() @ m.T).message


@pytest.mark.parametrize(("name", "landscape"), widgets.LANDSCAPES.items())
def test_a_slope_is_the_derivative_of_its_landscape(name: str, landscape: widgets.Landscape):
    x = np.linspace(-widgets.EDGE, widgets.EDGE, 101)
    by_step = (landscape.height(x + 1e-6) - landscape.height(x - 1e-6)) / 2e-6
    assert np.allclose(landscape.slope(x), by_step, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.95])
def test_descent_is_that_of_torch_and_a_walk_that_runs_away_is_stopped(momentum: float):
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    optimizer, positions = torch.optim.SGD([x], lr=0.05, momentum=momentum), [2.0]
    for _ in range(30):
        optimizer.zero_grad()
        (2 * x**2).backward()
        optimizer.step()
        positions.append(x.item())
    assert np.allclose(widgets.descent(lambda x: 4 * x, 2.0, 0.05, momentum, 30), positions, rtol=1e-12)
    away = widgets.descent(lambda x: 4 * x, 2.0, 1.0, momentum, 100)
    assert len(away) < 101 and np.abs(away[-1]) > 1000 > np.abs(away[-2])
