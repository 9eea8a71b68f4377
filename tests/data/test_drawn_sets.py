"""What all drawn sets promise: stripes, patches, and stripes that turn."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, astuple, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import patches, rotation, stripes
from course_utils.data.patches import make_patches
from course_utils.data.rotation import make_rotations
from course_utils.data.stripes import make_stripes

DRAW = {
    "plain stripes": (make_stripes, stripes.PLAIN),
    "hard stripes": (make_stripes, stripes.HARD),
    "easy patches": (make_patches, patches.EASY),
    "hard patches": (make_patches, patches.HARD),
    "turning stripes": (make_rotations, rotation.TURNING),
}
DIGESTS = {
    "plain stripes": "0c3b168bbafaedca83d976776fce4a839ae2342427fcea338de19689337887db",
    "hard stripes": "2d31ef946c6a0b16e395020531c460e3fc5e592ccff061fc73d1b73bc8d90ed6",
    "easy patches": "ed582afefc66efede5894ed74c2bbd3ff5bd470e0e851baa49a0d8decb9f9f48",
    "hard patches": "100aa10f03d001d4f2c40f3288ada8e66734c6c1a6be26e891f7316324871981",
    "turning stripes": "e14884ccba3675ac9f9925ac6894da74feac17cf9caa8229f4332ca4981edaf5",
}


def drawn(name: str, count: int, seed: int, first: int = 0) -> tuple[np.ndarray, ...]:
    """Pictures, labels, and how each was drawn."""
    make, settings = DRAW[name]
    return astuple(make(count, seed, first=first, settings=settings))


@given(st.sampled_from(list(DRAW)), st.integers(1, 12), st.integers(0, 10**6), st.integers(0, 2**32 - 1), st.randoms())
def test_picture_k_of_a_seed_is_the_same_however_it_is_drawn(name: str, count: int, first: int, seed: int, random):
    whole = drawn(name, count, seed, first)
    for place in random.sample(range(count), count):
        alone = drawn(name, 1, seed, first + place)
        assert all(np.array_equal(one, part[place : place + 1]) for one, part in zip(alone, whole, strict=True))


@pytest.mark.parametrize(("name", "count"), [("plain stripes", 200), ("easy patches", 200), ("turning stripes", 20)])
def test_seeds_and_numbers_make_different_pictures(name: str, count: int):
    pictures = np.concatenate([drawn(name, count, seed)[0] for seed in range(5)])
    assert len(np.unique(pictures.reshape(5 * count, -1), axis=0)) == 5 * count


@pytest.mark.parametrize("name", DRAW)
def test_the_set_is_the_same_on_every_machine(name: str):
    pictures, labels, *_ = drawn(name, 50 if name == "turning stripes" else 100, 0)
    assert hashlib.sha256(pictures.tobytes() + labels.astype("<i8").tobytes()).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("changes", [{}, {"size": 9, "peaks": (1,), "noise": (0, 7.5, 50)}])
def test_a_set_has_the_form_that_is_promised(name: str, changes: dict):
    make, settings = DRAW[name]
    settings = replace(settings, **changes)
    found = asdict(make(6, 1, settings=settings))
    pictures = found.pop("frames" if make is make_rotations else "images")
    frames = (settings.frames,) if make is make_rotations else ()
    assert (pictures.shape, pictures.dtype) == ((6, *frames, settings.size, settings.size), np.uint8)
    for part, values in found.items():
        assert values.shape == (6,) and values.dtype == (float if part in ("noise", "start_deg", "sweep_deg") else int)
    assert set(found["labels"]) == {0, 1} and set(found["peaks"]) <= set(settings.peaks)
    assert set(found["noise"]) <= set(settings.noise)
    if make is make_rotations:
        assert ((found["sweep_deg"] >= 90) & (found["sweep_deg"] <= 170)).all()


@pytest.mark.parametrize("make", [make_stripes, make_patches, make_rotations])
@pytest.mark.parametrize(
    ("name", "value"),
    [("count", 0), ("count", 1.5), ("count", True), ("seed", -1), ("seed", None), ("first", -1)],
)
def test_a_bad_count_seed_or_first_is_named_with_its_value(make: Callable[..., Any], name: str, value: object):
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        make(**{"count": 1, "seed": 0} | {name: value})


BAD_LISTS = [
    ("peaks", (0,)), ("peaks", (1, 2.0)), ("peaks", ()), ("peaks", 3), ("peaks", "3"), ("peaks", (1, 8)),
    ("noise", (-0.1,)), ("noise", (0.1, math.nan)), ("noise", ("0.1",)), ("noise", ()), ("noise", 0.1),
]  # fmt: skip
BAD = {
    "plain stripes": [("size", 3), ("size", 16.0), ("size", True), ("contrast", -0.1), ("contrast", None)],
    "easy patches": [
        ("size", 7), ("size", 16.0), ("size", None), ("patch", 3), ("patch", True), ("contrast", 1.5),
        ("contrast", math.nan),
    ],
    "turning stripes": [
        ("size", 3), ("frames", 1), ("frames", 2.0),
        *(("sweep_deg", bad) for bad in [(0, 90), (90, 180), (100, 90), (-10, 10), (math.nan, 90), (90, math.nan)]),
        *(("sweep_deg", bad) for bad in [(90,), 90, ("a", "b"), None]),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "field", "value"), [(name, *bad) for name in BAD for bad in BAD_LISTS + BAD[name]])
def test_a_bad_setting_is_named_with_its_value_before_anything_is_drawn(name: str, field: str, value: object):
    make, settings = DRAW[name]
    with pytest.raises(ValueError) as caught:
        make(1, 0, settings=replace(settings, **{field: value}))
    told = value[-1] if field in ("peaks", "noise") and isinstance(value, tuple) and value else value
    assert f"{field} is {told!r}; " in str(caught.value)
