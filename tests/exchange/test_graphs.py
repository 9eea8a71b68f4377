"""NIR both ways: every layer, every library, spike for spike; and what is refused, by name."""

import inspect
import itertools
import re
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
    from norse.torch.functional.reset import reset_subtract

    from course_utils.exchange import graphs as exchange
    from course_utils.exchange.graphs import (
        ByHand,
        Readout,
        chain,
        compare,
        from_nir,
        names,
        read,
        run,
        spiking,
        to_nir,
        write,
    )

from course_utils.exchange.platforms import PLATFORMS
from course_utils.spiking import neurons

DT = 1e-3
FRAME = (2, 34, 34)
LIBRARIES = ("norse", "snntorch", "hand")
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


def through_a_file(made: nn.Sequential, folder, input_shape=FRAME, dt_s=DT) -> nir.NIRGraph:
    return read(write(folder / "network.nir", to_nir(made, input_shape=input_shape, dt_s=dt_s)))


# --- spike for spike -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Sequential, Tensor, exchange.Run]:
    made, inputs = network(), frames()
    with torch.no_grad():
        return made, inputs, run(made, inputs)


@pytest.fixture(scope="module")
def graph(trained, tmp_path_factory) -> nir.NIRGraph:
    return through_a_file(trained[0], tmp_path_factory.mktemp("nir"))


@EVERY_LIBRARY
def test_norse_to_a_file_to_each_library_spike_for_spike(trained, graph, library) -> None:
    _, inputs, before = trained
    with torch.no_grad():
        after = run(from_nir(graph, library, dt_s=DT, dtype=torch.float64), inputs)
    assert all(0.01 < spikes.double().mean() < 0.99 for spikes in before.spikes.values()), "alive"
    difference = compare(before, after)
    assert difference.mismatches == {"lif1": 0, "pool": 0, "lif2": 0}
    assert difference.compared["lif1"] == 15 * 100 * 8 * 15 * 15
    assert difference.readout < 1e-6 and before.outputs.abs().max() > 0.1
    assert torch.equal(before.outputs.mean(0).argmax(1), after.outputs.mean(0).argmax(1)), "equal to the image"


@EVERY_LIBRARY
@pytest.mark.parametrize("back", LIBRARIES)
def test_from_each_library_to_each_other(trained, graph, library, back, tmp_path) -> None:
    _, inputs, before = trained
    there = from_nir(graph, library, dt_s=DT, dtype=torch.float64)
    returned = from_nir(through_a_file(there, tmp_path), back, dt_s=DT, dtype=torch.float64)
    with torch.no_grad():
        difference = compare(run(returned, inputs[:, :20]), exchange.Run(before.outputs[:, :20], at_first(before, 20)))
    assert difference.total == 0 and difference.readout < 1e-6


def at_first(of: exchange.Run, count: int) -> dict[str, Tensor]:
    return {name: spikes[:, :count] for name, spikes in of.spikes.items()}


@EVERY_LIBRARY
def test_an_unmended_time_step_is_caught(trained, graph, library) -> None:
    """The negative control: the graph is read as snnTorch's own reader does, with a step of 0.1 ms."""
    _, inputs, before = trained
    with torch.no_grad():
        after = run(from_nir(graph, library, dt_s=1e-4, dtype=torch.float64), inputs)
    difference = compare(before, after)
    assert all(count > 1000 for count in difference.mismatches.values())
    assert difference.readout > 0.1


def test_real_recordings_where_they_are(trained, graph) -> None:
    from course_utils.data.download import NotAvailable
    from course_utils.data.events import frames as cut
    from course_utils.data.events import load_nmnist

    try:
        _, recordings = load_nmnist()
    except NotAvailable:
        pytest.skip("N-MNIST is not here")
    inputs = torch.stack([cut(events, 10) for events in recordings.events[:100]], 1).double()
    with torch.no_grad():
        before = run(trained[0], inputs)
        for library in LIBRARIES:
            difference = compare(before, run(from_nir(graph, library, dt_s=DT, dtype=torch.float64), inputs))
            assert difference.total == 0 and difference.readout < 1e-6
    assert before.spikes["lif2"].any()


