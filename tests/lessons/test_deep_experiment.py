"""The long experiments of lesson 12: what they are made of, and one of them from end to end on a few images."""

from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from course_utils.data import keyed
from course_utils.data.digits import small_digits
from course_utils.lessons.deep_spiking_convnets import experiment as deep
from course_utils.lessons.deep_spiking_convnets import presets
from course_utils.lessons.deep_spiking_convnets.experiment import (
    Recipe,
    Samples,
    Task,
    bipolar,
    flipped,
    shifted,
    warped,
)
from course_utils.spiking import convnets
from course_utils.tools.experiment import EXPERIMENTS
from course_utils.training import ledger
from course_utils.training.experiment import Experiment
from course_utils.training.long_training import Plan, train

NAMES = [
    "mnist-lenet5", "nmnist-lenet5", "svhn-vgg7", "svhn-resnet7", "cifar10-vgg9", "cifar10-resnet9", "cifar10-resnet11",
    "cifar10-surrogate-bn", "mnist-time-steps", "mnist-quick", "cifar100-resnet50-bn",
]  # fmt: skip
KEYS = keyed.keys(torch.arange(200), 0)


def test_all_are_on_the_command():
    assert set(NAMES) <= set(EXPERIMENTS)


def test_shifted_images_are_the_same_pixels_elsewhere():
    images = torch.zeros(200, 1, 8, 8)
    images[:, 0, 3, 4] = 1
    found = shifted(images, KEYS).nonzero()
    rows, columns = found[:, 2] - 3, found[:, 3] - 4
    assert len(found) == 200
    assert set(rows.tolist()) == set(columns.tolist()) == {-2, -1, 0, 1, 2}
    assert len({*zip(rows.tolist(), columns.tolist(), strict=True)}) == 25


def test_flipped_images():
    images = torch.rand(200, 3, 4, 4)
    found = flipped(images, KEYS)
    mirrored = (found == images.flip(-1)).flatten(1).all(1)
    assert 70 < mirrored.sum() < 130
    assert torch.equal(found[~mirrored], images[~mirrored])


