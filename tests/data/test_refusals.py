"""What is refused, and in which words: arguments out of range, sets that are missing, and damaged archives."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial as call
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.data.colour import load_colour
from course_utils.data.digits import load_images
from course_utils.data.download import NotAvailable
from course_utils.data.events import Events, check_events, decode, frames, frames_by_count, load_nmnist, time_surface
from course_utils.data.events import window as window_of
from course_utils.data.keyed import keys
from course_utils.data.patches import EASY, make_patches, matched_filter
from course_utils.data.require import guarded
from course_utils.data.rotation import turned_stripes
from course_utils.data.saccades import Camera, load_event_digits, simulate_saccades
from course_utils.data.stripes import stripe_image
from course_utils.data.vehicles import draw_vehicles, load_vehicles, split

FOUR = Events(*np.array([[5, 6, 1, 10], [5, 6, 1, 20], [7, 8, 0, 20], [5, 6, 1, 40]]).T)
DIGITS = torch.zeros(12, 28, 28)
GREY = np.zeros((1, 16, 16), np.uint8)
VEHICLES = draw_vehicles(200)
STRIPE = {"size": 16, "peaks": 1, "orientation": "vertical", "noise": 0.1, "rng": np.random.default_rng(0)}

REFUSED = [
    (call(keys, torch.tensor([1.0])), "float32"),
    *((call(load_images, name), f"name is {name!r}.*MNIST, FashionMNIST") for name in ("mnist", "", "KMNIST", None)),
    (call(load_colour, "CIFAR"), "name is 'CIFAR'"),
    (call(load_nmnist, 0), "train is 0; it must be a whole number, 1 or more"),
    (call(load_event_digits, 0), "train is 0"),
    # stripes
    *((call(stripe_image, **STRIPE | {name: bad}), f"{name} is {bad!r}") for name, bad in [
        ("size", 3), ("size", 16.0), ("size", True),
        ("peaks", 0), ("peaks", -1), ("peaks", 8), ("peaks", True), ("peaks", 2.0),
        ("orientation", "diagonal"), ("orientation", 0),
        ("noise", -0.1), ("noise", math.nan), ("noise", math.inf), ("noise", "0.1"),
        ("contrast", -0.1), ("contrast", 1.1), ("contrast", math.nan), ("contrast", None),
    ]),
    *((call(turned_stripes, 16, 1, bad), "angle_deg is") for bad in (math.nan, math.inf, np.array([0, math.nan]))),
    *((refused, words) for bad, words in [(17, "size is 16"), (5, "peaks is 2; 5 pixels can show 1 to 1 peaks")]
      for refused in [call(matched_filter, GREY, replace(EASY, patch=bad)),
                      call(make_patches, 1, 0, settings=replace(EASY, patch=bad))]),
    (call(matched_filter, GREY, replace(EASY, noise=(0.1, 0))), "noise is 0"),
    (call(matched_filter, GREY[:, :8, :8], EASY), r"shape of images is \(1, 8, 8\)"),
    # events
    (call(check_events, Events(np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(1))), r"\[2, 2, 2, 1\] entries"),
    (call(decode, bytes([1, 2, 128, 0])), "ends inside an event, at byte 4"),
    *((call(window_of, FOUR, *ends), "the window is {} to {} µs".format(*ends)) for ends in ((-1, 5), (5, 5), (6, 5))),
    (call(frames, FOUR, 0), "steps is 0"),
    *((call(frames_by_count, FOUR, bad), f"steps is {bad}; it must be a number from 1 to 4") for bad in (0, 5)),
    (call(time_surface, FOUR, -1, 10), "time_us is -1"),
    *((call(time_surface, FOUR, 5, bad), f"tau_us is {bad}") for bad in (0, math.nan)),
    # the simulated camera
    (call(simulate_saccades, DIGITS[:2, 0]), r"shape of images is \(2, 28\)"),
    (call(simulate_saccades, torch.zeros(2, 29, 29)), "at most 28"),
    (call(simulate_saccades, DIGITS[:2, :, :27]), r"\(2, 28, 27\)"),
    (call(simulate_saccades, DIGITS.long()), "int64"),
    (call(simulate_saccades, DIGITS + 255), "255 to 255"),
    (call(simulate_saccades, DIGITS + math.nan), "images holds NaN"),
    (call(simulate_saccades, DIGITS, samples=torch.arange(3)), r"shape of samples is \(3,\); it must be \[12\]"),
    *((call(Camera, **{name: bad}), f"{name} is {bad}") for name, bad in [
        ("threshold", 0), ("ambient", 0), ("spread", 0.5), ("noise_hz", -1), ("blur", -1), ("step_us", 0),
    ]),
    # vehicles
    (call(draw_vehicles, 0), "count is 0"),
    (call(split, VEHICLES, 0, test=3), "test is 3; it must be an even number, 2 or more"),
    (call(split, VEHICLES, 0, validation=0), "validation is 0"),
    (call(split, VEHICLES, 0, validation=100, test=100), "must be below 200, for one class has 100 pictures"),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "words"), REFUSED, ids=[f"{one.func.__name__}: {words}" for one, words in REFUSED])
def test_what_is_bad_is_named_with_its_value(refused: Callable[[], object], words: str):
    with pytest.raises(ValueError, match=words):
        refused()


@pytest.mark.parametrize(
    ("load", "archive", "missing"),
    [
        (call(load_colour, "SVHN"), "svhn_subset.npz", r"datasets.SVHN\('data', download=True\)"),
        (load_nmnist, "NMNIST_1100.zip", "N-MNIST is neither"),
        (load_vehicles, "caltech101_vehicles.zip", None),  # silhouettes stand in
    ],
)
def test_a_missing_set_and_a_damaged_archive_are_named(only_here: Path, load: Callable, archive: str, missing: str):
    if missing:
        with pytest.raises(NotAvailable, match=missing):
            load()
    (only_here / archive).write_bytes(b"no archive")
    with pytest.raises(ValueError, match=f"{archive} is damaged"):
        load()


def test_a_guarded_function_tells_what_it_broke_off_at_and_refuses_nan_wherever_it_is():
    @guarded
    def third(numbers: np.ndarray, pair: tuple = (), *, weight: float = 1.0) -> float:
        """The third number."""
        return weight * float(numbers[2])

    assert third(np.arange(4.0), weight=2) == 4.0 and third.__doc__ == "The third number."
    with pytest.raises(ValueError, match=r"third cannot use numbers = float64 \[2\], weight = 2: index 2 is out of"):
        third(np.zeros(2), weight=2)
    for given, words in (
        ({"numbers": np.array([1.0, math.nan])}, "numbers holds NaN"),
        ({"numbers": FOUR.x, "pair": (1, torch.tensor(math.nan))}, "pair holds NaN"),
        ({"numbers": FOUR.x, "weight": np.float32(math.nan)}, "weight (is|holds) (nan|NaN)"),
    ):
        with pytest.raises(ValueError, match=words):
            third(**given)
