"""The lesson on the stripe data set: its explorers, and the functions that it writes out."""

import numpy as np
import pytest

from course_utils.data import stripes
from course_utils.data.locate import DOWNLOADS
from course_utils.data.stripe_folder import StripeFolder
from course_utils.lessons.stripe_dataset import checks


def forgiving_name(name: str) -> tuple[int, int] | str:
    parts = name.removesuffix(".png").split("_")
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 else "skipped"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda name: tuple(map(int, reversed(name.removesuffix(".png").split("_")))), "other way round"),
        (forgiving_name, "name = '3.png' you return 'skipped'; right is a ValueError. A good name gives"),
        (lambda name: forgiving_name(name) if name == "12_1.png" else None, "returned None"),
        (lambda name: int(name.split("_")[1][0]), "Return 2 things"),
    ],
)
def test_what_must_be_refused_is_told_when_good_names_are_right(answer, says) -> None:
    verdict = checks.check_read_name(answer)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_a_rule_of_another_kind_is_right_too() -> None:
    assert checks.check_baseline(lambda images: images.mean(1).std(1) > images.mean(2).std(1))


@pytest.mark.parametrize("contrast", [1, 0.07])
@pytest.mark.parametrize("kind", [("horizontal", 1, 0.1), ("vertical", 5, 0.3), ("vertical", 7, 2)])
def test_the_lesson_draws_the_same_images_as_the_package(lesson, kind, contrast) -> None:
    orientation, peaks, noise = kind
    by_hand = lesson["stripe_image"](16, peaks, orientation, noise, np.random.default_rng(0), contrast)
    packaged = stripes.stripe_image(16, peaks, orientation, noise, np.random.default_rng(0), contrast=contrast)
    assert (by_hand == packaged).all()


def test_the_shipped_set_is_what_its_readme_says() -> None:
    dataset, drawn = StripeFolder(DOWNLOADS / "stripes"), stripes.make_stripes(200, 2025)
    assert len(dataset) == 200
    for (image, label), pixels, expected in zip(dataset, drawn.images, drawn.labels, strict=True):
        assert (np.asarray(image) == pixels).all() and label == expected
