"""The lesson on NIR: its explorers, and the function that it writes out."""


import nir
import numpy as np
import pytest
import torch

from course_utils.exchange import graphs, networks, platforms
from course_utils.lessons.nir_exchange import checks, widgets


def test_other_right_answers_are_accepted() -> None:
    for other in ({"update": "exact"}, {"threshold": 0.9}):
        assert checks.check_pool_by_neurons(checks._pooled_by(**other))
    assert checks.check_in_the_way(lambda graph, known: set(checks.check_in_the_way.right(graph, known)))


def test_the_lesson_reads_a_node_as_the_package_does(lesson) -> None:
    generator = torch.Generator().manual_seed(0)
    tau, threshold = (1e-3 + torch.rand(2, 5, generator=generator, dtype=torch.float64)).numpy() * [[1e-2], [1.0]]
    node = nir.LIF(tau=tau + 1e-3, r=np.full(5, 2.0), v_leak=np.full(5, 0.1), v_threshold=threshold, v_reset=-tau)
    inputs = 2 * torch.rand(100, 20, 5, generator=generator, dtype=torch.float64)
    by_lesson = lesson["read_lif"](node, inputs, 1e-3)
    network = graphs.from_nir(nir.NIRGraph.from_list(node), "norse", dt_s=1e-3, dtype=torch.float64)
    assert torch.equal(by_lesson, networks.run_network(network, inputs).outputs)
    assert by_lesson.any() and not by_lesson.all()


def test_the_time_step_explorer_says_what_it_shows() -> None:
    made = widgets.read_with(5.0, 1.0, 1.5)
    read = widgets.read_with(5.0, 0.1, 1.5)
    differ = int((made.spikes != read.spikes).sum())
    figure, alt = widgets.draw_time_step(5.0, 0.1, 1.5)
    assert (
        differ > 0 and figure.axes[0].get_title(loc="left").endswith(f": {differ}") and f"{differ} spikes belong" in alt
    )
    figure, alt = widgets.draw_time_step(5.0, 1.0, 1.5)
    assert "0 spikes belong" in alt and made.spikes.any()


@pytest.mark.parametrize("platform", platforms.PLATFORMS)
def test_the_platform_explorer_names_what_is_in_the_way(platform) -> None:
    figure, alt = widgets.draw_nir(widgets.example_graph(), platform)
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    obstacles = platforms.unknown_nodes(widgets.example_graph(), platform)
    assert written.count("✗") == len(obstacles)
    assert all(f"{obstacle.node} ({obstacle.kind})" in alt for obstacle in obstacles)


def test_the_picture_of_a_graph_holds_its_nodes_shapes_and_parameters() -> None:
    graph = widgets.example_graph()
    figure, alt = widgets.draw_nir(graph)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert set(graph.nodes) <= set(written) and {"2×34×34", "8×15×15", "200", "10"} <= set(written)
    assert any("τ_syn 5 ms" in text and "w_in 5" in text for text in written)
    assert all(name in alt for name in graph.nodes)
