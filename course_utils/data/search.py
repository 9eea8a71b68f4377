"""Where data is looked for.

First the folder that `$COURSE_DATA` names, then the course's own `data/`, then the user's.
"""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from course_utils.data import locate
from course_utils.data.files import exists


def data_folders() -> list[Path]:
    """The folders to search, in order; a `$COURSE_DATA` that names no folder is refused by a `ValueError`."""
    named = locate.named_folder("COURSE_DATA")
    if named is not None and not (exists(named) and named.is_dir()):
        raise ValueError(
            f"the environment variable COURSE_DATA is {os.environ['COURSE_DATA']!r}, which is not a folder. "
            "Correct it, or unset it to use the course's own folder data/."
        )
    own = locate.own_folder() / "data"
    return [*([named] if named else []), locate.DOWNLOADS, *([own] if own.is_dir() else [])]


def find(relative: str | Path, *, folders: bool = False) -> Path | None:
    """The first existing file of that relative name in the data folders, or None. `folders` takes a folder, too.

    What has that name and is no file, or may not be looked at, is refused by a `ValueError`.
    """
    for folder in data_folders():
        path = folder / relative
        try:
            if path.is_file() or (folders and path.is_dir()):
                return path
            taken = path.exists() or path.is_symlink()
        except OSError as error:
            raise ValueError(f"{path} cannot be looked at: {error.strerror}; give yourself the right to") from error
        if taken:
            raise ValueError(f"{path} is no file, and a file of that name is expected there; move it away")
    return None


def seen_instead(*relatives: str | Path) -> str:
    """Of files that were not found: what in the data folders looks like them, in a sentence, or an empty text."""
    wanted = {_plain(Path(relative).name): relative for relative in relatives}
    found = [f"{path} (expected: {wanted[_plain(path.name)]})" for path in _near() if _plain(path.name) in wanted]
    return f" Found, but not used: {', '.join(found[:4])}." if found else ""


def _near() -> Iterator[Path]:
    """What lies in the data folders, three deep; a file server may hold more than anybody wants to wait for."""
    for folder in data_folders():
        walk = ((Path(here), [*inside, *files], inside) for here, inside, files in os.walk(folder))
        for here, names, inside in islice(walk, 2000):
            yield from (here / name for name in names[:2000])
            if len(here.relative_to(folder).parts) >= 2:
                inside.clear()


def _plain(name: str) -> str:
    """A file's name without what copies, systems and unpackers change in it."""
    name = re.sub(r"\s*\(\d+\)|^copy of | - copy|^\._", "", name.lower())
    return re.sub(r"[^a-z0-9]", "", re.sub(r"(\.(zip|gz|npz|tar|txt|part|download))+$", "", name))
