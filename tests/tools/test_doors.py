"""The course's doors: Binder, the containers, the workflows and Colab name files and commands that exist."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from course_utils.tools import colab, views

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOORS = [*WORKFLOWS, ROOT / ".binder" / "postBuild", ROOT / "Dockerfile", ROOT / ".devcontainer" / "devcontainer.json"]
DOORS += [ROOT / "README.md", ROOT / "environment.yml"]
SESSIONS = set(re.findall(r"^def (\w+)\(session: nox", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_command_of_a_door_is_one_of_the_noxfile(door: Path):
    named = re.findall(r"noxfile\.py -s (\w+)", door.read_text(encoding="utf-8"))
    assert named and set(named) <= SESSIONS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_yaml_with_jobs_whose_steps_do_something(path: Path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "permissions", "jobs"} <= workflow.keys() and True in workflow  # YAML 1.1 reads `on` as true
    for job in workflow["jobs"].values():
        assert "runs-on" in job and "timeout-minutes" in job
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_the_tests_run_on_three_systems_and_every_python_of_the_lock():
    matrix = yaml.safe_load(WORKFLOWS[-1].read_text(encoding="utf-8"))["jobs"]["tests"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={matrix["python"][0]},<3.14"' in project and matrix["python"][-1] == "3.13"


def test_the_devcontainer_is_json_and_the_binder_script_is_bash():
    json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    script = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    assert script.startswith("#!/bin/bash\n") and "\r" not in script


def test_links_of_the_readme_lead_to_files():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 20 and [link for link in links if not (ROOT / link).exists()] == []


def test_in_colab_only_what_is_missing_is_installed():
    here = dict.fromkeys(colab.used(), "1.0")
    assert colab.to_install(here) == []
    wanted = colab.to_install({name: version for name, version in here.items() if name not in ("norse", "nir")})
    assert wanted == [f"{name}=={colab.pins()[name]}" for name in ("norse", "nir")]
    del here["nengo-dl"]
    names = [one.partition("==")[0] for one in colab.to_install(here | {"setuptools": "84.0.0"})]
    assert names == ["nengo-dl", "setuptools", "progressbar2"]
    assert "jupyterlab" not in colab.used() and set(colab.used()) <= set(colab.pins())


def test_a_lesson_for_colab_begins_with_the_cell_that_makes_the_machine_ready(tmp_path: Path):
    command = [sys.executable, "-m", "course_utils.tools.views", "colab", "stripe_dataset", "--to", str(tmp_path)]
    away = {name: value for name, value in os.environ.items() if name != "COURSE_REPOSITORY"}
    refused = subprocess.run(command, env=away, capture_output=True, text=True)
    assert refused.returncode and "COURSE_REPOSITORY" in refused.stderr and not list(tmp_path.iterdir())
    address = "https://example.org/course"
    subprocess.run(command, env=away | {"COURSE_REPOSITORY": address}, check=True, capture_output=True)
    lesson = nbformat.read(tmp_path / views.notebook("stripe_dataset").name, as_version=4)
    first = lesson.cells[0].source
    assert f"git clone --quiet --depth 1 {address} " in first
    script = re.search(r"%run \.\./(\S+)", first)[1]
    assert (ROOT / script).samefile(colab.__file__)
