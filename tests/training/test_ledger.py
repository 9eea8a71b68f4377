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

from course_utils.data.files import CannotWrite
from course_utils.training import ledger
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Described, Record, accuracy_interval, read, write

DATA = {"source": "MNIST", "train": 8, "validation": 1, "test": 400}
CONFIG = {"epochs": 3, "learning_rate": 0.01, "layers": [6, 16]}
RECORD = Record(
    lesson="mnist_cnn", task="digits", model="CNN, 2 layers", data=DATA, config=CONFIG, accuracy=0.99,
    baseline={"name": "nearest mean", "accuracy": 0.82}, parameters=12_345, dense=2e6, multiply_accumulates=1.5e6,
    measured={"seconds": 12.5}, curve={"loss": [0.5, 0.25]},
)  # fmt: skip
CONTENT = json.loads(json.dumps({name: getattr(RECORD, name) for name in ledger.SCHEMA["properties"]}))


def test_what_is_written_is_read_again_and_what_records_share_stands_once(tmp_path: Path):
    configs = [CONFIG, CONFIG, CONFIG | {"epochs": 9}]
    records = [replace(RECORD, seed=seed, config=config) for seed, config in enumerate(configs)]
    for record in reversed(records):
        path = write(record, tmp_path / "new")
    assert read(None, tmp_path / "new") == records, "sorted"
    assert {file.name for file in path.parent.iterdir()} == {"mnist_cnn.jsonl", ".lock"}
    header, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert header["config"] == {"learning_rate": 0.01, "layers": [6, 16]} and header["data"] == DATA
    assert [line["config"] for line in lines] == [{"epochs": 3}, {"epochs": 3}, {"epochs": 9}]
    assert not any({"data", "lesson", "versions", "beside"} & line.keys() for line in lines), "nothing twice, no empty"
    records += [replace(RECORD, seed=3, config={"epochs": 3.0}), replace(RECORD, seed=4, config={})]
    for record in records[3:]:
        write(record, tmp_path / "new")
    assert read(None, tmp_path / "new") == records and type(read(None, tmp_path / "new")[3].config["epochs"]) is float


def test_records_of_before_there_were_sums_are_read_and_get_theirs(tmp_path: Path):
    path = write(RECORD, tmp_path)
    with_sum = path.read_text(encoding="utf-8")
    header, line = map(json.loads, with_sum.splitlines())
    del line["sum"]
    path.write_text(f"{json.dumps(header)}\n{json.dumps(line)}\n", encoding="utf-8")
    assert read(None, tmp_path) == [RECORD]
    write(RECORD, tmp_path)
    assert path.read_text(encoding="utf-8") == with_sum


def test_a_lesson_and_an_experiment_read_their_own_records(tmp_path: Path):
    other, deep = replace(RECORD, lesson="stripe_snn"), replace(RECORD, experiment="stdp")
    for record in (RECORD, other):
        write(record, tmp_path)
    assert write(deep, tmp_path) == tmp_path / "experiments" / "stdp.jsonl"
    assert read("stripe_snn", tmp_path) == read("stripe_snn", tmp_path, experiment=None) == [other]
    assert read(None, tmp_path) == [RECORD, other]
    assert read("pytorch_basics", tmp_path) == read(None, tmp_path / "missing") == []
    assert read(None, tmp_path, experiment="stdp") == read("mnist_cnn", tmp_path, experiment="stdp") == [deep]
    assert ledger.runs("stdp", tmp_path) == {("CNN, 2 layers", 0): deep}
    assert len(read(None, tmp_path, experiment=None)) == 3


OTHERS = {"lesson": "x", "task": "clothes", "model": "MLP", "seed": 1, "data": DATA | {"source": "digits8x8"}}


@pytest.mark.parametrize("field", OTHERS)
def test_a_repeated_run_replaces_its_own_record_and_no_other(tmp_path: Path, field: str):
    other, repeated = replace(RECORD, **{field: OTHERS[field]}), replace(RECORD, accuracy=0.95, config={"epochs": 9})
    for record in (RECORD, other, repeated):
        write(record, tmp_path)
    records = read(None, tmp_path)
    assert len(records) == 2 and repeated in records and other in records


