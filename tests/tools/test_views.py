"""The views keep what is taught and leave out what is not for the reader."""

import copy
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from course_utils.tools import views
from tests import notebook_cells as notebooks


@pytest.fixture(params=notebooks.TOPICS)
def lesson(request) -> nbformat.NotebookNode:
    return notebooks.read(request.param)


@pytest.mark.parametrize("view", views.VIEWS)
def test_a_view_is_valid_has_all_code_and_changes_no_source(view: str, lesson) -> None:
    before = copy.deepcopy(lesson)
    derived = views.VIEWS[view](lesson)
    nbformat.validate(derived)
    code, before_code = ([c.source for c in book.cells if c.cell_type == "code"] for book in (derived, before))
    assert code == before_code
    assert lesson == before


def test_student_view(lesson) -> None:
    for cell in views.student(lesson).cells:
        assert "instructor" not in views.tags(cell) and "For the instructor" not in cell.source
        assert not cell.get("outputs") and cell.get("execution_count") is None
        if views.tags(cell) & {"solution", "claim", "figure", "predict"}:
            assert cell.metadata.jupyter.source_hidden
            shown = not cell.metadata.jupyter.get("outputs_hidden")
            assert shown == ("solution" not in views.tags(cell)), "a claim that fails, and a figure, are seen"


def test_instructor_view(lesson) -> None:
    lengths = [minutes for _, minutes, _ in views.sections(lesson)]
    view = views.instructor(lesson)
    plan = view.cells[1].source
    assert plan.startswith("## Plan for the instructor")
    begins = sum("sitting" in cell.metadata.course for cell, *_ in views.sections(lesson))
    assert plan.count("\n| ") == len(lengths) + 1 + begins and plan.count("**Sitting ") == begins
    assert f"minutes in class, {sum(lengths) - sum(views.class_minutes(lesson))} at home." in plan
    marks = {cell.source.split("\n")[2]: home for cell, _, home in views.sections(view)}
    assert all(mark.startswith("*At home, " if home else "*Minute ") for mark, home in marks.items())
    assert [mark for mark, home in marks.items() if not home][-1].endswith(f" to {views.class_minutes(lesson)[-1]}.*")
    for cell in view.cells:
        if "instructor" in views.tags(cell):
            assert cell.source.startswith("<details open>")
        if "solution" in views.tags(cell):
            assert not cell.metadata.jupyter.source_hidden


def test_slides_view(lesson) -> None:
    kinds = [(cell.metadata.slideshow.slide_type, views.tags(cell)) for cell in views.slides(lesson).cells]
    assert kinds[0][0] == "slide" and {kind for kind, _ in kinds} <= {"slide", "subslide", "fragment", "-", "skip"}
    assert not any(kind == "skip" and tags & {"exercise", "predict", "widget"} for kind, tags in kinds)


def written_with(source: str, folder: Path) -> Path:
    """A lesson on disk, with another source of its code cell."""
    path = folder / "04_topic.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="one")]), path)
    return path


@pytest.mark.parametrize("view", views.VIEWS)
def test_one_command_writes_each_view_once(view: str, tmp_path, capsys) -> None:
    views.main([view, "--to", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in notebooks.ALL]
    (tmp_path / notebooks.ALL[0].name).unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    capsys.readouterr()
    views.main([view, "--to", str(tmp_path)])
    assert "1 lessons written" in (told := capsys.readouterr().out) and "Changed" not in told
    assert (tmp_path / notebooks.ALL[0].name).exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(SystemExit):
        views.main([view, "no_such_lesson"])
    assert "no_such_lesson" in capsys.readouterr().err


def an_answer(lesson: nbformat.NotebookNode) -> None:
    lesson.cells[0].source += "  # mine"


def an_output(lesson: nbformat.NotebookNode) -> None:
    lesson.cells[0].outputs = [nbformat.v4.new_output("stream", text="7")]


def a_cell(lesson: nbformat.NotebookNode) -> None:
    lesson.cells.append(nbformat.v4.new_markdown_cell("a note"))


@pytest.mark.parametrize("work", [an_answer, an_output, a_cell])
def test_whatever_a_student_did_stays_when_a_lesson_changes(work: Callable, tmp_path) -> None:
    mine = tmp_path / "mine"
    lesson = written_with("1 + 1", tmp_path)
    assert views.write_view("student", [lesson], mine) == ([mine / lesson.name], [])
    changed = nbformat.read(mine / lesson.name, as_version=4)
    work(changed)
    nbformat.write(changed, mine / lesson.name)
    before = (mine / lesson.name).read_bytes()
    assert views.write_view("student", [lesson], mine) == ([], []), "the lesson is still the same"
    written_with("1 + 2", tmp_path)
    assert views.write_view("student", [lesson], mine) == ([], [mine / lesson.name])
    assert (mine / lesson.name).read_bytes() == before


def test_a_copy_nobody_touched_follows_its_lesson_and_a_strange_file_stays(tmp_path, capsys) -> None:
    mine = tmp_path / "mine"
    lesson = written_with("1 + 1", tmp_path)
    views.write_view("student", [lesson], mine)
    written_with("1 + 2", tmp_path)
    assert views.write_view("student", [lesson], mine) == ([mine / lesson.name], [])
    assert nbformat.read(mine / lesson.name, as_version=4).cells[0].source == "1 + 2"
    (mine / notebooks.ALL[0].name).write_text("a student's work")
    views.main(["student", notebooks.TOPICS[0], "--to", str(mine)])
    assert (mine / notebooks.ALL[0].name).read_text() == "a student's work"
    assert f"Changed since you began: {notebooks.ALL[0].stem}" in capsys.readouterr().out


def test_render_writes_outputs_and_the_measured_time_and_no_widget_state(tmp_path) -> None:
    path = tmp_path / "lesson.ipynb"
    cells = [
        nbformat.v4.new_markdown_cell("measured run time: 0 s on two CPU cores"),
        nbformat.v4.new_code_cell("import time, ipywidgets; time.sleep(1.2); ipywidgets.IntSlider()"),
        nbformat.v4.new_code_cell("1 + 1"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    seconds = views.render(path)
    rendered = nbformat.read(path, as_version=4)
    assert f"measured run time: {seconds:.0f} s" in rendered.cells[0].source and seconds > 1.2
    assert rendered.cells[1].outputs == []
    assert rendered.cells[2].outputs[0].data["text/plain"] == "2"
    assert "widgets" not in rendered.metadata
