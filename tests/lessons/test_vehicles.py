"""The lesson on motorbikes and airplanes: its explorer, and the function that it writes out."""


import numpy as np
import pytest
import torch

from course_utils.lessons.vehicles import checks, front_end, widgets
from course_utils.spiking.neurons import LIF


def test_the_lesson_builds_the_kernel_that_the_package_has(lesson) -> None:
    for cell in (*front_end.FINE.values(), *front_end.COARSE.values(), front_end.DoG("on", 3.0, 2.0, 21)):
        sign = 1 if cell.centre == "on" else -1
        assert torch.allclose(sign * lesson["dog_kernel"](cell.sigma, cell.surround, cell.side), cell.kernel())


def test_the_current_of_the_exercise_is_the_front_end_s() -> None:
    wanted = front_end.currents(torch.tensor(0.2, dtype=torch.float64)).item()
    assert checks.check_current_for.right(5 - 0.5, front_end.NEURON.decay_mem) == pytest.approx(wanted)
    for other in (LIF(reset="subtract"), LIF(refractory_ms=2)):
        with pytest.raises(ValueError, match="a reset to zero, no synapse and no refractory period"):
            other.current_for(torch.tensor(3.0))


def test_the_code_of_the_exercise_is_the_front_end_s() -> None:
    values = torch.tensor([[0.2, 0.9, 0.0, 0.5, 0.7, 0.1, 0.0]])
    assert torch.equal(checks.check_order_code.right(values[0], 4), front_end.by_rank(values, 4)[0])


def test_the_explorer_says_what_it_shows() -> None:
    figure, alt = widgets.draw_front_end("digit", "fine", "on and off", 300)
    filters, values = widgets._coefficients("digit", "fine", "on and off")
    image = widgets.example_pictures()["digit"][None]
    alike = front_end.likeness(front_end.reconstruct(values, filters, 300), image).item()
    assert f"{alike:.2f}" in alt and f"{alike:.2f} alike" in figure.axes[2].get_title(loc="left")
    assert all(words in alt for words in widgets.kinds(values, "fine", "on and off", 300))


def test_the_first_cells_are_counted_by_scale_and_by_centre() -> None:
    _, values = widgets._coefficients("digit", "both scales", "on and off")
    fine_on, fine_off, coarse_on, coarse_off = widgets.first_cells(values, 1000).sum((1, 2)).tolist()
    assert fine_on + fine_off + coarse_on + coarse_off == 1000
    assert min(fine_on + fine_off, coarse_on + coarse_off, fine_on + coarse_on, fine_off + coarse_off) > 0
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
    figure, ax = widgets.plt.subplots()
    widgets.draw_answer(np.arange(12).reshape(6, 2), ax, "two")
    assert [line.get_label() for line in ax.lines[:2]] == list(widgets.CLASSES)
    assert ax.lines[1].get_ydata().tolist() == [1, 3, 5, 7, 9, 11]
