"""Motorbikes and airplanes: photographs of Caltech-101 where they are, else silhouettes drawn here.

The photographs differ in size, and their shape alone tells the classes apart: an airplane's picture is about 2.6 times
as wide as high, a motorbike's 1.6 times. So every photograph is cropped to one shape, around its middle, and made grey.

Caltech-101: L. Fei-Fei, R. Fergus and P. Perona, "Learning generative visual models from few training examples",
CVPR Workshop on Generative-Model Based Vision, 2004; CC BY 4.0.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from course_utils.data.files import read_bytes
from course_utils.data.packs import Pack
from course_utils.data.pictures import grey, picture
from course_utils.data.require import guarded, require, require_whole
from course_utils.data.search import data_folders, find, seen_instead

CLASSES = ("motorbike", "airplane")  # in the order of the report's output neurons
HEIGHT, WIDTH = 40, 64
TEST = 198  # of 1,598; the report trains on the other 1,400
_FOLDERS = ("Motorbikes", "airplanes")  # as Caltech-101 calls them
_ARCHIVE = "caltech101_vehicles.zip"
_WHOLE = 798, 800  # photographs of either class
_LAYOUT = "Motorbikes/image_0001.jpg, airplanes/image_0001.jpg …"
_PLACE = re.compile(rf"(?:.*/)?({'|'.join(_FOLDERS)})/([^/]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Vehicles:
    """Grey pictures, uint8 [count, height, width], 0 black to 255 white, and what was loaded, for tables.

    Labels, int64 [count], are 0 for a motorbike and 1 for an airplane.
    """

    source: str
    images: np.ndarray
    labels: np.ndarray

    @guarded
    def of(self, numbers: np.ndarray) -> "Vehicles":
        """The pictures with these numbers."""
        return Vehicles(self.source, self.images[numbers], self.labels[numbers])


class Parts(NamedTuple):
    """Pictures to learn from, to choose with, and for the test."""

    train: Vehicles
    validation: Vehicles
    test: Vehicles


@guarded
def split(vehicles: Vehicles, seed: int, *, validation: int = TEST, test: int = TEST) -> Parts:
    """Vehicles at random, half of each part of either class."""
    for name, count in (("validation", validation), ("test", test)):
        require(count >= 2 and count % 2 == 0, name, count, "an even number, 2 or more")
    rng = np.random.default_rng(seed)
    of_class = [rng.permutation(np.flatnonzero(vehicles.labels == label)) for label in range(len(CLASSES))]
    least = min(len(numbers) for numbers in of_class)
    if (validation + test) // 2 >= least:
        raise ValueError(
            f"validation is {validation} and test {test}; together they must be below {2 * least}, for one class has "
            f"{least} pictures"
        )
    ends = np.cumsum([test // 2, validation // 2])
    tested, chosen, learnt = zip(*(np.split(numbers, ends) for numbers in of_class), strict=True)
    return Parts(*(vehicles.of(np.sort(np.concatenate(part))) for part in (learnt, chosen, tested)))


# --- photographs ----------------------------------------------------------------------------------------------------


def load_vehicles() -> Vehicles:
    """The photographs of Caltech-101 in `$COURSE_DATA` or `data/`, else 1,598 silhouettes.

    Photographs lie in the archive `caltech101_vehicles.zip`, or in the folders `Motorbikes` and `airplanes` of
    `caltech101/101_ObjectCategories`, where torchvision puts the whole set.

    Raises:
        ValueError: an archive has another layout, or a photograph is damaged; the message names it.
    """
    photographs = [(shaped(image), label) for image, label in _photographs()]
    if not photographs:
        if seen := seen_instead(_ARCHIVE, *_FOLDERS):
            print(f"No photographs of Caltech-101 here.{seen} Drawn silhouettes stand in for them.")
        return draw_vehicles(1598)
    images, labels = map(np.array, zip(*photographs, strict=True))
    sizes = tuple(np.bincount(labels))
    part = "" if sizes == _WHOLE else ", {:,} + {:,} of its photographs".format(*sizes)
    return Vehicles(f"Caltech-101{part}", images, labels)


def aspect_ratios() -> np.ndarray | None:
    """Width over height of every photograph as it was taken, in the order of `load_vehicles`; None for silhouettes."""
    sizes = [image.size for image, _ in _photographs()]
    return np.array([width / height for width, height in sizes]) if sizes else None


def _photographs() -> Iterator[tuple[Image.Image, int]]:
    """The photographs in grey, each with its label, a class after the other, by name; nothing where there are none."""
    wholes = [folder / "caltech101" / "101_ObjectCategories" for folder in data_folders()]
    path = find(_ARCHIVE, folders=True) or next((whole for whole in wholes if whole.is_dir()), None)
    if path is None:
        return
    pack, found = Pack(path), {}
    for name, place in pack.placed(_PLACE, _LAYOUT):
        key = [folder.lower() for folder in _FOLDERS].index(place[1].lower()), place[2].lower()
        if key in found:
            raise ValueError(f"{path} holds one photograph twice, {found[key]} and {name}; keep one of them")
        found[key] = name
    for label, folder in enumerate(_FOLDERS):
        if label not in {label for label, _ in found}:
            raise ValueError(f"{path} holds no photograph in a folder {folder}; expected are {_LAYOUT}")
    order = sorted(found)
    names = [found[key] for key in order]
    for (label, _), name, data in zip(order, names, pack.contents(names), strict=True):
        yield grey(f"{path}: {name}", picture(f"{path}: {name}", data)), label


@guarded
def shaped(image: Image.Image) -> np.ndarray:
    """A picture's middle of the common shape, as large as it fits, made grey and scaled; uint8 [HEIGHT, WIDTH]."""
    scale = min(image.width / WIDTH, image.height / HEIGHT)
    wide, high = scale * WIDTH, scale * HEIGHT
    left, top = max(0, (image.width - wide) / 2), max(0, (image.height - high) / 2)
    box = (left, top, min(image.width, left + wide), min(image.height, top + high))  # rounding must not leave it
    return np.asarray(image.convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BOX, box=box))


