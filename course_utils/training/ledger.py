"""The results of the course: a line of JSON a record, written by the run that measured it, read by tables.

A lesson's records stand in `<topic>.jsonl`, an experiment's in `experiments/<name>.jsonl`. The first line of a file is
its header: what all its records share, and of an experiment what it is about, its models and its seeds. Each record
ends with its sum, so that an altered digit is no result.
"""

import importlib.metadata
import json
import math
import re
import statistics
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from course_utils.classroom.tables import Table
from course_utils.data.files import naming, read_bytes, writing
from course_utils.data.locate import COURSE_ROOT
from course_utils.data.locate import results_folder as mine
from course_utils.data.require import guarded

SHIPPED = COURSE_ROOT / "data" / "results"
SCHEMA = json.loads(Path(__file__).with_name("record.schema.json").read_text(encoding="utf-8"))
_SHARED = ("lesson", "experiment", "task", "data", "config", "versions", "bits", "time_steps", "parameters")
_ABOUT = ("about", "models", "seeds")  # these stand in a header only


@guarded
def accuracy_interval(accuracy: float, count: int) -> tuple[float, float]:
    """Both ends, 0 to 1, of the 95 % Wilson interval of an accuracy on `count` samples, 1 or more.

    (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927.)
    """
    if not 0 <= accuracy <= 1 or count < 1:
        raise ValueError(f"accuracy is {accuracy} of {count} samples; it must lie between 0 and 1, of 1 sample or more")
    from scipy.stats import binomtest  # takes longer to import than all of this package

    interval = binomtest(round(accuracy * count), count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of these packages; PackageNotFoundError: one of them is not installed."""
    return {package: importlib.metadata.version(package) for package in packages}


@dataclass(frozen=True)
class Record:
    """One measured result. `record.schema.json` says what each field means and may hold."""

    lesson: str
    task: str
    data: Mapping[str, Any]
    config: Mapping[str, Any]
    accuracy: float
    baseline: Mapping[str, Any]
    parameters: int
    dense: float
    multiply_accumulates: float
    model: str = ""  # an experiment fills in the model and the seed
    seed: int = 0
    accumulates: float = 0.0
    spikes: float = 0.0
    time_steps: int = 1
    bits: int = 32
    versions: Mapping[str, str] = field(default_factory=lambda: versions("torch"))
    experiment: str = ""
    beside: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, from the size of the test set."""
        return accuracy_interval(self.accuracy, self.data["test"])

    @property
    def identity(self) -> tuple[str, str, str, str, str, int]:
        """What makes this run another one than the rest. A repeated run replaces its own record."""
        lesson = "" if self.experiment else self.lesson
        return self.experiment, lesson, self.task, self.model, self.data["source"], self.seed


class Described(NamedTuple):
    """What a header says of an experiment: one line for a list, its models in the order of tables, their seeds."""

    about: str
    models: Sequence[str]
    seeds: Sequence[int]


def write(record: Record, folder: Path | None = None) -> Path:
    """Check a record and write it into its file in a folder, that of your own results if none is given.

    Raises:
        ValueError: the record does not fit the schema, or the file is damaged; the message names the field or the line.
            Nothing is written.
        CannotWrite: the folder cannot be written. Name another one in the environment variable COURSE_RESULTS.
    """
    _check(asdict(record), "this record")
    try:
        _text(record.config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"config of this record holds what JSON cannot: {error}") from error
    path = _path(folder or mine(), record.lesson, record.experiment)
    with _rewriting(path) as (_, records):
        records[record.identity] = record
    return path


def describe(experiment: str, described: Described, folder: Path | None = None) -> None:
    """Say in the experiment's file what it is about, so that its tables know what was not run."""
    with _rewriting(_path(folder or mine(), "", experiment)) as (header, _):
        header.update(described._asdict(), experiment=experiment)


def experiments(*folders: Path) -> dict[str, Described]:
    """What the headers say of all experiments, by name; a shipped one goes first. `folders` as in `read`."""
    found = {}
    for path in sorted(_paths(folders, "", None), key=lambda path: path.stem):
        header = _lines(path)[0]
        if header.get("experiment", path.stem) != path.stem:
            continue
        found.setdefault(path.stem, Described(*(header.get(name, ()) for name in _ABOUT)))
    return found


def read(lesson: str | None = None, *folders: Path, experiment: str | None = "") -> list[Record]:
    """The records of all lessons or of one, or those of an experiment, ordered by task, model, data and seed.

    None as `experiment` takes the records of lessons and of all experiments. Where both a shipped record and one of
    your own tell of the same run, yours is taken. `folders` replaces the two places; a later one goes before an earlier
    one. A line that is no record is refused by a `ValueError` with the file, the line and the field.
    """
    records = {}
    for path in _paths(folders, lesson, experiment):
        records |= _load(path)[1]
    return [record for _, record in sorted(records.items()) if lesson in (None, record.lesson)]


def runs(experiment: str, *folders: Path) -> dict[tuple[str, int], Record]:
    """What an experiment has measured so far, by model and seed. `folders` as in `read`."""
    return {(record.model, record.seed): record for record in read(None, *folders, experiment=experiment)}


def runs_table(experiment: str, models: Sequence[str] | None = None, *folders: Path) -> Table:
    """Accuracies of the test sets, a row a model, a column a seed; then the lowest, the mean, the baseline's mean.

    A run without a record says "not run". `models` picks rows; `folders` as in `read`.
    """
    known = experiments(*folders)
    if experiment not in known:
        raise ValueError(f"experiment is {experiment!r}; known are {', '.join(known)}")
    records, seeds = runs(experiment, *folders), known[experiment].seeds
    rows = []
    for model in models or known[experiment].models:
        found = {seed: records[model, seed] for seed in seeds if (model, seed) in records}
        cells = [f"{found[seed].accuracy:.2%}" if seed in found else "not run" for seed in seeds]
        for measure in (min, statistics.mean):
            cells.append(f"{measure(record.accuracy for record in found.values()):.2%}" if found else "")
        baselines = [record.baseline for record in found.values()]
        mean = statistics.mean(baseline["accuracy"] for baseline in baselines) if found else 0
        rows.append((model, *cells, f"{mean:.2%} ({baselines[0]['name']})" if found else ""))
    return Table(["model", *(f"seed {seed}" for seed in seeds), "lowest", "mean", "baseline, mean"], rows)


def table(records: Iterable[Record]) -> Table:
    """Records side by side, each beside its baseline and with its interval."""
    columns: dict[str, Callable[[Record], object]] = {
        "task": lambda record: record.task,
        "model": lambda record: record.model,
        "data": lambda record: record.data["source"],
        "accuracy": lambda record: f"{record.accuracy:.2%}",
        "95 % interval": lambda record: "{:.2%} to {:.2%}".format(*record.accuracy_interval),
        "baseline": lambda record: "{accuracy:.2%} ({name})".format(**record.baseline),
        "parameters": lambda record: f"{record.parameters:,}",
        "operations": lambda record: f"{record.multiply_accumulates + record.accumulates:,.0f}",
        "spikes": lambda record: f"{record.spikes:,.0f}",
        "steps": lambda record: record.time_steps,
    }
    return Table(list(columns), [[show(record) for show in columns.values()] for record in records])


# --- files ----------------------------------------------------------------------------------------------------------


def _path(folder: Path, lesson: str, experiment: str) -> Path:
    return folder / "experiments" / f"{experiment}.jsonl" if experiment else folder / f"{lesson}.jsonl"


def _paths(folders: Sequence[Path], lesson: str | None, experiment: str | None) -> Iterator[Path]:
    """The files in these folders, or where records are kept, of a lesson or an experiment; None is all, "" is none."""
    for folder in folders or (SHIPPED, mine()):
        if not experiment and lesson != "":
            yield from _original(folder.glob(f"{lesson or '*'}.jsonl"))
        if experiment != "":
            yield from _original(folder.glob(f"experiments/{experiment or '*'}.jsonl"))


def _original(paths: Iterable[Path]) -> list[Path]:
    """Without the copies that browsers, file managers and synchronisation make: `x (1).jsonl`, `._x.jsonl`."""
    return sorted(path for path in paths if re.fullmatch(r"[a-z0-9_-]+", path.stem))


@contextmanager
def _rewriting(path: Path) -> Iterator[tuple[dict, dict[tuple, Record]]]:
    """Header and records of a file, to be changed; then all of it is written, or nothing. One process at a time."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # writing takes far less than a minute: who waits longer should hear of it
        held = FileLock(path.parent / ".lock", timeout=60).acquire()
    with held:
        header, records = _load(path) if path.exists() else ({}, {})
        yield header, records
        entries = [_entries(_told(record)) for _, record in sorted(records.items())]
        shared = {
            place: value
            for place, value in (entries[0] if entries else {}).items()
            if place[0] in _SHARED and all(place in other and _text(other[place]) == _text(value) for other in entries)
        }
        kept = {name: header[name] for name in (*_ABOUT, "experiment") if name in header}
        lines = [kept | _content(shared)]
        for one in entries:
            lines.append(_content({place: one[place] for place in one if place not in shared}) | {"sum": _sum(one)})
        with writing(path) as part:
            part.write_text("".join(_text(line) + "\n" for line in lines), encoding="utf-8", newline="\n")


def _load(path: Path) -> tuple[dict, dict[tuple, Record]]:
    """Header and records of a file, the records by identity."""
    header, *lines = _lines(path)
    if "accuracy" in header:
        raise ValueError(f"{path}, line 1, is a record; the header that stood before it is missing. Restore the file.")
    shared = _entries({name: value for name, value in header.items() if name not in _ABOUT})
    records = {}
    for number, line in enumerate(lines, start=2):
        noted = line.pop("sum", None)
        content = {"config": {}} | _content(shared | _entries(line))
        _check_text(_text(content), f"{path}, line {number},")
        record = Record(**content)
        if noted not in (None, _sum(_entries(_told(record)))):  # a record from before there were sums has none
            raise ValueError(
                f"{path}, line {number}, or the header, was altered after it was written: its sum is another. "
                "Restore the file; or remove the line, and run what wrote it again."
            )
        if path.stem == (record.experiment or record.lesson):  # else the file is a copy under another name
            records[record.identity] = record
    return header, records


def _lines(path: Path) -> list[dict]:
    """The objects that a file holds, the header first."""
    found = []
    for number, line in enumerate(read_bytes(path).splitlines() or [b""], start=1):
        try:
            found.append(dict(json.loads(line)))
        except (TypeError, ValueError) as error:
            remedy = "Remove the line" if number > 1 else "It is the file's header; remove the file"
            raise ValueError(
                f"{path}, line {number}, is not JSON of one object ({error}). {remedy}, and run what wrote it again."
            ) from error
    return found


def _told(record: Record) -> dict[str, Any]:
    """The fields of a record, without those that may be missing and say nothing."""
    return {name: value for name, value in asdict(record).items() if value or name in SCHEMA["required"]}


def _entries(content: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """Each value of a record, or of a mapping in it, by its place."""
    entries = {}
    for name, value in content.items():
        entries |= {(name, key): inner for key, inner in value.items()} if isinstance(value, dict) else {(name,): value}
    return entries


def _sum(entries: Mapping[tuple[str, ...], Any]) -> str:
    """The CRC-32 of a record, in eight hexadecimal digits."""
    return f"{zlib.crc32(_text(_content(entries)).encode()):08x}"


def _content(entries: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """What `_entries` took apart."""
    content = {}
    for (name, *key), value in entries.items():
        content |= {name: content.get(name, {}) | {key[0]: value}} if key else {name: value}
    return content


@cache  # made once: `jsonschema.validate` checks the schema anew for every record
def _validator() -> Any:
    from jsonschema import Draft202012Validator, validators  # only who reads or writes records waits for it

    # Python's own reader and jsonschema would let NaN and infinity pass as numbers.
    types = Draft202012Validator.TYPE_CHECKER
    finite = types.redefine("number", lambda _, value: types.is_type(value, "number") and math.isfinite(value))
    return validators.extend(Draft202012Validator, type_checker=finite)(SCHEMA)


def _check(content: object, name: str) -> None:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(content))
    if error is not None:
        where = "/".join(str(step) for step in error.absolute_path) or "the record"
        raise ValueError(f"{name} does not fit record.schema.json at {where}: {error.message}") from error


@cache  # a check takes ten times as long as reading, and tables read hundreds of records
def _check_text(text: str, name: str) -> None:
    _check(json.loads(text), name)


def _text(content: object) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
