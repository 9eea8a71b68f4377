"""Files in and out: archives with other layouts, pictures of other kinds, a writer that loses nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.data import files, locate, search
from course_utils.data.events import load_nmnist
from course_utils.data.files import CannotWrite, try_to_write, writing
from course_utils.data.saccades import load_event_digits
from course_utils.data.stripe_folder import StripeFolder
from course_utils.data.vehicles import load_vehicles
from tests.archives import EVENT, pack, photographs, recordings

LEFT = {"__MACOSX/Train/3/._00001.bin": b"", ".DS_Store": b"", "Train/3/._00001.bin": b"junk", "README.txt": b"hello"}

# --- archives: understood … -----------------------------------------------------------------------------------------

RENAMED = {
    "one folder deeper": "N-MNIST/{}".format,
    "two folders deeper": "my data/ü/{}".format,
    "packed on Windows": lambda name: f"N-MNIST/{name}".replace("/", "\\"),
    "in lower case": str.lower,
    "in upper case": str.upper,
}


@pytest.mark.parametrize("rename", RENAMED.values(), ids=RENAMED)
def test_other_layouts_are_understood(only_here: Path, rename: Callable[[str], str]):
    pack(only_here / "NMNIST_1100.zip", recordings(rename) | LEFT)
    pack(only_here / "caltech101_vehicles.zip", photographs(rename) | LEFT)
    for part in load_nmnist():
        assert part.source == "N-MNIST, its first 10 + 10 recordings"
        assert part.labels.tolist() == part.numbers.tolist() == list(range(10))
        assert [one.time_us.tolist() for one in part.events] == [[9]] * 10
    found = load_vehicles()
    assert (found.source, found.labels.tolist()) == ("Caltech-101, 2 + 2 of its photographs", [0, 0, 1, 1])


def test_unpacked_archives_are_understood(only_here: Path):
    content = recordings(lambda name: f"NMNIST/{name}") | LEFT
    for name, data in content.items():
        (only_here / name).parent.mkdir(parents=True, exist_ok=True)
        (only_here / name).write_bytes(data)
    assert [part.source for part in load_nmnist()] == ["N-MNIST, its first 10 + 10 recordings"] * 2


# --- … or refused, with archive, file and layout ----------------------------------------------------------------------

BAD_RECORDINGS = {
    "nothing": ({}, "holds no train recording of 0, 1, 2"),
    "no test recordings": ({n: d for n, d in recordings().items() if "Train" in n}, "holds no test recording"),
    "a digit missing": ({n: d for n, d in recordings().items() if "/7/" not in n}, "no train recording of 7"),
    "a folder 12": (recordings() | {"Train/12/00099.bin": EVENT}, "Train/12/00099.bin, which is not where"),
    "abc.bin": (recordings() | {"Train/3/abc.bin": EVENT}, "Train/3/abc.bin, which is not where"),
    "another ending": (recordings() | {"Train/3/00099.bim": EVENT}, "Train/3/00099.bim, which is not where"),
    "a number twice": (recordings() | {"Train/3/00001.bin": EVENT}, "given once"),
    "twice the set": (recordings() | recordings("copy/{}".format), "given once"),
    "number 0": (recordings() | {"Test/3/00000.bin": EVENT}, "begin at 1"),
    "an empty recording": (recordings() | {"Train/3/00004.bin": b""}, "Train/3/00004.bin holds no event"),
    "half an event": (recordings() | {"Train/3/00004.bin": EVENT[:3]}, "Train/3/00004.bin ends inside an event"),
}
BAD_PHOTOGRAPHS = {
    "nothing": ({}, "no photograph in a folder Motorbikes"),
    "a class missing": ({n: d for n, d in photographs().items() if "air" not in n}, "in a folder airplanes"),
    "another class": (photographs() | {"cars/image_0001.jpg": b""}, "cars/image_0001.jpg, which is not where"),
    "twice the set": (photographs() | photographs("copy/{}".format), "holds one photograph twice"),
    "no picture": (photographs() | {"airplanes/image_0003.jpg": b"GIF?"}, "airplanes/image_0003.jpg is damaged"),
    "a text": (photographs() | {"airplanes/a.jpg": b""}, "airplanes/a.jpg is damaged"),
}


@pytest.mark.parametrize(("content", "words"), BAD_RECORDINGS.values(), ids=BAD_RECORDINGS)
def test_an_archive_of_recordings_that_does_not_fit_is_refused(only_here: Path, content: dict, words: str):
    pack(only_here / "NMNIST_1100.zip", content)
    for load in (load_nmnist, load_event_digits):  # the lesson's loader falls back to nothing else
        with pytest.raises(ValueError, match=rf"NMNIST_1100\.zip.*{words}"):
            load()


@pytest.mark.parametrize(("content", "words"), BAD_PHOTOGRAPHS.values(), ids=BAD_PHOTOGRAPHS)
def test_an_archive_of_photographs_that_does_not_fit_is_refused(only_here: Path, content: dict, words: str):
    pack(only_here / "caltech101_vehicles.zip", content)
    with pytest.raises(ValueError, match=rf"caltech101_vehicles\.zip.*{words}"):
        load_vehicles()


def test_what_looks_like_the_data_and_is_not_used_is_named(only_here: Path, capsys):
    pack(only_here / "nmnist_1100 (1).zip", recordings())
    pack(only_here / "my data" / "caltech101_vehicles.zip", photographs())
    (only_here / "MNIST").mkdir()
    (only_here / "MNIST" / "train-images-idx3-ubyte").write_bytes(b"unpacked")
    locate_said = search.seen_instead("MNIST/raw/train-images-idx3-ubyte.gz")
    assert "train-images-idx3-ubyte (expected: MNIST/raw/train-images-idx3-ubyte.gz)" in locate_said
    with pytest.raises(OSError, match=r"Found, but not used: .*nmnist_1100 \(1\)\.zip \(expected: NMNIST_1100\.zip\)"):
        load_nmnist()
    assert load_vehicles().source == "drawn silhouettes"
    assert "caltech101_vehicles.zip (expected: caltech101_vehicles.zip)" in capsys.readouterr().out


# --- pictures ---------------------------------------------------------------------------------------------------------

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16)
SIXTEEN = Image.fromarray(LEVELS.astype(np.uint16) * 257)
PALETTE = Image.fromarray(LEVELS)
PALETTE.putpalette([level for level in range(256) for _ in range(3)])
SEEN = {
    "16 bits": SIXTEEN,
    "palette": PALETTE,
    "colour": Image.merge("RGB", [Image.fromarray(LEVELS)] * 3),
    "opaque": Image.merge("LA", [Image.fromarray(LEVELS), Image.new("L", (16, 16), 255)]),
}


@pytest.mark.parametrize("image", SEEN.values(), ids=SEEN)
def test_pictures_of_other_kinds_are_scaled_to_grey(tmp_path: Path, image: Image.Image):
    image.save(tmp_path / "0_0.PNG")
    (tmp_path / "._0_0.png").write_bytes(b"left by macOS")
    ((read, label),) = StripeFolder(tmp_path)
    assert (read.mode, label) == ("L", 0) and np.array_equal(np.asarray(read), LEVELS)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_transparent_picture_and_one_of_another_size_are_refused(tmp_path: Path, mode: str):
    Image.new("L", (16, 16)).save(tmp_path / "0_0.png")
    Image.new("LA", (16, 16), (0, 100)).convert(mode).save(tmp_path / "1_0.png")
    Image.new("L", (16, 17)).save(tmp_path / "2_0.png")
    folder = StripeFolder(tmp_path)
    assert folder[0][0].size == (16, 16)
    with pytest.raises(ValueError, match=r"1_0\.png is transparent in places"):
        folder[1]
    with pytest.raises(ValueError, match=r"2_0\.png has 16×17 pixels, where others have 16×16"):
        folder[2]


# --- out --------------------------------------------------------------------------------------------------------------


def test_a_writing_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    for error, seen in ((OSError(28, "No space left on device"), CannotWrite), (ValueError("x"), ValueError)):
        with pytest.raises(seen) as caught, writing(path) as part:
            part.write_text("half")
            raise error
        if seen is CannotWrite:
            assert f"{path} cannot be written: No space left on device. Choose a folder" in str(caught.value)
        assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(CannotWrite, match="a folder has its name"), writing(tmp_path):
        pass
    with pytest.raises(CannotWrite, match=r"a\.txt.*cannot be written"), writing(path / "b"):
        pass


def test_two_writers_at_once_and_what_a_killed_one_left(tmp_path: Path):
    path, left, fresh = tmp_path / "a.txt", tmp_path / ".a.txt.1-aaaaaa.part", tmp_path / ".a.txt.2-bbbbbb.part"
    left.write_text("half")
    os.utime(left, (1, 1))
    fresh.write_text("another process is at it")
    with writing(path) as one, writing(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one", "the later one stays"
    assert sorted(tmp_path.iterdir()) == [fresh, path]


def test_results_go_where_they_can_be_written_and_a_line_says_so(tmp_path: Path, monkeypatch, capsys):
    course, user = tmp_path / "course" / "data", tmp_path / "user" / "ü x"
    course.mkdir(parents=True)
    monkeypatch.setattr(locate, "DOWNLOADS", course)
    monkeypatch.setattr(locate, "own_folder", lambda: user)
    monkeypatch.delenv("COURSE_RESULTS", raising=False)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert (locate.results_folder(), locate.downloads()) == (course / "results" / "mine", course)
    monkeypatch.setattr(locate, "can_write", lambda folder: course not in (folder, *folder.parents))
    for _ in range(2):
        assert (locate.results_folder(), locate.downloads()) == (user / "results", user / "data")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and str(user / "results") in said[0] and str(user / "data") in said[1], "each once"
    (user / "data").mkdir(parents=True)
    assert search.data_folders() == [course, user / "data"]
    monkeypatch.setenv("COURSE_RESULTS", "  ")
    assert locate.results_folder() == user / "results", "empty is unset"


def test_whether_a_folder_can_be_written_is_tried_beforehand(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    try_to_write(tmp_path / "new" / "deep")
    assert not list((tmp_path / "new" / "deep").iterdir())
    with pytest.raises(CannotWrite, match="cannot be written"):
        try_to_write(tmp_path / "file")
    assert files.can_write(tmp_path / "not" / "there") and not (tmp_path / "not").exists()
