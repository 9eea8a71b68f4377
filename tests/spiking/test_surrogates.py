"""Surrogates of a given width and height, the deep network, and the error that travels back through it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from norse.torch.functional.threshold import threshold
from snntorch import surrogate as snntorch_surrogate

from course_utils.lessons.surrogate_gradients.models import DeepLIF, error_norms, growth, run_lif
from course_utils.spiking.neurons import LIF, decay
from course_utils.spiking.spikes import heaviside
from course_utils.spiking.surrogates import arctan, fast_sigmoid, triangle
from tests import notebook_cells as lessons

SIZES = st.floats(0.05, 20)
X = torch.linspace(-3, 3, 121)


def gradient(spike, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(spike(x).sum(), x)[0]


def digits(count: int = 60, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 64, generator=generator, dtype=torch.float64)
    return images, torch.randint(10, (count,), generator=generator)


@given(SIZES, SIZES, st.floats(-30, 30))
def test_a_triangle_has_its_width_and_its_height(width, height, x) -> None:
    slope = triangle(width, height).slope
    number = torch.tensor([x, 0.0, width, -width], dtype=torch.float64)
    here, top, right, left = slope(number).tolist()
    assert 0 <= here <= top == height and right == left == 0
    assert slope(-number[:1]).item() == here, "symmetric"


@pytest.mark.parametrize("spike", [triangle(0.7, 2.0), fast_sigmoid(), arctan()], ids=repr)
def test_forwards_a_step_backwards_its_slope(spike) -> None:
    assert torch.equal(spike(X), heaviside(X))
    assert torch.equal(gradient(spike, X), spike.slope(X))


def test_the_surrogates_are_those_of_the_libraries() -> None:
    assert torch.allclose(gradient(fast_sigmoid(), X), gradient(snntorch_surrogate.fast_sigmoid(), X))
    assert torch.allclose(gradient(arctan(), X), gradient(snntorch_surrogate.atan(), X))
    for alpha in (1.0, 100.0):
        norse = gradient(lambda x, alpha=alpha: threshold(x, "super", alpha), X)
        assert torch.allclose(gradient(fast_sigmoid(1), X), norse), "Norse 1.1 does not use alpha"


def test_the_neuron_is_that_of_the_course() -> None:
    current = 3 * torch.randn(60, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spikes, v = run_lif(current, heaviside, decay(5.0, dt_ms=1.0))
    trace = LIF(tau_mem_ms=5.0, reset="subtract").run(current)
    assert torch.equal(spikes, trace.spikes) and torch.allclose(v - spikes, trace.v)
    assert 0.05 < spikes.mean() < 0.5


@pytest.mark.parametrize("spike", [triangle(1.0, 0.8), fast_sigmoid(), arctan()], ids=repr)
def test_the_error_that_the_lesson_sends_back_by_hand_is_that_of_autograd(spike) -> None:
    send_back = lessons.run_cells("surrogate_gradients", "setup", "taught")["send_back"]
    images, labels = digits()
    network = DeepLIF(6, spike, width=40).double().awaken(images)
    layers = network.hidden(images)
    loss = torch.nn.functional.cross_entropy(network.readout(layers[-1].spikes).mean(0), labels)
    errors = torch.autograd.grad(loss, [layer.spikes for layer in layers])
    for number in range(1, 6):
        weight = network.weights[number].weight
        by_hand = send_back(errors[number], layers[number].u, weight, spike.slope, network.decay)
        assert (by_hand - errors[number - 1]).abs().max() < 1e-12 * errors[number - 1].abs().max()
    assert error_norms(network, images, labels) == pytest.approx([error.norm().item() for error in errors])


@given(st.floats(0.2, 5))
def test_each_layer_multiplies_the_error_by_the_height(height) -> None:
    images, labels = digits(20)
    low, high = (
        error_norms(DeepLIF(4, triangle(1.0, value), width=20).double().awaken(images), images, labels)
        for value in (1.0, height)
    )
    assert [b / a for a, b in zip(low, high, strict=True)] == pytest.approx([height**way for way in (3, 2, 1, 0)])


@pytest.mark.parametrize("batch_norm", [False, True])
def test_awakened_layers_are_alive_and_their_weights_do_not_know_of_batch_norm(batch_norm) -> None:
    images, _ = digits(200)
    network = DeepLIF(12, heaviside, batch_norm=batch_norm).double().awaken(images)
    with torch.no_grad():
        assert all(0.05 < layer.spikes.mean() < 0.3 for layer in network.hidden(images))
    plain = DeepLIF(12, heaviside).double().awaken(images)
    pairs = zip((*network.weights, network.readout), (*plain.weights, plain.readout), strict=True)
    assert all(torch.equal(mine.weight, theirs.weight) for mine, theirs in pairs)


def test_batch_norm_sits_before_the_neurons_over_time_and_batch() -> None:
    images, _ = digits(50)
    network = DeepLIF(3, heaviside, batch_norm=True, width=30).double().awaken(images)
    seen = []
    network.norms[2].register_forward_hook(lambda module, inputs, output: seen.append(output))
    layers = network.hidden(images)
    (current,) = seen
    assert current.shape == (6 * 50, 30)
    assert torch.allclose(current.mean(0), torch.zeros(30).double(), atol=1e-12)
    assert torch.allclose(current.std(0, correction=0), torch.full((30,), 2.5).double(), rtol=1e-3)
    again, _ = run_lif(current.unflatten(0, (6, 50)), heaviside, network.decay)
    assert torch.equal(again, layers[2].spikes)


def test_measuring_norms_leaves_the_network_as_it_was() -> None:
    images, labels = digits()
    network = DeepLIF(3, triangle(1.0, 1.0), batch_norm=True, width=30).double().awaken(images).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    error_norms(network, images, labels)
    assert not network.training and all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_growth_is_the_factor_of_one_layer() -> None:
    assert growth([8.0, 4.0, 2.0, 1.0]) == pytest.approx(2)
    assert growth([0.25, 9.0, 1.0]) == pytest.approx(0.5)
