"""One picture on a chip of one's choice."""

from dataclasses import replace
from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.chips.virtual_chip import LEAK_LSB, RANGE_LSB, THRESHOLD_LSB, Seen, VirtualChip, to_lsb
from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.stripes import ORIENTATIONS, make_stripes
from course_utils.lessons.hardware_quantization.faint import SETTINGS, faint_network, limits
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST

PICTURES = 12


@cache
def faint_stripes() -> tuple[Tensor, list[int]]:
    """Faint stripes that the network has not seen, [count, 1, 16, 16], and their labels."""
    made = make_stripes(PICTURES, seed=0, first=FIRST_TEST, settings=SETTINGS)
    return torch.tensor(made.images)[:, None] / 255, made.labels.tolist()


@cache
def without_limits(picture: int) -> Seen:
    """The network's run of a picture where a chip has no limits."""
    return VirtualChip(faint_network()).see(faint_stripes()[0][picture : picture + 1])


def seen_on_chip(bits: int, mismatch: float, chip: int, picture: int) -> Seen:
    """What a chip with all of the limits shows of a picture; the noise is the same at every call."""
    with torch.random.fork_rng(devices=[]):
        network, images = faint_network(), faint_stripes()[0]  # before the seed: making them draws numbers, too
        torch.manual_seed(0)
        own = VirtualChip(network, replace(limits(mismatch), weight_bits=bits), chip)
        return own.see(images[picture : picture + 1])


def draw_chip(bits: int, mismatch: int, chip: int, picture: int) -> tuple[Figure, str]:
    """A picture, who spikes for it on this chip, three hidden membranes and both output neurons; mismatch in %."""
    seen, ideal = seen_on_chip(bits, mismatch / 100, chip, picture), without_limits(picture)
    label = faint_stripes()[1][picture]
    scores, wanted = (faint_network().scores(each.readout)[0] for each in (seen, ideal))
    said = ORIENTATIONS[scores.argmax()]
    verdict = "right" if scores.argmax() == label else "wrong"
    hidden, count = seen.hidden[:, 0].numpy(), int(seen.hidden.sum())
    time_us = np.arange(1, len(hidden) + 1)

    figure = plt.figure(figsize=(8, 4.4))
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.7))
    ax = figure.add_subplot(grid[0, 0])
    ax.imshow(faint_stripes()[0][picture, 0].numpy(), cmap="gray")
    ax.set_axis_off()
    ax.set_title(f"stripes: {ORIENTATIONS[label]}", fontsize=10)

    ax = figure.add_subplot(grid[0, 1])
    whole = (0.5, len(hidden) + 0.5, hidden.shape[1], 0)
    ax.imshow(hidden.T, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=whole)
    ax.axhline(hidden.shape[1] / 2, color=ORANGE, lw=1)
    ax.set(ylabel="hidden neuron", xlim=whole[:2], ylim=whole[2:], xticks=(), yticks=(0, 169, 338))
    ax.set_title(f"spikes of both maps: {count}, without limits {int(ideal.hidden.sum())}", fontsize=10)

    ax = figure.add_subplot(grid[1, 0])
    shown = ideal.hidden[:, 0].sum(0).argsort(descending=True, stable=True)[[0, 10, 40]]
    ax.plot(time_us, to_lsb(seen.membranes[:, 0, shown]), lw=1.3)
    ax.axhline(THRESHOLD_LSB, color="gray", lw=0.8, ls="--")
    ax.set(xlabel="time (µs)", ylabel="samples (LSB)", xlim=(0, 33), ylim=(0, 200))
    ax.set(xticks=(0, 10, 20, 30), yticks=(0, LEAK_LSB, THRESHOLD_LSB, 200))
    ax.set_title("three hidden membranes", fontsize=10)

    ax = figure.add_subplot(grid[1, 1])
    for neuron, (color, style, height) in enumerate(((BLUE, "-", 225), (ORANGE, "--", 190))):
        ax.plot(time_us, to_lsb(ideal.readout[:, 0, neuron]), color=color, lw=0.8, alpha=0.6)
        ax.plot(time_us, to_lsb(seen.readout[:, 0, neuron]), style, color=color, lw=2.2)
        ax.text(33.5, height, ORIENTATIONS[neuron], color=color, va="center")
    ax.set(xlabel="time (µs)", ylabel="output (LSB)", xlim=(0, 42), ylim=(-10, RANGE_LSB + 10))
    ax.set(xticks=(0, 10, 20, 30), yticks=(0, LEAK_LSB, 160, 255))
    margin, model_margin = (float(each[label] - each[1 - label]) for each in (scores, wanted))
    ax.set_title(f"says {said} ({verdict}); margin {margin:+.2f}, without limits {model_margin:+.2f}", fontsize=10)
    return figure, (
        f"Chip {chip} with {bits}-bit weights and a mismatch of {mismatch} %: {count} hidden spikes for picture "
        f"{picture}, {ORIENTATIONS[label]}. The chip says {said}, which is {verdict}, with a margin of {margin:+.2f}; "
        f"without limits the margin is {model_margin:+.2f}. Thin lines show the output neurons without limits."
    )


# how many bits, how much mismatch, which chip, which picture
chip_explorer = partial(
    Explorer,
    draw_chip,
    bits=(6, 2, 8, "bits of a weight"),
    mismatch=(20, 0, 40, 5, "mismatch (%)"),
    chip=(1, 0, 19, "chip (its seed)"),
    picture=(0, 0, PICTURES - 1),
)
