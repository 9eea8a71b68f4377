"""The package loads quickly, loads nothing heavy unasked, and its imports point one way."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

FRESH = """
import json, sys, time
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
print(json.dumps([seconds, [name for name in ("torch", "tensorflow", "keras", "tf_keras") if name in sys.modules]]))
"""


def in_fresh_python(code: str) -> tuple[float, list[str]]:
    """Seconds that the code took in a new interpreter, and the heavy packages that it loaded."""
    command = [sys.executable, "-W", "ignore", "-c", FRESH.format(code=code)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    seconds, heavy = json.loads(answer.stdout.splitlines()[-1])
    return seconds, heavy


def test_the_package_imports_at_once_and_loads_nothing_heavy():
    runs = [in_fresh_python("import course_utils") for _ in range(3)]
    assert min(seconds for seconds, _ in runs) < 0.3
    assert all(heavy == [] for _, heavy in runs)


def test_pictures_and_stripes_need_no_torch():
    _, heavy = in_fresh_python("import course_utils.classroom.plots, course_utils.data.stripes")
    assert heavy == []


def test_only_modules_about_nengodl_load_tensorflow():
    """Others that need it call a function that loads it; importing them does not."""
    about_nengodl = {"course_utils.exchange.rate_training", "course_utils.exchange.keras_twin"}
    assert about_nengodl < set(MODULES)
    others = [name for name in MODULES if name not in about_nengodl]
    code = f"import importlib\nfor name in {others}:\n    importlib.import_module(name)\n"
    code += "    assert 'tensorflow' not in sys.modules, name + ' loads TensorFlow'"
    _, heavy = in_fresh_python(code)
    assert heavy == ["torch"]


def imported_by(path: Path) -> Iterator[str]:
    """Every module, or name of a module, that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def belongs_to(name: str, *packages: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize(("name", "path"), MODULES.items(), ids=MODULES)
def test_arrows_point_one_way(name: str, path: Path):
    forbidden = {"notebooks", "tests"}
    if not belongs_to(name, "course_utils.widgets"):
        forbidden |= {"course_utils.widgets"}
    if name == "course_utils.classroom.plots":
        forbidden |= {"torch", "course_utils.spiking.stripe_networks", "course_utils.training.loop", "course_utils.spiking.neurons"}
    if belongs_to(name, "course_utils.data", "course_utils.training.ledger"):
        forbidden |= {"course_utils.spiking.stripe_networks", "course_utils.training.loop", "course_utils.classroom.plots", "course_utils.checks"}
    assert [other for other in imported_by(path) if belongs_to(other, *forbidden)] == []


def test_the_arrow_test_sees_every_kind_of_import(tmp_path: Path):
    file = tmp_path / "sample.py"
    file.write_text("from course_utils import widgets\ndef later():\n    import course_utils.classroom.explorer as e\n")
    assert [belongs_to(name, "course_utils.widgets") for name in imported_by(file)] == [True, True]
    assert not belongs_to("torchvision.datasets", "torch")
