"""Downloads from servers on this machine: whole, continued, wrong, cut off, dead, forbidden."""

import hashlib
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from course_utils.data.download import CHUNK_BYTES, NotAvailable, download, sha256_of, verify

CONTENT = np.random.default_rng(0).bytes(3 * CHUNK_BYTES + 1234)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


def visible(folder: Path) -> list[Path]:
    """What a person sees there; a hidden lock stays, so that the next one can take it."""
    return [path for path in folder.iterdir() if path.name != ".lock"]


def fetch(target: Path, *servers) -> None:
    """From mirrors that deliver it whole in the end."""
    assert download([server.url("set.gz") for server in servers], target, SHA256) == target
    assert target.read_bytes() == CONTENT
    assert visible(target.parent) == [target]  # no .part beside it


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
    fetch(target, server)
    assert server.sent == sent


@pytest.mark.parametrize("wrong", [b"<html>Please log in</html>", CONTENT[:-1] + b"\0", CONTENT + b"\0"])
def test_wrong_content_never_gets_the_name_and_the_next_mirror_is_tried(tmp_path: Path, mirror, wrong: bytes):
    bad, good = mirror({"set.gz": wrong}), mirror({"set.gz": CONTENT})
    with pytest.raises(NotAvailable, match="SHA-256"):
        download([bad.url("set.gz")] * 2, tmp_path / "set.gz", SHA256)
    assert visible(tmp_path) == []
    fetch(tmp_path / "set.gz", bad, good)
    assert (bad.sent, good.sent) == ([(200, len(wrong))] * 3, [(200, len(CONTENT))])


def test_the_next_mirror_or_call_continues_what_another_broke_off(tmp_path: Path, mirror):
    broken, good = mirror({"set.gz": CONTENT}, cut_after=HALF), mirror({"set.gz": CONTENT})
    fetch(tmp_path / "one call" / "set.gz", broken, good)
    target = tmp_path / "two calls" / "set.gz"
    with pytest.raises(NotAvailable, match="broke"):
        download([broken.url("set.gz")], target, SHA256)
    assert target.with_name("set.gz.part").read_bytes() == CONTENT[:HALF]
    assert not target.exists()
    fetch(target, good)
    assert good.sent == [(206, len(CONTENT) - HALF)] * 2


def test_dead_and_silent_mirrors_are_named_and_none_is_waited_for_longer_than_told(
    tmp_path: Path, mirror, dead_url: str, monkeypatch: pytest.MonkeyPatch
):
    waits, urlopen = [], urllib.request.urlopen

    def noted(request: urllib.request.Request, timeout: float):
        waits.append(timeout)
        return urlopen(request, timeout=timeout)

    monkeypatch.setattr(urllib.request, "urlopen", noted)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and says nothing
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}/set.gz"
        urls = [dead_url + "set.gz", mirror({}).url("set.gz"), silent_url, dead_url + "other.gz"]
        with pytest.raises(NotAvailable) as caught:
            download(urls, tmp_path / "set.gz", SHA256, timeout_s=0.2)
    assert waits == [0.2] * 4
    title, *answers = str(caught.value).splitlines()
    assert "set.gz could not be downloaded" in title
    assert all(line.startswith(url) for line, url in zip(answers, urls, strict=True))
    assert "404" in answers[1] and "timed out" in answers[2]
    assert visible(tmp_path) == []


def test_two_at_once_fetch_it_once(tmp_path: Path, mirror):
    server = mirror({"set.gz": CONTENT})
    with ThreadPoolExecutor(3) as several:
        list(several.map(lambda _: fetch(tmp_path / "set.gz", server), range(3)))
    assert server.sent == [(200, len(CONTENT))]


def test_what_is_in_the_way_is_named_and_left_alone(tmp_path: Path, mirror):
    server = mirror({"set.gz": CONTENT})
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ValueError, match="mine is damaged or has been altered"):
        download([server.url("set.gz")], tmp_path / "mine", SHA256)
    assert server.sent == []
    with pytest.raises(NotAvailable, match=r"mine.* cannot be written"):
        download([server.url("set.gz")], tmp_path / "mine" / "set.gz", SHA256)
    assert (tmp_path / "mine").read_text() == "mine"


def test_verify_returns_a_right_file_and_names_a_wrong_one(tmp_path: Path):
    file = tmp_path / "set.gz"
    file.write_bytes(CONTENT)
    assert sha256_of(file) == SHA256
    assert verify(file, SHA256) == file
    file.write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"set\.gz is damaged .*Delete or replace"):
        verify(file, SHA256)
    assert file.read_bytes() == CONTENT[:-1]
