"""Backpropagation through spikes: its exercises, its explorers, and the rules that the lesson writes out."""

import numpy as np
import pytest
import torch

from course_utils.lessons.spike_backprop import checks, eventprop, rules, widgets
from course_utils.lessons.spike_backprop.rules import Rule
from course_utils.spiking import gradients
from course_utils.spiking.gradients import Neuron
from tests import notebook_cells as lessons

LESSON = "spike_backprop"
SOLVED = True


def test_the_exercises_ask_for_what_the_package_computes() -> None:
    generator, neuron = torch.Generator().manual_seed(0), Neuron(decay=0.8)
    spikes = (torch.rand(30, 8, generator=generator) < 0.3).double()
    assert torch.allclose(checks.check_leak_factor.right(spikes, 0.8), rules.leak_correction(spikes, neuron))
    currents, e = torch.rand(12, generator=generator).double(), torch.randn(12, generator=generator).double()
    s, u = gradients.spikes_and_potentials(currents, neuron)
    leaf = currents.clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(gradients.lif(leaf, neuron), leaf, e)
    assert torch.allclose(checks.check_through_time.right(e, s, u, neuron.spike.slope(u - 1), 0.8), by_autograd)
    weights, times = np.array([1.2, 1.6, 1.5, 1.4]), np.array([0.0, 2.0, 3.0, 40.0])
    record = eventprop.respond(weights, [times[j : j + 1] for j in range(4)], 50.0, eventprop.Membrane())
    exact = eventprop.gradient(record, np.eye(len(record.times_ms))[0], eventprop.Membrane(), 4)
    found = checks.check_spike_time_slopes.right(weights, times, record.times_ms[0], checks.g, checks.g_slope)
    assert np.allclose(found, exact, rtol=1e-6, atol=1e-12)


def test_a_solution_that_is_written_otherwise_is_right_too() -> None:
    def with_a_list(e, s, u, slope, leak):
        errors = [e[-1] * slope[-1]]
        for t in range(len(e) - 2, -1, -1):
            errors.insert(0, e[t] * slope[t] + leak * errors[0] * ((1 - s[t]) - u[t] * slope[t]))
        return torch.stack(errors).float()

    assert checks.check_through_time(with_a_list)


def test_the_lesson_simulates_and_corrects_as_the_package_does(lesson) -> None:
    neuron = Neuron(decay=0.8)
    currents = torch.rand(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    s, u = lesson["simulate"](currents, neuron)
    packaged = gradients.spikes_and_potentials(currents, neuron)
    assert torch.equal(s, packaged.s) and torch.allclose(u, packaged.u, rtol=1e-14)
    assert torch.equal(lesson["leak_correction"](s, neuron), rules.leak_correction(s, neuron))
    assert torch.equal(lesson["leak_factor_solution"](s, 0.8), rules.leak_correction(s, neuron))


def test_every_backward_is_free_of_autograd(lesson) -> None:
    for cell in lessons.cells(LESSON, "taught"):
        assert not any(word in cell.source for word in ("autograd.grad", "enable_grad", ".backward()", "requires_grad"))
    assert isinstance(lesson["RULES"]["running"], Rule)


def test_blame_travels_as_the_lesson_says() -> None:
    collapsed, running, surrogate = (widgets.blamed(name) for name in ("collapsed", "running", "surrogate"))
    steps = np.arange(len(running.s))
    for neuron, spikes in enumerate(running.s.T):
        until = np.flatnonzero(spikes).max()
        assert (running.delta[steps <= until, neuron] == running.delta[0, neuron]).all()
        assert (running.delta[steps > until, neuron] == 0).all()
    assert np.allclose(collapsed.delta, collapsed.delta[0]) and np.allclose(running.delta[0], collapsed.delta[0])
    assert (surrogate.delta != 0).all(), "spike or not, every step is blamed"


@pytest.mark.parametrize("rule", rules.TWINS)
def test_all_of_the_blame_is_the_gradient(rule) -> None:
    net = widgets.blamed(rule)
    assert np.allclose(net.change(1), net.delta.T @ net.x)
    figure, alt = widgets.draw_blame(rule, 1)
    (numbers,) = [ax for ax in figure.axes if ax.texts]
    written = [int(text.get_text().replace("−", "-")) for text in numbers.texts]
    assert rule in alt
    assert np.abs(np.array(written).reshape(3, 4) - 1000 * net.change(1)).max() <= 0.51
