"""Experiments: what is recorded is not run again, what was interrupted goes on, what was not run says so."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils import lessons
from course_utils.lessons.stripe_snn import experiment as stripes
from course_utils.lessons.stripe_snn.experiment import ON_PLAIN, Recipe
from course_utils.lessons.stripe_snn.tasks import PLAIN
from course_utils.spiking.stripe_networks import FlatLIF
from course_utils.tools import experiment as command
from course_utils.training import ledger
from course_utils.training.counting import Operations
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.loop import accuracy
from course_utils.training.measuring import Split, measured, real

RECORD = Record(
    lesson="stripe_snn", task="stripes", accuracy=0.9, baseline={"name": "rule", "accuracy": 0.8}, config={},
    data={"source": "drawn", "train": 8, "validation": 1, "test": 400}, parameters=3, dense=2, multiply_accumulates=1,
)  # fmt: skip


def counted(calls: list, **options) -> Experiment:
    def one(model: str, seed: int, checkpoint: Path) -> Record:
        calls.append((model, seed))
        return replace(RECORD, accuracy=0.9 + seed / 100)

    return Experiment("two-models", "for a test", {name: partial(one, name) for name in "ab"}, seeds=(0, 1), **options)


def test_every_run_is_recorded_once(tmp_path: Path):
    calls = []
    experiment = counted(calls)
    list(experiment.run(tmp_path, seeds=[1]))
    assert calls == [("a", 1), ("b", 1)]
    assert [(record.model, record.seed) for record in experiment.run(tmp_path)] == [("a", 0), ("b", 0)]
    assert list(experiment.run(tmp_path)) == []
    assert set(ledger.runs("two-models", tmp_path)) == {("a", 0), ("a", 1), ("b", 0), ("b", 1)}
    assert ledger.read(None, tmp_path) == [], "a lesson's table shows no experiment unasked"
    for wrong, words in (({"seeds": [7]}, "seeds hold [7]; two-models has [0, 1]"),
                         ({"models": ["c"]}, "models hold ['c']; two-models has ['a', 'b']")):  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(words)):
            next(experiment.run(tmp_path, **wrong))


SMALL = Recipe("stripe_snn", PLAIN, lambda images, seed: FlatLIF(scale=5, steps=10), 3, 1e-2, steps=10)


def test_an_interrupted_experiment_goes_on_and_ends_with_the_same_record(tmp_path: Path, monkeypatch):
    experiment = Experiment("small", "for a test", {"flat": SMALL})
    (expected,) = experiment.run(tmp_path / "whole", seeds=[3])
    assert len(expected.curve["loss"]) == len(expected.curve["accuracy"]) == 3
    calls = iter(range(1))  # one epoch is scored, then Ctrl-C

    def score(*parts) -> float:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return accuracy(*parts)

    monkeypatch.setattr(stripes, "fit", partial(stripes.fit, score=score))
    with pytest.raises(KeyboardInterrupt):
        list(experiment.run(tmp_path / "parts", seeds=[3]))
    assert ledger.read(None, tmp_path / "parts", experiment="small") == []
    assert ledger.runs_table("small", None, tmp_path / "parts").rows[0][:2] == ["flat", "not run"]
    assert len(list((tmp_path / "parts" / "unfinished").iterdir())) == 1
    monkeypatch.undo()
    (record,) = experiment.run(tmp_path / "parts", seeds=[3])
    assert record == expected
    assert not list((tmp_path / "parts" / "unfinished").iterdir())


# --- what a run is made of ----------------------------------------------------------------------------------------

PARTS = [(torch.eye(4)[:count], torch.arange(4)[:count]) for count in (4, 0, 3)]
SPLIT = Split("by hand", *PARTS)
FIELDS = {"lesson": "x", "task": "t", "config": {}, "baseline": RECORD.baseline}


def test_a_record_holds_what_follows_from_the_network_and_its_data_and_no_stand_in_is_taken():
    model = nn.Linear(4, 4)
    nn.init.eye_(model.weight)
    record = measured(model, SPLIT, **FIELDS, seed=2, time_steps=5)
    assert record.data == {"source": "by hand", "train": 4, "validation": 0, "test": 3}
    assert (record.accuracy, record.parameters, record.seed, record.time_steps) == (1.0, 20, 2, 5)
    assert (record.accumulates, record.multiply_accumulates, record.dense) == (4, 0, 16)
    both = {"forward": lambda x: [model(x + torch.arange(4.0)), model(x)], "samples": 1}
    twice = measured(model, SPLIT, **both, accuracy=0.5, **FIELDS)
    assert (twice.accuracy, twice.accumulates, twice.multiply_accumulates, twice.dense) == (0.5, 4, 16, 32)
    given = measured(None, SPLIT, cost=Operations(1.0, 2.0, 3.0, 4.0), accuracy=0.25, parameters=7, **FIELDS)
    assert (given.accuracy, given.parameters, given.spikes, given.dense) == (0.25, 7, 1.0, 4.0)
    assert real("by hand", SPLIT, SPLIT) == (SPLIT, SPLIT)
    with pytest.raises(ValueError, match="this experiment needs MNIST itself"):
        real("MNIST", replace(SPLIT, source="MNIST"), SPLIT)


def test_the_parts_of_a_task_share_no_image_and_lie_where_they_are_asked_for():
    split = PLAIN.draw(0)
    parts = [split.train, split.validation, split.test]
    assert [len(images) for images, _ in parts] == [2000, 500, 2000]
    assert len(torch.cat([images.flatten(1) for images, _ in parts]).unique(dim=0)) == 4500
    assert all(0 <= images.min() <= images.max() <= 1 for images, _ in parts)
    few = PLAIN.draw(0, 3, 2, 4)
    assert torch.equal(few.train[0], split.train[0][:3]) and torch.equal(few.test[0], split.test[0][:4])
    assert torch.equal(few.validation[0], split.validation[0][:2])
    with pytest.raises(ValueError, match="first_test is 2500; it must be 2501 or more"):
        PLAIN.draw(0, 2001)


@pytest.mark.parametrize("name", ON_PLAIN)
def test_a_seed_fixes_a_model(name: str):
    images = PLAIN.draw(1).train[0]

    def scores() -> torch.Tensor:
        torch.manual_seed(1)
        return ON_PLAIN[name].build(images, 1)(images[:8])

    assert torch.equal(scores(), scores())
    assert scores().shape == (8, 2)


# --- the command and the shipped records --------------------------------------------------------------------------


def test_the_installed_command_lists_all_experiments():
    installed = Path(sys.executable).with_name("course-experiment")
    answer = subprocess.run([installed, "--list"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    listed = {line.split()[0]: line for line in answer.stdout.splitlines()}
    assert listed.keys() == {experiment.name for experiment in command.defined()}
    assert "the five stripe models on plain stripes (40 of 40 runs recorded)" in listed["stripes-plain"]


ONE = """
import sys
from course_utils.tools import experiment
(one,) = experiment.defined("xylo")
print(one.name, *(name for name in sys.modules if name.startswith("course_utils.lessons.") and "experiment" in name))
"""


def test_an_experiment_is_found_without_the_code_of_the_others():
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", ONE], capture_output=True, text=True, check=True)
    name, *imported = answer.stdout.split()
    rooms = {module.split(".")[2] for module in imported}
    assert name == "xylo" and "chip_toolchains" in rooms
    assert not rooms & {"deep_spiking_convnets", "event_vision", "nengodl_conversion", "stdp", "vehicles"}


def test_the_command_runs_what_is_asked_for_and_refuses_by_name(tmp_path: Path, monkeypatch, capsys):
    for arguments in (["no-such"], ["stripes-plain", "--seeds", "9"]):
        with pytest.raises(SystemExit):
            command.main(arguments)
    told = capsys.readouterr().err
    assert "there is no experiment 'no-such'" in told and "seeds hold [9]" in told
    monkeypatch.setattr(command, "defined", lambda name: iter([counted([])]))
    command.main(["two-models", "--seeds", "1", "--only", "b", "--to", str(tmp_path)])
    out = capsys.readouterr().out
    assert out.startswith("b, seed 1: 91.00%\n") and "a  not run  not run" in out
    assert set(ledger.runs("two-models", tmp_path)) == {("b", 1)}


def test_shipped_files_are_those_of_the_experiments_and_their_records_belong_to_runs_that_exist():
    experiments = list(command.defined())
    wanted = {one.name: (one.about, list(one.runs), list(one.seeds)) for one in experiments}
    assert ledger.experiments(ledger.SHIPPED) == wanted
    topics = {path.name for path in Path(*lessons.__path__).iterdir()}
    for experiment in experiments:
        for (model, seed), record in ledger.runs(experiment.name, ledger.SHIPPED).items():
            assert model in experiment.runs and seed in experiment.seeds and record.lesson in topics
            without = experiment.name == "nengodl-repairs" or record.lesson == "vehicles"  # (its first records)
            if record.curve or not without:  # these were written without their curves
                assert len(record.curve.get("loss", [])) == record.config.get("epochs", 0)
