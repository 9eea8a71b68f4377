"""The views keep what is taught and leave out what is not for the reader."""

import copy

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
        if "solution" in views.tags(cell):
            assert cell.metadata.jupyter.source_hidden


def test_instructor_view(lesson) -> None:
    lengths = [minutes for _, minutes, _ in views.sections(lesson)]
    view = views.instructor(lesson)
    plan = view.cells[1].source
    assert plan.startswith("## Plan for the instructor")
    assert plan.count("\n| ") == len(lengths) + 1
    assert f"{sum(lengths)} minutes, or " in plan
    marks = [cell.source for cell, _, _ in views.sections(view)]
    assert all("*Minute " in mark for mark in marks) and f"to {sum(lengths)}.*" in marks[-1]
    for cell in view.cells:
        if "instructor" in views.tags(cell):
            assert cell.source.startswith("<details open>")
        if "solution" in views.tags(cell):
            assert not cell.metadata.jupyter.source_hidden


def test_slides_view(lesson) -> None:
    kinds = [(cell.metadata.slideshow.slide_type, views.tags(cell)) for cell in views.slides(lesson).cells]
    assert kinds[0][0] == "slide" and {kind for kind, _ in kinds} <= {"slide", "subslide", "fragment", "-", "skip"}
    assert not any(kind == "skip" and tags & {"exercise", "predict", "widget"} for kind, tags in kinds)


def test_one_command_writes_each_view_and_overwrites_nothing(tmp_path, capsys) -> None:
    for view in views.VIEWS:
        folder = tmp_path / view
        views.main([view, "--to", str(folder)])
        assert sorted(path.name for path in folder.iterdir()) == [path.name for path in notebooks.ALL]
        kept = folder / notebooks.ALL[-1].name
        kept.write_text("a student's work")
        (folder / notebooks.ALL[0].name).unlink()
        capsys.readouterr()
        views.main([view, "--to", str(folder)])
        assert kept.read_text() == "a student's work" and (folder / notebooks.ALL[0].name).exists()
        told = capsys.readouterr().out
        assert "1 lessons written" in told and kept.name in told
    with pytest.raises(SystemExit):
        views.main(["student", "no_such_lesson"])
    assert "no_such_lesson" in capsys.readouterr().err


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
