"""Lesson 18: its exercises, its figures and its explorer."""

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from torch import nn

from course_utils.lessons.ledger_and_next_steps import capstone, checks, overview, widgets
from course_utils.spiking.stripe_networks import LIReadout
from course_utils.training import ledger
from tests import notebook_cells as lessons
from tests.corners import check_corners
from tests.lessons.test_capstone import FOUND, network
from tests.lessons.test_overview import ANN, CHIP, SNN

LESSON = "ledger_and_next_steps"


@pytest.fixture(scope="module")
def lesson() -> dict:
    """Set-up, stubs, and the solutions of the first two exercises; that of the capstone trains, in the notebook."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        namespace = lessons.run_cells(LESSON, "setup", "exercise")
        for cell in lessons.cells(LESSON, "solution")[:2]:
            exec(cell.source, namespace)
    return namespace


@pytest.mark.parametrize("name", ["wilson", "pareto"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def plain(right: int, count: int) -> tuple[float, float]:
    p = right / count
    half = 1.96 * (p * (1 - p) / count) ** 0.5
    return p - half, p + half


def wilson(right: int, count: int) -> tuple[float, float]:
    return ledger.accuracy_interval(right / count, count)


def around_p(right: int, count: int) -> tuple[float, float]:
    low, high = wilson(right, count)
    return right / count - (high - low) / 2, right / count + (high - low) / 2


def too_wide(right: int, count: int) -> tuple[float, float]:
    low, high = wilson(right, count)
    return (low + high) / 2 - (high - low), (low + high) / 2 + (high - low)


def with_ties(costs, accuracies):
    """Equal networks beat each other."""
    points = list(zip(costs, accuracies, strict=True))
    return [
        not any(c <= cost and a >= accuracy for j, (c, a) in enumerate(points) if j != i)
        for i, (cost, accuracy) in enumerate(points)
    ]


def only_the_extremes(costs, accuracies):
    points = zip(costs, accuracies, strict=True)
    return [cost == min(costs) or accuracy == max(accuracies) for cost, accuracy in points]


def beats_itself(costs, accuracies):
    points = list(zip(costs, accuracies, strict=True))
    return [not any(c <= cost and a >= accuracy for c, a in points) for cost, accuracy in points]


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_wilson, plain, "known for certain"),
        (checks.check_wilson, lambda r, n: tuple(max(0, min(1, x)) for x in plain(r, n)), "known for certain"),
        (checks.check_wilson, lambda r, n: tuple(100 * x for x in wilson(r, n)), "per cent"),
        (checks.check_wilson, lambda r, n: wilson(r, n)[::-1], "lower one comes first"),
        (checks.check_wilson, around_p, "around p"),
        (checks.check_wilson, too_wide, "half width"),
        (checks.check_wilson, lambda r, n: (0.1, 0.3), "the interval is"),
        (checks.check_wilson, lambda r, n: 0.5, "two numbers"),
        (checks.check_wilson, lambda r, n: 1 / 0, "ZeroDivisionError"),
        (checks.check_pareto, lambda c, a: [not x for x in overview.front(c, a)], "that are beaten"),
        (checks.check_pareto, lambda c, a: overview.front([-x for x in c], a), "dearer"),
        (checks.check_pareto, only_the_extremes, "compromise"),
        (checks.check_pareto, beats_itself, "beat itself"),
        (checks.check_pareto, with_ties, "Do two equal networks"),
        (checks.check_pareto, lambda c, a: [True] * len(c), "the front is"),
        (checks.check_pareto, lambda c, a: [True], "4 networks"),
        (checks.check_pareto, lambda c, a: 3, "truth value"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict


# --- the capstone ---------------------------------------------------------------------------------------------------


def test_the_stub_of_the_capstone_is_not_started(lesson) -> None:
    assert lesson["my_network"] is ... and checks.check_capstone(...).status == "not started"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda seed: None, "not what runs on the chip"),
        (nn.Linear(2, 2), "type Linear"),
        (LIReadout(), "632 circuits"),
        (network(filters=3), "515 circuits"),
        (7, "The chip refuses it"),
    ],
)
def test_what_is_no_network_for_the_chip_is_named(model, says) -> None:
    verdict = checks.check_capstone(model)
    assert verdict.status == "not yet" and says in verdict.message, verdict


POOR = replace(FOUND, chips=(0.6, 0.7, 0.8))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(FOUND, operations=40_000.0, input_operations=30_000.0), "75% of them belong to the 12 steps"),
        (replace(POOR, spikes=0.0, chips=(0.5,) * 3, no_limits=0.5), "silent"),
        (replace(POOR, chips=(0.5,) * 3, no_limits=0.5, alike=0.5), "chance"),
        (replace(POOR, no_limits=0.85, alike=0.85), "has learned from"),
        (replace(POOR, no_limits=0.99, alike=0.9), "rounding"),
        (replace(POOR, no_limits=0.99, alike=0.99), "Train for any chip"),
    ],
)
def test_the_judge_says_why(monkeypatch, found, says) -> None:
    monkeypatch.setattr(checks, "judge", lambda model: found)
    verdict = checks.check_capstone(network())
    assert verdict.status == "not yet" and says in verdict.message, verdict
    assert "| hidden seed | 1 |" in verdict.message, "with the table"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (FOUND, "**Excellent.** There is no higher level"),
        (replace(FOUND, operations=12_000.0), "**Good.** For *excellent* it lacks"),
        (replace(FOUND, chips=(capstone.LEVELS["pass"].median,) * 3), "**Pass.** For *good* it lacks a median of"),
    ],
)
def test_the_judge_says_what_the_next_level_lacks(monkeypatch, found, says) -> None:
    monkeypatch.setattr(checks, "judge", lambda model: found)
    verdict = checks.check_capstone(network())
    assert verdict and says in verdict.message, verdict


# --- figures --------------------------------------------------------------------------------------------------------

RESULTS = overview.results(
    [ANN, SNN, CHIP, replace(SNN, task="stripes", spikes=0.0, time_steps=1), replace(ANN, task="stripes", accuracy=1.0)]
    + [replace(SNN, seed=seed, experiment="deep", accuracy=0.9 + seed / 100) for seed in range(3)]
)


def test_what_is_taught_is_what_the_package_does(lesson) -> None:
    costs, accuracies = np.random.default_rng(0).integers(0, 6, (2, 30))
    assert lesson["pareto_solution"](costs, accuracies) == overview.front(costs, accuracies)
    for right, count in ((0, 5), (37, 50), (198, 198)):
        assert np.allclose(lesson["wilson_solution"](right, count), wilson(right, count), atol=1e-4)


def test_the_explorer_draws_at_every_corner() -> None:
    check_corners(widgets.ledger_explorer(RESULTS))


def test_all_names_of_the_course_have_room() -> None:
    found = overview.results(ledger.read(None, ledger.SHIPPED, experiment=None))
    for task in overview.by_task(found):
        figure, _ = widgets.draw_task(found, task, "spikes a sample")
        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
        assert all(box.x1 < figure.bbox.x1 for box in boxes), task
        assert all(upper.y0 >= lower.y0 for upper, lower in pairwise(boxes)), task
        widgets.plt.close(figure)


def test_the_explorer_says_what_it_shows() -> None:
    figure, alt = widgets.draw_task(RESULTS, "MNIST", "parameters")
    assert "02 · MLP: 90.0% at 1,000" in alt and "baseline 80.0%" in alt
    assert {text.get_text() for text in figure.axes[0].texts} == {"02 · MLP", "12 · SNN", "17 · chip"}
    widgets.plt.close(figure)


def test_every_task_has_a_panel_and_a_row() -> None:
    figure, alt = widgets.draw_tasks(RESULTS)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.axison]
    assert titles == ["MNIST (02 to 17)", "stripes (02 to 12)", "MNIST (deep) (12)"] and "stripes: best 100.0%" in alt
    widgets.plt.close(figure)
    figure, alt = widgets.draw_costs(RESULTS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["MNIST", "stripes", "MNIST (deep)"]
    assert "MNIST: 1,000 to 2,100" in alt
    widgets.plt.close(figure)


@pytest.mark.parametrize("heights", [[0.5] * 14, [1.0] * 14, [0.0] * 14, [0.9, 0.89, 0.1], np.linspace(1, 0, 14)])
def test_names_have_room(heights) -> None:
    places = widgets.spread(list(heights), 1 / 14)
    assert all(higher - lower >= 1 / 14 - 1e-9 for higher, lower in pairwise(places))
    assert places[0] <= 1 - 1 / 28 + 1e-9 and places[-1] >= 1 / 28 - 1e-9


def test_chips_are_drawn_with_their_median() -> None:
    figure, alt = widgets.draw_chips({"one": [0.9, 0.95, 1.0], "two": [0.99] * 3}, 0.95)
    assert "one: median 95.0%, from 90.0% to 100.0%" in alt
    assert len(figure.axes[0].get_lines()) == 3  # circles of both, and what is asked
    widgets.plt.close(figure)
