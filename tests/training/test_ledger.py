"""Records of results: what is written comes back, what does not fit is named, and the committed ones are sound."""

import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.training import ledger
from course_utils.training.ledger import Described, Record, Table, accuracy_interval, read, table, versions, write

RECORD = Record(
    lesson="mnist_cnn", task="digits", model="CNN, 2 layers", seed=0,
    data={"source": "MNIST", "train": 8, "validation": 1, "test": 400},
    config={"epochs": 3, "learning_rate": 0.01, "layers": [6, 16]}, accuracy=0.99, curve={"loss": [0.5, 0.25]},
    baseline={"name": "nearest mean", "accuracy": 0.82}, parameters=12_345, dense=2e6, multiply_accumulates=1.5e6,
    measured={"seconds": 12.5},
)  # fmt: skip
PLACES = [{}, {"experiment": "digits-deep"}]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_what_is_written_is_read_again(tmp_path: Path, place: dict):
    record = replace(RECORD, **place)
    path = write(record, tmp_path / "new")
    assert read(None, tmp_path / "new", experiment=None) == [record]
    name = "experiments/digits-deep.jsonl" if place else "mnist_cnn.jsonl"
    assert path == tmp_path / "new" / name and path.read_text(encoding="utf-8").count("\n") == 2
    assert {file.name for file in path.parent.iterdir()} == {path.name, ".lock"}


def test_what_all_records_share_stands_once_and_comes_back(tmp_path: Path):
    others = [{"seed": 1}, {"config": RECORD.config | {"epochs": 9}}, {"config": {"epochs": 3.0}}, {"config": {}}]
    records = [replace(RECORD, model=f"model {number}", **other) for number, other in enumerate([{}, *others[:2]])]
    for record in reversed(records):
        path = write(record, tmp_path)
    header, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert header["config"] == {"learning_rate": 0.01, "layers": [6, 16]} and header["data"] == RECORD.data
    assert [line["config"] for line in lines] == [{"epochs": 3}, {"epochs": 3}, {"epochs": 9}]
    assert not any({"data", "lesson", "versions", "beside"} & line.keys() for line in lines), "nothing twice, no empty"
    assert read(None, tmp_path) == records, "sorted"
    records += [replace(RECORD, model=f"other {number}", **other) for number, other in enumerate(others[2:])]
    for record in records[-2:]:
        write(record, tmp_path)
    assert read(None, tmp_path) == records
    assert type(read(None, tmp_path)[3].config["epochs"]) is float
    bytes_before = path.read_bytes()
    write(records[1], tmp_path)
    assert path.read_bytes() == bytes_before


def test_a_lesson_and_an_experiment_read_their_own_records(tmp_path: Path):
    other, deep = replace(RECORD, lesson="stripe_snn"), replace(RECORD, experiment="stdp")
    for record in (RECORD, other, deep):
        write(record, tmp_path)
    assert read("stripe_snn", tmp_path) == [other]
    assert read(None, tmp_path) == [RECORD, other]
    assert read("pytorch_basics", tmp_path) == read(None, tmp_path / "missing") == []
    assert read(None, tmp_path, experiment="stdp") == read("mnist_cnn", tmp_path, experiment="stdp") == [deep]
    assert ledger.runs("stdp", tmp_path) == {("CNN, 2 layers", 0): deep}
    assert read("stripe_snn", tmp_path, experiment=None) == [other]
    assert len(read(None, tmp_path, experiment=None)) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"lesson": "x"},
        {"task": "clothes"},
        {"model": "MLP"},
        {"seed": 1},
        {"data": RECORD.data | {"source": "digits8x8"}},
    ],
    ids=str,
)
def test_a_repeated_run_replaces_its_own_record_and_no_other(tmp_path: Path, change: dict):
    other, repeated = replace(RECORD, **change), replace(RECORD, accuracy=0.95, config={"epochs": 9})
    for record in (RECORD, other, repeated):
        write(record, tmp_path)
    records = read(None, tmp_path)
    assert len(records) == 2 and repeated in records and other in records


