"""The lesson on NIR: its explorers, the function that it writes out, and files that other tools wrote."""

import contextlib
import io
from functools import partial

import nir
import numpy as np
import pytest
import torch
from torch import nn

from course_utils.data import locate
from course_utils.exchange import graphs, networks, platforms
from course_utils.exchange.nir_files import read_nir
from course_utils.lessons.nir_exchange import checks, paper, widgets

DT = 1e-4  # of the paper's neuron


@pytest.fixture(scope="module")
def files() -> dict:
    if not (found := paper.paper_files()):
        pytest.skip("the NIR paper's files are not here")
    return found


def run(graph: nir.NIRGraph, library: str, inputs: torch.Tensor, dt_s: float) -> networks.NetworkRun:
    with torch.no_grad():
        return networks.run_network(graphs.from_nir(graph, library, dt_s=dt_s, dtype=torch.float64), inputs)


def test_other_right_answers_are_accepted() -> None:
    for other in ({"tau_mem_ms": 20.0, "threshold": 1e-4}, {"weight": 0.5}, {"tau_mem_ms": 1.0, "threshold": 0.05}):
        assert checks.check_pool_by_neurons(partial(checks.check_pool_by_neurons.right, **other))
    assert checks.check_in_the_way(lambda graph, known: set(checks.check_in_the_way.right(graph, known)))
    assert checks.check_decay(lambda tau_s, dt_s: 1 - torch.tensor(dt_s) / torch.tensor(tau_s))  # single precision


def test_answers_that_only_know_the_shown_cases_are_refused() -> None:
    shown = dict(checks.check_decay.cases)
    assert not checks.check_decay(lambda tau_s, dt_s: 1 - dt_s / tau_s if shown.get(tau_s) == dt_s else 0.5)
    pooled = nn.MaxPool3d((1, 2, 2))
    verdict = checks.check_pool_by_neurons(lambda spikes, dt_ms, update: pooled(spikes))
    assert "No `LIF` ran" in verdict.message


def test_the_lesson_reads_a_node_as_the_package_does(lesson) -> None:
    generator = torch.Generator().manual_seed(0)
    tau, threshold = (1e-3 + torch.rand(2, 5, generator=generator, dtype=torch.float64)).numpy() * [[1e-2], [1.0]]
    node = nir.LIF(tau=tau + 1e-3, r=np.full(5, 2.0), v_leak=np.full(5, 0.1), v_threshold=threshold, v_reset=-tau)
    inputs = 2 * torch.rand(100, 20, 5, generator=generator, dtype=torch.float64)
    by_lesson = lesson["read_lif"](node, inputs, 1e-3)
    assert torch.equal(by_lesson, run(nir.NIRGraph.from_list(node), "norse", inputs, 1e-3).outputs)
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


# --- files of the NIR paper ------------------------------------------------------------------------------------------


def test_without_files_and_network_there_is_one_line(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(locate, "DOWNLOADS", tmp_path)
    monkeypatch.setattr(paper, "DOWNLOADS", tmp_path / "new")
    monkeypatch.setattr(paper, "MIRRORS", ("http://127.0.0.1:9/{}/{}",))
    assert paper.paper_files() == {} and capsys.readouterr().out.count("\n") == 1
    (tmp_path / "nir_paper").mkdir()
    (tmp_path / "nir_paper" / "lif_norse.nir").write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"lif_norse\.nir is damaged"):
        paper.paper_files()


@pytest.mark.parametrize("library", ["norse", "snntorch", "hand"])
def test_the_papers_neuron_does_what_the_paper_says(files, library) -> None:
    traces = paper.paper_traces(files)
    inputs = torch.tensor(traces["Norse"][:, 0])[:, None, None]
    for name, spikes in (("lif_norse.nir", [460, 510, 710, 760]), ("lif_rockpool.nir", [460, 520, 720, 780])):
        found = run(read_nir(files[name]), library, inputs, DT).outputs.flatten()
        assert found.nonzero().flatten().tolist() == spikes
    assert np.flatnonzero(traces["Norse"][:, 2]).tolist() == [460, 510, 710, 760]


def test_the_trace_called_spinnaker2_was_computed_in_double_precision(files) -> None:
    """Its decay is a single-precision 0.96, its weight 102; every step in single precision gives other numbers."""
    trace = paper.paper_traces(files)["SpiNNaker 2's simulator"]
    apart = {}
    for kind in (np.float32, np.float64):
        v, potentials = kind(0), []
        for x in trace[:, 0]:
            v = kind(kind(np.float32(0.96)) * v) + kind(102 * x)
            v = kind(0) if v > 2.5 * 102.02 else v
            potentials.append(v)
        apart[kind] = np.abs(np.array(potentials, float) / 102.02 - trace[:, 1]).max()
    assert apart[np.float64] < 1e-12 and apart[np.float32] > 1e-8


