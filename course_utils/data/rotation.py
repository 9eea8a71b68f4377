"""A stripe pattern that turns, clockwise or counter-clockwise: a task that no single picture can solve.

The idea is an outlook of A. Kalogirou, "7 weeks in EINC" (2025). How it is made is this course's: the angle at the
start is uniform over the full circle, and how far the pattern turns is drawn without regard to the direction. A trial
played backwards is therefore a trial of the other class, and exactly as likely. So a single frame, the frames' mean,
and the frames in random order have the same distribution in both classes and say nothing about the label.
"""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.data.require import guarded, require, require_whole
from course_utils.data.stripes import check_settings, check_stripes, choices, numbered, photograph

TURNS = ("clockwise", "counter-clockwise")  # a turn's place is its label: 0 and 1


@dataclass(frozen=True)
class RotationSettings:
    """What turning stripes are drawn from; every choice is equally likely.

    `sweep_deg` is the least and the greatest angle between the first and the last frame; above 0 and below 180 degrees,
    after which the last frame would look like the first, with bright and dark exchanged.
    """

    size: int = 16  # pixels a side
    frames: int = 20  # pictures a trial, 2 or more
    peaks: Sequence[int] = (2, 3)  # the possible numbers of bright stripes
    noise: Sequence[float] = (0.1, 0.2, 0.3)  # the possible standard deviations of the noise, new for each frame
    sweep_deg: tuple[float, float] = (90.0, 170.0)


TURNING = RotationSettings()


@dataclass(frozen=True)
class RotationSet:
    """Trials of turning stripes, uint8 [count, time, size, size], and how each was drawn.

    Labels, int64 [count], are 0 clockwise and 1 counter-clockwise, as seen on the screen, row 0 on top. The angle of
    the first frame, 0 to 360, is measured clockwise; how far the pattern turns has no sign.
    """

    frames: np.ndarray
    labels: np.ndarray
    start_deg: np.ndarray
    sweep_deg: np.ndarray
    peaks: np.ndarray
    noise: np.ndarray


def turned_stripes(size: int, peaks: int, angle_deg: float | np.ndarray) -> np.ndarray:
    """Clean stripes 1 + sin(2π · peaks · u/(size − 1)), turned about the middle of the image.

    u = (row − m) cos α − (column − m) sin α + m with m = (size − 1)/2 is the row number after turning back by α.
    At 0° these are the horizontal stripes of `stripe_image`, and 180° exchange bright and dark.

    Size and peaks as in `stripe_image`; finite angles of any shape […], clockwise as seen on the screen, make float64
    […, size, size].
    """
    check_stripes(size, peaks, noise=0)
    require(np.isfinite(angle_deg).all(), "angle_deg", angle_deg, "finite")
    angle = np.deg2rad(angle_deg)[..., None, None]
    middle = (size - 1) / 2
    row, column = np.mgrid[:size, :size] - middle
    u = row * np.cos(angle) - column * np.sin(angle) + middle
    return 1 + np.sin(2 * math.pi * peaks * u / (size - 1))


def make_rotations(count: int, seed: int, *, first: int = 0, settings: RotationSettings = TURNING) -> RotationSet:
    """Draw `count` trials of a seed, from number `first` on. Disjoint ranges make disjoint splits."""
    check_settings(settings, size=settings.size)
    require_whole(frames=(settings.frames, 2))
    sweep = settings.sweep_deg
    pair = np.shape(sweep) == (2,) and all(isinstance(angle, numbers.Real) for angle in sweep)
    require(pair and 0 < sweep[0] <= sweep[1] < 180, "sweep_deg", sweep, "angles with 0 < least ≤ greatest < 180")

    def draw(rng: np.random.Generator) -> tuple:
        peaks, label, noise = choices(settings, rng)
        start_deg, sweep_deg = rng.uniform(0, 360), rng.uniform(*sweep)
        direction = 1 if TURNS[label] == "clockwise" else -1
        angles_deg = start_deg + direction * np.linspace(0, sweep_deg, settings.frames)
        frames = photograph(turned_stripes(settings.size, peaks, angles_deg), noise, rng)
        return frames, label, start_deg, sweep_deg, peaks, noise

    return numbered(RotationSet, draw, count, seed, first)


@guarded
def tracking_baseline(frames: np.ndarray) -> np.ndarray:
    """Guess the direction without any network: find the stripes' angle in every frame, and add up how it changes.

    The angle is the main direction of the brightness gradient, ½·atan2(2⟨g_x g_y⟩, ⟨g_x²⟩ − ⟨g_y²⟩), with means over
    the frame (the structure tensor: J. Bigün and G. Granlund, ICCV 1987). It is known up to 180°, so each change is
    taken between −90° and 90°. Frames are [count, time, size, size], guesses int64 [count] as the labels.
    """
    down, right = np.gradient(np.asarray(frames, dtype=float), axis=(-2, -1))
    angle_deg = np.rad2deg(np.arctan2(2 * (right * down).mean((-2, -1)), (right**2 - down**2).mean((-2, -1)))) / 2
    changes = (np.diff(angle_deg, axis=1) + 90) % 180 - 90
    return (changes.sum(axis=1) < 0).astype(np.int64)


def controls(frames: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The same trials [count, time, size, size] with less than their order in time, and with it reversed, by name.

    "single frame" is the middle one all the time, "bag of frames" their mean all the time, "shuffled" an order of its
    own for each trial, from this seed.
    """
    count, steps = frames.shape[:2]
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(steps), (count, 1)), axis=1)
    return {
        "single frame": np.repeat(frames[:, [steps // 2]], steps, axis=1),
        "bag of frames": np.repeat(frames.mean(axis=1, keepdims=True), steps, axis=1),
        "shuffled": np.take_along_axis(frames, order[:, :, None, None], axis=1),
        "reversed": frames[:, ::-1].copy(),
    }
