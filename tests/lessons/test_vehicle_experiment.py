"""The convnet for vehicles: its layers, its walk through time, noise, what it costs; and the experiments with it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.data import vehicles as data
from course_utils.data.digits import small_digits
from course_utils.data.vehicles import draw_vehicles
from course_utils.exchange.conversion import ConvertedNet, convert
from course_utils.lessons.vehicles import experiment, running
from course_utils.lessons.vehicles.models import as_tensors, layers, threshold_accuracy, with_noise
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import OverTime, SpikingNeurons
from course_utils.training import ledger
from course_utils.training.counting import weights_met
from course_utils.training.measuring import Split


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
    spikes = spiking(channels=channels, height=height, width=width, classes=classes).layers
    shapes, others = ({name: v.shape for name, v in one.state_dict().items()} for one in (net, spikes))
    assert shapes == others, "both networks have the same weights by name"


def test_a_constant_input_and_the_same_at_every_step_are_alike() -> None:
    net, x = spiking(), pictures()
    with torch.no_grad():
        answers, spikes = net.watch(x)
        again, same = net.watch(x.expand(5, *x.shape))
    assert torch.allclose(answers, again, atol=1e-2) and len(spikes) == len(same) == 3
    # sums of another order may move a spike that falls on the threshold
    assert all(a.shape[0] == 5 and (a == b).double().mean() > 0.999 for a, b in zip(spikes, same, strict=True))
    assert all(((a == 0) | (a == 1)).all() and a.any() for a in spikes)
    with torch.no_grad():
        outputs = torch.stack([net.layers[9:](now) for now in spikes[-1]])
    assert torch.allclose(answers, outputs.mean(0), atol=1e-5), "the mean of the outputs"


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


def test_a_threshold_is_chosen_on_the_training_part() -> None:
    train = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0, 0, 1, 1])
    assert threshold_accuracy(train, (torch.tensor([2.9, 3.1, 3.0]), torch.tensor([0, 1, 0]))) == 2 / 3
    turned = train[0], 1 - train[1]
    assert threshold_accuracy(turned, (torch.tensor([1.0, 5.0]), torch.tensor([1, 0]))) == 1


# --- the experiments, on few drawn silhouettes -----------------------------------------------------------------------


def drawn(seed: int) -> Split:
    parts = data.split(draw_vehicles(120, seed=seed), seed, validation=20, test=20)
    return experiment.in_three("drawn silhouettes", *parts)


@pytest.mark.parametrize("name", ["pixels", "blurred", "fine, on", "all four"])
@pytest.mark.parametrize("noisy", [False, True])
def test_a_run_behind_each_kind_of_front_end_is_recorded(name, noisy) -> None:
    record = experiment.in_front(experiment.VEHICLES, drawn, name, 0, Path("unused"), noisy=noisy, epochs=1, steps=5)
    assert record.config["noise in training"] == noisy and record.time_steps == 5
    assert set(record.beside) == {"σ = 20", "σ = 40", "σ = 80"} and record.data["test"] == 20
    assert record.spikes > 0 and record.accumulates > 0
    assert (record.multiply_accumulates > 0) == (name in ("pixels", "blurred"))


def test_every_front_end_gives_rates_between_0_and_1() -> None:
    images = drawn(0).test[0][:, 0]
    for name, front in experiment.FRONT_ENDS.items():
        rates = front(images)
        assert rates.shape[0] == 20 and rates.shape[2:] == images.shape[1:], name
        assert 0 <= rates.min() < rates.max() <= 1, name
    assert experiment.FRONT_ENDS["all four"](images).shape[1] == 4
    kept = (experiment.FRONT_ENDS["coarse, on"](images) > 0).double().mean()
    assert kept <= experiment.KEPT


def test_answers_are_read_after_every_step_and_what_neurons_send_is_counted() -> None:
    images, net = drawn(0).test[0], spiking()
    answers, cost = running.run_over_time(net, images, 7)
    assert answers.shape == (7, 20, 2)
    with torch.no_grad():
        for steps in (1, 7):
            wanted, sent = net.watch(images, steps)
            assert torch.allclose(answers[steps - 1], wanted, atol=1e-5)
    assert cost.spikes == sum(layer.sum().item() for layer in sent) / 20
    assert cost.multiply_accumulates == running.cost_of_pass(net.layers[:1], images).multiply_accumulates
    later = [layer for layer in net.layers[1:] if isinstance(layer, nn.Conv2d | nn.Linear)]
    counts = (layer.sum((0, 1))[None] / 20 for layer in sent)  # of a sample, at each place
    assert sum(map(weights_met, later, counts)) == pytest.approx(cost.accumulates)
    assert cost.dense > cost.accumulates + cost.multiply_accumulates


def test_the_strongest_neuron_spikes_at_every_step() -> None:
    torch.manual_seed(0)
    net = layers(nn.ReLU).eval()
    images = drawn(0).train[0]
    strongest = max(net[: place + 1](images).max().item() for place in (2, 5, 8))  # behind the ReLUs
    assert abs(running.firing_rate_scale(net, images, 100.0) * strongest - 1000) < 1e-2


def test_silhouettes_and_small_digits_are_no_data_for_a_record(monkeypatch) -> None:
    experiment._photographs.cache_clear()
    monkeypatch.setattr(experiment, "load_vehicles", lambda: draw_vehicles(10))
    with pytest.raises(ValueError, match="needs Caltech-101 itself"):
        experiment.vehicles(0)
    monkeypatch.setattr(experiment, "aspect_ratios", lambda: None)
    with pytest.raises(ValueError, match="one aspect ratio"):
        experiment.aspect_accuracy(0)

    monkeypatch.setattr(experiment, "load_images", lambda _: small_digits())
    with pytest.raises(ValueError, match="MNIST itself"):
        experiment.digits(0)


def test_the_recorded_roads_keep_what_the_issue_asks() -> None:
    found = ledger.runs("vehicles")
    for model in ("rates, weight mapping", "surrogate gradients"):
        runs = [record for (name, _), record in found.items() if name == model]
        assert len(runs) == 5 and sum(run.accuracy for run in runs) / 5 >= 0.985
        for run in runs:
            assert run.time_steps == 60 and run.data["test"] == 198 and run.data["source"] == "Caltech-101"
            assert {"linear on 8×8 thumbnails", "aspect ratio alone"} <= run.beside.keys()
