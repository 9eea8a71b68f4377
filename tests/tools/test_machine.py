"""The check of machine, packages and data: what it says here, and what it says about each fault."""

import functools
import hashlib
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from course_utils.data import digits, locate, search
from course_utils.tools import machine

REAL = """
import sys, warnings
from course_utils.tools import machine
assert not {"torch", "tensorflow", "norse"} & sys.modules.keys(), "importing the module loads too much"
filters = list(warnings.filters)
machine.check()
assert warnings.filters == filters, "the filters are not as they were"
assert "tensorflow" not in sys.modules and "nengo_dl" not in sys.modules
"""


def lines(output: str) -> dict[str, str]:
    """The lines of a check by name: "OK …" or "FAIL …"."""
    found = re.findall(r"^(OK|FAIL) +(\S+(?: \S+)*) {2,}(.*)$", output, re.MULTILINE)
    return {name: f"{mark} {rest}" for mark, name, rest in found}


def fails(check: machine.Check, *arguments, **options) -> machine.Finding:
    """The result of a check that must FAIL, and must say what to do."""
    result = machine.examine("it", functools.partial(check, *arguments, **options))
    assert not result.ok
    assert result.found and result.remedy
    assert str(result).startswith("FAIL it") and str(result).endswith(f"→ {result.remedy}")
    assert "\n" not in str(result)
    return result


# --- this machine -------------------------------------------------------------------------------------------------


def test_this_machine_is_ready_and_nobody_is_greeted_by_warnings() -> None:
    """The whole check in a Python of its own."""
    real = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert (real.returncode, real.stderr) == (0, ""), real.stderr
    assert "arning" not in real.stdout
    assert str(locate.COURSE_ROOT) not in real.stdout and str(Path.home()) not in real.stdout
    told = lines(real.stdout)
    missing = set() if (locate.DOWNLOADS / "stripes").is_dir() else {"data/stripes"}
    assert {name for name, line in told.items() if line.startswith("FAIL")} == missing, real.stdout
    assert set(machine.PACKAGES) <= told.keys()
    assert {"Python", "cores", "threads", "GPU", "COURSE_DATA", "MNIST", "FashionMNIST", "data/"} <= told.keys()
    assert told["torch"] == "OK 2.15.0"
    assert told["Python"].startswith(tuple(f"OK {version}." for version in machine.PYTHONS))
    assert "the lesson on NengoDL" in told["tensorflow"] and "the lesson on NengoDL" in told["nengo-dl"]
    card = {"jupyterlab", "torch", "norse", "snntorch", "nengo", "nengo-dl", "matplotlib", "ipywidgets", "nbval"}
    assert card <= machine.PACKAGES.keys()


# --- packages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of three packages; broken-one is installed, but cannot be imported."""
    (tmp_path / "broken_one.py").write_text("import a_module_that_nobody_has\n")
    about = tmp_path / "broken_one-1.0.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Metadata-Version: 2.1\nName: broken-one\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "requirements.lock"
    path.write_text("nbval==9.9.9 \\\n    --hash=sha256:0\nbroken-one==1.0 ; sys_platform == 'linux' \\\nabsent==1.0\n")
    return path


AGAIN = "python noxfile.py -s lab"


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        ("nbval", "requirements.lock has 9.9.9", AGAIN),
        ("broken-one", "1.0 does not import (ModuleNotFoundError: No module named 'a_module_that_nobody_has')", AGAIN),
        ("absent", "not installed", AGAIN),
        ("torch", "no version", "the lock is not whole"),
    ],
)
def test_a_package_that_is_not_what_the_lock_says_fails(lock: Path, name: str, found: str, remedy: str) -> None:
    result = fails(machine.package, name, name.replace("-", "_"), lock=lock)
    assert found in result.found
    assert remedy in result.remedy
    assert "FileNotFoundError" in fails(machine.package, name, lock=lock.with_name("gone")).found


def test_a_local_build_of_the_right_version_is_right(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.importlib.metadata, "version", lambda name: "9.9.9+cpu")
    assert machine.package("nbval", "nbval", lock=lock) == "9.9.9+cpu"


# --- machine ------------------------------------------------------------------------------------------------------


def test_another_python_too_little_memory_or_disk_and_too_many_threads_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PYTHONS", ("3.9", "3.10"))
    assert "needs 3.9 or 3.10" in fails(machine.python).found
    monkeypatch.setattr(machine, "MEMORY_GB", 1e6)
    if hasattr(machine.os, "sysconf"):
        assert "GB" in fails(machine.memory).found
    assert "GB" in fails(machine.free_disk, least_gb=1e9).found
    monkeypatch.setattr(machine, "_cores", lambda: 0)
    assert "OMP_NUM_THREADS" in fails(machine.threads).remedy
    monkeypatch.delattr(machine.os, "sysconf", raising=False)
    assert machine.examine("memory", machine.memory) is None, "left out where nobody tells"


