"""Lesson 16: its exercises, its explorer, and the function that it writes out."""

import io
import warnings
from contextlib import redirect_stdout

import numpy as np
import pytest
import torch

from course_utils.lessons.vehicles import checks, front_end, widgets
from course_utils.lessons.vehicles.models import threshold_accuracy
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "vehicles"


@pytest.fixture(scope="module")
def lesson() -> dict:
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["by_threshold", "order_code", "current_for"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def right(numbers, labels, threshold):
    return ((numbers >= threshold) == labels.bool()).double().mean().item()


def ranks(values):
    return values.argsort(descending=True).argsort()


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_by_threshold, lambda a, b, c, d: 100 * threshold_accuracy((a, b), (c, d)), "per cent"),
        (checks.check_by_threshold, lambda a, b, c, d: threshold_accuracy((a, b), (a, b)), "on the training part"),
        (checks.check_by_threshold, lambda a, b, c, d: threshold_accuracy((c, d), (c, d)), "on the test part"),
        (checks.check_by_threshold, lambda a, b, c, d: 1 - threshold_accuracy((a, b), (c, d)), "wrong ones"),
        (checks.check_by_threshold, lambda a, b, c, d: right(c, d, a.mean() + 1), "you say"),
        (checks.check_by_threshold, lambda a, b, c, d: c, "Return one number"),
        (checks.check_order_code, lambda v, kept: v.sum(), "of shape"),
        (checks.check_order_code, lambda v, kept: [1.0], "of shape"),
        (checks.check_order_code, lambda v, kept: (1 - v.argsort(descending=True) / kept).clamp(min=0), "sort the"),
        (
            checks.check_order_code,
            lambda v, kept: (1 - v.argsort().argsort() / kept).clamp(min=0) * (v > 0),
            "last rank",
        ),
        (checks.check_order_code, lambda v, kept: (1 - ranks(v) / kept) * (v > 0), "falls below"),
        (checks.check_order_code, lambda v, kept: (1 - ranks(v) / (kept + 3)).clamp(min=0), "silent"),
        (checks.check_order_code, lambda v, kept: v * (ranks(v) < kept), "sizes"),
        (checks.check_order_code, lambda v, kept: (ranks(v) < kept) * (v > 0), "the code is"),
        (checks.check_current_for, lambda period, leak: 1 - leak**period, "how far the potential comes"),
        (checks.check_current_for, lambda period, leak: 1 / (1 - leak), "forgot the period"),
        (checks.check_current_for, lambda period, leak: 1 / (1 - leak ** (1 / period)), "1/period"),
        (checks.check_current_for, lambda period, leak: 1 / period, "Without the leak"),
        (checks.check_current_for, lambda period, leak: leak**period, "what is left"),
        (checks.check_current_for, lambda period, leak: 2.0, "You say 2.000"),
        (checks.check_current_for, lambda period, leak: 1 / (1 - leak**5), "not for P = 12.5"),
        (checks.check_current_for, lambda period, leak: "much", "Return one number"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_the_lesson_builds_the_kernel_that_the_package_has(lesson) -> None:
    for cell in (*front_end.FINE.values(), *front_end.COARSE.values(), front_end.DoG("on", 3.0, 2.0, 21)):
        sign = 1 if cell.centre == "on" else -1
        assert torch.allclose(sign * lesson["dog_kernel"](cell.sigma, cell.surround, cell.side), cell.kernel())


def test_the_solutions_do_what_the_package_does(lesson) -> None:
    values = torch.rand(50, generator=torch.Generator().manual_seed(0)) * (torch.arange(50) % 3 > 0)
    assert torch.allclose(lesson["order_code_solution"](values, 20), front_end.by_rank(values[None], 20)[0])
    rate = torch.tensor(0.2, dtype=torch.float64)
    leak = front_end.NEURON.decay_mem
    assert abs(front_end.currents(rate).item() - lesson["current_for_solution"](5 - 0.5, leak)) < 1e-9


def test_the_explorer_draws_at_every_corner() -> None:
    check_corners(widgets.front_end_explorer())


def test_the_explorer_says_what_it_shows() -> None:
    figure, alt = widgets.draw_front_end("digit", "fine", "on and off", 300)
    filters, values = widgets._coefficients("digit", "fine", "on and off")
    image = widgets.pictures()["digit"][None]
    alike = front_end.likeness(front_end.reconstruct(values, filters, 300), image).item()
    assert f"{alike:.2f}" in alt and f"{alike:.2f} alike" in figure.axes[2].get_title(loc="left")
    assert all(words in alt for words in widgets.kinds(values, "fine", "on and off", 300))
    widgets.plt.close(figure)


def test_the_first_cells_are_counted_by_scale_and_by_centre() -> None:
    _, values = widgets._coefficients("digit", "both scales", "on and off")
    fine_on, fine_off, coarse_on, coarse_off = widgets.first_cells(values, 1000).sum((1, 2)).tolist()
    assert fine_on + fine_off + coarse_on + coarse_off == 1000 and min(fine_on, fine_off, coarse_on, coarse_off) > 0
    by_scale, by_centre = widgets.kinds(values, "both scales", "on and off", 1000)
    assert by_scale == f"{fine_on + fine_off} fine, {coarse_on + coarse_off} coarse"
    assert by_centre == f"{fine_on + coarse_on} on, {fine_off + coarse_off} off"


def test_the_first_cells_are_on_the_bright_side() -> None:
    filters = front_end.bank(["fine"], ["on", "off"])
    values = torch.zeros(1, 2, 4, 4)
    values[0, 0, 1, 1], values[0, 1, 2, 2], values[0, 1, 3, 3] = 3.0, 2.0, 1.0
    shown = widgets.speaking(values, filters, 2)
    assert shown[1, 1] == 1 and shown[2, 2] == -1 and shown.abs().sum() == 2


def test_kernels_and_answers_are_drawn() -> None:
    figure = widgets.draw_kernels({"fine, on-centre": front_end.FINE["on"], "fine, off-centre": front_end.FINE["off"]})
    up, down = (line.get_ydata() for line in figure.axes[0].lines[:2])
    assert up.max() == 1 and down.min() == -1
    widgets.plt.close(figure)
    figure, ax = widgets.plt.subplots()
    widgets.draw_answer(np.arange(12).reshape(6, 2), ax, "two")
    assert [line.get_label() for line in ax.lines[:2]] == list(widgets.CLASSES)
    assert ax.lines[1].get_ydata().tolist() == [1, 3, 5, 7, 9, 11]
    widgets.plt.close(figure)
