"""One set of versions everywhere: pyproject.toml, requirements.lock, environment.yml and what is installed agree."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
EXTRA_LOCK = (ROOT / "requirements-extra.lock").read_text(encoding="utf-8")
HUB_LOCK = (ROOT / "requirements-hub.lock").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def entries_of(lock: str) -> dict[Requirement, str]:
    """Each pin of a lock, and the whole entry with its hashes."""
    lines = [line for line in lock.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    return {Requirement(line.partition("--hash")[0]): line for line in lines}


ENTRIES = entries_of(LOCK)
EXTRA_ENTRIES = entries_of(EXTRA_LOCK)
HUB_ENTRIES = entries_of(HUB_LOCK)
PINS = list(ENTRIES)
DIRECT = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]]


def test_environment_yml_holds_the_pins_of_the_lock():
    *conda, pip = yaml.safe_load(ENVIRONMENT)["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert "-e ." in pip["pip"]
    written = [Requirement(line) for line in pip["pip"] if line != "-e ."]
    assert sorted(map(str, written)) == sorted(map(str, PINS))


def test_what_is_asked_for_and_never_loaded_stays_out_of_the_lock():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    left_out = set(tool["uv"]["exclude-dependencies"])
    assert "triton" in left_out and not left_out & {pin.name for pin in PINS}


def test_every_pin_is_exact_and_hashed():
    assert len(PINS) > 100
    for pin, entry in (ENTRIES | EXTRA_ENTRIES | HUB_ENTRIES).items():
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is no exact version"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), f"{pin} has no hash"


@pytest.mark.parametrize("text", [LOCK, EXTRA_LOCK, HUB_LOCK, ENVIRONMENT], ids=["lock", "extra", "hub", "conda"])
def test_no_address_is_written_down(text: str):
    """An address would bind the course to one index or mirror."""
    assert re.findall(r"https?:|(?:git|file|ftp)(?:\+\w+)?://| @ |--(?:extra-)?index-url|--find-links", text) == []


@pytest.mark.parametrize("wanted", DIRECT, ids=str)
def test_the_lock_satisfies_what_the_project_asks_for(wanted: Requirement):
    pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
    assert pins, f"{wanted.name} is not in the lock"
    for pin in pins:
        (version,) = (specifier.version for specifier in pin.specifier)
        assert wanted.specifier.contains(version, prereleases=True), f"{pin} does not satisfy {wanted}"


def test_the_project_asks_for_the_course_and_the_extra_lock_holds_the_other_extras_alone():
    extras = PROJECT["optional-dependencies"]
    assert sorted(map(str, EXTRA_ENTRIES)) == sorted(extras["xylo"] + extras["neurobench"])
    assert not {pin.name for pin in PINS} & {pin.name for pin in EXTRA_ENTRIES}
    card = {"jupyterlab", "torch", "norse", "snntorch", "nengo", "nengo-dl", "matplotlib", "ipywidgets", "nbval"}
    assert card <= {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}


def test_the_hub_joins_the_course_without_changing_a_version():
    wanted = {Requirement(text).name for text in PROJECT["optional-dependencies"]["hub"]}
    assert wanted <= {pin.name for pin in HUB_ENTRIES}
    shared = {pin.name: pin.specifier for pin in PINS}
    assert [pin for pin in HUB_ENTRIES if shared.get(pin.name, pin.specifier) != pin.specifier] == []


def test_what_is_installed_is_what_the_lock_says():
    """Of a package only one pin holds here."""
    here, extras = (
        [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
        for pins in (PINS, [*EXTRA_ENTRIES, *HUB_ENTRIES])
    )
    assert len(here) == len({pin.name for pin in here})
    extras = [pin for pin in extras if installed_version(pin.name)]
    found = {pin: installed_version(pin.name) for pin in [*here, *extras]}
    wrong = [
        f"{pin}: {version or 'not installed'}"
        for pin, version in found.items()
        if version is None or not pin.specifier.contains(version, prereleases=True)
    ]
    assert wrong == [], "run `python noxfile.py -s tests`, which sets up what the lock says"


def installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
