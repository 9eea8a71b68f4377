"""What a check answers to an attempt that is missing, breaks, has another form, is wrong, or is right."""

import numpy as np
import pytest

from course_utils.classroom.verdict import NotYet, Verdict, attempt, check


@check
def check_double(answer) -> str:
    """Grades a function that doubles."""
    if attempt(answer, 2) == 2:
        raise NotYet("That is the number itself.")
    if attempt(answer, 3) != 6:
        raise NotYet("Squaring and doubling agree only at 0 and 2.")
    return "A spike doubles."


@check
def check_matrix(answer) -> str:
    if answer.shape != (2, 3):
        raise NotYet("Rows come first.")
    return "Two by three."


def breaks(x):
    return x / 0


CASES = [
    (check_double, ..., "not started", "Replace the dots"),
    (check_double, lambda x: ..., "not started", "Replace the dots"),
    (check_double, breaks, "not yet", "ZeroDivisionError: division by zero"),
    (check_double, lambda: 4, "not yet", "TypeError"),
    (check_double, lambda x: None, "not yet", "return statement"),
    (check_double, 4, "not yet", "TypeError"),
    (check_double, lambda x: x, "not yet", "That is the number itself."),
    (check_double, lambda x: x * x, "not yet", "Squaring and doubling"),
    (check_double, lambda x: x + x, "solved", "A spike doubles."),
    (check_matrix, ..., "not started", "Replace the dots"),
    (check_matrix, [[1, 2, 3], [4, 5, 6]], "not yet", "another form than expected: AttributeError"),
    (check_matrix, None, "not yet", "another form"),
    (check_matrix, np.zeros((3, 2)), "not yet", "Rows come first."),
    (check_matrix, np.zeros((2, 3)), "solved", "Two by three."),
]


@pytest.mark.parametrize(("grade", "answer", "status", "words"), CASES)
def test_a_check_answers_every_attempt(grade, answer, status: str, words: str):
    verdict = grade(answer)
    assert isinstance(verdict, Verdict)
    assert verdict.status == status
    assert words in verdict.message
    assert bool(verdict) == (status == "solved")
    assert repr(verdict) == f"{status.capitalize()}: {verdict.message}"


def test_a_verdict_shows_a_mark_beside_its_words():
    shown = [Verdict(status, "So.")._repr_markdown_() for status in ("not started", "not yet", "solved")]
    assert shown == ["○ **Not started.** So.", "✗ **Not yet.** So.", "✓ **Solved.** So."]


def test_a_check_keeps_its_name_and_description():
    assert check_double.__name__ == "check_double"
    assert "doubles" in check_double.__doc__


def test_an_interruption_is_not_an_answer():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_double(interrupted)
