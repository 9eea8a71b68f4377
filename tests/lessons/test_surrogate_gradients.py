"""Surrogates and depth: its exercises, its explorer, and the functions that the lesson writes out."""

import pytest
import torch

from course_utils.lessons.surrogate_gradients import checks, widgets
from course_utils.lessons.surrogate_gradients.models import DeepLIF, run_lif
from course_utils.spiking.spikes import heaviside
from course_utils.spiking.surrogates import arctan, fast_sigmoid, triangle
from course_utils.training.loop import predict
from tests import notebook_cells as lessons

LESSON = "surrogate_gradients"
SOLVED = True


def normalise(current, eps=1e-5):
    centred = current - current.mean((0, 1))
    return centred / (current.var((0, 1)) + eps).sqrt()


def by_module(current, scale, shift):
    return torch.nn.BatchNorm1d(current.shape[2])(current.flatten(0, 1)).view_as(current) * scale + shift


@pytest.mark.parametrize(
    "right",
    [by_module, lambda c, a, b: normalise(c) * a + b, lambda c, a, b: normalise(c, 0) * a + b],
    ids=["a module of PyTorch", "n − 1", "nothing added under the root"],
)
def test_other_right_answers_are_accepted(right) -> None:
    assert checks.check_batch_norm(right)


@pytest.mark.parametrize(
    "right",
    [
        lambda x, width, height: (height - height / width * x.abs()).clamp(min=0),
        lambda x, width, height: height / width * (width - x.abs()).clamp(min=0),
        lambda x, width, height: torch.where(x.abs() < width, height * (1 - x.abs() / width), 0.0).double(),
    ],
)
def test_a_triangle_that_rounds_otherwise_is_accepted(right) -> None:
    assert checks.check_triangle_slope(right)


def test_the_explorer_sends_the_error_back_as_autograd_does() -> None:
    of = widgets.explored_network()
    spike = triangle(0.8, 0.9)
    before = of.layers[10].spikes.clone().requires_grad_()
    current, spikes = before, []
    for layer in (11, 12):
        current, _ = run_lif(current @ of.weights[layer].T, spike, of.decay)
        spikes.append(current)
    assert torch.equal(spikes[-1], of.layers[12].spikes), "the network that the explorer keeps"
    (by_autograd,) = torch.autograd.grad(current, before, of.error)
    norms = widgets.relative_norms(0.8, 0.9, 13)
    assert norms[-1] == 1 and len(norms) == 13
    assert norms[10] == pytest.approx((by_autograd.norm() / of.error.norm()).item())


@pytest.mark.parametrize(("height", "says"), [(0.05, "vanishes"), (0.9, "explodes"), (0.55, "near the line")])
def test_the_explorer_says_what_it_shows(height, says) -> None:
    figure, alt = widgets.draw_errors(1.9, height, 20)
    assert says in alt and figure.axes[1].get_title(loc="left").endswith(says)


@pytest.mark.parametrize("spike", [triangle(1.0, 0.8), fast_sigmoid(), arctan()], ids=repr)
def test_neurons_written_out_step_by_step_have_the_same_spikes_potentials_and_gradient(lesson, spike) -> None:
    current = 3 * torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    current.requires_grad_()
    for mine, twin in zip(lesson["lif_over_time"](current, spike, 0.6), run_lif(current, spike, 0.6), strict=True):
        assert torch.equal(twin, mine)
        meaning = torch.sin(torch.arange(twin.numel())).view_as(twin)
        for picked in (meaning, meaning[:3].repeat(3, 1, 1)):
            wanted, found = (torch.autograd.grad((x * picked).sum(), current, retain_graph=True) for x in (mine, twin))
            assert (wanted[0] - found[0]).abs().max() < 1e-14 and wanted[0].any()


def test_the_surrogate_that_the_lesson_writes_has_its_slope(lesson) -> None:
    slope = triangle(1.0, 0.5).slope
    x = torch.linspace(-2, 2, 21, requires_grad=True)
    lesson["SurrogateSpike"].apply(x, slope).sum().backward()
    assert torch.equal(x.grad, slope(x.detach()))


def test_a_folded_network_gives_the_same_scores(lesson) -> None:
    namespace = dict(lesson)
    (cell,) = [cell for cell in lessons.read(LESSON).cells if "def fold(" in cell.source]
    exec(cell.source, namespace)
    images = torch.randn(80, 64, generator=torch.Generator().manual_seed(1))
    network = DeepLIF(4, heaviside, batch_norm=True).awaken(images)
    for _ in range(20):
        network(images)  # batch norm gets to know its means
    folded = namespace["fold"](network)
    assert not any(isinstance(module, torch.nn.BatchNorm1d) for module in folded.modules())
    assert torch.allclose(predict(network, images), folded(images), atol=1e-2)
