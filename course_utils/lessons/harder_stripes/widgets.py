"""What a matched filter sees, place by place, and spikes that move with a patch."""

import ipywidgets
import matplotlib.pyplot as plt
import norse.torch as norse
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.special import expit, logsumexp
from torch import nn

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.patches import evidence
from course_utils.data.stripes import ORIENTATIONS, photograph, wave
from course_utils.spiking.stripe_networks import over_time, stripe_input

SIZE = 16
GREYS = (0, 75)  # of a picture, from black to white; noise may go beyond


def draw_evidence(patch: int, orientation: str, noise: float, row: int, column: int, seed: int) -> tuple[Figure, str]:
    """A patch in noise, and how well each place explains it as horizontal and as vertical stripes of one peak."""
    clean, stripes = np.ones((SIZE, SIZE)), wave(patch, 1)
    clean[row : row + patch, column : column + patch] += stripes[:, None] if orientation == "horizontal" else stripes
    image = photograph(clean, noise, np.random.default_rng(seed))
    maps = evidence(image[None], patch, 1, noise)[:, 0]
    odds = np.diff(logsumexp(maps, axis=(1, 2))).item()
    guess, certainty = ORIENTATIONS[int(odds > 0)], expit(abs(odds))
    verdict = "right" if guess == orientation else "wrong"

    figure, axes = plt.subplots(1, 3, figsize=(8, 3.1))
    axes[0].imshow(image, vmin=GREYS[0], vmax=GREYS[1])
    axes[0].add_patch(Rectangle((column - 0.5, row - 0.5), patch, patch, fill=False, ec=ORANGE, lw=2))
    axes[0].set(title=f"{patch}×{patch}, noise {noise:.1f}", xticks=[0, 5, 10, 15], yticks=[0, 5, 10, 15])
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


def evidence_explorer() -> Explorer:
    """The matched filter's evidence for every place, under sliders for size, place and noise."""
    return Explorer(
        draw_evidence,
        patch=ipywidgets.IntSlider(5, 4, 8),
        orientation=ipywidgets.Dropdown(options=ORIENTATIONS, value="horizontal"),
        noise=ipywidgets.FloatSlider(0.3, min=0.1, max=2, step=0.1),
        row=ipywidgets.IntSlider(3, 0, 8),  # where a patch of any of these sizes fits
        column=ipywidgets.IntSlider(8, 0, 8),
        seed=ipywidgets.IntSlider(0, 0, 20),
    )


def _patch_image(row: int, column: int, noise: float) -> np.ndarray:
    """Grey levels with a 5×5 patch of horizontal stripes that begins there."""
    clean = np.ones((SIZE, SIZE))
    clean[row : row + 5, column : column + 5] += wave(5, 1)[:, None]
    return photograph(clean, noise, np.random.default_rng(0))


def draw_slide(orientation: str, row: int, column: int) -> tuple[Figure, str]:
    """A clean patch laid on a picture, the products under it, and the two sums of the evidence."""
    image = _patch_image(3, 8, 0.3)
    x = (image[row : row + 5, column : column + 5] + 0.5) * 10 / 255 - 1.5
    g = np.tile(wave(5, 1)[:, None], 5)
    g = g if orientation == "horizontal" else g.T
    sums = {"Σ x g": (x * g).sum(), "½ Σ g²": (g * g).sum() / 2}
    found = (sums["Σ x g"] - sums["½ Σ g²"]) / 0.3**2

    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), width_ratios=(1.6, 1, 1, 1.3))
    axes[0].imshow(image, vmin=GREYS[0], vmax=GREYS[1])
    axes[0].add_patch(Rectangle((column - 0.5, row - 0.5), 5, 5, fill=False, ec=ORANGE, lw=2))
    axes[0].set(title="picture", xticks=[0, 5, 10, 15], yticks=[0, 5, 10, 15])
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


def slide_explorer() -> Explorer:
    """The matched filter at work: a paper patch that is moved over a picture, and its two sums."""
    return Explorer(
        draw_slide,
        orientation=ipywidgets.Dropdown(options=ORIENTATIONS, value="horizontal"),
        row=ipywidgets.IntSlider(3, 0, SIZE - 5),
        column=ipywidgets.IntSlider(6, 0, SIZE - 5),
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
    axes[0].imshow(image, vmin=GREYS[0], vmax=GREYS[1])
    axes[0].set(title="picture", xticks=[0, 5, 10, 15], yticks=[0, 5, 10, 15])
    axes[1].imshow(spikes.sum(0), vmin=0, vmax=6)
    axes[1].set(title="spikes of one map", xticks=[0, 5, 12], yticks=[0, 5, 12])
    axes[2].vlines(np.arange(20)[anywhere > 0], 0, 1, color=BLUE, lw=3)
    axes[2].set(title="$h_t$: does it spike anywhere?", xlabel="step", xlim=(-0.5, 19.5), ylim=(0, 1.2), yticks=[0, 1])
    at = [int(step) for step in np.flatnonzero(anywhere)]
    return figure, f"A patch at row {row}, column {column}. One map spikes near it; h is 1 at the steps {at}, else 0."


def anywhere_explorer() -> Explorer:
    """A patch that moves, the spikes that move with it, and the maximum over all places that stays."""
    return Explorer(
        draw_anywhere,
        row=ipywidgets.IntSlider(3, 0, SIZE - 5),
        column=ipywidgets.IntSlider(8, 0, SIZE - 5),
    )
