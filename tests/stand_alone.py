"""Really run lessons without what only checks or answers: `python noxfile.py -s stands -- [topic …]`.

Each lesson runs twice: without its claims, predictions and instructor's notes; and, besides, with the right answers
typed into the stubs and without the solutions below them, as a student has it who solved everything.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from course_utils.tools.views import notebook, tags
from tests.notebook_cells import TOPICS

CHECKS = {"claim", "predict", "instructor"}


def without_checks(lesson: NotebookNode) -> NotebookNode:
    """A lesson without the cells that only check."""
    lesson.cells = [cell for cell in lesson.cells if not CHECKS & tags(cell)]
    return lesson


def solved_by_hand(lesson: NotebookNode) -> NotebookNode:
    """The solutions stand in the stubs' cells, under the stubs' names, and nowhere else."""
    stub = None
    for cell in lesson.cells:
        if "exercise" in tags(cell):
            stub = cell
        elif "solution" in tags(cell):
            stub.source = re.sub(r"_solution\b", "", cell.source)
    lesson.cells = [cell for cell in lesson.cells if "solution" not in tags(cell)]
    return lesson


def run(lesson: NotebookNode, allow_errors: bool = False) -> float:
    """Run a lesson with a results folder of its own, keep its outputs in it, and return the seconds.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed, and errors are not allowed.
    """
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as mine:
        where = {"metadata": {"path": "notebooks"}}
        client = NotebookClient(lesson, kernel_name="python3", resources=where, allow_errors=allow_errors)
        client.execute(env=os.environ | {"COURSE_RESULTS": mine})
    return time.perf_counter() - begin


def main(topics: list[str]) -> None:
    """Run these lessons, or all, and exit with the number of runs that failed."""
    os.chdir(Path(__file__).resolve().parents[1])
    failed = 0
    for topic in topics or TOPICS:
        for what, change in {"no claims": lambda lesson: lesson, "solved by hand": solved_by_hand}.items():
            lesson = change(without_checks(nbformat.read(notebook(topic), as_version=4)))
            try:
                print(f"{topic}, {what}: {run(lesson):.0f} s", flush=True)
            except Exception as error:
                failed += 1
                print(f"{topic}, {what}: FAILED\n{error}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
