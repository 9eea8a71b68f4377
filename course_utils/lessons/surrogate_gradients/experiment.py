"""One mean and one spread for all time steps, or for each step its own: twenty layers on the small digits."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from course_utils.lessons.surrogate_gradients.models import DeepLIF, error_norms, growth
from course_utils.spiking.surrogates import triangle
from course_utils.training.baselines import linear_accuracy
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.loop import fit
from course_utils.training.measuring import Split, curve_of, measured

DEPTH, WIDTH, EPOCHS, LEARNING_RATE = 20, 2.0, 12, 1e-2


class EachStep(nn.Module):
    """Batch norm with statistics, scale and shift of its own at each step, for currents [time · batch, neurons].

    Source: Y. Kim and P. Panda, "Revisiting batch normalization …" (BNTT), Frontiers in Neuroscience 15 (2021).
    """

    def __init__(self, steps: int, shared: nn.BatchNorm1d):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm1d(shared.num_features) for _ in range(steps))
        for norm in self.norms:
            norm.load_state_dict(shared.state_dict())

    def forward(self, currents: Tensor) -> Tensor:
        parts = currents.chunk(len(self.norms))
        return torch.cat([norm(now) for norm, now in zip(self.norms, parts, strict=True)])


def small_digit_split(seed: int) -> Split:
    """scikit-learn's digits in the order of a seed, as the lesson has them."""
    pixels, labels = (torch.tensor(part) for part in load_digits(return_X_y=True))
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))
    pixels, labels = pixels[order].float(), labels[order]
    pixels = (pixels - pixels[:1047].mean()) / pixels[:1047].std()
    parts = (slice(1047), slice(1047, 1297), slice(1297, None))
    return Split("digits8x8", *((pixels[part], labels[part]) for part in parts))


def batch_normed(each_step: bool, seed: int, checkpoint: Path | None = None) -> Record:
    """Train one network whose height is tuned for it, and record it."""
    split = small_digit_split(seed)
    probe = tuple(part[:256] for part in split.train)

    def network(height: float) -> DeepLIF:
        made = DeepLIF(DEPTH, triangle(WIDTH, height), batch_norm=True, seed=seed).awaken(probe[0])
        for place in range(1, DEPTH) if each_step else ():  # the first layer's current is constant
            made.norms[place] = EachStep(made.steps, made.norms[place])
        return made

    height = 1 / growth(error_norms(network(1.0), *probe))
    model, plan = network(height), {"epochs": EPOCHS, "learning_rate": LEARNING_RATE}
    history = fit(model, split.train, split.validation, seed=seed, batch_size=64, checkpoint=checkpoint, **plan)
    record = measured(
        model.eval(),
        split,
        lesson="surrogate_gradients",
        task="digits, 8×8",
        config=plan | {"depth": DEPTH, "width": WIDTH, "height": round(height, 3)},
        baseline={"name": "linear classifier", "accuracy": linear_accuracy(split.train, split.test)},
        beside={"validation": history.accuracy[-1]},
        time_steps=model.steps,
        curve=curve_of(history),
    )
    with torch.no_grad():  # the neurons are no layers that a counter sees
        spikes = sum(layer.spikes.sum().item() for layer in model.hidden(split.test[0])) / len(split.test[1])
    return replace(record, spikes=spikes)


EXPERIMENTS = (
    Experiment(
        "digits-batch-norm",
        "20 layers on the small digits: batch norm over all time steps, or step by step",
        {"all steps together": partial(batch_normed, False), "each step by itself": partial(batch_normed, True)},
        seeds=(0, 1, 2),
    ),
)
