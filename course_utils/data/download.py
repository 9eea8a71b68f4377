"""Fetch one file: several mirrors, a pinned checksum, a progress bar, and no start from zero after an interruption."""

import hashlib
import http.client
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from course_utils.data.files import read_bytes

CHUNK_BYTES = 1 << 16
WAIT_S = 600  # for another process
_UNREACHABLE = urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError


class NotAvailable(OSError):
    """No mirror could be reached, or none had the right file."""


def sha256_of(path: Path) -> str:
    """The SHA-256 sum of a file's content, in hexadecimal."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def verify(path: Path, sha256: str) -> Path:
    """Return `path` if its content has this SHA-256 sum, else refuse it; the file is left as it is."""
    found = sha256_of(path)
    if found != sha256:
        raise ValueError(
            f"{path} is damaged or has been altered: its SHA-256 sum is {found}, the published one is {sha256}. "
            "Delete or replace this file, then run the cell again."
        )
    return path


def download(urls: Sequence[str], target: Path, sha256: str, *, timeout_s: float = 5.0) -> Path:
    """Fetch `target` from the first of these mirrors that delivers it whole; none may be silent longer than told.

    The bytes go to `<target>.part`. `target` appears only when its SHA-256 sum is the published one, so a file under
    its own name is always whole; a later call continues the `.part` file where the last one stopped. One process at a
    time: another one waits, and finds the file there.

    Raises:
        ValueError: `target` exists already, and is another file. It is left as it is.
        NotAvailable: no mirror delivered it, or the folder cannot be written; the message says what each one answered.
    """
    part = target.with_name(target.name + ".part")
    answers = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / ".lock", timeout=WAIT_S):
            if target.exists():
                return verify(target, sha256)
            for url in urls:
                try:
                    _fetch(url, part, timeout_s)
                except _UNREACHABLE as error:
                    answers.append(f"{url}: {error}")
                    continue
                if sha256_of(part) == sha256:
                    part.replace(target)
                    return target
                part.unlink()  # ours, and wrong from the start or wrongly continued: the next mirror begins anew
                answers.append(f"{url}: the content does not have the SHA-256 sum {sha256}")
    except Timeout:
        answers.append(f"another process has been fetching it for {WAIT_S} s")
    except OSError as error:
        answers.append(f"{target.parent} cannot be written: {error}")
    raise NotAvailable(f"{target.name} could not be downloaded.\n" + "\n".join(answers))


def _fetch(url: str, part: Path, timeout_s: float) -> None:
    """Append what is missing of `url` to `part`."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing; the checksum decides
        raise
    with answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0  # it begins anew
        said = answer.headers.get("Content-Length", "")
        expected = int(said) if said.isdecimal() else 0
        with (
            part.open("ab" if have else "wb") as file,
            tqdm.wrapattr(file, "write", total=expected or None, desc=part.stem, leave=False) as shown,
        ):
            shutil.copyfileobj(answer, shown, CHUNK_BYTES)
    if (received := part.stat().st_size - have) < expected:
        raise ConnectionError(f"the connection broke after {received} of {expected} bytes")
