"""The pages beside the lessons: the map, the letters, the ledger, and how to teach."""

import html
from itertools import groupby

from course_utils.classroom.letters import letter_table
from course_utils.classroom.tables import Table
from course_utils.data.locate import COURSE_ROOT
from course_utils.lessons.start_here.widgets import LESSONS, THREADS
from course_utils.training import ledger

TEACHING = COURSE_ROOT / "docs" / "teaching.md"
ABOUT = """# Seven Weeks of Spikes

A course on spiking neural networks: Jupyter notebooks, from the first PyTorch tensor to a network that runs within the
limits of a real chip. Read the lessons here with everything that they print and draw. To run them, take the course's
folder and type `python noxfile.py -s lab`.
"""


def pages() -> dict[str, str]:
    """MyST Markdown by name of page."""
    found = {
        "index": _index(),
        "letters": "# The letters\n\nWhat each letter of the formulas means, from which lesson on.\n\n"
        + letter_table()._repr_markdown_() + "\n",
        "ledger": _ledger(),
    }  # fmt: skip
    if TEACHING.exists():
        found["teaching"] = TEACHING.read_text(encoding="utf-8")
    return found


def _index() -> str:
    weeks = []
    for week, boxes in groupby(sorted(LESSONS, key=lambda box: box.week), key=lambda box: box.week):
        cards = "".join(
            f'<li><a class="thread-{list(THREADS).index(box.thread)}" href="{box.name}.html"><b>{box.number} '
            f"{html.escape(box.short.replace(chr(10), ' '))}</b> <span>{html.escape(box.skill)}</span></a></li>"
            for box in boxes
        )
        weeks.append(f"<section><h3>{f'Week {week}' if week else 'Today'}</h3><ul>{cards}</ul></section>")
    legend = "".join(f'<li class="thread-{number}">{name}</li>' for number, name in enumerate(THREADS))
    also = ["letters", "ledger", *(["teaching"] if TEACHING.exists() else [])]
    return (
        f'{ABOUT}\n## The map\n\n<ul class="legend">{legend}</ul>\n<div class="map">{"".join(weeks)}</div>\n\n'
        f"```{{toctree}}\n:hidden:\n:caption: Lessons\n\n{chr(10).join(box.name for box in LESSONS)}\n```\n\n"
        f"```{{toctree}}\n:hidden:\n:caption: Beside the lessons\n\n{chr(10).join(also)}\n```\n"
    )


def _ledger() -> str:
    records = ledger.read(None, ledger.SHIPPED, experiment=None)
    table = ledger.table(records)
    where = [record.experiment or record.lesson.replace("_", " ") for record in records]
    rows = [(place, *row) for place, row in zip(where, table.rows, strict=True)]
    shown = Table(["lesson or experiment", *table.columns], rows)
    return f"""# The ledger

Every result that the course has measured, {len(rows)} of them, each beside the simplest method that could explain it.
Operations and spikes are those of one sample. A column's name sorts the table by it.

{_html(shown)}"""


def _html(table: Table) -> str:
    head = "".join(f'<th scope="col"><button type="button">{html.escape(name)}</button></th>' for name in table.columns)
    body = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return (
        f'<div class="table-wrapper"><table class="sortable"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n'
        "</tbody></table></div>\n"
    )
