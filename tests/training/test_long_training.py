"""Long trainings: the same result after an interruption, and on several processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from course_utils.training.long_training import Plan, answers, team, train
from tests.training.torchrun_job import PLAN, UPDATES, cross_entropy, data, network, noisy

HERE = Path(__file__).parent


def run(model: nn.Module, checkpoint: Path | None = None, forward: Callable = noisy, plan: Plan = PLAN, seed: int = 3):
    return train(
        model, *data(), plan, seed=seed, forward=forward, loss=cross_entropy, checkpoint=checkpoint, save_every_s=0
    )


def interrupted_after(updates: int) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    left = iter(range(updates))

    def forward(model: nn.Module, images: Tensor, keys: Tensor) -> Tensor:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return noisy(model, images, keys)

    return forward


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("updates", [1, 6, 9])  # an epoch has 6
def test_an_interrupted_training_ends_with_the_same_weights_bit_for_bit(tmp_path: Path, optimizer: str, updates: int):
    plan = Plan(5, 16, 1e-2, optimizer, drops=(2, 4))
    whole = network()
    losses = run(whole, plan=plan)
    with pytest.raises(KeyboardInterrupt):
        run(network(), tmp_path / "a.safetensors", interrupted_after(updates), plan)
    resumed = network()
    assert run(resumed, tmp_path / "a.safetensors", plan=plan) == losses
    assert equal(resumed, whole)
    assert not equal(whole, network())


def test_two_processes_learn_what_one_does(tmp_path: Path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    job = [*launcher, str(HERE / "torchrun_job.py"), str(tmp_path / "losses")]
    subprocess.run(job, env=environment, check=True, capture_output=True, timeout=240)
    shared = [float(line) for line in (tmp_path / "losses").read_text().splitlines()]
    alone = run(network())
    assert len(alone) == len(shared) == UPDATES
    assert max(abs(a - b) for a, b in zip(alone, shared, strict=True)) < 1e-10
    assert alone[-1] < alone[0]


def test_alone_without_torchrun():
    with team() as processes:
        assert processes == (0, 1)
        assert processes.total(torch.tensor(2.0)) == 2


def test_the_learning_rate_drops_or_makes_one_cycle():
    drops = Plan(150, 1, 0.1, drops=(70, 100, 125))
    rates = [drops.rate(10 * epoch, 10) for epoch in (0, 69, 70, 99, 100, 124, 125, 149)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])
    cycle = [Plan(4, 1, 0.1).rate(update, 25) for update in range(100)]
    assert max(cycle) == cycle[25] == 0.1
    assert cycle[:26] == sorted(cycle[:26])
    assert cycle[25:] == sorted(cycle[25:], reverse=True)
    assert min(cycle) >= 1e-3


def test_answers_are_those_of_the_model_in_evaluation_mode():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 4)).double()
    model.train()
    images, _ = data()
    found = answers(model, images, torch.arange(len(images)), noisy, batch_size=33)
    assert not model.training
    torch.testing.assert_close(found, model(images), rtol=0, atol=1e-12)


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:300])


def of_another_network(file: Path) -> None:
    torch.manual_seed(0)
    other = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 6 * 6, 4)).double()
    file.unlink()
    run(other, file)


def of_another_seed(file: Path) -> None:
    file.unlink()
    run(network(), file, seed=4)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(damaged, "is damaged"), (of_another_network, "another network"), (of_another_seed, "another training")],
)
def test_a_wrong_checkpoint_is_named_and_left_alone(tmp_path: Path, spoil: Callable, words: str):
    file = tmp_path / "a.safetensors"
    run(network(), file)
    spoil(file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=words):
        run(network(), file)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((0, 16, 0.1), "epochs is 0"),
        ((1, 0, 0.1), "batch_size 0"),
        ((1, 16, 0.0), "learning_rate is 0.0"),
        ((1, 16, 0.1, "lion"), "optimizer is 'lion'"),
    ],
)
def test_bad_plans(settings: tuple, words: str):
    with pytest.raises(ValueError, match=words):
        Plan(*settings)


def test_bad_data():
    images, labels = data()
    with pytest.raises(ValueError, match="100 images but 99 labels"):
        train(network(), images, labels[:-1], PLAN, seed=0, forward=noisy, loss=cross_entropy)
    with pytest.raises(ValueError, match="do not fill a batch of 200"):
        train(network(), images, labels, Plan(1, 200, 0.1), seed=0, forward=noisy, loss=cross_entropy)
