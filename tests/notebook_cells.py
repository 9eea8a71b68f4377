"""What the tests need of the notebooks: their cells by tag, and running some of them."""

from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils.tools.views import LESSONS, notebook, tags

ALL = sorted(LESSONS.glob("[0-9]*.ipynb"))
TOPICS = [path.stem[3:] for path in ALL]


def read(topic: str) -> NotebookNode:
    """The notebook about this topic, whatever its number."""
    return nbformat.read(notebook(topic), as_version=4)


def cells(lesson: str, tag: str) -> list[NotebookNode]:
    """The lesson's cells that carry this tag, in order."""
    return [cell for cell in read(lesson).cells if tag in tags(cell)]


def run_cells(lesson: str, *wanted: str, namespace: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run the code cells that carry one of these tags, and return what they define."""
    namespace = {} if namespace is None else namespace
    for cell in read(lesson).cells:
        if cell.cell_type == "code" and tags(cell) & set(wanted):
            exec(compile(cell.source, f"{lesson}, {cell.id}", "exec"), namespace)
    return namespace
