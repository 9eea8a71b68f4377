"""The house stands: imports point one way, nothing is loaded that is not used, lessons go by topic and stand alone."""

import json
import re
import subprocess
import sys

import pytest

from tests import house

FRESH = """
import json, sys
{code}
print(json.dumps([name for name in ("torch", "tensorflow", "keras", "tf_keras", "ipywidgets") if name in sys.modules]))
"""


def loaded_in_fresh_python(code: str) -> list[str]:
    """The heavy packages that a program loads in a new interpreter."""
    command = [sys.executable, "-W", "ignore", "-c", FRESH.format(code=code)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_arrows_point_one_way_and_in_no_circle() -> None:
    assert house.arrows_up() == []
    assert house.circles() == []
    for path in house.MODULES.values():
        outside = {name.partition(".")[0] for name in house.imported(path.read_text(encoding="utf-8"))}
        assert not outside & {"tests", "notebooks", "noxfile"}, path


def test_ten_names_at_the_top_and_a_docstring_in_every_room() -> None:
    rooms = {house.room(module).partition(".")[0] for module in house.MODULES} - {""}
    assert rooms == set(house.BELOW) and len(rooms) <= 10
    for room in rooms:
        assert house.PACKAGE.joinpath(room, "__init__.py").read_text(encoding="utf-8").startswith('"""')


def test_an_arrow_is_seen_wherever_it_stands() -> None:
    source = "from course_utils import classroom\ndef later():\n    import course_utils.classroom.explorer as e\n"
    assert {"course_utils.classroom", "course_utils.classroom.explorer"} <= set(house.imported(source))
    with pytest.raises(ValueError, match="relatively"):
        list(house.imported("from .plots import BLUE"))


def test_every_lesson_has_a_room_and_every_room_a_lesson() -> None:
    rooms = {path.name for path in (house.PACKAGE / "lessons").iterdir() if (path / "checks.py").exists()}
    assert rooms == set(house.LESSONS)


@pytest.mark.parametrize("topic", house.LESSONS)
def test_a_lesson_loads_no_experiment_and_no_room_of_a_later_lesson(topic: str) -> None:
    modules = house.reached(set(house.imported(house.code_of(house.LESSONS[topic]))))
    later = list(house.LESSONS)[list(house.LESSONS).index(topic) + 1 :]
    for module in modules:
        of_a_room = module.removeprefix("course_utils.training.experiment")
        assert ".experiment" not in of_a_room, f"{module} is loaded by {topic}"
        assert house.room(module).removeprefix("lessons.") not in later, f"{module} is loaded by {topic}"


def test_nothing_but_the_file_names_of_notebooks_carries_a_number() -> None:
    """A lesson is moved by renaming one file. Its links and those to it are tested with the notebooks."""
    names = "|".join(path.stem for path in house.LESSONS.values())
    numbered = re.compile(rf"\b({names})\b|\b[Ll]essons? \d\d?\b")
    folders = [house.PACKAGE, house.COURSE_ROOT / "tests", house.COURSE_ROOT / "data" / "results"]
    for folder in folders:
        for path in folder.rglob("*.*"):
            if path.suffix in {".py", ".json", ".jsonl", ".csv"} and "mine" not in path.parts:
                found = numbered.search(path.read_text(encoding="utf-8"))
                assert found is None, f"{path}: {found[0]}"


def test_pictures_stripes_and_records_need_no_torch() -> None:
    modules = ("classroom.plots", "classroom.exercise", "data.stripes", "training.ledger")
    assert loaded_in_fresh_python("".join(f"import course_utils.{module}\n" for module in modules)) == []


def test_only_modules_about_nengodl_load_tensorflow() -> None:
    """Others that need it call a function that loads it; importing them does not."""
    about_it = {"exchange.keras_twin", "exchange.nengodl"}
    about_it |= {f"lessons.nengodl_conversion.{module}" for module in ("experiment", "models")}
    names = [name for name in house.MODULES if name.removeprefix("course_utils.") not in about_it]
    assert len(house.MODULES) - len(names) == len(about_it)
    code = f"import importlib\nfor name in {names}:\n    importlib.import_module(name)\n"
    code += "    assert 'tensorflow' not in sys.modules, name + ' loads TensorFlow'"
    assert loaded_in_fresh_python(code) == ["torch", "ipywidgets"]


@pytest.mark.parametrize("without", [("claim", "predict"), ("claim", "predict", "solution")], ids="+".join)
@pytest.mark.parametrize("topic", house.LESSONS)
def test_a_lesson_stands_without_what_only_checks_or_answers(topic: str, without: tuple[str, ...]) -> None:
    """No name is used that is undefined in what is left. `python noxfile.py -s stands` really runs what is left."""
    source = house.code_of(house.LESSONS[topic], frozenset(without))
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--output-format", "concise"]
    builtins = ["--config", 'builtins = ["display", "get_ipython"]']
    found = subprocess.run([*ruff, *builtins, "-"], input=source, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_the_sizes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    house.main()
    said = capsys.readouterr().out
    assert "arrows up: none" in said and "li_readout" in said and "largest files" in said
    print(said)
