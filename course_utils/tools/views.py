"""One source, many views: a lesson for the student, for the instructor, as slides, for Colab, and as it is committed.

A view is derived from the tags of a notebook's cells; TAGS says what each tag means. Sections, which begin with a
`##` heading, carry their length in the heading cell's metadata: {"course": {"minutes": 8}}; one with
"skip_if_short": true is left for home. The first section of another sitting carries its number, too:
{"minutes": 2, "sitting": 2}.
"""

import argparse
import copy
import hashlib
import json
import os
import re
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from course_utils.data.files import CannotWrite, naming, writing
from course_utils.data.locate import COURSE_ROOT
from course_utils.tools import any_console
from course_utils.training.ledger import SHIPPED

LESSONS = COURSE_ROOT / "notebooks"
MINE = COURSE_ROOT / "my_course"  # a student's own copies


def notebook(topic: str) -> Path:
    """The one lesson about this topic, such as "li_readout", whatever number its file carries today."""
    found = sorted(LESSONS.glob(f"[0-9][0-9]_{topic}.ipynb"))
    if len(found) != 1:
        raise ValueError(f"topic is {topic!r}; {LESSONS} holds {len(found)} notebooks NN_{topic}.ipynb, one is needed")
    return found[0]


TAGS = {
    "setup": "imports and settings; the tests of the widgets run these cells first",
    "widget": "shows a widget and trains nothing",
    "predict": "asks for a guess before a figure is shown",
    "claim": "asserts what the text says; folded for students",
    "figure": "draws more than it teaches; folded for students",
    "taught": "derives what course_utils offers later; a test holds the two equal",
    "exercise": "a stub and its check",
    "solution": "solves the exercise above it; folded for students",
    "instructor": "expected answers and misconceptions; not for students",
    "slide": "begins a slide",
    "subslide": "begins a slide below the one before it",
    "fragment": "appears on the slide at a key press",
    "nbval-check-output": "the output is compared with the committed one",
}
SLIDE_TYPES = ("slide", "subslide", "fragment")
MEASURED = re.compile(r"(?<=measured run time: )\d+ s")
FIRST_IN_COLAB = """\
# For Colab: fetches the course, installs what Colab lacks, and says what is not as it is elsewhere.
!test -d /content/course || git clone --quiet --depth 1 {repository} /content/course
%cd -q /content/course/notebooks
%run ../course_utils/tools/colab.py"""
WIDGET = "application/vnd.jupyter.widget-view+json"


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def sections(notebook: NotebookNode) -> list[tuple[NotebookNode, int, bool]]:
    """The heading cells that carry minutes, each with its minutes and whether it is left for home."""
    marked = [(cell, cell.metadata.get("course", {})) for cell in notebook.cells]
    return [(cell, mark["minutes"], mark.get("skip_if_short", False)) for cell, mark in marked if "minutes" in mark]


def class_minutes(notebook: NotebookNode) -> list[int]:
    """How many minutes of class a lesson takes, for each of its sittings; what is left for home does not count."""
    sittings = [0]
    for cell, minutes, home in sections(notebook):
        if "sitting" in cell.metadata.course:
            sittings.append(0)
        sittings[-1] += 0 if home else minutes
    return sittings


def student(notebook: NotebookNode) -> NotebookNode:
    """Without the instructor's cells and without outputs; claims, solutions and the code of figures folded."""
    view = copy.deepcopy(notebook)
    view.cells = [cell for cell in view.cells if "instructor" not in tags(cell)]
    for cell in view.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "solution" in tags(cell):
            _fold(cell, True)
        elif tags(cell) & {"claim", "figure"}:
            cell.metadata["jupyter"] = {"source_hidden": True}  # a claim that fails, and a figure, are seen
    return view