def test_a_students_record_goes_before_the_shipped_one_and_leaves_it_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(ledger, "SHIPPED", tmp_path)
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "mine"))
    second, own = replace(RECORD, seed=1), replace(RECORD, accuracy=0.5)
    for record in (RECORD, second):
        path = write(record, tmp_path)
    kept = path.read_bytes()
    assert write(own) == tmp_path / "mine" / path.name
    assert read("mnist_cnn") == [own, second] and path.read_bytes() == kept


def test_own_records_go_to_the_folder_that_the_environment_names(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # what "~" means on Windows
    own = ledger.SHIPPED / "mine"  # so that the shipped records stay as they are
    for named, folder in ((None, own), ("", own), (" ", own), ("~/own", tmp_path / "own"), ("own", Path("own"))):
        monkeypatch.delenv("COURSE_RESULTS", raising=False)
        if named is not None:
            monkeypatch.setenv("COURSE_RESULTS", named)
        assert ledger.mine() == folder


def test_copies_and_what_systems_leave_count_once_and_a_byte_order_mark_is_no_damage(tmp_path: Path):
    path = write(RECORD, tmp_path)
    older = path.read_bytes()
    newer = replace(RECORD, accuracy=0.5)
    write(newer, tmp_path)
    for name in ("mnist_cnn (1)", "mnist_cnn - Copy", "mnist_cnn-conflict", "mnist_cnn_copy", "MNIST_CNN"):
        (tmp_path / f"{name}.jsonl").write_bytes(older)
    (tmp_path / "._mnist_cnn.jsonl").write_bytes(b"\0\5\x16")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(None, tmp_path) == [newer]
    write(replace(RECORD, experiment="two-models"), tmp_path)
    made = tmp_path / "experiments" / "two-models.jsonl"
    made.with_stem("two-models-2").write_bytes(made.read_bytes())
    assert set(ledger.experiments(tmp_path)) == {"two-models"} and len(read(None, tmp_path, experiment=None)) == 2


def test_a_folder_that_cannot_be_written_is_named_and_an_experiment_finds_out_beforehand(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotWrite, match=r"mnist_cnn\.jsonl cannot be written: .*Choose a folder"):
        write(RECORD, tmp_path / "file")
    trained = []
    experiment = Experiment(
        "two-models", "for a test", {"a": lambda seed, checkpoint: trained.append(seed)}, seeds=(0,)
    )
    with pytest.raises(CannotWrite, match=r"file.* cannot be written"):
        list(experiment.run(tmp_path / "file"))
    assert trained == [] and (tmp_path / "file").read_text() == "mine"


def write_seed(seed: int, folder: Path) -> None:
    write(replace(RECORD, seed=seed), folder)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path):
    with ProcessPoolExecutor(3) as processes:
        list(processes.map(write_seed, range(12), [tmp_path] * 12))
    assert [record.seed for record in read(None, tmp_path)] == list(range(12))


# --- what does not fit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *[({"accuracy": wrong}, "accuracy") for wrong in (1.2, -0.1, math.nan, "0.9")],
        ({"spikes": math.inf}, "spikes"), ({"measured": {"seconds": math.nan}}, "measured/seconds"),
        *[({"lesson": wrong}, "lesson") for wrong in ("MNIST", "02_mnist")], ({"experiment": "A b"}, "experiment"),
        ({"model": ""}, "model"), ({"seed": -1}, "seed"), ({"seed": 0.5}, "seed"), ({"bits": 0}, "bits"),
        ({"versions": {}}, "versions"), ({"data": DATA | {"test": 0}}, "data/test"), ({"data": DATA | {"f": 5}}, "'f'"),
        ({"data": {"source": "MNIST", "train": 1, "validation": 1}}, "test"),
        ({"baseline": {"name": "guess", "accuracy": 10}}, "baseline/accuracy"),
        ({"config": {"loss": math.nan}}, "config"), ({"config": {"model": object()}}, "config"),
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_does_not_fit_is_refused_by_the_field(tmp_path: Path, change: dict, field: str):
    with pytest.raises(ValueError) as caught:
        write(replace(RECORD, **change), tmp_path)
    assert field in str(caught.value)
    assert list(tmp_path.iterdir()) == []


