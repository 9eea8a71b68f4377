"""The deck holds every question of every lesson with its answer, and Anki can show it."""

import json
import os
import re
import shutil
import sqlite3
import zipfile
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from course_utils.tools import deck
from course_utils.tools.views import tags
from tests import notebook_cells as notebooks

FORMULA = re.compile(r"\\\((?:(?!\\[()]).)+?\\\)|\\\[(?:(?!\\[\[\]]).)+?\\\]", re.DOTALL)


class Page(HTMLParser):
    """What a field is made of: its elements, its pictures, its text; and whether what is opened is closed again."""

    def __init__(self, field: str):
        super().__init__()
        self.elements, self.pictures, self.text, self.open = set(), [], "", []
        self.feed(field)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.add(tag)
        if tag == "img":
            self.pictures.append(dict(attrs))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def opened(path: Path) -> tuple[list[dict], dict[str, bytes], int]:
    """The notes, the media and the number of cards of an Anki package."""
    with zipfile.ZipFile(path) as package:
        media = {name: package.read(number) for number, name in json.loads(package.read("media")).items()}
        file = path.with_suffix(".anki2")
        file.write_bytes(package.read("collection.anki2"))
    base = sqlite3.connect(file)
    rows = base.execute("select guid, tags, flds, mod from notes").fetchall()
    (count,) = base.execute("select count(*) from cards").fetchone()
    base.close()
    kinds = ("guid", "tags", "fields", "mod")
    return [dict(zip(kinds, (g, t.split(), f.split("\x1f"), m), strict=True)) for g, t, f, m in rows], media, count


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("deck") / "new folder" / "deck.apkg"
    deck.main(["--to", str(path)])
    return path


@pytest.fixture(scope="module")
def notes(package) -> list[dict]:
    return opened(package)[0]


@pytest.mark.parametrize("topic", notebooks.TOPICS)
def test_one_card_for_every_question_with_an_answer(topic: str, notes) -> None:
    answers = predictions = 0
    for cell in notebooks.read(topic).cells:
        predictions += "predict" in tags(cell)
        if cell.cell_type == "markdown" and "instructor" not in tags(cell):
            for part in cell.source.split("<details>")[1:]:
                listed = len(re.findall(r"^\d\. ", part.partition("</details>")[0], re.MULTILINE))
                answers += (listed or 1) if "<summary>Answer" in part else 0
    mine = [note for note in notes if f"lesson::{notebooks.notebook(topic).stem}" in note["tags"]]
    assert len(mine) == answers + predictions >= 4
    week = re.search(r"\*Week (\d)", notebooks.read(topic).cells[0].source)[1]
    assert all(f"week::{week}" in note["tags"] for note in mine)


def test_anki_can_show_every_card(package, notes) -> None:
    _, media, count = opened(package)
    assert count == len(notes) == len({note["guid"] for note in notes})
    assert len({note["fields"][0] for note in notes}) == len(notes), "two cards ask the same"
    used = set()
    for note in notes:
        question, answer, lesson = map(Page, note["fields"])
        assert re.match(r"\d\d · ", lesson.text)
        for page in (question, answer):
            assert page.text.strip() and page.open == []
            allowed = {"p", "ul", "ol", "li", "b", "strong", "em", "code", "pre", "img", "sub", "sup", "br", "a"}
            assert page.elements <= allowed | {"table", "thead", "tbody", "tr", "th", "td"}, page.elements
            left = FORMULA.sub("", page.text)
            assert not re.search(r"\$|\\[a-zA-Z()\[\]]|\*\*|\]\(|[_^]\{", left), left
            assert all(len(picture["alt"]) > 20 for picture in page.pictures)
            used |= {picture["src"] for picture in page.pictures}
    assert used == media.keys() and len(used) > 50
    for data in media.values():
        Image.open(BytesIO(data)).verify()


def test_a_picture_stands_where_a_question_asks_to_look(notes) -> None:
    looks = [note for note in notes if re.search("<strong>(What to look at|Explore|Play)", note["fields"][0])]
    assert len(looks) > 20 and all("<img" in note["fields"][0] for note in looks)
    recaps = [note["fields"][0] for note in notes if note["fields"][0].startswith("<p>Why")]
    assert recaps and not any("<img" in question for question in recaps)


def test_same_notebooks_same_file_and_a_second_import_updates(package, notes, tmp_path: Path) -> None:
    again = tmp_path / "again.apkg"
    deck.main(["--to", str(again)])
    assert again.read_bytes() == package.read_bytes()
    lesson = notebooks.notebook("li_readout")
    changed = tmp_path / f"30_{lesson.stem[3:]}.ipynb"  # another number, other words, a later time
    shutil.copy(lesson, changed)
    text = changed.read_text(encoding="utf-8")
    assert "Which two numbers do you look at first?" in text
    changed.write_text(text.replace("Which two numbers do you look", "Where do you look"), encoding="utf-8")
    os.utime(changed, (lesson.stat().st_mtime + 3600,) * 2)
    deck.write_deck([changed], again)
    before = {note["guid"]: note for note in notes if f"lesson::{lesson.stem}" in note["tags"]}
    after = {note["guid"]: note for note in opened(again)[0]}
    assert before.keys() == after.keys()
    assert sum(before[guid]["fields"][0] != after[guid]["fields"][0] for guid in after) == 1
    assert min(note["mod"] for note in after.values()) >= lesson.stat().st_mtime + 3599


def test_a_place_that_cannot_be_written_is_told_in_a_line(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        deck.main(["--to", str(tmp_path)])
    assert "a folder has its name" in capsys.readouterr().err


def test_formulas_links_and_attached_pictures() -> None:
    cell = notebooks.nbformat.v4.new_markdown_cell(attachments={"a.png": {"image/png": "iVBORw0KGgo="}})
    source = "From [07](a.ipynb): $v < 1$\n\n$$a_1\n= b$$\n\n![alt](attachment:a.png) [x](https://x.org)"
    made = deck._html(source, cell)
    assert made == (
        "<p>From 07: \\(v &lt; 1\\)</p>\n<p>\\[a_1\n= b\\]</p>\n"
        '<p><img src="data:image/png;base64,iVBORw0KGgo=" alt="alt" /> <a href="https://x.org">x</a></p>\n'
    )
    assert deck.EMBEDDED.search(made)[2] == "iVBORw0KGgo="