def instructor(notebook: NotebookNode) -> NotebookNode:
    """With a plan for the class at the top, minute marks at every section, notes and solutions open."""
    view = copy.deepcopy(notebook)
    plan, minute = ["| minute | section |", "|---|---|"], 0
    for cell, minutes, home in sections(view):
        heading, _, rest = cell.source.partition("\n")
        if number := cell.metadata.course.get("sitting"):
            plan.append(f"| | **Sitting {number}** |")
            minute = 0
        when = f"at home, {minutes} minutes" if home else f"{minute} to {minute + minutes}"
        plan.append(f"| {when} | {heading.lstrip('# ')} |")
        cell.source = f"{heading}\n\n*{f'Minute {when}' if not home else when.capitalize()}.*\n{rest}"
        minute += 0 if home else minutes
    whole, taken = sum(minutes for _, minutes, _ in sections(view)), class_minutes(view)
    text = f"{' + '.join(map(str, taken))} minutes in class, {whole - sum(taken)} at home."
    text = f"## Plan for the instructor\n\n{text}\n\n" + "\n".join(plan)
    view.cells.insert(1, nbformat.v4.new_markdown_cell(text, id="instructor-plan"))
    for cell in view.cells:
        if "instructor" in tags(cell):
            cell.source = cell.source.replace("<details>", "<details open>")
        if "solution" in tags(cell):
            _fold(cell, False)
    return view


def slides(notebook: NotebookNode) -> NotebookNode:
    """For RISE: the tagged cells are slides, and so are questions and sliders; a stub stands below its exercise.

    Every other cell still runs, but is not shown.
    """
    view = copy.deepcopy(notebook)
    for cell in view.cells:
        kind = next((kind for kind in SLIDE_TYPES if kind in tags(cell)), "skip")
        if kind == "skip" and tags(cell) & {"predict", "widget"}:
            kind = "subslide"
        if kind == "skip" and "exercise" in tags(cell):
            kind = "-"  # on the slide before it
        cell.metadata["slideshow"] = {"slide_type": kind}
    view.metadata["rise"] = {"scroll": True, "transition": "none"}
    return view


def colab(notebook: NotebookNode) -> NotebookNode:
    """As a student has it, behind a cell that fetches the course from COURSE_REPOSITORY and what Colab lacks."""
    view = student(notebook)
    code = FIRST_IN_COLAB.format(repository=os.environ["COURSE_REPOSITORY"])
    view.cells.insert(0, nbformat.v4.new_code_cell(code, id="colab"))
    return view


def committed(notebook: NotebookNode) -> NotebookNode:
    """As a lesson is kept: its outputs, less what belongs to the session that made them.

    A widget's place is taken by the picture or text that it brings along for pages without widgets.
    """
    view = copy.deepcopy(notebook)
    for cell in view.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_without_widget, cell.outputs) if output is not None]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "version": "3.11"}
    view.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": language})
    return view