def test_a_students_record_goes_before_the_shipped_one_and_leaves_it_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(ledger, "SHIPPED", tmp_path)
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "mine"))
    shipped, second = RECORD, replace(RECORD, seed=1)
    for record in (shipped, second):
        path = write(record, tmp_path)
    kept, own = path.read_bytes(), replace(RECORD, accuracy=0.5)
    assert write(own) == tmp_path / "mine" / path.name
    assert read("mnist_cnn") == [own, second] and path.read_bytes() == kept


def _write(seed_and_folder: tuple[int, Path]) -> None:
    write(replace(RECORD, seed=seed_and_folder[0]), seed_and_folder[1])


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path):
    with ProcessPoolExecutor(3) as processes:
        list(processes.map(_write, [(seed, tmp_path) for seed in range(12)]))
    assert [record.seed for record in read(None, tmp_path)] == list(range(12))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accuracy": 1.2}, "accuracy"),
        ({"accuracy": -0.1}, "accuracy"),
        ({"accuracy": math.nan}, "accuracy"),
        ({"accuracy": "0.9"}, "accuracy"),
        ({"spikes": math.inf}, "spikes"),
        ({"measured": {"seconds": math.nan}}, "measured/seconds"),
        ({"lesson": "MNIST"}, "lesson"),
        ({"lesson": "02_mnist_cnn"}, "lesson"),
        ({"model": ""}, "model"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"bits": 0}, "bits"),
        ({"versions": {}}, "versions"),
        ({"data": {"source": "MNIST", "train": 1, "validation": 1}}, "test"),
        ({"data": RECORD.data | {"test": 0}}, "data/test"),
        ({"data": RECORD.data | {"folds": 5}}, "folds"),
        ({"baseline": {"name": "guess", "accuracy": 10}}, "baseline/accuracy"),
        ({"config": {"loss": math.nan}}, "config"),
        ({"config": {"model": object()}}, "config"),
    ],
    ids=str,
)
def test_a_record_that_does_not_fit_is_refused_by_the_field(tmp_path: Path, change: dict, field: str):
    with pytest.raises(ValueError) as caught:
        write(replace(RECORD, **change), tmp_path)
    assert field in str(caught.value)
    assert list(tmp_path.iterdir()) == []


CONTENT = json.loads(json.dumps({name: getattr(RECORD, name) for name in ledger.SCHEMA["properties"]}))
DAMAGED = {
    "does not fit record.schema.json at accuracy": json.dumps(CONTENT | {"accuracy": 1.2}),
    "colour": json.dumps(CONTENT | {"colour": "red"}),
    "at data": json.dumps(CONTENT | {"data": 3}),
    **{
        f"'{name}' is a required property": json.dumps({key: value for key, value in CONTENT.items() if key != name})
        for name in ledger.SCHEMA["required"]
        if name not in ("lesson", "config")  # the header has the one, the other may be empty
    },
    "is not JSON": "{",
    "is not JSON of one object": json.dumps([CONTENT]),
    "is not JSON of": "\udcff",
    "not JSON": "",
    "is not JSON of one object (": "3",
}


@pytest.mark.parametrize("named", DAMAGED)
def test_a_damaged_line_is_named_and_left_alone(tmp_path: Path, named: str):
    path = tmp_path / "mnist_cnn.jsonl"
    lines = [json.dumps({"lesson": "mnist_cnn"}), json.dumps(CONTENT), DAMAGED[named], ""]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    content = path.read_bytes()
    for use in (lambda: read(None, tmp_path), lambda: write(RECORD, tmp_path)):
        with pytest.raises(ValueError) as caught:
            use()
        assert str(caught.value).startswith(f"{path}, line 3, ") and named in str(caught.value)
    assert path.read_bytes() == content and read("stripe_snn", tmp_path) == []


def test_an_empty_file_is_named(tmp_path: Path):
    (tmp_path / "broken.jsonl").touch()
    with pytest.raises(ValueError, match=r"broken\.jsonl, line 1, is not JSON"):
        read(None, tmp_path)


# --- the interval -------------------------------------------------------------------------------------------------


