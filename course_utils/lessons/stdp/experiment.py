"""Lesson 09 over five seeds: the layer that learns by STDP, whole, smaller, without a part, and on faint stripes."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from course_utils.data import stripes
from course_utils.data.stripes import StripeSet, StripeSettings
from course_utils.lessons.stripe_snn import experiment as supervised
from course_utils.spiking.encoders import poisson
from course_utils.spiking.plasticity import Learned, WinnerTakeAll, assign_labels, vote
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record

STEPS = 50
FIRST_LABELLING = 2000


def brightness(drawn: StripeSet) -> Tensor:
    """Pixels from 0 to 1, [count, pixels]: the probability of a spike at one step."""
    return torch.tensor(drawn.images).flatten(1) / 255


def generator(seed: int) -> torch.Generator:
    """Random numbers that begin anew from this seed."""
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Recipe:
    """How a layer learns, gets its labels, and is tested.

    Attributes:
        layer: the neurons and their rule.
        neurons: how many.
        settings: of the stripe set.
        train: images to learn from, without labels.
        labelling: images with labels, from which every neuron gets one.
        test: images of the test set.
    """

    layer: WinnerTakeAll = field(default_factory=WinnerTakeAll)
    neurons: int = 30
    settings: StripeSettings = stripes.PLAIN
    train: int = 400
    labelling: int = 400
    test: int = 2000

    def learn(self, seed: int) -> tuple[Learned, Learned]:
        """The layer before and after its images."""
        drawn = stripes.make_stripes(self.train, seed, settings=self.settings)
        images, noise = brightness(drawn), generator(seed)
        start = learned = self.layer.start(images.shape[1], self.neurons, generator(seed))
        for image in images:
            _, learned = self.layer.learn(poisson(image, STEPS, noise), learned)
        return start, learned

    def count(self, learned: Learned, drawn: StripeSet, seed: int) -> Tensor:
        """Spikes of every neuron for every image, [images, neurons]."""
        noise = generator(seed)
        batches = brightness(drawn).split(250)
        return torch.cat([self.layer.respond(poisson(batch, STEPS, noise), learned).sum(0) for batch in batches])

    def record(self, task: str, name: str, seed: int, checkpoint: Path | None = None) -> Record:
        """Learn, label, read the test set once. A run takes seconds, so it keeps no checkpoint."""
        labelled, judged = (
            stripes.make_stripes(count, seed, first=first, settings=self.settings)
            for count, first in ((self.labelling, FIRST_LABELLING), (self.test, supervised.FIRST_TEST))
        )
        labels = torch.tensor(judged.labels)
        accuracies, counts = [], None
        for learned in self.learn(seed):
            neuron_labels = assign_labels(self.count(learned, labelled, seed), torch.tensor(labelled.labels))
            counts = self.count(learned, judged, seed)
            accuracies.append((vote(counts, neuron_labels) == labels).double().mean().item())
        spikes_in = STEPS * brightness(judged).double().sum(1).mean().item()
        inputs = judged.images[0].size
        return Record(
            lesson="stdp",
            task=task,
            model=name,
            data={"source": "drawn", "train": self.train, "validation": self.labelling, "test": self.test},
            seed=seed,
            config={
                "neurons": self.neurons,
                "theta_plus": self.layer.theta_plus,
                "total_weight": self.layer.total_weight,
                "inhibition": self.layer.inhibition,
            },
            accuracy=accuracies[1],
            baseline={
                "name": supervised.Recipe.rule,
                "accuracy": float((stripes.row_column_baseline(judged.images) == judged.labels).mean()),
            },
            beside={"random weights, labelled": accuracies[0]},
            parameters=(inputs + 1) * self.neurons,
            dense=float(STEPS * inputs * self.neurons),
            multiply_accumulates=0.0,
            accumulates=spikes_in * self.neurons,
            spikes=spikes_in + counts.sum(1).mean().item(),
            time_steps=STEPS,
        )


_WHOLE = WinnerTakeAll()
RECIPES = {
    "30 neurons": Recipe(),
    "10 neurons": Recipe(neurons=10),
    "5 neurons": Recipe(neurons=5),
    "30, no homeostasis": Recipe(replace(_WHOLE, theta_plus=0.0)),
    "30, no normalisation": Recipe(replace(_WHOLE, total_weight=None)),
    "30, no inhibition": Recipe(replace(_WHOLE, inhibition=False)),
}
FAINT = {"30 neurons, hard set": Recipe(settings=stripes.HARD)}
EXPERIMENTS = (
    Experiment(
        "stdp",
        "learning without labels, plain and hard stripes",
        {name: partial(recipe.record, "stripes, plain", name) for name, recipe in RECIPES.items()}
        | {name: partial(recipe.record, "stripes, hard", name) for name, recipe in FAINT.items()},
    ),
)
