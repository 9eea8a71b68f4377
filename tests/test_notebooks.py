"""Every committed lesson has the form that the course promises."""

import re
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, validate

from course_utils.data.locate import COURSE_ROOT
from course_utils.tools.views import LESSONS, TAGS, class_minutes, sections, student, tags
from course_utils.tools.views import notebook as notebook_of
from tests import notebook_cells as notebooks
from tests.run_times import printed_run_time_s

LESSON = pytest.mark.parametrize("topic", notebooks.TOPICS)
# How a lesson asks its reader to find something out: a bold mark, or a paragraph that begins with one of these verbs.
MARK = re.compile(
    r"\*\*[^*\n]*\b(to look at|to look for|to try|to find|[Ee]xplore|[Qq]uestions)\b[^*\n]*\*\*"
    r"|^(Try|Play|Guess|Write down)\b",
    re.MULTILINE,
)
ALWAYS = re.compile("to try|to find|uestions")  # asks even without a question mark
ANSWER = re.compile(r"<details>\s*<summary>Answers?\b")


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text_of(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_lessons_are_numbered_from_00_on_and_each_topic_has_one() -> None:
    assert [path.stem[:3] for path in notebooks.ALL] == [f"{number:02}_" for number in range(len(notebooks.ALL))]
    assert len(set(notebooks.TOPICS)) == len(notebooks.TOPICS) >= 19


@LESSON
def test_valid_small_and_without_kernel_dialog(topic) -> None:
    notebook = notebooks.read(topic)
    validate(notebook)
    assert notebook_of(topic).stat().st_size < 1_000_000
    assert notebook.metadata.kernelspec.name == "python3"


@LESSON
def test_ran_from_top_to_bottom_without_error_or_noise(topic) -> None:
    notebook = notebooks.read(topic)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), "run `render`"


@LESSON
def test_every_picture_has_a_text(topic) -> None:
    pictures = [output for output in outputs(notebooks.read(topic)) if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture.metadata.get("image/png", {}).get("alt", "")) > 20
    for output in outputs(notebooks.read(topic)):
        for image in re.findall(r"<img[^>]*>", "".join(output.get("data", {}).get("text/html", ""))):
            assert re.search(r'alt="[^"]{20,}"', image)


@LESSON
def test_tags_are_known_and_fit(topic) -> None:
    notebook = notebooks.read(topic)
    kinds = [(cell, tags(cell)) for cell in notebook.cells]
    for cell, mine in kinds:
        assert mine <= TAGS.keys(), cell.source
        if mine & {"setup", "widget", "predict", "claim", "taught", "exercise", "solution", "nbval-check-output"}:
            assert cell.cell_type == "code", cell.source
        if "claim" in mine:
            assert "assert" in cell.source, cell.source
        if "solution" in mine:
            assert cell.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}, "a solution is folded"
            assert "assert checks.check_" in cell.source
        if "predict" in mine:
            assert cell.metadata.jupyter.source_hidden, "its code knows the answer"
        if "instructor" in mine:
            assert cell.cell_type == "markdown" and cell.source.startswith("<details>\n<summary>For the instructor")
    counted = {tag: sum(tag in mine for _, mine in kinds) for tag in TAGS}
    assert counted["predict"] >= 1 and counted["claim"] >= 3 and counted["slide"] >= 5 and counted["instructor"] >= 2
    assert 2 <= counted["exercise"] == counted["solution"] <= 5


@LESSON
def test_all_that_is_random_follows_from_one_seed(topic) -> None:
    """So `tests/claims.py` can run it at another one. A lesson without a seed draws nothing."""
    set_up = "\n".join(cell.source for cell in notebooks.cells(topic, "setup"))
    code = "\n".join(cell.source for cell in notebooks.read(topic).cells if cell.cell_type == "code")
    drawn = re.search(r"manual_seed|default_rng|\bSEED\b|torch\.rand|np\.random", code)
    assert len(re.findall(r"^SEED = 0$", set_up, re.MULTILINE)) == bool(drawn)
    assert len(re.findall(r"^\s*SEED = ", code, re.MULTILINE)) == bool(drawn)


@LESSON
def test_each_exercise_has_its_parts(topic) -> None:
    notebook = notebooks.read(topic)
    for number, cell in enumerate(notebook.cells):
        if "exercise" not in tags(cell):
            continue
        task, solution = notebook.cells[number - 1], notebook.cells[number + 1]
        assert re.search(r"### Exercise \d · .*\(\d+ minutes, [●○]{3}\)", task.source), task.source
        assert 2 <= task.source.count("<details><summary>Hint ") <= 4
        assert "..." in cell.source and cell.source.splitlines()[-1].startswith("checks.check_")
        assert "solution" in tags(solution)
        assert cell.outputs[0]["data"]["text/plain"].startswith("Not started")


def unanswered(notebook: NotebookNode) -> list[str]:
    """Tasks of the student's copy with no answer to open, in the same cell or below it, before the next heading."""
    cells, found = student(notebook).cells, []
    for number, cell in enumerate(cells):
        shown = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.DOTALL)
        for mark in MARK.finditer(shown) if cell.cell_type == "markdown" else ():
            asked = re.split(r"\n\n(?!\s*[\d-])", shown[mark.start() :])[0]  # the paragraph, and a list below it
            below = [other.source for other in cells[number + 1 :] if other.cell_type == "markdown"]
            end = next((n for n, source in enumerate(below) if source.startswith("#")), None)
            if "?" in asked or ALWAYS.search(mark[0]):
                found += [asked] * (not any(map(ANSWER.search, [cell.source, *below[:end]])))
    return found


