"""Do a lesson's claims hold at seeds it does not use? `python noxfile.py -s claims -- [topic …] [--seeds 0 1 …]`.

Each run puts another number behind `SEED =` in the set-up cell, and goes on behind a cell that fails.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.tools.views import notebook, tags
from tests.notebook_cells import TOPICS
from tests.stand_alone import run


def set_seed(lesson: NotebookNode, seed: int) -> bool:
    """Put this seed into the set-up cells. Returns whether there was one."""
    setup = [cell for cell in lesson.cells if "setup" in tags(cell)]
    found = [re.search(r"^SEED = ", cell.source, re.MULTILINE) for cell in setup]
    for cell in setup:
        cell.source = re.sub(r"^SEED = \d+", f"SEED = {seed}", cell.source, flags=re.MULTILINE)
    return any(found)


def failures(lesson: NotebookNode) -> list[str]:
    """The cells that ended in an error: number, tags, the line that failed, the error."""
    failed = []
    for number, cell in enumerate(lesson.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                line = re.search(r"-+> \d+ (.*)", re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback)))
                where = f"cell {number}, {' '.join(sorted(tags(cell))) or 'no tag'}"
                failed.append(f"{where}: {line[1].strip() if line else ''} | {output.ename}: {output.evalue}")
    return failed


def main(arguments: list[str] | None = None) -> None:
    """Run these lessons, or all, at each seed, and exit with the number of cells that failed, at most 100."""
    parser = argparse.ArgumentParser(prog="claims", description=__doc__.partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="topic")
    parser.add_argument("--seeds", nargs="+", type=int, default=range(10))
    options, count = parser.parse_args(arguments), 0
    os.chdir(Path(__file__).resolve().parents[1])
    for topic, seed in [(topic, seed) for topic in options.topics or TOPICS for seed in options.seeds]:
        lesson = nbformat.read(notebook(topic), as_version=4)
        named = f"seed {seed}" if set_seed(lesson, seed) else "without a SEED"
        seconds, failed = run(lesson, allow_errors=True), failures(lesson)
        count += len(failed)
        verdict = "FAILS" if failed else "holds"
        print(f"{topic}, {named}: {verdict} ({seconds:.0f} s)", *failed, sep="\n    ", flush=True)
    sys.exit(min(count, 100))


if __name__ == "__main__":
    main()
