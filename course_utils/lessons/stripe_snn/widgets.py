"""Where a trained network fails, and charts of broken ones."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, GREEN, ORANGE, matrix, raster
from course_utils.data.stripes import ORIENTATIONS

COLUMNS, TILES = 4, 12  # pictures shown of a cell
LIMIT = 8.0  # potentials beyond it are drawn at the edge


class WeakSpots(NamedTuple):
    """What a network answered to pictures of every kind, `count` of each."""

    contrasts: Sequence[float]
    noises: Sequence[float]
    peaks: Sequence[int]
    images: np.ndarray  # uint8 [contrasts, noises, peaks, count, size, size]
    labels: np.ndarray  # 0 or 1, [contrasts, noises, peaks, count]
    answers: np.ndarray  # the same

    @property
    def accuracy(self) -> np.ndarray:
        """Fraction that was right, [contrasts, noises, peaks]."""
        return (self.labels == self.answers).mean(axis=-1)


def accuracy_map(
    accuracy: np.ndarray, noises: Sequence[float], peaks: Sequence[int], ax: Axes, *, trained: tuple[int, int] | None
) -> None:
    """Accuracy (fractions [noises, peaks], drawn in %) of every kind, few stripes and little noise at the lower left.

    So many rows and columns as `trained` says hold kinds that the network was trained on; they get a green frame.
    """
    matrix(100 * accuracy, ax, written=".0f", vmin=40, vmax=100, cmap="viridis", origin="lower", aspect="auto")
    ax.set(xlabel="peaks $p$", xticks=range(len(peaks)), xticklabels=peaks)
    ax.set(ylabel="noise $\\sigma$", yticks=range(len(noises)), yticklabels=noises)
    if trained:
        ax.add_patch(Rectangle((-0.47, -0.47), *trained[::-1], fill=False, ec=GREEN, lw=2.5, clip_on=False))


def draw_weak_spot(spots: WeakSpots, peaks: int, noise: float, contrast: float) -> tuple[Figure, str]:
    """The map of one contrast with a cell marked, beside the first pictures of that cell and their answers."""
    place = spots.contrasts.index(contrast), spots.noises.index(noise), spots.peaks.index(peaks)
    accuracy = spots.accuracy[place[0]]
    trained = (sum(sigma <= 0.3 for sigma in spots.noises), sum(p <= 5 for p in spots.peaks))
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 4.2), width_ratios=(1.25, 1))
    accuracy_map(accuracy, spots.noises, spots.peaks, left, trained=trained if contrast == 1 else None)
    left.add_patch(Rectangle((place[2] - 0.42, place[1] - 0.42), 0.84, 0.84, fill=False, ec=ORANGE, lw=3))
    left.set_title("right answers (%)", y=1.01)  # a title that looks for its place takes a fifth of the time

    labels, answers = spots.labels[place], spots.answers[place]
    _answered(spots.images[place][:TILES], labels[:TILES], answers[:TILES], right)
    right.set_title(f"{accuracy[place[1:]]:.0%} of {len(labels)} right; wrong ones framed", y=1.01)
    vertical = (answers == 1).mean()
    return figure, (
        f"Map of right answers at contrast {contrast:g}. Of pictures with {peaks} peaks and noise {noise:g}, "
        f"{accuracy[place[1:]]:.0%} are right, and {vertical:.0%} of the answers say vertical. Twelve are shown."
    )


def _answered(images: np.ndarray, labels: np.ndarray, answers: np.ndarray, ax: Axes) -> None:
    """Pictures in one image, each over the letter of its answer (H, V); a wrong one has an orange frame and a cross."""
    size = images.shape[-1]
    across, down = size + 3, size + 8
    wall = np.full((-(-len(images) // COLUMNS) * down, COLUMNS * across), np.nan)
    for number, (image, label, answer) in enumerate(zip(images, labels, answers, strict=True)):
        top, left = number // COLUMNS * down, number % COLUMNS * across
        low, high = image.min(), max(image.max(), image.min() + 1)
        wall[top : top + size, left : left + size] = (image - low) / (high - low)
        wrong = label != answer
        text, ink = "HV"[answer] + (" ✗" if wrong else ""), ORANGE if wrong else "black"
        ax.text(left + size / 2, top + size + 3.2, text, ha="center", va="center", fontsize=10, color=ink)
        if wrong:
            ax.add_patch(Rectangle((left - 1, top - 1), size + 1, size + 1, fill=False, ec=ORANGE, lw=2))
    ax.imshow(wall, vmin=0, vmax=1)
    ax.set(xlim=(-2, wall.shape[1] - 1), ylim=(wall.shape[0] - 1, -2))
    ax.set_axis_off()


def weak_spot_explorer(spots: WeakSpots) -> Explorer:
    """Scrub over peaks, noise and contrast; see the pictures behind each cell of the map."""
    return Explorer(
        partial(draw_weak_spot, spots),
        peaks=(5, min(spots.peaks), max(spots.peaks)),
        noise=ipywidgets.SelectionSlider(options=list(spots.noises), value=0.6),
        contrast=ipywidgets.SelectionSlider(options=list(spots.contrasts), value=1.0),
    )


class Chart(NamedTuple):
    """What a network with two output neurons did with some pictures."""

    inputs: np.ndarray  # spikes of the pixels, [time, count, pixels]
    v: np.ndarray  # membrane potentials of the output neurons after each step, [time, count, 2]
    spikes: np.ndarray  # of the output neurons, [time, count, 2]
    labels: np.ndarray  # 0 or 1, [count]


def potentials(v: np.ndarray, spikes: np.ndarray, ax: Axes) -> None:
    """Membrane potentials of the two output neurons, [time, 2], and a mark above them for every spike."""
    time = np.arange(1, len(v) + 1)
    for neuron, (color, style) in enumerate(((BLUE, "-"), (ORANGE, "--"))):
        ax.plot(time, v[:, neuron].clip(-LIMIT, LIMIT), color=color, ls=style, lw=1.5)
        height = LIMIT + 1.2 + 1.6 * neuron
        ax.vlines(time[spikes[:, neuron] > 0], height, height + 1.3, color=color, lw=1.5)
    ax.axhline(1, color="gray", ls=":", lw=1)
    ax.set(xlim=(0, len(v) + 1), ylim=(-LIMIT - 0.4, LIMIT + 4.4), xlabel="time step", yticks=[-8, -4, 0, 4, 8])


def draw_chart(charts: Mapping[str, Chart], patient: str, picture: int) -> tuple[Figure, str]:
    """Input raster, output potentials and spike counts of one network for one picture."""
    chart = charts[patient]
    inputs, v, spikes = (array[:, picture] for array in (chart.inputs, chart.v, chart.spikes))
    counts, rate = spikes.sum(axis=0).astype(int), inputs.mean()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
    raster(inputs, left)
    left.set(title=f"input: {rate:.0%} of pixels and steps", yticks=[0, 100, 200])
    potentials(v, spikes, right)
    right.set(ylabel="potential $v$", title=f"horizontal {counts[0]}, vertical {counts[1]} spikes")
    return figure, (
        f"Network {patient}, picture {picture}, which is {ORIENTATIONS[chart.labels[picture]]}: {rate:.0%} of input "
        f"spikes, output counts {counts[0]} and {counts[1]}, potentials up to {np.abs(v).max():.3g}."
    )


def chart_explorer(charts: Mapping[str, Chart]) -> Explorer:
    """Leaf through the pictures of every network."""
    last = min(20, *(len(chart.labels) for chart in charts.values())) - 1
    patient = ipywidgets.ToggleButtons(options=list(charts))
    return Explorer(partial(draw_chart, charts), patient=patient, picture=(0, 0, last))
