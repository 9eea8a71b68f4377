"""Lesson 06: its exercises, its explorers, and what is wrong with its patients."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.lessons.stripe_snn import checks, widgets
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "stripe_snn"
EXERCISES = {
    "answers": checks.check_answers,
    "level": checks.check_level,
    "size": checks.check_size,
    "diagnosis": checks.check_diagnosis,
}


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", EXERCISES)
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    assert EXERCISES[name](lesson[name]).status == "not started"
    assert EXERCISES[name](lesson[f"{name}_solution"]).status == "solved"


def only_silence(counts):
    return torch.where(counts.sum(1) == 0, -1, counts.argmax(1))


def times(factor):
    return lambda weight, bias, pixels, scale: factor * (scale * pixels @ weight.T + bias)


def right_diagnosis(**changes):
    return {name: patient.illness for name, patient in checks.PATIENTS.items()} | changes


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_answers, lambda counts: counts.argmax(1), "even when nobody has spoken"),
        (checks.check_answers, only_silence, "4 against 4"),
        (
            checks.check_answers,
            lambda counts: torch.where(counts[:, 0] == counts[:, 1], -1, counts.argmin(1)),
            "exchanged",
        ),
        (checks.check_answers, lambda counts: (counts[:, 1] > counts[:, 0]).long() + 0 * counts[:, 0].long(), "argmax"),
        (checks.check_answers, lambda counts: (counts[:, 1] >= counts[:, 0]).long(), "Ties should give −1"),
        (checks.check_answers, lambda counts: counts, "the shape (6,)"),
        (checks.check_answers, lambda counts: torch.full((6,), -1), "the answers are"),
        (checks.check_answers, lambda counts: None, "returned None"),
        (checks.check_level, times(1), "input x of one step"),
        (checks.check_level, times(4), "after it has decayed"),
        (checks.check_level, times(50), "as if nothing decayed"),
        (checks.check_level, times(1.25), "1/(1 − 0.8)"),
        (checks.check_level, lambda w, b, pixels, scale: 5 * scale * (pixels @ w.T + b), "do not scale it"),
        (checks.check_level, lambda w, b, pixels, scale: 5 * scale * pixels @ w.T, "bias is missing"),
        (checks.check_level, lambda w, b, pixels, scale: 5 * (pixels @ w.T + b), "come to rest"),
        (checks.check_level, lambda w, b, pixels, scale: 5 * (scale * w @ pixels.T + b[:, None]), "batch comes first"),
        (checks.check_level, lambda w, b, pixels, scale: 0.0, "the shape (7, 2)"),
        (checks.check_level, lambda w, b, pixels, scale: pixels @ w, "stopped with RuntimeError"),
        (checks.check_size, lambda hidden: (208 + 208 * hidden + 18 * hidden, 0), "also has a bias"),
        (checks.check_size, lambda hidden: (221 + 17 * hidden + 18 * hidden + 2, 0), "sees all 13 maps"),
        (checks.check_size, lambda hidden: (1, 1), "three layers one by one"),
        (checks.check_size, lambda hidden: (223 + 227 * hidden, 13 * 36 + 9 * hidden + 2), "before the pool"),
        (checks.check_size, lambda hidden: (223 + 227 * hidden, 13 * 205 + 9 * hidden + 2), "no neurons"),
        (checks.check_size, lambda hidden: (223 + 227 * hidden, 2197 + 9 * hidden), "output neurons are missing"),
        (checks.check_size, lambda hidden: (223 + 227 * hidden, 15 + hidden), "counted maps"),
        (checks.check_size, lambda hidden: (223 + 227 * hidden, 5), "maps' sizes"),
        (checks.check_size, lambda hidden: (7487, 2487), "For 8 maps"),
        (checks.check_size, lambda hidden: 7487, "two numbers"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict.message


@pytest.mark.parametrize(
    ("diagnosis", "says"),
    [
        (right_diagnosis(A="silent neurons"), "other counts the second time"),
        (right_diagnosis(B="silent neurons"), "Too much input"),
        (right_diagnosis(C="saturation"), "biases alone"),
        (right_diagnosis(D="forgotten reset"), "jump at every step"),
        (right_diagnosis(D="measles"), "none of the four"),
        (right_diagnosis(B=...), "No diagnosis yet for B"),
        ({"A": "forgotten reset"}, "No diagnosis yet for B, C, D"),
        ("silent neurons", "a dictionary"),
    ],
)
def test_a_wrong_diagnosis_is_sent_back_to_the_chart(diagnosis, says) -> None:
    verdict = checks.check_diagnosis(diagnosis)
    assert verdict.status == "not yet" and says in verdict.message, verdict.message


def test_every_illness_has_one_patient() -> None:
    assert sorted(patient.illness for patient in checks.PATIENTS.values()) == sorted(checks.ILLNESSES)
    assert checks.PATIENTS.keys() == checks.SIGNS.keys()


def weak_spots(always_right: bool = False) -> widgets.WeakSpots:
    draw = np.random.default_rng(0)
    kinds = {"contrasts": (0.1, 1.0), "noises": (0.1, 0.3, 0.6, 2.0), "peaks": (1, 2, 3, 4, 5, 6, 7)}
    shape = tuple(map(len, kinds.values()))
    labels = draw.integers(2, size=(*shape, 15))
    answers = labels if always_right else draw.integers(2, size=labels.shape)
    images = draw.integers(100, size=(*shape, 15, 16, 16)).astype(np.uint8)
    images[0, 0, 0, 0] = 0  # a black picture can be drawn, too
    return widgets.WeakSpots(**kinds, images=images, labels=labels, answers=answers)


def charts() -> dict[str, widgets.Chart]:
    draw = np.random.default_rng(0)
    labels = draw.integers(2, size=30)
    silent = widgets.Chart(np.zeros((50, 30, 256)), np.zeros((50, 30, 2)), np.zeros((50, 30, 2)), labels)
    full = widgets.Chart(np.ones((50, 30, 256)), 1e24 * draw.normal(size=(50, 30, 2)), np.ones((50, 30, 2)), labels)
    return {"silent": silent, "full": full}


def test_explorers_draw_at_every_corner() -> None:
    check_corners(widgets.weak_spot_explorer(weak_spots()))
    check_corners(widgets.chart_explorer(charts()))


def test_the_map_holds_the_share_of_right_answers() -> None:
    spots = weak_spots()
    assert spots.accuracy.shape == (2, 4, 7)
    assert spots.accuracy[1, 2, 3] == np.mean(spots.labels[1, 2, 3] == spots.answers[1, 2, 3])
    assert (weak_spots(always_right=True).accuracy == 1).all()


@pytest.mark.parametrize("always_right", [True, False])
def test_wrong_answers_are_marked_and_right_ones_are_not(always_right) -> None:
    spots = weak_spots(always_right)
    figure, alt = widgets.draw_weak_spot(spots, peaks=5, noise=0.6, contrast=1.0)
    place = (1, 2, 4)
    wrong = int((spots.labels[place] != spots.answers[place])[: widgets.TILES].sum())
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert len(texts) == widgets.TILES and sum("✗" in text for text in texts) == wrong == len(figure.axes[1].patches)
    assert f"{spots.accuracy[place]:.0%}" in alt
    plt.close(figure)


def test_a_chart_tells_its_counts() -> None:
    figure, alt = widgets.draw_chart(charts(), "full", 0)
    assert "counts 50 and 50" in alt and "horizontal 50, vertical 50" in figure.axes[1].get_title(loc="left")
    plt.close(figure)
