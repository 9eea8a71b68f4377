"""Backpropagation through time by hand: held to numbers worked out, to finite differences, and to plain equations."""

from functools import partial

import pytest
import snntorch
import torch

from course_utils.spiking import gradients
from course_utils.spiking.gradients import Neuron, lif, run, spikes_and_potentials
from course_utils.spiking.neurons import LIF
from course_utils.spiking.surrogates import Surrogate, fast_sigmoid

F64 = torch.float64


def test_by_hand_over_two_steps() -> None:
    neuron = Neuron(decay=0.5, spike=Surrogate(slope=lambda x: torch.full_like(x, 2.0)))
    currents = torch.tensor([0.6, 0.9], dtype=F64)[:, None].requires_grad_()
    (delta,) = torch.autograd.grad(lif(currents, neuron), currents, torch.tensor([[3.0], [5.0]], dtype=F64))
    # u = 0.6, 1.2; δ_1 = 5·2; δ_0 = 3·2 + ½·10·(1 − 0 − 0.6·2)
    assert torch.allclose(delta, torch.tensor([[6 + 5 * (1 - 1.2)], [10.0]], dtype=F64))


@pytest.mark.parametrize("decay", [0.3, 0.9, 1.0])
def test_every_step_written_out_has_the_same_spikes_potentials_and_gradient(decay) -> None:
    neuron = Neuron(decay=decay, threshold=0.7)
    currents, error = torch.rand(2, 30, 2, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    leaf, v, twins, potentials = currents.clone().requires_grad_(), 0.0, [], []
    for now in leaf:
        u = decay * v + now
        s = neuron.spike(u - 0.7)
        v = u * (1 - s)
        twins.append(s)
        potentials.append(u)
    s = lif(leaf, neuron)
    assert torch.equal(s, torch.stack(twins)) and s.any()
    spikes, u = spikes_and_potentials(currents, neuron)
    assert torch.equal(spikes, s) and torch.allclose(u, torch.stack(potentials))
    wanted, found = (torch.autograd.grad(spikes, leaf, error)[0] for spikes in (torch.stack(twins), s))
    assert torch.allclose(found, wanted, rtol=0, atol=1e-12)


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


# --- against the loop, and against the libraries ----------------------------------------------------------------------


def loop(inputs, neuron: Neuron, v=None, i=None):
    """The same neurons, step by step, for autograd."""
    v = torch.zeros_like(inputs[0]) if v is None else v
    i = torch.zeros_like(inputs[0]) if i is None else i
    outputs = []
    for now in inputs:
        now = now if neuron.decay_syn is None else i + now
        u = neuron.decay * v + ((1 - neuron.decay) * now if neuron.scaled else now)
        i = i if neuron.decay_syn is None else neuron.decay_syn * now
        if neuron.threshold is None:
            outputs.append(u)
            v = u
        else:
            s = neuron.spike(u - neuron.threshold)
            outputs.append(s)
            v = u * (1 - s) if neuron.reset == "zero" else u - neuron.threshold * s
    return torch.stack(outputs), v, i


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
def test_neurons_are_those_of_the_loop_with_all_gradients(layout, kind, synapse, scaled) -> None:
    draw = torch.Generator().manual_seed(len(layout) + len(kind))
    shape = (9, 4, 3, 2, 5)
    leaves = {
        "inputs": (4 if scaled else 1.5) * torch.rand(shape, dtype=F64, generator=draw) - 0.2,
        "decay": 0.5 + 0.4 * torch.rand(3, 1, 1, dtype=F64, generator=draw),
        "decay_syn": 0.1 + 0.4 * torch.rand((), dtype=F64, generator=draw),
        "v": torch.rand(shape[1:], dtype=F64, generator=draw),
        "i": torch.rand(shape[1:], dtype=F64, generator=draw),
    }
    if not synapse:
        del leaves["decay_syn"], leaves["i"]
    weights = [torch.rand(shape, dtype=F64, generator=draw), *torch.rand(2, *shape[1:], dtype=F64, generator=draw)]
    results = []
    for walk in (loop, run):
        mine = {name: value.clone().requires_grad_() for name, value in leaves.items()}
        threshold = None if kind == "no spikes" else 0.8
        reset = "zero" if kind == "no spikes" else kind
        neuron = Neuron(mine["decay"], threshold, decay_syn=mine.get("decay_syn"), scaled=scaled, reset=reset)
        outputs = walk(LAYOUTS[layout](mine["inputs"]), neuron, mine["v"], mine.get("i"))[: 2 + synapse]
        loss = sum((output * weight).sum() for output, weight in zip(outputs, weights, strict=False))
        results.append((*outputs, *torch.autograd.grad(loss, list(mine.values()))))
    names = ("outputs", "v", "i")[: 2 + synapse] + tuple(leaves)
    if kind != "no spikes":
        assert torch.equal(results[0][0], results[1][0]) and 0.05 < results[0][0].mean() < 0.95
    for name, wanted, found in zip(names, *results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("synapse", [None, 0.4])
@pytest.mark.parametrize("threshold", [None, 0.8])
@pytest.mark.parametrize("steps", [1, 6], ids=["constant", "steps"])
def test_a_batch_run_in_parts_is_the_batch(synapse, threshold, steps, monkeypatch) -> None:
    neuron = Neuron(0.7, threshold, decay_syn=synapse)
    x, *state = (torch.rand(shape, dtype=F64) for shape in ((steps, 5, 3), (5, 3), (5, 3)))
    state, results = state[: 1 if synapse is None else 2], []
    for part in (100, 7, 1):  # all five samples together, two, one
        monkeypatch.setattr(gradients, "PART", part)
        leaves = [a.clone().requires_grad_() for a in (x, *state)]
        ran = run(leaves[0].expand(6, 5, 3), neuron, *leaves[1:])
        loss = sum((out * torch.arange(1.0, 1 + out.numel()).view_as(out)).sum() for out in ran if out is not None)
        results.append([*ran[:2], *torch.autograd.grad(loss, leaves)])
    for found in results[1:]:
        assert all(map(torch.equal, found, results[0])) and found[2].all()


@pytest.mark.parametrize("decay", [0.7, torch.tensor(0.7, dtype=F64)], ids=["number", "tensor"])
@pytest.mark.parametrize("last_only", [False, True])
def test_a_run_can_be_cut_in_two_and_the_gradient_goes_through_the_cut(decay, last_only) -> None:
    neuron = Neuron(decay, decay_syn=0.4, scaled=True)
    whole, cut = (4 * torch.rand(12, 5, dtype=F64, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    whole.requires_grad_(), cut.requires_grad_()
    all_at_once = run(whole, neuron)
    first = run(cut[:5], neuron)
    second = run(cut[5:], neuron, first.v, first.i)
    assert torch.equal(torch.cat((first.outputs, second.outputs)), all_at_once.outputs) and first.outputs.any()
    (all_at_once.v.sum() if last_only else all_at_once.outputs[5:].sum()).backward()
    (second.v.sum() if last_only else second.outputs.sum()).backward()
    assert cut.grad[:5].any()
    torch.testing.assert_close(cut.grad, whole.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("tau_syn_ms", [None, 5.0])
def test_the_lessons_neuron_spikes_alike(reset, tau_syn_ms) -> None:
    one = LIF(tau_syn_ms=tau_syn_ms, reset=reset, spike=Surrogate())
    neuron = Neuron(one.decay_mem, decay_syn=one.decay_syn or None, scaled=True, reset=reset)
    x = (4 * torch.rand(50, 40, dtype=F64, generator=torch.Generator().manual_seed(2)) - 1).requires_grad_()
    (theirs, v), mine = one.run(x), run(x, neuron)
    assert torch.equal(mine.outputs, theirs) and theirs.any()
    torch.testing.assert_close(mine.v, v[-1], rtol=0, atol=1e-12)
    wanted, found = (torch.autograd.grad(s.square().sum(), x)[0] for s in (theirs, mine.outputs))
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
    theirs, mine = torch.stack(outputs), run(x, neuron).outputs
    assert theirs.any() and (kind == "no spikes" or torch.equal(mine, theirs))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    wanted, found = (torch.autograd.grad(s.square().sum(), x)[0] for s in (theirs, mine))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_what_is_kept_for_the_way_back_does_not_grow_with_what_is_constant() -> None:
    kept = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.untyped_storage().nbytes())
        return tensor

    step = torch.rand(1, 8, 100).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run(step.expand(20, 8, 100), Neuron())
        run(step.repeat(20, 1, 1), Neuron())
    a_step = 4 * 8 * 100
    assert kept == [a_step, 20 * a_step, 20 * a_step, 20 * a_step], "inputs and spikes, twice"


def test_a_state_of_another_shape_is_refused() -> None:
    for state in ({"v": torch.ones(3)}, {"i": torch.ones(3)}):
        with pytest.raises(ValueError, match=r"[vi] has shape \(3,\); it must be \(4, 3\)"):
            run(torch.ones(5, 4, 3), Neuron(decay_syn=0.5), **state)
    with pytest.raises(ValueError, match=r"i is .*must be None for neurons without a synapse"):
        run(torch.ones(5, 3), Neuron(), i=torch.ones(3))
