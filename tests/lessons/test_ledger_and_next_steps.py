"""The last lesson: what its capstone's check says, its figures and its explorer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from course_utils.lessons.ledger_and_next_steps import checks, overview, widgets
from course_utils.training import ledger
from tests.lessons.test_capstone import FOUND, currents, network, with_chips
from tests.lessons.test_overview import ANN, CHIP, SNN

# --- the capstone's check -------------------------------------------------------------------------------------------

POOR = with_chips(0.6, 0.7, 0.8)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(FOUND, operations=40_000.0, input_operations=30_000.0), "75% of them belong to the 12 steps"),
        (replace(POOR, spikes=0.0, draws=((0.5,),), no_limits=0.5), "silent"),
        (replace(POOR, draws=((0.5,),), no_limits=0.5, alike=0.5), "chance"),
        (replace(POOR, no_limits=0.85, alike=0.85), "has learned from"),
        (replace(POOR, no_limits=0.99, alike=0.9), "rounding"),
        (replace(POOR, no_limits=0.99, alike=0.99), "Train for any chip"),
        (FOUND, "**Excellent.** There is no higher level"),
        (replace(FOUND, operations=12_000.0), "**Good.** For *excellent* it lacks 10,000 operations."),
        (with_chips(0.94), "**Pass.** For *good* it lacks a median of 95%."),
        (with_chips(0.98, 0.98, 0.7), "**Pass.** For *good* it lacks 80% on nine chips of ten."),
    ],
)
def test_the_judge_says_why_and_what_the_next_level_lacks(monkeypatch, found, says) -> None:
    monkeypatch.setattr(checks, "judge", lambda model: found)
    verdict = checks.check_capstone(network())
    assert bool(verdict) == (found.level is not None) and says in verdict.message, verdict
    assert "| hidden seed | 1 |" in verdict.message, "with the table"


def test_what_the_judge_refuses_is_no_error() -> None:
    verdict = checks.check_capstone(currents())
    assert verdict.status == "not yet" and "The chip refuses it: the model's encoder" in verdict.message


def test_wilson_s_interval_is_the_ledger_s() -> None:
    for right, count in ((0, 5), (37, 50), (198, 198)):
        assert np.allclose(checks.wilson(right, count), ledger.accuracy_interval(right / count, count), atol=1e-4)


# --- figures --------------------------------------------------------------------------------------------------------

RESULTS = overview.results(
    [ANN, SNN, CHIP, replace(SNN, task="stripes", spikes=0.0, time_steps=1), replace(ANN, task="stripes", accuracy=1.0)]
    + [replace(SNN, seed=seed, experiment="deep", accuracy=0.9 + seed / 100) for seed in range(3)]
)


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
    names = {overview.Result((record,)).name for record in (ANN, SNN, CHIP)}
    assert all(f"{name}: " in alt for name in names) and "· MLP: 90.0% at 1,000" in alt and "baseline 80.0%" in alt
    assert {text.get_text() for text in figure.axes[0].texts} == names


def test_every_task_has_a_panel_and_a_row() -> None:
    figure, alt = widgets.draw_tasks(RESULTS)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.axison]
    ann, snn, chip = (overview.number(record) for record in (ANN, SNN, CHIP))
    assert titles == [f"MNIST ({ann} to {chip})", f"stripes ({ann} to {snn})", f"MNIST (deep) ({snn})"]
    assert "stripes: best 100.0%" in alt
    figure, alt = widgets.draw_costs(RESULTS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["MNIST", "stripes", "MNIST (deep)"]
    assert "MNIST: 1,000 to 2,100" in alt


@pytest.mark.parametrize("heights", [[0.5] * 14, [1.0] * 14, [0.0] * 14, [0.9, 0.89, 0.1], np.linspace(1, 0, 14)])
def test_names_have_room(heights) -> None:
    places = widgets.spread(list(heights), 1 / 14)
    assert all(higher - lower >= 1 / 14 - 1e-9 for higher, lower in pairwise(places))
    assert places[0] <= 1 - 1 / 28 + 1e-9 and places[-1] >= 1 / 28 - 1e-9


def test_chips_are_drawn_with_their_median() -> None:
    figure, alt = widgets.draw_chips({"one": [0.9, 0.95, 1.0], "two": [0.99] * 3}, 0.95)
    assert "one: median 95.0%, from 90.0% to 100.0%" in alt
    assert len(figure.axes[0].get_lines()) == 5, "points and a bar of both, and what is asked"
