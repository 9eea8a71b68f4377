"""Trained at rates, run on spikes: the two networks of lesson 15 and what its experiment runs. Needs NengoDL.

Route one is `soft_lif_network`: Nengo's own objects, trained with the smooth rate of a LIF neuron and run with LIF
neurons (E. Hunsberger and C. Eliasmith, "Training spiking deep networks for neuromorphic hardware", 2016,
https://arxiv.org/abs/1611.05141). Route two is `relu_network`: a Keras network with ReLUs, which `to_spiking_relu`
hands to NengoDL's converter.

Images are flat and float32 here, [count, 1, pixels], 0 to 1: NengoDL's second axis is time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.exchange import nengo_bridge
from course_utils.spiking.encoders import check_steps
from course_utils.spiking.neurons import leak

nengo_dl = nengo_bridge.load()
import nengo  # noqa: E402  (behind the bridge: torch goes first)
import tensorflow as tf  # noqa: E402

tf.get_logger().setLevel("ERROR")  # it warns of every simulator after the fifth
tf.config.experimental.enable_op_determinism()  # same machine, same seed: the same numbers

IMAGE = (28, 28, 1)
CLASSES = 10
SMOOTHING = 0.02  # σ of SoftLIF
Layers = Sequence[tuple[int, int]]  # channels and stride of each 3×3 convolution
NEURONS = ("SoftLIF", "LIF", "spiking ReLU")


def neuron_type(name: str, rate_hz: float = 1.0) -> nengo.neurons.NeuronType:
    """A neuron of Nengo whose spike, or whose rate in Hz, is divided by `rate_hz`. All begin with the potential 0.

    Args:
        name: "SoftLIF", which has a rate, or "LIF" or "spiking ReLU", which spike.
        rate_hz: the rate that stands for an activation of 1, above 0.

    Raises:
        ValueError: no such neuron, or the rate is not above 0.
    """
    check_rate(rate_hz)
    if name not in NEURONS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(NEURONS)}")
    at_rest = {"voltage": nengo.dists.Choice([0])}  # Nengo draws it from 0 to 1 if it is not told
    return {
        "SoftLIF": lambda: nengo_dl.SoftLIFRate(sigma=SMOOTHING, amplitude=1 / rate_hz),
        "LIF": lambda: nengo.LIF(amplitude=1 / rate_hz, initial_state=at_rest),
        "spiking ReLU": lambda: nengo.SpikingRectifiedLinear(amplitude=1 / rate_hz, initial_state=at_rest),
    }[name]()


def check_rate(rate_hz: float) -> None:
    """Refuses a firing rate that is no number above 0."""
    if not 0 < rate_hz < math.inf:
        raise ValueError(f"rate_hz is {rate_hz}; it must be a rate above 0")


def seconds(tau_syn_ms: float | None) -> float | None:
    """A time constant for Nengo, which counts in seconds; None, no filter, stays None.

    Raises:
        ValueError: it is not above 0.
    """
    if tau_syn_ms is None:
        return None
    if not 0 < tau_syn_ms < math.inf:
        raise ValueError(f"tau_syn_ms is {tau_syn_ms}; it must be a time above 0, or None for no filter")
    return tau_syn_ms / 1000


def repeated(images: np.ndarray, steps: int) -> np.ndarray:
    """Every image [count, 1, pixels] again at every step, [count, steps, pixels].

    Raises:
        ValueError: the shape is another one, or there is no step.
    """
    check_steps(steps)
    if images.ndim != 3 or images.shape[1] != 1:
        raise ValueError(f"images have shape {images.shape}; it must be [count, 1, pixels]")
    return np.repeat(images, steps, axis=1)


@dataclass(frozen=True)
class Network:
    """A network of Nengo objects.

    Attributes:
        net: holds the rest.
        image: takes the pixels.
        ensembles: the hidden neurons, a layer each.
        filtered: the connections that start at neurons, so that a synapse can filter their spikes.
        output: probe of the scores, [classes].
        rates: probes of the hidden neurons.
    """

    net: nengo.Network
    image: nengo.Node
    ensembles: list[nengo.Ensemble]
    filtered: list[nengo.Connection]
    output: nengo.Probe
    rates: list[nengo.Probe]

    def become(self, neuron: str, rate_hz: float, tau_syn_ms: float | None = None) -> None:
        """Put these neurons in the place of the hidden ones, and this filter behind them.

        Raises:
            ValueError: no such neuron, or a number is out of range.
        """
        synapse = seconds(tau_syn_ms)
        for ensemble in self.ensembles:
            ensemble.neuron_type = neuron_type(neuron, rate_hz)
        for connection in self.filtered:
            connection.synapse = synapse


def soft_lif_network(layers: Layers, *, rate_hz: float, seed: int) -> Network:
    """Convolutions of 3×3 without a frame, LIF neurons behind each, and a dense layer to the classes.

    A neuron begins to fire at an input of 0 and fires with `rate_hz` at 1. Its training follows the smooth rate.

    Raises:
        ValueError: there is no layer, or the rate is not above 0.
    """
    if not layers:
        raise ValueError("layers is empty; there must be a convolution")
    neuron = neuron_type("LIF", rate_hz)
    with nengo.Network(seed=seed) as net:
        nengo_dl.configure_settings(stateful=False, keep_history=False, lif_smoothing=SMOOTHING)
        net.config[nengo.Connection].synapse = None
        net.config[nengo.Ensemble].max_rates = nengo.dists.Choice([rate_hz])
        net.config[nengo.Ensemble].intercepts = nengo.dists.Choice([0])
        image = nengo.Node(np.zeros(math.prod(IMAGE)))
        below, shape = image, IMAGE
        ensembles, connections = [], []
        for channels, stride in layers:
            convolution = nengo.Convolution(
                channels, shape, kernel_size=(3, 3), strides=(stride, stride), init=nengo_dl.dists.Glorot()
            )
            ensembles.append(nengo.Ensemble(convolution.output_shape.size, 1, neuron_type=neuron))
            connections.append(nengo.Connection(below, ensembles[-1].neurons, transform=convolution))
            below, shape = ensembles[-1].neurons, convolution.output_shape.shape
        output = nengo.Node(size_in=CLASSES)
        dense = nengo.Dense((CLASSES, below.size_out), init=nengo_dl.dists.Glorot())
        connections.append(nengo.Connection(below, output, transform=dense))
        probes = [nengo.Probe(ensemble.neurons) for ensemble in ensembles]
        return Network(net, image, ensembles, connections[1:], nengo.Probe(output), probes)


def falling(first: float, updates: int) -> Any:
    """A learning rate that falls linearly to almost 0."""
    return tf.keras.optimizers.schedules.PolynomialDecay(first, updates, first / 500)


def train_soft_lif(
    network: Network,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    learning_rate: float = 5e-3,
    batch_size: int = 100,
    seed: int,
) -> list[float]:
    """Train at rates, on one time step; the weights then stand in the network. Returns the mean loss of each epoch.

    Images beyond the last full batch are left out.
    """
    count = len(images) // batch_size * batch_size
    with nengo_dl.Simulator(network.net, minibatch_size=batch_size, seed=seed, progress_bar=False) as simulator:
        simulator.compile(
            tf.optimizers.Adam(falling(learning_rate, epochs * count // batch_size)),
            loss={network.output: tf.losses.SparseCategoricalCrossentropy(from_logits=True)},
        )
        history = simulator.fit(
            images[:count], {network.output: labels[:count].reshape(-1, 1, 1)}, epochs=epochs, verbose=0
        )
        simulator.freeze_params(network.net)
    return history.history["loss"]


def relu_network(layers: Layers, *, seed: int, activity: float = 0.0) -> Any:
    """The same shape in Keras, with ReLUs.

    Args:
        activity: what an activation of 1 adds to the loss, averaged over the batch; 0 or more.

    Raises:
        ValueError: there is no layer, or `activity` is below 0.
    """
    if not layers:
        raise ValueError("layers is empty; there must be a convolution")
    if not 0 <= activity < math.inf:
        raise ValueError(f"activity is {activity}; it must be 0 or more")
    tf.keras.utils.set_random_seed(seed)
    x = image = tf.keras.Input(IMAGE)
    for channels, stride in layers:
        x = tf.keras.layers.Conv2D(
            channels,
            3,
            strides=stride,
            activation=tf.nn.relu,
            kernel_initializer="he_uniform",
            activity_regularizer=tf.keras.regularizers.L1(activity) if activity else None,
        )(x)
    return tf.keras.Model(image, tf.keras.layers.Dense(CLASSES)(tf.keras.layers.Flatten()(x)))


def train_relu(
    model: Any,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    learning_rate: float = 3e-3,
    batch_size: int = 128,
) -> list[float]:
    """Train the Keras network; returns the mean loss of each epoch."""
    model.compile(
        tf.keras.optimizers.Adam(falling(learning_rate, epochs * math.ceil(len(images) / batch_size))),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    pixels = images.reshape(-1, *IMAGE)
    return model.fit(pixels, labels, batch_size=batch_size, epochs=epochs, verbose=0).history["loss"]


def to_spiking_relu(model: Any, *, rate_hz: float, tau_syn_ms: float | None = None) -> Network:
    """NengoDL's conversion of a Keras network with ReLUs: spiking ReLUs, firing-rate scale and filter.

    Args:
        model: from `relu_network`, trained or not.
        rate_hz: the firing-rate scale: how often a neuron fires for an activation of 1. Inputs are multiplied by it,
            and spikes divided.
        tau_syn_ms: time constant of the low-pass filter behind the neurons, or None.

    Raises:
        ValueError: a number is out of range.
    """
    check_rate(rate_hz)
    converter = nengo_dl.Converter(
        model,
        swap_activations={tf.nn.relu: neuron_type("spiking ReLU")},
        scale_firing_rates=rate_hz,
        synapse=seconds(tau_syn_ms),
    )
    with converter.net as net:
        nengo_dl.configure_settings(stateful=False)
        ensembles = [ensemble for ensemble in net.all_ensembles if isinstance(ensemble, nengo.Ensemble)]
        probes = [nengo.Probe(ensemble.neurons) for ensemble in ensembles]
    filtered = [connection for connection in net.all_connections if connection.synapse is not None]
    return Network(net, converter.inputs[model.input], ensembles, filtered, converter.outputs[model.output], probes)


@dataclass(frozen=True)
class Run:
    """What a network did.

    Attributes:
        outputs: unfiltered scores after every step, [steps, count, classes].
        spikes: of each hidden layer, a neuron and an image, over all steps: mean over the images, [neurons].
    """

    outputs: np.ndarray
    spikes: list[np.ndarray]


def run(
    network: Network,
    images: np.ndarray,
    steps: int,
    *,
    rate_hz: float,
    batch_size: int = 250,
    count_spikes: bool = True,
) -> Run:
    """Show every image for so many steps of 1 ms, in NengoDL.

    The last batch is filled up with its last image, which is then left out. Without `count_spikes`, which takes memory
    for every neuron and step, `Run.spikes` is empty.

    Raises:
        ValueError: the images have another shape, there are none, or no step.
    """
    repeated(images[:1], steps)
    if not len(images):
        raise ValueError("images are empty; there must be one or more")
    missing = -len(images) % batch_size
    filled = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
    with network.net:
        nengo_dl.configure_settings(inference_only=True, keep_history=True)
    for probe in network.rates:
        network.net.config[probe].keep_history = count_spikes
    outputs, counts = [], [0.0] * len(network.rates)
    with nengo_dl.Simulator(network.net, minibatch_size=batch_size, seed=0, progress_bar=False) as simulator:
        for first in range(0, len(filled), batch_size):
            real = min(batch_size, len(images) - first)
            found = simulator.predict_on_batch({network.image: repeated(filled[first : first + batch_size], steps)})
            outputs.append(found[network.output][:real])
            for layer, probe in enumerate(network.rates if count_spikes else ()):
                counts[layer] = counts[layer] + found[probe][:real].sum((0, 1), dtype=np.float64)
    worth = 1000 / rate_hz  # what one spike adds at a step of 1 ms
    spikes = [count / worth / len(images) for count in counts] if count_spikes else []
    return Run(np.concatenate(outputs).swapaxes(0, 1), spikes)


def low_pass(signal: np.ndarray, tau_syn_ms: float, dt_ms: float = 1.0) -> np.ndarray:
    """An exponential synapse, from 0: y_t = λ y_(t−1) + (1 − λ) x_t, time first.

    Raises:
        ValueError: a time is not above 0.
    """
    kept, y, filtered = leak(tau_syn_ms, dt_ms), np.zeros_like(signal[0]), []
    for x in signal:
        y = kept * y + (1 - kept) * x
        filtered.append(y)
    return np.stack(filtered)


def spiking_relu(current: np.ndarray, rate_hz: float, dt_ms: float = 1.0) -> np.ndarray:
    """Spikes of `nengo.SpikingRectifiedLinear` with a firing-rate scale, from rest: 0, 1, 2, …, time first.

    Raises:
        ValueError: the rate is not above 0.
    """
    check_rate(rate_hz)
    v, counts = np.zeros_like(current[0]), []
    for now in current:
        v = v + np.maximum(rate_hz * now, 0) * dt_ms / 1000
        n = np.floor(v)
        v = v - n
        counts.append(n)
    return np.stack(counts)


def lif(current: np.ndarray, *, tau_mem_ms: float = 20.0, refractory_ms: float = 2.0, dt_ms: float = 1.0) -> np.ndarray:
    """Spikes of `nengo.LIF`, threshold 1, from rest: 0 or 1, time first.

    A spike falls somewhere within its step. Nengo works out where, so that the refractory period ends on time.
    """
    v, silent_ms, spikes = np.zeros_like(current[0]), np.zeros_like(current[0]), []
    for now in current:
        awake_ms = np.clip(dt_ms - silent_ms, 0, dt_ms)
        v = now + (v - now) * np.exp(-awake_ms / tau_mem_ms)
        fired = v > 1
        beyond = np.where(fired, now, 2)  # any current above 1 where nothing fired
        since_ms = -tau_mem_ms * np.log1p((1 - np.where(fired, v, 1)) / (beyond - 1))
        silent_ms = np.where(fired, refractory_ms - since_ms, silent_ms - dt_ms)
        v = np.where(fired, 0, np.maximum(v, 0))
        spikes.append(fired.astype(float))
    return np.stack(spikes)


class Stage(NamedTuple):
    """A layer as torch takes it: weight, bias, and the stride of a convolution or None."""

    weight: Tensor
    bias: Tensor
    stride: int | None

    def __call__(self, x: Tensor) -> Tensor:
        if self.stride is None:
            return functional.linear(x.movedim(1, 3).flatten(1), self.weight, self.bias)  # Keras: channels last
        return functional.conv2d(x, self.weight, self.bias, self.stride)


def stages(model: Any) -> list[Stage]:
    """The layers of a network from `relu_network`, for torch."""
    found = []
    for layer in model.layers:
        if layer.get_weights():
            weight, bias = map(torch.from_numpy, layer.get_weights())
            is_convolution = weight.dim() == 4
            weight = weight.permute(3, 2, 0, 1) if is_convolution else weight.T
            found.append(Stage(weight.contiguous(), bias, layer.strides[0] if is_convolution else None))
    return found


def simulate(
    layers: Sequence[Stage], images: np.ndarray, steps: int, *, rate_hz: float, tau_syn_ms: float | None = None
) -> Run:
    """The network of `to_spiking_relu`, written out: what NengoDL computes, in torch.

    Without a filter a spike crosses all layers within its step; a filter gives out at a step what it had after the
    last.

    Raises:
        ValueError: a number is out of range, or the images have another shape.
    """
    check_rate(rate_hz)
    seconds(tau_syn_ms)
    repeated(images[:1], steps)
    kept = 0.0 if tau_syn_ms is None else leak(tau_syn_ms, 1.0)
    constant = layers[0](torch.from_numpy(images).reshape(-1, 1, *IMAGE[:2]))  # the pixels do not change
    v, filtered, counts = ([0.0] * (len(layers) - 1) for _ in range(3))
    outputs = []
    for _ in range(steps):
        current = constant
        for at, after in enumerate(layers[1:]):
            v[at] = v[at] + (rate_hz * current).relu() / 1000
            spikes = v[at].floor()
            v[at] = v[at] - spikes
            counts[at] = counts[at] + spikes
            now = spikes * (1000 / rate_hz)
            before = filtered[at] + 0 * now
            filtered[at] = kept * before + (1 - kept) * now
            current = after(now if tau_syn_ms is None else before)
        outputs.append(current)
    return Run(torch.stack(outputs).numpy(), [count.mean(0).movedim(0, 2).flatten().numpy() for count in counts])


@dataclass(frozen=True)
class Cost:
    """Synaptic operations of an image; the pixels do not change, so the first layer works once.

    Attributes:
        multiply_accumulates: in the first layer, where a pixel is not black.
        accumulates: in the other layers, one for each weight that a spike meets.
        dense: multiply-accumulates if nothing were skipped and the layers behind the first worked at every step.
        rates: multiply-accumulates of the rate network, in its one step.
    """

    multiply_accumulates: float
    accumulates: float
    dense: float
    rates: float


def cost(layers: Layers, images: np.ndarray, spikes: Sequence[np.ndarray], steps: int) -> Cost:
    """Count the operations of a run: every spike meets as many weights as its place in the map below has windows.

    Args:
        layers: of the network.
        images: that were run, [count, 1, pixels].
        spikes: `Run.spikes`.
        steps: of the run.

    Raises:
        ValueError: there are not as many layers in `spikes` as in `layers`, or no step.
    """
    check_steps(steps)
    if len(layers) != len(spikes):
        raise ValueError(f"spikes has {len(spikes)} layers; it must have {len(layers)}")
    met, everything = [], []
    shape = IMAGE
    for (channels, stride), arriving in zip(layers, [(images != 0).mean((0, 1)), *spikes], strict=False):
        windows = _windows(shape[0], stride)
        meets = np.outer(windows, windows)[..., None] * channels
        met.append(float((arriving.reshape(shape) * meets).sum()))
        everything.append(float((np.ones(shape) * meets).sum()))
        shape = (*[(shape[0] - 3) // stride + 1] * 2, channels)
    met.append(float(spikes[-1].sum()) * CLASSES)
    everything.append(math.prod(shape) * CLASSES)
    return Cost(met[0], sum(met[1:]), everything[0] + steps * sum(everything[1:]), sum(everything))


def _windows(size: int, stride: int) -> np.ndarray:
    """In how many windows of 3 each place of a row lies, [size]."""
    lies_in = np.zeros(size)
    for first in range(0, size - 2, stride):
        lies_in[first : first + 3] += 1
    return lies_in
