"""Motorbikes and airplanes: photographs of one shape, silhouettes, parts, and files that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.linear_model import RidgeClassifier

from course_utils.data import vehicles
from course_utils.data.search import find
from course_utils.data.vehicles import Vehicles, draw_vehicles, from_files, load_vehicles, shaped, split
from tests.archives import jpeg, pack

DRAWN = draw_vehicles(200)


def test_silhouettes_alternate_and_repeat():
    assert DRAWN.images.shape == (200, 40, 64) and DRAWN.images.dtype == np.uint8
    assert DRAWN.labels.tolist() == [0, 1] * 100
    assert np.array_equal(DRAWN.images[:9], draw_vehicles(9).images)
    assert not np.array_equal(DRAWN.images[:9], draw_vehicles(9, seed=1).images)


def test_silhouettes_are_no_matter_of_brightness_or_of_a_linear_sum():
    means = DRAWN.images.reshape(200, -1).mean(1)
    assert abs(means[0::2].mean() - means[1::2].mean()) < means.std() / 2
    flat = draw_vehicles(1200, seed=3).images.reshape(1200, -1) / 255.0
    score = RidgeClassifier(10.0).fit(flat[:1000], np.arange(1000) % 2).score(flat[1000:], np.arange(1000, 1200) % 2)
    assert score < 0.95


def test_a_split_is_even_and_keeps_every_picture_once():
    numbered = Vehicles("numbers", np.arange(200)[:, None, None] * np.ones((1, 8, 8)), np.arange(200) // 100)
    parts = split(numbered, 0, validation=20, test=30)
    assert [len(part.labels) for part in parts] == [150, 20, 30]
    assert [part.labels.sum() for part in parts] == [75, 10, 15]
    seen = np.concatenate([part.images[:, 0, 0] for part in parts])
    assert sorted(seen) == list(range(200))
    assert all((part.images[:, 0, 0] // 100 == part.labels).all() for part in parts)
    again, other = (split(numbered, seed, validation=20, test=30).test.images for seed in (0, 1))
    assert np.array_equal(again, parts.test.images) and not np.array_equal(other, parts.test.images)


def test_no_shape_is_lost_to_rounding():
    for width, height in np.random.default_rng(0).integers(8, 400, (300, 2)).tolist():
        assert shaped(Image.new("L", (width, height))).shape == (40, 64)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (64, 40), (131, 97)])
def test_the_middle_is_kept_and_not_stretched(size: tuple[int, int]):
    image = Image.new("L", size, 50)
    x, y = size[0] / 2, size[1] / 2
    radius = 0.2 * min(size)
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=250)
    bright = shaped(image) > 150
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 2, "a circle stays a circle"
    assert abs(rows.mean() - 19.5) <= 1 and abs(columns.mean() - 31.5) <= 1


GREY = ("L", (12, 10))


def pictures(folder: Path, *modes_and_sizes: tuple[str, tuple[int, int]] | None) -> list[Path]:
    """Files 0.png, 1.png …; one of nothing is damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(len(modes_and_sizes))]
    for path, form in zip(paths, modes_and_sizes, strict=True):
        Image.new(*form).save(path) if form else path.write_bytes(b"nothing")
    return paths


def test_photographs_from_an_archive(only_here: Path):
    red, white = {"colour": "red", "mode": "RGB"}, {"colour": "white", "mode": "RGB"}
    content = {"Motorbikes/1.jpg": jpeg((90, 60), **red), "Motorbikes/2.jpg": jpeg((160, 100), **red)}
    content |= {"airplanes/1.jpg": jpeg((260, 100), **white), "airplanes/2.jpg": jpeg((90, 45), **white)}
    pack(only_here / "caltech101_vehicles.zip", content)
    found = load_vehicles()
    assert found.source == "Caltech-101, 2 + 2 of its photographs"
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.images.shape == (4, 40, 64)
    assert found.images[0].mean() == pytest.approx(76, abs=3), "red, in grey"
    assert vehicles.aspect_ratios().tolist() == [1.5, 1.6, 2.6, 2.0], "of the originals"


def test_photographs_where_torchvision_puts_them_or_silhouettes(only_here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vehicles, "draw_vehicles", lambda count: count)
    assert load_vehicles() == 1598 and vehicles.aspect_ratios() is None
    for folder in ("Motorbikes", "airplanes"):
        (picture,) = pictures(only_here / "caltech101" / "101_ObjectCategories" / folder, ("L", (90, 60)))
        picture.rename(picture.with_suffix(".jpg"))
    assert load_vehicles().labels.tolist() == [0, 1]


@pytest.mark.skipif(find("caltech101_vehicles.zip") is None, reason="needs the photographs of Caltech-101")
def test_the_real_photographs():
    found = load_vehicles()
    assert found.source == "Caltech-101" and np.bincount(found.labels).tolist() == [798, 800]
    assert found.images.std(axis=(1, 2)).min() > 5


def test_pictures_of_your_own(tmp_path: Path):
    assert from_files(pictures(tmp_path, GREY, GREY), [1, 0]).images.shape == (2, 10, 12)


@pytest.mark.parametrize(
    ("found", "labels", "words"),
    [
        ([GREY, GREY], [1], "2 pictures and 1 labels"),
        ([GREY, GREY], [1, 2], r"1\.png has the label 2; it must be 0 \(motorbike\)"),
        ([GREY, ("L", (12, 11))], [0, 1], r"1\.png has 12 × 11 pixels, 0\.png has 12 × 10; all must have one size"),
        ([GREY, ("RGB", (12, 10))], [0, 1], r"1\.png is coloured \(mode RGB\)"),
        ([("L", (12, 4))], [0], "height is 4"),
        ([None], [0], r"0\.png is damaged"),
    ],
)
def test_pictures_that_do_not_fit_are_named(tmp_path: Path, found: list, labels: list, words: str):
    with pytest.raises(ValueError, match=words):
        from_files(pictures(tmp_path, *found), labels)
