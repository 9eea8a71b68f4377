# /// script
# requires-python = ">=3.11"
# dependencies = ["nox==2026.10.20", "uv==0.13.8"]
# ///
"""The commands of the course. With nothing but Python 3.11, 3.12 or 3.13 and pip:

    python noxfile.py -s lab       set up, then open the course in JupyterLab
    python noxfile.py -s tests     set up, then run every test and every notebook

`python noxfile.py --list` names the rest. What stands after `--` goes to the program that the command runs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (whoever comes with an older one shall hear it in a line)
    found = sys.version.split()[0]
    sys.exit(f"The course needs Python 3.11, 3.12 or 3.13; this is {found}. Write python3.13 (Windows: py -3.13).")

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
EXTRA_LOCK = HERE / "requirements-extra.lock"  # the extras `xylo` and `neurobench`, without what they ask for
HUB_LOCK = HERE / "requirements-hub.lock"  # JupyterHub and its proxy, on the versions of requirements.lock
SITE_LOCK = HERE / "requirements-site.lock"  # what turns the lessons into web pages
LABEXTENSION = HERE / "course_utils" / "tools" / "labextension"
PEERS = ("spikingjelly==2.0.0", "loguru==0.7.3")  # only a benchmark uses them, from a folder of their own

# A training step frees hundreds of megabytes and asks for them again. glibc hands them back and gets new pages from
# Linux, zeroed one by one: a third of a step of LeNet5 (1.34 s of processor time; 0.90 s if what is freed is kept).
# Peak memory grows from 1.24 to 1.41 GB there. The lesson on deep networks takes 7 % less time and 2.94 GB instead of
# 2.84. All that is started from here inherits this; other systems ignore it.
os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "100000000000")


def python_of(environment: Path) -> str:
    return str(environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))


try:
    import nox
    from uv import find_uv_bin
except ModuleNotFoundError:  # first use: nox and uv get a small environment of their own, and take over
    runner = HERE / ".nox" / "runner"
    tools = re.search(r"^# dependencies = \[(.*)\]", Path(__file__).read_text(encoding="utf-8"), re.MULTILINE)[1]
    if not Path(python_of(runner)).exists():
        venv.create(runner, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", python_of(runner), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", *re.findall(r'"([^"]+)"', tools)], check=True)
    sys.exit(subprocess.call([python_of(runner), "-m", "nox", "-f", __file__, *sys.argv[1:]]))

nox.options.default_venv_backend = "none"  # every command shares one environment
nox.options.sessions = ["tests"]
ENVIRONMENT = Path(os.environ.get("COURSE_ENVIRONMENT") or HERE / ".venv")  # editors look for .venv; Binder has its own
PYTHON = python_of(ENVIRONMENT)


def create(session: nox.Session, environment: Path) -> None:
    """An empty environment where there is none, of the Python that runs this file."""
    if not Path(python_of(environment)).exists():
        # TensorFlow has no build for 3.14 yet; there uv looks for an older Python, and fetches one if need be.
        python = sys.executable if sys.version_info < (3, 14) else "3.13"
        session.run(find_uv_bin(), "venv", "--quiet", "--clear", "--python", python, str(environment))


def set_up(session: nox.Session) -> None:
    """Make the environment what the lock says, each file checked against its hash. A second if nothing changed."""
    uv = find_uv_bin()
    create(session, ENVIRONMENT)
    # Compiled once here, not at a student's first import: with uv's default the course's imports take 9 s, then 4 s.
    install = [uv, "pip", "install", "--python", PYTHON, "--no-deps", "--compile-bytecode"]
    # NengoDL asks to be built by a setuptools that stops at Python 3.11. The lock's newer one builds it, too.
    session.run(*install, "--no-build-isolation-package", "nengo-dl", "--require-hashes", "-r", str(LOCK))
    session.run(*install, "--quiet", "-e", str(HERE))
    # Alternative texts, and sliders in slides: a small JupyterLab extension, which an editable install leaves out.
    extensions = ENVIRONMENT / "share" / "jupyter" / "labextensions"
    shutil.copytree(LABEXTENSION, extensions / "seven-weeks-of-spikes", dirs_exist_ok=True)
    # JupyterLab would greet a student with a question about its news.
    session.run(
        PYTHON, "-m", "jupyter", "labextension", "disable", "@jupyterlab/apputils-extension:announcements", silent=True
    )


def install(session: nox.Session, lock: Path) -> None:
    """Add what the course can do without to its environment."""
    session.run(find_uv_bin(), "pip", "install", "--python", PYTHON, "--no-deps", "--require-hashes", "-r", str(lock))


def set_up_site(session: nox.Session) -> str:
    """Make .nox/site what its lock says; the Python in it."""
    uv, environment = find_uv_bin(), HERE / ".nox" / "site"
    create(session, environment)
    python = python_of(environment)
    session.run(uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", str(SITE_LOCK))
    return python


@nox.session
def lab(session: nox.Session) -> None:
    """Set up, write what is missing of your own copies of the lessons, and open them."""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.tools.views", "student")
    begin = "--LabApp.default_url=/lab/tree/my_course/00_start_here.ipynb"
    session.run(PYTHON, "-m", "jupyterlab", f"--ServerApp.root_dir={HERE}", begin, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Set up, then check the style and run every test and every notebook."""
    set_up(session)
    for add, missing in (
        (lambda: install(session, EXTRA_LOCK), "No compiler for Xylo's simulator, it seems"),
        (lambda: install(session, HUB_LOCK), "JupyterHub cannot be installed"),
        (lambda: set_up_site(session), "What builds the site cannot be installed"),
    ):
        try:
            add()
        except nox.command.CommandFailed:
            session.warn(f"{missing}: the tests that need it are skipped.")
    session.run(PYTHON, "-m", "ruff", "check", ".")
    if session.posargs:
        session.run(PYTHON, "-m", "pytest", *session.posargs)
        return
    # Side by side, each on half of the cores: most tests use one, and threads that wait for each other on cores that
    # are busy lose more time than they save.
    threads = str(max(1, (os.cpu_count() or 2) // 2))
    alone = os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": str(HERE)}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        both = [PYTHON, "-m", "pytest", "-p", "tests.conftest", "notebooks"], [PYTHON, "-m", "pytest", "tests"]
        lessons = subprocess.Popen(both[0], cwd=HERE, env=alone, stdout=said, stderr=subprocess.STDOUT)
        failed = subprocess.call(both[1], cwd=HERE, env=alone)
        failed |= lessons.wait()
        said.seek(0)
        print(said.read())
    if failed:
        session.error("Something failed: see above, the tests first, then the lessons.")


@nox.session
def view(session: nox.Session) -> None:
    """Write the student's, the instructor's, the slide or the Colab view: python noxfile.py -s view -- instructor"""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.tools.views", *session.posargs)


@nox.session(default=False)
def deck(session: nox.Session) -> None:
    """Write the questions of all lessons as cards for Anki: views/seven_weeks_of_spikes.apkg"""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.tools.deck", *session.posargs)


@nox.session
def site(session: nox.Session) -> None:
    """Build the course's web pages, without a network once installed: views/site/index.html"""
    python = set_up_site(session)
    session.run(python, str(HERE / "site" / "build.py"), *session.posargs)


@nox.session
def render(session: nox.Session) -> None:
    """Run lessons and keep their outputs in the file: python noxfile.py -s render -- mnist_cnn"""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.tools.views", "render", *session.posargs)


@nox.session
def experiment(session: nox.Session) -> None:
    """Run what takes longer than a lesson: python noxfile.py -s experiment -- --list"""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.tools.experiment", *session.posargs)


@nox.session(default=False)
def hub(session: nox.Session) -> None:
    """Set up a hub for a class and start it, as root: see docs/teaching.md"""
    set_up(session)
    install(session, HUB_LOCK)
    session.run(PYTHON, "-m", "jupyterhub", "-f", str(HERE / "hub" / "jupyterhub_config.py"), *session.posargs)


@nox.session(default=False)
def rehearse(session: nox.Session) -> None:
    """The day before a class, OK or FAIL a line: … -s rehearse -- li_readout --hub https://hub.example.org"""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.tools.rehearse", *session.posargs)


@nox.session(default=False)
def votes(session: nox.Session) -> None:
    """A class answers a lesson's predictions: python noxfile.py -s votes -- li_readout --listen 192.168.1.5"""
    set_up(session)
    session.run(PYTHON, "-m", "course_utils.classroom.votes", *session.posargs)


@nox.session(default=False)
def house(session: nox.Session) -> None:
    """Print how large the package is and what depends on what."""
    set_up(session)
    session.run(PYTHON, "-m", "tests.house")


@nox.session(default=False)
def stands(session: nox.Session) -> None:
    """Run lessons without their claims, then with the right answers typed in, too: … -s stands -- stdp"""
    set_up(session)
    session.run(PYTHON, "-m", "tests.stand_alone", *session.posargs)


@nox.session(default=False)
def claims(session: nox.Session) -> None:
    """Run lessons at other seeds and print which claims fail: … -s claims -- pytorch_basics --seeds 0 1 2"""
    set_up(session)
    session.run(PYTHON, "-m", "tests.claims", *session.posargs)


@nox.session(default=False)
def benchmark(session: nox.Session) -> None:
    """Time imports, redraws, lessons, steps, or recipes beside peers: python noxfile.py -s benchmark -- peers"""
    set_up(session)
    peers = HERE / ".nox" / "peers"
    if {"steps", "peers"} & set(session.posargs):
        target = ["--target", str(peers), "--no-deps"]
        try:
            session.run(find_uv_bin(), "pip", "install", "--quiet", "--python", PYTHON, *target, *PEERS)
        except nox.command.CommandFailed:
            session.warn("SpikingJelly could not be installed: it is left out.")
    session.run(PYTHON, "-m", "tests.benchmarks.course", *session.posargs, env={"PYTHONPATH": str(peers)})


@nox.session(default=False)
def xylo(session: nox.Session) -> None:
    """Set up, then add the simulator of the chip Xylo, for lesson 19. Its licence is the AGPL-3.0."""
    set_up(session)
    install(session, EXTRA_LOCK)


def compile_lock(session: nox.Session, *arguments: str) -> None:
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-emit-index-url"]
    session.run(find_uv_bin(), "pip", "compile", "--quiet", *options, *arguments, *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve pyproject.toml anew into requirements.lock and environment.yml: python noxfile.py -s lock -- --upgrade"""
    import tomllib  # not known to the versions that are turned away above

    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, hub = HERE / ".nox" / "extras.in", HERE / ".nox" / "hub.in"
    for file, names in ((extras, ("xylo", "neurobench")), (hub, ("hub",))):
        wanted = [line for name in names for line in project["optional-dependencies"][name]]
        file.write_text("\n".join(wanted), encoding="utf-8")
    compile_lock(session, "pyproject.toml", "--extra", "test", "-o", str(LOCK))
    compile_lock(session, str(extras), "--no-deps", "--no-annotate", "-o", str(EXTRA_LOCK))
    compile_lock(session, str(hub), "--no-annotate", "--constraints", str(LOCK), "-o", str(HUB_LOCK))
    compile_lock(session, "--group", "site", "--no-annotate", "-o", str(SITE_LOCK))
    pins = re.findall(r"^[a-z0-9].*==.*?(?= \\$)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    head, _, _ = (HERE / "environment.yml").read_text(encoding="utf-8").partition("      # from requirements.lock")
    lines = [head + "      # from requirements.lock, written by `python noxfile.py -s lock`", "      - -e ."]
    lines += [f'      - "{pin}"' for pin in pins]
    (HERE / "environment.yml").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


@nox.session(default=False)
def conda_pip(session: nox.Session) -> None:
    """Install the pip part of environment.yml with pip, as conda does, and run the given tests in it."""
    environment = HERE / ".nox" / "conda_pip"
    pins = re.findall(r'^      - "?([^"\n]+)"?$', (HERE / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE)
    requirements = HERE / ".nox" / "environment.txt"
    requirements.write_text("\n".join(pins).replace("-e .", f"-e {HERE.as_posix()}"), encoding="utf-8")
    session.run(find_uv_bin(), "venv", "--quiet", "--seed", "--clear", "--python", "3.11", str(environment))
    session.run(python_of(environment), "-m", "pip", "install", "--quiet", "-r", str(requirements))
    session.run(python_of(environment), "-m", "pytest", *session.posargs)


if __name__ == "__main__":
    nox.main()
