"""The letters of the course's formulas: what each means, its name in code, its unit, and the lesson that introduces it.

A letter keeps its meaning from its lesson on; where a lesson gives it another one, that row holds in that lesson alone.
A test holds the table against the lessons.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from course_utils.classroom.tables import Table


class Letter(NamedTuple):
    """One meaning of a letter.

    Attributes:
        symbol: as LaTeX writes it.
        meaning: in words.
        code: its usual name in programs; empty if it has none.
        unit: empty if it is a plain number. "threshold": potentials and currents are measured in thresholds.
        lesson: the topic of the lesson that introduces it.
        holds: "on", from that lesson on, or "here", in that lesson alone.
    """

    symbol: str
    meaning: str
    code: str
    unit: str
    lesson: str
    holds: str


with Path(__file__).with_name("letters.csv").open(encoding="utf-8", newline="") as file:
    LETTERS = [Letter(**row) for row in csv.DictReader(file)]


def letter_table() -> Table:
    """All letters, in the order in which the course meets them."""
    rows = [
        (f"${letter.symbol}$", letter.meaning, f"`{letter.code}`" if letter.code else "", letter.unit, letter.lesson,
         "from here on" if letter.holds == "on" else "here only")
        for letter in LETTERS
    ]  # fmt: skip
    return Table(["letter", "meaning", "in code", "unit", "lesson", "holds"], rows)
