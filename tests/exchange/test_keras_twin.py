"""A PyTorch convnet in Keras gives the same scores, and runs on spikes in NengoDL."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.vehicles.models import layers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from course_utils.exchange import nengodl
    from course_utils.exchange.keras_twin import flat_pictures, keras_twin
    from course_utils.lessons.vehicles import running


@pytest.fixture(scope="module")
def trained() -> nn.Sequential:
    """A network whose normalisation is not that of the first moment."""
    torch.manual_seed(0)
    net = layers(nn.ReLU, 2, height=9, width=14, classes=3)
    for _ in range(5):
        net(3 * torch.rand(8, 2, 9, 14) + 1)
    return net.eval()


def pictures(count=5):
    return torch.rand(count, 2, 9, 14, generator=torch.Generator().manual_seed(1))


def test_the_scores_are_the_same(trained) -> None:
    twin = keras_twin(trained, 2, 9, 14)
    with torch.no_grad():
        wanted = trained(pictures()).numpy()
    found = twin.predict(pictures().movedim(1, 3).numpy(), verbose=0)
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max() and np.ptp(wanted) > 0


def test_flat_pictures_are_in_the_order_of_keras() -> None:
    flat = flat_pictures(pictures())
    assert flat.shape == (5, 1, 9 * 14 * 2)
    assert np.array_equal(flat.reshape(5, 9, 14, 2), pictures().movedim(1, 3).numpy())


def test_on_spikes_it_gives_nearly_the_same_scores_and_counts_its_operations(trained) -> None:
    with torch.no_grad():
        wanted = trained(pictures())
    run, cost = running.in_nengo_dl(trained, pictures(), 50_000.0, None)
    found = torch.from_numpy(run.outputs).mean(0)
    assert run.outputs.shape == (running.STEPS, 5, 3)
    assert (found - wanted).abs().max() < 0.1 * (wanted.max() - wanted.min())
    assert cost.spikes > 0 and cost.accumulates > cost.spikes
    assert 0 < cost.multiply_accumulates <= cost.dense


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3, 2)), "layer 0 is a Conv2d"),
        (nn.Sequential(nn.MaxPool2d(2)), "layer 0 is a MaxPool2d"),
        (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Sigmoid()), "layer 3 is a Sigmoid"),
    ],
)
def test_other_networks_are_refused(broken, says) -> None:
    with pytest.raises(ValueError, match=says):
        keras_twin(broken, 2, 9, 14)


def test_bad_numbers_are_refused(trained) -> None:
    with pytest.raises(ValueError, match="rate_hz is 0"):
        running.in_nengo_dl(trained, pictures(), 0.0, None)
    with pytest.raises(ValueError, match="steps is 0"):
        nengodl.repeated(flat_pictures(pictures()), 0)
