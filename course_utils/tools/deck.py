"""The questions of all lessons, with their answers, as a deck for Anki: a program that asks again before you forget.

What is asked in a lesson becomes a card: a guess (`Prediction`), and whatever has an `Answer` to open. Importing a
newer deck updates the cards that are there and keeps what Anki knows of them.
"""

import argparse
import base64
import hashlib
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import genanki
import nbformat
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from course_utils.data.files import CannotWrite, writing
from course_utils.data.locate import COURSE_ROOT
from course_utils.tools import any_console
from course_utils.tools.views import LESSONS, tags

DECK = COURSE_ROOT / "views" / "seven_weeks_of_spikes.apkg"
ASKS = re.compile(r"\*\*[^*\n]+\*\*|^(Try|Guess|Write down)\b", re.MULTILINE)  # where a question begins
ANSWER = re.compile(r"<details>\s*<summary>Answers?[^<]*</summary>(.*?)</details>", re.DOTALL)
ITEM = re.compile(r"^\d+\. ", re.MULTILINE)
EMBEDDED = re.compile(r'src="data:image/(\w+);base64,([^"]+)"(?: style="[^"]*")?')
FRONT = "{{Question}}<p class=lesson>{{Lesson}}</p>"
MODEL = genanki.Model(
    1_702_617_001,  # both numbers were drawn once: by them Anki knows kind and deck again
    "Seven Weeks of Spikes",
    fields=[{"name": "Question"}, {"name": "Answer"}, {"name": "Lesson"}],
    templates=[{"name": "Card", "qfmt": FRONT, "afmt": "{{FrontSide}}<hr id=answer>{{Answer}}"}],
    css=".card {font: 20px sans-serif; max-width: 40em; margin: auto} .lesson {font-size: 14px; opacity: 0.7}\n"
    "img {max-width: 100%; background: white}",
)


class _ForAnki(IPythonRenderer):
    """Formulas between Anki's marks, and links to other lessons as plain text."""

    def inline_math(self, body: str) -> str:
        return rf"\({self.escape_html(body)}\)"

    def block_math(self, body: str) -> str:
        return rf"\[{self.escape_html(body)}\]"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, url, title) if "://" in url else text


def _html(markdown: str, cell: NotebookNode) -> str:
    renderer = _ForAnki(escape=False, embed_images=True, attachments=cell.get("attachments", {}))
    return MarkdownWithMath(renderer).render(markdown.strip())


def _picture(cells: list[NotebookNode]) -> str:
    """The first picture that these cells put out, those of sliders first."""
    for cell in sorted(cells, key=lambda cell: "widget" not in tags(cell)):
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                alt = output.metadata.get("image/png", {}).get("alt", "").replace('"', "&quot;")
                return f'<img alt="{alt}" src="data:image/png;base64,{"".join(png.split())}">'
    return ""


def cards(notebook: NotebookNode) -> Iterator[tuple[str, str, str]]:
    """A lesson's questions: a name that stays when the words change, the question and the answer as HTML.

    Pictures are in the HTML. Answers below a list of questions make a card for each if they are as many.
    """
    cells = [cell for cell in notebook.cells if "instructor" not in tags(cell)]
    for number, cell in enumerate(cells):
        if "predict" in tags(cell):
            shown = "".join(cell.outputs[0].data["text/html"])
            asked, answer = re.split(r"<details><summary>[^<]*</summary>", shown)
            yield cell.id, asked.replace("<b>Predict.</b> ", ""), answer.removesuffix("</details>")
        for found in ANSWER.finditer(cell.source) if cell.cell_type == "markdown" else ():
            before, asking, place = cell.source[: found.start()], cell, number
            near = cells[number - 1 : number + 2 : 2]
            if not before.strip():  # asked further up, and the picture stands between
                place = max(place for place in range(number) if cells[place].cell_type == "markdown")
                asking, near = cells[place], cells[place + 1 : number]
                before = asking.source
            *_, mark = ASKS.finditer(before)
            intro, *asked = ITEM.split(before[mark.start() :])
            lead, *answers = ITEM.split(found[1])
            if len(asked) != len(answers) or not asked:
                intro, lead, asked, answers = "", "", [before[mark.start() :]], [found[1]]
            intro = "" if re.fullmatch(r"\*\*[^*]*\*\*", intro.strip()) else intro  # a mere title
            picture = "" if "uestions" in mark[0] else _picture(near)
            for item, (question, answer) in enumerate(zip(asked, answers, strict=True), 1):
                name = f"{cell.id}.{item}" if len(asked) > 1 else cell.id
                yield name, _html(f"{intro}\n\n{question}", asking) + picture, _html(f"{lead}\n\n{answer}", cell)


def write_deck(lessons: list[Path], path: Path) -> int:
    """Write the cards of these lessons into one file for Anki, and return how many they are.

    The same notebooks give the same bytes. Anki takes a card for changed if it is newer, so its time is that of the
    lesson which was written last.

    Raises:
        CannotWrite: the folder cannot be made or written, or a folder has that name.
    """
    deck, changed = genanki.Deck(1_702_617_002, "Seven Weeks of Spikes"), max(file.stat().st_mtime for file in lessons)
    with tempfile.TemporaryDirectory() as folder:
        media: dict[str, Path] = {}

        def kept_beside(found: re.Match) -> str:
            data = base64.b64decode(found[2])
            name = f"spikes_{hashlib.sha256(data).hexdigest()[:16]}.{found[1]}"
            media[name] = Path(folder, name)
            media[name].write_bytes(data)
            return f'src="{name}"'

        for file in lessons:
            notebook = nbformat.read(file, as_version=4)
            title = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
            week = re.search(r"\*Week (\d) of", notebook.cells[0].source)[1]
            for name, *sides in cards(notebook):
                fields = [*(EMBEDDED.sub(kept_beside, side) for side in sides), title]
                guid = genanki.guid_for(file.stem[3:], name)
                deck.add_note(genanki.Note(MODEL, fields, tags=[f"week::{week}", f"lesson::{file.stem}"], guid=guid))
        whole = Path(folder, "deck")
        genanki.Package(deck, sorted(map(str, media.values()))).write_to_file(whole, timestamp=int(changed))
        with writing(path) as part, zipfile.ZipFile(whole) as found, zipfile.ZipFile(part, "w") as out:
            for member in found.namelist():  # genanki's members carry the time of day
                out.writestr(zipfile.ZipInfo(member), found.read(member), zipfile.ZIP_DEFLATED)
    return len(deck.notes)


def main(arguments: list[str] | None = None) -> None:
    """Command line: `python -m course_utils.tools.deck [--to file]`."""
    any_console()
    parser = argparse.ArgumentParser(prog="course-deck", description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=DECK, help="the file to write, if not %(default)s")
    path = parser.parse_args(arguments).to
    try:
        count = write_deck(sorted(LESSONS.glob("[0-9]*.ipynb")), path)
        print(f"{count} cards written to {path}. In Anki: File, Import.")
    except CannotWrite as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
