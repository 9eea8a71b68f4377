"""N-MNIST: the file format, damaged files, frames."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import events
from course_utils.data.download import NotAvailable
from course_utils.data.events import Events, decode, frames, load_nmnist

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


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (encode([(1, 2, 1, 3)])[:-1], "ends inside an event, at byte 4"),
        (encode([(1, 2, 1, 3), (34, 2, 1, 4)]), r"x 34, y 2 \(byte 5\)"),
        (encode([(1, 2, 1, 3), (3, 99, 1, 4)]), r"x 3, y 99 \(byte 5\)"),
        (encode([(1, 2, 1, 3), (1, 2, 0, 5), (1, 2, 0, 4)]), "at byte 10, from 5 to 4 µs"),
    ],
)
def test_damage_is_named_by_its_byte(data: bytes, words: str):
    with pytest.raises(ValueError, match=words):
        decode(data)


def test_frames_by_hand():
    made = frames(Events(*np.array([[0, 0, 1, 0], [5, 6, 0, 149_999], [5, 6, 0, 150_000], [33, 33, 1, 310_000]]).T), 2)
    assert made.shape == (2, 2, 34, 34)
    assert sorted(map(tuple, made.nonzero().tolist())) == [(0, 0, 0, 0), (0, 1, 6, 5), (1, 0, 33, 33), (1, 1, 6, 5)]
    with pytest.raises(ValueError, match="steps is 0"):
        frames(decode(b""), 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(events, "find", lambda name: path if (path := tmp_path / name).is_file() else None)
    return tmp_path


def pack(path: Path, **recordings: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in recordings.items():
            packed.writestr(name.replace("_", "/") + ".bin", data)


def test_a_part_of_the_set_and_then_the_whole(folder: Path):
    data = encode([(1, 2, 1, 3)])
    pack(folder / "NMNIST_1100.zip", Train_3_00001=data, Train_0_00002=data, Test_7_00001=data)
    train, test = load_nmnist()
    assert "1,000" in train.source
    assert train.labels.tolist() == [0, 3]
    assert test.labels.tolist() == [7]
    pack(folder / "NMNIST" / "Train.zip", Train_5_00001=data)
    pack(folder / "NMNIST" / "Test.zip", Test_9_00001=data)
    train, test = load_nmnist()
    assert (train.source, train.labels.tolist(), test.labels.tolist()) == ("N-MNIST", [5], [9])


def test_missing_and_damaged(folder: Path):
    with pytest.raises(NotAvailable, match="N-MNIST is neither"):
        load_nmnist()
    (folder / "NMNIST_1100.zip").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"NMNIST_1100\.zip is damaged"):
        load_nmnist()
    pack(folder / "NMNIST_1100.zip", Train_3_00001=b"1234")
    with pytest.raises(ValueError, match=r"Train/3/00001\.bin ends inside"):
        load_nmnist()
