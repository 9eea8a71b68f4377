"""A small training that tests run alone and under torchrun: `torchrun_job.py FILE CHECKPOINT` writes its losses."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.data import keyed
from course_utils.training.loop import fit_plan
from course_utils.training.plan import Plan
from course_utils.training.team import team

PLAN = Plan(epochs=5, batch_size=16, learning_rate=1e-2)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 4)).double()


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(100, 1, 8, 8, dtype=torch.float64, generator=generator),
        torch.randint(0, 4, (100,), generator=generator),
    )


def noisy(model: nn.Module, images: Tensor, keys: Tensor) -> Tensor:
    """The model's answers to images of which some pixels are missing, in training others for every sample and epoch."""
    if model.training:
        images = images * (keyed.uniform(keys, *images.shape[1:]) < 0.7)
    return model(images)


def cross_entropy(answers: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(answers, labels, reduction="none")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with team() as processes:
        how = {"seed": 3, "forward": noisy, "loss": cross_entropy, "checkpoint": Path(sys.argv[2]), "team": processes}
        history = fit_plan(network(), data(), PLAN, **how)
        if processes.rank == 0:
            Path(sys.argv[1]).write_text("\n".join(map(repr, history.updates)))
