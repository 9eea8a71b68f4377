"""Lesson 14: its exercises, its explorers, and the function that it writes out."""

import io
import warnings
from contextlib import redirect_stdout

import nir
import numpy as np
import pytest
import torch
from torch.nn import functional

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from course_utils.exchange import graphs, networks, platforms
    from course_utils.lessons.nir_exchange import checks, widgets

from course_utils.spiking.neurons import LIF
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "nir_exchange"


@pytest.fixture(scope="module")
def lesson() -> dict:
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["decay", "threshold", "pool_by_neurons", "in_the_way"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def count(spikes):
    return functional.avg_pool2d(spikes.flatten(0, 1), 2, divisor_override=1).unflatten(0, spikes.shape[:2])


def pool(**neuron):
    defaults = {"tau_mem_ms": 1.0, "dt_ms": 1.0, "threshold": 0.5, "update": "euler"}
    return lambda spikes: LIF(**(defaults | neuron)).run(count(spikes)).spikes


def average(spikes):
    return LIF(tau_mem_ms=1.0, dt_ms=1.0, threshold=0.5, update="euler").run(count(spikes) / 4).spikes


def kinds_of(graph, known):
    return [
        type(node).__name__ for node in graph.nodes.values() if type(node).__name__ not in {*known, "Input", "Output"}
    ]


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_decay, lambda tau_s, dt_s: dt_s / tau_s, "what is left"),
        (checks.check_decay, lambda tau_s, dt_s: np.exp(-dt_s / tau_s), "exact solution"),
        (checks.check_decay, lambda tau_s, dt_s: 1 - tau_s / dt_s, "divided τ by dt"),
        (checks.check_decay, lambda tau_s, dt_s: 1 - 1 / tau_s, "the rate 1/τ"),
        (checks.check_decay, lambda tau_s, dt_s: 1 - 0.001 / tau_s, "written into it"),
        (checks.check_decay, lambda tau_s, dt_s: 0.5, "you say 0.5".capitalize()),
        (checks.check_decay, lambda tau_s, dt_s: "0.9?", "Return one number"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: v, "as it is"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: v * r * dt_s / tau_s, "u is larger than v"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: v * tau_s / dt_s, "left out r"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: v * r * tau_s / dt_s, "r belongs below"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: v / r, "Norse's unit"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: 2.0, "but not for"),
        (checks.check_threshold, lambda v, r, tau_s, dt_s: 7.0, "u spikes above 2"),
        (checks.check_pool_by_neurons, lambda spikes: pool()(spikes).mean(), "of shape"),
        (
            checks.check_pool_by_neurons,
            lambda s: LIF(tau_mem_ms=1.0, update="euler").run(count(s)),
            "Return the spikes",
        ),
        (checks.check_pool_by_neurons, count, "before the threshold"),
        (checks.check_pool_by_neurons, pool(tau_mem_ms=2.0, threshold=0.2, reset="subtract"), "left over"),
        (checks.check_pool_by_neurons, pool(threshold=1.0), "A single spike"),
        (checks.check_pool_by_neurons, average, "must pass by itself"),
        (checks.check_in_the_way, lambda graph, known: [], "You find nothing"),
        (checks.check_in_the_way, kinds_of, "kinds of nodes"),
        (checks.check_in_the_way, lambda g, known: [n for n in g.nodes if type(g.nodes[n]).__name__ in known], "knows"),
        (
            checks.check_in_the_way,
            lambda g, known: [n for n in g.nodes if type(g.nodes[n]).__name__ not in known],
            "ends",
        ),
        (checks.check_in_the_way, lambda graph, known: ["first"], "in the way are"),
        (checks.check_in_the_way, lambda graph, known: 3, "a list with the names"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_other_right_pools_are_accepted() -> None:
    assert checks.check_pool_by_neurons(pool(update="exact"))
    assert checks.check_pool_by_neurons(pool(threshold=0.9))


def test_the_lesson_reads_a_node_as_the_package_does(lesson) -> None:
    generator = torch.Generator().manual_seed(0)
    tau, threshold = (1e-3 + torch.rand(2, 5, generator=generator, dtype=torch.float64)).numpy() * [[1e-2], [1.0]]
    node = nir.LIF(tau=tau + 1e-3, r=np.full(5, 2.0), v_leak=np.full(5, 0.1), v_threshold=threshold, v_reset=-tau)
    inputs = 2 * torch.rand(100, 20, 5, generator=generator, dtype=torch.float64)
    by_lesson = lesson["read_lif"](node, inputs, 1e-3)
    network = graphs.from_nir(nir.NIRGraph.from_list(node), "norse", dt_s=1e-3, dtype=torch.float64)
    assert torch.equal(by_lesson, networks.run_network(network, inputs).outputs)
    assert by_lesson.any() and not by_lesson.all()


@pytest.mark.parametrize("explorer", [widgets.time_step_explorer, widgets.platform_explorer])
def test_the_explorers_draw_at_every_corner(explorer) -> None:
    check_corners(explorer())


def test_the_time_step_explorer_says_what_it_shows() -> None:
    made = widgets.read_with(5.0, 1.0, 1.5)
    read = widgets.read_with(5.0, 0.1, 1.5)
    differ = int((made.spikes != read.spikes).sum())
    figure, alt = widgets.draw_time_step(5.0, 0.1, 1.5)
    assert (
        differ > 0 and figure.axes[0].get_title(loc="left").endswith(f": {differ}") and f"{differ} spikes belong" in alt
    )
    widgets.plt.close(figure)
    figure, alt = widgets.draw_time_step(5.0, 1.0, 1.5)
    assert "0 spikes belong" in alt and made.spikes.any()
    widgets.plt.close(figure)


@pytest.mark.parametrize("platform", platforms.PLATFORMS)
def test_the_platform_explorer_names_what_is_in_the_way(platform) -> None:
    figure, alt = widgets.draw_platform(platform)
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    obstacles = platforms.unknown_nodes(widgets.example_graph(), platform)
    assert written.count("✗") == len(obstacles)
    assert all(f"{obstacle.node} ({obstacle.kind})" in alt for obstacle in obstacles)
    widgets.plt.close(figure)


def test_the_picture_of_a_graph_holds_its_nodes_shapes_and_parameters() -> None:
    graph = widgets.example_graph()
    figure, alt = widgets.draw_graph(graph)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert set(graph.nodes) <= set(written) and {"2×34×34", "8×15×15", "200", "10"} <= set(written)
    assert any("τ_syn 5 ms" in text and "w_in 5" in text for text in written)
    assert all(name in alt for name in graph.nodes)
    widgets.plt.close(figure)
