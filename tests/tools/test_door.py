"""At the door: versions of Python that are too old, and consoles that know few letters."""

import io
import runpy
import sys
from pathlib import Path

import pytest

from course_utils.tools import any_console

NOXFILE = Path(__file__).resolve().parents[2] / "noxfile.py"


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 10, 13)])
def test_an_older_python_hears_in_one_line_which_one_is_needed(version: tuple, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(NOXFILE))
    assert "needs Python 3.11, 3.12 or 3.13" in caught.value.code and "\n" not in caught.value.code


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_console_without_greek_letters_breaks_nothing_off(encoding: str, monkeypatch: pytest.MonkeyPatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr(sys, "stderr", console)
    any_console()
    print("τ = 10 ms")
    console.flush()
    assert console.buffer.getvalue().decode(encoding).split() == ["?", "=", "10", "ms"]
