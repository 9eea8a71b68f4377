"""Pure drawing functions: arrays in, a picture out. They change nothing that they are given."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from course_utils.data.require import guarded, require, require_whole

STYLE = Path(__file__).with_name("course.mplstyle")
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


def use_course_style() -> None:
    """Draw every figure of this notebook in the course's style."""
    plt.style.use(STYLE)


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file, as small as it can be."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 9})
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Show a figure with a text for those who cannot see it, and close it."""
    require(bool(alt.strip()), "alt", alt, "a sentence that says what the figure shows")
    png = base64.b64encode(to_png(figure)).decode()  # a bundle, for the IPython of Colab knows no Image(alt=…)
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    plt.close(figure)


@guarded
def image_grid(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    value_range: tuple[float, float] | None = None,
    cmap: str = "gray",
) -> Figure:
    """Small images [height, width] side by side, so many columns in a row, a title for each if there are titles.

    `value_range` is what is drawn black and white; each image's own extremes if None.
    """
    require_whole(columns=(columns, 1))
    require(titles is None or len(titles) == len(images), "number of titles", len(titles or ()), f"{len(images)}")
    rows = -(-len(images) // columns)
    low, high = value_range or (None, None)
    size = (8, 8 / columns * rows * (1.25 if titles else 1))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="compressed")
    for ax in axes.flat:
        ax.set_axis_off()
    for number, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, vmin=low, vmax=high, cmap=cmap)
        if titles:
            ax.set_title(titles[number], fontsize=11, loc="center")
    return figure


@guarded
def matrix(values: np.ndarray, ax: Axes, *, written: str | None = None, **options: object) -> AxesImage:
    """A small matrix as an image, with its numbers written into the cells if `written` gives their format."""
    image = ax.imshow(values, **options)
    ax.set_xticks([])
    ax.set_yticks([])
    if written is not None:
        for (row, column), value in np.ndenumerate(values):
            red, green, blue, _ = image.cmap(image.norm(value))
            ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
            ax.text(column, row, format(value, written), ha="center", va="center", color=ink, fontsize=9)
    return image


def learning_curves(histories: dict[str, object], axes: Sequence[Axes] | None = None) -> Figure:
    """Training loss and validation accuracy, epoch by epoch, of a `training.loop.History` for each name in the legend.

    They are drawn into two axes, or into new ones.
    """
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    for marker, (name, history) in zip("os^Dvp", histories.items(), strict=False):
        epochs = range(1, len(history.loss) + 1)
        axes[0].plot(epochs, history.loss, marker=marker, label=name)
        axes[1].plot(epochs, [100 * value for value in history.accuracy], marker=marker, label=name)
    axes[0].set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    axes[1].set(xlabel="epoch", ylabel="validation accuracy (%)")
    for ax in axes:
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend()
    return axes[0].figure


@guarded
def membrane_trace(
    time_ms: np.ndarray, v: np.ndarray, spikes: np.ndarray, ax: Axes, *, threshold: float | None = None
) -> None:
    """A membrane potential v [time] after each step, and a mark above it for every spike, 0 or 1, [time].

    `time_ms` [time] says when each step ends; a threshold is drawn as a dashed line.
    """
    ax.plot(time_ms, v, color=BLUE, lw=1.5)
    top = np.max(v) if threshold is None else threshold
    if threshold is not None:
        ax.axhline(threshold, color="gray", ls="--", lw=1)
    ax.vlines(np.asarray(time_ms)[np.asarray(spikes) > 0], 1.08 * top, 1.3 * top, color=ORANGE, lw=2)
    ax.set(xlabel="time (ms)", ylabel="membrane potential $v$")


@guarded
def raster(spikes: np.ndarray, ax: Axes, *, ylabel: str = "pixel", first: int = 1) -> AxesImage:
    """Who spikes when: a column for each time step from the `first` on, a row for each neuron, the first on top.

    Spikes [time, neurons] are −1 (orange), 0 (white) or 1 (blue).
    """
    steps, neurons = spikes.shape
    image = ax.imshow(
        spikes.T,
        cmap=ListedColormap([ORANGE, "white", BLUE]),
        vmin=-1,
        vmax=1,
        aspect="auto",
        extent=(first - 0.5, first + steps - 0.5, neurons - 0.5, -0.5),
    )
    ax.set(xlabel="time step", ylabel=ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return image
