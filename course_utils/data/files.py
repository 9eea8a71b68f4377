"""Files in and out: one writer, one reader of archives and folders, one opener of pictures.

What is written appears under its name only when it is whole. What is read is what was meant, or a `ValueError` says
which file, which part of it, and what to do.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape
from pathlib import Path

REMEDY = "Choose a folder in which you may write, or make room on the disk"
STALE_S = 3600.0  # what is half written for so long belongs to nobody any more


# --- out ------------------------------------------------------------------------------------------------------------


class CannotWrite(OSError):
    """A file or folder cannot be written: which one, why, and what to do."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever the system refuses in here is told in words, with the path, by `CannotWrite`."""
    try:
        yield
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror or error}. {REMEDY}.") from error


@contextmanager
def writing(path: str | os.PathLike) -> Iterator[Path]:
    """A place beside `path` for a file, or for a new folder; when all is well it takes the name.

        with writing(path) as part:
            part.write_text("…")

    Else what was there stays as it was. The place is the process's own, so two can write at once: the later one stays.

    Raises:
        CannotWrite: the folder cannot be made or written, the disk is full, or a folder has that name.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}.part")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "a folder has its name")
        try:
            yield part
            written = part.stat().st_mtime
            part.replace(path)
        finally:
            _remove(part)
        for left in path.parent.glob(f".{escape(path.name)}.*.part"):  # by a process that was killed while it wrote
            with suppress(OSError):
                if written - left.stat().st_mtime > STALE_S:
                    _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def try_to_write(folder: Path) -> None:
    """Refuse a folder, by `CannotWrite`, before hours of work that could not be kept there; it is made if missing."""
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))


@cache
def can_write(folder: Path) -> bool:
    """Whether something could be written into a folder, which need not exist yet. Nothing is left there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


# --- in -------------------------------------------------------------------------------------------------------------


def exists(path: Path) -> bool:
    """Whether there is something of that name; where one may not look, it is refused by a `ValueError`."""
    try:
        return path.exists()
    except OSError as error:
        raise ValueError(f"{path} cannot be looked at: {error.strerror or error}; choose another place") from error


def read_bytes(path: Path) -> bytes:
    """The content of a file; a folder, and what may not be read, is refused by a `ValueError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}. Replace it by a file of yours") from error
