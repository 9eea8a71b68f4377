"""Turning stripes: the formula, the symmetry under time reversal that the task rests on, reproducibility, limits."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import rotation
from course_utils.data.rotation import TURNING, TURNS, RotationSettings, make_rotations, turned_stripes
from course_utils.data.stripes import most_peaks, stripe_image, wave

seeds = st.integers(0, 2**32 - 1)
angles = st.floats(-720, 720)
size_and_peaks = st.integers(4, 20).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, most_peaks(size))))
CLEAN = RotationSettings(frames=5, noise=(0.0,))


# --- one picture --------------------------------------------------------------------------------------------------


@given(size_and_peaks)
def test_at_the_start_of_the_circle_it_is_a_stripe_image(size_peaks):
    size, peaks = size_peaks
    still = turned_stripes(size, peaks, 0.0)
    np.testing.assert_allclose(still, np.broadcast_to(1 + wave(size, peaks)[:, None], (size, size)), atol=1e-9)
    image = stripe_image(size, peaks, "horizontal", 0, np.random.default_rng(0))
    assert (abs(((still + 0.5) * 25.5) - image - 0.5) <= 0.5 + 1e-6).all()


@given(size_and_peaks, angles)
def test_turns_of_the_angle_are_turns_of_the_picture(size_peaks, angle):
    """By a quarter clockwise; half a turn exchanges bright and dark; the mirror image turns the other way."""
    picture, quarter, half, mirrored = turned_stripes(*size_peaks, angle + np.array([0, 90, 180, -90 - 2 * angle]))
    np.testing.assert_allclose(quarter, np.rot90(picture, -1), atol=1e-9)  # NumPy counts counter-clockwise
    np.testing.assert_allclose(half - 1, 1 - picture, atol=1e-9)
    np.testing.assert_allclose(mirrored, picture.T, atol=1e-9)


# --- the symmetry -------------------------------------------------------------------------------------------------


@given(size_and_peaks, st.floats(0, 360), st.floats(1, 179), st.integers(2, 30))
def test_a_trial_played_backwards_is_a_trial_of_the_other_class(size_peaks, start, sweep, frames):
    """From `start` clockwise by `sweep`, reversed, is from start + sweep counter-clockwise by `sweep`."""
    clockwise = turned_stripes(*size_peaks, start + np.linspace(0, sweep, frames))
    back = turned_stripes(*size_peaks, (start + sweep) % 360 - np.linspace(0, sweep, frames))
    np.testing.assert_allclose(clockwise[::-1], back, atol=1e-9)


def test_what_is_drawn_follows_the_angles(monkeypatch):
    asked = []
    monkeypatch.setattr(rotation, "turned_stripes", lambda *args: asked.append(args[2]) or turned_stripes(*args))
    drawn = make_rotations(200, 0)
    for angles_deg, label, start, sweep in zip(asked, drawn.labels, drawn.start_deg, drawn.sweep_deg, strict=True):
        steps = np.diff(angles_deg)
        assert angles_deg[0] == start
        assert abs(angles_deg[-1] - angles_deg[0]) == pytest.approx(sweep)
        np.testing.assert_allclose(steps, steps[0], atol=1e-9)
        assert (steps > 0).all() == (TURNS[label] == "clockwise")


def test_start_and_sweep_have_the_same_distribution_in_both_classes():
    """The draws before a picture's noise do not depend on the label, so pairing trials by rank finds equal ranges."""
    drawn = make_rotations(3000, 0, settings=replace(CLEAN, size=4, peaks=(1,), frames=2))
    for values, low, high in ((drawn.start_deg, 0, 360), (drawn.sweep_deg, *TURNING.sweep_deg)):
        for label in (0, 1):
            mine = np.sort((values[drawn.labels == label] - low) / (high - low))
            gap = np.abs(mine - np.linspace(0, 1, len(mine))).max()
            assert gap < 1.95 / math.sqrt(len(mine)), "Kolmogorov–Smirnov, 1 in 1000"
    last = (drawn.start_deg + np.where(drawn.labels == 0, 1, -1) * drawn.sweep_deg) % 360 / 360
    assert np.abs(np.sort(last) - np.linspace(0, 1, 3000)).max() < 1.95 / math.sqrt(3000)


def test_the_noise_is_new_in_each_frame():
    drawn = make_rotations(400, 0, settings=replace(TURNING, noise=(0.2,), peaks=(1,)))
    clean = np.stack(
        [
            turned_stripes(16, 1, start + (1 - 2 * label) * np.linspace(0, sweep, 20))
            for start, label, sweep in zip(drawn.start_deg, drawn.labels, drawn.sweep_deg, strict=True)
        ]
    )
    noise = (drawn.frames + 0.5) / 25.5 - 0.5 - clean
    inside = (clean > 0.3) & (clean < 1.7)
    assert noise[inside].mean() == pytest.approx(0, abs=0.01)
    assert noise[inside].std() == pytest.approx(0.2, abs=0.01)
    both = inside[:, 1:] & inside[:, :-1]
    assert np.corrcoef(noise[:, 1:][both], noise[:, :-1][both])[0, 1] == pytest.approx(0, abs=0.01)