def test_turned_images_are_those_of_scipy():
    images = torch.rand(20, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    found = warped(images, KEYS[:20], degrees=30.0, zoom=0.2)
    shares = 2 * keyed.uniform(KEYS[:20], 2).double().numpy() - 1
    middle = np.full(2, 4.0)
    for image, result, (angle, scale) in zip(images, found, shares, strict=True):
        cos, sin = (1 + 0.2 * scale) * np.array([np.cos(np.radians(30 * angle)), np.sin(np.radians(30 * angle))])
        places = np.array([[cos, sin], [-sin, cos]])  # of (row, column); it says where a pixel comes from
        for channel, seen in zip(image, result, strict=True):
            true = ndimage.affine_transform(
                channel, places, middle - places @ middle, order=1, mode="grid-constant", output=np.float64
            )
            assert np.abs(seen.numpy() - true).max() < 1e-5


def test_bent_images_move_smoothly_by_the_pixels_asked_for():
    size, inner = 29, slice(5, 24)  # black comes in at the edge
    places = torch.arange(size, dtype=torch.float32).expand(1000, 1, size, size)
    keys = keyed.keys(torch.arange(1000))
    for image in (places, places.mT):  # its values are columns, or rows, so a change is a move
        moves = (warped(image, keys, bend=0.5) - image)[:, 0]
        at_points = moves[:, [7, 7, 21], [7, 21, 14]]
        assert abs(at_points.std() - 0.5) < 0.03 and abs(at_points.mean()) < 0.03
        assert moves[:, inner, inner].diff(dim=2).abs().max() < 0.5, "neighbours move alike"
    both = warped(places, keys, bend=0.5) - places, warped(places.mT, keys, bend=0.5) - places.mT
    assert abs(torch.corrcoef(torch.stack([move[:, 0, 7, 7] for move in both]))[0, 1]) < 0.1, "sideways and downwards"
    assert torch.equal(warped(places[:3], keys[:3], bend=0.5), warped(places, keys, bend=0.5)[:3]), "each by its key"


def test_images_that_may_not_turn_stay_as_they_are():
    images = torch.rand(5, 1, 8, 8)
    assert torch.allclose(warped(images, KEYS[:5]), images, atol=1e-6)


def test_bipolar_images_have_no_mean_and_stay_within_one():
    found = bipolar(torch.rand(5, 3, 8, 8) * torch.rand(5, 1, 1, 1))
    assert found.mean((1, 2, 3)).abs().max() < 1e-6
    assert torch.equal(found.abs().amax((1, 2, 3)), torch.ones(5))
    assert bipolar(torch.ones(1, 3, 8, 8)).abs().max() == 0


def bars(count: int, seed: int) -> Samples:
    """Upright and lying bars in noise, 28×28."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    images = torch.randint(0, 60, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
    images[labels == 0, :, 12:16] += 190
    images[labels == 1, :, :, 12:16] += 190
    return Samples(images, labels)


def task() -> Task:
    return Task("drawn bars", bars(128, 0), bars(40, 1), bars(60, 2))


RECIPE = Recipe(task, lambda seed: convnets.LeNet5(norm=True, dropout=0.2, seed=seed), 2, Plan(3, 16, 2e-3), shift=1)


def test_an_experiment_from_end_to_end(tmp_path: Path):
    runs = {"LeNet5": partial(deep._run, RECIPE, "bars", "LeNet5"), "too long": partial(deep._run, None, "bars", "")}
    experiment = Experiment("bars", "drawn bars", runs, seeds=(0,), heavy=frozenset({"too long"}))
    (record,) = experiment.run(tmp_path)
    assert record.accuracy > 0.9
    assert record.baseline["accuracy"] > 0.9
    assert len(record.curve["loss"]) == 3
    assert record.time_steps == 2
    assert record.data["test"] == 60
    assert record.multiply_accumulates > 0  # of the first convolution
    assert record.accumulates > 0
    assert ledger.read(None, tmp_path, experiment="bars") == [record]
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".json"]
    assert "not run" in str(experiment.table(tmp_path))


def test_an_interrupted_spiking_network_ends_with_the_same_weights_bit_for_bit(tmp_path: Path):
    """Also with channels side by side in memory, batch norm, dropout and images that move."""

    def run(checkpoint: Path | None = None, stop_after: int | None = None) -> convnets.SpikingConvNet:
        torch.manual_seed(0)
        model = RECIPE.network(0).to(memory_format=torch.channels_last)
        seen = count()

        def forward(model: torch.nn.Module, images: Tensor, keys: Tensor) -> Tensor:
            if next(seen) == stop_after:
                raise KeyboardInterrupt
            return RECIPE.forward(model, images, keys)

        how = {"seed": 0, "forward": forward, "loss": deep.cross_entropy, "save_every_s": 0}
        train(model, *task().train, RECIPE.plan, checkpoint=checkpoint, **how)
        return model

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.safetensors", stop_after=11)
    resumed = run(tmp_path / "a.safetensors")
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_events_and_poisson_spikes_enter_a_network():
    seen: list[Tensor] = []

    class Watch(torch.nn.Module):
        def forward(self, x: Tensor, steps: int | None = None, keys: Tensor | None = None) -> Tensor:
            seen.append(x)
            return torch.zeros(x.shape[1], 10)

    recipe = Recipe(task, None, 7, Plan(1, 1, 1.0), poisson=True)
    images = torch.full((4, 1, 28, 28), 51, dtype=torch.uint8)
    recipe.forward(Watch(), images, KEYS[:4])
    recipe.forward(Watch(), torch.zeros(4, 7, 2, 34, 34, dtype=torch.uint8), KEYS[:4])
    spikes, events = seen
    assert spikes.shape == (7, 4, 1, 28, 28)
    assert set(spikes.unique().tolist()) == {0, 1}
    assert spikes.mean() == pytest.approx(0.2, abs=0.012)  # 4 standard errors
    assert events.shape == (7, 4, 2, 34, 34)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_the_run_for_a_card_is_the_recipe_of_the_thesis(name: str):
    recipe = presets.preset(name)
    (label,) = EXPERIMENTS[name].heavy
    run = EXPERIMENTS[name].runs[label].args[0]
    assert (run.steps, run.plan.epochs, run.plan.drops) == (recipe.steps, 150, recipe.drops)
    assert (run.flip, run.colour, run.plan.drop_factor) == (recipe.flips, recipe.bipolar, recipe.drop_factor)
    summed = recipe.batch_size if recipe.optimizer == "SGD" else 1
    assert run.plan.learning_rate / summed == pytest.approx(recipe.learning_rate)
    network = run.network(0)
    assert type(network).__name__ == recipe.network
    assert (network.neuron.leak, network.dropout) == (recipe.leak, recipe.dropout)


def test_mnist_itself_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deep, "load_images", lambda name: small_digits())
    with pytest.raises(ValueError, match="needs MNIST itself"):
        deep.mnist()


SURROGATES = EXPERIMENTS["cifar10-surrogate-bn"].runs | {
    "tuned, leak 0.5": EXPERIMENTS["svhn-vgg7"].runs["VGG7, batch norm, T=8"]
}


@pytest.mark.parametrize("label", SURROGATES)
def test_only_tuned_surrogates_bring_the_error_to_the_first_layer(label: str):
    recipe = SURROGATES[label].args[0]
    coarse = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    images = bipolar(torch.nn.functional.interpolate(coarse, 32, mode="bilinear"))
    torch.manual_seed(0)
    network = recipe.network(0)
    spikes = network.run(images, recipe.steps, KEYS[:12])
    for sent in spikes:
        sent.retain_grad()
    deep.cross_entropy(recipe.gain * network.answer(spikes[-1]), torch.arange(12) % 10).sum().backward()
    left = (spikes[0].grad.norm() / spikes[-1].grad.norm()).item()
    assert 0.5 < left < 2 if label.startswith("tuned") else left < 1e-3
