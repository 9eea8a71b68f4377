"""The long experiments on deep networks: what they are made of, and one of them from end to end on a few images."""

from functools import partial
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from course_utils.data import keyed
from course_utils.data.digits import small_digits
from course_utils.lessons.deep_spiking_convnets import experiment as deep
from course_utils.lessons.deep_spiking_convnets.experiment import Pictures, as_stored, deep_run, network
from course_utils.training import ledger
from course_utils.training.augment import bipolar
from course_utils.training.experiment import Experiment
from course_utils.training.long_run import LongRun
from course_utils.training.loop import fit_plan
from course_utils.training.measuring import Part, Split
from course_utils.training.plan import Plan

EXPERIMENTS = {experiment.name: experiment for experiment in deep.EXPERIMENTS}
KEYS = keyed.keys(torch.arange(200), 0)


def run_of(name: str, model: str) -> LongRun:
    return EXPERIMENTS[name].runs[model].__self__


def bars(count: int, seed: int) -> Part:
    """Upright and lying bars in noise, 28×28."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    images = torch.randint(0, 60, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
    images[labels == 0, :, 12:16] += 190
    images[labels == 1, :, :, 12:16] += 190
    return images, labels


def split(_: int = 0) -> Split:
    return Split("drawn bars", bars(128, 0), bars(40, 1), bars(60, 2))


STRIDED = network("StridedNet", norm=True, dropout=0.2)
BARS = deep_run("bars", split, STRIDED, 2, Plan(3, 16, 1e-2), Pictures(shift=1, turn=5.0))


def test_an_experiment_from_end_to_end(tmp_path: Path):
    runs = {"StridedNet": BARS.record, "too long": partial(pytest.fail, "it was not asked for")}
    (record,) = Experiment("bars", "drawn bars", runs, (0,)).run(tmp_path, models=["StridedNet"])
    assert record.accuracy > 0.9
    assert record.baseline["accuracy"] > 0.9
    assert len(record.curve["loss"]) == 3 and record.curve["loss"][2] < record.curve["loss"][0]
    assert record.time_steps == 2
    assert record.data == {"source": "drawn bars", "train": 128, "validation": 40, "test": 60}
    assert record.config["shift"] == 1 and record.config["epochs"] == 3
    assert record.multiply_accumulates > 0  # of the first convolution
    assert record.accumulates > 0
    assert ledger.read(None, tmp_path, experiment="bars") == [record]
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".jsonl", ""}, "no checkpoint is left"
    assert "not run" in str(ledger.runs_table("bars", None, tmp_path))


def test_an_interrupted_spiking_network_ends_with_the_same_weights_bit_for_bit(tmp_path: Path):
    """Also with channels side by side in memory, batch norm, dropout and images that move."""

    def trained(checkpoint: Path | None = None, stop_after: int | None = None) -> torch.nn.Module:
        torch.manual_seed(0)
        model, seen = BARS.network(0), count()

        def forward(model: torch.nn.Module, images: Tensor, keys: Tensor) -> Tensor:
            if next(seen) == stop_after:
                raise KeyboardInterrupt
            return BARS.forward(model, images, keys)

        how = {"seed": 0, "forward": forward, "loss": BARS.loss, "save_every_s": 0}
        fit_plan(model, split().train, BARS.plan, checkpoint=checkpoint, **how)
        return model

    whole = trained()
    assert next(whole.parameters()).is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "a.safetensors", stop_after=11)
    resumed = trained(tmp_path / "a.safetensors")
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_images_and_events_enter_a_network():
    images = torch.full((4, 1, 28, 28), 51, dtype=torch.uint8)
    assert torch.equal(Pictures()(images, KEYS[:4], True), images / 255)
    moved = Pictures(shift=2, turn=20.0, flip=True)
    assert torch.equal(moved(images, KEYS[:4], False), images / 255), "only a network that learns meets moved images"
    assert not torch.equal(moved(images, KEYS[:4], True), images / 255)
    signed = Pictures(colour=True)(bars(4, 0)[0].expand(-1, 3, -1, -1), KEYS[:4], True)
    assert signed.abs().max() == 1 and signed.min() < 0
    assert as_stored(torch.zeros(4, 7, 2, 34, 34, dtype=torch.uint8), KEYS[:4], True).shape == (7, 4, 2, 34, 34)


def test_mnist_itself_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deep, "load_images", lambda name: small_digits())
    with pytest.raises(ValueError, match="needs MNIST itself"):
        deep.mnist()


SURROGATES = {name: run_of("cifar10-surrogate-bn", name) for name in EXPERIMENTS["cifar10-surrogate-bn"].runs}
SURROGATES |= {"tuned, decay 0.5": run_of("svhn-vgg7", "VGG7, batch norm, T=8")}


@pytest.mark.parametrize("label", SURROGATES)
def test_only_tuned_surrogates_bring_the_error_to_the_first_layer(label: str):
    one = SURROGATES[label]
    coarse = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    images = bipolar(torch.nn.functional.interpolate(coarse, 32, mode="bilinear"))
    torch.manual_seed(0)
    made = one.network(0)
    answers, spikes = made.watch(images, one.steps, KEYS[:12])
    for sent in spikes:
        sent.retain_grad()
    one.loss(one.gain * answers, torch.arange(12) % 10).sum().backward()
    left = (spikes[0].grad.norm() / spikes[-1].grad.norm()).item()
    assert 0.5 < left < 2 if label.startswith("tuned") else left < 1e-3
