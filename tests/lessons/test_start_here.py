"""Lesson 00: its exercises, its neuron, its pictures and its map."""

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.lessons.start_here import checks, widgets
from course_utils.tools.views import LESSONS as NOTEBOOKS
from tests import notebook_cells as lessons

mpl.use("agg")
LESSON = "start_here"


@pytest.fixture(scope="module")
def taught() -> Iterator[dict[str, Any]]:
    """What the lesson's cells define."""
    with mpl.rc_context():
        yield lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")
    plt.close("all")


# --- exercises ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["count_spikes", "firing_rate_hz"])
def test_a_stub_is_not_started_and_a_solution_solves(name: str, taught: dict[str, Any]) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(taught[name]).status == "not started"
    assert check(...).status == "not started"
    assert check(taught[f"{name}_solution"]).status == "solved"


@pytest.mark.parametrize(
    ("answer", "misconception"),
    [
        (lambda spikes: len(spikes), "You count time steps"),
        (lambda spikes: spikes.mean(), "share of time steps"),
        (lambda spikes: np.flatnonzero(spikes), "tells *where* something is"),
        (lambda spikes: (~spikes).sum(), "*without* a spike"),
        (lambda spikes: spikes.max(), "*whether* there is a spike"),
        (lambda spikes: spikes.any(), "*whether* there is a spike"),
        (lambda spikes: (np.diff(spikes.astype(int)) == 1).sum(), "neighbouring time steps are two"),
        (lambda spikes: spikes[1:].sum(), "you return 4, 0 and 2"),
        (lambda spikes: print(end=""), "returned None"),
        (lambda spikes: spikes.total(), "AttributeError"),
    ],
)
def test_a_wrong_count_gets_its_misconception(answer: Callable, misconception: str) -> None:
    verdict = checks.check_count_spikes(answer)
    assert verdict.status == "not yet"
    assert misconception in verdict.message


@pytest.mark.parametrize(
    ("answer", "misconception"),
    [
        (lambda spikes, dt_ms: spikes.sum() / (len(spikes) * dt_ms), "spikes per millisecond"),
        (lambda spikes, dt_ms: spikes.mean(), "number of time steps"),
        (lambda spikes, dt_ms: spikes.mean() * 1000, "every time step for 1 ms"),
        (lambda spikes, dt_ms: spikes.sum(), "That is the number of spikes"),
        (lambda spikes, dt_ms: spikes.sum() / (len(spikes) * dt_ms * 1000), "the wrong way round"),
        (lambda spikes, dt_ms: spikes.sum() / dt_ms, "length of *one* step"),
        (lambda spikes, dt_ms: spikes.sum() / dt_ms * 1000, "length of *one* step"),
        (lambda spikes, dt_ms: spikes.mean() * dt_ms * 1000, "on the wrong side"),
        (lambda spikes, dt_ms: 1000 / (np.diff(np.flatnonzero(spikes)).mean() * dt_ms), "first spike to the last"),
        (lambda spikes, dt_ms: spikes / dt_ms, "one number"),
        (lambda spikes, dt_ms: 30.0, "Work out the first by hand"),
    ],
)
def test_a_wrong_rate_gets_its_misconception(answer: Callable, misconception: str) -> None:
    verdict = checks.check_firing_rate_hz(answer)
    assert verdict.status == "not yet"
    assert misconception in verdict.message


# --- the neuron ---------------------------------------------------------------------------------------------------


def spikes_in(duration_ms: float, current: float, tau_ms: float) -> np.ndarray:
    return widgets.leaky_neuron(np.full(round(duration_ms / 0.1), current), tau_ms, 0.1)[1]


@pytest.mark.parametrize("tau_ms", [2, 10, 30])
def test_the_neuron_of_the_lesson_is_that_of_the_explorer(tau_ms: float, taught: dict[str, Any]) -> None:
    current = np.random.default_rng(0).uniform(0, 3, 2000)
    for by_hand, packaged in zip(
        taught["leaky_neuron"](current, tau_ms, 0.1), widgets.leaky_neuron(current, tau_ms, 0.1), strict=True
    ):
        assert (by_hand == packaged).all()


