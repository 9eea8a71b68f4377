"""The five stripe models over five seeds, on the plain and the hard set; how networks learn from drawn images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils.lessons.stripe_snn.kinds import KINDS, every_kind
from course_utils.lessons.stripe_snn.tasks import HARD, PLAIN, TRAIN, Task
from course_utils.spiking import encoders, li_readout, neurons, norse_cells, recurrent
from course_utils.spiking import stripe_networks as models
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions
from course_utils.training.loop import fit, predict
from course_utils.training.measuring import Split, curve_of, measured


class ResetApart(nn.Module):
    """Norse's LIF cell as model 1 calls it, but no gradient passes the reset."""

    def forward(self, inputs: Tensor, state: neurons.State | None = None) -> tuple[Tensor, neurons.State]:
        """Spikes and the new state for the inputs of one step."""
        state = state or neurons.State(*[torch.zeros_like(inputs)] * 3)
        i = state.i + inputs
        v = 0.9 * state.v + 0.1 * i
        spikes = norse_cells.spike(v - 1)
        return spikes, state._replace(v=(1 - spikes.detach()) * v, i=0.8 * i)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained for a task: a run of an experiment."""

    lesson: str  # where it is taught
    task: Task
    build: Callable[[Tensor, int], nn.Module]  # of the training images and the seed, which PyTorch has got before
    epochs: int
    learning_rate: float  # the highest of the one cycle
    steps: int = encoders.STEPS  # number of time steps
    images: int = TRAIN  # how many to train on

    def train(self, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, Split, dict[str, list[float]]]:
        """The trained network, the data it was trained on, and its curve."""
        split = self.task.draw(seed, self.images)
        torch.manual_seed(seed)
        model = self.build(split.train[0], seed)
        how = {"epochs": self.epochs, "learning_rate": self.learning_rate, "batch_size": 64}
        history = fit(model, split.train, split.validation, seed=seed, checkpoint=checkpoint, **how)
        return model, split, curve_of(history)

    def measured(self, model: nn.Module, split: Split, curve: dict[str, list[float]], /, **fields: Any) -> Record:
        """The record of a network that was trained like this; `fields` go before what the recipe says."""
        own = {
            "lesson": self.lesson,
            "task": self.task.name,
            "config": {"epochs": self.epochs, "learning_rate": self.learning_rate, "batch_size": 64},
            "baseline": self.task.baseline(split),
            "beside": self.task.beside(model, split),
            "time_steps": self.steps,
            "versions": versions("torch", "norse"),
            "curve": curve,
        }
        return measured(model, split, spiking=(norse.LIFCell, ResetApart, recurrent.RecurrentLIF), **(own | fields))

    def __call__(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        return self.measured(*self.train(seed, checkpoint))


def awake(images: Tensor, seed: int, gain: float = 6.0, **options: object) -> li_readout.LIReadout:
    """Model 5 with initial weights from which it learns."""
    return li_readout.awaken(li_readout.LIReadout(**options), images[:500], gain)


_first_four, _fifth = partial(Recipe, "stripe_snn", PLAIN), partial(Recipe, "li_readout", PLAIN)
ON_PLAIN = {
    "1: flat, library defaults": _first_four(lambda images, seed: models.FlatLIF(), 30, 1e-3),
    "1: flat, mended": _first_four(lambda images, seed: models.FlatLIF(scale=5), 10, 1e-2),
    "2: two convolutions": _first_four(lambda images, seed: models.BroadConv(), 3, 2e-3, steps=10),
    "3: lean, Poisson": _first_four(lambda images, seed: models.LeanConv(models.PoissonInput(seed=seed)), 9, 1e-2),
    "4: lean, constant current": _first_four(lambda images, seed: models.LeanConv(), 9, 1e-2),
    "5: as built, maximum": _fifth(lambda images, seed: li_readout.LIReadout(readout="maximum"), 9, 1e-2),
    "5: LI readout": _fifth(awake, 9, 5e-3),
    "5: one output": _fifth(partial(awake, outputs=1), 9, 5e-3),
}
# Faint stripes: half the current, because slower spike trains have more levels; larger kernels; many more images.
# Earlier images of these seeds helped to choose this, so the test images begin beyond them.
_faint = partial(awake, gain=12.0, encode=partial(encoders.stripe_input, scale=10.0))
ON_HARD = {
    "5: as for plain stripes": Recipe("li_readout", HARD, awake, 20, 5e-3),
    "5: LI readout": Recipe("li_readout", HARD, _faint, 5, 1.5e-2, images=16_000),
}


def reset_apart(images: Tensor, seed: int, steps: int = encoders.STEPS) -> models.FlatLIF:
    """Model 1 with library defaults, but no gradient passes the reset."""
    model = models.FlatLIF(steps=steps)
    model.lif = ResetApart()
    return model


# The fourth of this square, 50 steps as Norse computes them, is "1: flat, library defaults" of the plain stripes.
ON_RESET = {
    "50 steps, reset apart": _first_four(reset_apart, 30, 1e-3),
    "10 steps": _first_four(lambda images, seed: models.FlatLIF(steps=10), 30, 1e-3, steps=10),
    "10 steps, reset apart": _first_four(partial(reset_apart, steps=10), 30, 1e-3, steps=10),
}

# The square of two remedies of model 1. Each has ten epochs: the one cycle of the learning rate is part of a recipe.
ON_SCALE = {
    f"scale {scale}, learning rate {rate:g}": _first_four(lambda *_, scale=scale: models.FlatLIF(scale=scale), 10, rate)
    for scale, rate in product((1, 5), (1e-3, 1e-2))
}
CURE = ("gain", "bias", "zero start", "integral")


def cured(images: Tensor, seed: int, parts: Sequence[str]) -> li_readout.LIReadout:
    """Model 5 with some parts of its cure; the rest is as PyTorch draws it, and read by the maximum."""
    model = li_readout.LIReadout(readout="integral" if "integral" in parts else "maximum")
    drawn = {name: values.clone() for name, values in model.state_dict().items()}
    li_readout.awaken(model, images[:500], gain=6.0 if "gain" in parts else 1.0)
    kept = {"conv.bias": "bias", "linear.weight": "zero start", "linear.bias": "zero start"}
    model.load_state_dict({name: drawn[name] for name, part in kept.items() if part not in parts}, strict=False)
    return model


_partly = {"none": ()} | {part: (part,) for part in CURE}
_partly |= {"all but integral": CURE[:3], "all": CURE}
ON_CURE = {name: _fifth(partial(cured, parts=parts), 3, 5e-3) for name, parts in _partly.items()}


def weak_spots(seed: int, checkpoint: Path | None = None) -> Record:
    """Model 4, and how many pictures of each kind it gets right."""
    recipe = ON_PLAIN["4: lean, constant current"]
    model, split, curve = recipe.train(seed, checkpoint)
    images, labels = every_kind(seed)
    answers = predict(model, torch.tensor(images).flatten(0, 3)[:, None] / 255).argmax(1).numpy().reshape(labels.shape)
    right = (answers == labels).mean(-1)
    names = [", ".join(map("{} {:g}".format, KINDS, kind)) for kind in product(*KINDS.values())]
    vertical = answers[0].mean(-1)  # at the lowest contrast
    letter = {"one letter at the lowest contrast": float(abs(vertical[:2] - 0.5).mean() + 0.5)}
    beside = dict(zip(names, right.flatten().tolist(), strict=True))
    return recipe.measured(model, split, curve, beside=beside, measured=letter)


EXPERIMENTS = (
    Experiment("stripes-plain", "the five stripe models on plain stripes", ON_PLAIN),
    Experiment("stripes-hard", "the fifth model on faint, noisy stripes", ON_HARD),
    Experiment("stripes-reset", "the first stripe model: fewer steps, and no gradient through the reset", ON_RESET),
    Experiment("stripes-scale", "the first stripe model: its input scale and its learning rate", ON_SCALE),
    Experiment("stripes-cure", "the fifth stripe model: parts of its cure, alone and left out", ON_CURE),
    Experiment("stripes-map", "where the fourth stripe model fails", {"4: lean, constant current": weak_spots}),
)
