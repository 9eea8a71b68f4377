"""The benchmark of a training step: everyone does the same, and the command keeps its figures."""

import json
from pathlib import Path

import pytest
import torch

from course_utils.training import benchmarks
from tests.benchmarks import peers, step_cost
from tests.benchmarks.step_cost import CONTENDERS, PLAIN, kept_mb, seconds_of_turns


@pytest.mark.parametrize("name", [name for name in CONTENDERS if name != "SpikingJelly"])
@pytest.mark.filterwarnings("ignore")
def test_the_same_layers_and_all_of_them_learn(name: str):
    torch.manual_seed(0)
    layers, run = CONTENDERS[name]()
    weights = [parameter for parameter in layers.parameters() if parameter.dim() > 1]
    assert [parameter.shape for parameter in weights] == [(20, 1, 5, 5), (50, 20, 5, 5), (200, 2450), (10, 200)]
    x, labels = (torch.rand(5, 4, 1, 28, 28) < 0.5).float(), torch.tensor([0, 1, 2, 3])
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(4)  # so that spikes reach the last layer within five steps
    optimizer = torch.optim.SGD(layers.parameters(), 1e-4)
    first, *_, last = [step_cost.training_step(run, x, labels, optimizer) for _ in range(4)]
    assert last < first
    assert all(parameter.grad.abs().sum() > 0 for parameter in weights)


@pytest.mark.filterwarnings("ignore")
def test_all_that_is_installed_take_turns():
    seconds = seconds_of_turns(2, steps=2, batch=2)
    assert set(CONTENDERS) - {"SpikingJelly"} <= seconds.keys() and all(len(turns) == 2 for turns in seconds.values())


def test_what_is_kept_grows_by_the_same_with_every_time_step():
    _, run = CONTENDERS["by hand, spikes"]()
    five, ten, twenty = (kept_mb(run, torch.zeros(steps, 2, 1, 28, 28)) for steps in (5, 10, 20))
    assert 0 < ten - five == pytest.approx((twenty - ten) / 2)
    pools, first, second = 2 * 20 * 196 + 2 * 50 * 49, 2 * 20 * 784, 2 * 50 * 196
    floats = (
        784 + first + second + pools + 400
    )  # a picture and a step: inputs of weights, and inputs and spikes of neurons
    assert ten - five == pytest.approx(5 * 2 * 4 * floats / 1e6, rel=0.01)


def test_the_command_keeps_its_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    monkeypatch.setattr(step_cost, "seconds_of_turns", lambda turns: {PLAIN: [2.0, 4.0], "spiking": [2.2, 4.4]})
    monkeypatch.setattr(step_cost, "memory", lambda: {PLAIN: {5: 1.0}, "spiking": {5: 2.0}})
    step_cost.main(["--to", str(tmp_path)])
    assert "1.10" in capsys.readouterr().out
    assert json.loads((tmp_path / "lenet5_step.json").read_text())["seconds"] == {PLAIN: 3.0, "spiking": 3.3}


def test_a_spiking_step_was_measured_to_cost_little_more_than_a_plain_one():
    """The shipped figures; a test that measures anew would fail on a machine that is busy."""
    ratios = benchmarks.steps()["ratios"]
    assert ratios[PLAIN] == 1 and ratios["by hand, spikes"] <= 1.15 < min(ratios["Norse"], ratios["snnTorch"])
    rows = {row[0]: row[1:] for row in benchmarks.step_table().rows}
    assert rows.keys() == ratios.keys() and rows["Norse"][1] == f"{ratios['Norse']:.2f}"
    assert 2 < float(rows["Norse"][2]) / float(rows[PLAIN][2]) < 6, "MB for a picture and a step"


def test_a_recipe_that_did_not_get_there_says_so(monkeypatch: pytest.MonkeyPatch):
    point = {"images": 5000, "cpu_s": 7.0, "wall_s": 9.0, "accuracy": 0.975}
    found = {"curves": {"a": [point]}, "to": {"a": {"97%": point, "98%": None}}}
    monkeypatch.setattr(benchmarks, "peers", lambda: found)
    assert benchmarks.peer_table().rows == [["a", "7 s, 5,000 images", "not in 7 s, 5,000 images"]]


def test_two_recipes_take_turns_and_are_looked_at_as_they_learn():
    draw = torch.Generator().manual_seed(0)
    train = torch.rand(256, 1, 28, 28, generator=draw), torch.randint(10, (256,), generator=draw)
    *_, curves = peers.race(train, (train[0][:4], train[1][:4]), {peers.TUTORIAL: 1, peers.OURS: 1}, looks=2)
    assert {name: [point["images"] for point in curve] for name, curve in curves.items()} == {
        peers.TUTORIAL: [128, 256],
        peers.OURS: [128, 256],
    }
    assert all(curve[0]["cpu_s"] < curve[1]["cpu_s"] for curve in curves.values())
    assert peers.first_at(curves[peers.OURS], 0.0) == curves[peers.OURS][0]
    assert peers.first_at(curves[peers.OURS], 1.1) is None
