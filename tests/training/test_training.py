"""The training loop: it learns, repeats itself exactly, survives an interruption, and refuses bad input."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils.classroom.plots import learning_curves
from course_utils.data.digits import small_digits
from course_utils.training.loop import History, accuracy, batches, fit, predict


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


@pytest.fixture(scope="module")
def digits() -> list[tuple[Tensor, Tensor]]:
    return [(part.images / 255, part.labels) for part in small_digits()]


def weights(model: nn.Module) -> Tensor:
    return torch.cat([values.detach().flatten() for values in model.state_dict().values()]).clone()


def test_a_small_network_learns_the_small_digits(digits):
    model = mlp()
    assert accuracy(model, *digits[1]) < 0.3
    history = fit(model, *digits, epochs=5, learning_rate=0.01, seed=0)
    assert len(history.loss) == len(history.accuracy) == 5
    assert history.loss[-1] < history.loss[0] / 4
    assert history.accuracy[-1] == accuracy(model, *digits[1]) > 0.9


def test_a_seed_fixes_the_training_and_another_changes_it(digits):
    def trained(seed: int, elsewhere: int) -> tuple[Tensor, History]:
        model = mlp()
        torch.manual_seed(elsewhere)  # what else was drawn must not matter
        history = fit(model, *digits, epochs=1, learning_rate=0.01, seed=seed)
        return weights(model), history

    (first, first_history), (again, again_history), (other, _) = trained(1, 5), trained(1, 6), trained(2, 6)
    assert torch.equal(first, again)
    assert first_history == again_history
    assert not torch.equal(first, other)


def test_nothing_is_learned_from_the_validation_set(digits):
    train, validation = digits
    trained = []
    for watched in (validation, (validation[0][:10], torch.zeros(10, dtype=torch.long))):
        model = mlp()
        fit(model, train, watched, epochs=2, learning_rate=0.01, seed=0)
        trained.append(weights(model))
    assert torch.equal(*trained)


def test_the_history_holds_the_mean_loss_over_the_samples():
    """With a learning rate of nearly zero the loss stays what it is; the last, smaller batch counts by its size."""
    inputs, labels = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)), torch.arange(10) % 2
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    expected = nn.functional.cross_entropy(model(inputs), labels).item()
    history = fit(model, (inputs, labels), (inputs, labels), epochs=1, learning_rate=1e-12, seed=0, batch_size=4)
    assert history.loss == pytest.approx([expected], rel=1e-5)


def test_an_interruption_in_a_step_keeps_the_model(digits, capsys):
    steps = []

    def interrupted_at_step_5(outputs: Tensor, labels: Tensor) -> Tensor:
        steps.append(len(labels))
        if len(steps) == 5:
            raise KeyboardInterrupt
        return nn.functional.cross_entropy(outputs, labels)

    model = mlp()
    untrained = weights(model)
    history = fit(model, *digits, epochs=1, learning_rate=0.01, seed=0, loss=interrupted_at_step_5)
    assert history == History()
    assert steps == [128] * 5
    assert not torch.equal(weights(model), untrained)
    assert predict(model, digits[1][0]).isfinite().all()
    printed = capsys.readouterr().out
    assert "Interrupted in epoch 1" in printed
    assert "keeps what it has learned" in printed


class InterruptedWhileWatching(nn.Linear):
    """Is interrupted when it is evaluated for the second time."""

    evaluated = 0

    def forward(self, x: Tensor) -> Tensor:
        self.evaluated += not self.training
        if self.evaluated == 2:
            raise KeyboardInterrupt
        return super().forward(x)


def test_an_interruption_during_validation_keeps_a_history_that_can_be_drawn():
    data = torch.eye(4), torch.arange(4)
    history = fit(InterruptedWhileWatching(4, 4), data, data, epochs=3, learning_rate=0.01, seed=0)
    assert len(history.loss) == len(history.accuracy) == 1
    learning_curves({"interrupted": history})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"train": (torch.eye(4), torch.arange(3))}, "4 inputs but 3 labels"),
    ],
)
def test_bad_arguments_are_named(change: dict, message: str):
    model = nn.Linear(4, 4)
    untrained = weights(model)
    data = torch.eye(4), torch.arange(4)
    with pytest.raises(ValueError, match=message):
        fit(model, **{"train": data, "validation": data, "epochs": 1, "learning_rate": 0.1, "seed": 0} | change)
    assert torch.equal(weights(model), untrained)


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 1000))
def test_batches_deal_every_index_once(count: int, batch_size: int, seed: int):
    dealt = list(batches(count, batch_size, torch.Generator().manual_seed(seed)))
    assert sorted(torch.cat(dealt).tolist()) == list(range(count))
    assert all(len(batch) == batch_size for batch in dealt[:-1])
    assert 1 <= len(dealt[-1]) <= batch_size


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_predict_is_the_model_in_evaluation_mode_and_changes_nothing(training: bool, batch_size: int):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)).train(training)
    inputs, before = torch.randn(20, 5), weights(model)
    outputs = predict(model, inputs, batch_size)
    assert [module.training for module in model.modules()] == [training] * 5
    assert torch.equal(weights(model), before)  # batch norm has learned nothing
    assert not outputs.requires_grad
    torch.testing.assert_close(outputs, model.eval()(inputs))


def test_predict_restores_the_mode_when_the_model_fails():
    model = nn.Linear(5, 3)
    with pytest.raises(RuntimeError):
        predict(model, torch.zeros(2, 4))
    assert model.training


@pytest.mark.parametrize(
    ("outputs", "expected"), [([0, 1, 2, 3], 1), ([1, 1, 2, 3], 0.75), ([3, 2, 1, 0], 0), ([0, 1, 0, 1], 0.5)]
)
def test_accuracy_is_the_share_of_right_answers(outputs: list[int], expected: float):
    logits = 5 * torch.eye(4)[outputs] - 9  # the largest counts, not the positive
    assert accuracy(nn.Identity(), logits, torch.arange(4)) == expected


def stop_after(epochs: int):
    """A score that interrupts, as Ctrl-C does, once that many epochs are done."""
    scored = []

    def score(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
        if len(scored) == epochs:
            raise KeyboardInterrupt
        scored.append(accuracy(model, inputs, labels))
        return scored[-1]

    return score


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(digits, tmp_path):
    settings = {"epochs": 3, "learning_rate": 0.01, "seed": 4}
    whole = mlp()
    expected = fit(whole, *digits, **settings)
    interrupted = fit(mlp(), *digits, **settings, checkpoint=tmp_path / "new" / "run.pt", score=stop_after(2))
    assert len(interrupted.loss) == 2
    resumed = mlp()
    history = fit(resumed, *digits, **settings, checkpoint=tmp_path / "new" / "run.pt")
    assert history == expected
    assert torch.equal(weights(resumed), weights(whole))
    assert fit(mlp(), *digits, **settings, checkpoint=tmp_path / "new" / "run.pt") == expected, "nothing is left to do"


def test_a_checkpoint_of_another_training_is_refused(digits, tmp_path):
    fit(mlp(), *digits, epochs=1, learning_rate=0.01, seed=0, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"run\.pt was left by a training with .*'seed': 0.* not .*'seed': 1"):
        fit(mlp(), *digits, epochs=1, learning_rate=0.01, seed=1, checkpoint=tmp_path / "run.pt")
