"""A convolution of spikes step by step, and dropout over time."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import convolve

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE, PINK
from course_utils.spiking.blocks import POOL_THRESHOLD

# --- a convolution, its neurons, and a pool -------------------------------------------------------------------------

THRESHOLD = 1.0
KERNEL = np.array([[0, 0.25, 0], [0.25, 0.5, 0.25], [0, 0.25, 0]])  # sums of quarters are exact
SPIKES = np.array(
    [
        [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1]],
        [[1, 0, 0, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]],
        [[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 1, 1]],
    ],
    dtype=float,
)


class Moment(NamedTuple):
    """What neurons do at one step, [rows, columns] each."""

    kept: np.ndarray  # what the leak has left of the potential of the step before
    current: np.ndarray
    potential: np.ndarray  # both together, before the reset
    spikes: np.ndarray
    helped: np.ndarray  # where the current alone would not have reached the threshold


def moments(currents: Iterable[np.ndarray], leak: float, threshold: float) -> list[Moment]:
    """Neurons from rest, step by step; the reset is to zero."""
    found, kept = [], 0.0
    for current in currents:
        potential = kept + current
        spikes = potential > threshold + 1e-9  # fifty times 0.02 is 1, not above it, however a computer adds it up
        found.append(Moment(kept + 0 * current, current, potential, spikes, spikes & (current <= threshold)))
        kept = leak * potential * ~spikes
    return found


def worked_example(leak: float) -> tuple[list[Moment], list[Moment]]:
    """Three steps of the convolution's neurons, and of the pool that they drive."""
    neurons = moments((convolve(image, KERNEL, mode="constant") for image in SPIKES), leak, THRESHOLD)
    blocks = (now.spikes.reshape(2, 2, 2, 2) for now in neurons)  # 4×4 as 2×2 blocks of 2×2
    return neurons, moments((block.mean((1, 3)) for block in blocks), 1.0, POOL_THRESHOLD)


def put(ax: Axes, values: np.ndarray, row: int, column: int, title: str, *, spikes: bool = False) -> None:
    """A matrix with its numbers, its upper left cell at this row and column, under a title. A cell is one unit wide."""
    rows, columns = values.shape
    place = (column - 0.5, column + columns - 0.5, row + rows - 0.5, row - 0.5)
    ax.imshow(values, cmap="Greys" if spikes else "Blues", vmin=0, vmax=1.4 if spikes else 3.0, extent=place)
    ax.text(column - 0.4, row - 0.75, title, fontsize=10, va="bottom")
    ax.add_patch(Rectangle((column - 0.5, row - 0.5), columns, rows, fill=False, ec="gray", lw=0.8))
    for (r, c), value in np.ndenumerate(values):
        if value or not spikes:
            cut = np.floor(100 * value + 1e-9) / 100  # not rounded: then what is written adds up
            ink = "white" if spikes else "black"
            ax.text(column + c, row + r, f"{cut:g}", ha="center", va="center", fontsize=8, color=ink)


PLACES = 0, 5, 10, 15, 20, 25  # columns of the matrices
BELOW = 6  # row of the pool's


def draw_example(step: int, leak: float) -> tuple[Figure, str]:
    """One step of a convolution and its neurons, and of the average pool behind it."""
    neurons, pool = (layer[step - 1] for layer in worked_example(leak))
    figure, ax = plt.subplots(figsize=(9, 3.3))
    put(ax, SPIKES[step - 1], 0, PLACES[0], "input spikes", spikes=True)
    put(ax, KERNEL, 0, PLACES[1], "kernel")
    for row, now, comes in ((0, neurons, "+ current"), (BELOW, pool, "+ mean of 2×2")):
        for place, name, values in zip(PLACES[2:], ("kept", comes, "= potential", "spikes"), now[:4], strict=True):
            put(ax, values.astype(float), row, place, name, spikes=name == "spikes")
        for cells, color in ((now.spikes & ~now.helped, ORANGE), (now.helped, PINK)):
            for r, c in np.argwhere(cells):
                corner = PLACES[4] + c - 0.43, row + r - 0.43
                ax.add_patch(Rectangle(corner, 0.86, 0.86, fill=False, ec=color, lw=2.5))
    ax.set(xlim=(-0.6, PLACES[-1] + 3.6), ylim=(BELOW + 1.6, -1.9))
    ax.set_axis_off()
    ax.set_title(f"step {step} of {len(SPIKES)}", fontsize=12)
    legend = (
        (f"above: threshold 1, leak {leak:g}", "black"),
        ("below: threshold 0.75, no leak", "black"),
        ("orange frame: it fires", ORANGE),
        ("pink: only thanks to what it kept", PINK),
    )
    for line, (text, color) in enumerate(legend):
        ax.text(-0.5, 4.8 + 0.95 * line, text, color=color, fontsize=10, va="center")
    return figure, (
        f"Step {step} of 3, leak {leak:g}. Of 16 neurons behind the convolution {neurons.spikes.sum()} fire, "
        f"{neurons.helped.sum()} of them only with what they kept. Of the 4 neurons of the pool {pool.spikes.sum()} "
        f"fire, {pool.helped.sum()} of them only with what they kept."
    )


def example_explorer() -> Explorer:
    """Three steps of a spiking convolution and its pool, to play or to step through."""
    step = ipywidgets.IntSlider(3, 1, len(SPIKES), description="time step")
    leak = ipywidgets.FloatSlider(0.5, min=0.25, max=1, step=0.25, description="leak λ")
    explorer = Explorer(draw_example, step=step, leak=leak)
    play = ipywidgets.Play(value=step.value, min=step.min, max=step.max, interval=1500)
    ipywidgets.jslink((play, "value"), (step, "value"))
    explorer.children = (play, *explorer.children)
    return explorer


# --- dropout --------------------------------------------------------------------------------------------------------

NEURONS, RATE = 2000, 0.2


def dropped_counts(p: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """What the next layer counts of neurons that fire at one step in five: the mask held, and redrawn at every step."""
    random = np.random.default_rng(0)
    drawn, redrawn = random.random((2, steps, NEURONS))
    held = random.random(NEURONS)
    return tuple(((drawn < RATE) & (numbers >= p)).sum(0) / (1 - p) for numbers in (held, redrawn))


def draw_dropout(p: float, steps: int) -> tuple[Figure, str]:
    """Histograms of what the next layer counts, in multiples of what it would count on average without dropout."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
    silent, bins = [], np.arange(-0.05, 3.06, 0.1)
    panels = zip(axes, ("mask held", "mask redrawn"), dropped_counts(p, steps), (BLUE, ORANGE), strict=True)
    for ax, name, counts, color in panels:
        silent.append((counts == 0).mean())
        found, _ = np.histogram(np.minimum(counts / (RATE * steps), 3), bins)
        ax.stairs(100 * found / NEURONS, bins, fill=True, color=color)
        ax.set(xlim=(-0.1, 3.1), ylim=(0, 65), xlabel="spikes that count / mean (3: or more)")
        ax.set_title(f"{name}: {silent[-1]:.0%} say nothing", fontsize=12)
    axes[0].set_ylabel("neurons (%)")
    return figure, (
        f"Dropout of {p:g} over {steps} steps. With one mask held {silent[0]:.0%} of the neurons count 0; with a mask "
        f"redrawn at every step {silent[1]:.0%} do."
    )


# one mask held over all steps against one redrawn at each
dropout_explorer = partial(Explorer, draw_dropout, p=(0.2, 0.0, 0.5, 0.05, "p"), steps=(50, 10, 100, 10, "time steps"))
