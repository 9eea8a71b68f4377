"""Exercises of the lesson on the stripe data set: its limits, its files, and the rules that need no network."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from course_utils.classroom.exercise import Exercise, NotYet, attempt, tell
from course_utils.data import stripes

check_most_peaks = Exercise(
    right=stripes.most_peaks,
    cases=[(16,), (15,), (9,), (8,)],
    draw=lambda rng: (int(rng.integers(8, 33)),),  # those that the second explorer can show
    wrong={
        "8 peaks on 16 pixels: you count pixels, or you round up. A wave is measured in the steps between pixels, and "
        "16 pixels have 15 steps. The second explorer shows what becomes of 8 peaks: 7, upside down.":
            lambda size: size // 2,
        "There is no half of a peak. Round down to a whole number.":
            [lambda size: (size - 2) / 2, lambda size: (size - 1) / 2, lambda size: size / 2],
        "One pixel for each peak leaves no room for the trough beside it. How many steps does one peak need?":
            [lambda size: size, lambda size: size - 1],
        "Right for 16 pixels. 15 pixels have 14 steps, exactly two for each of 7 peaks. Draw them with the second "
        "explorer: every pixel meets a zero of the wave, and the picture is blank. A peak needs more than two.":
            lambda size: (size - 1) // 2,
    },
    solved="16 pixels show 7 peaks: between them lie 15 steps, and a peak needs more than two.",
    otherwise="Compare with what the second explorer shows for this size.",
)  # fmt: skip


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(map(int, Path(name).stem.split("_")))


def _read_name(name: str, *, pattern: str = r"(0|[1-9][0-9]*)_([01])\.png") -> tuple[int, int]:
    if not (match := re.fullmatch(pattern, name)):
        raise ValueError(f"{name} is not <index>_<label>.png with label 0 or 1")
    return int(match[1]), int(match[2])


def _labelled(name: str) -> tuple[int, int]:
    """What is read if only the number of parts and the label are looked at."""
    index, label = _numbers(name)
    return (index, label) if label in (0, 1) else _read_name(name)


_DIGITS = (r"([0-9]+)", r"(\d+)", "(0|[1-9][0-9]*)")
check_read_name = Exercise(
    right=_read_name,
    cases=[("12_1.png",), ("0_0.png",), ("207_0.png",),
           ("3.png",), ("a_b.png",), ("4_7.png",), ("12_17.png",), ("6_-1.png",), ("5_1_0.png",), ("3_1.jpg",),
           ("4_+1.png",), (" 5_0.png",), ("007_1.png",), ("3_1xpng",), ("3_1.png.png",), ("٣_1.png",)],
    draw=lambda rng: (f"{rng.integers(1000)}_{rng.integers(2)}.png",),
    wrong={
        "The index comes first in the name, the label second. You return them the other way round.":
            lambda name: _numbers(name)[::-1],
        "You return text. A label is a number; '1' is not equal to 1.": lambda name: tuple(Path(name).stem.split("_")),
        "The ending .png still hangs on the label. `Path(name).stem` is the name without it.": [
            lambda name: tuple(name.split("_")),
            lambda name: (int(name.split("_")[0]), name.split("_")[1]),
            lambda name: tuple(int(part) for part in name.split("_")),
        ],
        "'4_7.png' has the label 7, yet you return it. A misnamed file that slips through becomes a wrong label, and "
        "nobody notices. Raise a ValueError.": [lambda name: (_numbers(name)[0], _numbers(name)[1]), _numbers],
        "'3_1.jpg' is no PNG, yet you return (3, 1). `stem` drops whatever ending there is; look at the ending, too.":
            lambda name: _labelled(name) if not name.endswith(".png") else _read_name(name),
        "'007_1.png' slips through, a second name for image 7. Refuse zeros in front.":
            {"pattern": r"([0-9]+)_([01])\.png"},
        "'3_1xpng' slips through: in a pattern a dot stands for any character. Write `\\.`.":
            [{"pattern": f"{digits}_([01]).png"} for digits in _DIGITS],
        "'٣_1.png' slips through: `\\d` and `int` take the digits of every script. Write `[0-9]`.":
            {"pattern": r"(\d+)_([01])\.png"},
        "'3_1.png.png' slips through: `re.match` looks only at the beginning. Take `re.fullmatch`.":
            [{"pattern": f"{digits}_([01]){dot}png.*"} for digits in _DIGITS for dot in (".", r"\.")],
        "'4_+1.png' and ' 5_0.png' slip through: `int` forgives blanks, signs and zeros in front. Compare the name "
        "with the one that your two numbers should have.":
            lambda name: _labelled(name) if name.endswith(".png") else _read_name(name),
        "Labels and parts are right, but you take any ending and whatever `int` forgives: '3_1.jpg', '4_+1.png'. "
        "Compare the name with the one that your two numbers should have.": _labelled,
    },
    solved="A good name gives its numbers, a bad one is refused.",
    otherwise="A good name gives two whole numbers, index and label. A misnamed file that slips through becomes a "
    "wrong label or a missing image, and nobody notices: raise a ValueError for it.",
)  # fmt: skip

_Rule = Callable[[np.ndarray], np.ndarray]  # images [count, 16, 16] → labels [count]


def _share_right(rule: _Rule, drawn: stripes.StripeSet) -> float:
    try:
        return float((attempt(rule, drawn.images, like=drawn.labels) == drawn.labels).mean())
    except NotYet as wrong:
        if str(wrong).startswith("Return "):
            raise NotYet(f"{wrong} Axis 0 counts the images, axis 1 their rows, axis 2 their columns.") from wrong
        raise


def _grade_baseline(baseline: _Rule) -> None:
    right = _share_right(baseline, stripes.make_stripes(500, seed=1))
    hard = _share_right(baseline, stripes.make_stripes(1000, seed=1, settings=stripes.HARD))
    if right == 1 and hard >= 0.7:
        return
    tell({
        "All plain images are right, but fainter stripes are missed. Do you look at single rows and columns? Take the "
        "means first: in a mean of 16 pixels the noise is four times smaller. Or do you compare the largest means? Use "
        "all 16 of them, by their variance.": right == 1,
        "Every single answer is wrong, so your rule sees the stripes but names them the wrong way round. Horizontal "
        "stripes change from row to row: the *row* means vary. And `mean(axis=2)` averages over columns.": right == 0,
        f"{right:.0%} is hardly better than a coin. If you compare the means themselves: both kinds of mean average to "
        "the same grey. Compare how much they vary within one image (`var(axis=1)`).": abs(right - 0.5) < 0.1,
        f"{right:.1%} are right; the rule reaches 100 %. Compare variances of means over one axis each.": True,
    })  # fmt: skip


check_baseline = Exercise(
    right=stripes.row_column_baseline,
    grade=_grade_baseline,
    wrong={
        "Every single answer is wrong": lambda images: 1 - stripes.row_column_baseline(images),
        "hardly better than a coin": lambda images: images.mean(axis=(1, 2)) > images.mean(),
        "the rule reaches 100 %": lambda images: stripes.row_column_baseline(images) * (np.arange(len(images)) % 4 > 0),
        "fainter stripes are missed": lambda images: images[:, :, 0].var(axis=1) < images[:, 0, :].var(axis=1),
        "Axis 0 counts the images": lambda images: images.mean(axis=2).var(axis=1)[:16],
    },
    solved="All 500 images right, without a single weight.",
)


def _wave_rule(images: np.ndarray, *, peaks: tuple[int, ...] = (4, 5), kept: Callable = np.asarray) -> np.ndarray:
    """The label whose means point furthest along one of the waves; `kept` is what is kept of each result."""
    waves = np.stack([stripes.wave(16, number) for number in peaks], axis=1)
    in_rows, in_columns = (kept(images.mean(axis=axis) @ waves).max(axis=1) for axis in (2, 1))
    return (in_columns > in_rows).astype(int)


def _grade_wave_rule(wave_rule: _Rule) -> str:
    hard = stripes.make_stripes(2000, seed=2, settings=stripes.HARD)
    right, baseline = _share_right(wave_rule, hard), _share_right(stripes.row_column_baseline, hard)
    if right > 0.92:
        return f"{right:.1%} of 2,000 hard images, where the row and column baseline has {baseline:.1%}."
    tell({
        f"{right:.0%}: far below a coin. The rule works, its two labels are exchanged.": right < 0.4,
        f"{right:.0%} is about a coin. Do you project the *means* of rows and of columns onto `wave(16, peaks)`, and "
        "compare the two results?": right < 0.6,
        f"{right:.1%}, as good as the baseline ({baseline:.1%}). A variance counts every wiggle, also those of the "
        "noise. Count only what points along the two waves that occur here, of 4 and of 5 peaks.":
            abs(right - baseline) < 0.005,
        f"{right:.1%}. Half of the images have 4 peaks, half have 5. Does your rule look for both waves?":
            right < baseline + 0.05,
        f"{right:.1%} beats the baseline ({baseline:.1%}); more than 92 % is possible. Two things may be missing. An "
        "image has one of the two waves, not both: keep the larger result instead of the sum. And the waves always "
        "begin upwards, so a negative result speaks against them: keep the sign.": True,
    })  # fmt: skip


check_wave_rule = Exercise(
    right=_wave_rule,
    grade=_grade_wave_rule,
    wrong={
        "far below a coin": lambda images: 1 - _wave_rule(images),
        "is about a coin": {"peaks": (1, 2)},
        "as good as the baseline": stripes.row_column_baseline,
        "look for both waves": {"peaks": (4,)},
        "keep the larger result instead of the sum":
            [{"kept": np.abs}, {"kept": lambda results: results.sum(axis=1, keepdims=True)}],
    },
)
