"""Records of results: what is written comes back, what does not fit is named, and the committed ones are sound."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.training import ledger
from course_utils.training.ledger import Record, Table, accuracy_interval, read, table, versions, write

RECORD = Record(
    lesson="mnist_cnn", task="digits", model="CNN, 2 layers", seed=0,
    data={"source": "MNIST", "train": 8, "validation": 1, "test": 400},
    config={"epochs": 3, "learning_rate": 0.01, "layers": [6, 16]}, accuracy=0.99,
    baseline={"name": "nearest mean", "accuracy": 0.82}, parameters=12_345, dense=2e6, multiply_accumulates=1.5e6,
)  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path):
    path = write(RECORD, tmp_path / "new")
    assert read(None, tmp_path / "new") == [RECORD]
    assert json.loads(path.read_text(encoding="utf-8"))["accuracy_interval"] == list(RECORD.accuracy_interval)
    assert list(path.parent.iterdir()) == [path]


def test_a_lesson_reads_its_own_records(tmp_path: Path):
    other = replace(RECORD, lesson="stripe_snn")
    for record in (RECORD, other):
        write(record, tmp_path)
    assert read("stripe_snn", tmp_path) == [other]
    assert read(None, tmp_path) == [RECORD, other]
    assert read("pytorch_basics", tmp_path) == []
    assert read(None, tmp_path / "missing") == []


@pytest.mark.parametrize(
    "change",
    [
        {"lesson": "03_x"},
        {"task": "clothes"},
        {"model": "MLP"},
        {"seed": 1},
        {"data": RECORD.data | {"source": "digits8x8"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_repeated_run_replaces_its_own_record_and_no_other(tmp_path: Path, change: dict):
    other, repeated = replace(RECORD, **change), replace(RECORD, accuracy=0.95, config={"epochs": 9})
    for record in (RECORD, other, repeated):
        write(record, tmp_path)
    records = read(None, tmp_path)
    assert len(records) == 2
    assert repeated in records
    assert other in records


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accuracy": 1.2}, "accuracy"),
        ({"accuracy": -0.1}, "accuracy"),
        ({"accuracy": math.nan}, "accuracy"),
        ({"accuracy": "0.9"}, "accuracy"),
        ({"spikes": math.inf}, "spikes"),
        ({"lesson": "MNIST"}, "lesson"),
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


def remove(content: dict, field: str) -> dict:
    return {name: value for name, value in content.items() if name != field}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: content | {"accuracy": 1.2}, "at accuracy"),
        (lambda content: content | {"colour": "red"}, "colour"),
        (lambda content: [content], "the record"),
        *[(lambda content, field=field: remove(content, field), field) for field in ledger.SCHEMA["required"]],
    ],
)
def test_a_file_that_does_not_fit_is_named_with_the_field(tmp_path: Path, change, named: str):
    path = write(RECORD, tmp_path)
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        read(None, tmp_path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_not_json_is_named_and_left_alone(tmp_path: Path, content: bytes):
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.json is not JSON"):
        read(None, tmp_path)
    assert (tmp_path / "broken.json").read_bytes() == content


# --- the interval -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(9_900, 10_000, 0.98786, 0.99177), (0, 10, 0, 0.27753), (10, 10, 0.72247, 1), (5, 10, 0.23659, 0.76341)],
)
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float):
    assert accuracy_interval(right / count, count) == pytest.approx((low, high), abs=1e-5)


@given(st.integers(1, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_solves_wilsons_equation(right_and_count):
    right, count = right_and_count
    p, z = right / count, 1.959963984540054
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    assert accuracy_interval(p, count) == pytest.approx((middle - half, middle + half), abs=1e-9)


# --- as a table ---------------------------------------------------------------------------------------------------


def test_a_table_has_a_row_a_record_and_shows_as_markdown():
    records = [RECORD, replace(RECORD, model="SNN", accuracy=0.5, spikes=1234.4, accumulates=1000, time_steps=20)]
    shown = table(records)
    assert len(shown.rows) == 2
    assert all(len(row) == len(shown.columns) for row in shown.rows)
    assert dict(zip(shown.columns, shown.rows[1], strict=True)) == {
        "task": "digits", "model": "SNN", "data": "MNIST", "accuracy": "50.00%", "95 % interval": "45.12% to 54.88%",
        "baseline": "82.00% (nearest mean)", "parameters": "12,345", "operations": "1,501,000", "spikes": "1,234",
        "steps": "20",
    }  # fmt: skip
    lines = shown._repr_markdown_().splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(shown.columns) + 1}
    assert set(lines[1]) <= set("| -")
    assert "SNN" in repr(shown)
    assert len(repr(shown).splitlines()) == 3


def test_an_empty_table_still_has_its_head():
    assert len(Table(["a", "b"], [])._repr_markdown_().splitlines()) == 2


def test_versions_are_those_installed():
    import numpy as np

    assert versions("numpy") == {"numpy": np.__version__}


# --- the records of this course -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(ledger.SHIPPED.glob("*.json")), ids=lambda path: path.name)
def test_a_record_of_the_course_is_sound(path: Path, tmp_path: Path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    content = json.loads(path.read_text(encoding="utf-8"))
    (record,) = read(None, tmp_path, experiment=content.get("experiment", ""))
    assert path.name == record.file_name
    written = content["accuracy_interval"]
    assert written == pytest.approx(record.accuracy_interval)
    assert written[0] <= record.accuracy <= written[1]
    assert record.accumulates + record.multiply_accumulates <= record.dense


def test_a_record_of_another_run_is_not_replaced(tmp_path: Path):
    first = replace(RECORD, model="γ = 0.5")
    kept = write(first, tmp_path).read_bytes()
    with pytest.raises(ValueError, match="is the record of another run"):
        write(replace(RECORD, model="β = 0.5"), tmp_path)
    assert (tmp_path / first.file_name).read_bytes() == kept
