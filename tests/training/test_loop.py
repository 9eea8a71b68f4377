"""The training loop: it learns, repeats itself exactly, goes on after an interruption, and refuses bad input."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils.classroom.plots import learning_curves
from course_utils.data.digits import small_digits
from course_utils.training.loop import History, Interrupted, accuracy, fit, fit_plan, predict
from course_utils.training.plan import OneCycle, Plan, batches
from course_utils.training.team import team
from tests.training.torchrun_job import PLAN, cross_entropy, data, network, noisy


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


@pytest.fixture(scope="module")
def digits() -> list[tuple[Tensor, Tensor]]:
    return [(part.images / 255, part.labels) for part in small_digits()]


def weights(model: nn.Module) -> Tensor:
    return torch.cat([values.detach().flatten() for values in model.state_dict().values()]).clone()


def by_plan(model: nn.Module, file: Path | None = None, forward: Callable = noisy, plan: Plan = PLAN, **how) -> History:
    how = {"seed": 3, "forward": forward, "loss": cross_entropy} | how
    return fit_plan(model, data(), plan, checkpoint=file, **how)


# --- learning -------------------------------------------------------------------------------------------------------


def test_a_small_network_learns_the_small_digits_by_its_seed_alone(digits):
    def trained(seed: int, elsewhere: int, watched: tuple = digits[1], epochs: int = 2) -> tuple[Tensor, History]:
        model = mlp()
        torch.manual_seed(elsewhere)  # what else was drawn must not matter
        assert accuracy(model, *digits[1]) < 0.3
        history = fit(model, digits[0], watched, epochs=epochs, learning_rate=0.01, seed=seed)
        assert len(history.loss) == len(history.accuracy) == epochs
        assert history.accuracy[-1] == accuracy(model, *watched)
        return weights(model), history

    five = trained(0, 5, epochs=5)[1]
    assert five.loss[-1] < five.loss[0] / 4 and five.accuracy[-1] > 0.9
    (first, history), (again, same_history), (other, _) = trained(1, 5), trained(1, 6), trained(2, 6)
    assert torch.equal(first, again) and history == same_history
    assert not torch.equal(first, other)
    watching_another = trained(1, 5, (digits[1][0][:10], torch.zeros(10, dtype=torch.long)))[0]
    assert torch.equal(first, watching_another), "nothing is learned from the validation set"


def test_the_history_holds_the_mean_loss_over_the_samples():
    """With a learning rate of nearly zero the loss stays what it is; the last, smaller batch counts by its size."""
    inputs, labels = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)), torch.arange(10) % 2
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    expected = nn.functional.cross_entropy(model(inputs), labels).item()
    history = fit(model, (inputs, labels), (inputs, labels), epochs=1, learning_rate=1e-12, seed=0, batch_size=4)
    assert history.loss == pytest.approx([expected], rel=1e-5)


def test_a_mean_over_the_batch_and_a_loss_for_each_sample_are_one():
    mean, each = network(), network()
    by_mean = fit_plan(mean, data(), PLAN, seed=3, forward=noisy)
    assert by_plan(each).updates == pytest.approx(by_mean.updates, rel=1e-12)
    assert torch.allclose(weights(mean), weights(each), rtol=1e-9)
    assert by_mean.loss == pytest.approx([sum(by_mean.updates[i : i + 6]) / 6 for i in range(0, 30, 6)])


def test_two_processes_learn_what_one_does(tmp_path: Path):
    here = Path(__file__).parent
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(here.parents[1])}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    job = [*launcher, str(here / "torchrun_job.py"), str(tmp_path / "losses"), str(tmp_path / "a.safetensors")]
    subprocess.run(job, env=environment, check=True, capture_output=True, timeout=240)
    shared = [float(line) for line in (tmp_path / "losses").read_text().splitlines()]
    alone = by_plan(network()).updates
    assert len(alone) == len(shared) == 30
    assert max(abs(a - b) for a, b in zip(alone, shared, strict=True)) < 1e-10
    assert alone[-1] < alone[0]
    assert by_plan(network(), tmp_path / "a.safetensors").updates == shared, "their checkpoint is anybody's"
    with team() as processes:  # alone, without torchrun
        assert processes == (0, 1) and processes.total(torch.tensor(2.0)) == 2


# --- plans ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 1000))
def test_batches_deal_every_index_once(count: int, batch_size: int, seed: int):
    dealt = list(batches(count, batch_size, torch.Generator().manual_seed(seed)))
    assert sorted(torch.cat(dealt).tolist()) == list(range(count))
    assert all(len(batch) == batch_size for batch in dealt[:-1])
    assert 1 <= len(dealt[-1]) <= batch_size


def test_the_learning_rate_drops_or_makes_one_cycle():
    drops = Plan(150, 1, 0.1, drops=(70, 100, 125))
    rates = [drops.step_size(10 * epoch, 10)["lr"] for epoch in (0, 69, 70, 99, 100, 124, 125, 149)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])
    cycle = [Plan(4, 1, 0.1).step_size(update, 25)["lr"] for update in range(100)]
    assert max(cycle) == cycle[25] == 0.1
    assert cycle[:26] == sorted(cycle[:26])
    assert cycle[25:] == sorted(cycle[25:], reverse=True)
    assert min(cycle) >= 1e-3


@pytest.mark.parametrize(("epochs", "count", "batch_size"), [(1, 10, 10), (2, 10, 10), (10, 1, 1), (3, 101, 10)])
def test_the_one_cycle_of_lessons_is_that_of_pytorch(epochs: int, count: int, batch_size: int):
    plan = OneCycle(epochs, batch_size, 0.03)
    updates = plan.updates_an_epoch(count)
    assert [len(dealt) for dealt in plan.batches(count, 0)] == [updates] * epochs
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.03, total_steps=epochs * updates)
    for update in range(epochs * updates):
        (group,) = optimizer.param_groups
        assert plan.step_size(update, updates) == {"lr": group["lr"], "betas": group["betas"]}
        optimizer.step()
        if update + 1 < epochs * updates:
            schedule.step()


# --- what a model says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_predict_is_the_model_in_evaluation_mode_and_changes_nothing(training: bool, batch_size: int):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)).train(training)
    inputs, before = torch.randn(20, 5), weights(model)
    outputs = predict(model, inputs, batch_size)
    with pytest.raises(ValueError, match=r"predict cannot use .*inputs = torch.float32 \[2, 4\]: .*mat1 and mat2"):
        predict(model, torch.zeros(2, 4))
    assert [module.training for module in model.modules()] == [training] * 5, "also when the model fails"
    assert torch.equal(weights(model), before)  # batch norm has learned nothing
    assert not outputs.requires_grad

    def with_keys(model: nn.Module, x: Tensor, keys: Tensor) -> Tensor:
        return model(x) + keys[:, None]

    keyed = predict(model, inputs, batch_size, forward=with_keys, keys=-inputs[:, 0])
    torch.testing.assert_close(outputs, model.eval()(inputs))
    torch.testing.assert_close(keyed, outputs - inputs[:, :1])


@pytest.mark.parametrize(
    ("outputs", "expected"), [([0, 1, 2, 3], 1), ([1, 1, 2, 3], 0.75), ([3, 2, 1, 0], 0), ([0, 1, 0, 1], 0.5)]
)
def test_accuracy_is_the_share_of_right_answers(outputs: list[int], expected: float):
    logits = 5 * torch.eye(4)[outputs] - 9  # the largest counts, not the positive
    assert accuracy(nn.Identity(), logits, torch.arange(4)) == expected


# --- interruptions --------------------------------------------------------------------------------------------------


def stop_after(calls: int, function: Callable) -> Callable:
    """The function, interrupted as by Ctrl-C when it has been called so often."""
    left = iter(range(calls))

    def stopped(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return function(*arguments)

    return stopped


def test_an_interruption_keeps_the_model_and_a_history_that_can_be_drawn(digits):
    model = mlp()
    untrained = weights(model)
    settings = {"learning_rate": 0.01, "seed": 0}
    with pytest.raises(
        Interrupted, match=r"Interrupted in epoch 1 of 1\. The model keeps what it has learned"
    ) as caught:
        fit(model, *digits, epochs=1, **settings, loss=stop_after(4, nn.functional.cross_entropy))
    assert caught.value.history == History() and caught.value._render_traceback_() == [str(caught.value)]
    assert not torch.equal(weights(model), untrained)
    assert predict(model, digits[1][0]).isfinite().all()
    train = torch.eye(4), torch.arange(4)
    with pytest.raises(Interrupted, match="epoch 2 of 3") as caught:
        fit(nn.Linear(4, 4), train, train, epochs=3, **settings, score=stop_after(1, accuracy))
    history = caught.value.history
    assert len(history.loss) == len(history.accuracy) == 1
    learning_curves({"interrupted during validation": history})


def test_an_interrupted_fit_goes_on_as_if_nothing_had_happened(digits, tmp_path):
    settings = {"epochs": 3, "learning_rate": 0.01, "seed": 4}
    file = tmp_path / "new" / "run.safetensors"
    whole = mlp()
    expected = fit(whole, *digits, **settings)
    with pytest.raises(Interrupted, match="it goes on from its checkpoint"):
        fit(mlp(), *digits, **settings, checkpoint=file, score=stop_after(2, accuracy))
    resumed = mlp()
    assert fit(resumed, *digits, **settings, checkpoint=file) == expected
    assert torch.equal(weights(resumed), weights(whole))
    assert fit(mlp(), *digits, **settings, checkpoint=file) == expected, "nothing is left to do"


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("updates", [1, 6, 9])  # an epoch has 6
def test_an_interrupted_plan_ends_with_the_same_weights_bit_for_bit(tmp_path: Path, optimizer: str, updates: int):
    plan = Plan(5, 16, 1e-2, optimizer, drops=(2, 4))
    whole = network()
    expected = by_plan(whole, plan=plan)
    with pytest.raises(KeyboardInterrupt):
        by_plan(network(), tmp_path / "a.safetensors", stop_after(updates, noisy), plan, save_every_s=0)
    resumed = network()
    history = by_plan(resumed, tmp_path / "a.safetensors", plan=plan)
    assert (history, history.updates) == (expected, expected.updates)
    assert torch.equal(weights(resumed), weights(whole))
    assert not torch.equal(weights(whole), weights(network()))


# Their weights fit, and yet each is another training.
OTHER = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ELU(0.5), nn.Flatten(), nn.Linear(4 * 6 * 6, 4)).double()
WATCHED = {"watched": (torch.zeros(1),)}


@pytest.mark.parametrize(
    ("leave", "words"),
    [
        (lambda file: by_plan(OTHER, file), r"another training.*Sequential"),
        (lambda file: by_plan(network(), file, seed=4), r'another training.*"seed": 4.*not.*"seed": 3'),
        (lambda file: by_plan(network(), file, **WATCHED), r'another training.*"data"'),
        (lambda file: file.write_bytes(b""), "is damaged or no checkpoint.*remove it to begin anew"),
    ],
)
def test_a_wrong_checkpoint_is_named_and_left_alone(tmp_path: Path, leave: Callable, words: str):
    file = tmp_path / "a.safetensors"
    leave(file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=rf"a\.safetensors.*{words}"):
        by_plan(network(), file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


# --- bad input ------------------------------------------------------------------------------------------------------


EYE, LABELS = torch.eye(4), torch.arange(4)
GOOD = {"train": (EYE, LABELS), "validation": (EYE, LABELS), "epochs": 1, "learning_rate": 0.1, "seed": 0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"epochs": 1.5}, "epochs is 1.5; it must be a whole number"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"model": nn.ReLU()}, "model is 'ReLU'; it must be one with parameters"),
        ({"train": (EYE, LABELS[:3])}, "4 inputs but 3 labels"),
        ({"train": (EYE * math.nan, LABELS)}, "train holds NaN"),
        ({"train": (torch.ones(4, 4) * math.inf, LABELS)}, "train has inputs that are not finite"),
        ({"train": (EYE.double(), LABELS)}, "float64, the model is .*float32"),
        ({"validation": (EYE[:0], LABELS[:0])}, "number of validation labels is 0"),
        ({"validation": (EYE, LABELS[:1])}, "validation labels is 1; it must be 4"),
    ],
)
def test_fit_names_what_is_bad_and_trains_nothing(changes: dict, message: str):
    model = nn.Linear(4, 4)
    untrained = weights(model)
    with pytest.raises(ValueError, match=message):
        fit(**{"model": model} | GOOD | changes)
    assert torch.equal(weights(model), untrained)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: by_plan(network(), plan=Plan(1, 200, 0.1)), "100 inputs; they do not fill a batch of 200"),
        (lambda: Plan(1, 16, 0.1, "lion"), "optimizer is 'lion'"),
        (lambda: accuracy(nn.Linear(4, 4), EYE, LABELS[:, None]), r"labels is \(4, 1\); it must be \[4\]"),
        (lambda: accuracy(nn.Linear(4, 4), EYE * math.nan, LABELS), "inputs holds NaN"),
        (lambda: accuracy(nn.Linear(4, 4), torch.ones(4, 4) * math.inf, LABELS), "output of the model is nan"),
    ],
)
def test_what_else_is_bad_is_named(refused: Callable, message: str):
    with pytest.raises(ValueError, match=message):
        refused()