def test_a_graph_with_values_that_a_library_cannot_hold_is_refused_by_node(files) -> None:
    graph = read_nir(files["two_lif_neurons.nir"])
    for library in ("snntorch", "hand"):
        with pytest.raises(ValueError, match=r"node 'lif1' \(LIF\) cannot be read for \w+: v_leak is not 0"):
            graphs.from_nir(graph, library, dt_s=DT)
    reached = {}
    graph.nodes["lif2"] = nir.LI(tau=graph.nodes["lif2"].tau, r=np.ones(1), v_leak=np.zeros(1))
    for dt_s in (1e-3, 1e-4):
        outputs = run(graph, "norse", torch.zeros(round(0.1 / dt_s), 1, 1, dtype=torch.float64), dt_s).outputs
        reached[dt_s] = outputs.max().item()
    assert reached[1e-3] > 5 * reached[1e-4], "a spike counts for one step: the shorter the step, the less"


def test_a_loop_that_others_wrote_is_read_in_every_library(files) -> None:
    graph, inputs = read_nir(files["braille_noDelay_bias_zero.nir"]), None
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * (torch.rand(60, 20, 12, generator=generator) < 0.3).double()
    one, *others = (run(graph, library, inputs, DT) for library in ("norse", "snntorch", "hand"))
    assert all(networks.compare(one, other).total == 0 for other in others)
    assert one.spikes["lif1_lif"].any() and 0.1 < one.outputs.mean() < 0.9
    graph.nodes["lif1.w_rec"].weight = 0 * graph.nodes["lif1.w_rec"].weight
    assert networks.compare(one, run(graph, "norse", inputs, DT)).total > 0, "the loop is heard"


def test_the_convnet_of_sinabs_counts_time_in_steps(files) -> None:
    graph = read_nir(files["cnn_sinabs.nir"])
    inputs = (torch.rand(10, 5, 2, 34, 34, generator=torch.Generator().manual_seed(0)) < 0.1).double()
    one, other = (run(graph, library, inputs, 1.0) for library in ("norse", "snntorch"))
    assert networks.compare(one, other).total == 0 and one.outputs.any()
    assert not run(graph, "norse", inputs, 1e-3).spikes["1"].any()


# --- written by us, read by others -----------------------------------------------------------------------------------


def written() -> tuple[nir.NIRGraph, torch.Tensor]:
    """A graph of ours, Linear and a CubaLIF such that all readers take it, and inputs."""
    generator, ones = torch.Generator().manual_seed(0), np.ones(12)
    weight = 0.6 * torch.rand(12, 8, generator=generator, dtype=torch.float64) - 0.15
    tau_mem, tau_syn = 2e-3, 1e-3
    neurons = nir.CubaLIF(
        tau_mem=tau_mem * ones, tau_syn=tau_syn * ones, r=tau_mem / DT * ones, v_leak=0 * ones,
        v_threshold=4 * ones, w_in=tau_syn / DT * ones,
    )  # fmt: skip
    inputs = (torch.rand(300, 10, 8, generator=generator) < 0.1).double()
    return nir.NIRGraph.from_list(nir.Affine(weight.numpy(), np.zeros(12)), neurons), inputs


def stepped(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    state, outputs = None, []
    with torch.no_grad():
        for x in inputs.float():
            out, state = network(x, state)
            outputs.append(out)
    return torch.stack(outputs)


@pytest.mark.parametrize("reader", ["norse", "snntorch"])
def test_what_we_write_the_libraries_own_readers_read(reader) -> None:
    graph, inputs = written()
    mine = run(graph, "hand", inputs, DT).outputs
    with contextlib.redirect_stdout(io.StringIO()):
        if reader == "norse":
            import norse.torch as norse

            network = norse.from_nir(graph, dt=DT)
        else:
            from snntorch.import_nir import import_from_nir

            network = import_from_nir(graph)
    assert mine.mean() > 0.005
    assert (stepped(network, inputs) != mine).sum() <= 0.01 * mine.sum(), "they compute in single precision"


def test_what_we_write_rockpool_reads() -> None:
    """It takes its step from r, leaks by exp(−dt/τ) and subtracts the threshold: so does the neuron written here."""
    modules = pytest.importorskip("rockpool.nn.modules", reason="Rockpool is an extra")
    graph, inputs = written()
    neurons = next(node for node in graph.nodes.values() if isinstance(node, nir.CubaLIF))
    neurons.r = neurons.tau_mem / DT - 1  # Rockpool's dt is τ/(1 + r)
    with torch.no_grad():
        theirs, *_ = modules.from_nir(graph)(inputs.transpose(0, 1).float())
    theirs = theirs.transpose(0, 1)
    weight = torch.tensor(next(node.weight for node in graph.nodes.values() if isinstance(node, nir.Affine)))
    left_mem, left_syn = np.exp(-DT / neurons.tau_mem[0]), np.exp(-DT / neurons.tau_syn[0])
    i = v = torch.zeros(10, 12, dtype=torch.float64)
    mine = []
    for x in inputs @ weight.T:
        i = left_syn * (i + x)
        v = left_mem * v + i
        mine.append((v > neurons.v_threshold[0]).double())
        v = v - neurons.v_threshold[0] * mine[-1]
    mine = torch.stack(mine)
    assert mine.mean() > 0.005 and (theirs != mine).sum() <= 0.01 * mine.sum()
    euler = run(graph, "hand", inputs, DT).outputs
    assert (theirs != euler).sum() > 0.05 * mine.sum(), "so it is not the network that we wrote"
