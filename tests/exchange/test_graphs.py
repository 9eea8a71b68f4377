"""NIR both ways: every layer, every library, spike for spike."""

import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import nir
    import norse.torch as norse
    import snntorch

    from course_utils.exchange.graphs import chain, from_nir, to_nir
    from course_utils.exchange.libraries import (
        LIBRARIES,
        Delay,
        Neurons,
        OwnNeurons,
        Readout,
        Recurrent,
        build_neurons,
        describe_neurons,
    )
    from course_utils.exchange.networks import NetworkRun, compare, run_network, spiking_layers
    from course_utils.exchange.nir_files import read_nir, write_nir

from course_utils.spiking import neurons

DT = 1e-3
FRAME = (2, 34, 34)
EVERY_LIBRARY = pytest.mark.parametrize("library", LIBRARIES)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def lif(tau: float = 4e-3, threshold: float = 0.5, *, dt: float = DT, **others) -> norse.LIFBoxCell:
    return norse.LIFBoxCell(norse.LIFBoxParameters(1 / number(tau), v_th=number(threshold), **others), dt=dt)


def cuba_lif(tau: float = 6e-3, tau_syn: float = 3e-3, threshold: float = 0.4) -> norse.LIFCell:
    return norse.LIFCell(norse.LIFParameters(1 / number(tau_syn), 1 / number(tau), v_th=number(threshold)), dt=DT)


def li(tau: float = 1e-2) -> norse.LIBoxCell:
    return norse.LIBoxCell(norse.LIBoxParameters(1 / number(tau)), dt=DT)


def network(pool: nn.Module | None = None, *, seed: int = 0) -> nn.Sequential:
    """The lesson's network, in Norse, with random weights large enough that all layers spike."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(2, 8, 5, stride=2, bias=False),
            lif1=lif(),
            pool=pool or nn.MaxPool2d(3),
            flat=nn.Flatten(),
            hidden=nn.Linear(200, 64),
            lif2=cuba_lif(),
            scores=nn.Linear(64, 10),
            readout=li(),
        )
    ).double()
    with torch.no_grad():
        for layer in (made.conv, made.hidden):
            layer.weight *= 4
    return made


def frames(count: int = 100, steps: int = 15, *, seed: int = 0) -> Tensor:
    """Random event frames [time, batch, 2, 34, 34]."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, count, *FRAME, generator=generator) < 0.25).double()


def taken_to(library: str, graph: nir.NIRGraph, dtype: torch.dtype = torch.float64, dt_s: float = DT) -> nn.Sequential:
    return from_nir(graph, library, dt_s=dt_s, dtype=dtype)


def through_a_file(made: nn.Sequential, folder, input_shape=FRAME, dt_s=DT) -> nir.NIRGraph:
    return read_nir(write_nir(folder / "network.nir", to_nir(made, input_shape=input_shape, dt_s=dt_s)))


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Sequential, Tensor, NetworkRun]:
    made, inputs = network(), frames()
    with torch.no_grad():
        return made, inputs, run_network(made, inputs)


@pytest.fixture(scope="module")
def graph(trained, tmp_path_factory) -> nir.NIRGraph:
    return through_a_file(trained[0], tmp_path_factory.mktemp("nir"))


@EVERY_LIBRARY
def test_norse_to_a_file_to_each_library_spike_for_spike(trained, graph, library) -> None:
    _, inputs, before = trained
    with torch.no_grad():
        after = run_network(taken_to(library, graph), inputs)
    assert all(0.01 < spikes.double().mean() < 0.99 for spikes in before.spikes.values()), "alive"
    difference = compare(before, after)
    assert difference.mismatches == {"lif1": 0, "pool": 0, "lif2": 0} and difference.compared["lif1"] == 100 * 15**3 * 8
    assert difference.readout < 1e-6 and before.outputs.abs().max() > 0.1
    assert torch.equal(before.outputs.mean(0).argmax(1), after.outputs.mean(0).argmax(1)), "equal to the image"


@EVERY_LIBRARY
@pytest.mark.parametrize("back", LIBRARIES)
def test_from_each_library_to_each_other(trained, graph, library, back, tmp_path) -> None:
    _, inputs, before = trained
    there = taken_to(library, graph)
    returned = taken_to(back, through_a_file(there, tmp_path))
    with torch.no_grad():
        after = run_network(returned, inputs[:, :20])
    spikes = {name: spikes[:, :20] for name, spikes in before.spikes.items()}
    difference = compare(after, NetworkRun(before.outputs[:, :20], spikes))
    assert difference.total == 0 and difference.readout < 1e-6


