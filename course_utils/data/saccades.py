"""A simulated event camera that jerks three times before a digit, as the one of N-MNIST did.

    recordings = simulate_saccades(images)          # a list of `Events`, as a real recording
    train, test = load_event_digits()               # N-MNIST where it is, else simulated

A pixel remembers the logarithm of the light at its last event. When the light has moved away from it by a contrast
threshold, the pixel sends an event and remembers anew (P. Lichtsteiner, C. Posch and T. Delbruck, "A 128×128 120 dB
15 µs latency asynchronous temporal contrast vision sensor", IEEE J. Solid-State Circuits 43, 2008). Between two time
steps the logarithm is taken as a straight line, so events carry microseconds (H. Rebecq, D. Gehrig and D. Scaramuzza,
"ESIM: an open event camera simulator", CoRL 2018).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.data import keyed
from course_utils.data.digits import ImageSet, load_images
from course_utils.data.download import NotAvailable
from course_utils.data.events import FILES, SACCADES_US, SIZE, Events, Recordings, load_nmnist
from course_utils.data.require import guarded, require, require_whole
from course_utils.data.search import seen_instead

# Where the upper left corner of a 28×28 digit is at the start and after each saccade: (column, row), in pixels.
# Measured on 150 recordings of N-MNIST and the MNIST images that they show, by the correlation of ON minus OFF with
# what a displaced image would give.
CORNERS = ((0.6, 1.2), (2.0, 6.5), (5.6, 1.5), (0.6, 1.2))
# The same every 10 ms, from the recordings alone: the real movement is no triangle (see `measured_position`).
MEASURED = (
    (0.50, 1.20), (0.49, 1.25), (0.43, 1.56), (0.37, 2.29), (0.36, 3.45), (0.50, 4.69), (1.09, 5.68), (1.68, 6.23),
    (1.97, 6.41), (2.03, 6.41), (2.07, 6.34), (2.19, 6.24), (2.39, 6.18), (2.83, 5.92), (3.56, 5.29), (4.18, 4.29),
    (4.47, 3.19), (4.78, 2.16), (5.06, 1.61), (5.20, 1.47), (5.35, 1.47), (5.55, 1.49), (5.65, 1.46), (5.58, 1.45),
    (4.82, 1.48), (3.84, 1.47), (2.79, 1.41), (1.80, 1.31), (1.16, 1.20), (0.69, 1.15), (0.51, 1.15),
)  # fmt: skip
RANGES = {"threshold": (0.01, 10), "spread": (0, 0.3), "noise_hz": (0, 1000), "ambient": (0.001, 1000), "blur": (0, 10)}
IMAGE = 28
MARGIN = 8  # pixels of ground around an image, more than it is ever moved


@dataclass(frozen=True)
class Camera:
    """An event camera and the light before it. `RANGES` says what each number may be.

    Attributes:
        threshold: how much ln(light) has to change for an event.
        spread: standard deviation of the threshold from pixel to pixel, as a share of it.
        noise_hz: events a second that a pixel sends for no reason.
        ambient: light from the darkest place if the brightest one sends 1 more.
        blur: standard deviation of the lens's blur in pixels.
        dark_digits: whether the digit is dark on bright ground. The recordings of N-MNIST look so: where the digit goes
            pixels become darker, where it comes from brighter.
        step_us: time between two looks at the light, 100 or more.
    """

    threshold: float = 0.19
    spread: float = 0.1
    noise_hz: float = 0.5
    ambient: float = 0.3
    blur: float = 0.5
    dark_digits: bool = True
    step_us: int = 3000

    def __post_init__(self):
        require_whole(step_us=(self.step_us, 100))
        for name, (low, high) in RANGES.items():
            require(low <= getattr(self, name) <= high, name, getattr(self, name), f"a number from {low} to {high}")


CAMERA = Camera()
Path = Callable[[float], tuple[float, float]]


@guarded
def position(time_us: float) -> tuple[float, float]:
    """Column and row of the digit's upper left corner. Each third of the time is one saccade, a side of a triangle.

    The velocity of a saccade rises and falls as 1 − cos; before the first and after the last one the digit rests.
    """
    saccades = len(CORNERS) - 1
    way = min(max(time_us / SACCADES_US, 0.0), 1.0) * saccades
    number = min(int(way), saccades - 1)
    share = way - number
    share -= math.sin(2 * math.pi * share) / (2 * math.pi)
    (x0, y0), (x1, y1) = CORNERS[number], CORNERS[number + 1]
    return (1 - share) * x0 + share * x1, (1 - share) * y0 + share * y1


@guarded
def measured_position(time_us: float) -> tuple[float, float]:
    """Column and row of the digit's upper left corner as the real camera moved it: straight lines between `MEASURED`.

    From 220 recordings, those of fold 1 of the lesson's five, and the images that they show. A pixel's ON minus OFF
    events, times the threshold, are what the logarithm of its light changed by. So the path, the threshold, the ambient
    light and the blur were chosen that least squares leave between the two, in slices of 5 ms.
    """
    times_us = 10_000 * np.arange(len(MEASURED))
    x, y = (float(np.interp(time_us, times_us, way)) for way in zip(*MEASURED, strict=True))
    return x, y


@guarded
def light(images: Tensor, camera: Camera = CAMERA) -> Tensor:
    """Light before the camera, above 0: images as of `simulate_saccades`, blurred, with a margin for `moved`.

    Returns float32 [count, 34 + 2·margin, 34 + 2·margin].
    """
    shape, kind = tuple(images.shape), images.dtype
    square = len(shape) == 3 and shape[1] == shape[2] and 1 <= shape[1] <= IMAGE
    require(square, "shape of images", shape, f"[count, size, size] of at most {IMAGE} pixels")
    whole = kind == torch.uint8
    require(whole or images.is_floating_point(), "dtype of images", kind, "uint8 from 0 to 255 or float from 0 to 1")
    seen = images.float() / 255 if whole else images.float()
    low, high = (seen.min().item(), seen.max().item()) if len(seen) else (0, 1)
    require(low >= 0 and high <= 1, "range of images", f"{low:g} to {high:g}", "within 0 and 1")
    before = MARGIN + (IMAGE - images.shape[1]) // 2
    after = SIZE + 2 * MARGIN - images.shape[1] - before
    seen = _blurred(functional.pad(seen, (before, after, before, after)), camera.blur)
    return camera.ambient + (1 - seen if camera.dark_digits else seen)


@guarded
def moved(seen: Tensor, x: float, y: float) -> Tensor:
    """What `light` gave, seen by the 34×34 pixels of the camera when the digit's corner is at column x and row y.

    Positions between pixels are interpolated. |x| and |y| are below the margin.
    """
    column, row = math.floor(x), math.floor(y)
    right, down = x - column, y - row

    def whole(rows: int, columns: int) -> Tensor:
        top, left = MARGIN - rows, MARGIN - columns
        return seen[:, top : top + SIZE, left : left + SIZE]

    above = torch.lerp(whole(row, column), whole(row, column + 1), right)
    below = torch.lerp(whole(row + 1, column), whole(row + 1, column + 1), right)
    return torch.lerp(above, below, down)


@guarded
def simulate_saccades(
    images: Tensor,
    *,
    seed: int = 0,
    camera: Camera = CAMERA,
    samples: Tensor | None = None,
    path: Path = position,
    batch_size: int = 250,
) -> list[Events]:
    """Recordings of images by a camera that jerks three times in 0.3 s.

    Args:
        images: uint8 from 0 to 255 or float from 0 to 1, [count, size, size], at most 28 pixels a side.
        seed: of the camera's uneven thresholds and of its noise.
        camera: which one, and in which light.
        samples: int64 [count], the numbers of the images in their set: an image's noise belongs to its number, so it
            is the same alone and among others. 0, 1, 2 … if None.
        path: of a time in µs to where the digit's corner is then: `position`, `measured_position` or another.
        batch_size: images at a time; it changes nothing but the memory.
    """
    samples = torch.arange(len(images)) if samples is None else samples
    fits, shape = samples.shape == images.shape[:1], tuple(samples.shape)
    require(fits, "shape of samples", shape, f"[{len(images)}], one number for each image")
    require_whole(batch_size=(batch_size, 1))
    uneven = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed)).clamp(-3, 3)
    thresholds = camera.threshold * (1 + camera.spread * uneven)
    batches = zip(images.split(int(batch_size)), samples.split(int(batch_size)), strict=True)
    return [
        events
        for batch, some in batches
        for events in _record(light(batch, camera), some, thresholds, camera, seed, path)
    ]


def _record(seen: Tensor, samples: Tensor, thresholds: Tensor, camera: Camera, seed: int, path: Path) -> list[Events]:
    found = [_noise(samples, camera, seed)]
    before = moved(seen, *path(0)).log()
    memory = keyed.uniform(keyed.keys(samples, seed, 1), SIZE, SIZE)  # the last event was before the recording began
    remembered = before + (2 * memory - 1) * thresholds
    for start in range(0, SACCADES_US, camera.step_us):
        now = moved(seen, *path(start + camera.step_us)).log()
        crossed = ((now - remembered) / thresholds).trunc()
        where = crossed.nonzero()
        sign, count = crossed[tuple(where.T)].sign(), crossed[tuple(where.T)].abs().long()
        before_it = count.cumsum(0) - count  # how many events of the list come before those of a pixel
        image, y, x, sign, first = (part.repeat_interleave(count) for part in (*where.T, sign, before_it))
        nth = torch.arange(len(sign)) - first + 1
        level = remembered[image, y, x] + sign * nth * thresholds[y, x]
        share = ((level - before[image, y, x]) / (now - before)[image, y, x]).clamp(0, 1)
        time_us = start + (share * (camera.step_us - 1)).long()
        found.append(torch.stack([image, x, y, (sign > 0).long(), time_us]))
        remembered += crossed * thresholds
        before = now
    image, x, y, on, time_us = torch.cat(found, 1)
    order = (image * SACCADES_US + time_us).argsort(stable=True)
    parts = torch.stack([x, y, on, time_us])[:, order].to(torch.int32).numpy()
    ends = np.cumsum(np.bincount(image.numpy(), minlength=len(seen)))[:-1]
    return [Events(*part) for part in np.split(parts, ends, axis=1)[: len(seen)]]


def _noise(samples: Tensor, camera: Camera, seed: int) -> Tensor:
    """Events that nothing caused, [5, events]: number of the image in the batch, x, y, bit, time."""
    expected = camera.noise_hz * SIZE**2 * SACCADES_US / 1e6
    most = math.ceil(expected + 8 * math.sqrt(expected)) + 8
    gap, place, bit = keyed.uniform(keyed.keys(samples, seed, 0), 3, most).unbind(1)
    time_us = -(1 - gap).log().cumsum(1) * (SACCADES_US / expected if expected else math.inf)  # a Poisson process
    image, number = (time_us < SACCADES_US).nonzero().T
    place = (place[image, number] * SIZE**2).long()
    return torch.stack(
        [image, place % SIZE, place // SIZE, (bit[image, number] < 0.5).long(), time_us[image, number].long()]
    )


def _blurred(images: Tensor, blur: float) -> Tensor:
    """Images [count, height, width] after a Gaussian blur."""
    if blur == 0:
        return images
    reach = math.ceil(3 * blur)
    bell = [math.exp(-0.5 * (place / blur) ** 2) for place in range(-reach, reach + 1)]
    for dim, border in ((1, (0, 0, reach, reach)), (2, (reach, reach))):
        wide, size = functional.pad(images, border), images.shape[dim]
        # not a convolution of PyTorch's: its last bits depend on how many images it gets
        images = sum(weight / sum(bell) * wide.narrow(dim, place, size) for place, weight in enumerate(bell))
    return images


def load_event_digits(
    train: int = 4000, test: int = 1000, *, seed: int = 0, simulated: bool = False
) -> tuple[Recordings, Recordings]:
    """Training and test recordings of digits, and one line that says where they come from.

    The first 1,000 and 100 real ones of N-MNIST, if they are in `$COURSE_DATA` or `data/`. Where there are none, or
    where `simulated` ones are asked for, at most `train` and `test` simulated recordings of this `seed`, over the first
    images of MNIST, or over scikit-learn's small digits if MNIST is missing, too.
    """
    require_whole(train=(train, 1), test=(test, 1))
    if not simulated:
        try:
            real = load_nmnist(1000, 100)  # more of them would take a lesson longer than it says
        except NotAvailable:
            print(
                f"No N-MNIST here: it is neither in $COURSE_DATA nor in data/.{seen_instead(*FILES)} "
                "Simulated saccades stand in for it."
            )
        else:
            print(f"{real[0].source}: {len(real[0].labels):,} training and {len(real[1].labels):,} test recordings.")
            return real
    first, second = load_images("MNIST")
    return _recorded(first, train, seed, 0), _recorded(second, test, seed, len(first.labels))


def _recorded(images: ImageSet, count: int, seed: int, first: int) -> Recordings:
    """Simulated recordings of the first images of a set. `first` is the number of its first image in all that exist."""
    numbers = torch.arange(min(count, len(images.labels)))
    recorded = simulate_saccades(images.images[:count], seed=seed, samples=first + numbers)
    return Recordings(f"simulated saccades over {images.source}", recorded, images.labels[:count], numbers)
