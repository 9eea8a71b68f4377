"""Striped patches: what is drawn, its reproducibility, its limits, and how good the matched filter is."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data.patches import EASY, HARD, PatchSettings, log_odds, make_patches, matched_filter
from course_utils.data.stripes import most_peaks, row_column_baseline, wave

seeds = st.integers(0, 2**32 - 1)
SOME_NOISE = st.floats(0, 5)


@st.composite
def any_settings(draw, noises=SOME_NOISE) -> PatchSettings:
    patch = draw(st.integers(4, 12))
    return PatchSettings(
        size=draw(st.integers(patch, 20)),
        patch=patch,
        peaks=tuple(draw(st.sets(st.integers(1, most_peaks(patch)), min_size=1))),
        noise=tuple(draw(st.sets(noises, min_size=1, max_size=3))),
        contrast=draw(st.floats(0, 1)),
    )


# --- what is drawn ------------------------------------------------------------------------------------------------


@given(any_settings(), seeds)
def test_the_patch_lies_inside(settings, seed):
    drawn = make_patches(5, seed, settings=settings)
    for places in (drawn.rows, drawn.columns):
        assert places.dtype == np.int64 and (places >= 0).all() and (places + settings.patch <= settings.size).all()


@given(any_settings(noises=st.just(0.0)), seeds)
def test_without_noise_there_is_grey_around_one_striped_patch(settings, seed):
    drawn = make_patches(4, seed, settings=settings)
    for image, label, row, column, peaks in zip(
        drawn.images, drawn.labels, drawn.rows, drawn.columns, drawn.peaks, strict=True
    ):
        expected = np.full((settings.size, settings.size), math.floor(1.5 * 25.5))
        for down in range(settings.patch):
            for right in range(settings.patch):
                k = down if label == 0 else right
                value = 1.5 + settings.contrast * math.sin(2 * math.pi * peaks * k / (settings.patch - 1))
                expected[row + down, column + right] = math.floor(round(value * 25.5, 9))
        assert np.array_equal(image, expected)


def test_the_noise_is_everywhere():
    drawn = make_patches(2000, 0, settings=replace(HARD, contrast=0))
    assert drawn.images.mean(axis=0) + 0.5 == pytest.approx(1.5 * 25.5, abs=1)
    assert drawn.images.std(axis=0) == pytest.approx(0.3 * 25.5, abs=0.7)


def test_places_orientations_and_peaks_are_equally_likely():
    drawn = make_patches(4050, 0, settings=EASY)
    places = np.bincount(9 * drawn.rows + drawn.columns, minlength=81)
    assert places.min() > 50 - 5 * math.sqrt(50)
    assert places.max() < 50 + 5 * math.sqrt(50)
    assert drawn.labels.mean() == pytest.approx(1 / 2, abs=0.035)
    assert [np.mean(drawn.peaks == peaks) for peaks in (1, 2, 3)] == pytest.approx([1 / 3] * 3, abs=0.035)


# --- the matched filter -------------------------------------------------------------------------------------------


def test_the_matched_filter_solves_both_sets_and_is_better_than_two_variances():
    def right(settings: PatchSettings) -> tuple[float, float]:
        drawn = make_patches(2000, 0, settings=settings)
        guesses = matched_filter(drawn.images, settings), row_column_baseline(drawn.images)
        return tuple(np.mean(guess == drawn.labels) for guess in guesses)

    assert right(EASY)[0] == right(HARD)[0] == 1
    assert 0.99 < right(HARD)[1] < 1
    filtered, compared = right(replace(EASY, noise=(0.3, 0.5), contrast=0.3))
    assert compared + 0.05 < filtered < 0.99


def test_the_filter_is_bayes_rule_written_out():
    """Against a loop over all that could have been drawn: normal densities, added up."""
    settings = PatchSettings(size=7, patch=6, peaks=(1, 2), noise=(0.4, 0.8), contrast=0.5)
    drawn = make_patches(60, 0, settings=settings)
    for image, guess in zip(drawn.images, matched_filter(drawn.images, settings), strict=True):
        likelihood = [0.0, 0.0]
        for label in (0, 1):
            for row, column, peaks, noise in np.ndindex(2, 2, 2, 2):
                clean = np.full((7, 7), 1.5)
                stripes = 0.5 * wave(6, settings.peaks[peaks])
                clean[row : row + 6, column : column + 6] += stripes if label else stripes[:, None]
                z = ((image + 0.5) / 25.5 - clean) / settings.noise[noise]
                likelihood[label] += math.exp(-(z**2).sum() / 2) / settings.noise[noise] ** 49
        assert guess == (likelihood[1] > likelihood[0])


@given(any_settings(noises=st.floats(0.05, 1)).filter(lambda settings: settings.contrast > 0.01), seeds)
def test_the_transposed_image_has_the_opposite_odds(settings, seed):
    images = make_patches(4, seed, settings=settings).images
    odds = log_odds(images, settings)
    np.testing.assert_allclose(log_odds(images.transpose(0, 2, 1), settings), -odds, rtol=1e-6, atol=1e-6)
    assert np.array_equal(matched_filter(images, settings), odds > 0)
