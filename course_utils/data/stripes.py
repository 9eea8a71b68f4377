"""The stripe set: sine waves of grey, horizontal or vertical, with noise.

After A. Kalogirou, "7 weeks in EINC" (2025): a 16×16 image repeats one sine wave along its rows or its columns, noise
is added, the sum is clipped to 0…10 and mapped to 8 bits. `contrast` is an addition of this course.

Images are numbered. Image k of a seed is drawn by a generator of its own, made from the seed and k, so it is the same
image on every machine, whatever was drawn before it.
"""

import csv
import math
import numbers
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ORIENTATIONS = ("horizontal", "vertical")  # an orientation's place is its label: 0 and 1
CEILING = 10.0  # values are clipped to 0…CEILING, which becomes 0…255
NOISE_MEAN = 0.5


@dataclass(frozen=True)
class StripeSettings:
    """What a stripe set is drawn from; every image takes one of `peaks` and one of `noise`, equally likely.

    Attributes:
        size: pixels a side.
        peaks: the possible numbers of bright stripes.
        noise: the possible standard deviations of the noise.
        contrast: amplitude of the sine wave; 1 is the original's.
    """

    size: int = 16
    peaks: Sequence[int] = (1, 2, 3, 4, 5)
    noise: Sequence[float] = (0.1, 0.2, 0.3)
    contrast: float = 1.0


PLAIN = StripeSettings()
# Fine, faint stripes: comparing the variances of row and column means fails often, knowing the waves seldom does.
HARD = StripeSettings(peaks=(4, 5), noise=(0.3,), contrast=0.07)


@dataclass(frozen=True)
class StripeSet:
    """Stripe images and how each was drawn.

    Attributes:
        images: uint8 [count, size, size].
        labels: int64 [count], 0 horizontal, 1 vertical.
        peaks: int64 [count].
        noise: float64 [count].
    """

    images: np.ndarray
    labels: np.ndarray
    peaks: np.ndarray
    noise: np.ndarray


def most_peaks(size: int) -> int:
    """The most peaks that `size` pixels can show: the largest whole number below (size − 1)/2.

    The first and the last pixel lie `size − 1` steps apart, and a peak needs more than two (the Nyquist limit). At
    exactly (size − 1)/2 every pixel meets a zero of the wave, and beyond it the pictures of fewer peaks come again.
    """
    return (size - 2) // 2


def stripe_image(
    size: int, peaks: int, orientation: str, noise: float, rng: np.random.Generator, *, contrast: float = 1.0
) -> np.ndarray:
    """Draw one stripe image.

    pixel = clip(1 + contrast · sin(2π · peaks · k/(size − 1)) + ε, 0, 10) · 255/10, rounded down, where k counts the
    rows (horizontal stripes) or columns (vertical ones) from 0, and ε is normal with mean 0.5 and deviation `noise`.

    Args:
        size: pixels a side, 4 or more.
        peaks: bright stripes, 1 or more, and fewer than (size − 1)/2.
        orientation: "horizontal" or "vertical".
        noise: standard deviation of the noise, 0 or more.
        rng: where the noise comes from.
        contrast: amplitude of the wave, 0 to 1.

    Returns:
        uint8 [size, size].

    Raises:
        ValueError: an argument is outside these ranges.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation is {orientation!r}; it must be one of {', '.join(ORIENTATIONS)}")
    check_stripes(size, peaks, noise, contrast)
    return _draw(size, peaks, orientation, noise, rng, contrast)


def photograph(clean: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise to a clean picture and store it as 8-bit grey: floor(clip(clean + ε, 0, 10) · 255/10).

    Args:
        clean: real numbers of any shape; grey is 1, the stripes reach from 0 to 2.
        noise: standard deviation of ε, whose mean is 0.5.
        rng: where the noise comes from.

    Returns:
        uint8, the shape of `clean`.
    """
    noisy = np.clip(clean + rng.normal(NOISE_MEAN, noise, clean.shape), 0, CEILING)
    # rounded to nine digits first: where the sine should give a whole number, no machine falls just below it
    return np.floor(np.round(noisy / CEILING * 255, 9)).astype(np.uint8)


def wave(size: int, peaks: int) -> np.ndarray:
    """The sine wave of a stripe image, float64 [size]. Any number of peaks: the lesson shows why few are allowed."""
    return np.sin(np.linspace(0, 2 * math.pi * peaks, size))


def make_stripes(count: int, seed: int, *, first: int = 0, settings: StripeSettings = PLAIN) -> StripeSet:
    """Draw the images number `first` to `first + count − 1` of a seed. Disjoint ranges make disjoint splits.

    Raises:
        ValueError: `count` is below 1, `first` or `seed` below 0, or the settings are out of range.
    """
    check_numbers(count=(count, 1), first=(first, 0), seed=(seed, 0))
    check_choices(peaks=settings.peaks, noise=settings.noise)
    for peaks in settings.peaks:
        for noise in settings.noise:
            check_stripes(settings.size, peaks, noise, settings.contrast)
    drawn = [_numbered(seed, number, settings) for number in range(first, first + count)]
    images, labels, peaks, noise = zip(*drawn, strict=True)
    return StripeSet(np.stack(images), np.array(labels), np.array(peaks), np.array(noise, dtype=float))


