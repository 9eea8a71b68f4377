"""What the tests of the lessons share: what a lesson writes out itself; figures in its style that do not stay open."""

import io
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import matplotlib.pyplot as plt
import pytest

from course_utils.classroom import plots
from tests import notebook_cells


@pytest.fixture(scope="module")
def lesson(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the lesson of this file's name defines where it teaches; also its solutions, if the file says SOLVED."""
    wanted = ["setup", "taught", *(["exercise", "solution"] if getattr(request.module, "SOLVED", False) else [])]
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return notebook_cells.run_cells(request.path.stem.removeprefix("test_"), *wanted)


@pytest.fixture(autouse=True)
def course_style_and_no_figure_stays_open() -> Iterator[None]:
    plots.use_course_style()
    yield
    plt.close("all")
