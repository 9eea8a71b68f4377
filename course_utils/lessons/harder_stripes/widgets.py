"""What a matched filter sees, place by place, and spikes that move with a patch."""

from functools import partial

import matplotlib.pyplot as plt
import norse.torch as norse
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.special import expit, logsumexp
from torch import nn

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.patches import evidence
from course_utils.data.stripes import ORIENTATIONS, photograph, wave
from course_utils.spiking.encoders import stripe_input
from course_utils.spiking.norse_cells import over_time

SIZE = 16
GREYS = (0, 75)  # of a picture, from black to white; noise may go beyond


def _patch_image(
    row: int, column: int, noise: float, side: int = 5, orientation: str = "horizontal", seed: int = 0
) -> np.ndarray:
    """Grey levels with a patch of stripes of one peak that begins there."""
    clean, stripes = np.ones((SIZE, SIZE)), wave(side, 1)
    clean[row : row + side, column : column + side] += stripes[:, None] if orientation == "horizontal" else stripes
    return photograph(clean, noise, np.random.default_rng(seed))


def _picture(ax: Axes, image: np.ndarray, title: str, row: int = 0, column: int = 0, side: int = 0) -> None:
    """Grey levels, and a frame around a patch at this row and column, so many pixels a side; none if that is 0."""
    ax.imshow(image, vmin=GREYS[0], vmax=GREYS[1])
    ax.set(title=title, xticks=[0, 5, 10, 15], yticks=[0, 5, 10, 15])
    ax.add_patch(Rectangle((column - 0.5, row - 0.5), side, side, fill=False, ec=ORANGE, lw=2 if side else 0))


def draw_evidence(patch: int, orientation: str, noise: float, row: int, column: int, seed: int) -> tuple[Figure, str]:
    """A patch in noise, and how well each place explains it as horizontal and as vertical stripes of one peak."""
    image = _patch_image(row, column, noise, patch, orientation, seed)
    maps = evidence(image[None], patch, 1, noise)[:, 0]
    odds = np.diff(logsumexp(maps, axis=(1, 2))).item()
    guess, certainty = ORIENTATIONS[int(odds > 0)], expit(abs(odds))
    verdict = "right" if guess == orientation else "wrong"

    figure, axes = plt.subplots(1, 3, figsize=(8, 3.1))
    _picture(axes[0], image, f"{patch}×{patch}, noise {noise:.1f}", row, column, patch)
    reach = np.abs(maps).max()
    for ax, name, values in zip(axes[1:], ORIENTATIONS, maps, strict=True):
        ax.imshow(values, cmap="PuOr_r", vmin=-reach, vmax=reach)
        ax.plot(column, row, "o", mfc="none", mec="black", ms=11)
        best = f"{values.max():.0f}".replace("-", "−")
        ax.set(title=f"{name}: best {best}", xticks=[0, SIZE - patch], yticks=[0, SIZE - patch])
    figure.suptitle(f"the filter says {guess}, with probability {certainty:.3f}: {verdict}", fontsize=13)
    return figure, (
        f"A {patch} by {patch} patch of {orientation} stripes at row {row}, column {column} in noise {noise:.1f}. The "
        f"best places reach {maps[0].max():.0f} as horizontal, {maps[1].max():.0f} as vertical stripes; the filter "
        f"says {guess} with probability {certainty:.3f}, which is {verdict}."
    )


def draw_slide(orientation: str, row: int, column: int) -> tuple[Figure, str]:
    """A clean patch laid on a picture, the products under it, and the two sums of the evidence."""
    image = _patch_image(3, 8, 0.3)
    x = (image[row : row + 5, column : column + 5] + 0.5) * 10 / 255 - 1.5
    g = np.tile(wave(5, 1)[:, None], 5)
    g = g if orientation == "horizontal" else g.T
    sums = {"Σ x g": (x * g).sum(), "½ Σ g²": (g * g).sum() / 2}
    found = (sums["Σ x g"] - sums["½ Σ g²"]) / 0.3**2

    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), width_ratios=(1.6, 1, 1, 1.3))
    _picture(axes[0], image, "picture", row, column, 5)
    for ax, title, values in zip(axes[1:], ("paper $g$", "$x$ times $g$"), (g, x * g), strict=False):
        ax.imshow(values, cmap="PuOr_r", vmin=-1.5, vmax=1.5)
        ax.set(title=title, xticks=[], yticks=[])
    axes[3].bar(list(sums), list(sums.values()), color=(ORANGE, "gray"))
    axes[3].axhline(0, color="gray", lw=0.8)
    axes[3].set(ylim=(-10, 16), title=f"evidence {found:.0f}".replace("-", "−"))
    return figure, (
        f"A paper patch of {orientation} stripes at row {row}, column {column}; the true one lies at row 3, column 8. "
        f"The first sum is {sums['Σ x g']:.1f}, the second {sums['½ Σ g²']:.1f}, the evidence {found:.0f}."
    )


def draw_anywhere(row: int, column: int) -> tuple[Figure, str]:
    """A patch without noise, the spikes of one map that looks for an edge, and whether it spikes anywhere."""
    image = _patch_image(row, column, 0)
    kernel = torch.tensor([1.0, 1, -1, -1]).view(1, 1, 4, 1).expand(1, 1, 4, 4) / 2
    inputs = stripe_input(torch.tensor(image)[None, None] / 255, steps=20)
    current = nn.functional.conv2d(inputs[:, 0], kernel)
    spikes = over_time(norse.LIFCell(), current)[:, 0].numpy()
    anywhere = spikes.max(axis=(1, 2))

    figure, axes = plt.subplots(1, 3, figsize=(9, 2.9), width_ratios=(1, 1, 1.6))
    _picture(axes[0], image, "picture")
    axes[1].imshow(spikes.sum(0), vmin=0, vmax=6)
    axes[1].set(title="spikes of one map", xticks=[0, 5, 12], yticks=[0, 5, 12])
    axes[2].vlines(np.arange(20)[anywhere > 0], 0, 1, color=BLUE, lw=3)
    axes[2].set(title="$h_t$: does it spike anywhere?", xlabel="step", xlim=(-0.5, 19.5), ylim=(0, 1.2), yticks=[0, 1])
    at = [int(step) for step in np.flatnonzero(anywhere)]
    return figure, f"A patch at row {row}, column {column}. One map spikes near it; h is 1 at the steps {at}, else 0."


evidence_explorer = partial(
    Explorer, draw_evidence, patch=(5, 4, 8), orientation=ORIENTATIONS, noise=(0.3, 0.1, 2, 0.1),
    row=(3, 0, 8), column=(8, 0, 8), seed=(0, 0, 20),  # places where a patch of any of these sizes fits
)  # fmt: skip
_LAST = SIZE - 5  # row or column at which a patch can begin
slide_explorer = partial(Explorer, draw_slide, orientation=ORIENTATIONS, row=(3, 0, _LAST), column=(6, 0, _LAST))
anywhere_explorer = partial(Explorer, draw_anywhere, row=(3, 0, _LAST), column=(8, 0, _LAST))
