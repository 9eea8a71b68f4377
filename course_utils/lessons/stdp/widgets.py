"""Explorers of one pair of spikes and of receptive fields while they grow."""

from collections.abc import Mapping, Sequence
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.require import require

STEPS = 140
INPUT_MS = 60  # when the input spikes


def receptive_fields(
    weights: np.ndarray, ax: Axes, *, columns: int = 10, names: Sequence[str] | None = None
) -> AxesImage:
    """The weights [inputs, neurons] as small square pictures, so many columns of them in one image; black is 0, white
    the largest weight. Under each neuron's picture its name is written, a letter or two."""
    inputs, neurons = weights.shape
    side, rows = round(inputs**0.5), -(-neurons // columns)
    step = side + (6 if names else 2)
    wall = np.full((rows * step - (0 if names else 2), columns * (side + 2) - 2), np.nan)
    for neuron, field in enumerate(weights.T):
        top, left = neuron // columns * step, neuron % columns * (side + 2)
        wall[top : top + side, left : left + side] = field.reshape(side, side)
        if names:
            ax.text(left + side / 2, top + side + 2.2, names[neuron], ha="center", va="center", fontsize=9)
    ax.set_axis_off()
    between = plt.get_cmap("gray").with_extremes(bad="lightsteelblue")  # a white field has an edge, too
    return ax.imshow(np.ma.masked_invalid(wall), vmin=0, vmax=np.nanmax(wall), cmap=between)


def draw_pair(a_plus: float, a_minus: float, tau_plus_ms: int, tau_minus_ms: int, delay_ms: int) -> tuple[Figure, str]:
    """The STDP window with one pair marked, and the trace that the later of its two spikes reads."""
    output_ms = INPUT_MS + delay_ms
    time = np.arange(STEPS)
    x = np.where(time >= INPUT_MS, np.exp(-(time - INPUT_MS) / tau_plus_ms), 0)
    y = np.where(time >= output_ms, np.exp(-(time - output_ms) / tau_minus_ms), 0)
    causal = delay_ms >= 0
    read_ms = output_ms if causal else INPUT_MS
    read = (x if causal else y)[read_ms]
    change = a_plus * read if causal else -a_minus * read

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
    before, after = np.linspace(-60, 0, 100), np.linspace(0, 60, 100)
    left.axhline(0, color="gray", lw=0.8)
    left.plot(after, a_plus * np.exp(-after / tau_plus_ms), "-", color=BLUE)
    left.plot(before, -a_minus * np.exp(before / tau_minus_ms), "--", color=ORANGE)
    left.plot(delay_ms, change, "ko", ms=9)
    left.set(xlim=(-63, 63), ylim=(-2.2, 2.2), xlabel="output − input time $d$ (ms)", ylabel="change of weight (%)")
    left.set_title(f"this pair: {change:+.2f} %".replace("-", "−"))
    traces = ((x, INPUT_MS, BLUE, "-", 2, "$x$ of the input"), (y, output_ms, ORANGE, "--", 72, "$y$ of the output"))
    for trace, spike_ms, color, style, beside, name in traces:
        right.plot(time, trace, style, color=color)
        right.plot(spike_ms, 1.12, "v", color=color)
        right.text(beside, 1.27, name, color=color, fontsize=11)
    right.plot(read_ms, read, "ko", ms=9)
    right.set(xlim=(0, STEPS), ylim=(-0.04, 1.4), yticks=[0, 0.5, 1], xlabel="time (ms)", ylabel="trace")
    right.set_title(f"the {'output' if causal else 'input'} reads {'$x$' if causal else '$y$'} = {read:.2f}")
    order, becomes = ("after", "grows") if causal else ("before", "shrinks")
    return figure, (
        f"The output spikes {abs(delay_ms)} ms {order} the input: the weight {becomes} by {abs(change):.2f} percent."
    )


pair_explorer = partial(
    Explorer, draw_pair, delay_ms=(10, -50, 50, "d (ms)"), a_plus=(1, 0, 2, 0.1, "A₊ (%)"),
    a_minus=(0.6, 0, 2, 0.1, "A₋ (%)"), tau_plus_ms=(20, 5, 50, "τ₊ (ms)"), tau_minus_ms=(20, 5, 50, "τ₋ (ms)"),
)  # fmt: skip


def receptive_field_explorer(snapshots: Mapping[int, np.ndarray], accuracies: Sequence[float]) -> Explorer:
    """Receptive fields while they grow: images seen → weights [inputs, neurons], in increasing order, and the accuracy
    of each of these snapshots, 0 to 1."""
    require(len(snapshots) == len(accuracies), "accuracies", accuracies, f"as many as snapshots, {len(snapshots)}")
    seen = list(snapshots)

    def draw_fields(images_seen: int) -> tuple[Figure, str]:
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), width_ratios=(1.1, 1))
        receptive_fields(snapshots[images_seen], left, columns=6)
        left.set_title(f"after {images_seen} images")
        place = seen.index(images_seen)
        right.tick_params(axis="x", labelsize=10)
        right.plot(range(len(seen)), 100 * np.array(accuracies), "-", color="lightgray")
        right.plot(range(place + 1), 100 * np.array(accuracies[: place + 1]), "o-", color=BLUE)
        right.set(xticks=range(len(seen)), xticklabels=seen, xlabel="images seen", title="if labelled now")
        right.set(ylim=(40, 103), ylabel="validation accuracy (%)")
        return figure, (
            f"Receptive fields of {snapshots[images_seen].shape[1]} neurons after {images_seen} images; labelled at "
            f"this point, they reach {accuracies[place]:.1%} on validation images."
        )

    return Explorer(draw_fields, images_seen=ipywidgets.SelectionSlider(options=seen, description="images seen"))
