"""Where data is looked for, and where what is made here goes.

Data: first the folder that `$COURSE_DATA` names, then the course's own `data/`. Results: the folder that
`$COURSE_RESULTS` names, else `data/results/mine/`. Where the course's folder cannot be written, both go to the user's.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

from course_utils.data.files import can_write

COURSE_ROOT = Path(__file__).resolve().parents[2]
DOWNLOADS = COURSE_ROOT / "data"


def named_folder(variable: str) -> Path | None:
    """The folder that an environment variable names, `~` expanded; None where it is not set, or empty."""
    named = os.environ.get(variable, "").strip()
    try:
        return Path(named).expanduser() if named else None
    except RuntimeError as error:
        raise ValueError(f"the environment variable {variable} is {named!r}, and here is no home folder") from error


def own_folder() -> Path:
    """The user's folder for what cannot be kept in the course's."""
    folder = Path(platformdirs.user_data_dir("seven-weeks-of-spikes", appauthor=False))
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / "seven-weeks-of-spikes"  # without a home


@cache
def _instead(folder: Path, what: str, name: str) -> Path:
    other = own_folder() / name
    print(f"{folder} cannot be written; {what} go to {other}.")
    return other


def downloads() -> Path:
    """Where downloads go: `data/` of the course, else of the user."""
    return DOWNLOADS if can_write(DOWNLOADS) else _instead(DOWNLOADS, "downloads", "data")


def results_folder() -> Path:
    """Where results go that are made here: see above."""
    own = DOWNLOADS / "results" / "mine"
    return named_folder("COURSE_RESULTS") or (own if can_write(own) else _instead(own, "your results", "results"))
