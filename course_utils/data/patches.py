"""Striped patches at random places on a noisy grid, and the best that anyone can do with them.

After A. Kalogirou, "7 weeks in EINC" (2025), who shows such images in an easier and a harder version. Sizes and noise
are this course's: one patch an image, the rest as in `stripes`, around a background of plain grey under the same noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import logsumexp

from course_utils.data import stripes
from course_utils.data.require import guarded, require, require_whole
from course_utils.data.stripes import most_peaks, wave


@dataclass(frozen=True)
class PatchSettings:
    """What a patch set is drawn from; place, orientation, `peaks` and `noise` are equally likely.

    The patch must be able to show the peaks, see `most_peaks`: eight pixels show 1 to 3 peaks, five pixels only 1. Two
    peaks on five pixels meet nothing but zeros of the wave, so the patch would be blank; three would be one peak again,
    turned over.
    """

    size: int = 16  # pixels a side of the image
    patch: int = 8  # pixels a side of the patch, 4 to `size`
    peaks: Sequence[int] = (1, 2, 3)  # the possible numbers of bright stripes
    noise: Sequence[float] = (0.1,)  # the possible standard deviations of the noise
    contrast: float = 1.0  # amplitude of the sine wave; 1 is the original's


EASY = PatchSettings(patch=8, peaks=tuple(range(1, most_peaks(8) + 1)), noise=(0.1,))
HARD = PatchSettings(patch=5, peaks=tuple(range(1, most_peaks(5) + 1)), noise=(0.3,))


@dataclass(frozen=True)
class PatchSet:
    """Images, uint8 [count, size, size], with one striped patch each, and how each was drawn.

    Labels, int64 [count], are 0 for horizontal and 1 for vertical stripes; rows and columns, int64 [count], are where
    the patch begins.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    peaks: np.ndarray
    noise: np.ndarray


def make_patches(count: int, seed: int, *, first: int = 0, settings: PatchSettings = EASY) -> PatchSet:
    """Draw `count` images of a seed, from number `first` on. Disjoint ranges make disjoint splits.

    A clean image is 1 everywhere, and 1 + contrast · wave inside the patch; see `photograph` for what follows.
    """
    _check(settings)
    size, patch = settings.size, settings.patch

    def draw(rng: np.random.Generator) -> tuple:
        peaks, label, noise = stripes.choices(settings, rng)
        row, column = (int(place) for place in rng.integers(size - patch + 1, size=2))
        line = settings.contrast * wave(patch, peaks)
        clean = np.ones((size, size))
        inside = clean[row : row + patch, column : column + patch]
        inside += line[:, None] if stripes.ORIENTATIONS[label] == "horizontal" else line
        return stripes.photograph(clean, noise, rng), label, row, column, peaks, noise

    return stripes.numbered(PatchSet, draw, count, seed, first)


@guarded
def evidence(images: np.ndarray, patch: int, peaks: int, noise: float, contrast: float = 1.0) -> np.ndarray:
    """How much better a patch at each place explains images than plain grey does: a matched filter.

    The logarithm of the ratio of the two likelihoods is (x·s − s·s/2)/σ², where x is an image without its mean grey, s
    the clean patch, `patch` pixels a side, and σ the `noise`, above 0. Images are uint8 [count, size, size]; what comes
    back is float64 [2, count, place, place]: for horizontal and for vertical stripes, each row and column where the
    patch may begin.
    """
    stripes.check_stripes(patch, peaks, noise, contrast, size_name="patch")
    require(noise > 0, "noise", noise, "above 0, for the filter divides by it")
    s = contrast * wave(patch, peaks)
    x = _without_grey(images)
    fits = []
    for axis in (1, 2):  # the waves run down the rows: horizontal stripes; along the columns: vertical ones
        lines = sliding_window_view(x, patch, axis=3 - axis).sum(axis=-1)  # sums along each stripe
        fits.append(sliding_window_view(lines, patch, axis=axis) @ s)
    return (np.stack(fits) - patch * (s @ s) / 2) / noise**2


@guarded
def matched_filter(images: np.ndarray, settings: PatchSettings) -> np.ndarray:
    """Guess labels, int64 [count], with full knowledge of how the images were made, except for the label.

    No method can be right more often on average, save for what clipping and rounding to 8 bits add.
    """
    return (log_odds(images, settings) > 0).astype(np.int64)


@guarded
def log_odds(images: np.ndarray, settings: PatchSettings) -> np.ndarray:
    """The logarithm of the odds of vertical against horizontal stripes, float64 [count], by Bayes's rule.

    The likelihoods of all places, peaks and noises of an orientation, see `evidence`, are summed. The images, uint8
    [count, size, size], were drawn from these settings, in which every noise is above 0.
    """
    _check(settings)
    size = settings.size
    shape = np.shape(images)
    require(len(shape) == 3 and shape[1:] == (size, size), "shape of images", shape, f"[count, {size}, {size}]")
    energy = (_without_grey(images) ** 2).sum(axis=(1, 2))
    log_likelihoods = []
    for noise, peaks in product(settings.noise, settings.peaks):
        found = logsumexp(evidence(images, settings.patch, peaks, noise, settings.contrast), axis=(2, 3))
        blank = -energy / (2 * noise**2) - size**2 * np.log(noise)  # of plain grey
        log_likelihoods.append(blank + found)
    horizontal, vertical = logsumexp(log_likelihoods, axis=0)
    return vertical - horizontal


def _without_grey(images: np.ndarray) -> np.ndarray:
    """Brightness around its mean; + 0.5: the middle of what was rounded down."""
    return (np.asarray(images, dtype=float) + 0.5) * stripes.CEILING / 255 - (1 + stripes.NOISE_MEAN)


def _check(settings: PatchSettings) -> None:
    stripes.check_settings(settings, size=settings.patch, contrast=settings.contrast, size_name="patch")
    require_whole(size=(settings.size, settings.patch))
