"""N-MNIST: the file format against a second reader, damaged files, windows, frames and time surfaces."""

import io
import math
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import events
from course_utils.data.events import (
    Events,
    Recordings,
    check_events,
    counts,
    decode,
    frames,
    frames_by_count,
    load_nmnist,
    time_surface,
    window,
)
from tests.archives import EVENT, pack

some_events = st.lists(
    st.tuples(st.integers(0, 33), st.integers(0, 33), st.integers(0, 1), st.integers(0, 2**23 - 1)), max_size=30
).map(lambda found: sorted(found, key=lambda event: event[3]))


def encode(found: list[tuple[int, int, int, int]]) -> bytes:
    return b"".join(
        bytes([x, y, on << 7 | time_us >> 16, time_us >> 8 & 255, time_us & 255]) for x, y, on, time_us in found
    )


@given(some_events)
def test_what_is_encoded_is_decoded(found: list[tuple[int, int, int, int]]):
    assert list(zip(*(part.tolist() for part in decode(encode(found))), strict=True)) == found
    assert decode(encode(found)).x.dtype == np.int32
    assert events.encode(decode(encode(found))) == encode(found)


@pytest.fixture(scope="module")
def check_with_tonic():
    """Holds what we read from a file's bytes to what tonic reads: x, y, polarity, time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tonic_io = pytest.importorskip("tonic.io")
    kind = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])

    def check(data: bytes, mine: Events) -> None:
        theirs = tonic_io.read_mnist_file(io.BytesIO(data), dtype=kind, is_stream=True)
        for part, name in zip(mine, "xypt", strict=True):
            assert np.array_equal(part, theirs[name])

    return check


@given(found=some_events)
def test_invented_files_are_read_as_tonic_reads_them(check_with_tonic, found: list[tuple[int, int, int, int]]):
    check_with_tonic(encode(found), decode(encode(found)))


def test_real_files_are_read_as_tonic_reads_them(check_with_tonic):
    path = events.find("NMNIST_1100.zip")
    if path is None:
        pytest.skip("NMNIST_1100.zip is neither in $COURSE_DATA nor in data/")
    with zipfile.ZipFile(path) as packed:
        for folder, recordings in zip(("Train/", "Test/"), load_nmnist(), strict=True):
            names = sorted(name for name in packed.namelist() if name.startswith(folder) and name.endswith(".bin"))
            assert len(names) == len(recordings.events)
            for name, mine in zip(names, recordings.events, strict=True):
                check_with_tonic(packed.read(name), mine)
                assert events.encode(mine) == packed.read(name), name


@pytest.mark.parametrize(
    ("found", "where", "words"),
    [
        ([(1, 2, 1, 3), (34, 2, 1, 4)], 1, "has x 34; it must be a whole number from 0 to 33"),
        ([(3, 99, 1, 4)], 0, "has y 99"),
        ([(1, -1, 1, 3)], 0, "has y -1"),
        ([(1, 2, 2, 3)], 0, "has on 2; .* from 0 to 1"),
        ([(1, 2, 1, 2**23)], 0, "has time_us 8388608; .* to 8388607"),
        ([(1, 2, 1, 5), (1, 2, 1, 5), (1, 2, 0, 4)], 2, "goes back in time, from 5 to 4 µs"),
    ],
)
def test_an_event_that_no_file_can_hold_is_named(found: list[tuple[int, int, int, int]], where: int, words: str):
    some = Events(*np.array(found).T)
    for refuses in (check_events, events.encode):
        with pytest.raises(ValueError, match=f"event {where} {words}"):
            refuses(some)
    if all(y >= 0 and on < 2 and time_us < 2**23 for _, y, on, time_us in found):  # a damaged file may say so
        with pytest.raises(ValueError, match=rf"some\.bin: event {where} \(byte {5 * where}\) {words}"):
            decode(encode(found), "some.bin")


THREE = Events(*np.array([[5, 6, 1, 10], [5, 6, 1, 20], [7, 8, 0, 20], [5, 6, 1, 40]]).T)


def test_a_window_has_its_start_and_not_its_end():
    assert window(THREE, 10, 20).time_us.tolist() == [10]
    assert window(THREE, 11, 41).time_us.tolist() == [20, 20, 40]
    assert window(THREE, 50, 60).x.tolist() == []


def test_counts_and_frames_of_the_same_slices():
    found = counts(THREE, 2, 40)
    assert found[0, 0, 6, 5] == 1 and found[1, 0, 6, 5] == 2 and found[1, 1, 8, 7] == 1 and found.sum() == 4
    assert torch.equal(frames(THREE, 2, 40), found.clamp(max=1))


def test_frames_by_count_by_hand():
    made = frames_by_count(THREE, 2)
    assert sorted(map(tuple, made.nonzero().tolist())) == [(0, 0, 6, 5), (1, 0, 6, 5), (1, 1, 8, 7)]
    assert made.max() == 1


@given(some_events.filter(bool), st.integers(1, 12), st.integers(1, 400_000))
def test_slices_lose_no_event(found: list[tuple[int, int, int, int]], steps: int, duration_us: int):
    some = Events(*np.array(found).T)
    assert counts(some, steps, duration_us).sum() == len(found)
    a_frame = min(steps, len(found))
    assert frames_by_count(some, a_frame).flatten(1).sum(1).max() <= -(-len(found) // a_frame)


def test_a_time_surface_by_hand():
    surface = time_surface(THREE, 30, 10.0)
    assert surface[0, 6, 5].item() == pytest.approx(math.exp(-1))
    assert surface[1, 8, 7].item() == pytest.approx(math.exp(-1))
    assert surface.count_nonzero() == 2
    assert time_surface(THREE, 40, 10.0)[0, 6, 5] == 1
    assert time_surface(THREE, 5, 10.0).sum() == 0


def test_frames_by_hand():
    made = frames(Events(*np.array([[0, 0, 1, 0], [5, 6, 0, 149_999], [5, 6, 0, 150_000], [33, 33, 1, 310_000]]).T), 2)
    assert made.shape == (2, 2, 34, 34)
    assert sorted(map(tuple, made.nonzero().tolist())) == [(0, 0, 0, 0), (0, 1, 6, 5), (1, 0, 33, 33), (1, 1, 6, 5)]


def every_digit(part: str, first: int) -> dict[str, bytes]:
    """Ten recordings, one of each digit, beginning with this one."""
    return {f"{part}/{(first + place) % 10}/{place + 1:05}.bin": EVENT for place in range(10)}


def labels_of(recordings: Iterable[Recordings]) -> list[list[int]]:
    return [part.labels.tolist() for part in recordings]


def test_a_part_of_the_set_and_then_the_whole(only_here: Path):
    """The first recordings are the same of both."""
    train, test = every_digit("Train", first=3), every_digit("Test", first=7)
    pack(only_here / "NMNIST_1100.zip", train | test)
    part, first_of_part = load_nmnist(), load_nmnist(1, 1)
    assert part[0].source == "N-MNIST, its first 10 + 10 recordings"
    assert labels_of(part) == [list(range(10))] * 2
    assert part[0].numbers.tolist() == [7, 8, 9, 0, 1, 2, 3, 4, 5, 6], "files count from 1"
    pack(only_here / "NMNIST" / "Train.zip", train | {"Train/8/01001.bin": EVENT})
    pack(only_here / "NMNIST" / "Test.zip", test | {"Test/9/00101.bin": EVENT})
    whole, first_of_whole = load_nmnist(), load_nmnist(1, 1)
    assert whole[0].source == "N-MNIST, 11 + 11 of its recordings"
    assert labels_of(whole) == [[0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]]
    assert labels_of(first_of_part) == labels_of(first_of_whole) == [[3], [7]]
    assert {part.source for part in (*first_of_part, *first_of_whole)} == {"N-MNIST, its first 1 + 1 recordings"}
    assert labels_of(load_nmnist(1000, 100)) == labels_of(part)