# --- data ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder instead of the course's."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(locate, "DOWNLOADS", folder)
    return folder


def test_a_course_data_that_names_no_folder_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", "/no. such/folder")
    result = fails(machine.course_data)
    assert "'/no. such/folder', which is not a folder" in result.found
    assert result.remedy.startswith("Correct it, or unset it")
    assert "COURSE_DATA" in fails(machine.images, "MNIST").remedy


def test_nothing_set_and_nothing_here_is_no_fault(nothing_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.course_data().startswith("not set")
    for name in machine.DOWNLOAD_MB:
        assert machine.images(name).startswith("not here yet; the lesson that needs it downloads it (")
    monkeypatch.setenv("COURSE_DATA", str(nothing_here))
    assert machine.course_data().startswith("set")


def test_files_are_found_where_they_are_and_named_if_damaged(
    nothing_here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digits, "FILES", ("one.gz", "two.gz"))
    monkeypatch.setitem(digits.SHA256, "MNIST", (hashlib.sha256(b"A").hexdigest(),) * 2)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "common"))
    own, common = (folder / "MNIST" / "raw" for folder in (nothing_here, tmp_path / "common"))
    for folder in (own, common):
        folder.mkdir(parents=True)
    (own / "one.gz").write_text("A")
    assert machine.images("MNIST").startswith("1 of 2 files here; the lesson that needs it")
    (common / "two.gz").write_text("A")
    assert machine.images("MNIST") == "found in $COURSE_DATA/ and data/"
    (own / "one.gz").write_text("half")
    assert fails(machine.images, "MNIST").found == "data/MNIST/raw/one.gz is damaged"


@pytest.mark.parametrize(("name", "size_mb"), machine.DOWNLOAD_MB.items())
def test_the_printed_sizes_are_those_of_the_files(name: str, size_mb: int) -> None:
    files = [search.find(Path(name) / "raw" / file) for file in digits.FILES]
    if None in files:
        pytest.skip(f"{name} is not here")
    assert round(sum(file.stat().st_size for file in files) / 1e6) == size_mb


def test_missing_few_misnamed_or_damaged_stripes_fail(tmp_path: Path) -> None:
    folder = tmp_path / "stripes"
    assert "is missing" in fails(machine.shipped_stripes, folder).found
    folder.mkdir()
    for number in range(200):
        Image.new("L", (16, 16)).save(folder / f"{number}_{number % 2}.png")
    assert machine.shipped_stripes(folder) == "200 images"
    (folder / "199_1.png").unlink()
    assert "199 images, where the course ships 200" in fails(machine.shipped_stripes, folder).found
    (folder / "7_1.png").write_bytes(b"no picture")
    assert "data/stripes/7_1.png is damaged" in fails(machine.shipped_stripes, folder).found
    (folder / "7_1.png").rename(folder / "seven.png")
    result = fails(machine.shipped_stripes, folder)
    assert "data/stripes/seven.png is misnamed" in result.found and str(tmp_path) not in result.found
    assert "git restore data/stripes" in result.remedy


def test_a_folder_is_made_and_left_empty_and_a_file_in_its_place_fails(tmp_path: Path) -> None:
    assert machine.writable(tmp_path / "data" / "results") == "can be written"
    assert list((tmp_path / "data" / "results").iterdir()) == []
    (tmp_path / "results").write_text("I am no folder")
    result = fails(machine.writable, tmp_path / "results")
    assert "cannot be written" in result.found
    assert "move the file results away" in result.remedy
    assert (tmp_path / "results").read_text() == "I am no folder"
    assert "cannot be written" in fails(machine.writable, tmp_path / "results" / "below").found


# --- never crash --------------------------------------------------------------------------------------------------


def test_a_check_that_raises_becomes_its_line_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks() -> str:
        raise RuntimeError("two\nlines")

    results = machine.check({"First": {"good": lambda: "3.11"}, "Second": {"bad": breaks, "none": lambda: None}})
    told = capsys.readouterr().out
    assert [result.ok for result in results] == [True, False]
    assert lines(told) == {"good": "OK 3.11", "bad": f"FAIL RuntimeError: two lines → {machine.ASK}"}
    assert "1 of 2 checks FAIL (bad)" in told
    machine.check({"Only": {"good": lambda: "yes"}})
    assert "All 1 checks are OK" in capsys.readouterr().out


def test_warnings_are_silenced_only_inside(recwarn: pytest.WarningsRecorder) -> None:
    def noisy() -> str:
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        return "imported"

    assert machine.examine("noisy", noisy).ok
    assert len(recwarn) == 0
    warnings.warn("after", FutureWarning, stacklevel=1)
    assert len(recwarn) == 1
