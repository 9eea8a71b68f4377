"""What a class is asked and what it believes: the predictions of a lesson, read without running it, and their table."""

import ast
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.classroom.tables import Table
from course_utils.classroom.voter import question_key
from course_utils.data.files import read_bytes


@dataclass
class Question:
    """A prediction of the lesson, and for each round what each voter chose."""

    text: str
    options: list[str]
    answer: int
    because: str
    wrong: dict[int, tuple[str, str]] = field(default_factory=dict)
    rounds: list[dict[str, int]] = field(default_factory=lambda: [{}])
    revealed: bool = False

    def counts(self) -> list[list[int]]:
        """The votes for each option, a list for each round."""
        return [[list(votes.values()).count(n) for n in range(len(self.options))] for votes in self.rounds]


def questions_of(lesson: Path) -> dict[str, Question]:
    """The predictions of a notebook by key, in order.

    Raises:
        ValueError: the file cannot be read, or one of them is not plain text, and could be read only by running it.
    """
    cells, found = json.loads(read_bytes(lesson))["cells"], {}
    for source in ("".join(cell["source"]) for cell in cells if "predict" in cell["metadata"].get("tags", [])):
        for call in ast.walk(ast.parse(source)):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Prediction":
                said = {word.arg: word.value for word in call.keywords if word.arg in ("answer", "because", "wrong")}
                text, options = map(ast.literal_eval, call.args)
                said = {name: ast.literal_eval(value) for name, value in said.items()}
                found[question_key(text, options)] = Question(text, options, **said)
    return found


def beliefs(questions: Iterable[Question]) -> Table:
    """The votes of both rounds, the misconception behind each wrong answer, and what to say to who has it."""
    rows = []
    for asked in questions:
        first, second = [*asked.counts(), [""] * len(asked.options)][:2]
        for n, option in enumerate(asked.options):
            behind = ("right", asked.because) if n == asked.answer else asked.wrong.get(n, ("", ""))
            rows.append(("" if n else asked.text, option, first[n], second[n], *behind))
    return Table(["question", "answer", "first vote", "second", "behind it", "what to say"], rows)
