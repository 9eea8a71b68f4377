"""What a NIR graph cannot say, what no library can read, and files that are none: refused by layer, node or byte."""

import itertools
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import nir
    import snntorch
    from norse.torch.functional.reset import reset_subtract

    from course_utils.exchange.graphs import from_nir, to_nir
    from course_utils.exchange.libraries import OwnNeurons, Recurrent
    from course_utils.exchange.networks import compare, run_network
    from course_utils.exchange.nir_files import read_nir, write_nir

from course_utils.spiking import neurons
from tests.exchange.test_graphs import DT, FRAME, lif, network


def of(layer: nn.Module, **before: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(before | {"mine": layer}))


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (nn.Tanh(), r"layer 'mine' \(Tanh\) cannot be written: supported are Linear, Conv2d"),
        (nn.MaxPool2d(2), "here come no spikes"),
        (nn.Conv2d(2, 2, (3, 5)), "kernel is 3×5"),
        (nn.Conv2d(2, 2, 3, groups=2), "groups is 2"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), "'circular'"),
        (nn.AvgPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.Flatten(0), "start_dim must be 1 or more"),
        (lif(reset_method=reset_subtract), r"layer 'mine' \(LIFBoxCell\) .*reset to a value"),
        (lif(dt=2e-3), "its time step is 0.002 s, and dt_s is 0.001"),
        (snntorch.Leaky(0.9), r"layer 'mine' \(Leaky\) .*subtracts the threshold"),
        (snntorch.Synaptic(0.9, 0.8, reset_mechanism="zero"), "reset_delay=False"),
        (
            snntorch.Synaptic(1.0, 0.8, reset_mechanism="zero", reset_delay=False),
            "decay must be 0 or more, and below 1",
        ),
        (snntorch.Leaky(0.9, reset_mechanism="zero", inhibition=True), "inhibition"),
        (OwnNeurons(neurons.LIF()), 'use update="euler"'),
        (OwnNeurons(neurons.LIF(update="euler", reset="subtract")), "subtracts the threshold"),
        (OwnNeurons(neurons.LIF(update="euler", refractory_ms=2.0)), "refractory"),
        (OwnNeurons(neurons.LIF(update="euler", dt_ms=0.5)), "time step is 0.5 ms"),
        (nn.Linear(7, 2), r"'mine' \(Linear\) does not fit an input of shape \(2, 8, 8\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:Inhibition")
def test_a_layer_that_nir_cannot_say_is_refused_by_name(layer, says) -> None:
    with pytest.raises(ValueError, match=says):
        to_nir(of(layer), input_shape=(2, 8, 8), dt_s=DT)


ONES = torch.ones(3, 2, 4, dtype=torch.float64)
ONE, OTHER = (run_network(nn.Sequential(OrderedDict({name: lif()})), ONES) for name in "ab")


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (lambda: to_nir(nn.Sequential(OrderedDict(input=lif())), input_shape=(3,), dt_s=DT), "'input' has the name"),
        (lambda: to_nir(of(lif()), input_shape=(3,), dt_s=0.0), "dt_s is 0"),
        (lambda: to_nir(of(lif()), input_shape=(3,), dt_s=float("nan")), "dt_s is nan"),
        (lambda: from_nir(simple(), "lava", dt_s=DT), "library is 'lava'; it must be one of norse, snntorch, hand"),
        (lambda: run_network(nn.Sequential(snntorch.Leaky(0.9, init_hidden=True)), ONES), "init_hidden is True"),
        (
            lambda: to_nir(of(nn.MaxPool2d(2), mine_count=lif()), input_shape=FRAME, dt_s=DT),
            "layer 'mine' becomes a node 'mine_count', and there is one already",
        ),
        (
            lambda: to_nir(of(lif(v_leak=torch.zeros(4))), input_shape=(3,), dt_s=DT),
            r"'mine' \(LIFBoxCell\) .* shape \(4,\), but what comes in has \(3,\)",
        ),
        (lambda: compare(ONE, OTHER), "the runs differ in their layers or shapes"),
        (lambda: compare(ONE, run_network(of(lif()), ONES[:2])), "the runs differ in their layers or shapes"),
        (lambda: run_network(of(lif()), torch.zeros(0, 1, 3)), r"the shape of inputs is \[.*one step or more"),
        (lambda: run_network(of(lif()), torch.zeros(3)), r"the shape of inputs is \[.*one step or more"),
        (lambda: run_network(of(nn.Linear(3, 2)), torch.zeros(2, 1, 4)), r"layer 'mine' \(Linear\) .* \[1, 4\]"),
        (
            lambda: to_nir(of(Recurrent(lif(), nn.Linear(3, 2))), input_shape=(3,), dt_s=DT),
            r"'mine' \(Recurrent\) has weights to 2 neurons",
        ),
    ],
)
def test_what_cannot_be_written_read_run_or_compared_is_refused(refused, says) -> None:
    with pytest.raises(ValueError, match=says):
        refused()


