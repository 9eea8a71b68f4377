"""The NIR graph for BrainScaleS-2's reader: it is the model with 6-bit weights, and nothing is in the reader's way."""

import nir
import numpy as np
import pytest
import torch

from course_utils.chips import brainscales
from course_utils.chips.placing import check_fits
from course_utils.chips.virtual_chip import fitting_scale, fold_pool, to_integers
from course_utils.exchange.graphs import from_nir
from course_utils.exchange.networks import run_network
from course_utils.exchange.nir_files import read_nir, write_nir
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import over_time
from tests.chips.fifth import fifth


@pytest.fixture
def model() -> LIReadout:
    torch.manual_seed(0)
    return fifth(torch.rand(64, 1, 16, 16)).double()


def rounded(weight: torch.Tensor) -> torch.Tensor:
    scale = fitting_scale(weight)
    return to_integers(weight, scale) / scale


def test_the_graph_is_the_model_with_rounded_weights_spike_for_spike(model):
    images = torch.rand(12, 1, 16, 16, dtype=torch.float64)
    inputs = model.encode(images)
    network = from_nir(brainscales.stripe_graph(model), "norse", dt_s=1e-3, dtype=torch.float64)
    run = run_network(network, brainscales.with_bias_input(inputs))
    together = rounded(torch.cat((model.conv.weight.data.flatten(), model.conv.bias.data)))
    model.conv.weight.data = together[:-2].view_as(model.conv.weight)
    model.conv.bias.data = together[-2:]
    wanted = model.activity(images)
    assert wanted.hidden.sum() > 1000
    assert torch.equal(run.spikes["hidden"], wanted.hidden.flatten(2) > 0)
    readout = rounded(fold_pool(model))
    wanted = over_time(model.li, wanted.hidden.flatten(2) @ readout.T + model.linear.bias)
    found = run.outputs + brainscales.readout_bias(model, len(inputs))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)  # Norse keeps time constants in single precision


FAN_INS = [
    f"{layer} has {fan_in} inputs a neuron; the reader joins no circuits, and one has 128 signed ones"
    for layer, fan_in in (("hidden", 257), ("readout", 338))
]


def test_only_the_inputs_are_in_the_readers_way_and_the_file_keeps_it_so(model, tmp_path):
    graph = brainscales.stripe_graph(model)
    assert brainscales.obstacles(graph) == FAN_INS
    for name in ("hidden_weights", "readout_weights"):  # what the reader will find: whole numbers up to ±63, all used
        integers = graph.nodes[name].weight * 64
        assert (integers == np.round(integers)).all() and np.abs(integers).max() == 63
    read = read_nir(write_nir(tmp_path / "stripes.nir", graph))
    assert brainscales.obstacles(read) == FAN_INS


def test_a_graph_within_one_circuit_a_neuron_has_nothing_in_its_way():
    """128 inputs fit and 129 do not; 512 neurons fit and 513 do not."""

    def graph(inputs: int, neurons: int) -> nir.NIRGraph:
        alike = {name: np.ones(neurons) * 5e-3 for name in ("tau_syn", "tau_mem", "r", "w_in")}
        cell = nir.CubaLI(**alike, v_leak=np.zeros(neurons))
        nodes = [nir.Input(np.array([inputs])), nir.Linear(np.zeros((neurons, inputs))), cell]
        return nir.NIRGraph.from_list(*nodes, nir.Output(np.array([neurons])))

    assert brainscales.obstacles(graph(128, 512)) == []
    assert ["129 inputs" in said for said in brainscales.obstacles(graph(129, 512))] == [True]
    assert ["513 neurons" in said for said in brainscales.obstacles(graph(128, 513))] == [True]


def test_a_matrix_takes_more_circuits_than_there_are_and_its_synapses_alone_do_not(model):
    """257 inputs take 3 circuits, 338 · 3 = 1014; a window of 16 pixels and the bias take one. The readout: 2 · 3."""
    dense, sparse = (brainscales.places_of(brainscales.stripe_graph(model), sparse=one) for one in (False, True))
    assert [tuple(place) for place in dense] == [("hidden", 338, 257, 3), ("readout", 2, 338, 3)]
    with pytest.raises(ValueError, match="takes 1020 circuits"):
        check_fits(dense)
    assert sparse[0].fan_in <= 17 and sparse[0].circuits == 1 and check_fits(sparse) == 344


def broken(graph: nir.NIRGraph, how: str) -> nir.NIRGraph:
    hidden, weights = graph.nodes["hidden"], graph.nodes["hidden_weights"]
    if how == "weight":
        weights.weight *= 2
    elif how == "neurons":
        hidden.v_threshold = np.where(np.arange(338) < 169, 1.0, 2.0)
    elif how == "time":
        hidden.tau_syn = hidden.tau_syn * 1000  # in ms, as the reader's comment has it
    elif how == "order":
        graph.edges = graph.edges[::-1]
    elif how == "two inputs":
        graph.nodes["again"] = graph.nodes["input"]
    elif how == "kind":
        graph.nodes["hidden_weights"] = nir.Affine(weights.weight, np.zeros(338))
    return graph


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("weight", "hidden_weights: the largest weight is 1.97; above 0.984 it is cut off"),
        ("neurons", "hidden: v_threshold has 2 values; the reader wants one for the layer"),
        ("time", "hidden: tau_syn is 5e+03 µs on the chip, which does 0.3 to 30 µs"),
        ("order", "the edge from readout to output stands before anything that leads to readout"),
        ("two inputs", "the graph has 2 nodes Input; the reader wants one"),
        ("kind", "hidden_weights is Affine, which the reader does not know"),
    ],
)
def test_an_obstacle_is_named(model, how, said):
    assert said in brainscales.obstacles(broken(brainscales.stripe_graph(model), how))


def test_what_the_chip_cannot_do_is_refused(model):
    with pytest.raises(ValueError, match="pool is a maximum"):
        brainscales.stripe_graph(LIReadout())
    model.conv.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        brainscales.stripe_graph(model)
    with pytest.raises(ValueError, match=r"inputs have shape \(3, 2\); it must be \[time, batch, 1, 16, 16\]"):
        brainscales.with_bias_input(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="steps is 0"):
        brainscales.readout_bias(model, 0)
