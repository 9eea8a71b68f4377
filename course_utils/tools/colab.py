"""Makes a machine of Colab ready for a lesson: the first cell of the view `colab` runs this file.

What Colab has stays, in Colab's versions. What the lessons lack is installed, at the versions of the course's lock.
"""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
# the classroom of JupyterLab, and what only tests and tools use
NOT_IN_COLAB = {"jupyterlab", "jupyterlab-rise", "nbval", "nbclient", "pytest", "genanki", "segno"}


def pins() -> dict[str, str]:
    """The version that the lock has of each package."""
    lock = (COURSE / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock, re.MULTILINE))


def used() -> list[str]:
    """The packages that the lessons use by name."""
    project = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.match(r"[\w-]+", line)[0] for line in project["dependencies"]]
    return [name for name in names if name not in NOT_IN_COLAB]


def installed() -> dict[str, str]:
    """The packages that this Python finds, and their versions."""
    found = importlib.metadata.distributions()
    return {one.metadata["Name"].lower().replace("_", "-"): one.version for one in found}


def to_install(here: dict[str, str]) -> list[str]:
    """What has to be installed beside what is here, as requirements, in the order of pyproject.toml."""
    wanted = [name for name in used() if name not in here]
    if "nengo-dl" in wanted and int(here.get("setuptools", "999").partition(".")[0]) >= 82:
        wanted.append("setuptools")  # the building of NengoDL imports pkg_resources
    if "nengo-dl" in wanted and "progressbar2" not in here:
        wanted.append("progressbar2")
    return [f"{name}=={pins()[name]}" for name in wanted]


def make_ready() -> None:
    """Install what is missing, let the lessons find `course_utils`, and say what is not as it is elsewhere."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = to_install(installed())
    nengo_dl = [one for one in wanted if one.startswith("nengo-dl==")]
    if others := [one for one in wanted if one not in nengo_dl]:
        subprocess.run([*pip, *others], check=True)
    # NengoDL asks for a setuptools that stops at Python 3.11, and on Windows for a TensorFlow of 2022
    if nengo_dl and subprocess.run([*pip, "--no-deps", "--no-build-isolation", *nengo_dl]).returncode:
        print("NengoDL could not be built: the lessons that convert with it stop there.")
    if str(COURSE) not in sys.path:
        sys.path.insert(0, str(COURSE))
    here, course = installed(), pins()
    others = [f"{name} {here.get(name)} (not {course[name]})" for name in used() if here.get(name, "") != course[name]]
    print("Ready. Not here: slides, and the simulator of Xylo. The machine forgets: save a copy in your Drive.")
    if others:
        print(f"Other versions than the course's, so the last digits may differ: {', '.join(others)}.")


if __name__ == "__main__":
    make_ready()
