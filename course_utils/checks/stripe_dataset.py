"""Lesson 04: checks of its exercises."""

from collections.abc import Callable

import numpy as np

from course_utils.checks.verdict import NotYet, attempt, check
from course_utils.data import stripes


@check
def check_most_peaks(most_peaks: Callable[[int], int]) -> str:
    """The most peaks on a number of pixels."""
    limits = {size: attempt(most_peaks, size) for size in (16, 15, 9)}
    expected = {size: stripes.most_peaks(size) for size in limits}
    if limits == expected and all(isinstance(limit, int) for limit in limits.values()):
        return "16 pixels show 7 peaks, and so do 15: between them lie 15 and 14 steps, and a peak needs two."
    if limits[16] == 8:
        raise NotYet(
            "You count pixels. A wave is measured in the steps between them, and 16 pixels have 15 steps. "
            "Draw 8 peaks on 16 pixels with the explorer: they are 7 peaks upside down."
        )
    if limits[16] == 7.5:
        raise NotYet("Half a peak cannot be asked for. Round down to a whole number.")
    if limits[16] in (15, 16):
        raise NotYet("One pixel a peak leaves no room for the trough beside it. How many steps does one peak need?")
    raise NotYet(f"For 16 pixels you get {limits[16]}; compare with what the explorer shows at 7 and at 8 peaks.")


@check
def check_read_name(read_name: Callable[[str], tuple[int, int]]) -> str:
    """Index and label from the name of a file."""
    found = attempt(read_name, "12_1.png")
    if found == (1, 12):
        raise NotYet("The index comes first in the name, the label second. You return them the other way round.")
    if found == ("12", "1"):
        raise NotYet("You return text. A label is a number; '1' is not equal to 1.")
    if found == (12, "1.png") or "png" in str(found):
        raise NotYet("The ending .png still hangs on the label. `Path(name).stem` is the name without it.")
    if found != (12, 1):
        raise NotYet(f"For '12_1.png' you return {found!r}; expected are the index 12 and the label 1.")
    for name, fault in {"3.png": "has no label", "a_b.png": "has no numbers", "4_7.png": "has the label 7"}.items():
        try:
            accepted = read_name(name)
        except ValueError:
            continue
        except Exception as error:
            raise NotYet(
                f"{name!r} {fault}. You raise {type(error).__name__}; raise a ValueError that says so."
            ) from error
        raise NotYet(
            f"{name!r} {fault}, yet you return {accepted!r}. A misnamed file that slips through becomes a wrong label "
            "or a missing image, and nobody notices. Raise a ValueError."
        )
    return "A good name gives its numbers, a bad one is refused."


@check
def check_baseline(baseline: Callable[[np.ndarray], np.ndarray]) -> str:
    """Labels from the variances of row and column means."""
    plain = stripes.make_stripes(500, seed=1)
    labels = np.asarray(attempt(baseline, plain.images))
    if labels.shape != plain.labels.shape:
        raise NotYet(
            f"For {len(plain.labels)} images you return an array of shape {labels.shape}. One label an image: take the "
            "means of each image, not of all images together. Axis 0 counts the images."
        )
    right = (labels == plain.labels).mean()
    if right == 1:
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
    labels = np.asarray(attempt(wave_rule, hard.images))
    if labels.shape != hard.labels.shape:
        raise NotYet(
            f"For {len(hard.labels)} images you return the shape {labels.shape}; one label an image is needed."
        )
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
    if right < baseline + 0.02:
        raise NotYet(
            f"{right:.1%}, as good as the baseline ({baseline:.1%}). A variance counts every wiggle, also those of the "
            "noise. Count only what points along the two waves that occur here, of 4 and of 5 peaks."
        )
    raise NotYet(
        f"{right:.1%} beats the baseline ({baseline:.1%}); more than 92 % is possible. Do you use the sign? The waves "
        "always begin upwards, so a negative projection speaks against them. And use 4 and 5 peaks, no others."
    )
