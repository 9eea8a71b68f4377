"""Run an experiment, or go on with one that was interrupted."""

import argparse
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from course_utils import lessons
from course_utils.data.files import CannotWrite
from course_utils.tools import any_console
from course_utils.training import ledger
from course_utils.training.experiment import Experiment


def defined(name: str | None = None) -> Iterator[Experiment]:
    """All experiments of the lessons, or the one of that name: only modules in which it stands are imported."""
    for path in sorted(Path(*lessons.__path__).glob("*/experiment*.py")):
        if name is None or re.search(rf"[\"']{re.escape(name)}[\"']", path.read_text(encoding="utf-8")):
            module = importlib.import_module(f"{lessons.__name__}.{path.parent.name}.{path.stem}")
            yield from (experiment for experiment in module.EXPERIMENTS if name in (None, experiment.name))


def main(arguments: list[str] | None = None) -> None:
    """Command line: `course-experiment --list`, or `NAME [--seeds 0 1] [--only MODEL] [--to FOLDER]`."""
    any_console()
    parser = argparse.ArgumentParser(prog="course-experiment", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one, see --list")
    parser.add_argument("--list", action="store_true", help="name the experiments and how much of each was run")
    parser.add_argument("--seeds", nargs="+", type=int, help="only these seeds")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="only these models")
    parser.add_argument("--to", type=Path, help="of the records; $COURSE_RESULTS or data/results/mine if not given")
    options = parser.parse_args(arguments)
    if options.list or options.name is None:
        for experiment in defined():
            done, wanted = len(ledger.runs(experiment.name)), len(experiment.runs) * len(experiment.seeds)
            print(f"{experiment.name:24} {experiment.about} ({done} of {wanted} runs recorded)")
        return
    experiment = next(defined(options.name), None)
    if experiment is None:
        parser.error(f"there is no experiment {options.name!r}; --list names all")
    try:
        for record in experiment.run(options.to, seeds=options.seeds, models=options.only):
            print(f"{record.model}, seed {record.seed}: {record.accuracy:.2%}", flush=True)
    except (ValueError, CannotWrite) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on from here.")
    print(ledger.runs_table(experiment.name, list(experiment.runs), *([options.to] if options.to else [])))


if __name__ == "__main__":
    main()