@EVERY_LIBRARY
@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(3),
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(3, divisor_override=1),
        nn.LPPool2d(1, 3),
        nn.MaxPool2d(3, stride=2),
        nn.MaxPool2d(3, padding=1),
    ],
    ids=["average", "average, overlapping", "sum", "sum, as a norm", "maximum, overlapping", "maximum, padded"],
)
def test_every_pool(pool, library, tmp_path) -> None:
    torch.manual_seed(1)
    made = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 3, 3), lif=lif(threshold=0.1), pool=pool, flat=nn.Flatten()))
    made = made.double()
    size = run(made, torch.zeros(1, 1, 2, 11, 11).double()).outputs.shape[-1]
    made.extend([nn.Linear(size, 5).double(), lif(threshold=0.05)])
    inputs = frames(20)[..., :11, :11]
    graph = through_a_file(made, tmp_path, (2, 11, 11))
    after = run(from_nir(graph, library, dt_s=DT, dtype=torch.float64), inputs)
    difference = compare(run(made, inputs), after)
    assert difference.total == 0 and {"lif", "5"} <= difference.compared.keys()
    assert after.outputs.any() and not after.outputs.all()


def test_a_max_pool_is_written_as_a_count_and_a_lif() -> None:
    made = nn.Sequential(OrderedDict(lif=lif(), pool=nn.MaxPool2d(2)))
    inputs = 1.5 * frames(20)
    graph = to_nir(made, input_shape=FRAME, dt_s=DT)
    pool = graph.nodes["pool"]
    assert (pool.tau == DT).all() and (pool.v_threshold == 0.5).all() and pool.tau.shape == (2, 17, 17)
    spikes = run(made, inputs).spikes["lif"].double()
    pooled = run(nn.Sequential(nn.MaxPool2d(2)), spikes).outputs
    (count, again) = (from_nir(graph, "norse", dt_s=DT, dtype=torch.float64)[n] for n in (1, 2))
    assert torch.equal(run(nn.Sequential(count, again), spikes).outputs, pooled)


@pytest.mark.parametrize(
    ("update", "dt_over_tau", "exact"),
    [
        ("euler", 1.0, True),
        ("euler", 0.51, True),
        ("euler", 0.5, False),
        ("euler", 0.1, False),
        ("exact", 1.0, True),  # one spike lifts by 1 − 1/e = 0.63
        ("exact", 0.7, True),
        ("exact", 0.69, False),  # 1 − exp(−0.69) = 0.498
    ],
)
def test_a_max_pool_as_a_lif_needs_a_step_that_lets_one_spike_pass(update, dt_over_tau, exact) -> None:
    counts = torch.randint(0, 5, (40, 200), generator=torch.Generator().manual_seed(0)).double()
    pool = neurons.LIF(tau_mem_ms=1.0, dt_ms=dt_over_tau, threshold=0.5, update=update)
    assert torch.equal(pool.run(counts).spikes, (counts > 0).double()) == exact


# --- bit for bit -----------------------------------------------------------------------------------------------------


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
            assert found[parameter].tobytes() == value.tobytes() or np.array_equal(found[parameter], value)
            assert np.array_equal(found[parameter], value), (name, parameter)


