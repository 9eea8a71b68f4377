"""The benchmark of a training step: everyone does the same, and the command keeps its figures."""

import json
from pathlib import Path

import pytest
import torch

from tests.benchmarks import step_cost
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
    file = Path(__file__).parents[2] / "data" / "benchmarks" / "lenet5_step.json"
    seconds = json.loads(file.read_text(encoding="utf-8"))["seconds"]
    plain = seconds["plain network, T·B pictures"]
    assert seconds["by hand, spikes"] <= 1.25 * plain
    assert seconds["by hand, constant input"] < plain < seconds["Norse"]
