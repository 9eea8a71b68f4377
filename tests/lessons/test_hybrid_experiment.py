"""The hybrid road from end to end on a few images: one training of the stairs serves all models of the table."""

from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.lessons.deep_spiking_convnets import experiment_hybrid as hybrid
from course_utils.lessons.deep_spiking_convnets.experiment import Pictures
from course_utils.spiking.convnets import strided_net
from course_utils.spiking.staircase import StaircaseNeurons, in_mode
from course_utils.training.experiment import Experiment
from course_utils.training.loop import History
from course_utils.training.plan import Plan
from tests.lessons.test_deep_experiment import split


def made(_: int) -> nn.Module:
    return strided_net(levels=4, norm=True)


STAIRS = hybrid.Staircase(
    "deep_spiking_convnets", "bars", split, made, 1, Plan(3, 16, 1e-2), Pictures(shift=1), gain=1.0,
    spiking=(StaircaseNeurons,), watched=40,
)  # fmt: skip


def test_one_training_serves_stairs_spikes_and_fine_tuning(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    runs = hybrid.hybrid("bars-hybrid", "StridedNet", STAIRS, Plan(1, 16, 1e-3), steps=(4,))
    stairs, spikes, tuned = Experiment("bars-hybrid", "drawn bars", runs, (0,)).run()
    assert min(stairs.accuracy, spikes.accuracy, tuned.accuracy) > 0.9
    assert (stairs.time_steps, spikes.time_steps, tuned.time_steps) == (1, 4, 4)
    assert len(stairs.curve["accuracy"]) == 3 and spikes.curve == stairs.curve and len(tuned.curve["loss"]) == 1
    assert stairs.accumulates == 0 and spikes.accumulates > 0
    assert spikes.multiply_accumulates < stairs.multiply_accumulates
    assert spikes.measured == stairs.measured, "nothing more is learned"
    (kept,) = (tmp_path / "unfinished").iterdir()
    assert kept.name == "bars-hybrid-staircase-seed0.safetensors"


def test_fine_tuning_moves_weights_and_leaves_statistics_alone() -> None:
    torch.manual_seed(0)
    network = made(0)
    with torch.no_grad():
        network(split().train[0].float() / 255, 1)  # statistics of some images
    before = {name: value.clone() for name, value in network.state_dict().items()}
    run = hybrid.Tuned(
        "deep_spiking_convnets", "bars", split, made, 4, Plan(1, 64, 1e-3), Pictures(), gain=1.0,
        learned=lambda seed: (network, History()),
    )  # fmt: skip
    run.train(split(), 0)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name, _ in network.named_parameters()}

    def outputs(x: Tensor) -> Tensor:
        with torch.no_grad(), in_mode(network.eval(), "spikes"):
            return network(x, 4)

    one = split().test[0][:4].float() / 255
    assert torch.equal(outputs(one), outputs(one)), "neurons begin anew in every run"
