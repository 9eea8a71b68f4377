"""An activation as spikes, and the accuracy of a converted network."""

from functools import partial
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.signal import lfilter

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE

STEPS = 30


def spikes_and_filter(activation: float, rate_hz: float, tau_syn_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """A spiking ReLU under a constant current: spikes, and what the synapse makes of them, [steps] each."""
    charge = activation * rate_hz / 1000 * np.arange(STEPS + 1)
    counts = np.diff(np.floor(charge + 1e-9))
    decay = np.exp(-1 / tau_syn_ms)
    return counts, lfilter([1 - decay], [1, -decay], counts * 1000 / rate_hz)


def draw_activation(activation: float, rate_hz: float, tau_syn_ms: float) -> tuple[Figure, str]:
    """An activation, the spikes that stand for it, and their filtered sum."""
    counts, filtered = spikes_and_filter(activation, rate_hz, tau_syn_ms)
    seen = counts.sum() * 1000 / rate_hz / STEPS
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.6, 4.2), sharex=True, height_ratios=(1, 2))
    steps = np.arange(1, STEPS + 1)
    above.bar(steps, counts, width=0.5, color=BLUE)
    above.set(ylim=(0, 3.2), yticks=(0, 1, 2, 3), ylabel="spikes")
    above.set_title(f"{counts.sum():.0f} spikes in {STEPS} steps: their mean says {seen:.2f}", loc="left", fontsize=11)
    below.axhline(activation, color="gray", lw=1.5, ls="--")
    below.plot(steps, np.minimum(filtered, 5), "o-", color=ORANGE, ms=3)
    below.set(xlim=(0, STEPS + 1), ylim=(0, 5.2), xlabel="step of 1 ms", ylabel="filtered spikes")
    below.set_title("dashed: the activation; needles above 5 are cut off", loc="left", fontsize=10)
    return figure, (
        f"An activation of {activation:g} with {rate_hz:g} Hz for 1: {counts.sum():.0f} spikes in {STEPS} steps, whose "
        f"mean says {seen:.2f}. Filtered with {tau_syn_ms:g} ms they reach {filtered[-1]:.2f} in the end."
    )


def activation_explorer() -> Explorer:
    """Sliders for the activation, the firing-rate scale and the synapse."""
    return Explorer(
        draw_activation,
        activation=(0.7, 0.1, 2, 0.1),
        rate_hz=ipywidgets.SelectionSlider(
            options=[1, 25, 50, 100, 250, 500, 1000], value=250, description="scale, Hz"
        ),
        tau_syn_ms=ipywidgets.SelectionSlider(options=[1, 2, 5, 10, 20], value=5, description="synapse, ms"),
    )


class Sweep(NamedTuple):
    """Measured with one trained network. Scale, synapse and filter at the output were tried; a time of 0 is none."""

    rates_hz: tuple[float, ...]
    taus_ms: tuple[float, ...]
    readouts_ms: tuple[float, ...]
    accuracy: np.ndarray  # [rates, taus, readouts, steps], 0 to 1, if the run were stopped after each step
    spikes: np.ndarray  # of an image, after the last step, [rates, taus]
    rate_network: float  # accuracy of the same weights at rates


def draw_accuracy(sweep: Sweep, rate_hz: float, tau_syn_ms: float, tau_readout_ms: float) -> tuple[Figure, str]:
    """Accuracy against the number of steps, for one scale, synapse and readout."""
    at = sweep.rates_hz.index(rate_hz), sweep.taus_ms.index(tau_syn_ms)
    curve = sweep.accuracy[(*at, sweep.readouts_ms.index(tau_readout_ms))]
    gap = 100 * (sweep.rate_network - curve[-1])
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    ax.axhline(100 * sweep.rate_network, color="gray", lw=1.5, ls="--")
    ax.plot(np.arange(1, len(curve) + 1), 100 * curve, "o-", color=BLUE, ms=3)
    ax.set(xlim=(0, len(curve) + 1), ylim=(0, 105), xlabel="steps of 1 ms", ylabel="right, %")
    ax.set_title(
        f"{100 * curve[-1]:.1f} % in the end, {gap:+.1f} points missing, {sweep.spikes[at]:,.0f} spikes an image",
        loc="left",
        fontsize=11,
    )
    ax.text(0.99, 0.05, "dashed: the rate network", transform=ax.transAxes, ha="right", fontsize=10)
    return figure, (
        f"Accuracy by step with {rate_hz:g} Hz, a synapse of {tau_syn_ms:g} ms and a readout of {tau_readout_ms:g} ms: "
        f"{curve[-1]:.1%} after {len(curve)} steps, the rate network {sweep.rate_network:.1%}; "
        f"{sweep.spikes[at]:,.0f} spikes an image."
    )


def accuracy_explorer(sweep: Sweep) -> Explorer:
    """Sliders for the firing-rate scale, the synapse and the filter at the output."""

    def slider(values: tuple[float, ...], value: float, description: str) -> ipywidgets.SelectionSlider:
        options = [(f"{one:g}" if one else "none", one) for one in values]
        return ipywidgets.SelectionSlider(options=options, value=value, description=description)

    return Explorer(
        partial(draw_accuracy, sweep),
        rate_hz=slider(sweep.rates_hz, sweep.rates_hz[-2], "scale, Hz"),
        tau_syn_ms=slider(sweep.taus_ms, sweep.taus_ms[0], "synapse, ms"),
        tau_readout_ms=slider(sweep.readouts_ms, sweep.readouts_ms[0], "readout, ms"),
    )