@given(st.integers(1, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_solves_wilsons_equation(right_and_count):
    right, count = right_and_count
    p, z = right / count, 1.959963984540054
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    assert accuracy_interval(p, count) == pytest.approx((middle - half, middle + half), abs=1e-9)


@pytest.mark.parametrize(("accuracy", "count"), [(1.1, 10), (-0.1, 10), (0.5, 0)])
def test_an_interval_of_nothing_is_refused(accuracy: float, count: int):
    with pytest.raises(ValueError, match=f"accuracy is {accuracy} of {count} samples"):
        accuracy_interval(accuracy, count)


# --- as a table ---------------------------------------------------------------------------------------------------


def test_a_table_has_a_row_a_record_and_shows_as_markdown():
    records = [RECORD, replace(RECORD, model="SNN", accuracy=0.5, spikes=1234.4, accumulates=1000, time_steps=20)]
    shown = table(records)
    assert len(shown.rows) == 2 and all(len(row) == len(shown.columns) for row in shown.rows)
    assert dict(zip(shown.columns, shown.rows[1], strict=True)) == {
        "task": "digits", "model": "SNN", "data": "MNIST", "accuracy": "50.00%", "95 % interval": "45.12% to 54.88%",
        "baseline": "82.00% (nearest mean)", "parameters": "12,345", "operations": "1,501,000", "spikes": "1,234",
        "steps": "20",
    }  # fmt: skip
    lines = shown._repr_markdown_().splitlines()
    assert len(lines) == 4 and set(lines[1]) <= set("| -")
    assert {line.count("|") for line in lines} == {len(shown.columns) + 1}
    assert "SNN" in repr(shown) and len(repr(shown).splitlines()) == 3
    assert len(Table(["a", "b"], [])._repr_markdown_().splitlines()) == 2


def test_the_table_of_an_experiment_says_what_was_not_run(tmp_path: Path):
    with pytest.raises(ValueError, match="experiment is 'two-models'"):
        ledger.runs_table("two-models", None, tmp_path)
    ledger.describe("two-models", Described("for a test", ["b", "a"], [0, 1]), tmp_path)
    assert ledger.experiments(tmp_path) == {"two-models": ("for a test", ["b", "a"], [0, 1])}
    write(replace(RECORD, experiment="two-models", model="b", seed=1), tmp_path)
    shown = ledger.runs_table("two-models", None, tmp_path)
    assert shown.columns == ["model", "seed 0", "seed 1", "lowest", "mean", "baseline, mean"]
    assert shown.rows[0] == ["b", "not run", "99.00%", "99.00%", "99.00%", "82.00% (nearest mean)"]
    assert shown.rows[1] == ["a", "not run", "not run", "", "", ""]
    assert [row[0] for row in ledger.runs_table("two-models", ["a"], tmp_path).rows] == ["a"]


def test_versions_are_those_installed():
    assert versions("numpy") == {"numpy": np.__version__}


# --- the records of this course -----------------------------------------------------------------------------------

SHIPPED = [path.relative_to(ledger.SHIPPED) for path in ledger._paths([ledger.SHIPPED], None, None)]


@pytest.mark.parametrize("name", SHIPPED, ids=str)
def test_the_shipped_records_are_sound_and_written_as_the_ledger_writes(name: Path, tmp_path: Path):
    copy = tmp_path / name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes((ledger.SHIPPED / name).read_bytes())
    records = read(None, tmp_path, experiment=None)
    for record in records:
        assert copy.stem == (record.experiment or record.lesson)
        assert record.accuracy_interval[0] <= record.accuracy <= record.accuracy_interval[1]
        assert record.accumulates + record.multiply_accumulates <= record.dense
    for record in records[:1]:
        write(record, tmp_path)
    assert copy.read_bytes() == (ledger.SHIPPED / name).read_bytes()


def test_the_figures_of_the_course_are_what_they_were():
    """How many runs, and the sum of their accuracies: who changes one by mistake, or how it is read, hears of it."""
    for experiment, wanted in {
        "stripes-plain": (40, 39.0085),
        "patches-hard": (35, 30.338),
        "stdp": (35, 25.6045),
        "chip-bits": (70, 69.808),
        "chip-mismatch": (42, 41.115),
        "loihi": (25, 22.394),
        "energy": (30, 28.4985),
        "xylo": (30, 27.722),
    }.items():
        found = ledger.runs(experiment, ledger.SHIPPED).values()
        assert (len(found), pytest.approx(sum(record.accuracy for record in found))) == wanted, experiment