@EVERY_LIBRARY
@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(3),
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(3, divisor_override=1),
        nn.MaxPool2d(3, stride=2),
        nn.MaxPool2d(3, padding=1),
    ],
    ids=["average", "average, overlapping", "sum", "maximum, overlapping", "maximum, padded"],
)
def test_every_pool(pool, library, tmp_path) -> None:
    torch.manual_seed(1)
    made = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 3, 3), lif=lif(threshold=0.1), pool=pool, flat=nn.Flatten()))
    made = made.double()
    size = run_network(made, torch.zeros(1, 1, 2, 11, 11).double()).outputs.shape[-1]
    made.extend([nn.Linear(size, 5).double(), lif(threshold=0.05)])
    inputs = frames(20)[..., :11, :11]
    graph = through_a_file(made, tmp_path, (2, 11, 11))
    after = run_network(taken_to(library, graph), inputs)
    difference = compare(run_network(made, inputs), after)
    assert difference.total == 0 and {"lif", "5"} <= difference.compared.keys()
    assert after.outputs.any() and not after.outputs.all()


@pytest.mark.parametrize("update", ["euler", "exact"])
@pytest.mark.parametrize("dt_s", [1e-2, 1e-3, 7e-4, 5e-4, 1e-4, 2e-5])
def test_a_max_pool_holds_at_every_step_and_discretisation(update, dt_s) -> None:
    """The negative control is the threshold of one half, which misses single spikes as soon as a step is half a τ."""
    pool = to_nir(nn.Sequential(lif(), nn.MaxPool2d(2)), input_shape=FRAME, dt_s=DT).nodes["1"]
    counts = torch.randint(0, 5, (40, 200), generator=torch.Generator().manual_seed(0)).double()
    tau, threshold = 1000 * pool.tau.flat[0], pool.v_threshold.flat[0]
    read = {"tau_mem_ms": tau, "dt_ms": 1000 * dt_s, "update": update}
    for tried, exact in ((threshold, True), (0.5, dt_s == 1e-2)):
        spikes = neurons.LIF(**read, threshold=tried).run(counts).spikes
        assert torch.equal(spikes, (counts > 0).double()) == exact


def looped(library: str, *, seed: int = 0) -> nn.Sequential:
    """A recurrent network of a library, in double precision, awake."""
    torch.manual_seed(seed)
    of = Neurons(np.array(8e-3), np.array(4e-3), np.array(1.0), np.array(0.0), np.array(0.3))
    cell = build_neurons(of, library, DT, torch.float64)
    last = build_neurons(Neurons(np.array(1e-2)), library, DT, torch.float64)
    back = nn.Linear(12, 12)
    return nn.Sequential(
        OrderedDict(fc=nn.Linear(5, 12), rec=Recurrent(cell, back), out=nn.Linear(12, 3), last=last)
    ).double()


@EVERY_LIBRARY
def test_a_loop_is_written_and_read_in_every_library(library, tmp_path) -> None:
    made, inputs = looped(library), 3 * torch.rand(40, 20, 5, dtype=torch.float64)
    graph = through_a_file(made, tmp_path, (5,))
    assert {("rec", "rec_recurrent"), ("rec_recurrent", "rec")} <= set(graph.edges)
    with torch.no_grad():
        before = run_network(made, inputs)
        for other in LIBRARIES:
            difference = compare(before, run_network(taken_to(other, graph), inputs))
            assert difference.total == 0 and difference.readout < 1e-9
        made.rec.weights.weight *= 0
        assert compare(before, run_network(made, inputs)).mismatches["rec"] > 100, "the loop matters"
    assert 0.02 < before.spikes["rec"].double().mean() < 0.9


