"""The views keep what is taught and leave out what is not for the reader."""

import nbformat
import pytest

from course_utils.tools import views
from tests import notebook_cells as notebooks

LESSON = pytest.mark.parametrize("topic", notebooks.TOPICS)


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@LESSON
@pytest.mark.parametrize("view", views.VIEWS)
def test_a_view_is_valid_has_all_code_and_changes_no_source(view, topic) -> None:
    notebook = notebooks.read(topic)
    derived = views.VIEWS[view](notebook)
    nbformat.validate(derived)
    assert code(derived) == code(notebook)
    assert notebook == notebooks.read(topic)


@LESSON
def test_student_view(topic) -> None:
    view = views.student(notebooks.read(topic))
    assert not any("instructor" in views.tags(cell) for cell in view.cells)
    assert "For the instructor" not in "".join(cell.source for cell in view.cells)
    for cell in view.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        if "solution" in views.tags(cell):
            assert cell.metadata.jupyter.source_hidden


@LESSON
def test_instructor_view(topic) -> None:
    view = views.instructor(notebooks.read(topic))
    plan = view.cells[1].source
    assert plan.startswith("## Plan for the instructor")
    lengths = [minutes for _, minutes, _ in views.sections(notebooks.read(topic))]
    assert plan.count("\n| ") == len(lengths) + 1
    assert f"{sum(lengths)} minutes, or " in plan
    marks = [cell.source for cell, _, _ in views.sections(view)]
    assert all("*Minute " in mark for mark in marks) and f"to {sum(lengths)}.*" in marks[-1]
    for cell in view.cells:
        if "instructor" in views.tags(cell):
            assert cell.source.startswith("<details open>")
        if "solution" in views.tags(cell):
            assert not cell.metadata.jupyter.source_hidden


@LESSON
def test_slides_view(topic) -> None:
    view = views.slides(notebooks.read(topic))
    kinds = [cell.metadata.slideshow.slide_type for cell in view.cells]
    assert kinds[0] == "slide" and set(kinds) <= {"slide", "subslide", "fragment", "-", "skip"}
    for cell in view.cells:
        if views.tags(cell) & {"exercise", "predict", "widget"}:
            assert cell.metadata.slideshow.slide_type != "skip"


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
