"""The stripe set: its formula, its reproducibility, its limits, how hard it is, and how it is written."""

import csv
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course_utils.data.files import CannotWrite
from course_utils.data.stripe_folder import write_stripes
from course_utils.data.stripes import (
    HARD,
    ORIENTATIONS,
    PLAIN,
    make_stripes,
    most_peaks,
    row_column_baseline,
    stripe_image,
    wave,
)

sizes = st.integers(4, 40)
size_and_peaks = sizes.flatmap(lambda size: st.tuples(st.just(size), st.integers(1, most_peaks(size))))
contrasts = st.floats(0, 1)
noises = st.floats(0, 50)  # 50 drives most pixels beyond both ends
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- one image ----------------------------------------------------------------------------------------------------


@given(size_and_peaks, st.sampled_from(ORIENTATIONS), noises, contrasts, seeds)
def test_a_pixel_is_what_the_formula_says(size_peaks, orientation, noise, contrast, seed):
    size, peaks = size_peaks
    image = stripe_image(size, peaks, orientation, noise, rng(seed), contrast=contrast)
    assert image.shape == (size, size)
    assert image.dtype == np.uint8
    n = rng(seed).normal(0.5, noise, (size, size)).tolist()
    for row in range(size):
        for column in range(size):
            k = row if orientation == "horizontal" else column
            value = 1 + contrast * math.sin(2 * math.pi * peaks * k / (size - 1)) + n[row][column]
            grey = min(max(value, 0), 10) * 255 / 10
            # a value within rounding of the edge between two grey levels may fall to either side
            assert math.floor(grey - 2e-9) <= image[row, column] <= math.floor(grey + 2e-9)


