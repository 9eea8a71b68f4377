"""Networks of Nengo objects in NengoDL: their neurons exchanged, converted from Keras, run over time. Needs NengoDL.

Images are flat and float32 here, [count, 1, pixels], 0 to 1: NengoDL's second axis is time.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from course_utils.data.require import require, require_whole
from course_utils.exchange import nengo_bridge

nengo_dl = nengo_bridge.load()
import nengo  # noqa: E402  (behind the bridge: torch goes first)
import tensorflow as tf  # noqa: E402

tf.get_logger().setLevel("ERROR")  # it warns of every simulator after the fifth
tf.config.experimental.enable_op_determinism()  # same machine, same seed: the same numbers

SMOOTHING = 0.02  # σ of SoftLIF
NEURONS = ("SoftLIF", "LIF", "spiking ReLU")


def neuron_type(name: str, rate_hz: float = 1.0) -> nengo.neurons.NeuronType:
    """A neuron of Nengo whose spike, or whose rate in Hz, is divided by `rate_hz`. All begin with the potential 0.

    Args:
        name: "SoftLIF", which has a rate, or "LIF" or "spiking ReLU", which spike.
        rate_hz: the rate that stands for an activation of 1, above 0.
    """
    require_rate(rate_hz)
    require(name in NEURONS, "name", name, f"one of {', '.join(NEURONS)}")
    if name == "SoftLIF":
        return nengo_dl.SoftLIFRate(sigma=SMOOTHING, amplitude=1 / rate_hz)
    kind = nengo.LIF if name == "LIF" else nengo.SpikingRectifiedLinear
    at_rest = {"voltage": nengo.dists.Choice([0])}  # Nengo draws it from 0 to 1 if it is not told
    return kind(amplitude=1 / rate_hz, initial_state=at_rest)


def require_rate(rate_hz: float) -> None:
    """Refuses a firing rate that is no number above 0."""
    require(0 < rate_hz < math.inf, "rate_hz", rate_hz, "a rate above 0")


def synapse_s(tau_syn_ms: float | None) -> float | None:
    """A time constant for Nengo, which counts in seconds; None, no filter, stays None."""
    if tau_syn_ms is None:
        return None
    require(0 < tau_syn_ms < math.inf, "tau_syn_ms", tau_syn_ms, "a time above 0, or None for no filter")
    return tau_syn_ms / 1000


def repeated(images: np.ndarray, steps: int) -> np.ndarray:
    """Every image [count, 1, pixels] again at every step, [count, steps, pixels]."""
    require_whole(steps=(steps, 1))
    if images.ndim != 3 or images.shape[1] != 1:
        raise ValueError(f"images have shape {images.shape}; it must be [count, 1, pixels]")
    return np.repeat(images, steps, axis=1)


@dataclass(frozen=True)
class NengoNetwork:
    """A network of Nengo objects."""

    net: nengo.Network  # holds the rest
    image: nengo.Node  # takes the pixels
    ensembles: list[nengo.Ensemble]  # the hidden neurons, a layer each
    filtered: list[nengo.Connection]  # those that start at neurons, so that a synapse can filter their spikes
    output: nengo.Probe  # of the scores, [classes]
    rates: list[nengo.Probe]  # of the hidden neurons

    def become(self, neuron: str, rate_hz: float, tau_syn_ms: float | None = None) -> None:
        """Put these neurons in the place of the hidden ones, and this filter behind them."""
        synapse = synapse_s(tau_syn_ms)
        for ensemble in self.ensembles:
            ensemble.neuron_type = neuron_type(neuron, rate_hz)
        for connection in self.filtered:
            connection.synapse = synapse


def to_spiking_relu(model: Any, *, rate_hz: float, tau_syn_ms: float | None = None) -> NengoNetwork:
    """NengoDL's conversion of a Keras network with ReLUs: spiking ReLUs, firing-rate scale and filter.

    Args:
        model: from `relu_network`, trained or not.
        rate_hz: the firing-rate scale: how often a neuron fires for an activation of 1. Inputs are multiplied by it,
            and spikes divided.
        tau_syn_ms: time constant of the low-pass filter behind the neurons, or None.
    """
    require_rate(rate_hz)
    converter = nengo_dl.Converter(
        model,
        swap_activations={tf.nn.relu: neuron_type("spiking ReLU")},
        scale_firing_rates=rate_hz,
        synapse=synapse_s(tau_syn_ms),
    )
    with converter.net as net:
        nengo_dl.configure_settings(stateful=False)
        ensembles = [ensemble for ensemble in net.all_ensembles if isinstance(ensemble, nengo.Ensemble)]
        probes = [nengo.Probe(ensemble.neurons) for ensemble in ensembles]
    filtered = [connection for connection in net.all_connections if connection.synapse is not None]
    image, output = converter.inputs[model.input], converter.outputs[model.output]
    return NengoNetwork(net, image, ensembles, filtered, output, probes)


class NengoRun(NamedTuple):
    """What a network did."""

    outputs: np.ndarray  # unfiltered scores after every step, [steps, count, classes]
    spikes: list[np.ndarray]  # of each hidden layer, a neuron and an image, over all steps: mean over images, [neurons]


def run_nengo(
    network: NengoNetwork,
    images: np.ndarray,
    steps: int,
    *,
    rate_hz: float,
    batch_size: int = 250,
    count_spikes: bool = True,
) -> NengoRun:
    """Show every image for so many steps of 1 ms, in NengoDL.

    The last batch is filled up with its last image, which is then left out. Without `count_spikes`, which takes memory
    for every neuron and step, `NengoRun.spikes` is empty.
    """
    repeated(images[:1], steps)  # refuses another shape
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
    return NengoRun(np.concatenate(outputs).swapaxes(0, 1), spikes)
