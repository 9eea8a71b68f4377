"""The files of a zip archive or of a folder, read alike."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils.data.files import read_bytes

_TEXT = re.compile(r"(.*/)?(readme|licen[cs]e)[^/]*|.*\.(txt|md|pdf|html?|csv)", re.IGNORECASE)
_LEFT_BY_SYSTEMS = re.compile(r"(^|/)(__MACOSX/|\.[^/]*$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


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