def lif_node(*shape: int, tau: float = 1e-2, r: float = 1.0) -> nir.LIF:
    ones = np.ones(shape)
    return nir.LIF(tau=tau * ones, r=r * ones, v_leak=0 * ones, v_threshold=ones)


def simple(*more: nir.NIRNode, shape=(3,), edges: tuple = ()) -> nir.NIRGraph:
    nodes = {"in": nir.Input(np.array(shape)), "lif": lif_node(3)}
    nodes |= {f"more{number}": node for number, node in enumerate(more)} | {"out": nir.Output(np.array([3]))}
    order = list(nodes)
    pairs = [*itertools.pairwise(order), *edges]
    return nir.NIRGraph(nodes, pairs, type_check=False)


def test_names_that_become_one_without_their_dots() -> None:
    graph = simple(lif_node(3), lif_node(3))
    for old, new in (("more0", "a.b"), ("more1", "a_b")):
        graph.nodes = {new if name == old else name: node for name, node in graph.nodes.items()}
        graph.edges = [tuple(new if end == old else end for end in edge) for edge in graph.edges]
    with pytest.raises(ValueError, match="node 'a_b' and another one would both be called 'a_b'"):
        from_nir(graph, "norse", dt_s=DT)


def named(name: str) -> nir.NIRGraph:
    nodes = {"in": nir.Input(np.array([3])), name: nir.Linear(np.ones((3, 3))), "out": nir.Output(np.array([3]))}
    return nir.NIRGraph(nodes, [("in", name), (name, "out")])


@pytest.mark.parametrize("name", ["type", "train", "forward", "a.b", "ü"])
def test_names_that_pytorch_keeps_for_itself_are_read(name, tmp_path) -> None:
    network = from_nir(read_nir(write_nir(tmp_path / "named.nir", named(name))), "norse", dt_s=DT)
    assert run_network(network, torch.ones(2, 1, 3)).outputs.tolist() == [[[3.0] * 3]] * 2


def test_names_that_no_file_can_hold_are_refused_and_the_good_file_stays(tmp_path) -> None:
    file = write_nir(tmp_path / "good.nir", named("fc"))
    good = file.read_bytes()
    with pytest.raises(ValueError, match="'block/fc' cannot name a node"):
        to_nir(nn.Sequential(OrderedDict({"block/fc": nn.Linear(3, 3)})), input_shape=(3,), dt_s=DT)
    scalar = nir.LIF(tau=np.array(0.01), r=np.array(1.0), v_leak=np.array(0.0), v_threshold=np.array(1.0))
    bad = nir.NIRGraph({"in": nir.Input(np.array([1])), "lif": scalar}, [("in", "lif")], type_check=False)
    for graph, says in ((named("block/fc"), "'block/fc' cannot name"), (bad, r"node 'lif' \(LIF\) cannot be written")):
        with pytest.raises(ValueError, match=says):
            write_nir(file, graph)
        assert file.read_bytes() == good and [path.name for path in tmp_path.iterdir()] == ["good.nir"]
    with pytest.raises(OSError, match=r"net\.nir cannot be written: .*Choose a folder in which you may write"):
        write_nir(file / "net.nir", named("fc"))


def test_numbers_that_are_none_are_refused_by_layer() -> None:
    for layer in (nn.Linear(3, 3), lif(threshold=float("nan")), lif(v_leak=torch.tensor(float("inf")))):
        if isinstance(layer, nn.Linear):
            layer.weight.data[0, 0] = float("nan")
        with pytest.raises(ValueError, match=r"layer 'mine' \(\w+\) cannot be written: \w+ is (nan|inf)"):
            to_nir(of(layer), input_shape=(3,), dt_s=DT)
    meta = nn.Linear(3, 3, device="meta")
    with pytest.raises(ValueError, match=r"layer 'mine' \(Linear\) cannot be written"):
        to_nir(of(meta), input_shape=(3,), dt_s=DT)


