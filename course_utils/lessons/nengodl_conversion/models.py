"""The lesson's two networks, what NengoDL computes written out by hand, and what a run costs. Needs NengoDL.

Route one is `soft_lif_network`: Nengo's own objects, trained with the smooth rate of a LIF neuron and run with LIF
neurons (E. Hunsberger and C. Eliasmith, "Training spiking deep networks for neuromorphic hardware", 2016,
https://arxiv.org/abs/1611.05141). Route two is `relu_network`: a Keras network with ReLUs, which
`nengodl.to_spiking_relu` hands to NengoDL's converter.

Images are flat and float32 here, [count, 1, pixels], 0 to 1: NengoDL's second axis is time.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from course_utils.data.require import require, require_whole
from course_utils.exchange.nengodl import (
    SMOOTHING,
    NengoNetwork,
    NengoRun,
    nengo_dl,
    neuron_type,
    repeated,
    require_rate,
    synapse_s,
)
from course_utils.spiking.neurons import decay
from course_utils.training.counting import weights_met

import nengo  # isort: skip  (behind the bridge: torch goes first)
import tensorflow as tf  # isort: skip

IMAGE = (28, 28, 1)
CLASSES = 10
Layers = Sequence[tuple[int, int]]  # channels and stride of each 3×3 convolution
Stage = Callable[[Tensor], Tensor]  # a layer as torch has it

# --- the networks, and how they are trained --------------------------------------------------------------------------


def soft_lif_network(layers: Layers, *, rate_hz: float, seed: int) -> NengoNetwork:
    """Convolutions of 3×3 without a frame, LIF neurons behind each, and a dense layer to the classes.

    A neuron begins to fire at an input of 0 and fires with `rate_hz` at 1. Its training follows the smooth rate.
    """
    require(len(layers) > 0, "number of layers", 0, "1 or more")
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
            convolution = nengo.Convolution(channels, shape, strides=(stride, stride), init=nengo_dl.dists.Glorot())
            ensembles.append(nengo.Ensemble(convolution.output_shape.size, 1, neuron_type=neuron))
            connections.append(nengo.Connection(below, ensembles[-1].neurons, transform=convolution))
            below, shape = ensembles[-1].neurons, convolution.output_shape.shape
        output = nengo.Node(size_in=CLASSES)
        dense = nengo.Dense((CLASSES, below.size_out), init=nengo_dl.dists.Glorot())
        connections.append(nengo.Connection(below, output, transform=dense))
        probes = [nengo.Probe(ensemble.neurons) for ensemble in ensembles]
        return NengoNetwork(net, image, ensembles, connections[1:], nengo.Probe(output), probes)


def _falling(first: float, updates: int) -> Any:
    """A learning rate that falls linearly to almost 0."""
    return tf.keras.optimizers.schedules.PolynomialDecay(first, updates, first / 500)


def train_soft_lif(
    network: NengoNetwork, images: np.ndarray, labels: np.ndarray, *, epochs: int, batch_size: int = 100, seed: int
) -> list[float]:
    """Train at rates, on one time step; the weights then stand in the network. Returns the mean loss of each epoch.

    Images beyond the last full batch are left out.
    """
    count = len(images) // batch_size * batch_size
    with nengo_dl.Simulator(network.net, minibatch_size=batch_size, seed=seed, progress_bar=False) as simulator:
        simulator.compile(
            tf.optimizers.Adam(_falling(5e-3, epochs * count // batch_size)),
            loss={network.output: tf.losses.SparseCategoricalCrossentropy(from_logits=True)},
        )
        history = simulator.fit(
            images[:count], {network.output: labels[:count].reshape(-1, 1, 1)}, epochs=epochs, verbose=0
        )
        simulator.freeze_params(network.net)
    return history.history["loss"]


def relu_network(layers: Layers, *, seed: int, activity: float = 0.0) -> Any:
    """The same shape in Keras, with ReLUs; an activation of 1 adds `activity`, 0 or more, to the loss of its image."""
    require(len(layers) > 0, "number of layers", 0, "1 or more")
    require(0 <= activity < math.inf, "activity", activity, "0 or more")
    tf.keras.utils.set_random_seed(seed)
    x = image = tf.keras.Input(IMAGE)
    how = {"activation": tf.nn.relu, "kernel_initializer": "he_uniform"}
    if activity:
        how["activity_regularizer"] = tf.keras.regularizers.L1(activity)
    for channels, stride in layers:
        x = tf.keras.layers.Conv2D(channels, 3, strides=stride, **how)(x)
    return tf.keras.Model(image, tf.keras.layers.Dense(CLASSES)(tf.keras.layers.Flatten()(x)))


def train_relu(model: Any, images: np.ndarray, labels: np.ndarray, *, epochs: int) -> list[float]:
    """Train the Keras network; returns the mean loss of each epoch."""
    batch_size = 128
    model.compile(
        tf.keras.optimizers.Adam(_falling(3e-3, epochs * math.ceil(len(images) / batch_size))),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    pixels = images.reshape(-1, *IMAGE)
    return model.fit(pixels, labels, batch_size=batch_size, epochs=epochs, verbose=0).history["loss"]


# --- by hand ---------------------------------------------------------------------------------------------------------


def nengo_lif(
    current: np.ndarray, *, tau_mem_ms: float = 20.0, refractory_ms: float = 2.0, dt_ms: float = 1.0
) -> np.ndarray:
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


def stages(model: Any) -> list[Stage]:
    """The layers of a network from `relu_network`, for torch, where channels go first."""
    found = []
    for layer in model.layers:
        if layer.get_weights():
            weight, bias = map(torch.from_numpy, layer.get_weights())
            if weight.dim() == 4:
                how = {"weight": weight.permute(3, 2, 0, 1).contiguous(), "bias": bias, "stride": layer.strides[0]}
                found.append(partial(functional.conv2d, **how))
            else:
                dense = partial(functional.linear, weight=weight.T.contiguous(), bias=bias)
                found.append(lambda x, dense=dense: dense(x.movedim(1, 3).flatten(1)))  # as Keras counts them
    return found


def run_by_hand(
    layers: Sequence[Stage], images: np.ndarray, steps: int, *, rate_hz: float, tau_syn_ms: float | None = None
) -> NengoRun:
    """The network of `nengodl.to_spiking_relu`, written out: what NengoDL computes, in torch.

    Without a filter a spike crosses all layers within its step; a filter gives out at a step what it had after the
    last.
    """
    require_rate(rate_hz)
    synapse_s(tau_syn_ms)
    repeated(images[:1], steps)
    kept = 0.0 if tau_syn_ms is None else decay(tau_syn_ms, 1.0)
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
    return NengoRun(torch.stack(outputs).numpy(), [count.mean(0).movedim(0, 2).flatten().numpy() for count in counts])


# --- what it costs ---------------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """Synaptic operations of an image; the pixels do not change, so the first layer works once."""

    multiply_accumulates: float  # in the first layer, where a pixel is not black
    accumulates: float  # in the other layers, one for each weight that a spike meets
    dense: float  # multiply-accumulates if nothing were skipped and the layers behind the first worked at every step
    rates: float  # multiply-accumulates of the rate network, in its one step


def cost(layers: Layers, images: np.ndarray, spikes: Sequence[np.ndarray], steps: int) -> Cost:
    """Count the operations of a run: the weights that pixels of images [count, 1, pixels] and spikes of a `NengoRun`
    meet."""
    require_whole(steps=(steps, 1))
    require(len(spikes) == len(layers), "number of layers in spikes", len(spikes), f"{len(layers)}")
    size, _, maps = IMAGE
    met, everything = [], []
    for (channels, stride), arriving in zip(layers, [(images != 0).mean((0, 1)), *spikes], strict=False):
        convolution = skip_init(nn.Conv2d, maps, channels, 3, stride)
        places = torch.from_numpy(arriving).reshape(1, size, size, maps).movedim(3, 1)
        met.append(weights_met(convolution, places))
        everything.append(weights_met(convolution, torch.ones_like(places)))
        size, maps = (size - 3) // stride + 1, channels
    met.append(float(spikes[-1].sum()) * CLASSES)
    everything.append(size**2 * maps * CLASSES)
    return Cost(met[0], sum(met[1:]), everything[0] + steps * sum(everything[1:]), sum(everything))
