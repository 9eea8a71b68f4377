"""The experiments on vehicles, on drawn silhouettes and few of them."""

from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.data import vehicles as data
from course_utils.lessons.vehicles import experiment, running
from course_utils.lessons.vehicles.models import layers
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import OverTime, SpikingNeurons
from course_utils.training import ledger
from course_utils.training.experiment import Split


def drawn(seed: int) -> Split:
    parts = data.split(data.draw_vehicles(120, seed=seed), seed, validation=20, test=20)
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
        assert rates.shape[0] == 20 and rates.shape[2:] == images.shape[1:] and 0 <= rates.min() < rates.max() <= 1, (
            name
        )
    assert experiment.FRONT_ENDS["all four"](images).shape[1] == 4
    kept = (experiment.FRONT_ENDS["coarse, on"](images) > 0).double().mean()
    assert kept <= experiment.KEPT


def test_answers_are_read_after_every_step() -> None:
    images = drawn(0).test[0]
    torch.manual_seed(0)
    net = OverTime(layers(lambda: SpikingNeurons(Neuron(decay=0.9))), 3).eval()
    answers, cost = running.run_over_time(net, images, 7)
    assert answers.shape == (7, 20, 2)
    for steps in (1, 7):
        net.steps = steps
        with torch.no_grad():
            assert torch.allclose(answers[steps - 1], net(images), atol=1e-5)
    assert cost.dense > cost.accumulates + cost.multiply_accumulates > 0


def test_the_strongest_neuron_spikes_at_every_step() -> None:
    torch.manual_seed(0)
    net = layers(nn.ReLU).eval()
    images = drawn(0).train[0]
    strongest, x = 0.0, images
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            strongest = max(strongest, x.max().item())
    assert abs(running.firing_rate_scale(net, images, 100.0) * strongest - 1000) < 1e-2


def test_silhouettes_and_small_digits_are_no_data_for_a_record(monkeypatch) -> None:
    experiment._photographs.cache_clear()
    monkeypatch.setattr(experiment, "load_vehicles", lambda: data.draw_vehicles(10))
    with pytest.raises(ValueError, match="needs Caltech-101 itself"):
        experiment.vehicles(0)
    monkeypatch.setattr(experiment, "aspect_ratios", lambda: None)
    with pytest.raises(ValueError, match="one aspect ratio"):
        experiment.aspect_accuracy(0)

    class Small:
        source = "digits8x8"

    monkeypatch.setattr(experiment, "load_images", lambda _: (Small, Small))
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
