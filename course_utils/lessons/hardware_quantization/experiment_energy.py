"""What faint stripes cost: the fifth model under rising prices for its operations, and its twin without spikes.

The twin learns from the images of the same seed. The priced models go on from a trained one; a price of 0 shows what
training on does by itself. When to stop is chosen with the validation images.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path

import torch
from torch import nn

from course_utils.chips.energy import CONVENTIONS, Anytime, Priced, TunedInput, Twin, anytime, folded
from course_utils.lessons.hardware_quantization.experiment import RECIPES, STEPS
from course_utils.lessons.stripe_snn.experiment import Splits, measured
from course_utils.spiking.stripe_networks import LIReadout
from course_utils.training.experiment import Experiment, fit_whole
from course_utils.training.ledger import Record
from course_utils.training.loop import History

RECIPE = replace(RECIPES["faint"], epochs=4)  # half of the epochs: it goes on
SCALE = 10.0  # of the recipe's encoder
PRICES = (0.0, 0.1, 0.3, 1.0)
IMAGES, EPOCHS, LEARNING_RATE = 2000, 2, 5e-3
TWIN_EPOCHS, TWIN_LEARNING_RATE = 8, 1e-2
TOLERATED = 0.005  # of the validation accuracy, for an earlier stop


@cache
def _trained(seed: int) -> tuple[LIReadout, Splits, dict[str, list[float]]]:
    return RECIPE.train(seed)


def priced(
    model: LIReadout,
    splits: Splits,
    price: float,
    seed: int,
    *,
    images: int = IMAGES,
    epochs: int = EPOCHS,
    learning_rate: float = LEARNING_RATE,
) -> tuple[LIReadout, History]:
    """A copy of the model that has trained on with a price on its operations and a tunable input, and its history."""
    own = copy.deepcopy(model)
    own.encode = TunedInput(SCALE, STEPS)
    training = Priced(own, price)
    history = fit_whole(
        training,
        tuple(part[:images] for part in splits.train),
        splits.validation,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        batch_size=64,
        loss=training.loss,
    )
    return own, history


def earliest_stop(curve: Anytime, tolerated: float = TOLERATED) -> int:
    """The first step whose accuracy is within `tolerated` of the last one's, from 1."""
    return int((curve.accuracy >= curve.accuracy[-1] - tolerated).nonzero()[0]) + 1


def train_twin(splits: Splits, seed: int) -> tuple[Twin, History]:
    """The twin without spikes, trained."""
    torch.manual_seed(seed)
    twin = Twin()
    history = fit_whole(
        twin,
        splits.train,
        splits.validation,
        epochs=TWIN_EPOCHS,
        learning_rate=TWIN_LEARNING_RATE,
        seed=seed,
        batch_size=64,
    )
    return twin, history


def _of(model: nn.Module, splits: Splits, name: str, seed: int, curve: dict, settings: Mapping[str, object]) -> Record:
    """What every run measures, with the settings of this one."""
    record = measured(RECIPE, model, splits, task="stripes, faint", name=name, seed=seed, curve=curve)
    return replace(record, config={"batch_size": 64, **settings})


def _twin(name: str, seed: int, _: Path) -> Record:
    """A record of the twin. Its energies are those of a processor that skips no zero."""
    splits = RECIPE.draw(seed)
    twin, history = train_twin(splits, seed)
    settings = {"epochs": TWIN_EPOCHS, "learning_rate": TWIN_LEARNING_RATE}
    record = _of(twin, splits, name, seed, asdict(history), settings)
    energies = {way: round(convention.dense_nj(record.dense), 3) for way, convention in CONVENTIONS.items()}
    return replace(record, time_steps=1, config=record.config | {"energy_nj": energies})


def _spiking(price: float | None, name: str, seed: int, _: Path) -> Record:
    """A record of the model as it was trained, or of what a price has made of it; its pool is in the readout."""
    model, splits, curve = _trained(seed)
    settings = {"epochs": RECIPE.epochs, "learning_rate": RECIPE.learning_rate}
    if price is not None:
        model, history = priced(model, splits, price, seed)
        curve = asdict(history)
        settings = {"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "price": price} | model.encode.told()
    stop = earliest_stop(anytime(model, *splits.validation))
    test = anytime(model, *splits.test)
    record = _of(folded(model), splits, name, seed, curve, settings | {"stop": stop})
    record = replace(record, accumulates=test.accumulates[-1].item())  # of the whole test set, as its curve
    energies = {way: round(convention.energy_nj(record), 3) for way, convention in CONVENTIONS.items()}
    by_step = {
        "accuracy by step": test.accuracy.tolist(),
        "accumulates by step": test.accumulates.tolist(),
    }
    return replace(
        record,
        config=record.config | {"energy_nj": energies},
        beside={"at the stop": test.accuracy[stop - 1].item()},
        curve=curve | {what: [round(value, 4) for value in values] for what, values in by_step.items()},
    )


_RUNS = {"twin without spikes": _twin, "as trained": partial(_spiking, None)}
_RUNS |= {f"price {price:g}": partial(_spiking, price) for price in PRICES}

EXPERIMENTS = (
    Experiment(
        "energy",
        "faint stripes with a price on operations, and the twin without spikes",
        {name: partial(run, name) for name, run in _RUNS.items()},
    ),
)
