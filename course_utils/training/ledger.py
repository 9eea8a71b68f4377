"""The results of the course: one small JSON file a record, written by the run that measured it, read by tables."""

import functools
import importlib.metadata
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
from scipy.stats import binomtest

from course_utils.classroom.tables import Table
from course_utils.data.locate import COURSE_ROOT

SHIPPED = COURSE_ROOT / "data" / "results"
MINE = SHIPPED / "mine"  # what is run here goes there, so that the shipped records stay as they are
SCHEMA = json.loads(Path(__file__).with_name("record.schema.json").read_text(encoding="utf-8"))

# Python's own reader and jsonschema would let NaN and infinity pass as numbers.
_TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=_TYPES.redefine("number", lambda _, value: _TYPES.is_type(value, "number") and math.isfinite(value)),
)
_VALIDATOR = _Validator(SCHEMA)  # made once: `jsonschema.validate` checks the schema anew for every record


def mine() -> Path:
    """Where records go that are run here: `data/results/mine/`, or the folder that `$COURSE_RESULTS` names."""
    return Path(os.environ.get("COURSE_RESULTS", MINE))


def accuracy_interval(accuracy: float, count: int) -> tuple[float, float]:
    """The 95 % Wilson interval of an accuracy on `count` samples (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927).

    Args:
        accuracy: fraction that was right, 0 to 1.
        count: number of samples, 1 or more.

    Returns:
        The lower and the upper end, 0 to 1.

    Raises:
        ValueError: an argument is out of range.
    """
    if not 0 <= accuracy <= 1 or count < 1:
        raise ValueError(f"accuracy is {accuracy} of {count} samples; it must lie between 0 and 1, of 1 sample or more")
    interval = binomtest(round(accuracy * count), count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of these packages."""
    return {package: importlib.metadata.version(package) for package in packages}


@dataclass(frozen=True)
class Record:
    """One measured result. `record.schema.json` says what each field means and may hold."""

    lesson: str
    task: str
    model: str
    data: Mapping[str, Any]
    seed: int
    config: Mapping[str, Any]
    accuracy: float
    baseline: Mapping[str, Any]
    parameters: int
    dense: float
    multiply_accumulates: float
    accumulates: float = 0.0
    spikes: float = 0.0
    time_steps: int = 1
    bits: int = 32
    versions: Mapping[str, str] = field(default_factory=lambda: versions("torch"))
    experiment: str = ""
    beside: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, from the size of the test set."""
        return accuracy_interval(self.accuracy, self.data["test"])

    @property
    def identity(self) -> tuple[str, str, str, str, int]:
        """What makes this run another one than the rest. A repeated run replaces its own record."""
        origin = f"experiment {self.experiment}" if self.experiment else self.lesson
        return origin, self.task, self.model, self.data["source"], self.seed

    @property
    def file_name(self) -> str:
        """The identity as a name for a file, in lower case."""
        *words, seed = self.identity
        return "-".join(re.sub(r"[^a-z0-9_]+", "_", word.lower()).strip("_") for word in words) + f"-seed{seed}.json"


def write(record: Record, folder: Path | None = None) -> Path:
    """Check a record and write it to the folder of `mine`.

    Raises:
        ValueError: the record does not fit the schema, or another run has a record of that name; the message names the
            field or the file. Nothing is written.
    """
    content = asdict(record) | {"accuracy_interval": [0, 1]}  # until the accuracy is known to be one
    _validate(content, "this record")
    content["accuracy_interval"] = list(record.accuracy_interval)
    try:
        text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"config of this record holds what JSON cannot: {error}") from error
    folder = folder or mine()
    path = folder / record.file_name
    if path.exists() and _read(path).identity != record.identity:
        raise ValueError(
            f"{path.name} is the record of another run, {_read(path).identity}. Give this one another name."
        )
    folder.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text + "\n")
    Path(unfinished).chmod(0o644)
    Path(unfinished).replace(path)
    return path


def read(lesson: str | None = None, *folders: Path, experiment: str | None = "") -> list[Record]:
    """The records of all lessons or of one, or those of an experiment, in the order of their file names.

    None as `experiment` takes the records of lessons and of all experiments.

    Where both a shipped record and one of your own tell of the same run, yours is taken. `folders` replaces the two
    places; a later folder goes before an earlier one.

    Raises:
        ValueError: a file is no record; the message names the file and the field.
    """
    paths = {path.name: path for folder in folders or (SHIPPED, mine()) for path in folder.glob("*.json")}
    records = [_read(paths[name]) for name in sorted(paths)]
    return [record for record in records if lesson in (None, record.lesson) and experiment in (None, record.experiment)]


def table(records: Iterable[Record]) -> Table:
    """Records side by side, each beside its baseline and with its interval."""
    columns = [
        "task",
        "model",
        "data",
        "accuracy",
        "95 % interval",
        "baseline",
        "parameters",
        "operations",
        "spikes",
        "steps",
    ]
    return Table(
        columns,
        [
            (
                record.task,
                record.model,
                record.data["source"],
                f"{record.accuracy:.2%}",
                "{:.2%} to {:.2%}".format(*record.accuracy_interval),
                f"{record.baseline['accuracy']:.2%} ({record.baseline['name']})",
                f"{record.parameters:,}",
                f"{record.multiply_accumulates + record.accumulates:,.0f}",
                f"{record.spikes:,.0f}",
                record.time_steps,
            )
            for record in records
        ],
    )


def _read(path: Path) -> Record:
    text = path.read_bytes()
    _check(text, str(path))
    content = json.loads(text)
    del content["accuracy_interval"]  # follows from the accuracy
    return Record(**content)


@functools.cache  # a check takes ten times as long as reading, and tables read hundreds of records
def _check(text: bytes, name: str) -> None:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} is not JSON ({error}). Remove it, or run its lesson again.") from error
    _validate(content, name)


def _validate(content: object, name: str) -> None:
    error = jsonschema.exceptions.best_match(_VALIDATOR.iter_errors(content))
    if error is not None:
        where = "/".join(str(step) for step in error.absolute_path) or "the record"
        raise ValueError(f"{name} does not fit record.schema.json at {where}: {error.message}") from error