def row_column_baseline(images: np.ndarray) -> np.ndarray:
    """Guess labels without any network: stripes are horizontal (0) if the row means vary more than the column means.

    Args:
        images: [count, size, size], any real type.

    Returns:
        int64 [count]; 1 where the column means vary more.
    """
    pixels = np.asarray(images, dtype=float)
    variance_of_rows = pixels.mean(axis=2).var(axis=1)
    variance_of_columns = pixels.mean(axis=1).var(axis=1)
    return (variance_of_columns > variance_of_rows).astype(np.int64)


def write_stripes(folder: str | Path, stripes: StripeSet, *, first: int = 0, listing: bool = False) -> Path:
    """Write images as `<index>_<label>.png` into a new folder, which appears only when it is complete.

    Args:
        folder: the folder to make. Must not exist.
        stripes: what to write.
        first: the index of the first image, 0 or more.
        listing: also write `labels.csv` with the columns file, label, peaks, noise.

    Raises:
        ValueError: `first` is below 0.
        FileExistsError: the folder exists. Nothing in it is touched.
        PermissionError: the folder cannot be made there.
    """
    folder = Path(folder)
    if first < 0:
        raise ValueError(f"first is {first}; an index is 0 or more")
    if folder.exists():
        raise FileExistsError(
            f"{folder} exists already and is not overwritten. Choose another name, or remove it first."
        )
    rows = [
        (f"{index}_{label}.png", label, peaks, noise)
        for index, (label, peaks, noise) in enumerate(
            zip(stripes.labels, stripes.peaks, stripes.noise, strict=True), first
        )
    ]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    except OSError as error:
        raise PermissionError(
            f"{folder} cannot be made ({error.strerror}). Choose a folder in which you may write."
        ) from error
    try:
        for (name, *_), image in zip(rows, stripes.images, strict=True):
            Image.fromarray(image).save(unfinished / name)
        if listing:
            with (unfinished / "labels.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("file", "label", "peaks", "noise"), *rows])
        unfinished.chmod(0o755)  # mkdtemp makes a private folder
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _numbered(seed: int, number: int, settings: StripeSettings) -> tuple[np.ndarray, int, int, float]:
    rng = np.random.default_rng([seed, number])
    peaks = settings.peaks[rng.integers(len(settings.peaks))]
    label = int(rng.integers(2))
    noise = settings.noise[rng.integers(len(settings.noise))]
    return _draw(settings.size, peaks, ORIENTATIONS[label], noise, rng, settings.contrast), label, peaks, noise


def _draw(size, peaks, orientation, noise, rng, contrast) -> np.ndarray:
    line = 1 + contrast * wave(size, peaks)
    clean = np.broadcast_to(line[:, None] if orientation == "horizontal" else line[None, :], (size, size))
    return photograph(clean, noise, rng)


def check_numbers(**limits: tuple[int, int]) -> None:
    """Refuse a value below its least; each keyword is an argument's name with (value, least).

    Raises:
        ValueError: a value is no whole number or too small.
    """
    for name, (value, least) in limits.items():
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or more")


def check_choices(**settings: Sequence) -> None:
    """Refuse a setting that lists nothing to choose from.

    Raises:
        ValueError: a setting is no list, or empty.
    """
    for name, choices in settings.items():
        if np.ndim(choices) != 1 or len(choices) == 0:
            raise ValueError(f"{name} is {choices!r}; it must list one or more values to choose from")


def check_stripes(size: int, peaks: int, noise: float, contrast: float = 1.0, *, size_name: str = "size") -> None:
    """Refuse stripes that cannot be drawn; see `stripe_image` for the ranges.

    Args:
        size_name: what the caller's user knows `size` as.

    Raises:
        ValueError: an argument is out of range.
    """
    if not isinstance(size, numbers.Integral) or isinstance(size, bool) or size < 4:
        raise ValueError(f"{size_name} is {size!r}; it must be a whole number of pixels, 4 or more")
    if not isinstance(peaks, numbers.Integral) or isinstance(peaks, bool) or not 1 <= peaks <= most_peaks(size):
        raise ValueError(
            f"peaks is {peaks!r}; {size} pixels can show 1 to {most_peaks(size)} peaks, fewer than (size − 1)/2"
        )
    if not isinstance(noise, numbers.Real) or not 0 <= noise < math.inf:
        raise ValueError(f"noise is {noise!r}; it must be a standard deviation, 0 or more")
    if not isinstance(contrast, numbers.Real) or not 0 <= contrast <= 1:
        raise ValueError(f"contrast is {contrast!r}; it must lie between 0 and 1")