def test_twice_the_current_makes_more_than_twice_the_spikes() -> None:
    assert [spikes_in(100, current, 10).sum() for current in (1.2, 2.4)] == [5, 18]
    for current, tau_ms in itertools.product(np.linspace(1.05, 3, 40), (5, 10, 30)):
        assert spikes_in(3000, 2 * current, tau_ms).sum() > 2 * spikes_in(3000, current, tau_ms).sum()


def test_a_current_up_to_the_threshold_never_makes_a_spike() -> None:
    for current, tau_ms in itertools.product(np.arange(0, 1.01, 0.1), (2, 10, 30)):
        assert not spikes_in(5000, min(current, 1.0), tau_ms).any()


def test_the_time_between_spikes_is_the_closed_form_in_the_notes() -> None:
    """τ ln(I/(I − 1)), within the error of Euler steps: 1 + T/(2τ) steps."""
    for current, tau_ms in itertools.product((1.1, 1.5, 2, 3), (5, 10, 30)):
        exact_ms = tau_ms * math.log(current / (current - 1))
        steps = np.diff(np.flatnonzero(spikes_in(1000, current, tau_ms)))
        assert abs(steps * 0.1 - exact_ms).max() <= 0.1 * (1 + exact_ms / (2 * tau_ms))


# --- pictures and sliders -----------------------------------------------------------------------------------------


def test_the_explorer_draws_at_every_corner_of_its_sliders_without_a_warning() -> None:
    explorer = widgets.neuron_explorer()
    assert explorer.controls.keys() == {"current", "tau_ms"}
    ends = [(control.min, control.max) for control in explorer.controls.values()]
    for corner in itertools.product(*ends):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure, alt = widgets.draw_neuron(*corner)
            figure.canvas.draw()
        plt.close(figure)
        assert f"current {corner[0]:g}" in alt and f"time constant {corner[1]} ms" in alt


def test_one_spike_is_not_called_spikes() -> None:
    figure, alt = widgets.draw_neuron(1.1, 30)
    plt.close(figure)
    assert "1 spike in 100 ms" in alt


def test_a_dragged_slider_is_answered() -> None:
    check = widgets.SliderCheck()
    assert check.answer.value == "Python received 3"
    check.slider.value = 8
    assert check.answer.value == "Python received 8"
    assert "slider will stand here" in check._repr_mimebundle_()[0]["text/html"]


# --- the map ------------------------------------------------------------------------------------------------------


def test_every_lesson_is_on_the_map_once() -> None:
    names = [lesson.name for lesson in widgets.LESSONS]
    assert [lesson.number for lesson in widgets.LESSONS] == [f"{number:02d}" for number in range(19)]
    assert {path.stem for path in lessons.ALL} <= set(names), "a notebook is not on the map"
    assert [lesson.week for lesson in widgets.LESSONS] == sorted(lesson.week for lesson in widgets.LESSONS)
    for one, other in itertools.combinations(widgets.LESSONS, 2):
        assert one.week != other.week or abs(one.row - other.row) >= 1, f"{one.name} and {other.name} overlap"


def test_the_map_is_drawn_and_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, alt = widgets.draw_map()
        figure.canvas.draw()
    plt.close(figure)
    assert "week 7: hardware quantization, ledger and next steps" in alt


def test_only_lessons_that_exist_are_linked(tmp_path: Path) -> None:
    (tmp_path / "03_spiking_neuron.ipynb").touch()
    table = widgets.lesson_table(tmp_path)._repr_markdown_()
    assert table.count("](") == 1
    assert "[03_spiking_neuron](03_spiking_neuron.ipynb)" in table and "| 04_stripe_dataset |" in table
    linked = widgets.lesson_table(NOTEBOOKS)._repr_markdown_()
    assert all(f"]({path.name})" in linked for path in lessons.ALL)
