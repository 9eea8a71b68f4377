"""Lesson 04: its exercises, its explorers, and the functions that it writes out."""

import numpy as np
import pytest

from course_utils.data import stripes
from course_utils.data.locate import DOWNLOADS
from course_utils.data.stripe_folder import StripeFolder
from course_utils.lessons.stripe_dataset import checks, widgets
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "stripe_dataset"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["most_peaks", "read_name", "baseline", "wave_rule"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def swapped_name(name: str) -> tuple[int, int]:
    index, label = name.removesuffix(".png").split("_")
    return int(label), int(index)


def forgiving_name(name: str) -> tuple[int, int] | str:
    parts = name.removesuffix(".png").split("_")
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 else "skipped"


def any_label(name: str) -> tuple[int, int]:
    index, label = name.removesuffix(".png").split("_")
    return int(index), int(label)


def projections(images: np.ndarray, *, peaks=(4, 5)) -> tuple[np.ndarray, np.ndarray]:
    waves = np.stack([stripes.wave(16, number) for number in peaks], axis=1)
    return images.mean(axis=2) @ waves, images.mean(axis=1) @ waves


def unsigned_wave_rule(images: np.ndarray) -> np.ndarray:
    rows, columns = projections(images)
    return (abs(columns).max(axis=1) > abs(rows).max(axis=1)).astype(int)


def single_lines(images: np.ndarray) -> np.ndarray:
    pixels = images.astype(float)
    return (pixels[:, :, 0].var(axis=1) < pixels[:, 0, :].var(axis=1)).astype(int)


def one_wave(images: np.ndarray) -> np.ndarray:
    rows, columns = projections(images, peaks=(4,))
    return (columns[:, 0] > rows[:, 0]).astype(int)


def other_waves(images: np.ndarray) -> np.ndarray:
    rows, columns = projections(images, peaks=(1, 2))
    return (columns.max(axis=1) > rows.max(axis=1)).astype(int)


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_most_peaks, lambda size: size // 2, "you count pixels"),
        (checks.check_most_peaks, lambda size: (size - 1) / 2, "Round down"),
        (checks.check_most_peaks, lambda size: size - 1, "no room for the trough"),
        (checks.check_most_peaks, lambda size: (size - 1) // 2, "the picture is blank"),
        (checks.check_most_peaks, lambda size: min(6, (size - 2) // 2), "For 16 pixels you get 6"),
        (checks.check_read_name, swapped_name, "other way round"),
        (checks.check_read_name, lambda name: tuple(name.removesuffix(".png").split("_")), "You return text"),
        (checks.check_read_name, lambda name: (12, "1.png"), ".png still hangs"),
        (checks.check_read_name, forgiving_name, "'3.png' has no label"),
        (checks.check_read_name, any_label, "has the label 7"),
        (checks.check_baseline, lambda images: 1 - stripes.row_column_baseline(images), "Every single answer is wrong"),
        (checks.check_baseline, lambda images: images.mean(axis=(1, 2)) > images.mean(), "no better than a coin"),
        (checks.check_read_name, lambda name: any_label(name) if name == "12_1.png" else None, "returned None"),
        (checks.check_baseline, single_lines, "fainter stripes are missed"),
        (checks.check_wave_rule, one_wave, "look for both waves"),
        (checks.check_baseline, lambda images: np.zeros(16), "one label per image"),
        (checks.check_wave_rule, stripes.row_column_baseline, "as good as the baseline"),
        (checks.check_wave_rule, unsigned_wave_rule, "keep the sign"),
        (checks.check_wave_rule, other_waves, "about a coin"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message


@pytest.mark.parametrize("explorer", [widgets.stripe_explorer, widgets.sampling_explorer])
def test_explorers_draw_at_every_corner(explorer) -> None:
    check_corners(explorer())


def test_the_lesson_draws_the_same_images_as_the_package(lesson) -> None:
    for seed, (orientation, peaks, noise) in enumerate(
        [("horizontal", 1, 0.1), ("vertical", 5, 0.3), ("vertical", 7, 2)]
    ):
        for contrast in (1, 0.07):
            arguments = (16, peaks, orientation, noise)
            by_hand = lesson["stripe_image"](*arguments, np.random.default_rng(seed), contrast)
            packaged = stripes.stripe_image(*arguments, np.random.default_rng(seed), contrast=contrast)
            assert (by_hand == packaged).all()


def test_the_shipped_set_is_what_its_readme_says() -> None:
    dataset, drawn = StripeFolder(DOWNLOADS / "stripes"), stripes.make_stripes(200, 2025)
    assert len(dataset) == 200
    for (image, label), pixels, expected in zip(dataset, drawn.images, drawn.labels, strict=True):
        assert (np.asarray(image) == pixels).all() and label == expected