def test_a_loop_does_what_norses_own_recurrent_neurons_do() -> None:
    """snnTorch 1.0.0's RSynaptic cannot be compared: with reset_delay=False its potential is never reset."""
    generator, size = torch.Generator().manual_seed(0), 6
    cell = build_neurons(Neurons(*map(np.array, (8e-3, 4e-3, 1.0, 0.0, 0.3))), "norse", DT, torch.float32)
    weights = nn.Linear(size, size, bias=False)
    inputs = 3 * torch.rand(60, 10, size, generator=generator)
    eye, back = torch.eye(size), weights.weight.data
    own = norse.LIFRecurrentCell(size, size, cell.p, input_weights=eye, recurrent_weights=back, autapses=True, dt=DT)
    state, theirs = None, []
    with torch.no_grad():
        for x in inputs:
            spikes, state = own(x, state)
            theirs.append(spikes)
        ours, without = (run_network(nn.Sequential(made), inputs).outputs for made in (Recurrent(cell, weights), cell))
    same = (torch.stack(theirs) == ours).double().mean().item()
    assert same > 0.999 and (without == ours).double().mean() < 0.98


def test_delays_go_both_ways_and_shift_a_network(tmp_path) -> None:
    made = nn.Sequential(OrderedDict(a=lif(), wait=Delay(3), fc=nn.Linear(4, 6, bias=False).double(), b=lif()))
    nn.init.ones_(made.fc.weight)
    graph = through_a_file(made, tmp_path, (4,))
    assert (graph.nodes["wait"].delay == 3 * DT).all()
    inputs = 2 * torch.rand(30, 10, 4, dtype=torch.float64)
    before = run_network(nn.Sequential(OrderedDict(a=made.a, fc=made.fc, b=made.b)), inputs)
    after = run_network(taken_to("snntorch", graph), inputs)
    assert torch.equal(after.outputs[3:], before.outputs[:-3]) and not after.outputs[:3].any()
    assert after.spikes["wait"].any() and before.outputs.any()
    finer = taken_to("norse", graph, dt_s=5e-4)
    assert finer.wait.steps == 6, "a delay is a time, not a number of steps"


@pytest.mark.parametrize("library", ["norse", "snntorch"])
def test_neurons_without_leak(library, tmp_path) -> None:
    node = nir.IF(r=np.full(4, 2.0), v_threshold=np.full(4, 3.0), v_reset=np.zeros(4))
    graph = nir.NIRGraph.from_list(node)
    inputs = torch.rand(50, 10, 4, dtype=torch.float64)
    made = taken_to(library, graph, dt_s=0.5)
    spikes = run_network(made, inputs).outputs
    v, wanted = torch.zeros_like(inputs[0]), []
    for x in inputs:
        v = v + 0.5 * 2.0 * x
        wanted.append((v > 3).double())
        v = torch.where(v > 3, 0.0, v)
    assert torch.equal(spikes, torch.stack(wanted)) and spikes.any()
    back = through_a_file(made, tmp_path, (4,), 0.5)
    assert torch.equal(run_network(taken_to("norse", back, dt_s=0.5), inputs).outputs, spikes)
    with pytest.raises(ValueError, match=r"node 'if' \(IF\) cannot be read for hand: its neurons all leak"):
        from_nir(graph, "hand", dt_s=0.5)


def test_single_and_half_precision_are_written() -> None:
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        weight = to_nir(nn.Sequential(nn.Linear(3, 2)).to(dtype), input_shape=(3,), dt_s=DT).nodes["0"].weight
        assert weight.dtype == (np.float16 if dtype == torch.float16 else np.float32)


def content(node: nir.NIRNode) -> dict:
    return {name: np.asarray(value) for name, value in node.to_dict().items() if name not in ("metadata", "type")}


def test_graph_to_file_to_graph_is_bit_for_bit(trained, graph) -> None:
    before = to_nir(trained[0], input_shape=FRAME, dt_s=DT)
    assert list(chain(graph)) == list(before.nodes) and set(graph.edges) == set(before.edges)
    for name, node in before.nodes.items():
        found = content(graph.nodes[name])
        assert type(node) is type(graph.nodes[name])
        for parameter, value in content(node).items():
            assert found[parameter].dtype == value.dtype or value.dtype.kind in "iuUSO", (name, parameter)
            assert np.array_equal(found[parameter], value), (name, parameter)


