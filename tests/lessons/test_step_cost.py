"""The benchmark of lesson 12: everyone does a training step, and ours costs about what a plain network's does."""

import json
from pathlib import Path

import pytest
import torch

from course_utils.lessons.deep_spiking_convnets import step_cost
from course_utils.lessons.deep_spiking_convnets.step_cost import CONTENDERS, SpikingJelly, seconds_a_step

INSTALLED = [name for name, contender in CONTENDERS.items() if contender is not SpikingJelly]


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.filterwarnings("ignore")
def test_the_same_layers_and_all_of_them_learn(name: str):
    torch.manual_seed(0)
    model = CONTENDERS[name]()
    weights = [parameter.shape for parameter in model.parameters() if parameter.dim() > 1]
    assert weights == [(20, 1, 5, 5), (50, 20, 5, 5), (200, 2450), (10, 200)]
    x, labels = (torch.rand(5, 4, 1, 28, 28) < 0.5).float(), torch.tensor([0, 1, 2, 3])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # so that spikes reach the last layer within five steps
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    first, *_, last = [step_cost.training_step(model, x, labels, optimizer) for _ in range(4)]
    assert last < first
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters() if parameter.dim() > 1)


def test_a_spiking_step_costs_little_more_than_a_plain_one(monkeypatch: pytest.MonkeyPatch):
    names = ("plain network, T·B pictures", "by hand, spikes", "by hand, constant input")
    monkeypatch.setattr(step_cost, "CONTENDERS", {name: CONTENDERS[name] for name in names})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(3):  # another process may disturb one series
            plain, spikes, constant = seconds_a_step(3).values()
            if spikes <= 1.25 * plain and constant < plain:
                break
    finally:
        torch.set_num_threads(threads)
    assert spikes <= 1.25 * plain
    assert constant < plain


def test_the_command_keeps_its_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    monkeypatch.setattr(step_cost, "seconds_a_step", lambda turns: {"plain": 2.0, "spiking": 2.2})
    step_cost.main(["--to", str(tmp_path)])
    assert "1.10" in capsys.readouterr().out
    assert json.loads((tmp_path / "lenet5_step.json").read_text())["seconds"] == {"plain": 2.0, "spiking": 2.2}