def from_files(paths: Sequence[Path], labels: Sequence[int], *, source: str = "pictures of your own") -> Vehicles:
    """Pictures of your own: grey, of one size, 8 pixels a side or more, with one label each.

    Raises:
        ValueError: a picture is damaged, or does not fit; the message names the file.
    """
    if not paths or len(paths) != len(labels):
        raise ValueError(f"{len(paths)} pictures and {len(labels)} labels; there must be one label for each picture")
    images = []
    for path, label in zip(paths, labels, strict=True):
        if label not in range(len(CLASSES)):
            raise ValueError(f"{path.name} has the label {label!r}; it must be 0 ({CLASSES[0]}) or 1 ({CLASSES[1]})")
        image = picture(str(path), read_bytes(path))
        if image.mode not in ("1", "L", "LA") and not image.mode.startswith("I"):
            raise ValueError(f"{path.name} is coloured (mode {image.mode}); pictures must be grey (mode L)")
        pixels = np.asarray(grey(str(path), image))
        if images and pixels.shape != images[0].shape:
            size, first = (" × ".join(map(str, shape[::-1])) for shape in (pixels.shape, images[0].shape))
            raise ValueError(f"{path.name} has {size} pixels, {paths[0].name} has {first}; all must have one size")
        images.append(pixels)
    height, width = images[0].shape
    require_whole(height=(height, 8), width=(width, 8))
    return Vehicles(source, np.stack(images), np.array(labels))


# --- silhouettes ----------------------------------------------------------------------------------------------------


def draw_vehicles(count: int, *, seed: int = 0) -> Vehicles:
    """Silhouettes, dark by day or bright by night, of random size, place, tilt and contrast; classes alternate."""
    require_whole(count=(count, 1))
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    return Vehicles("drawn silhouettes", np.stack([_silhouette(rng, label) for label in labels]), labels)