@st.composite
def small_networks(draw) -> tuple[nn.Sequential, str, tuple[int, ...], torch.dtype]:
    """One of each kind at random: synapses, pool and neurons, in one of the libraries."""
    dtype, library = draw(st.sampled_from([torch.float32, torch.float64])), draw(st.sampled_from(LIBRARIES))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    side, channels, kernel = draw(st.integers(5, 8)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pool = draw(st.sampled_from([nn.AvgPool2d(2), nn.AvgPool2d(2, stride=1), nn.AvgPool2d(2, divisor_override=1)]))

    def some(spikes: bool) -> nn.Module:
        times = [draw(st.floats(DT, 0.2)), draw(st.none() | st.floats(DT, 0.2))]
        threshold, gain = (draw(st.floats(0.01, 10)), 1.0) if spikes else (None, draw(st.floats(0.1, 10)))
        values = [None if value is None else np.array(value) for value in (*times, gain, 0.0, threshold)]
        return build_neurons(Neurons(*values), library, DT, dtype)

    conv = nn.Conv2d(channels, 2, kernel, bias=draw(st.booleans()))
    features = pool(conv(torch.zeros(1, channels, side, side))).numel()
    linear = nn.Linear(features, 3, bias=draw(st.booleans()))
    layers = OrderedDict(conv=conv.to(dtype), lif1=some(True), pool=pool, flat=nn.Flatten(), linear=linear.to(dtype))
    return nn.Sequential(layers | {"last": some(draw(st.booleans()))}), library, (channels, side, side), dtype


def same_neurons(one: nn.Module, other: nn.Module, rtol: float) -> None:
    for name, value in vars(describe_neurons(one, DT)).items():
        found = getattr(describe_neurons(other, DT), name)
        assert (value is None) == (found is None), name
        assert value is None or np.allclose(found, value, rtol=rtol, atol=0), name


@settings(max_examples=80)
@given(small_networks())
def test_module_to_file_to_module_keeps_weights_and_neurons(tmp_path_factory, drawn) -> None:
    made, library, shape, dtype = drawn
    path = tmp_path_factory.getbasetemp() / "small.nir"
    back = taken_to(library, read_nir(write_nir(path, to_nir(made, input_shape=shape, dt_s=DT))), dtype)
    assert [name for name, _ in back.named_children()] == [name for name, _ in made.named_children()]
    for before, after in zip(made, back, strict=True):
        assert type(before) is type(after)
        for name, weight in before.named_parameters():
            assert torch.equal(weight, after.get_parameter(name)) or (name == "bias" and not weight.any())
    for name in ("lif1", "last"):
        same_neurons(made.get_submodule(name), back.get_submodule(name), 1e-12 if dtype == torch.float64 else 1e-5)


@settings(max_examples=40)
@given(small_networks(), st.sampled_from(LIBRARIES))
def test_random_small_networks_do_the_same_elsewhere(drawn, library) -> None:
    made, _, shape, dtype = drawn
    if dtype == torch.float32:
        return  # there a potential may lie within a rounding of its threshold
    other = taken_to(library, to_nir(made, input_shape=shape, dt_s=DT))
    inputs = torch.rand(12, 4, *shape, dtype=dtype, generator=torch.Generator().manual_seed(0)).mul(4).round()
    with torch.no_grad():
        before, after = run_network(made, inputs), run_network(other, inputs)
    difference = compare(before, after)
    assert difference.total == 0
    assert difference.readout <= 1e-9 * (1 + before.outputs.abs().max().item())


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (cuba_lif(6e-3, 3e-3, 0.4), (6e-3, 3e-3, 1, 0, 0.4)),
        (norse.LICell(norse.LIParameters(1 / number(2e-3), 1 / number(5e-3)), dt=DT), (5e-3, 2e-3, 1, 0, None)),
        (snntorch.Leaky(number(0.75), threshold=number(8.0), reset_mechanism="zero"), (4e-3, None, 4, 0, 8.0)),
        (
            snntorch.Synaptic(number(0.5), number(0.9), threshold=number(2.0), reset_mechanism="none"),
            (1e-2, 2e-3, 10, 0, None),
        ),
        (OwnNeurons(neurons.LIF(5.0, 2.0, update="euler", threshold=0.3)), (5e-3, 2e-3, 1, 0, 0.3)),
        (Readout(OwnNeurons(neurons.LI(5.0, update="euler")), number(3.0)), (5e-3, None, 3, 0, None)),
    ],
)
def test_parameters_of_each_library_by_hand(layer, says) -> None:
    """Time constants, gain, rest and threshold, from numbers written down here."""
    of = describe_neurons(layer, DT)
    for found, value in zip((of.tau, of.tau_syn, of.gain, of.leak, of.threshold), says, strict=True):
        assert found is value is None or float(found) == pytest.approx(value, rel=1e-12)