@LESSON
def test_every_question_has_an_answer_that_the_students_copy_keeps(topic) -> None:
    notebook = notebooks.read(topic)
    assert unanswered(notebook) == []
    recap = next(cell.source for cell in notebook.cells if "**Three questions to answer tomorrow" in cell.source)
    asked, answered = recap.partition("**Three questions")[2].split("<summary>Answers</summary>")
    assert [len(re.findall(r"^\d\. ", part, re.MULTILINE)) for part in (asked, answered)] == [3, 3]
    for cell in notebooks.cells(topic, "predict"):
        assert cell.source.count("because=") == cell.source.count("Prediction("), "a guess is answered with a reason"


@pytest.mark.parametrize("number", range(1, len(notebooks.ALL)))
def test_a_lesson_begins_with_questions_from_earlier_ones(number: int) -> None:
    """One from the lesson before, one from two or more weeks before; in the first two weeks, from any earlier one."""
    weeks = [int(re.search(r"\*Week (\d) of", nbformat.read(path, as_version=4).cells[0].source)[1])
             for path in notebooks.ALL[: number + 1]]
    cell = notebooks.read(notebooks.TOPICS[number]).cells[1]
    assert cell.source.startswith("## Before you begin\n") and cell.metadata.course == {"minutes": 3}
    asked, answered = re.split(r"<details><summary>Answers?</summary>", cell.source)
    links = re.findall(r"\]\((\d\d)_[a-z_]+\.ipynb\)", asked)
    last, *before = map(int, links)
    assert last == number - 1 and asked.count("?") >= len(links)
    if number > 1:
        (far,) = before
        assert far < last and (weeks[far] <= weeks[number] - 2 or weeks[number] <= 2)
        assert [len(re.findall(r"^\d\. ", part, re.MULTILINE)) for part in (asked, answered)] == [2, 2]
    assert len(cell.source.split()) <= 90


@pytest.mark.parametrize(
    ("texts", "tasks"),
    [
        (["**What to look at.** The blue line.", "Is it so? It is."], 0),
        (["**What to look at.** Which line is flat?", "## 2", "<details><summary>Answer</summary>"], 1),
        (["**What to look at.** Which line is flat?", "More.", "<details><summary>Answer</summary>Blue.</details>"], 0),
        (["**Two things to find.**\n\n1. The flat one.", "<details><summary>Hint 1</summary>Blue.</details>"], 1),
        (["Text.\n\nTry a larger one. What changes?"], 1),
        (["**Three questions**\n\n1. Why?\n\n<details>\n<summary>Answers</summary>So.</details>"], 0),
    ],
)
def test_a_question_without_an_answer_is_found(texts: list[str], tasks: int) -> None:
    cells = [nbformat.v4.new_markdown_cell(text) for text in texts]
    note = nbformat.v4.new_markdown_cell("<details><summary>Answer</summary>", metadata={"tags": ["instructor"]})
    assert len(unanswered(nbformat.v4.new_notebook(cells=[*cells, note]))) == tasks


@LESSON
def test_title_sections_and_end(topic) -> None:
    notebook = notebooks.read(topic)
    title, body = notebook.cells[0].source, text_of(notebook)
    assert title.startswith(f"# {notebook_of(topic).stem[:2]} · ")
    assert re.search(r"\*Week \d of Seven Weeks of Spikes\*", title) and "After this lesson you can" in title
    assert 3 <= len(re.findall(r"^\d\. \*\*", title, re.MULTILINE)) <= 5, "three to five objectives"
    assert "**Before this" in title
    minutes = int(re.search(r"about (\d+) minutes", title)[1])
    assert abs(sum(length for _, length, _ in sections(notebook)) - minutes) <= 5
    for part in ("## Recap", "**Three questions to answer tomorrow, without looking**", "## References", "**Next:**"):
        assert part in body
    assert printed_run_time_s(notebook_of(topic)) > 0


@LESSON
def test_a_section_leaves_time_for_its_exercises(topic) -> None:
    left = 0
    for cell in notebooks.read(topic).cells:
        left = cell.metadata.get("course", {}).get("minutes", left)
        if exercise := re.search(r"### Exercise \d .*\((\d+) minutes", cell.source):
            left -= int(exercise[1])
            assert left > 0, exercise[0]


@LESSON
def test_a_class_of_90_minutes_is_planned(topic) -> None:
    notebook = notebooks.read(topic)
    assert max(class_minutes(notebook)) <= 90, "mark what is left for home"
    parts = []
    for cell in notebook.cells:
        if cell.source.startswith("## "):
            parts.append((cell.source, set()))
        elif parts:
            parts[-1][1].update(tags(cell))
    for heading, inside in parts:
        assert "instructor" in inside or not inside & {"exercise", "predict"}, heading


@LESSON
def test_links_lead_somewhere(topic) -> None:
    for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", text_of(notebooks.read(topic))):
        assert (LESSONS / target).exists(), target


@LESSON
def test_names_no_folder_of_a_machine(topic) -> None:
    text = notebook_of(topic).read_text(encoding="utf-8")
    assert not re.search(r"/home/|/Users/|[A-Z]:\\\\Users", text)
    for folder in (COURSE_ROOT, Path.home(), Path(tempfile.gettempdir()) / "ipykernel"):
        assert str(folder) not in text
