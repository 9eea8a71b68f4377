"""The lesson on networks that are trained at rates: its explorers, the functions that it writes out, its networks."""


import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.exchange import nengodl
from course_utils.lessons.nengodl_conversion import models, widgets
from course_utils.training import ledger

LAYERS = ((3, 2), (4, 2))


@pytest.fixture(scope="module")
def model():
    return models.relu_network(LAYERS, seed=0)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((7, 1, 784)).astype(np.float32)


def test_the_lesson_computes_as_the_package_does(lesson) -> None:
    current = np.random.default_rng(1).normal(1, 2, (80, 9))
    assert np.array_equal(lesson["lif"](current), models.nengo_lif(current))


@pytest.mark.parametrize("tau_syn_ms", [None, 3.0])
def test_the_run_by_hand_is_nengodl_s_on_the_whole_network(model, images, tau_syn_ms) -> None:
    network = nengodl.to_spiking_relu(model, rate_hz=400.0, tau_syn_ms=tau_syn_ms)
    by_nengo = nengodl.run_nengo(network, images, 12, rate_hz=400.0, batch_size=4)
    by_hand = models.run_by_hand(models.stages(model), images, 12, rate_hz=400.0, tau_syn_ms=tau_syn_ms)
    assert by_nengo.outputs.shape == (12, 7, 10)
    assert np.abs(by_nengo.outputs - by_hand.outputs).max() < 1e-4
    for mine, theirs in zip(by_hand.spikes, by_nengo.spikes, strict=True):
        assert mine.sum() > 0 and np.allclose(mine, theirs, atol=1e-4)


def test_at_a_high_scale_the_spiking_network_is_the_rate_network(model, images) -> None:
    scores = model.predict(images.reshape(-1, 28, 28, 1), verbose=0)
    outputs = models.run_by_hand(models.stages(model), images, 60, rate_hz=20_000.0).outputs
    assert np.abs(outputs.mean(0) - scores).max() < 0.02


def test_soft_lif_learns_and_its_neurons_can_be_exchanged() -> None:
    network = models.soft_lif_network(LAYERS, rate_hz=200.0, seed=0)
    labels = np.arange(40) % 2
    images = np.float32(0.2 * np.random.default_rng(0).random((40, 1, 784)) + 0.8 * labels[:, None, None])
    losses = models.train_soft_lif(network, images, labels, epochs=12, batch_size=10, seed=0)
    assert losses[-1] < 0.5 * losses[0]
    network.become("SoftLIF", 200.0)
    assert (nengodl.run_nengo(network, images, 1, rate_hz=200.0).outputs[-1].argmax(1) == labels).mean() > 0.9
    network.become("LIF", 200.0, 5.0)
    ran = nengodl.run_nengo(network, images, 20, rate_hz=200.0, batch_size=20)
    assert all(layer.sum() > 0 and layer.max() <= 10 for layer in ran.spikes), "2 ms refractory: 10 spikes at most"


@given(st.floats(0.01, 3), st.floats(1, 900), st.integers(1, 60))
def test_a_spiking_relu_fires_as_often_as_it_should(lesson, activation, rate_hz, steps) -> None:
    counts = lesson["spiking_relu"](np.full((steps, 1), activation), rate_hz)
    assert abs(counts.sum() - activation * rate_hz * steps / 1000) <= 1 + 1e-6
    assert lesson["spiking_relu"](np.full((steps, 1), -activation), rate_hz).sum() == 0


@given(st.floats(0.5, 50), st.integers(1, 50))
def test_a_constant_goes_through_a_low_pass(lesson, tau_syn_ms, steps) -> None:
    filtered = lesson["low_pass"](np.full((steps, 2), 3.0), tau_syn_ms)
    assert np.allclose(filtered[-1], 3 * (1 - np.exp(-steps / tau_syn_ms)))


