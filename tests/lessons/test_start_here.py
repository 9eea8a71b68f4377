"""The lesson that begins the course: its neuron, its pictures and its map."""

import itertools
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

from course_utils.lessons.start_here import widgets
from tests import notebook_cells as notebooks

BY_TOPIC = {lesson.topic: lesson for lesson in widgets.LESSONS}


def spikes_in(duration_ms: float, current: float, tau_ms: float) -> np.ndarray:
    return widgets.leaky_neuron(np.full(round(duration_ms / 0.1), current), tau_ms, 0.1)[1]


def test_the_neuron_of_the_lesson_is_that_of_the_explorer(lesson) -> None:
    current = np.random.default_rng(0).uniform(0, 3, 2000)
    for tau_ms in (2, 10, 30):
        assert np.array_equal(lesson["leaky_neuron"](current, tau_ms, 0.1), widgets.leaky_neuron(current, tau_ms, 0.1))


@pytest.mark.parametrize("tau_ms", [5, 10, 30])
def test_spikes_come_above_the_threshold_and_more_than_twice_as_many_for_twice_the_current(tau_ms) -> None:
    for current in np.linspace(1.05, 3, 40):
        assert spikes_in(3000, 2 * current, tau_ms).sum() > 2 * spikes_in(3000, current, tau_ms).sum()
    for current in np.linspace(0, 1, 11):
        assert not spikes_in(5000, current, tau_ms).any() and not spikes_in(5000, current, 2).any()
    for current in (1.1, 1.5, 2, 3):  # τ ln(I/(I − 1)) in the notes, within the error of Euler steps: 1 + T/(2τ) steps
        exact_ms = tau_ms * math.log(current / (current - 1))
        steps = np.diff(np.flatnonzero(spikes_in(1000, current, tau_ms)))
        assert abs(steps * 0.1 - exact_ms).max() <= 0.1 * (1 + exact_ms / (2 * tau_ms))


def test_the_explorer_says_what_it_shows() -> None:
    explorer = widgets.bucket_explorer()
    assert "time constant 10 ms. current 1.2: 5 spikes in 100 ms" in explorer.alt
    explorer.controls["current"].value = 2.4
    assert "current 2.4: 18 spikes" in explorer.alt
    explorer.controls["current"].value, explorer.controls["tau_ms"].value = 1.1, 30
    assert "1 spike in 100 ms" in explorer.alt


def test_a_dragged_slider_is_answered() -> None:
    check = widgets.SliderCheck()
    assert check.answer.value == "Python received 3"
    check.slider.value = 8
    assert check.answer.value == "Python received 8"
    assert "slider will stand here" in check._repr_mimebundle_()[0]["text/html"]


def test_every_lesson_is_on_the_map_once_in_the_order_of_the_weeks() -> None:
    assert [lesson.topic for lesson in widgets.LESSONS] == list(notebooks.TOPICS)
    assert [lesson.name for lesson in widgets.LESSONS] == [path.stem for path in notebooks.ALL]
    assert [lesson.week for lesson in widgets.LESSONS] == sorted(lesson.week for lesson in widgets.LESSONS)
    for one, other in itertools.combinations(widgets.LESSONS, 2):
        assert one.week != other.week or abs(one.row - other.row) >= 1, f"{one.name} and {other.name} overlap"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, alt = widgets.draw_map()
        figure.canvas.draw()
    assert "week 7: hardware quantization, chip toolchains, chip energy, ledger and next steps" in alt


def test_a_lesson_is_renumbered_by_renaming_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widgets, "COURSE_ROOT", tmp_path)
    lesson = BY_TOPIC["spiking_neuron"]
    assert (lesson.name, lesson.number) == ("spiking_neuron", "")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "42_spiking_neuron.ipynb").touch()
    assert (lesson.name, lesson.number) == ("42_spiking_neuron", "42")


def test_only_lessons_that_exist_are_linked(tmp_path: Path) -> None:
    here, elsewhere = BY_TOPIC["spiking_neuron"].name, BY_TOPIC["stripe_dataset"].name
    (tmp_path / f"{here}.ipynb").touch()
    table = widgets.lesson_table(tmp_path)._repr_markdown_()
    assert table.count("](") == 1 and f"[{here}]({here}.ipynb)" in table and f"| {elsewhere} |" in table
    linked = widgets.lesson_table(notebooks.ALL[0].parent)._repr_markdown_()
    assert all(f"]({path.name})" in linked for path in notebooks.ALL)
