"""What the sources report, as they print it, beside what was measured here."""

import shlex
from dataclasses import replace

import pytest

from course_utils.lessons.deep_spiking_convnets import experiment_hybrid, published
from course_utils.lessons.deep_spiking_convnets.experiment import EXPERIMENTS
from course_utils.training import ledger
from tests.lessons.test_overview import ANN

RECORD = replace(
    ANN, lesson="deep_spiking_convnets", experiment="cifar10-vgg9", task="CIFAR-10", model="here", config={"epochs": 3},
    data={"source": "CIFAR10, a part", "train": 9000, "validation": 1000, "test": 2000},
    baseline={"name": "linear classifier", "accuracy": 0.3},
)  # fmt: skip


def described(folder, *models: str, name: str = "cifar10-vgg9") -> None:
    ledger.describe(name, ledger.Described("", models, (0, 1)), folder)


def test_tables_are_as_printed_and_end_in_their_own_row() -> None:
    assert [len(rows) for rows in published.TABLES.values()] == [13, 14, 2, 13, 4, 5, 3]
    for name, rows in published.TABLES.items():
        assert rows[-1].author in ("Our Work", "This work"), name
        assert rows[-1].author not in [row.author for row in rows[:-1]], name
        assert all(row.accuracy is None or 50 < row.accuracy < 100 for row in rows), name
    table = published.printed("thesis 4.8, N-MNIST")
    assert table.rows[0] == ["Hunsberger and Eliasmith [23]", "Conversion", "–"]
    assert table.rows[-1][-1] == "99.44"
    with pytest.raises(ValueError, match=r"'table 7'.*talk, MNIST"):
        published.printed("table 7")


def test_the_sources_own_results() -> None:
    wanted = {
        "thesis 4.5, CIFAR-10": 90.95, "thesis 4.6, MNIST": 99.50, "thesis 4.7, SVHN": 96.06,
        "thesis 4.8, N-MNIST": 99.44, "talk, MNIST": 99.40, "talk, CIFAR-10": 90.20, "talk, CIFAR-100": 58.5,
    }  # fmt: skip
    assert {table: published.own(table) for table in published.TABLES} == wanted


def test_every_target_is_an_experiment_of_the_course() -> None:
    names = {experiment.name for experiment in (*EXPERIMENTS, *experiment_hybrid.EXPERIMENTS)}
    assert published.TARGETS.keys() <= names
    assert {row[0] for row in published.side_by_side(ledger.SHIPPED).rows} == published.TARGETS.keys()


def test_a_run_without_a_record_names_a_command_that_the_command_line_accepts(tmp_path) -> None:
    runs = {one.name: one.runs for one in EXPERIMENTS}
    for name, models in runs.items():
        described(tmp_path, *models, name=name)
    described(tmp_path, "x", name="an experiment without a figure of the sources")
    table = published.side_by_side(tmp_path)
    assert {(row[0], row[3]) for row in table.rows} == {
        (name, model) for name in published.TARGETS.keys() & runs for model in runs[name]
    }
    for name, thesis, talk, model, command, *rest in table.rows:
        words = shlex.split(command.removeprefix("not run: ").strip("`"))
        assert words == ["course-experiment", name, "--only", model] and rest == ["", ""]
        assert name != "cifar10-vgg9" or (thesis, talk) == ("90.45", "–")


def test_a_record_fills_its_row_with_its_data_and_baseline(tmp_path) -> None:
    described(tmp_path, "card", "here")
    for seed, accuracy in ((1, 0.7), (0, 0.5)):
        ledger.write(replace(RECORD, seed=seed, accuracy=accuracy), tmp_path)
    table = published.side_by_side(tmp_path)
    assert [row[3] for row in table.rows] == ["here", "card"], "what was measured comes first"
    accuracy, baseline, data = table.rows[0][4:]
    assert accuracy == "50.00% (47.81% to 52.19%)", "the first seed"
    assert baseline == "30.00% (linear classifier)"
    assert data == "CIFAR10, a part: 9,000 to learn from, 3 epochs, 2,000 for the test"
    assert table.rows[1][4].startswith("not run")