@st.composite
def small_networks(draw) -> tuple[nn.Sequential, tuple[int, ...], torch.dtype]:
    """One of each kind at random: synapses, pool and neurons, in one of the libraries."""
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    library = draw(st.sampled_from(LIBRARIES))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    side, channels, kernel = draw(st.integers(5, 8)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    times = st.floats(DT, 0.2)
    layers: list[tuple[str, nn.Module]] = [("conv", nn.Conv2d(channels, 2, kernel, bias=draw(st.booleans())))]

    def neuron(spikes: bool) -> nn.Module:
        tau, tau_syn = draw(times), draw(st.none() | times)
        threshold = draw(st.floats(0.01, 10)) if spikes else None
        return neurons_of(library, tau, tau_syn, threshold, dtype)

    layers.append(("lif1", neuron(True)))
    pools = [nn.AvgPool2d(2), nn.AvgPool2d(2, stride=1), nn.AvgPool2d(2, divisor_override=1)]
    layers.append(("pool", draw(st.sampled_from(pools))))
    layers.append(("flat", nn.Flatten()))
    for_now = nn.Sequential(layers[0][1], layers[2][1], nn.Flatten())
    features = for_now(torch.zeros(1, channels, side, side)).shape[1]
    layers.append(("linear", nn.Linear(features, 3, bias=draw(st.booleans()))))
    layers.append(("last", neuron(draw(st.booleans()))))
    made = nn.Sequential(OrderedDict(layers))
    made[0].to(dtype), made[4].to(dtype)
    return made, (channels, side, side), dtype


def neurons_of(library: str, tau: float, tau_syn: float | None, threshold: float | None, dtype) -> nn.Module:
    def as_dtype(value: float) -> Tensor:
        return torch.tensor(value, dtype=dtype)

    if library == "hand":
        kind = neurons.LI if threshold is None else neurons.LIF
        more = {} if threshold is None else {"threshold": threshold}
        times = {"tau_mem_ms": 1000 * tau, "tau_syn_ms": None if tau_syn is None else 1000 * tau_syn}
        return ByHand(kind(**times, dt_ms=1000 * DT, update="euler", **more))
    if library == "snntorch":
        more = {"reset_mechanism": "none"}
        if threshold is not None:
            more = {"threshold": as_dtype(threshold), "reset_mechanism": "zero", "reset_delay": False}
        if tau_syn is None:
            return snntorch.Leaky(as_dtype(1 - DT / tau), **more)
        return snntorch.Synaptic(as_dtype(1 - DT / tau_syn), as_dtype(1 - DT / tau), **more)
    more = {} if threshold is None else {"v_th": as_dtype(threshold)}
    rates = {"tau_mem_inv": as_dtype(1 / tau)} | ({} if tau_syn is None else {"tau_syn_inv": as_dtype(1 / tau_syn)})
    cell, parameters = {
        (True, True): (norse.LIFBoxCell, norse.LIFBoxParameters),
        (True, False): (norse.LIBoxCell, norse.LIBoxParameters),
        (False, True): (norse.LIFCell, norse.LIFParameters),
        (False, False): (norse.LICell, norse.LIParameters),
    }[tau_syn is None, threshold is not None]
    return cell(parameters(**rates, **more), dt=DT)


def times_of(layer: nn.Module) -> list[float]:
    """τ, τ_syn and the threshold of neurons of any library."""
    if isinstance(layer, Readout):
        layer = layer.cell
    if isinstance(layer, ByHand):
        of = layer.neuron
        return [value for value in (of.tau_mem_ms, of.tau_syn_ms, getattr(of, "threshold", None)) if value]
    if isinstance(layer, snntorch.Leaky | snntorch.Synaptic):
        decays = [layer.beta, *([layer.alpha] if isinstance(layer, snntorch.Synaptic) else [])]
        more = [] if layer.reset_mechanism == "none" else [layer.threshold.item()]
        return [decay.item() for decay in decays] + more
    rates = [layer.p.tau_mem_inv, getattr(layer.p, "tau_syn_inv", None), getattr(layer.p, "v_th", None)]
    return [torch.as_tensor(rate).item() for rate in rates if rate is not None]


@settings(max_examples=220)
@given(small_networks())
def test_module_to_file_to_module_keeps_weights_and_times(tmp_path_factory, drawn) -> None:
    made, shape, dtype = drawn
    path = tmp_path_factory.getbasetemp() / "small.nir"
    graph = read(write(path, to_nir(made, input_shape=shape, dt_s=DT)))
    library = {SNN: name for name, SNN in zip(LIBRARIES, ("norse", "snntorch", "course_utils"), strict=True)}
    back = from_nir(graph, library[type(made.lif1).__module__.split(".")[0]], dt_s=DT, dtype=dtype)
    assert names(back) == names(made)
    for before, after in zip(made, back, strict=True):
        for name, weight in before.named_parameters():
            assert torch.equal(weight, after.get_parameter(name)) or (name == "bias" and not weight.any())
    rtol = 1e-12 if dtype == torch.float64 else 1e-5
    for name in ("lif1", "last"):
        assert times_of(back.get_submodule(name)) == pytest.approx(times_of(made.get_submodule(name)), rel=rtol, abs=0)


@settings(max_examples=60)
@given(small_networks(), st.sampled_from(LIBRARIES))
def test_random_small_networks_do_the_same_elsewhere(drawn, library) -> None:
    made, shape, dtype = drawn
    if dtype == torch.float32:
        return  # there a potential may lie within a rounding of its threshold
    other = from_nir(to_nir(made, input_shape=shape, dt_s=DT), library, dt_s=DT, dtype=dtype)
    inputs = torch.rand(12, 4, *shape, dtype=dtype, generator=torch.Generator().manual_seed(0)).mul(4).round()
    with torch.no_grad():
        before, after = run(made, inputs), run(other, inputs)
    difference = compare(before, after)
    assert difference.total == 0
    assert difference.readout <= 1e-9 * (1 + before.outputs.abs().max().item())


@EVERY_LIBRARY
def test_parameters_may_differ_from_neuron_to_neuron(library) -> None:
    generator = torch.Generator().manual_seed(0)
    taus = 2e-3 + 2e-2 * torch.rand(6, generator=generator, dtype=torch.float64)
    thresholds = 0.1 + torch.rand(6, generator=generator, dtype=torch.float64)
    made = nn.Sequential(nn.Linear(4, 6).double(), norse.LIFBoxCell(norse.LIFBoxParameters(1 / taus, v_th=thresholds)))
    graph = to_nir(made, input_shape=(4,), dt_s=DT)
    if library == "hand":
        with pytest.raises(ValueError, match=r"node '1' \(LIF\) is not for hand: .* one value"):
            from_nir(graph, library, dt_s=DT)
        return
    inputs = 8 * torch.rand(30, 5, 4, dtype=torch.float64, generator=generator)
    other = run(from_nir(graph, library, dt_s=DT, dtype=torch.float64), inputs)
    assert compare(run(made, inputs), other).total == 0 and other.outputs.any()


def test_rest_and_reset_other_than_0_reach_norse_only() -> None:
    made = nn.Sequential(nn.Linear(4, 6).double(), lif(v_leak=number(0.2), v_reset=number(-0.3)))
    graph = to_nir(made, input_shape=(4,), dt_s=DT)
    inputs = 4 * torch.rand(30, 5, 4, dtype=torch.float64)
    assert compare(run(made, inputs), run(from_nir(graph, "norse", dt_s=DT, dtype=torch.float64), inputs)).total == 0
    with pytest.raises(ValueError, match=r"node '1' \(LIF\) is not for snntorch: v_leak is not 0"):
        from_nir(graph, "snntorch", dt_s=DT)


def test_a_leakys_late_reset_to_zero_changes_no_spike() -> None:
    inputs = 2 * torch.rand(50, 20, 6, dtype=torch.float64)
    at_once, late = (
        nn.Sequential(snntorch.Leaky(number(0.8), reset_mechanism="zero", reset_delay=delay)) for delay in (False, True)
    )
    assert compare(run(at_once, inputs), run(late, inputs)).total == 0
    assert isinstance(to_nir(late, input_shape=(6,), dt_s=DT).nodes["0"], nir.LIF)


def test_norses_own_sequence_is_taken_as_it_is() -> None:
    made = norse.SequentialState(nn.Linear(4, 6), lif(), nn.Linear(6, 2), li()).double()
    inputs = 4 * torch.rand(10, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state, outputs = None, []
    for x in inputs:
        out, state = made(x, state)
        outputs.append(out)
    read_back = from_nir(to_nir(made, input_shape=(4,), dt_s=DT), "snntorch", dt_s=DT, dtype=torch.float64)
    assert torch.equal(run(made, inputs).outputs, torch.stack(outputs)), "run does what Norse does"
    assert torch.allclose(run(read_back, inputs).outputs, torch.stack(outputs), rtol=0, atol=1e-12)


def test_a_chain_knows_which_layers_spike() -> None:
    assert spiking(network()) == ["lif1", "pool", "lif2"]
    assert spiking(nn.Sequential(nn.MaxPool2d(2), snntorch.Leaky(0.9, reset_mechanism="none"))) == []
    assert spiking(nn.Sequential(ByHand(neurons.LIF()), Readout(ByHand(neurons.LI()), torch.tensor(1.0)))) == ["0"]


@pytest.mark.parametrize("start", [1, 2, -3])
def test_flatten_does_not_count_the_batch(start, tmp_path) -> None:
    made = nn.Sequential(OrderedDict(lif=lif(), flat=nn.Flatten(start)))
    graph = through_a_file(made, tmp_path, (2, 5, 6))
    assert graph.nodes["flat"].start_dim == (start - 1 if start > 0 else 0)
    inputs = torch.rand(3, 2, 2, 5, 6, dtype=torch.float64)
    again = run(from_nir(graph, "norse", dt_s=DT, dtype=torch.float64), inputs)
    assert torch.equal(run(made, inputs).outputs, again.outputs)


# --- bad input: the message names the layer, the node or the byte ----------------------------------------------------


def of(layer: nn.Module, *, behind: nn.Module | None = None) -> nn.Sequential:
    layers = ([("behind", behind)] if behind else []) + [("mine", layer)]
    return nn.Sequential(OrderedDict(layers))


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (nn.Tanh(), r"layer 'mine' \(Tanh\) cannot be written: supported are Linear, Conv2d"),
        (nn.MaxPool2d(2), "here come no spikes"),
        (nn.Conv2d(2, 2, (3, 5)), "kernel is 3×5"),
        (nn.Conv2d(2, 2, 3, groups=2), "groups is 2"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), "'circular'"),
        (nn.AvgPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.LPPool2d(2, 2), "norm 1"),
        (nn.Flatten(0), "start_dim must be 1 or more"),
        (lif(reset_method=reset_subtract), r"layer 'mine' \(LIFBoxCell\) .*reset to a value"),
        (lif(dt=2e-3), "its time step is 0.002 s, and dt_s is 0.001"),
        (snntorch.Leaky(0.9), r"layer 'mine' \(Leaky\) .*subtracts the threshold"),
        (snntorch.Synaptic(0.9, 0.8, reset_mechanism="zero"), "reset_delay=False"),
        (snntorch.Leaky(1.0, reset_mechanism="zero"), "decay must be 0 or more, and below 1"),
        (snntorch.Leaky(0.9, reset_mechanism="zero", inhibition=True), "inhibition"),
        (ByHand(neurons.LIF()), 'use update="euler"'),
        (ByHand(neurons.LIF(update="euler", reset="subtract")), "subtracts the threshold"),
        (ByHand(neurons.LIF(update="euler", refractory_ms=2.0)), "refractory"),
        (ByHand(neurons.LIF(update="euler", dt_ms=0.5)), "time step is 0.5 ms"),
        (nn.Linear(7, 2), r"'mine' \(Linear\) does not fit an input of shape \(2, 8, 8\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:Inhibition")
def test_a_layer_that_nir_cannot_say_is_refused_by_name(layer, says) -> None:
    with pytest.raises(ValueError, match=says):
        to_nir(of(layer), input_shape=(2, 8, 8), dt_s=DT)


def test_names_and_time_steps_are_checked() -> None:
    with pytest.raises(ValueError, match="layer 'input' has the name"):
        to_nir(nn.Sequential(OrderedDict(input=lif())), input_shape=(3,), dt_s=DT)
    for dt_s in (0.0, -1e-3, float("nan")):
        with pytest.raises(ValueError, match="dt_s is"):
            to_nir(of(lif()), input_shape=(3,), dt_s=dt_s)
    with pytest.raises(ValueError, match="library is 'lava'; it must be one of norse, snntorch, hand"):
        from_nir(simple(), "lava", dt_s=DT)
    with pytest.raises(ValueError, match="init_hidden is True"):
        run(nn.Sequential(snntorch.Leaky(0.9, init_hidden=True)), torch.zeros(2, 1, 3))


def test_a_pools_second_name_and_the_shape_of_parameters_are_checked() -> None:
    made = nn.Sequential(OrderedDict(pool_count=lif(), pool=nn.MaxPool2d(2)))
    with pytest.raises(ValueError, match="layer 'pool' becomes a node 'pool_count', and there is one already"):
        to_nir(made, input_shape=FRAME, dt_s=DT)
    with pytest.raises(ValueError, match=r"layer 'mine' has a parameter of shape \(4,\), but what comes in has \(3,\)"):
        to_nir(of(lif(v_leak=torch.zeros(4))), input_shape=(3,), dt_s=DT)


def test_runs_that_cannot_be_compared_are_refused() -> None:
    inputs = torch.ones(3, 2, 4, dtype=torch.float64)
    one, other = run(nn.Sequential(OrderedDict(a=lif())), inputs), run(nn.Sequential(OrderedDict(b=lif())), inputs)
    with pytest.raises(ValueError, match="the runs differ in their layers or shapes"):
        compare(one, other)
    with pytest.raises(ValueError, match="the runs differ in their layers or shapes"):
        compare(one, run(nn.Sequential(OrderedDict(a=lif())), inputs[:2]))


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


def without_shape() -> nir.NIRGraph:
    return nir.NIRGraph(
        {"in": nir.Input(None), "lif": lif_node(3), "out": nir.Output(np.array([3]))},
        [("in", "lif"), ("lif", "out")],
        type_check=False,
    )


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (simple(nir.Threshold(np.ones(3))), r"node 'more0' is Threshold; supported are Affine, Linear"),
        (simple(nir.Delay(np.ones(3))), r"node 'more0' is Delay"),
        (simple(lif_node()), r"node 'more0' \(LIF\) has no shape"),
        (simple(lif_node(4)), r"node 'more0' \(LIF\) has shape \(4,\), but what comes in has \(3,\)"),
        (simple(lif_node(3, tau=1e-4)), r"tau of node 'more0' \(LIF\) falls to 0.0001 s"),
        (simple(lif_node(3, r=-1.0)), r"r of node 'more0' \(LIF\) is not above 0"),
        (simple(nir.Linear(np.ones((3, 5)))), r"'more0' \(Linear\) does not fit an input of shape \(3,\)"),
        (simple(lif_node(3), edges=(("more0", "lif"),)), r"the graph has a loop: \w+ → \w+ → \w+"),
        (simple(lif_node(3), edges=(("lif", "lif"),)), r"the graph has a loop: lif → lif"),
        (simple(lif_node(3), edges=(("lif", "out"),)), r"node '(lif|out)' .* edges in and"),
        (simple(edges=(("lif", "nowhere"),)), "there is no such node"),
        (without_shape(), r"node 'in' \(Input\) has no shape"),
    ],
)
def test_a_graph_that_is_not_supported_is_refused_by_node(graph, says) -> None:
    with pytest.raises(ValueError, match=says):
        from_nir(graph, "norse", dt_s=DT)


