"""The rehearsal says OK of what is ready, and FAIL and a remedy of each thing that is not."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.tools import rehearse
from course_utils.tools.machine import NotReady
from tests import notebook_cells as notebooks


def lesson(folder: Path, code: str = "1 + 1", minutes: int = 90, printed: int = 60, count: int = 1) -> Path:
    """A lesson of one cell of code."""
    first = new_markdown_cell(f"# 00 · Tiny\n\nmeasured run time: {printed} s")
    section = new_markdown_cell("## 1", metadata={"course": {"minutes": minutes}})
    cells = [first, section, new_code_cell(code, execution_count=count)]
    nbformat.write(new_notebook(cells=cells), folder / "00_tiny.ipynb")
    return folder / "00_tiny.ipynb"


def test_a_lesson_that_is_ready(tmp_path: Path) -> None:
    ready, said = lesson(tmp_path), []
    assert rehearse.plan(ready) == "90 minutes in class"
    assert rehearse.rendered(ready) == "1 cells with outputs"
    assert rehearse.run_through(ready, said).endswith("where 60 s are printed")
    assert rehearse.data(said) == "nothing had to stand in for it"


@pytest.mark.parametrize(
    ("check", "made", "fault"),
    [
        (rehearse.plan, {"minutes": 91}, "91 minutes"),
        (rehearse.rendered, {"count": None}, "outputs are missing"),
        (rehearse.rendered, {"count": 7}, "of several runs"),
        (lambda path: rehearse.run_through(path, []), {"code": "1 / 0"}, "ZeroDivisionError: division by zero"),
        (lambda path: rehearse.run_through(path, []), {"printed": 0}, "where 0 s are printed"),
    ],
)
def test_what_is_not_ready_is_named(check, made: dict, fault: str, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=fault):
        check(lesson(tmp_path, **made))


def test_data_that_something_stands_in_for_is_named(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(NotReady, match="not known"):
        rehearse.data(said)
    rehearse.run_through(lesson(tmp_path, "print('No MNIST here. Other digits stand in for it.')"), said)
    with pytest.raises(NotReady, match="No MNIST here"):
        rehearse.data(said)


def test_votes_are_tried_on_a_real_server() -> None:
    assert rehearse.votes(notebooks.notebook("li_readout")).startswith("taken and counted; 2 questions")


def test_a_hub_that_answers_and_one_that_does_not(mirror, dead_url: str) -> None:
    assert rehearse.hub(mirror({"hub/api/": b'{"version": "6.1.1"}'}).url()) == "JupyterHub 6.1.1"
    for address in (dead_url, mirror({"hub/api/": b"<html>"}).url(), "hub.example.org"):
        with pytest.raises(NotReady, match="does not answer"):
            rehearse.hub(address)


def test_a_line_for_each_check_and_one_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dead_url: str
) -> None:
    lesson(tmp_path)
    monkeypatch.setattr(rehearse, "LESSONS", tmp_path)
    assert rehearse.main(["00_tiny.ipynb", "--hub", dead_url]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == ["OK", "OK", "FAIL", "OK", "OK", "FAIL"], lines
    assert "there is no lesson of that topic" in lines[3] and "→" in lines[3]
    with pytest.raises(SystemExit):
        rehearse.main(["no_lesson"])
