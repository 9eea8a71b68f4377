"""LI and LIF: their laws, their limits, and that Norse, snnTorch and Nengo agree spike for spike."""

import copy
import math

import nengo
import norse.torch as norse
import numpy as np
import pytest
import snntorch
import torch
from hypothesis import given
from hypothesis import strategies as st
from norse.torch.functional.reset import reset_subtract
from torch import Tensor

from course_utils.spiking.neurons import LI, LIF, decay, firing_rate
from course_utils.spiking.norse_cells import over_time
from course_utils.spiking.surrogates import Surrogate

nengo.rc.set("decoder_cache", "enabled", "False")

TIMES = st.floats(0.5, 50)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def random_currents(low: float = -1.0, high: float = 4.0, *, seed: int = 0) -> Tensor:
    """1,000 neurons, 200 steps."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(200, 1000, generator=generator, dtype=torch.float64)


def in_snntorch(neuron: torch.nn.Module, inputs: Tensor) -> Tensor:
    state, spikes = (), []
    neuron = copy.deepcopy(neuron)  # it remembers its last run
    for now in inputs:
        spike, *state = neuron(now, *state)
        spikes.append(spike)
    return torch.stack(spikes).double()


def in_nengo(inputs: Tensor, dt_ms: float, **options: object) -> Tensor:
    count = inputs.shape[1]
    kind = nengo.LIF(initial_state={"voltage": nengo.dists.Choice([0])}, min_voltage=-np.inf, **options)
    with nengo.Network(seed=0) as model:
        source = nengo.Node(nengo.processes.PresentInput(inputs.numpy(), dt_ms / 1000))
        cells = nengo.Ensemble(count, 1, gain=np.ones(count), bias=np.zeros(count), neuron_type=kind).neurons
        nengo.Connection(source, cells, synapse=None)
        probe = nengo.Probe(cells)
    with np.errstate(divide="ignore"), nengo.Simulator(model, dt=dt_ms / 1000, progress_bar=False) as simulator:
        simulator.run_steps(len(inputs), progress_bar=False)
    return torch.from_numpy(simulator.data[probe] * dt_ms / 1000)


@given(tau=TIMES, dt=TIMES)
def test_the_exact_leak_is_stable_and_composes(tau, dt) -> None:
    assert 0 <= decay(tau, dt) < 1
    assert decay(tau, 2 * dt) == pytest.approx(decay(tau, dt) ** 2), "two steps are one step of twice the length"


@given(tau=TIMES, share=st.floats(0.001, 0.999))
def test_eulers_leak_is_the_exact_leak_of_a_faster_neuron(tau, share) -> None:
    dt = share * tau
    other = -dt / math.log1p(-dt / tau)
    assert decay(tau, dt, "euler") == pytest.approx(decay(other, dt))
    assert other < tau - dt / 2


def test_eulers_step_is_refused_where_it_is_unstable() -> None:
    assert abs(decay(1.0, 1.999, "euler")) < 1
    for dt in (2.0, 2.001, 5.0):
        with pytest.raises(ValueError, match=r"dt_ms is .*unstable unless it is below 2·tau_ms = 2\.0"):
            decay(1.0, dt, "euler")
        for kind, taus in ((LI, {"tau_mem_ms": 1.0}), (LIF, {"tau_mem_ms": 100.0, "tau_syn_ms": 1.0})):
            with pytest.raises(ValueError, match="dt_ms"):
                kind(**taus, dt_ms=dt, update="euler")
        assert LI(tau_mem_ms=1.0, dt_ms=dt).decay_mem > 0, "the exact step takes any length"


@pytest.mark.parametrize("neuron", [LI(), LIF(), LIF(tau_syn_ms=5.0, refractory_ms=3.0)])
def test_a_state_of_another_batch_is_refused(neuron) -> None:
    _, state = neuron.step(torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"state has shape \(4, 3\), the inputs \(2, 3\).*state=None"):
        neuron.step(torch.ones(2, 3), state)
    with pytest.raises(ValueError, match="another batch"):
        neuron.run(torch.ones(5, 1, 3), state)  # would broadcast


@given(tau=TIMES, dt=st.floats(0.01, 20), current=st.floats(-5, 5))
def test_the_exact_step_follows_the_equation(tau, dt, current) -> None:
    v = LI(tau_mem_ms=tau, dt_ms=dt).run(torch.full((20,), current, dtype=torch.float64))
    time = dt * torch.arange(1, 21, dtype=torch.float64)
    assert torch.allclose(v, current * (1 - torch.exp(-time / tau)), atol=1e-12)


@pytest.mark.parametrize("update", ["exact", "euler"])
@pytest.mark.parametrize("tau_syn_ms", [None, 5.0])
def test_an_li_is_linear_and_time_invariant(update, tau_syn_ms) -> None:
    neuron = LI(tau_syn_ms=tau_syn_ms, update=update)
    a, b = random_currents(seed=1)[:, :5], random_currents(seed=2)[:, :5]
    assert torch.allclose(neuron.run(2 * a - 3 * b), 2 * neuron.run(a) - 3 * neuron.run(b), atol=1e-12)
    late = torch.cat([torch.zeros(7, 5, dtype=a.dtype), a])
    assert torch.allclose(neuron.run(late)[7:], neuron.run(a), atol=1e-12)


def test_a_synapse_is_a_filter_in_front() -> None:
    arriving = random_currents()[:, :5]
    current, currents = torch.zeros(5, dtype=arriving.dtype), []
    for now in arriving:
        current = math.exp(-1 / 5) * current + now
        currents.append(current)
    inside = LIF(tau_syn_ms=5.0, refractory_ms=2.0).run(arriving)
    outside = LIF(refractory_ms=2.0).run(torch.stack(currents))
    assert torch.equal(inside.spikes, outside.spikes)


@pytest.mark.parametrize("neuron", [LI(tau_syn_ms=5.0), LIF(tau_syn_ms=5.0, refractory_ms=3.0)])
def test_a_run_can_be_cut_in_two(neuron) -> None:
    inputs = random_currents()[:, :20]
    state = None
    for now in inputs[:90]:
        _, state = neuron.step(now, state)
    whole, rest = neuron.run(inputs), neuron.run(inputs[90:], state)
    if isinstance(neuron, LIF):
        assert whole.spikes.sum() > 0 and torch.equal(whole.spikes[90:], rest.spikes)
    else:
        assert torch.equal(whole[90:], rest)


@given(
    current=st.floats(0, 20),
    threshold=st.floats(0.2, 3),
    refractory=st.integers(0, 8),
    reset=st.sampled_from(["zero", "subtract"]),
)
def test_spikes_keep_their_distance(current, threshold, refractory, reset) -> None:
    neuron = LIF(threshold=threshold, refractory_ms=refractory, reset=reset)
    trace = neuron.run(torch.full((100,), current, dtype=torch.float64))
    assert set(trace.spikes.tolist()) <= {0.0, 1.0}
    assert (np.diff(np.flatnonzero(trace.spikes)) > refractory).all()
    if current <= threshold:
        assert trace.spikes.sum() == 0
    if reset == "zero":
        assert (trace.v <= threshold).all() and (trace.v[trace.spikes > 0] == 0).all()


def test_a_neuron_rests_where_the_reset_left_it() -> None:
    strong = torch.full((10,), 30.0, dtype=torch.float64)  # each step crosses the threshold more than twice
    for reset in ("zero", "subtract"):
        spikes, v = LIF(reset=reset, refractory_ms=3.0).run(strong)
        assert spikes.tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0]
        assert (v[:4] == v[0]).all()
    assert v[0] == pytest.approx(30 * (1 - math.exp(-0.1)) - 1), "subtraction keeps what was above the threshold"


def test_a_refractory_neuron_still_gathers_synaptic_current() -> None:
    neuron = LIF(tau_syn_ms=5.0, refractory_ms=4.0)
    state = None
    for now in [20.0, 1.0, 1.0]:
        _, state = neuron.step(number(now), state)
    assert state.rest_steps > 0 and state.i == pytest.approx(
        sum(now * decay(5.0, 1.0) ** power for now, power in ((20, 3), (1, 2), (1, 1)))
    )


def test_gradients_reach_the_input_and_stop_while_resting() -> None:
    inputs = torch.tensor([30.0, 0.5, 0.5], dtype=torch.float64, requires_grad=True)
    LIF(refractory_ms=1.0, spike=Surrogate(torch.ones_like)).run(inputs).spikes.sum().backward()
    assert inputs.grad[0] != 0 and inputs.grad[1] == 0 and inputs.grad[2] != 0


@pytest.mark.parametrize("tau", [5.0, 10.0, 20.0])
@pytest.mark.parametrize("refractory", [0.0, 2.0])
def test_periods_keep_to_the_closed_form(tau, refractory) -> None:
    dt, slack = 0.1, 1e-6
    fastest = 1 / (1 - math.exp(-(5 - refractory) / tau))  # 200 Hz
    currents = torch.linspace(1.1, fastest, 60, dtype=torch.float64)
    formula_ms = 1000 / firing_rate(currents, tau_mem_ms=tau, refractory_ms=refractory).numpy()
    assert formula_ms[-1] == pytest.approx(5)
    for update in ("exact", "euler"):
        neuron = LIF(tau_mem_ms=tau, dt_ms=dt, refractory_ms=refractory, update=update)
        spikes = neuron.run(currents.expand(1600, 60)).spikes.numpy()
        for train, period in zip(spikes.T, formula_ms, strict=True):
            late = np.diff(np.flatnonzero(train)) - period / dt
            assert len(late) >= 2
            if update == "exact":
                assert (late > -slack).all() and (late < 1 + slack).all()
            else:
                assert (abs(late) < 1 + period / (2 * tau)).all()
                assert (late < 1 + slack).all() and (late > -(period - refractory) / (2 * tau) * (1 + dt / tau)).all()


@given(
    current=st.floats(1.001, 50),
    tau=TIMES,
    threshold=st.floats(0.1, 5),
    refractory=st.floats(0, 10),
    factor=st.floats(0.1, 10),
)
def test_the_f_i_curve_has_its_symmetries(current, tau, threshold, refractory, factor) -> None:
    def rate(ratio: float, tau: float, threshold: float, refractory: float) -> float:
        return firing_rate(
            number(ratio * threshold), tau_mem_ms=tau, threshold=threshold, refractory_ms=refractory
        ).item()

    here = rate(current, tau, threshold, refractory)
    assert rate(current, tau, factor * threshold, refractory) == pytest.approx(here), "only RI / V_th counts"
    assert rate(current, factor * tau, threshold, factor * refractory) == pytest.approx(here / factor), "time scales"
    assert rate(1.1 * current, tau, threshold, refractory) > here > 0
    assert here * refractory < 1000, "never faster than one spike a refractory period"


def test_the_f_i_curve_is_zero_up_to_the_rheobase() -> None:
    rates = firing_rate(torch.tensor([-1.0, 0.0, 0.5, 1.0, 1.0 + 1e-6, math.inf]), refractory_ms=2.0)
    assert rates[:4].tolist() == [0, 0, 0, 0] and rates[4] > 0 and rates[5] == 500


def box(beta: float = 0.9, dt_ms: float = 1.0, **options: object) -> norse.LIFBoxCell:
    tau_mem_inv = number((1 - beta) * 1000 / dt_ms)
    return norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=tau_mem_inv, **options), dt=dt_ms / 1000)


def leaky(beta: float = 0.9, **options: object) -> snntorch.Leaky:
    return snntorch.Leaky(beta=number(beta), **{"reset_mechanism": "zero", "reset_delay": False} | options)


def synaptic(**options: object) -> snntorch.Synaptic:
    return snntorch.Synaptic(alpha=number(0.8), beta=number(0.9), reset_mechanism="zero", **options)


CURRENTS = norse.LIFParameters(tau_syn_inv=number(200.0), tau_mem_inv=number(100.0))
RESTING = {
    steps: norse.LIFRefracCell(norse.LIFRefracParameters(lif=CURRENTS, rho_reset=number(float(steps))))
    for steps in (1, 2, 5)
}
SAME = {
    "LIFBox as it comes": (LIF(update="euler"), norse.LIFBoxCell(), None),
    "LIFBox, Leaky": (LIF(update="euler"), box(), leaky()),
    "subtract": (
        *(LIF(update="euler", reset="subtract"), box(reset_method=reset_subtract), leaky(reset_mechanism="subtract")),
    ),
    "synapse": (LIF(update="euler", tau_syn_ms=5.0), norse.LIFCell(CURRENTS, dt=0.001), synaptic(reset_delay=False)),
    "a late reset is one refractory step": (LIF(update="euler", tau_syn_ms=5.0, refractory_ms=1.0), None, synaptic()),
    **{
        f"{steps} refractory steps": (LIF(update="euler", tau_syn_ms=5.0, refractory_ms=float(steps)), cell, None)
        for steps, cell in RESTING.items()
    },
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SAME)
def test_norse_and_snntorch_spike_alike(name, seed) -> None:
    neuron, cell, module = SAME[name]
    inputs = random_currents(seed=seed) / (1 if neuron.tau_syn_ms is None else 3)
    spikes = neuron.run(inputs).spikes
    assert spikes.sum() > 1_000
    assert cell is None or torch.equal(spikes, over_time(cell, inputs))
    assert module is None or torch.equal(spikes, in_snntorch(module, 0.1 * inputs))


@pytest.mark.parametrize(("tau", "dt"), [(10.0, 1.0), (20.0, 0.5), (5.0, 2.0)])
def test_the_exact_step_is_the_same_in_all_four(tau, dt) -> None:
    currents, beta = random_currents(), math.exp(-dt / tau)
    spikes = LIF(tau_mem_ms=tau, dt_ms=dt).run(currents).spikes
    assert spikes.sum() > 1_000
    assert torch.equal(spikes, over_time(box(beta, dt), currents))
    assert torch.equal(spikes, in_snntorch(leaky(beta), (1 - beta) * currents))
    assert torch.equal(spikes, in_nengo(currents, dt, tau_rc=tau / 1000, tau_ref=0))


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_nengos_mean_rate_is_the_closed_form(dt) -> None:
    currents = torch.linspace(1.1, 1 / (1 - math.exp(-0.3)), 8, dtype=torch.float64)
    formula = firing_rate(currents, refractory_ms=2.0).numpy()
    spikes = in_nengo(currents.expand(round(3000 / dt), 8), dt, tau_rc=0.010, tau_ref=0.002).numpy()
    for train, expected in zip(spikes.T, formula, strict=True):
        at = np.flatnonzero(train)
        assert len(at) >= 100
        assert 1000 * (len(at) - 1) / (dt * (at[-1] - at[0])) == pytest.approx(expected, rel=0.01)
