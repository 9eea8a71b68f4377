"""The stripe set: sine waves of grey, horizontal or vertical, with noise.

After A. Kalogirou, "7 weeks in EINC" (2025): a 16×16 image repeats one sine wave along its rows or its columns, noise
is added, the sum is clipped to 0…10 and mapped to 8 bits. `contrast` is an addition of this course.

Images are numbered. Image k of a seed is drawn by a generator of its own, made from the seed and k, so it is the same
image on every machine, whatever was drawn before it.
"""

import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.data.require import guarded, require, require_whole

ORIENTATIONS = ("horizontal", "vertical")  # an orientation's place is its label: 0 and 1
CEILING = 10.0  # values are clipped to 0…CEILING, which becomes 0…255
NOISE_MEAN = 0.5


@dataclass(frozen=True)
class StripeSettings:
    """What a stripe set is drawn from; every image takes one of `peaks` and one of `noise`, equally likely."""

    size: int = 16  # pixels a side
    peaks: Sequence[int] = (1, 2, 3, 4, 5)  # the possible numbers of bright stripes
    noise: Sequence[float] = (0.1, 0.2, 0.3)  # the possible standard deviations of the noise
    contrast: float = 1.0  # amplitude of the sine wave; 1 is the original's


PLAIN = StripeSettings()
# Fine, faint stripes: comparing the variances of row and column means fails often, knowing the waves seldom does.
HARD = StripeSettings(peaks=(4, 5), noise=(0.3,), contrast=0.07)


@dataclass(frozen=True)
class StripeSet:
    """Stripe images, uint8 [count, size, size], and how each was drawn.

    Labels, int64 [count], are 0 for horizontal and 1 for vertical stripes; peaks are int64, noise is float64 [count].
    """

    images: np.ndarray
    labels: np.ndarray
    peaks: np.ndarray
    noise: np.ndarray


@guarded
def most_peaks(size: int) -> int:
    """The most peaks that `size` pixels can show: the largest whole number below (size − 1)/2.

    The first and the last pixel lie `size − 1` steps apart, and a peak needs more than two (the Nyquist limit). At
    exactly (size − 1)/2 every pixel meets a zero of the wave, and beyond it the pictures of fewer peaks come again.
    """
    return (size - 2) // 2


@guarded
def stripe_image(
    size: int, peaks: int, orientation: str, noise: float, rng: np.random.Generator, *, contrast: float = 1.0
) -> np.ndarray:
    """Draw one stripe image, uint8 [size, size].

    pixel = clip(1 + contrast · sin(2π · peaks · k/(size − 1)) + ε, 0, 10) · 255/10, rounded down, where k counts the
    rows (horizontal stripes) or columns (vertical ones) from 0, and ε is normal with mean 0.5 and deviation `noise`.

    Images have 4 pixels a side or more, 1 peak or more but fewer than (size − 1)/2, an orientation "horizontal" or
    "vertical", noise from `rng` with a deviation of 0 or more, and a contrast of 0 to 1.
    """
    require(orientation in ORIENTATIONS, "orientation", orientation, f"one of {', '.join(ORIENTATIONS)}")
    check_stripes(size, peaks, noise, contrast)
    line = 1 + contrast * wave(size, peaks)
    clean = np.broadcast_to(line[:, None] if orientation == "horizontal" else line, (size, size))
    return photograph(clean, noise, rng)


@guarded
def photograph(clean: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise to a clean picture and store it as 8-bit grey: uint8 floor(clip(clean + ε, 0, 10) · 255/10).

    Clean pictures have any shape; grey is 1, stripes reach from 0 to 2. ε has the mean 0.5 and the deviation `noise`.
    """
    require(0 <= noise < math.inf, "noise", noise, "a standard deviation, 0 or more")
    noisy = np.clip(clean + rng.normal(NOISE_MEAN, noise, clean.shape), 0, CEILING)
    # rounded to nine digits first: where the sine should give a whole number, no machine falls just below it
    return np.floor(np.round(noisy / CEILING * 255, 9)).astype(np.uint8)


@guarded
def wave(size: int, peaks: int) -> np.ndarray:
    """The sine wave of a stripe image, float64 [size]. Any number of peaks: the lesson shows why few are allowed."""
    return np.sin(np.linspace(0, 2 * math.pi * peaks, size))


def make_stripes(count: int, seed: int, *, first: int = 0, settings: StripeSettings = PLAIN) -> StripeSet:
    """Draw `count` images of a seed, from number `first` on. Disjoint ranges make disjoint splits."""
    size, contrast = settings.size, settings.contrast
    check_settings(settings, size=size, contrast=contrast)

    def draw(rng: np.random.Generator) -> tuple:
        peaks, label, noise = choices(settings, rng)
        return stripe_image(size, peaks, ORIENTATIONS[label], noise, rng, contrast=contrast), label, peaks, noise

    return numbered(StripeSet, draw, count, seed, first)


@guarded
def row_column_baseline(images: np.ndarray) -> np.ndarray:
    """Guess labels of images [count, size, size] without any network, int64 [count].

    Stripes are horizontal (0) if the row means vary more than the column means, vertical (1) if less.
    """
    pixels = np.asarray(images, dtype=float)
    of_rows, of_columns = (pixels.mean(axis=axis).var(axis=1) for axis in (2, 1))
    return (of_columns > of_rows).astype(np.int64)


# --- what all drawn sets share --------------------------------------------------------------------------------------


def choices(settings: Any, rng: np.random.Generator) -> tuple[int, int, float]:
    """Peaks, a label 0 or 1, and the deviation of the noise, each equally likely."""
    peaks = settings.peaks[rng.integers(len(settings.peaks))]
    label = int(rng.integers(2))
    return peaks, label, float(settings.noise[rng.integers(len(settings.noise))])


def numbered(kind: Callable[..., Any], draw: Callable, count: int, seed: int, first: int) -> Any:
    """So many pictures of a seed, 1 or more, from number `first` on, as a set; seed and number are 0 or more.

    `draw` gets the generator of a number; of all that it returns `kind` makes the set, from arrays [count, …].
    """
    require_whole(count=(count, 1), first=(first, 0), seed=(seed, 0))
    drawn = [draw(np.random.default_rng([seed, number])) for number in range(first, first + count)]
    return kind(*map(np.array, zip(*drawn, strict=True)))


def check_settings(settings: Any, *, size: int, contrast: float = 1.0, size_name: str = "size") -> None:
    """Refuse settings that list nothing to choose from, or stripes that cannot be drawn."""
    for name in ("peaks", "noise"):
        listed = getattr(settings, name)
        require(np.ndim(listed) == 1 and len(listed) > 0, name, listed, "a list of one or more values to choose from")
    for peaks in settings.peaks:
        for noise in settings.noise:
            check_stripes(size, peaks, noise, contrast, size_name=size_name)


def check_stripes(size: int, peaks: int, noise: float, contrast: float = 1.0, *, size_name: str = "size") -> None:
    """Refuse stripes that cannot be drawn; see `stripe_image` for the ranges. `size_name` is what its user calls it."""
    require_whole(**{size_name: (size, 4), "peaks": (peaks, 1)})
    if peaks > most_peaks(size):
        raise ValueError(
            f"peaks is {peaks}; {size} pixels can show 1 to {most_peaks(size)} peaks, fewer than (size − 1)/2"
        )
    real = isinstance(noise, numbers.Real)
    require(real and 0 <= noise < math.inf, "noise", noise, "a standard deviation, 0 or more")
    real = isinstance(contrast, numbers.Real)
    require(real and 0 <= contrast <= 1, "contrast", contrast, "a number from 0 to 1")
