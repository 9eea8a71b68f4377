"""The staircase and its neurons: equal under a constant current, slopes as of a ramp, the three modes of a network."""

import pytest
import torch

from course_utils.spiking.convnets import lean_net, pass_on, vgg9, whiten
from course_utils.spiking.staircase import StaircaseNeurons, count_spikes, in_mode
from course_utils.training.counting import OperationCounter


@pytest.mark.parametrize("levels", [1, 3, 4, 8])
def test_spikes_under_a_constant_current_are_the_staircase(levels) -> None:
    layer = StaircaseNeurons(levels, height=1.5)
    x = 4 * torch.randn(1, 400, generator=torch.Generator().manual_seed(levels), dtype=torch.float64)
    stairs = layer(x)
    with in_mode(layer, "spikes"):
        spikes = layer(x.expand(levels, -1))
    assert set(spikes.unique().tolist()) == {0.0, 1.5}
    torch.testing.assert_close(spikes.mean(0), stairs[0], rtol=0, atol=1e-12)
    by_hand = 1.5 / levels * (levels * x / 1.5 + 0.5).floor().clamp(0, levels)
    torch.testing.assert_close(stairs, by_hand, rtol=0, atol=1e-12)
    if levels > 1:  # without the half threshold at the start they would differ
        late = count_spikes((x - 0.75).expand(levels, -1), 1.5).mean(0) * 1.5
        assert not torch.equal(late, stairs[0])


def test_no_current_is_lost_between_steps() -> None:
    currents = torch.rand(50, 200, generator=torch.Generator().manual_seed(0)) * 0.9
    owed = 0.5 + currents.sum(0) - count_spikes(currents, 1.0).sum(0)
    assert owed.min() > -1e-5
    assert owed.max() < 1 + 1e-5


def test_slopes_are_those_of_the_ramp_under_the_stairs() -> None:
    """The ramp clip(x, 0, θ), with the values of the stairs: what Bu et al. learn with."""
    layer = StaircaseNeurons(4, height=2.0).double()
    x = torch.tensor([[-1.0, 0.3, 0.9, 1.7, 2.6]], dtype=torch.float64, requires_grad=True)
    error = torch.tensor([[1.0, 2.0, -3.0, 0.5, 0.7]], dtype=torch.float64)
    layer(x).backward(error)
    assert x.grad.tolist() == [[0.0, 2.0, -3.0, 0.5, 0.0]]
    values, on_ramp = torch.tensor([0, 0.5, 1.0, 1.5, 2.0], dtype=torch.float64), torch.tensor([0, 1, 1, 1, 0])
    slopes = values / 2 - on_ramp * x.detach()[0] / 2  # ∂(θ f(x/θ))/∂θ with f′ = 1 on the ramp
    torch.testing.assert_close(layer.height.grad, (error[0] * slopes).sum())


def test_rates_mode_has_the_outputs_of_the_spikes_and_a_gradient() -> None:
    torch.manual_seed(0)
    net = lean_net(size=16, levels=4).eval()
    images = torch.randn(3, 3, 16, 16)
    with torch.no_grad(), in_mode(net, "spikes"):
        spiking = net(images, 4)
    with in_mode(net, "rates"):
        learning = net(images, 1)
    torch.testing.assert_close(learning, spiking, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(net(images, 1), spiking, rtol=1e-2, atol=1e-3)  # the staircase's own are others
    learning.square().sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in net.parameters() if value.requires_grad)
    assert all(layer.mode == "staircase" for layer in net.modules() if isinstance(layer, StaircaseNeurons))


def test_spikes_of_any_height_are_accumulates() -> None:
    """Numbers enter only the first convolution, once, and the readout, whose spikes are added up first."""
    torch.manual_seed(0)
    net, images = vgg9(levels=4, norm=True).eval(), torch.rand(2, 3, 32, 32)
    counts = []
    for steps in (2, 4):
        with torch.no_grad(), in_mode(net, "spikes"), OperationCounter(net, spiking=(StaircaseNeurons,)) as counter:
            net(images, steps)
        counts.append(counter.per_sample(2))
    (first,) = (layer for layer in net.layers if isinstance(layer, torch.nn.Conv2d) and layer.in_channels == 3)
    with torch.no_grad(), OperationCounter(first) as counter:
        first(images)
    for found in counts:
        assert 0 <= found.multiply_accumulates - counter.per_sample(2).multiply_accumulates <= 1024 * 10
    assert counts[1].accumulates > counts[0].accumulates > 0


def test_whitened_patches_are_uncorrelated_and_nothing_is_lost() -> None:
    torch.manual_seed(0)
    net = lean_net(levels=4)
    images = torch.randn(200, 3, 32, 32).cumsum(3)  # neighbours that are alike
    whiten(net, images)
    maps = net.layers[0](images).movedim(1, 0).flatten(1)
    correlations = torch.cov(maps[:12])
    torch.testing.assert_close(correlations, torch.diag(correlations.diag()), rtol=0, atol=2e-2)
    assert 0.4 < correlations.diag().min() < correlations.diag().max() < 1.1
    assert torch.equal(maps[12:], -maps[:12])
    assert not net.layers[0].weight.requires_grad


def test_kernels_begin_by_passing_maps_on() -> None:
    torch.manual_seed(0)
    net = lean_net(levels=4)
    pass_on(net)
    second = net.layers[6].path[0]
    x = torch.randn(1, 64, 5, 5)
    torch.testing.assert_close(second(x), x)


@pytest.mark.parametrize(
    ("broken", "name"),
    [(lambda: StaircaseNeurons(0), "levels"), (lambda: StaircaseNeurons(4, -1.0), "height"),
     (lambda: count_spikes(torch.ones(2, 3), 0.0), "threshold")],
)  # fmt: skip
def test_refusals(broken, name) -> None:
    with pytest.raises(ValueError, match=name):
        broken()