@given(st.integers(3, 64).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_too_many_peaks_look_like_few_upside_down(size_peaks):
    size, peaks = size_peaks
    np.testing.assert_allclose(wave(size, size - 1 - peaks), -wave(size, peaks), atol=1e-9)


def test_at_the_limit_there_is_no_picture_and_below_it_each_number_of_peaks_has_its_own():
    assert most_peaks(16) == 7
    for size in range(4, 41):
        waves = [wave(size, peaks).round(9) for peaks in range(1, most_peaks(size) + 2)]
        assert min((np.abs(one).max() for one in waves[:-1]), default=1) > 0.5
        assert len({tuple(np.sign(one)) for one in waves[:-1]}) == most_peaks(size)
        blank = not waves[-1].any()
        assert blank == (size % 2 == 1), "one peak more: blank on odd sizes, an alias on even ones"


@pytest.mark.parametrize("size", range(8, 33))
def test_another_machines_sine_draws_the_same_image(size, monkeypatch):
    """A sine that is wrong in another last digit changes no pixel, not even where a pixel is a whole number.

    A grey level 25.5 (1.5 + sin) is whole where the sine is 1/2, which happens at sizes 13 and 25 (Niven's theorem).
    """
    for peaks in range(1, most_peaks(size) + 1):
        right = wave(size, peaks)
        images = []
        for error in (-1e-14, 0, 1e-14):
            monkeypatch.setattr("course_utils.data.stripes.wave", lambda size, peaks, e=error, w=right: w + e)
            images.append(stripe_image(size, peaks, "horizontal", 0, rng()))
        monkeypatch.undo()
        assert (images[0] == images[1]).all() and (images[1] == images[2]).all()


# --- a set of images, how hard it is ------------------------------------------------------------------------------


def test_two_variances_solve_the_plain_set_which_holds_everything_equally_often():
    drawn = make_stripes(4000, seed=1)
    assert np.array_equal(row_column_baseline(drawn.images), drawn.labels)
    for values, possible in ((drawn.labels, (0, 1)), (drawn.peaks, PLAIN.peaks), (drawn.noise, PLAIN.noise)):
        shares = [np.mean(values == value) for value in possible]
        np.testing.assert_allclose(shares, 1 / len(possible), atol=0.03)  # four standard errors


def test_the_baseline_compares_variances():
    rows_vary = np.array([[0, 0], [10, 11]], dtype=np.uint8)
    flat = np.full((2, 2), 7, dtype=np.uint8)
    assert row_column_baseline(np.stack([rows_vary, rows_vary.T, flat])).tolist() == [0, 1, 0]
    slightly = np.array([[0.0, 1.1], [1.0, 2.1]])  # row means 1 apart, column means 1.1
    assert row_column_baseline(slightly[None]).tolist() == [1]
    assert row_column_baseline(slightly.T[None]).tolist() == [0]


def test_the_hard_set_needs_to_be_learned():
    train, test = make_stripes(2000, seed=1, settings=HARD), make_stripes(4000, seed=1, first=2000, settings=HARD)
    baseline = np.mean(row_column_baseline(test.images) == test.labels)
    learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    learner.fit(train.images.reshape(2000, -1).astype(float), train.labels)
    learned = learner.score(test.images.reshape(4000, -1).astype(float), test.labels)
    assert 0.5 < baseline < 0.8
    assert learned >= baseline + 0.05


# --- written to files ---------------------------------------------------------------------------------------------


def test_a_folder_holds_the_images_under_their_names_and_a_listing_says_how_each_was_drawn(tmp_path: Path):
    drawn = make_stripes(12, seed=3)
    folder = write_stripes(tmp_path / "new" / "set", drawn)
    assert folder == tmp_path / "new" / "set"
    names = [f"{place}_{label}.png" for place, label in enumerate(drawn.labels)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name, image in zip(names, drawn.images, strict=True):
        with Image.open(folder / name) as file:
            assert (file.format, file.mode) == ("PNG", "L")
            assert np.array_equal(np.asarray(file), image)
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
    listed = write_stripes(str(tmp_path / "listed"), drawn, listing=True)
    assert sorted(path.name for path in listed.iterdir()) == sorted([*names, "labels.csv"])
    with (listed / "labels.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "label", "peaks", "noise"]
    assert [name for name, *_ in rows] == names
    assert [[float(value) for value in how] for _, *how in rows] == [
        list(how) for how in zip(drawn.labels, drawn.peaks, drawn.noise, strict=True)
    ]


@pytest.mark.parametrize("homework", [None, "7_1.png"])
def test_an_existing_folder_is_left_alone(tmp_path: Path, homework):
    folder = tmp_path / "mine"
    folder.mkdir()
    if homework:
        (folder / homework).write_text("a student's work")
    with pytest.raises(FileExistsError, match="mine exists already"):
        write_stripes(folder, make_stripes(3, 0))
    assert [path.read_text() for path in folder.iterdir()] == (["a student's work"] if homework else [])
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_cannot_be_made_is_refused_clearly(tmp_path: Path):
    (tmp_path / "file.txt").write_text("mine")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    bound = hasattr(os, "geteuid") and os.geteuid() != 0  # permissions do not bind everybody
    for place in (tmp_path / "file.txt", *([locked] if bound else [])):
        with pytest.raises(CannotWrite, match=r"set cannot be written: .*Choose a folder"):
            write_stripes(place / "set", make_stripes(3, 0))
    assert (tmp_path / "file.txt").read_text() == "mine"


class Interrupted(list):
    """A list whose reader is interrupted after two items."""

    def __iter__(self):
        yield from self[:2]
        raise KeyboardInterrupt


@pytest.mark.parametrize("break_off", [Interrupted, lambda images: [*images[:2], images[2].astype(complex)]])
def test_a_writing_that_breaks_off_leaves_nothing(tmp_path: Path, break_off):
    drawn = make_stripes(3, 0)
    with pytest.raises((KeyboardInterrupt, TypeError)):
        write_stripes(tmp_path / "set", replace(drawn, images=break_off(drawn.images)))
    assert list(tmp_path.iterdir()) == []