def test_a_loop_in_a_file_is_named(tmp_path) -> None:
    nir.write(tmp_path / "loop.nir", simple(lif_node(3), edges=(("more0", "lif"),)))
    with pytest.raises(ValueError, match=r"loop: \w+ → \w+ → \w+"):
        from_nir(read(tmp_path / "loop.nir"), "norse", dt_s=DT)


def test_a_file_needs_all_fields(tmp_path) -> None:
    conv = nir.Conv2d(None, np.ones((1, 1, 2, 2)), 1, 0, 1, 1, np.zeros(1))
    graph = nir.NIRGraph({"conv": conv}, [], type_check=False)
    with pytest.raises(ValueError, match=r"node 'conv' \(Conv2d\) has no input_shape"):
        write(tmp_path / "no.nir", graph)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_refused_by_name_and_byte(trained, tmp_path, share) -> None:
    whole = write(tmp_path / "whole.nir", to_nir(trained[0], input_shape=FRAME, dt_s=DT)).read_bytes()
    cut = tmp_path / "cut.nir"
    cut.write_bytes(whole[: int(share * len(whole))])
    says = rf"cut\.nir cannot be read as NIR: it ends at byte {len(cut.read_bytes())} of {len(whole)}"
    with pytest.raises(ValueError, match=says if share else "cut.nir cannot be read as NIR"):
        read(cut)


