"""Lesson 10: its exercises, its explorers, and the rules that it writes out."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.spike_backprop import checks, widgets
from course_utils.spiking import gradients
from course_utils.spiking.encoders import poisson
from course_utils.spiking.gradients import Neuron, Rule, SpikingNet, all_gradients
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "spike_backprop"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["leak_factor", "through_time", "spike_time_slopes"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def factor_with(form, trace=lambda f, s, leak: leak * f + s):
    """A wrong factor: `form` of trace, count, steps and leak, 0 for who is silent."""

    def leak_factor(s, leak):
        f = torch.zeros_like(s[0])
        for now in s:
            f = trace(f, now, leak)
        count = s.sum(0)
        return torch.where(count > 0, form(f, count.clamp(min=1), len(s), leak), 0.0)

    return leak_factor


def factor(f, n, steps, leak):
    return 1 + math.log(leak) * f / n


def only_three(s, leak):
    return factor_with(factor)(s, leak) * (1 if s.shape[1] == 3 else 2)


def backwards(passes, *, last=lambda e, slope: e * slope):
    def through_time(e, s, u, slope, leak):
        delta = last(e, slope)
        for t in reversed(range(len(s) - 1)):
            delta[t] += delta[t + 1] * passes(s[t], u[t], slope[t], leak)
        return delta

    return through_time


def forwards(e, s, u, slope, leak):
    delta = e * slope
    for t in range(len(s) - 1):
        delta[t] += leak * delta[t + 1] * (1 - s[t] - u[t] * slope[t])
    return delta


def in_place(e, s, u, slope, leak):
    e *= slope
    return e


def slopes_with(form):
    def spike_time_slopes(weights, times, t, g, g_slope):
        d = t - times
        with np.errstate(divide="ignore", invalid="ignore"):
            return form(weights, g(d), g_slope(d))

    return spike_time_slopes


def turned_round(weights, times, t, g, g_slope):
    d = times - t
    return -g(d) / (weights * g_slope(d)).sum()


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_leak_factor, factor_with(lambda f, n, steps, leak: 1 - math.log(leak) * f / n), "above 1"),
        (checks.check_leak_factor, factor_with(lambda f, n, steps, leak: 1 + math.log(leak) * f / steps), "of steps"),
        (checks.check_leak_factor, factor_with(lambda f, n, T, leak: 1 + math.log(leak) * f * T / n), "rate N/T"),
        (checks.check_leak_factor, factor_with(lambda f, n, T, leak: 1 + math.log(leak) * f / (n.sum() - 1)), "of all"),
        (checks.check_leak_factor, factor_with(lambda f, n, steps, leak: 1 + f / n), "left out the slope"),
        (checks.check_leak_factor, factor_with(lambda f, n, steps, leak: 1 + leak * f / n), "natural logarithm"),
        (checks.check_leak_factor, factor_with(factor, lambda f, s, leak: f + s), "never leaks"),
        (checks.check_leak_factor, factor_with(factor, lambda f, s, leak: leak * (f + s)), "adds only λ"),
        (checks.check_leak_factor, factor_with(lambda f, n, steps, leak: math.log(leak) * f / n), "1, is missing"),
        (checks.check_leak_factor, lambda s, leak: factor_with(factor)(s, leak) + (s.sum(0) == 0), "neuron 2 never"),
        (checks.check_leak_factor, lambda s, leak: s.sum(0) / s.sum(0), "0/0"),
        (checks.check_leak_factor, lambda s, leak: s.sum(0), "you return 3.0000"),
        (checks.check_leak_factor, lambda s, leak: s, "one factor for each"),
        (checks.check_leak_factor, only_three, "not for eight"),
        (checks.check_leak_factor, lambda s, leak: None, "returned None"),
        (checks.check_through_time, lambda e, s, u, slope, leak: e * slope, "each step alone"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: leak), "reset is missing"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: leak * (1 - s)), "One half"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: -leak * u * slope), "other half"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: leak * (1 - s + u * slope)), "A sign"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: 1 - s - u * slope), "leak is missing"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: leak * (1 - s - slope)), "u is missing"),
        (checks.check_through_time, forwards, "Only the next step's own spike"),
        (checks.check_through_time, backwards(lambda s, u, slope, leak: 0.3), "Go from the last step but one"),
        (checks.check_through_time, lambda e, s, u, slope, leak: e, "Begin there"),
        (checks.check_through_time, in_place, "changes its arguments"),
        (checks.check_through_time, lambda e, s, u, slope, leak: e.sum(), "one error for each of the 12 steps"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: g / (w * r).sum()), "minus sign"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: -g), "Divide by its speed"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: -g / (w * r)), "one speed"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: -w * g / (w * r).sum()), "multiply by the weight"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: -g / r.sum()), "leaves out the weights"),
        (checks.check_spike_time_slopes, turned_round, "other way round"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: g + 7), "For input 0"),
        (checks.check_spike_time_slopes, slopes_with(lambda w, g, r: g.sum()), "one slope for each"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict.message


def test_a_solution_that_is_written_otherwise_is_right_too() -> None:
    def with_a_list(e, s, u, slope, leak):
        errors = [e[-1] * slope[-1]]
        for t in range(len(e) - 2, -1, -1):
            errors.insert(0, e[t] * slope[t] + leak * errors[0] * ((1 - s[t]) - u[t] * slope[t]))
        return torch.stack(errors)

    assert checks.check_through_time(with_a_list)


def test_a_solution_in_single_precision_is_right_too() -> None:
    def through_time(e, s, u, slope, leak):
        delta = torch.zeros(len(e))
        for t in reversed(range(len(e))):
            later = leak * delta[t + 1] * (1 - s[t] - u[t] * slope[t]) if t + 1 < len(e) else 0
            delta[t] = e[t] * slope[t] + later
        return delta

    assert checks.check_through_time(through_time)


@pytest.mark.parametrize("name", gradients.RULES)
@pytest.mark.parametrize("neuron", [Neuron(), Neuron(leak=1.0, threshold=0.6), Neuron(corrected=False)])
def test_the_rules_of_the_lesson_are_those_of_the_package(lesson, name, neuron) -> None:
    generator = torch.Generator().manual_seed(1)
    x = poisson(torch.full((3, 1, 8, 8), 0.5, dtype=torch.float64), 12, generator)
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 3, 4), nn.Linear(75, 5), nn.Linear(5, 2)
    with torch.no_grad():
        for layer in layers[:2]:
            layer.weight *= 3
    found = [
        all_gradients(SpikingNet(*layers, rule=rule, neuron=neuron).double(), x, torch.tensor([0, 1, 1]))
        for rule in (lesson["RULES"][name], gradients.RULES[name])
    ]
    assert found[1]["inputs"].any()
    for part, by_package in found[1].items():
        assert torch.allclose(found[0][part], by_package, rtol=0, atol=1e-12 * by_package.abs().max()), part


def test_the_lesson_simulates_and_corrects_as_the_package_does(lesson) -> None:
    neuron = Neuron(leak=0.8)
    currents = torch.rand(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    s, u = lesson["simulate"](currents, neuron)
    packaged = gradients.simulate(currents, neuron)
    assert torch.equal(s, packaged.s) and torch.allclose(u, packaged.u, rtol=1e-14)
    assert torch.equal(lesson["leak_correction"](s, neuron), gradients.leak_correction(s, neuron))
    assert torch.equal(lesson["leak_factor_solution"](s, 0.8), gradients.leak_correction(s, neuron))


def test_every_backward_is_free_of_autograd(lesson) -> None:
    for cell in lessons.cells(LESSON, "taught"):
        assert not any(word in cell.source for word in ("autograd.grad", "enable_grad", ".backward()", "requires_grad"))
    assert isinstance(lesson["RULES"]["running"], Rule)


def test_explorers_draw_at_every_corner() -> None:
    check_corners(widgets.stairs_explorer())
    check_corners(widgets.blame_explorer())


def test_blame_travels_as_the_lesson_says() -> None:
    collapsed, running, surrogate = (widgets.blamed(name) for name in ("collapsed", "running", "surrogate"))
    steps = np.arange(len(running.s))
    for neuron, spikes in enumerate(running.s.T):
        until = np.flatnonzero(spikes).max()
        assert (running.delta[steps <= until, neuron] == running.delta[0, neuron]).all()
        assert (running.delta[steps > until, neuron] == 0).all()
    assert np.allclose(collapsed.delta, collapsed.delta[0]) and np.allclose(running.delta[0], collapsed.delta[0])
    assert (surrogate.delta != 0).all(), "spike or not, every step is blamed"


@pytest.mark.parametrize("rule", gradients.RULES)
def test_all_of_the_blame_is_the_gradient(rule) -> None:
    net = widgets.blamed(rule)
    assert np.allclose(net.change(1), net.delta.T @ net.x)
    figure, alt = widgets.draw_blame(rule, 1)
    plt.close(figure)
    (numbers,) = [ax for ax in figure.axes if ax.texts]
    written = [int(text.get_text().replace("−", "-")) for text in numbers.texts]
    assert rule in alt
    assert np.abs(np.array(written).reshape(3, 4) - 1000 * net.change(1)).max() <= 0.51
