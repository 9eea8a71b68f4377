"""What the tests of data share."""

from pathlib import Path

import pytest

from course_utils.data import locate


@pytest.fixture
def only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the only one where data is looked for."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(locate, "DOWNLOADS", tmp_path)
    return tmp_path
