"""What a check answers, and how it deals with an attempt that is missing or breaks."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Verdict:
    """The answer of a check. It is true only if the exercise is solved."""

    status: Literal["not started", "not yet", "solved"]
    message: str

    def __bool__(self) -> bool:
        return self.status == "solved"

    def __repr__(self) -> str:
        return f"{self.status.capitalize()}: {self.message}"

    def _repr_markdown_(self) -> str:
        mark = {"not started": "○", "not yet": "✗", "solved": "✓"}[self.status]
        return f"{mark} **{self.status.capitalize()}.** {self.message}"


class NotStarted(Exception):
    """The stub was not touched."""


class NotYet(Exception):
    """The attempt is wrong; the message names the misconception."""


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run the learner's function on these arguments.

    Raises:
        NotStarted: it returned `...`, as the stub does.
        NotYet: it broke, or returned nothing.
    """
    try:
        result = function(*arguments)
    except Exception as error:
        raise NotYet(f"Your code stopped with {type(error).__name__}: {error}") from error
    if result is ...:
        raise NotStarted
    if result is None:
        raise NotYet("Your function returned None. Does it end in a return statement?")
    return result


def check(grade: Callable[[Any], str]) -> Callable[[Any], Verdict]:
    """Turn a function that grades an attempt into a check.

    The function returns a sentence for a right answer, and raises `NotYet` with the misconception for a wrong one.
    """

    @functools.wraps(grade)
    def graded(answer: Any) -> Verdict:
        try:
            if answer is ...:
                raise NotStarted
            return Verdict("solved", grade(answer))
        except NotStarted:
            return Verdict("not started", "Replace the dots, then run this cell again. The hints are above.")
        except NotYet as wrong:
            return Verdict("not yet", str(wrong))
        except Exception as error:
            return Verdict("not yet", f"Your answer has another form than expected: {type(error).__name__}: {error}")

    return graded
