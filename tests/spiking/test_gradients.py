"""Backpropagation through time by hand: held to numbers worked out, to finite differences, and to plain equations."""


import pytest
import torch

from course_utils.spiking.gradients import Neuron, lif, spikes_and_potentials
from course_utils.spiking.surrogates import Surrogate

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