WHOLE = CONTENT | {"sum": ledger._sum(ledger._entries(ledger._told(RECORD)))}
DAMAGED = [
    (json.dumps(WHOLE | {"accuracy": 0.5}), "was altered after it was written"),
    (json.dumps(CONTENT | {"accuracy": 1.2}), "does not fit record.schema.json at accuracy"),
    (json.dumps(CONTENT | {"colour": "red"}), "colour"),
    (json.dumps(CONTENT | {"data": 3}), "at data"),
    *[(line, "is not JSON of one object") for line in ("", "{", "\udcff", "3", json.dumps([CONTENT]))],
    *[
        (json.dumps({key: value for key, value in CONTENT.items() if key != name}), f"'{name}' is a required property")
        for name in ledger.SCHEMA["required"]
        if name not in ("lesson", "config")  # the header has the one, the other may be empty
    ],
]


@pytest.mark.parametrize(("line", "named"), DAMAGED, ids=[named for _, named in DAMAGED])
def test_a_damaged_line_is_named_and_left_alone(tmp_path: Path, line: str, named: str):
    path = tmp_path / "mnist_cnn.jsonl"
    content = "\n".join([json.dumps({"lesson": "mnist_cnn"}), json.dumps(WHOLE), line, ""])
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    for use in (lambda: read(None, tmp_path), lambda: write(RECORD, tmp_path)):
        with pytest.raises(ValueError) as caught:
            use()
        assert str(caught.value).startswith(f"{path}, line 3, ") and named in str(caught.value)
    assert path.read_bytes() == content.encode("utf-8", "surrogateescape") and read("stripe_snn", tmp_path) == []
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"mnist_cnn\.jsonl, line 1, is not JSON.*header; remove the file"):
        read(None, tmp_path)
    path.write_text(json.dumps(CONTENT) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1, is a record; the header that stood before it is missing"):
        read(None, tmp_path)


# --- the interval, tables -----------------------------------------------------------------------------------------


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


def test_a_table_has_a_row_a_record_and_shows_as_markdown():
    shown = ledger.table([RECORD, replace(RECORD, model="SNN", accuracy=0.5, spikes=1234.4, time_steps=20)])
    assert dict(zip(shown.columns, shown.rows[1], strict=True)) == {
        "task": "digits", "model": "SNN", "data": "MNIST", "accuracy": "50.00%", "95 % interval": "45.12% to 54.88%",
        "baseline": "82.00% (nearest mean)", "parameters": "12,345", "operations": "1,500,000", "spikes": "1,234",
        "steps": "20",
    }  # fmt: skip
    lines = shown._repr_markdown_().splitlines()
    assert len(lines) == 4 and set(lines[1]) <= set("| -")
    assert {line.count("|") for line in lines} == {len(shown.columns) + 1}
    assert "SNN" in repr(shown) and len(repr(shown).splitlines()) == 3
    assert ledger.versions("numpy") == {"numpy": np.__version__}


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


# --- the records of this course -----------------------------------------------------------------------------------


def test_the_shipped_records_are_sound_and_written_as_the_ledger_writes(tmp_path: Path):
    for path in ledger._paths([ledger.SHIPPED], None, None):
        copy = tmp_path / path.relative_to(ledger.SHIPPED)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
        _, records = ledger._load(copy)
        for record in records.values():
            assert copy.stem == (record.experiment or record.lesson)
            assert record.accuracy_interval[0] <= record.accuracy <= record.accuracy_interval[1]
            assert record.accumulates + record.multiply_accumulates <= record.dense
        for record in list(records.values())[:1]:
            write(record, tmp_path)
        assert copy.read_bytes() == path.read_bytes(), path


def test_the_figures_of_the_course_are_what_they_were():
    """How many runs, and the sum of their accuracies: who changes one by mistake, or how it is read, hears of it."""
    wanted = {
        "stripes-plain": (40, 39.0085), "patches-hard": (90, 68.519), "stdp": (35, 25.6045), "chip-bits": (70, 69.808),
        "chip-mismatch": (42, 41.115), "loihi": (25, 22.394), "energy": (30, 28.4985), "xylo": (30, 27.722),
    }  # fmt: skip
    for name, (count, total) in wanted.items():
        found = [record.accuracy for record in ledger.runs(name, ledger.SHIPPED).values()]
        assert len(found) == count and sum(found) == pytest.approx(total), name
