"""Files in and out: one writer, one reader of archives and folders, one opener of pictures.

What is written appears under its name only when it is whole. What is read is what was meant, or a `ValueError` says
which file, which part of it, and what to do.
"""

import io
import os
import re
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

REMEDY = "Choose a folder in which you may write, or make room on the disk"
STALE_S = 3600.0  # what is half written for so long belongs to nobody any more
_TEXT = re.compile(r"(.*/)?(readme|licen[cs]e)[^/]*|.*\.(txt|md|pdf|html?|csv)", re.IGNORECASE)
_LEFT_BY_SYSTEMS = re.compile(r"(^|/)(__MACOSX/|\.[^/]*$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


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


class Pack:
    """The files of a zip archive or of a folder, without what systems leave there (`__MACOSX`, `._…`, `.DS_Store`).

    What is damaged, or cannot be read, or holds a name twice is refused by a `ValueError` that names the file.

    Attributes:
        path: of the archive or folder.
        names: of the files, sorted, parted by "/" wherever they were packed.
    """

    def __init__(self, path: Path):
        self.path = path
        with self._damage():
            if path.is_dir():
                found = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
            else:
                with zipfile.ZipFile(path) as packed:
                    found = [info.filename for info in packed.infolist() if not info.is_dir()]
            files = [name for name in found if not _LEFT_BY_SYSTEMS.search(name.replace("\\", "/"))]
            self._real = {name.replace("\\", "/"): name for name in files if not name.endswith("\\")}
        self.names = sorted(self._real)
        if len(set(files)) < len(files):
            twice = next(name for name in files if files.count(name) > 1)
            raise ValueError(f"{path} holds {twice} twice; fetch it again")

    def placed(self, place: re.Pattern, layout: str) -> Iterator[tuple[str, re.Match]]:
        """The files that lie where they belong, with what the pattern found; only texts may lie elsewhere."""
        for name in self.names:
            if found := place.fullmatch(name):
                yield name, found
            elif not (self.path.is_dir() or _TEXT.fullmatch(name)):
                raise ValueError(f"{self.path} holds {name}, which is not where it belongs; expected are {layout}")

    def contents(self, names: list[str]) -> Iterator[bytes]:
        """What these files hold, one after the other."""
        if self.path.is_dir():
            yield from (read_bytes(self.path / self._real[name]) for name in names)
            return
        with self._damage():
            packed = zipfile.ZipFile(self.path)
        with packed:
            for name in names:
                with self._damage(f": {name}"):
                    data = packed.read(self._real[name])
                yield data

    @contextmanager
    def _damage(self, member: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:  # zipfile raises whatever it stumbles over: zlib.error, EOFError, RuntimeError …
            why = str(error) or type(error).__name__
            raise ValueError(f"{self.path}{member} is damaged or cannot be read ({why}); fetch it again") from error


def picture(name: str, data: bytes) -> Image.Image:
    """One undamaged picture from the bytes of a file, upright. `name` is for the message of a `ValueError`."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()  # the checksums of a PNG; without them PIL reads some altered pixels as if they were right
        with Image.open(io.BytesIO(data)) as image:
            count = getattr(image, "n_frames", 1)
            image.load()
            image = ImageOps.exif_transpose(image)
    except Exception as error:  # PIL reports broken files as OSError, SyntaxError, ValueError, struct.error …
        raise ValueError(f"{name} is damaged ({error}). Replace it, or write the set anew.") from error
    if count > 1:
        raise ValueError(f"{name} holds {count} pictures; it must hold one")
    return image


def grey(name: str, image: Image.Image) -> Image.Image:
    """A picture in 8-bit grey (mode L); 16 bits are scaled; what is transparent or holds no grey levels is refused."""
    if image.mode.startswith("I"):  # Pillow would clip them
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise ValueError(f"{name} has grey levels from {levels.min()} to {levels.max()}; save it with 8 or 16 bits")
        return Image.fromarray((levels / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise ValueError(f"{name} has mode F, numbers that are no grey levels; save it with 8 or 16 bits")
    if image.has_transparency_data:  # what is seen depends on what lies behind
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:
            raise ValueError(f"{name} is transparent in places (an alpha channel); save it without transparency")
        image = image.convert("RGB")
    return image.convert("L")
