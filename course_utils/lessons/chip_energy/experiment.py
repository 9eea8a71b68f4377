"""What faint stripes cost: the fifth model under rising prices for its operations, and its twin without spikes.

The twin learns from the images of the same seed. The priced models go on from a trained one; a price of 0 shows what
training on does by itself. When to stop is chosen with the validation images. What the counted operations cost, by
which convention, `chips.energy` says.
"""

import copy
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from course_utils.chips.energy import Anytime, Priced, TunedInput, Twin, anytime, folded
from course_utils.lessons.hardware_quantization.experiment import RECIPE as FAINT
from course_utils.lessons.hardware_quantization.faint import SCALE, STEPS
from course_utils.lessons.stripe_snn.experiment import ON_PLAIN, awake
from course_utils.spiking import encoders
from course_utils.spiking.li_readout import LIReadout
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.loop import History, fit
from course_utils.training.measuring import Split, curve_of

RECIPE = replace(FAINT, lesson="chip_energy", epochs=4)  # half of the epochs: it goes on
PRICES = (0.0, 0.1, 0.3, 1.0)
IMAGES, ON = 2000, {"batch_size": 64, "epochs": 2, "learning_rate": 5e-3}  # of training on with a price
TWIN = {"batch_size": 64, "epochs": 8, "learning_rate": 1e-2}

_trained = cache(RECIPE.train)


def priced(model: LIReadout, split: Split, price: float, seed: int, **how: float) -> tuple[LIReadout, History]:
    """A copy of the model that has trained on with a price on its operations and a tunable input, and its history."""
    own = copy.deepcopy(model)
    own.encode = TunedInput(SCALE, STEPS)
    training = Priced(own, price)
    train = tuple(part[:IMAGES] for part in split.train)
    return own, fit(training, train, split.validation, seed=seed, loss=training.loss, **ON | how)


def earliest_stop(curve: Anytime, tolerated: float = 0.005) -> int:
    """The first step whose accuracy is within `tolerated` of the last one's, from 1."""
    return int((curve.accuracy >= curve.accuracy[-1] - tolerated).nonzero()[0]) + 1


def _twin(seed: int, _: Path) -> Record:
    """A record of the twin without spikes."""
    split = RECIPE.task.draw(seed, RECIPE.images)
    torch.manual_seed(seed)
    twin = Twin()
    history = fit(twin, split.train, split.validation, seed=seed, **TWIN)
    return RECIPE.measured(twin, split, curve_of(history), config=TWIN, time_steps=1)


def _spiking(price: float | None, seed: int, _: Path) -> Record:
    """A record of the model as it was trained, or of what a price has made of it; its pool is in the readout."""
    model, split, curve = _trained(seed)
    config = {"batch_size": 64, "epochs": RECIPE.epochs, "learning_rate": RECIPE.learning_rate}
    learned = {}
    if price is not None:
        model, history = priced(model, split, price, seed)
        curve, learned = curve_of(history), model.encode.told()
        config = ON | {"price": price}
    stop = earliest_stop(anytime(model, *split.validation))
    test = anytime(model, *split.test)
    by_step = {"accuracy by step": test.accuracy.tolist(), "accumulates by step": test.accumulates.tolist()}
    record = RECIPE.measured(
        folded(model),
        split,
        curve | {what: [round(value, 4) for value in values] for what, values in by_step.items()},
        config=config,
        measured={"stop": stop} | learned,
        beside={"at the stop": test.accuracy[stop - 1].item()},
    )
    return replace(record, accumulates=test.accumulates[-1].item())  # of the whole test set, as its curve


# The fifth model of the plain stripes, with a lower current of a white pixel (20 there) and kernels larger by as much.
CURRENTS = {
    f"current {scale:g}": replace(
        ON_PLAIN["5: LI readout"],
        lesson="chip_energy",
        build=partial(awake, gain=120 / scale, encode=partial(encoders.stripe_input, scale=scale)),
    )
    for scale in (10.0, 5.0)
}
EXPERIMENTS = (
    Experiment("energy-current", "plain stripes at half and at a quarter of the input current", CURRENTS),
    Experiment(
        "energy",
        "faint stripes with a price on operations, and the twin without spikes",
        {
            "twin without spikes": _twin,
            "as trained": partial(_spiking, None),
            **{f"price {price:g}": partial(_spiking, price) for price in PRICES},
        },
    ),
)
