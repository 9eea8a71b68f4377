"""Where data is looked for: first the folder that `$COURSE_DATA` names, then the course's own `data/`."""

import os
from pathlib import Path

COURSE_ROOT = Path(__file__).resolve().parents[2]
DOWNLOADS = COURSE_ROOT / "data"


def data_folders() -> list[Path]:
    """The folders to search, in order.

    Raises:
        ValueError: `$COURSE_DATA` is set but names no folder.
    """
    named = os.environ.get("COURSE_DATA")
    if not named:
        return [DOWNLOADS]
    if not Path(named).is_dir():
        raise ValueError(
            f"the environment variable COURSE_DATA is {named!r}, which is not a folder. "
            "Correct it, or unset it to use the course's own folder data/."
        )
    return [Path(named), DOWNLOADS]


def find(relative: str | Path) -> Path | None:
    """The first existing file of that relative name in the data folders, or None."""
    return next((folder / relative for folder in data_folders() if (folder / relative).is_file()), None)
