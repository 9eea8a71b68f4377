"""Experiments: what is recorded is not run again, what was interrupted goes on, what was not run says so."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from course_utils.lessons.stripe_snn.experiment import RECIPES, Recipe, Splits
from course_utils.spiking.stripe_networks import FlatLIF
from course_utils.tools import experiment as command
from course_utils.training import ledger
from course_utils.training import loop as training
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record

RECORD = Record(
    lesson="stripe_snn", task="stripes", model="", seed=0, accuracy=0.9, baseline={"name": "rule", "accuracy": 0.8},
    data={"source": "drawn", "train": 8, "validation": 1, "test": 400}, config={}, parameters=3, dense=2,
    multiply_accumulates=1,
)  # fmt: skip


def counted(calls: list) -> Experiment:
    def run(model: str):
        def one(seed: int, checkpoint: Path) -> Record:
            calls.append((model, seed))
            return replace(RECORD, accuracy=0.9 + seed / 100)

        return one

    return Experiment("two-models", "for a test", {"a": run("a"), "b": run("b")}, seeds=(0, 1))


def test_every_run_is_recorded_once(tmp_path: Path):
    calls = []
    experiment = counted(calls)
    list(experiment.run(tmp_path, seeds=[1]))
    assert calls == [("a", 1), ("b", 1)]
    assert [(record.model, record.seed) for record in experiment.run(tmp_path)] == [("a", 0), ("b", 0)]
    assert list(experiment.run(tmp_path)) == []
    assert set(experiment.records(tmp_path)) == {("a", 0), ("a", 1), ("b", 0), ("b", 1)}
    assert ledger.read(None, tmp_path) == [], "a lesson's table shows no experiment unasked"


def test_the_table_says_what_was_not_run(tmp_path: Path):
    experiment = counted([])
    next(experiment.run(tmp_path, seeds=[1]))
    first, second = experiment.table(tmp_path).rows
    assert first == ["a", "not run", "91.00%", "91.00%", "91.00%", "80.00% (rule)"]
    assert second == ["b", "not run", "not run", "", "", ""]
    assert len(experiment.table(tmp_path).columns) == 6
    assert [row[0] for row in experiment.table(tmp_path, models=["b"]).rows] == ["b"]


def test_an_unknown_seed_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"seeds hold \[7\]; two-models has \[0, 1\]"):
        next(counted([]).run(tmp_path, seeds=[0, 7]))


SMALL = Recipe("stripe_snn", lambda images, seed: FlatLIF(scale=5, steps=10), epochs=3, learning_rate=1e-2, steps=10)


def test_an_interrupted_experiment_goes_on_and_ends_with_the_same_record(tmp_path: Path, monkeypatch):
    experiment = Experiment("small", "for a test", {"flat": partial(SMALL.record, "stripes", "flat")})
    (expected,) = experiment.run(tmp_path / "whole", seeds=[3])
    assert len(expected.curve["loss"]) == 3
    measure, calls = training.predict, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(training, "predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(experiment.run(tmp_path / "parts", seeds=[3]))
    assert ledger.read(None, tmp_path / "parts", experiment="small") == []
    assert list((tmp_path / "parts" / "unfinished").glob("*.pt"))
    monkeypatch.undo()
    (record,) = experiment.run(tmp_path / "parts", seeds=[3])
    assert record == expected
    assert not list((tmp_path / "parts" / "unfinished").iterdir())


def test_the_splits_share_no_image():
    splits = Splits.draw(0)
    parts = [part[0].flatten(1) for part in (splits.train, splits.validation, splits.test)]
    assert [len(part) for part in parts] == [2000, 500, 2000]
    assert len(torch.cat(parts).unique(dim=0)) == 4500
    assert all(0 <= part.min() <= part.max() <= 1 for part in parts)


@pytest.mark.parametrize("name", RECIPES)
def test_a_seed_fixes_a_model(name: str):
    images = Splits.draw(1).train[0]

    def scores() -> torch.Tensor:
        torch.manual_seed(1)
        return RECIPES[name].build(images, 1)(images[:8])

    assert torch.equal(scores(), scores())
    assert scores().shape == (8, 2)


def test_the_command_lists_and_refuses(capsys):
    command.main(["--list"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in command.EXPERIMENTS)
    for arguments in (["no-such"], ["stripes-plain", "--seeds", "9"]):
        with pytest.raises(SystemExit):
            command.main(arguments)
    assert "seeds hold [9]" in capsys.readouterr().err


def test_the_command_is_installed():
    installed = Path(sys.executable).with_name("course-experiment")
    answer = subprocess.run([installed, "--list"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "stripes-plain" in answer.stdout


def test_shipped_records_belong_to_runs_that_exist():
    shipped = [record for name in command.EXPERIMENTS for record in ledger.read(None, ledger.SHIPPED, experiment=name)]
    for record in shipped:
        experiment = command.EXPERIMENTS[record.experiment]
        assert record.model in experiment.runs
        assert record.seed in experiment.seeds
        if record.lesson != "vehicles":  # its first records were written without their curves
            assert len(record.curve.get("loss", [])) == record.config.get("epochs", 0)
