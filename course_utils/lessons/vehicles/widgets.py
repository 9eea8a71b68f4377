"""A retina's cells, what they keep of a picture, and output neurons that decide."""

import contextlib
import functools
import io

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.digits import load_images
from course_utils.data.vehicles import CLASSES, HEIGHT, WIDTH, load_vehicles
from course_utils.lessons.vehicles import front_end
from course_utils.spiking.timing import ranks

CHOICES = {"coarse": ["coarse"], "fine": ["fine"], "both scales": ["fine", "coarse"]}
CENTRES = {"on and off": ["on", "off"], "on": ["on"], "off": ["off"]}
RANKS = (3, 10, 30, 100, 300, 1000)


@functools.cache
def example_pictures() -> dict[str, Tensor]:
    """A motorbike, an airplane and a digit on a black ground, [height, width] each, 0 to 1."""
    with contextlib.redirect_stdout(io.StringIO()):
        vehicles, (_, digits) = load_vehicles(), load_images("MNIST")
    fourth = [vehicles.images[np.flatnonzero(vehicles.labels == label)[3]] for label in range(len(CLASSES))]
    framed = torch.nn.functional.pad(digits.images[0], [(WIDTH - 28) // 2] * 2 + [(HEIGHT - 28) // 2] * 2)
    images = (*map(torch.from_numpy, fourth), framed)
    return {name: image.float() / 255 for name, image in zip((*CLASSES, "digit"), images, strict=True)}


@functools.cache
def _coefficients(picture: str, scale: str, centre: str) -> tuple[tuple[front_end.DoG, ...], Tensor]:
    filters = front_end.bank(CHOICES[scale], CENTRES[centre])
    return filters, front_end.coefficients(example_pictures()[picture][None], filters)


def first_cells(values: Tensor, kept: int) -> Tensor:
    """Whether each cell is among the first ranks: values [1, filters, height, width] to [filters, height, width]."""
    return ((ranks(values) < kept) & (values > 0))[0]


def speaking(values: Tensor, filters: tuple[front_end.DoG, ...], kept: int) -> Tensor:
    """Where the first ranks lie, [height, width]: 1 an on-centre cell, −1 an off-centre one, 0 neither."""
    signs = torch.tensor([1.0 if each.centre == "on" else -1.0 for each in filters])[:, None, None]
    return (first_cells(values, kept) * signs).sum(0).sign()


def kinds(values: Tensor, scale: str, centre: str, kept: int) -> tuple[str, str]:
    """How many of the first cells are of each scale, and of each centre."""
    counts = first_cells(values, kept).sum((1, 2)).view(len(CHOICES[scale]), len(CENTRES[centre]))  # as `bank` has them
    by_scale = (f"{count:,} {name}" for count, name in zip(counts.sum(1), CHOICES[scale], strict=True))
    by_centre = (f"{count:,} {name}" for count, name in zip(counts.sum(0), CENTRES[centre], strict=True))
    return ", ".join(by_scale), ", ".join(by_centre)


def draw_front_end(picture: str, scale: str, centre: str, ranks: int) -> tuple[Figure, str]:
    """A picture, the cells of the first ranks, and what they tell of the picture."""
    filters, values = _coefficients(picture, scale, centre)
    image = example_pictures()[picture]
    rebuilt = front_end.reconstruct(values, filters, ranks)[0]
    same = front_end.likeness(rebuilt[None], image[None]).item()
    first = kinds(values, scale, centre, ranks)
    figure, axes = plt.subplots(1, 3, figsize=(8, 2.3))
    axes[0].imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
    axes[1].imshow(speaking(values, filters, ranks).numpy(), cmap="PuOr_r", vmin=-1.3, vmax=1.3)
    reach = max(rebuilt.abs().max().item(), 1e-6)
    axes[2].imshow(rebuilt.numpy(), cmap="gray", vmin=-reach, vmax=reach)
    titles = "the picture", "first cells: " + "\n".join(first), f"rebuilt: {same:.2f} alike"
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=11)
        ax.set_axis_off()
    return figure, (
        f"A {picture}; the places of the first {ranks} {scale} {centre} cells, {', '.join(first)}; and the picture "
        f"rebuilt from them, whose correlation with the original is {same:.2f}."
    )


def front_end_explorer() -> Explorer:
    """A picture, the scale and the centre of its cells, and how many ranks count."""
    return Explorer(
        draw_front_end,
        picture=[*CLASSES, "digit"],
        scale=list(CHOICES),
        centre=list(CENTRES),
        ranks=ipywidgets.SelectionSlider(options=RANKS, value=100, description="ranks"),
    )


def draw_kernels(filters: dict[str, front_end.DoG]) -> Figure:
    """Each kernel through its middle, on one scale of pixels."""
    figure, ax = plt.subplots(figsize=(8, 3.2))
    for (name, each), style, color in zip(filters.items(), ("-", "--", "-", "--"), (ORANGE, BLUE) * 2, strict=False):
        line = each.kernel()[each.side // 2].numpy()
        place = np.arange(each.side) - each.side // 2
        ax.plot(place, line / np.abs(line).max(), style, color=color, lw=2.4 if "coarse" in name else 1.4, label=name)
    ax.axhline(0, color="gray", lw=0.8)
    ax.set(xlabel="distance from the middle (pixels)", ylabel="weight (largest = 1)", xlim=(-20, 20), ylim=(-1.1, 1.1))
    ax.legend(loc="lower right", fontsize=9)
    return figure


def draw_answer(outputs: np.ndarray, ax: Axes, title: str, *, ylabel: str = "") -> None:
    """The two output neurons over time, [time, 2]."""
    steps = np.arange(1, len(outputs) + 1)
    for v, style, color, name in zip(outputs.T, ("-", "--"), (BLUE, ORANGE), CLASSES, strict=True):
        ax.plot(steps, v, style, color=color, label=name)
    ax.axhline(0, color="gray", lw=0.8)
    ax.set(xlabel="time step (ms)", ylabel=ylabel, xlim=(0, len(outputs) + 1))
    ax.set_title(title, fontsize=12)
