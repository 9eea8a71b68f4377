"""Lesson 04: checks of its exercises."""

from collections.abc import Callable, Sequence

import numpy as np

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.data import stripes

_MISNAMED = {
    "3.png": "has no label",
    "a_b.png": "has no numbers",
    "4_7.png": "has the label 7",
    "12_17.png": "has the label 17",
    "6_-1.png": "has the label −1",
    "5_1_0.png": "has three parts",
}


@check
def check_most_peaks(most_peaks: Callable[[int], int]) -> str:
    """The most peaks on a number of pixels."""
    limits = {size: attempt(most_peaks, size) for size in (16, 15, 9, 8)}
    expected = {size: stripes.most_peaks(size) for size in limits}
    if limits == expected:
        return "16 pixels show 7 peaks: between them lie 15 steps, and a peak needs more than two."
    if limits[16] == 8:
        raise NotYet(
            "8 peaks on 16 pixels: you count pixels, or you round up. A wave is measured in the steps between pixels, "
            "and 16 pixels have 15 steps. The second explorer shows what becomes of 8 peaks: 7, upside down."
        )
    if limits[16] == 7.5:
        raise NotYet("Half a peak cannot be asked for. Round down to a whole number.")
    if limits[16] in (15, 16):
        raise NotYet("One pixel a peak leaves no room for the trough beside it. How many steps does one peak need?")
    if limits[15] == 7:
        raise NotYet(
            "Right for 16 pixels. 15 pixels have 14 steps, exactly two for each of 7 peaks. Draw them with the second "
            "explorer: every pixel meets a zero of the wave, and the picture is blank. A peak needs more than two."
        )
    size = next(size for size in limits if limits[size] != expected[size])
    raise NotYet(
        f"For {size} pixels you get {limits[size]}. Compare with what the second explorer shows for this size."
    )


@check
def check_read_name(read_name: Callable[[str], tuple[int, int]]) -> str:
    """Index and label from the name of a file."""
    found = attempt(read_name, "12_1.png")
    if not isinstance(found, Sequence | np.ndarray) or isinstance(found, str) or len(found) != 2:
        raise NotYet(f"Return two things, the index and the label. For '12_1.png' you return {found!r}.")
    found = tuple(found)
    if found == (1, 12):
        raise NotYet("The index comes first in the name, the label second. You return them the other way round.")
    if found == ("12", "1"):
        raise NotYet("You return text. A label is a number; '1' is not equal to 1.")
    if "png" in str(found):
        raise NotYet("The ending .png still hangs on the label. `Path(name).stem` is the name without it.")
    for name, expected in {"12_1.png": (12, 1), "0_0.png": (0, 0), "207_0.png": (207, 0)}.items():
        if (found := tuple(attempt(read_name, name))) != expected:
            raise NotYet(
                f"For {name!r} you return {found!r}; expected are the index {expected[0]} and the label {expected[1]}."
            )
    for name, fault in _MISNAMED.items():
        try:
            accepted = read_name(name)
        except ValueError:
            continue
        except Exception as error:
            raise NotYet(f"{name!r} {fault}. You raise {type(error).__name__}; raise a ValueError instead.") from error
        raise NotYet(
            f"{name!r} {fault}, yet you return {accepted!r}. A misnamed file that slips through becomes a wrong label "
            "or a missing image, and nobody notices. Raise a ValueError."
        )
    return "A good name gives its numbers, a bad one is refused."


@check
def check_baseline(baseline: Callable[[np.ndarray], np.ndarray]) -> str:
    """Labels from the variances of row and column means."""
    plain = stripes.make_stripes(500, seed=1)
    labels = _labels(baseline, plain)
    right = (labels == plain.labels).mean()
    if right == 1:
        hard = stripes.make_stripes(1000, seed=1, settings=stripes.HARD)
        if (_labels(baseline, hard) == hard.labels).mean() < 0.7:
            raise NotYet(
                "All plain images are right, but fainter stripes are missed. Do you look at single rows and columns? "
                "Take the means first: in a mean of 16 pixels the noise is four times smaller."
            )
        return "All 500 images right, without a single weight."
    if right == 0:
        raise NotYet(
            "Every single answer is wrong, so your rule sees the stripes but names them the wrong way round. "
            "Horizontal stripes change from row to row: the *row* means vary. And `mean(axis=2)` averages over columns."
        )
    if abs(right - 0.5) < 0.1:
        raise NotYet(
            f"{right:.0%} is no better than a coin. If you compare the means themselves: both kinds of mean average to "
            "the same grey. Compare how much they vary within one image (`var(axis=1)`)."
        )
    raise NotYet(f"{right:.0%} are right; the rule reaches 100 %. Compare variances of means over one axis each.")


@check
def check_wave_rule(wave_rule: Callable[[np.ndarray], np.ndarray]) -> str:
    """A rule for the hard set that knows which waves can occur."""
    hard = stripes.make_stripes(2000, seed=2, settings=stripes.HARD)
    labels = _labels(wave_rule, hard)
    right = (labels == hard.labels).mean()
    baseline = (stripes.row_column_baseline(hard.images) == hard.labels).mean()
    if right > 0.92:
        return f"{right:.1%} of 2,000 hard images, where the row and column baseline has {baseline:.1%}."
    if right < 0.4:
        raise NotYet(f"{right:.0%}: far below a coin. The rule works, its two labels are exchanged.")
    if right < 0.6:
        raise NotYet(
            f"{right:.0%} is about a coin. Do you project the *means* of rows and of columns onto `wave(16, peaks)`, "
            "and compare the two results?"
        )
    if abs(right - baseline) < 0.005:
        raise NotYet(
            f"{right:.1%}, as good as the baseline ({baseline:.1%}). A variance counts every wiggle, also those of the "
            "noise. Count only what points along the two waves that occur here, of 4 and of 5 peaks."
        )
    if right < baseline + 0.05:
        raise NotYet(f"{right:.1%}. Half of the images have 4 peaks, half have 5. Does your rule look for both waves?")
    raise NotYet(
        f"{right:.1%} beats the baseline ({baseline:.1%}); more than 92 % is possible. Two things may be missing. An "
        "image has one of the two waves, not both: keep the larger result instead of the sum. And the waves always "
        "begin upwards, so a negative result speaks against them: keep the sign."
    )


def _labels(rule: Callable[[np.ndarray], np.ndarray], drawn: stripes.StripeSet) -> np.ndarray:
    """The labels that a learner's rule gives to these images, as numbers [count]."""
    labels = np.asarray(attempt(rule, drawn.images))
    if labels.shape != drawn.labels.shape:
        raise NotYet(
            f"For {len(drawn.labels)} images you return the shape {labels.shape}; one label per image is the shape "
            f"{drawn.labels.shape}. Axis 0 counts the images, axis 1 their rows, axis 2 their columns."
        )
    if labels.dtype.kind not in "biuf":
        raise NotYet(f"Labels are the numbers 0 and 1; yours are of the type {labels.dtype}.")
    return labels
