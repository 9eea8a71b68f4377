"""Downloads from servers on this machine: whole, continued, wrong, cut off, dead, forbidden."""

import hashlib
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from course_utils.data.download import CHUNK_BYTES, NotAvailable, download, md5_of, verify

CONTENT = np.random.default_rng(0).bytes(3 * CHUNK_BYTES + 1234)
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
HALF = len(CONTENT) // 2


def assert_whole(target: Path) -> None:
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]  # no .part beside it


@pytest.mark.parametrize(
    ("part", "ranges", "sent"),
    [
        (None, True, [(200, len(CONTENT))]),
        (HALF, True, [(206, len(CONTENT) - HALF)]),
        (len(CONTENT), True, []),
        (HALF, False, [(200, len(CONTENT))]),
    ],
    ids=["into a new folder", "only the rest", "nothing is missing", "a server that cannot continue starts over"],
)
def test_a_whole_file_arrives(tmp_path: Path, mirror, part: int | None, ranges: bool, sent: list):
    server = mirror({"set.gz": CONTENT}, ranges=ranges)
    target = tmp_path / "deep" / "down" / "set.gz"
    if part is not None:
        target.parent.mkdir(parents=True)
        target.with_name("set.gz.part").write_bytes(CONTENT[:part])
    assert download([server.url("set.gz")], target, MD5) == target
    assert_whole(target)
    assert server.sent == sent


@pytest.mark.parametrize("wrong", [b"<html>Please log in</html>", CONTENT[:-1] + b"\0", CONTENT + b"\0"])
def test_wrong_content_is_thrown_away_and_the_next_mirror_tried(tmp_path: Path, mirror, wrong: bytes):
    bad, good = mirror({"set.gz": wrong}), mirror({"set.gz": CONTENT})
    download([bad.url("set.gz"), good.url("set.gz")], tmp_path / "set.gz", MD5)
    assert_whole(tmp_path / "set.gz")
    assert (bad.sent, good.sent) == ([(200, len(wrong))], [(200, len(CONTENT))])


def test_wrong_content_everywhere_never_gets_the_name(tmp_path: Path, mirror):
    bad = mirror({"set.gz": b"something else"})
    with pytest.raises(NotAvailable, match="MD5"):
        download([bad.url("set.gz")] * 2, tmp_path / "set.gz", MD5)
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_continues_what_another_broke_off(tmp_path: Path, mirror):
    broken, good = mirror({"set.gz": CONTENT}, cut_after=HALF), mirror({"set.gz": CONTENT})
    download([broken.url("set.gz"), good.url("set.gz")], tmp_path / "set.gz", MD5)
    assert_whole(tmp_path / "set.gz")
    assert good.sent == [(206, len(CONTENT) - HALF)]


def test_a_second_call_continues_what_the_first_broke_off(tmp_path: Path, mirror):
    server = mirror({"set.gz": CONTENT}, cut_after=HALF)
    with pytest.raises(NotAvailable, match="broke"):
        download([server.url("set.gz")], tmp_path / "set.gz", MD5)
    assert (tmp_path / "set.gz.part").read_bytes() == CONTENT[:HALF]
    assert not (tmp_path / "set.gz").exists()
    server.cut_after = None
    download([server.url("set.gz")], tmp_path / "set.gz", MD5)
    assert_whole(tmp_path / "set.gz")


def test_dead_mirrors_are_named_quickly(tmp_path: Path, mirror, dead_url: str):
    empty = mirror({})
    urls = [dead_url + "set.gz", empty.url("set.gz"), dead_url + "other.gz"]
    start = time.perf_counter()
    with pytest.raises(NotAvailable) as caught:
        download(urls, tmp_path / "set.gz", MD5)
    assert time.perf_counter() - start < 2
    lines = str(caught.value).splitlines()
    assert "set.gz could not be downloaded" in lines[0]
    assert all(line.startswith(url) for line, url in zip(lines[1:], urls, strict=True))
    assert "404" in lines[2]
    assert list(tmp_path.iterdir()) == []


def test_a_silent_mirror_is_given_up(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and says nothing
        start = time.perf_counter()
        with pytest.raises(NotAvailable, match="timed out"):
            download([f"http://127.0.0.1:{silent.getsockname()[1]}/set.gz"], tmp_path / "set.gz", MD5, timeout_s=0.2)
    assert time.perf_counter() - start < 2


def test_an_existing_file_is_left_alone(tmp_path: Path, mirror):
    server = mirror({"set.gz": CONTENT})
    (tmp_path / "set.gz").write_text("mine")
    with pytest.raises(FileExistsError, match=r"set\.gz exists already"):
        download([server.url("set.gz")], tmp_path / "set.gz", MD5)
    assert (tmp_path / "set.gz").read_text() == "mine"
    assert server.sent == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, mirror):
    server = mirror({"set.gz": CONTENT})
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(NotAvailable, match=r"file\.txt.* cannot be written"):
        download([server.url("set.gz")], tmp_path / "file.txt" / "set.gz", MD5)
    assert (tmp_path / "file.txt").read_text() == "mine"


def test_verify_returns_a_right_file_and_names_a_wrong_one(tmp_path: Path):
    file = tmp_path / "set.gz"
    file.write_bytes(CONTENT)
    assert md5_of(file) == MD5
    assert verify(file, MD5) == file
    file.write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"set\.gz is damaged .*Delete or replace"):
        verify(file, MD5)
    assert file.read_bytes() == CONTENT[:-1]