def test_other_files_are_refused_and_a_missing_one_is_missing(tmp_path) -> None:
    (tmp_path / "text.nir").write_text("not HDF5")
    with pytest.raises(ValueError, match=r"text\.nir cannot be read as NIR"):
        read(tmp_path / "text.nir")
    nir.write(tmp_path / "delay.nir", simple(nir.Delay(np.ones(3))))
    with pytest.raises(ValueError, match=r"delay\.nir cannot be read as NIR: node 'more0': it is Delay; supported are"):
        read(tmp_path / "delay.nir")
    with pytest.raises(FileNotFoundError, match=r"no file gone\.nir"):
        read(tmp_path / "gone.nir")


def test_the_rows_of_the_installed_libraries_are_what_their_readers_know() -> None:
    """Where a version knows more or less than the table says, the table is out of date."""
    from norse.torch.utils import import_nir as in_norse
    from snntorch import import_nir as in_snntorch

    known = set(re.findall(r"isinstance\(node, nir\.(\w+)\)", inspect.getsource(in_norse._import_norse_module)))
    assert known - {"NIRGraph"} == PLATFORMS["Norse"].nodes
    assert set(re.findall(r"nir\.(\w+): lambda", inspect.getsource(in_snntorch))) == PLATFORMS["snnTorch"].nodes