@EVERY_LIBRARY
def test_parameters_may_differ_from_neuron_to_neuron(library) -> None:
    generator = torch.Generator().manual_seed(0)
    taus = 2e-3 + 2e-2 * torch.rand(6, generator=generator, dtype=torch.float64)
    thresholds = 0.1 + torch.rand(6, generator=generator, dtype=torch.float64)
    made = nn.Sequential(nn.Linear(4, 6).double(), norse.LIFBoxCell(norse.LIFBoxParameters(1 / taus, v_th=thresholds)))
    graph = to_nir(made, input_shape=(4,), dt_s=DT)
    if library == "hand":
        with pytest.raises(ValueError, match=r"node '1' \(LIF\) cannot be read for hand: .* one value"):
            from_nir(graph, library, dt_s=DT)
        return
    inputs = 8 * torch.rand(30, 5, 4, dtype=torch.float64, generator=generator)
    other = run_network(taken_to(library, graph), inputs)
    assert compare(run_network(made, inputs), other).total == 0 and other.outputs.any()


def test_rest_and_reset_other_than_0_reach_norse_only() -> None:
    made = nn.Sequential(nn.Linear(4, 6).double(), lif(v_leak=number(0.2), v_reset=number(-0.3)))
    graph = to_nir(made, input_shape=(4,), dt_s=DT)
    inputs = 4 * torch.rand(30, 5, 4, dtype=torch.float64)
    assert compare(run_network(made, inputs), run_network(taken_to("norse", graph), inputs)).total == 0
    with pytest.raises(ValueError, match=r"node '1' \(LIF\) cannot be read for snntorch: v_leak is not 0"):
        from_nir(graph, "snntorch", dt_s=DT)


def test_a_leakys_late_reset_to_zero_changes_no_spike() -> None:
    inputs = 2 * torch.rand(50, 20, 6, dtype=torch.float64)
    at_once, late = (
        nn.Sequential(snntorch.Leaky(number(0.8), reset_mechanism="zero", reset_delay=delay)) for delay in (False, True)
    )
    assert compare(run_network(at_once, inputs), run_network(late, inputs)).total == 0
    assert isinstance(to_nir(late, input_shape=(6,), dt_s=DT).nodes["0"], nir.LIF)


def test_norses_own_sequence_is_taken_as_it_is() -> None:
    made = norse.SequentialState(nn.Linear(4, 6), lif(), nn.Linear(6, 2), li()).double()
    inputs = 4 * torch.rand(10, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state, outputs = None, []
    for x in inputs:
        out, state = made(x, state)
        outputs.append(out)
    read_back = from_nir(to_nir(made, input_shape=(4,), dt_s=DT), "snntorch", dt_s=DT, dtype=torch.float64)
    assert torch.equal(run_network(made, inputs).outputs, torch.stack(outputs)), "run does what Norse does"
    assert torch.allclose(run_network(read_back, inputs).outputs, torch.stack(outputs), rtol=0, atol=1e-12)


def test_a_chain_knows_which_layers_spike() -> None:
    assert spiking_layers(network()) == ["lif1", "pool", "lif2"]
    assert spiking_layers(nn.Sequential(nn.MaxPool2d(2), snntorch.Leaky(0.9, reset_mechanism="none"))) == []
    readout = Readout(OwnNeurons(neurons.LI()), torch.tensor(1.0))
    assert spiking_layers(nn.Sequential(OwnNeurons(neurons.LIF()), readout)) == ["0"]


@pytest.mark.parametrize("start", [1, 2, -3])
def test_flatten_does_not_count_the_batch(start, tmp_path) -> None:
    made = nn.Sequential(OrderedDict(lif=lif(), flat=nn.Flatten(start)))
    graph = through_a_file(made, tmp_path, (2, 5, 6))
    assert graph.nodes["flat"].start_dim == (start - 1 if start > 0 else 0)
    inputs = torch.rand(3, 2, 2, 5, 6, dtype=torch.float64)
    again = run_network(taken_to("norse", graph), inputs)
    assert torch.equal(run_network(made, inputs).outputs, again.outputs)
