"""Lesson 01: what it derives is what the package does; its checks; its pictures."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.pytorch_basics import checks, widgets
from course_utils.training import loop as training
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "pytorch_basics"
EXERCISES = ["nearest_mean", "descend", "best_rate", "relu_scale"]


# --- the taught loop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("count", "batch_size"), [(60, 20), (50, 20), (7, 20)])
def test_the_taught_loop_is_fit(seed: int, count: int, batch_size: int):
    taught = lessons.run_cells(LESSON, "taught", namespace={"math": math, "torch": torch, "nn": nn})
    generator = torch.Generator().manual_seed(seed)
    data = torch.randn(count, 12, generator=generator), torch.randint(4, (count,), generator=generator)

    def network() -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 4))

    by_lesson, by_package = network(), network()
    settings = {"epochs": 3, "learning_rate": 0.03, "seed": seed, "batch_size": batch_size}
    losses = taught["train"](by_lesson, *data, **settings)
    history = training.fit(by_package, data, data, **settings)
    assert losses == history.loss
    assert len(losses) == 3
    for one, other in zip(by_lesson.parameters(), by_package.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_taught_loop_has_the_defaults_of_fit():
    taught = lessons.run_cells(LESSON, "taught", namespace={"math": math, "torch": torch, "nn": nn})
    assert taught["train"].__defaults__ == (training.fit.__kwdefaults__["batch_size"],)


# --- the exercises ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def solutions() -> dict:
    return lessons.run_cells(LESSON, "solution", namespace={"checks": checks, "torch": torch, "math": math})


@pytest.mark.parametrize("name", EXERCISES)
def test_an_untouched_stub_is_not_started(name: str):
    stubs = lessons.run_cells(LESSON, "exercise", namespace={"checks": checks, "torch": torch})
    assert getattr(checks, f"check_{name}")(stubs[name]).status == "not started"


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_solves(name: str, solutions: dict):
    verdict = getattr(checks, f"check_{name}")(solutions[f"{name}_solution"])
    assert verdict.status == "solved", verdict


def walk(*, sign=-1, clear=True, guard=True, in_place=True, extra=0, start_again=False, result=lambda f, x: x.item()):
    """A solution of exercise 2 with chosen mistakes."""

    def descend(f, start, learning_rate, steps):
        x = torch.tensor(start, requires_grad=True)
        for _ in range(steps + extra):
            f(x).backward()
            with torch.set_grad_enabled(not guard):
                if in_place:
                    x += sign * learning_rate * x.grad
                else:
                    x = x + sign * learning_rate * x.grad
            if clear:
                x.grad = None
            if start_again:
                return x.item()
        return result(f, x)

    return descend


def by_formula(f, start, learning_rate, steps):
    for _ in range(steps):
        start -= learning_rate * 4 * start
    return start


def one_graph(f, start, learning_rate, steps):
    x = torch.tensor(start, requires_grad=True)
    y = f(x)
    for _ in range(steps):
        y.backward()
        with torch.no_grad():
            x -= learning_rate * x.grad
        x.grad = None
    return x.item()


def differences(images, means):
    return images[:, None] - means


WRONG = [
    ("nearest_mean", lambda i, m: differences(i, m).square().sum(2).argmax(1), "farthest"),
    ("nearest_mean", lambda i, m: differences(i, m).square().sum(2).argmin(0), "for each class the nearest image"),
    ("nearest_mean", lambda i, m: differences(i, m).sum(2).argmin(1), "cancel"),
    ("nearest_mean", lambda i, m: differences(i, m).sum(2).abs().argmin(1), "cancelled already"),
    ("nearest_mean", lambda i, m: differences(i, m).abs().sum(2).argmin(1), "absolute differences"),
    ("nearest_mean", lambda i, m: (i @ m.T).argmax(1), "prefers bright means"),
    ("nearest_mean", lambda i, m: (i - m).square().sum(1).argmin(), "do not line up"),
    ("nearest_mean", lambda i, m: differences(i, m).square().argmin(1), "one searched"),
    ("nearest_mean", lambda i, m: torch.zeros(len(i), dtype=torch.long), "Some labels differ"),
    ("descend", walk(sign=+1), "uphill"),
    ("descend", walk(clear=False), "add up"),
    ("descend", walk(guard=False), "torch.no_grad"),
    ("descend", walk(in_place=False), "Nobody watches"),
    ("descend", walk(extra=1), "too many"),
    ("descend", walk(extra=-1), "too few"),
    ("descend", walk(start_again=True), "inside the loop"),
    ("descend", walk(result=lambda f, x: f(x).item()), "Asked is x"),
    ("descend", lambda f, start, learning_rate, steps: start, "still where it started"),
    ("descend", by_formula, "another f"),
    ("descend", one_graph, "anew"),
    ("descend", lambda *_: 0.5, "five steps end at"),
    ("descend", lambda *_: None, "returned None"),
    ("best_rate", lambda flat, steep: 2 / steep, "the limit"),
    ("best_rate", lambda flat, steep: 1 / steep, "waits for the flat one"),
    ("best_rate", lambda flat, steep: 1 / flat, "runs away"),
    ("best_rate", lambda flat, steep: 2 / flat, "runs away"),
    ("best_rate", lambda flat, steep: 1 / (flat + steep), "still the slower one"),
    ("best_rate", lambda flat, steep: 4 / (flat + steep), "mean of the curvatures"),
    ("best_rate", lambda flat, steep: 2 / 11, "Use both arguments"),
    ("best_rate", lambda flat, steep: 0.15, "is possible"),
    ("relu_scale", lambda n: 1 / n**0.5, "negative half"),
    ("relu_scale", lambda n: 2 / n, "variance"),
    ("relu_scale", lambda n: 2 / n**0.5, "quadrupled"),
    ("relu_scale", lambda n: 0.5 / n**0.5, "worse"),
    ("relu_scale", lambda n: 2**0.5, "does not depend"),
    ("relu_scale", lambda n: 2**0.5 / n, "its root"),
    ("relu_scale", lambda n: (2 / 64) ** 0.5, "the same number"),
    ("relu_scale", lambda n: 3 / n, "not by 1"),
]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(("name", "answer", "phrase"), WRONG)
def test_a_wrong_answer_is_told_its_misconception(name: str, answer, phrase: str):
    verdict = getattr(checks, f"check_{name}")(answer)
    assert verdict.status == "not yet"
    assert phrase in verdict.message


def test_a_replaced_tensor_without_guard_is_told_why_it_has_no_gradient():
    with pytest.warns(UserWarning, match="not a leaf"):
        verdict = checks.check_descend(walk(in_place=False, guard=False, clear=False))
    assert "x.grad is None" in verdict.message


# --- the pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("explorer", [widgets.descent_explorer, widgets.graph_explorer, widgets.gradient_flow_explorer])
def test_explorers_draw_at_every_corner(explorer):
    state = torch.get_rng_state()
    check_corners(explorer())
    assert torch.equal(torch.get_rng_state(), state), "a picture draws no number from the global generator"


@pytest.mark.parametrize(("name", "landscape"), widgets.LANDSCAPES.items())
def test_a_slope_is_the_derivative_of_its_landscape(name: str, landscape: widgets.Landscape):
    x = np.linspace(-widgets.EDGE, widgets.EDGE, 101)
    by_step = (landscape.height(x + 1e-6) - landscape.height(x - 1e-6)) / 2e-6
    assert np.allclose(landscape.slope(x), by_step, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.95])
def test_descent_is_that_of_torch(momentum: float):
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.05, momentum=momentum)
    positions = [x.item()]
    for _ in range(30):
        optimizer.zero_grad()
        (2 * x**2).backward()
        optimizer.step()
        positions.append(x.item())
    assert np.allclose(widgets.descent(lambda x: 4 * x, 2.0, 0.05, momentum, 30), positions, rtol=1e-12)


def test_a_walk_that_runs_away_is_stopped():
    positions = widgets.descent(lambda x: 4 * x, 2.0, 1.0, 0.95, 100)
    assert len(positions) < 101
    assert np.abs(positions[-1]) > 1000 > np.abs(positions[-2])