def _silhouette(rng: np.random.Generator, label: int) -> np.ndarray:
    fine = 4  # drawn this much larger, then scaled down, for smooth edges
    high, wide = fine * HEIGHT, fine * WIDTH
    slope = rng.uniform(-40, 40, 2)
    y, x = np.linspace(-1, 1, high)[:, None], np.linspace(-1, 1, wide)
    background = Image.fromarray((rng.uniform(150, 220) + slope[0] * y + slope[1] * x).clip(0, 255).astype(np.uint8))
    shape = Image.new("L", (wide, high))
    pen = ImageDraw.Draw(shape)
    unit = rng.uniform(0.75, 1.0) * min(wide / 3.4, high / 1.9)
    (_motorbike, _airplane)[label](pen, rng, wide / 2, high / 2, unit)
    shape = shape.rotate(rng.uniform(-8, 8), translate=tuple(int(v) for v in rng.uniform(-0.06, 0.06, 2) * wide))
    if rng.random() < 0.5:
        shape = shape.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    background.paste(int(rng.uniform(20, 100)), mask=shape)
    picture = background.filter(ImageFilter.GaussianBlur(fine / 2)).resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    pixels = (np.asarray(picture) + rng.normal(0, 6, (HEIGHT, WIDTH))).clip(0, 255).astype(np.uint8)
    return pixels if rng.random() < 0.5 else 255 - pixels


def _motorbike(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, unit: float) -> None:
    """Two wheels, a frame with an engine, a saddle, a fork with its handlebar."""
    wheel, base, ground = unit * rng.uniform(0.36, 0.44), unit * rng.uniform(0.8, 0.95), y + 0.45 * unit
    thick = max(2, int(0.1 * unit))
    for hub in (x - base, x + base):
        pen.ellipse((hub - wheel, ground - wheel, hub + wheel, ground + wheel), outline=255, width=thick)
        pen.ellipse((hub - thick, ground - thick, hub + thick, ground + thick), fill=255)
    rise = unit * rng.uniform(0.75, 0.95)
    pen.line((x + base, ground, x + 0.55 * base, ground - rise), fill=255, width=thick)
    pen.line((x + 0.55 * base, ground - rise, x + 0.2 * base, ground - 1.1 * rise), fill=255, width=thick)
    front, engine = (x + 0.6 * base, ground - 0.8 * rise), (x + 0.2 * base, ground)
    pen.polygon([(x - base, ground), (x - 0.4 * base, ground - 0.7 * rise), front, engine], fill=255)
    pen.line((x - 1.1 * base, ground - 0.85 * rise, x - 0.2 * base, ground - 0.75 * rise), fill=255, width=2 * thick)


def _airplane(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, unit: float) -> None:
    """A fuselage, a fin, wings seen from the side, engines."""
    half, body = unit * rng.uniform(1.35, 1.6), unit * rng.uniform(0.14, 0.2)
    pen.ellipse((x - half, y - body, x + half, y + body), fill=255)
    fin = unit * rng.uniform(0.5, 0.7)
    pen.polygon([(x - half, y - fin), (x - 0.85 * half, y - fin), (x - 0.6 * half, y), (x - 0.95 * half, y)], fill=255)
    reach, sweep = unit * rng.uniform(0.45, 0.75), unit * rng.uniform(0.3, 0.6)
    tip = (x - sweep, y + reach), (x - 0.75 * sweep, y + reach)
    pen.polygon([(x + 0.25 * half, y), (x - 0.15 * half, y), *tip], fill=255)
    top, bottom = y + 1.2 * body, y + 1.2 * body + 0.16 * unit
    for place in (0.05, 0.28):
        pen.ellipse((x + (place - 0.12) * half, top, x + (place + 0.06) * half, bottom), fill=255)