def render(path: Path) -> float:
    """Run a lesson from top to bottom, write its outputs and its run time into it, and return the seconds.

    The records that it writes become the shipped ones. The pictures of its explorers are kept beside it for the site.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed. The file is left as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    begin = time.perf_counter()
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel(env=os.environ | {"COURSE_RESULTS": str(SHIPPED)}):
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        seconds = time.perf_counter() - begin
        _export_explorers(client, path.parent / "explorers" / path.stem[3:])
    view = committed(notebook)
    view.cells[0].source = MEASURED.sub(f"{seconds:.0f} s", view.cells[0].source)
    _write(view, path)
    return seconds


VIEWS = {view.__name__: view for view in (student, instructor, slides)}


def write_view(name: str, lessons: list[Path], folder: Path) -> tuple[list[Path], list[Path]]:
    """Write one view of these lessons into a folder: what was written, and what was kept and is outdated by now.

    A notebook that is there already is kept if there is anything in it that was not written here: an answer, an
    output, a note.
    """
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written, outdated = [], []
    for lesson in lessons:
        make = colab if name == "colab" else VIEWS[name]  # the only one with a cell of its own, and with an address
        view, path = make(nbformat.read(lesson, as_version=4)), folder / lesson.name
        view.metadata["course"] = {"written_as": _digest(view)}
        begun, stamp = _stamp(path)
        if stamp == _digest(view):
            continue
        if path.exists() and begun:
            outdated.append(path)
        else:
            _write(view, path)
            written.append(path)
    return written, outdated


def main(arguments: list[str] | None = None) -> None:
    """Command line: `course-view student|instructor|slides|colab|render [lesson …] [--to folder]`."""
    any_console()
    parser = argparse.ArgumentParser(prog="course-view", description=__doc__.partition("\n")[0])
    parser.add_argument("view", choices=[*VIEWS, "colab", "render"])
    parser.add_argument("lessons", nargs="*", help="topics such as li_readout; all if none is given")
    parser.add_argument("--to", type=Path, help="where to write, if not to my_course or views/<view>")
    options = parser.parse_args(arguments)
    try:  # a name of a file is a topic, too, behind its number
        lessons = [notebook(re.sub(r"^\d\d_", "", Path(name).stem)) for name in options.lessons]
    except ValueError as error:
        parser.error(str(error))
    lessons = lessons or sorted(LESSONS.glob("[0-9]*.ipynb"))
    if options.view == "render":
        for lesson in lessons:
            print(f"{lesson.stem}: {render(lesson):.0f} s")
        return
    if options.view == "colab" and not os.environ.get("COURSE_REPOSITORY"):
        parser.error("the environment variable COURSE_REPOSITORY names where the course is published; it is not set")
    folder = options.to or (MINE if options.view == "student" else COURSE_ROOT / "views" / options.view)
    try:
        written, outdated = write_view(options.view, lessons, folder)
    except CannotWrite as error:
        parser.error(str(error))
    print(f"{len(written)} lessons written to {folder}; what you wrote there stays as it is.")
    if outdated:
        names = ", ".join(path.stem for path in outdated)
        print(f"Changed since you began: {names}. Rename yours, and the next call puts the new one beside it.")


def _export_explorers(client: NotebookClient, folder: Path) -> None:
    """Has the kernel of a lesson that has run write the pictures of its widgets."""
    widgets = (
        (cell.id, output.get("data", {}).get(WIDGET)) for cell in client.nb.cells for output in cell.get("outputs", [])
    )
    shown = {widget["model_id"]: cell for cell, widget in widgets if widget}
    if not shown:
        return
    call = f"export({shown}, Path({str(folder)!r}))"
    code = "from pathlib import Path\nfrom course_utils.tools.explorers import export\n" + call
    client.nb.cells.append(cell := nbformat.v4.new_code_cell(code))
    client.execute_cell(cell, len(client.nb.cells) - 1)
    client.nb.cells.pop()
    for output in cell.outputs:
        print(output.get("text", ""), end="")


def _write(view: NotebookNode, path: Path) -> None:
    with writing(path) as part:
        nbformat.write(view, part)


def _digest(notebook: NotebookNode) -> str:
    return hashlib.sha256(json.dumps(notebook.cells, sort_keys=True).encode()).hexdigest()


def _stamp(path: Path) -> tuple[bool, str]:
    """Whether a notebook holds anything but what was written here, and the digest of what was."""
    try:
        found = nbformat.read(path, as_version=4)
        stamp = found.metadata["course"]["written_as"]
    except Exception:  # not there, no notebook, or a notebook from elsewhere
        return True, ""
    return _digest(found) != stamp, stamp


def _fold(cell: NotebookNode, folded: bool) -> None:
    cell.metadata["jupyter"] = {"source_hidden": folded, "outputs_hidden": folded}


def _without_widget(output: NotebookNode) -> NotebookNode | None:
    data = output.get("data", {})
    if WIDGET not in data:
        return output
    del data[WIDGET]
    return output if data.keys() - {"text/plain"} else None


if __name__ == "__main__":
    main()