def test_operations_of_one_spike_are_the_weights_that_it_meets(images) -> None:
    first, second = np.zeros((13, 13, 3)), np.zeros((6, 6, 4))
    black = np.zeros_like(images)
    first[0, 0, 1] = 1  # a corner lies in one window
    assert models.cost(LAYERS, black, [first.ravel(), second.ravel()], 5).accumulates == 4
    first[0, 0, 1], first[2, 2, 0] = 0, 2  # this place lies in 2 × 2 windows
    cost = models.cost(LAYERS, black, [first.ravel(), second.ravel()], 5)
    assert cost.accumulates == 2 * 4 * 4 and cost.multiply_accumulates == 0
    second[5, 5, 3] = 3
    assert models.cost(LAYERS, black, [first.ravel(), second.ravel()], 5).accumulates == 32 + 30
    dense = 13 * 13 * 9 * 3, 6 * 6 * 9 * 3 * 4, 6 * 6 * 4 * 10
    assert cost.rates == sum(dense) and cost.dense == dense[0] + 5 * sum(dense[1:])
    assert models.cost(LAYERS, images, [first.ravel(), second.ravel()], 5).multiply_accumulates <= dense[0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda model, images: nengodl.neuron_type("Izhikevich"), "'Izhikevich'; it must be one of SoftLIF, LIF"),
        (lambda model, images: nengodl.neuron_type("LIF", 0.0), "rate_hz is 0.0; it must be a rate above 0"),
        (lambda model, images: nengodl.to_spiking_relu(model, rate_hz=0.0), "rate_hz is 0.0"),
        (lambda model, images: nengodl.to_spiking_relu(model, rate_hz=9.0, tau_syn_ms=0.0), "tau_syn_ms is 0.0"),
        (lambda model, images: models.soft_lif_network((), rate_hz=9.0, seed=0), "number of layers is 0"),
        (lambda model, images: models.relu_network(LAYERS, seed=0, activity=-1.0), "activity is -1.0"),
        (lambda model, images: nengodl.repeated(images, 0), "steps is 0"),
        (lambda model, images: nengodl.repeated(images[:, 0], 3), r"images have shape \(7, 784\)"),
        (lambda model, images: models.run_by_hand(models.stages(model), images, 0, rate_hz=9.0), "steps is 0"),
        (lambda model, images: nengodl.run_nengo(None, images[:0], 3, rate_hz=9.0), "images are empty"),
        (lambda model, images: nengodl.run_nengo(None, images, 0, rate_hz=9.0), "steps is 0"),
        (lambda model, images: models.cost(LAYERS, images, [], 3), "layers in spikes is 0; it must be 2"),
    ],
)
def test_bad_input_is_named(model, images, wrong, says) -> None:
    with pytest.raises(ValueError, match=says):
        wrong(model, images)


def made_up_sweep() -> widgets.Sweep:
    curves = np.linspace(0, 0.98, 30) * np.ones((3, 2, 2, 1))
    return widgets.Sweep((25.0, 250.0, 1000.0), (0.0, 5.0), (0.0, 100.0), curves, np.full((3, 2), 54321.0), 0.985)


def test_the_explorers_say_what_they_show() -> None:
    figure, alt = widgets.draw_activation(0.7, 250, 5)
    assert "5 spikes in 30 steps" in alt and "0.67" in figure.axes[0].get_title(loc="left")
    figure, alt = widgets.draw_accuracy(made_up_sweep(), 250.0, 5.0, 100.0)
    assert "+0.5 points" in figure.axes[0].get_title(loc="left") and "98.0% after 30 steps" in alt


@pytest.mark.parametrize("rate_hz", [1, 25, 50, 100, 250, 500, 1000])
def test_the_explorer_fires_as_the_lesson_does(lesson, rate_hz) -> None:
    for activation in (0.1, 0.7, 1.3, 2.0):
        counts, filtered = widgets.spikes_and_filter(activation, rate_hz, 5)
        exact = lesson["spiking_relu"](np.full((30, 1), activation + 1e-6), rate_hz)[:, 0]
        assert np.array_equal(counts, exact)
        assert np.allclose(filtered, lesson["low_pass"](counts * 1000 / rate_hz, 5.0))


def test_the_long_preset_is_recorded_at_the_report_s_figure() -> None:
    runs = ledger.runs("mnist-nengodl", ledger.SHIPPED)
    for record in runs.values():
        assert record.data["test"] == 10_000 and record.time_steps == 30
        assert abs(record.accuracy - record.beside["rate network"]) <= 0.005
    assert runs["ReLU, run as spiking ReLU", 0].accuracy >= 0.9877
