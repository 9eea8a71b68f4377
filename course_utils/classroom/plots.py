"""Pure drawing functions: arrays in, a picture out. They change nothing that they are given."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

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
    """Show a figure with a text for those who cannot see it, and close it.

    Raises:
        ValueError: the text is empty.
    """
    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence what the figure shows")
    display(Image(data=to_png(figure), format="png", alt=alt))
    plt.close(figure)


def image_grid(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    value_range: tuple[float, float] | None = None,
    cmap: str = "gray",
) -> Figure:
    """Small images side by side.

    Args:
        images: each [height, width].
        titles: one for each image.
        columns: images in a row.
        value_range: the values drawn black and white; each image's own extremes if None.
        cmap: a matplotlib colour map.
    """
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
    """Training loss and validation accuracy of several trainings, epoch by epoch.

    Args:
        histories: a `course_utils.training.loop.History` for each name in the legend.
        axes: two axes to draw into; new ones if None.
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


def membrane_trace(
    time_ms: np.ndarray, v: np.ndarray, spikes: np.ndarray, ax: Axes, *, threshold: float | None = None
) -> None:
    """A membrane potential, its threshold, and a mark above it for every spike.

    Args:
        time_ms: when each step ends, [time].
        v: membrane potential after each step, [time].
        spikes: 0 or 1, [time].
        ax: where to draw.
        threshold: drawn as a dashed line if given.
    """
    ax.plot(time_ms, v, color=BLUE, lw=1.5)
    top = np.max(v) if threshold is None else threshold
    if threshold is not None:
        ax.axhline(threshold, color="gray", ls="--", lw=1)
    ax.vlines(np.asarray(time_ms)[np.asarray(spikes) > 0], 1.08 * top, 1.3 * top, color=ORANGE, lw=2)
    ax.set(xlabel="time (ms)", ylabel="membrane potential $v$")


def spike_rows(trains: dict[str, np.ndarray], ax: Axes) -> None:
    """Spike times (ms) as short vertical lines, one row for each name, the first on top."""
    colors = [f"C{row % 6}" for row in range(len(trains))]
    ax.eventplot(list(trains.values()), lineoffsets=range(len(trains)), linelengths=0.7, linewidths=2, colors=colors)
    ax.set(xlabel="time (ms)", ylim=(len(trains) - 0.5, -0.5), yticks=range(len(trains)), yticklabels=list(trains))


def raster(spikes: np.ndarray, ax: Axes, *, ylabel: str = "pixel", first: int = 1) -> AxesImage:
    """Who spikes when: a column for each time step, a row for each neuron, the first on top.

    Args:
        spikes: −1 (orange), 0 (white) or 1 (blue), [time, neurons].
        ax: where to draw.
        ylabel: what the rows are.
        first: number of the first time step.
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


def receptive_fields(
    weights: np.ndarray, ax: Axes, *, columns: int = 10, names: Sequence[str] | None = None
) -> AxesImage:
    """The weights into every neuron as small square pictures, in one image; black is 0, white the largest weight.

    Args:
        weights: [inputs, neurons]; the number of inputs is a square.
        ax: where to draw.
        columns: pictures in a row.
        names: a letter or two for each neuron, written under its picture.
    """
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


def output_traces(potentials: np.ndarray, ax: Axes, *, reach: float, steps: int | None = None) -> None:
    """Membrane potentials of two output neurons over time, each with its name at the top.

    Args:
        potentials: [time, 2].
        ax: where to draw.
        reach: the axis shows potentials from −reach to reach.
        steps: the axis shows so many time steps; as many as there are if None.
    """
    ax.axhline(0, color="gray", lw=0.8)
    for v, style, color, name in zip(potentials.T, ("-", "--"), (BLUE, ORANGE), ("0", "1"), strict=True):
        ax.plot(np.arange(len(v)), v, style, color=color, label=f"$v_{name}$")
    last = (len(potentials) if steps is None else steps) - 1
    ax.set(xlabel="time step", xlim=(-0.02 * last, 1.02 * last))
    ax.set(ylabel="membrane potential", ylim=(-reach, 1.35 * reach))  # room for the legend
    ax.legend(loc="upper right", ncols=2)