WITHOUT_SHAPE = simple()
WITHOUT_SHAPE.nodes["in"] = nir.Input(None)


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (simple(nir.Threshold(np.ones(3))), r"node 'more0' is Threshold; supported are Affine, Linear"),
        (simple(nir.Delay(np.array([1e-3, 2e-3, 1e-3]))), r"node 'more0' \(Delay\) .*one whole number of steps"),
        (simple(nir.Delay(np.full(3, 1.4e-3))), r"node 'more0' \(Delay\) .*one whole number of steps"),
        (simple(nir.Affine(np.ones((3, 3)), np.ones(1))), r"node 'more0' \(Affine\) cannot be read .*bias"),
        (simple(nir.Linear(np.full((3, 3), np.nan))), r"node 'more0' \(Linear\) .*weight is nan"),
        (simple(lif_node(3, r=np.inf)), r"node 'more0' \(LIF\) .*r is inf"),
        (simple(lif_node()), r"node 'more0' \(LIF\) .*it has no shape"),
        (simple(lif_node(4)), r"node 'more0' \(LIF\) .* has shape \(4,\), but what comes in has \(3,\)"),
        (simple(lif_node(3, tau=1e-4)), r"node 'more0' \(LIF\) .*: tau falls to 0.0001 s"),
        (simple(lif_node(3, r=-1.0)), r"node 'more0' \(LIF\) .*: r is -1.0; it must be above 0"),
        (simple(nir.Linear(np.ones((3, 5)))), r"'more0' \(Linear\) does not fit an input of shape \(3,\)"),
        (simple(shape=(4,)), r"node 'lif' \(LIF\) .* has shape \(3,\), but what comes in has \(4,\)"),
        (simple(lif_node(3), edges=(("more0", "lif"),)), r"the graph has a loop: \w+ → \w+ → \w+"),
        (simple(lif_node(3), edges=(("lif", "lif"),)), r"the graph has a loop: lif → lif"),
        (simple(lif_node(3), edges=(("lif", "out"),)), r"node '(lif|out)' .* edges in and"),
        (simple(edges=(("lif", "nowhere"),)), "there is no such node"),
        (WITHOUT_SHAPE, r"node 'in' \(Input\) has no shape"),
    ],
)
def test_a_graph_that_is_not_supported_is_refused_by_node(graph, says) -> None:
    with pytest.raises(ValueError, match=says):
        from_nir(graph, "norse", dt_s=DT)


def test_a_file_needs_all_fields(tmp_path) -> None:
    conv = nir.Conv2d(None, np.ones((1, 1, 2, 2)), 1, 0, 1, 1, np.zeros(1))
    graph = nir.NIRGraph({"conv": conv}, [], type_check=False)
    with pytest.raises(ValueError, match=r"node 'conv' \(Conv2d\) has no input_shape"):
        write_nir(tmp_path / "no.nir", graph)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_refused_by_name_and_byte(tmp_path, share) -> None:
    whole = write_nir(tmp_path / "whole.nir", to_nir(network(), input_shape=FRAME, dt_s=DT)).read_bytes()
    cut = tmp_path / "cut.nir"
    cut.write_bytes(whole[: int(share * len(whole))])
    says = rf"cut\.nir cannot be read as NIR: it ends at byte {len(cut.read_bytes())} of {len(whole)}"
    with pytest.raises(ValueError, match=says if share else "cut.nir cannot be read as NIR"):
        read_nir(cut)


def test_other_files_are_refused_and_a_missing_one_is_missing(tmp_path) -> None:
    (tmp_path / "text.nir").write_text("not HDF5")
    with pytest.raises(ValueError, match=r"text\.nir cannot be read as NIR"):
        read_nir(tmp_path / "text.nir")
    nir.write(tmp_path / "odd.nir", simple(nir.Threshold(np.ones(3))))
    with pytest.raises(ValueError, match=r"odd\.nir cannot be read as NIR: node 'more0': it is Threshold; supported"):
        read_nir(tmp_path / "odd.nir")
    with pytest.raises(FileNotFoundError, match=r"no file gone\.nir"):
        read_nir(tmp_path / "gone.nir")
