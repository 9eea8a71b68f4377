"""Backpropagation through time by hand: held to numbers worked out, to finite differences, and to plain equations."""

from functools import partial

import pytest
import snntorch
import torch

from course_utils.spiking import gradients
from course_utils.spiking.gradients import Neuron, lif, spikes_and_potentials
from course_utils.spiking.neurons import LIF
from course_utils.spiking.surrogates import Surrogate, fast_sigmoid

F64 = torch.float64


def test_by_hand_over_two_steps() -> None:
    neuron = Neuron(decay=0.5, spike=Surrogate(slope=lambda x: torch.full_like(x, 2.0)))
    currents = torch.tensor([0.6, 0.9], dtype=F64)[:, None].requires_grad_()
    (delta,) = torch.autograd.grad(lif(currents, neuron), currents, torch.tensor([[3.0], [5.0]], dtype=F64))
    # u = 0.6, 1.2; δ_1 = 5·2; δ_0 = 3·2 + ½·10·(1 − 0 − 0.6·2)
    assert torch.allclose(delta, torch.tensor([[6 + 5 * (1 - 1.2)], [10.0]], dtype=F64))


@pytest.mark.parametrize("repeated", [False, True], ids=["currents of every step", "one step, expanded"])
def test_spikes_lie_in_memory_as_the_currents_do(repeated: bool):
    """Channels side by side stay so: convolutions are then quicker. No spike and no gradient changes."""
    currents = 2 * torch.rand(1 if repeated else 6, 4, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=F64)
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        one = torch.empty_like(currents[0], memory_format=layout)
        x = one.new_empty_strided(currents.shape, (one.numel(), *one.stride())).copy_(currents).requires_grad_()
        spikes = lif(x.expand(6, *x.shape[1:]), Neuron())
        assert all(step.is_contiguous(memory_format=layout) for step in spikes)
        (spikes * torch.arange(1.0, 7.0)[:, None, None, None, None]).sum().backward()
        results.append((spikes, x.grad))
    (spikes, gradient), (same_spikes, same_gradient) = results
    assert 0 < spikes.mean() < 1 and torch.equal(spikes, same_spikes)
    torch.testing.assert_close(gradient, same_gradient, rtol=0, atol=1e-14)


def loop(inputs, neuron: Neuron) -> tuple[torch.Tensor, torch.Tensor]:
    """The same neurons, step by step, for autograd: outputs, and potentials before the reset."""
    v, i, outputs, potentials = 0.0, 0.0, [], []
    for now in inputs:
        if neuron.decay_syn is not None:
            now, i = i + now, neuron.decay_syn * (i + now)
        v = neuron.decay * v + ((1 - neuron.decay) * now if neuron.scaled else now)
        potentials.append(v)
        if neuron.threshold is None:
            outputs.append(v)
        else:
            s = neuron.spike(v - neuron.threshold)
            outputs.append(s)
            v = v * (1 - s) if neuron.reset == "zero" else v - neuron.threshold * s
    return torch.stack(outputs), torch.stack(potentials)


LAYOUTS = {
    "as it comes": lambda x: x,
    "channels last": lambda x: x.movedim(2, -1).contiguous().movedim(-1, 2),
    "every second": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "time last": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "constant": lambda x: x[:1].expand_as(x),
    "a constant batch": lambda x: x[:, :1].expand_as(x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["zero", "subtract", "no spikes"])
@pytest.mark.parametrize("synapse", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_neurons_are_those_of_the_loop_with_their_gradient(layout, kind, synapse, scaled, monkeypatch) -> None:
    draw = torch.Generator().manual_seed(len(layout) + len(kind))
    inputs, weights = (torch.rand((9, 4, 3, 2, 5), dtype=F64, generator=draw) for _ in range(2))
    inputs = (4 if scaled else 1.5) * inputs - 0.2
    threshold, reset = (None, "zero") if kind == "no spikes" else (0.8, kind)
    neuron = Neuron(0.7, threshold, decay_syn=0.4 if synapse else None, scaled=scaled, reset=reset)
    leaf = inputs.clone().requires_grad_()
    wanted, potentials = loop(LAYOUTS[layout](leaf), neuron)
    (gradient,) = torch.autograd.grad((wanted * weights).sum(), leaf)
    if threshold:
        assert 0.05 < wanted.mean() < 0.95
        assert torch.equal(spikes_and_potentials(LAYOUTS[layout](inputs), neuron).s, wanted)
        torch.testing.assert_close(spikes_and_potentials(LAYOUTS[layout](inputs), neuron).u, potentials.detach())
    for part in (1000, 60, 1):  # all four samples together, two, one
        monkeypatch.setattr(gradients, "PART", part)
        found = lif(LAYOUTS[layout](leaf), neuron)
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
        (of_ours,) = torch.autograd.grad((found * weights).sum(), leaf)
        torch.testing.assert_close(of_ours, gradient, rtol=1e-12, atol=1e-12)
        with torch.no_grad():
            assert torch.equal(lif(LAYOUTS[layout](leaf), neuron), found), "without a gradient, the same"


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("tau_syn_ms", [None, 5.0])
def test_the_lessons_neuron_spikes_alike(reset, tau_syn_ms) -> None:
    one = LIF(tau_syn_ms=tau_syn_ms, reset=reset, spike=Surrogate())
    neuron = Neuron(one.decay_mem, decay_syn=one.decay_syn or None, scaled=True, reset=reset)
    x = (4 * torch.rand(50, 40, dtype=F64, generator=torch.Generator().manual_seed(2)) - 1).requires_grad_()
    theirs, mine = one.run(x).spikes, lif(x, neuron)
    assert torch.equal(mine, theirs) and theirs.any()
    wanted, found = (torch.autograd.grad(s.square().sum(), x)[0] for s in (theirs, mine))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["zero", "subtract", "synapse", "no spikes"])
def test_snntorch_has_the_same_spikes_and_gradients(kind) -> None:
    how = {"spike_grad": fast_sigmoid(), "reset_delay": False}  # their own slope rounds to float32
    how["reset_mechanism"] = {"subtract": "subtract", "no spikes": "none"}.get(kind, "zero")
    make = partial(snntorch.Synaptic, alpha=torch.tensor(0.8, dtype=F64)) if kind == "synapse" else snntorch.Leaky
    module = make(beta=torch.tensor(0.9, dtype=F64), **how)
    reset = "subtract" if kind == "subtract" else "zero"
    threshold = None if kind == "no spikes" else 1.0
    neuron = Neuron(0.9, threshold, fast_sigmoid(), decay_syn=0.8 if kind == "synapse" else None, reset=reset)
    x = (0.4 * torch.rand(60, 50, dtype=F64, generator=torch.Generator().manual_seed(3))).requires_grad_()
    state, outputs = (), []
    for now in x:
        s, *state = module(now, *state)
        outputs.append(state[-1] if kind == "no spikes" else s)
    theirs, mine = torch.stack(outputs), lif(x, neuron)
    assert theirs.any() and (kind == "no spikes" or torch.equal(mine, theirs))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    wanted, found = (torch.autograd.grad(s.square().sum(), x)[0] for s in (theirs, mine))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
