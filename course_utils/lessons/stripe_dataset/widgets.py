"""Explorers of the stripe image and of its limits."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.stripes import ORIENTATIONS, stripe_image, wave


def draw_stripes(
    size: int, peaks: int, orientation: str, noise: float, contrast: float, seed: int
) -> tuple[Figure, str]:
    """A stripe image, and the means of its rows and columns."""
    image = stripe_image(size, peaks, orientation, noise, np.random.default_rng(seed), contrast=contrast)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=(1, 1.4))
    left.imshow(image)
    left.set(title=f"{image.min()} (black) to {image.max()} (white)", xlabel="column", ylabel="row")
    for axis in (left.xaxis, left.yaxis):
        axis.get_major_locator().set_params(integer=True)
    rows, columns = image.mean(axis=1), image.mean(axis=0)
    right.plot(rows, "o-", color=BLUE, label=f"row means, variance {rows.var():.1f}")
    right.plot(columns, "s--", color=ORANGE, label=f"column means, variance {columns.var():.1f}")
    right.set(xlabel="row or column", ylabel="mean grey level", ylim=(0, 140))
    right.legend(loc="upper right")
    wins = "rows" if rows.var() > columns.var() else "columns"
    return figure, (
        f"{size} by {size} image of {peaks} {orientation} stripes with noise {noise} and contrast {contrast}; "
        f"the means of its {wins} vary more."
    )


def draw_sampling(size: int, peaks: int) -> tuple[Figure, str]:
    """A wave, the pixels that sample it, and the slowest wave through the same pixels."""
    figure, ax = plt.subplots(figsize=(7.2, 3.2))
    turns = peaks % (size - 1)  # waves that differ by size − 1 peaks meet at every pixel
    alias, sign = (turns, 1) if turns <= (size - 1) / 2 else (size - 1 - turns, -1)
    along, fine = np.linspace(0, size - 1, 1000), np.linspace(0, 2 * np.pi, 1000)
    ax.plot(along, np.sin(peaks * fine), color=BLUE, lw=1, ls="-", label=f"wave of {_peaks(peaks)}")
    if alias != peaks:
        name = f"{'minus ' if sign < 0 else ''}wave of {_peaks(alias)}"
        ax.plot(along, sign * np.sin(alias * fine), color=ORANGE, ls="--", label=name)
    ax.plot(range(size), wave(size, peaks), "ko", label=f"{size} pixels")
    ax.set(xlabel="pixel", ylabel="wave", ylim=(-1.15, 1.75))
    ax.legend(loc="upper center", ncols=3)
    seen = "the pixels follow it" if alias == peaks else f"the pixels show {_peaks(alias)} instead"
    if 2 * alias in (0, size - 1):
        seen = "every pixel meets a zero"
    return figure, f"A wave of {_peaks(peaks)} sampled at {size} pixels: {seen}."


def _peaks(number: int) -> str:
    return "1 peak" if number == 1 else f"{number} peaks"


stripe_explorer = partial(
    Explorer, draw_stripes, size=(16, 12, 32), peaks=(4, 1, 5), orientation=ORIENTATIONS, noise=(0.3, 0, 3, 0.1),
    contrast=(1, 0, 1, 0.05), seed=(0, 0, 20),
)  # fmt: skip
sampling_explorer = partial(Explorer, draw_sampling, size=(16, 8, 32), peaks=(3, 1, 20))
