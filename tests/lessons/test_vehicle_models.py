"""The convnet for vehicles: its layers, its walk through time, noise, and what it costs."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.data.vehicles import draw_vehicles
from course_utils.exchange.conversion import ConvertedNet, convert
from course_utils.lessons.vehicles import models as vehicle_models
from course_utils.lessons.vehicles.models import as_tensors, layers, with_noise
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import OverTime, SpikingNeurons
from course_utils.training.counting import OperationCounter


def pictures(count=4, channels=1, height=40, width=64, seed=0):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed))


def spiking(steps=5, **how):
    torch.manual_seed(0)
    net = OverTime(layers(lambda: SpikingNeurons(Neuron(decay=0.9)), **how), steps).eval()
    with torch.no_grad():
        for layer in net.layers[:9]:
            if isinstance(layer, nn.Conv2d):
                layer.weight *= 4  # so that all layers spike
    return net


@pytest.mark.parametrize(("channels", "height", "width", "classes"), [(1, 40, 64, 2), (4, 28, 28, 10), (2, 9, 13, 3)])
def test_the_layers_fit_every_picture(channels, height, width, classes) -> None:
    net = layers(nn.ReLU, channels, height=height, width=width, classes=classes)
    assert net(pictures(3, channels, height, width)).shape == (3, classes)
    assert isinstance(convert(net.eval(), pictures(3, channels, height, width)), ConvertedNet)


def test_both_networks_have_the_same_weights_by_name() -> None:
    rates, spikes = layers(nn.ReLU), spiking().layers
    assert {name: v.shape for name, v in rates.state_dict().items()} == {
        name: v.shape for name, v in spikes.state_dict().items()
    }


def test_a_constant_input_and_the_same_at_every_step_are_alike() -> None:
    net, x = spiking(), pictures()
    with torch.no_grad():
        answers, spikes = net.watch(x)
        again, same = net.watch(x.expand(5, *x.shape))
    assert torch.allclose(answers, again, atol=1e-2) and len(spikes) == len(same) == 3
    # sums of another order may move a spike that falls on the threshold
    assert all(a.shape[0] == 5 and (a == b).double().mean() > 0.999 for a, b in zip(spikes, same, strict=True))
    assert all(((a == 0) | (a == 1)).all() and a.any() for a in spikes)


def test_the_answer_is_the_mean_of_the_outputs() -> None:
    net, x = spiking(), pictures()
    with torch.no_grad():
        answers, spikes = net.watch(x)
        outputs = torch.stack([net.layers[9:](now) for now in spikes[-1]])
    assert torch.allclose(answers, outputs.mean(0), atol=1e-5)


def test_steps_may_change_after_training() -> None:
    net = spiking()
    net.steps = 9
    with torch.no_grad():
        assert len(net.watch(pictures())[1][0]) == 9
    with pytest.raises(ValueError, match="steps is 0"):
        OverTime(layers(nn.ReLU), 0)


def test_noise_has_its_deviation_and_stays_a_picture() -> None:
    grey = torch.full((3, 100, 100), 0.5)
    noisy = with_noise(grey, torch.tensor([0.0, 10.0, 20.0]), seed=1)
    assert torch.equal(noisy[0], grey[0])
    assert np.allclose(255 * noisy.std((1, 2)), [0, 10, 20], rtol=0.05)
    assert torch.equal(with_noise(grey, 10, seed=1), with_noise(grey, 10, seed=1))
    assert not torch.equal(with_noise(grey, 10, seed=1), with_noise(grey, 10, seed=2))
    wild = with_noise(grey, 500, seed=1)
    assert wild.min() == 0 and wild.max() == 1
    with pytest.raises(ValueError, match="deviation is -1"):
        with_noise(grey, -1, seed=0)


def test_pictures_become_tensors() -> None:
    images, labels = as_tensors(draw_vehicles(6))
    assert images.shape == (6, 40, 64) and 0 <= images.min() < images.max() <= 1 and labels.tolist() == [0, 1] * 3


def test_operations_are_those_of_the_counter() -> None:
    net, x = spiking(), pictures()
    with torch.no_grad():
        _, spikes = net.watch(x)
    synapses = [layer for layer in net.layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    entered = [layer.flatten(0, 1) for layer in spikes]
    cost = vehicle_models.operations(synapses, [x, *entered[:-1], entered[-1].flatten(1)], len(x))
    assert cost.spikes == sum(layer.sum().item() for layer in spikes) / 4
    with torch.no_grad(), OperationCounter(synapses[0]) as counter:
        synapses[0](x)
    assert cost.multiply_accumulates == counter.per_sample(4).multiply_accumulates
    counts = [layer.sum(0).mean(0) for layer in spikes]
    assert abs(vehicle_models.accumulates(net.layers, counts) / cost.accumulates - 1) < 1e-6


def test_a_threshold_is_chosen_on_the_training_part() -> None:
    train = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0, 0, 1, 1])
    assert vehicle_models.threshold_accuracy(train, (torch.tensor([2.9, 3.1, 3.0]), torch.tensor([0, 1, 0]))) == 2 / 3
    turned = train[0], 1 - train[1]
    assert vehicle_models.threshold_accuracy(turned, (torch.tensor([1.0, 5.0]), torch.tensor([1, 0]))) == 1
