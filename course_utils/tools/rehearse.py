"""The day before a class: is the lesson ready to be held from here? One line a check, OK or FAIL and what to do.

python -m course_utils.tools.rehearse li_readout --hub https://hub.example.org
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from functools import partial
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils.classroom.questions import questions_of
from course_utils.tools import any_console
from course_utils.tools.machine import Check, NotReady, check
from course_utils.tools.views import LESSONS, MEASURED, class_minutes

CLASS_MINUTES = 90
SLOWER = 3.0  # than the printed time, which two idle cores took: more than that a plan does not bear
STANDS_IN = re.compile(r"\bstands? in for\b")  # what the loaders of data say
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def plan(lesson: Path) -> str:
    """No sitting is longer than a class."""
    minutes = class_minutes(nbformat.read(lesson, as_version=4))
    if max(minutes) > CLASS_MINUTES:
        raise NotReady(f"{max(minutes)} minutes in a sitting", "leave a section for home (`skip_if_short`)")
    return f"{' + '.join(map(str, minutes))} minutes in class"


def rendered(lesson: Path) -> str:
    """The lesson stands there with the outputs of one run from top to bottom."""
    cells = [cell for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "code"]
    failed = any(output.output_type == "error" for cell in cells for output in cell.outputs)
    if failed or [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        raise NotReady("outputs are missing, or of several runs", f"python noxfile.py -s render -- {lesson.stem}")
    return f"{len(cells)} cells with outputs"


def run_through(lesson: Path, said: list[str]) -> str:
    """Every cell runs, in a time that a class can wait for; what it prints is added to `said`."""
    ran = nbformat.read(lesson, as_version=4)
    printed = int(re.search(r"\d+", MEASURED.search(ran.cells[0].source)[0])[0])
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as mine:
        client = NotebookClient(ran, kernel_name="python3", resources={"metadata": {"path": str(lesson.parent)}})
        try:
            client.execute(env=os.environ | {"COURSE_RESULTS": mine})
        except CellExecutionError as error:
            raise NotReady(f"{error.ename}: {error.evalue}", "run the lesson up to this error") from None
    seconds = time.perf_counter() - begin
    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    said.extend(["ran", *"".join(output.get("text", "") for output in outputs).splitlines()])
    if seconds > SLOWER * printed:
        raise NotReady(f"{seconds:.0f} s, where {printed} s are printed", "end other kernels, run long cells early")
    return f"{seconds:.0f} s, where {printed} s are printed"


def data(said: list[str]) -> str:
    """Nothing stood in for a data set while the lesson ran."""
    if not said:
        raise NotReady("not known, for the lesson did not run to its end", "see the run time")
    if found := [line for line in said if STANDS_IN.search(line)]:
        raise NotReady(found[0], "data/README.md says where to put it; or teach with what stands in")
    return "nothing had to stand in for it"


def votes(lesson: Path) -> str:
    """The server of the votes starts, takes a vote, and prints its table."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "course_utils.classroom.votes", lesson.stem, f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            address = (said := server.stdout.readline()).split()[-1]
            (question, *_), seat = questions_of(lesson), _ask(address + "join", {})
            _ask(address + "vote", {**seat, "question": question, "round": 1, "choice": 0})
        except (OSError, ValueError, IndexError) as error:
            with suppress(subprocess.TimeoutExpired):
                server.wait(2)  # what has to say why it ends says it
            server.kill()
            said = (said + server.stdout.read()).strip().splitlines()
            raise NotReady(said[-1] if said else str(error), "copy this line, and teach without votes") from error
        server.terminate()
        table, _ = server.communicate(timeout=30)
    if "| 1 |" not in table:
        raise NotReady("the vote is not in the table", "copy this line, and teach without votes")
    return f"taken and counted; {len(questions_of(lesson))} questions"


def hub(address: str) -> str:
    """A JupyterHub answers."""
    try:
        return f"JupyterHub {_ask(address.rstrip('/') + '/hub/api/')['version']}"
    except (OSError, ValueError, KeyError) as error:
        raise NotReady(f"{address} does not answer ({error})", "start it: `python noxfile.py -s hub`") from error


def checks(lesson: Path, hub_address: str | None = None) -> dict[str, Check]:
    """The rehearsal of a lesson: checks by name, in order."""
    said: list[str] = []
    found = {
        "plan": partial(plan, lesson),
        "rendered": partial(rendered, lesson),
        "votes": partial(votes, lesson),
        "run time": partial(run_through, lesson, said),
        "data": partial(data, said),
    }
    return found | ({"hub": partial(hub, hub_address)} if hub_address else {})


def main(arguments: list[str] | None = None) -> int:
    """Command line: a lesson, and the address of a hub if there is one. Returns 1 if anything fails."""
    any_console()
    parser = argparse.ArgumentParser(prog="rehearse", description=__doc__.partition("\n")[0])
    parser.add_argument("lesson", help="its topic, such as li_readout, or its file")
    parser.add_argument("--hub", help="the address of the hub, if there is one")
    options = parser.parse_args(arguments)
    topic = re.sub(r"^\d\d_", "", Path(options.lesson).stem)
    lesson = next(LESSONS.glob(f"[0-9][0-9]_{topic}.ipynb"), None)
    if lesson is None:
        parser.error(f"lesson is {topic!r}; there is no lesson of that topic")
    return int(not all(finding.ok for finding in check({f"Rehearsal of {lesson.stem}": checks(lesson, options.hub)})))


def _ask(url: str, body: dict | None = None) -> dict:
    with DIRECT.open(url, None if body is None else json.dumps(body).encode(), timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
