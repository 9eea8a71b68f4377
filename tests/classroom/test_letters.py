"""The table of letters agrees with the lessons: every letter of every formula has a row, and every row its formula."""

import re
from collections import Counter

import pytest

from course_utils.classroom.letters import LETTERS, letter_table, letters_in
from course_utils.tools.views import tags
from tests import house
from tests import notebook_cells as notebooks

GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "eta", "theta", "kappa", "lambda", "mu", "nu"}
GREEK |= {"rho", "sigma", "tau", "varphi", "Delta"}
ORDER = list(house.LESSONS)


def letters_of(topic: str) -> set[str]:
    """The letters in a lesson's formulas; words in them and the instructor's notes do not count."""
    found = set()
    for cell in notebooks.read(topic).cells:
        if cell.cell_type != "markdown" or "instructor" in tags(cell):
            continue
        for formula in re.findall(r"\$([^$]+)\$", cell.source.replace("$$", "$")):
            formula = re.sub(r"\\(text|mathrm|operatorname|mathsf|begin|end|tag)\*?\{[^}]*\}", " ", formula)
            names = re.findall(r"\\[A-Za-z]+|[A-Za-z]", formula)
            found |= {name for name in names if not name.startswith("\\") or name[1:] in GREEK}
    return found


@pytest.mark.parametrize("topic", house.LESSONS)
def test_every_letter_of_a_lesson_has_a_meaning_there(topic: str) -> None:
    assert letters_of(topic) - {letter.symbol for letter in letters_in(topic)} == set()


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: f"{letter.lesson} {letter.symbol}")
def test_every_row_has_its_formula_and_its_name_in_code(letter) -> None:
    assert letter.symbol in letters_of(letter.lesson)
    assert letter.holds in ("on", "here") and letter.meaning
    if letter.code:
        code = house.code_of(house.LESSONS[letter.lesson])
        rooms = [house.PACKAGE / "spiking", house.PACKAGE / "data", house.PACKAGE / "lessons" / letter.lesson]
        code += "".join(path.read_text(encoding="utf-8") for room in rooms for path in room.rglob("*.py"))
        assert re.search(rf"\b{letter.code}\b", code), letter.code


def test_rows_stand_in_the_order_of_the_course_and_a_lesson_says_a_letter_once() -> None:
    places = [ORDER.index(letter.lesson) for letter in LETTERS]
    assert places == sorted(places)
    assert max(Counter((letter.symbol, letter.lesson) for letter in LETTERS).values()) == 1
    assert len(letter_table().rows) == len(LETTERS)


def test_a_lesson_s_own_meaning_goes_before_an_earlier_one() -> None:
    meanings = {letter.symbol: letter.meaning for letter in letters_in("hardware_quantization")}
    assert meanings["s"].startswith("scale") and meanings["v"].startswith("membrane potential")
    assert {row[4] for row in letter_table("mnist_cnn").rows} == {"start_here", "pytorch_basics", "mnist_cnn"}
    with pytest.raises(ValueError, match="lesson is 'no_such'; it must be one of start_here"):
        letter_table("no_such")
