"""Layers of deep spiking networks: pools and masks worked by hand, synapses and answers against plain PyTorch."""

import math

import pytest
import torch
from torch import nn

from course_utils.lessons.spike_backprop.rules import TWINS
from course_utils.spiking import blocks, layers
from course_utils.spiking.blocks import ResidualBlock, SpikingAvgPool
from course_utils.spiking.convnets import Builder
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import HeldDropout, LeakyReadout, SpikingNeurons
from course_utils.spiking.spikes import each_step
from course_utils.spiking.surrogates import Surrogate, smooth_spike


def window(*counts: int) -> torch.Tensor:
    """One 2×2 window [time, 1, 1, 2, 2] with so many spikes at each step."""
    return torch.tensor([[float(place < n) for place in range(4)] for n in counts]).reshape(-1, 1, 1, 2, 2)


@pytest.mark.parametrize(
    ("counts", "spikes"),
    [
        ((4, 0, 4), (1, 0, 1)),  # four in one step are enough
        ((3, 0, 1, 3), (0, 0, 1, 0)),  # 0.75 is not above the threshold; it is carried over without leak: 0.75 + 0.25
        ((1, 1, 1, 1, 1, 1, 1, 1), (0, 0, 0, 1, 0, 0, 0, 1)),
        ((3, 4, 2, 2), (0, 1, 0, 1)),  # 1.75 is reset to zero; a reset by subtraction would spike at step 2 (1.0 + 0.5)
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_a_pool_carries_its_potential_over(counts, spikes) -> None:
    assert SpikingAvgPool()(window(*counts)).flatten().tolist() == list(spikes)


def test_a_pool_sees_each_window_of_its_own_map_and_leaves_an_odd_rim_out() -> None:
    x = torch.zeros(1, 1, 2, 5, 5)
    x[0, 0, 0, 2:4, :2] = 1
    x[0, 0, 1, 4] = x[0, 0, 1, :, 4] = 1
    out = SpikingAvgPool()(x)
    assert out.shape == (1, 1, 2, 2, 2)
    assert out.nonzero().tolist() == [[0, 0, 0, 1, 0]]


@pytest.mark.parametrize("sides", [(6, 4), (5, 7), (3, 2)])
def test_a_pools_means_are_those_of_pytorch_and_so_is_their_gradient(sides) -> None:
    x = torch.rand(40, 3, *sides, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    means, wanted = blocks.means_of_4(x), torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(means, wanted, rtol=0, atol=1e-15)
    error = torch.arange(means.numel(), dtype=torch.float64).view_as(means)
    assert torch.equal(*(torch.autograd.grad(out, x, error)[0] for out in (means, wanted)))


def test_a_pool_has_the_gradient_of_a_neuron() -> None:
    slope = lambda x: torch.full_like(x, 0.5)  # noqa: E731
    x = window(1, 1).requires_grad_()
    SpikingAvgPool(Neuron(decay=0.3, spike=Surrogate(slope)))(x)[-1].sum().backward()
    # σ′ = ½ and a mean of 4; the first step acts through v₁ = u₁ (1 − s₁), whose slope is 1 − u₁ σ′ = 1 − ¼·½
    expected = torch.tensor([0.5 * (1 - 0.25 * 0.5), 0.5]) / 4
    assert torch.allclose(x.grad.flatten(1), expected[:, None].expand(2, 4))


@pytest.mark.parametrize("decay", [0.6, 1.0])
@pytest.mark.parametrize("constant", [False, True])
def test_the_gradient_of_neurons_is_that_of_finite_differences(decay, constant) -> None:
    neurons = SpikingNeurons(Neuron(decay=decay, spike=smooth_spike()))
    generator = torch.Generator().manual_seed(0)
    currents = torch.randn(1 if constant else 6, 3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: neurons(x.expand(6, 3, 4)), currents)


KEYS = torch.arange(6)


def test_a_held_mask_is_held() -> None:
    x = torch.rand(3, 2, 4)
    assert HeldDropout(0.5).eval()(x) is x and HeldDropout(0.0)(x) is x
    out = HeldDropout(0.25)(torch.ones(10, 6, 3, 40), KEYS)
    assert (out == out[0]).all()
    assert set(out.unique().tolist()) == {0.0, out.max().item()} and out.max() == pytest.approx(1 / 0.75)
    assert 0.15 < (out[0] == 0).float().mean() < 0.35
    assert not (out[0, 0] == out[0, 1]).all(), "samples have masks of their own"


def test_without_holding_every_step_draws_and_nobody_stays_silent() -> None:
    out = HeldDropout(0.25, held=False)(torch.ones(40, 6, 3, 40), KEYS)
    assert not (out[0] == out[1]).all()
    assert (out.sum(0) > 0).all()
    assert 0.2 < (out == 0).float().mean() < 0.3


@pytest.mark.parametrize("other", [{"seed": (3, 2)}, {"seed": (4, 1)}, {"keys": KEYS + 6}])
def test_another_seed_layer_or_key_gives_another_mask(other) -> None:
    x, keys = torch.ones(1, 6, 50), other.pop("keys", KEYS)
    assert not torch.equal(
        HeldDropout(0.5, **{"seed": (3, 1), **other})(x, keys), HeldDropout(0.5, seed=(3, 1))(x, KEYS)
    )


def test_masks_without_keys_follow_pytorchs_generator() -> None:
    dropout, x = HeldDropout(0.5), torch.ones(2, 6, 50)
    torch.manual_seed(0)
    first, second = dropout(x), dropout(x)
    torch.manual_seed(0)
    assert torch.equal(dropout(x), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize(("shape", "inputs"), [((300, 20, 5, 5), 500), ((400, 300), 300)])
def test_weights_have_the_deviation_of_their_inputs(shape, inputs, gain) -> None:
    torch.manual_seed(0)
    weight = torch.empty(shape)
    layers.draw_weights(weight, gain)
    assert weight.std().item() == pytest.approx(math.sqrt(gain / inputs), rel=0.01)
    assert abs(weight.mean().item()) < 0.02 * math.sqrt(gain / inputs)


@pytest.mark.parametrize("dense", [False, True])
def test_batch_norm_is_over_time_batch_and_places(dense) -> None:
    built = Builder(in_channels=2, size=6, norm=True, gain=1.0)
    made = (built.dense(4) if dense else built.conv(4)).layers[:-1]
    assert [module.bias for module in made if isinstance(module, nn.Conv2d | nn.Linear)] == [None], "no biases"
    x = torch.rand(5, 8, 2, 6, 6) * torch.arange(1, 6).reshape(5, 1, 1, 1, 1)
    out = each_step(nn.Sequential(*made), x).movedim(2, 0).flatten(1)
    assert torch.allclose(out.mean(1), torch.zeros(4), atol=1e-5)
    assert torch.allclose(out.std(1, correction=0), torch.ones(4), atol=1e-2)


def test_a_skip_and_its_path_end_in_the_same_neurons() -> None:
    class Passing(SpikingNeurons):
        def forward(self, x, keys=None):
            return x

    double = nn.Linear(1, 1, bias=False)
    nn.init.constant_(double.weight, 2.0)
    neurons = Passing(Neuron())
    block = ResidualBlock(nn.Sequential(double, neurons, double), nn.Identity(), neurons)
    assert block(torch.ones(1, 1, 1)).item() == 2 * 2 + 1
    assert blocks.Subsample(2)(torch.arange(9.0).reshape(1, 1, 3, 3)).flatten().tolist() == [0, 2, 6, 8]


def test_the_answer_is_that_of_neurons_that_never_fire() -> None:
    answer = LeakyReadout(6, 3, decay=0.8, gain=2.0).double()
    x = torch.rand(7, 4, 6, dtype=torch.float64)
    expected = TWINS["surrogate"].output(x, answer.weights.weight, torch.zeros(3, dtype=x.dtype), Neuron(decay=0.8))
    assert torch.allclose(answer(x), expected, rtol=0, atol=1e-15)
