"""The letters of the course's formulas: what each means, its name in code, its unit, and the lesson that introduces it.

A letter keeps its meaning from its lesson on; where a lesson gives it another one, that row holds in that lesson alone.
A test holds the table against the lessons.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from course_utils.classroom.tables import Table
from course_utils.data.locate import COURSE_ROOT
from course_utils.data.require import require


class Letter(NamedTuple):
    """One meaning of a letter."""

    symbol: str  # as LaTeX writes it
    meaning: str
    code: str  # its usual name in programs; empty if it has none
    unit: str  # empty if it is a plain number; "threshold" if it is measured in thresholds
    lesson: str  # the topic of the lesson that introduces it
    holds: str  # "on", from that lesson on, or "here", in that lesson alone


with Path(__file__).with_name("letters.csv").open(encoding="utf-8", newline="") as file:
    LETTERS = [Letter(**row) for row in csv.DictReader(file)]


def letters_in(lesson: str) -> list[Letter]:
    """What letters mean in one lesson: its own rows, and what holds on from earlier ones where it has none of its own.
    """
    topics = [path.stem[3:] for path in sorted((COURSE_ROOT / "notebooks").glob("[0-9]*.ipynb"))]
    require(lesson in topics, "lesson", lesson, f"one of {', '.join(topics)}")
    so_far = topics[: topics.index(lesson)]
    known = [one for one in LETTERS if one.lesson == lesson or (one.holds == "on" and one.lesson in so_far)]
    return list({letter.symbol: letter for letter in known}.values())


def letter_table(lesson: str | None = None) -> Table:
    """The letters that hold in one lesson, or all rows, in the order in which the course meets them."""
    rows = [
        (f"${letter.symbol}$", letter.meaning, f"`{letter.code}`" if letter.code else "", letter.unit, letter.lesson,
         "from there on" if letter.holds == "on" else "there only")
        for letter in (LETTERS if lesson is None else letters_in(lesson))
    ]  # fmt: skip
    return Table(["letter", "meaning", "in code", "unit", "introduced in", "holds"], rows)
