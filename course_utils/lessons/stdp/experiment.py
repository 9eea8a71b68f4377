"""The layer that learns by STDP over five seeds: whole, smaller, without a part, and on faint stripes."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, HARD, PLAIN, Task
from course_utils.spiking.encoders import poisson
from course_utils.spiking.plasticity import Learned, WinnerTakeAll, assign_labels, vote
from course_utils.training.counting import Operations
from course_utils.training.experiment import Experiment, Split, measured
from course_utils.training.ledger import Record

STEPS = 50
FIRST_LABELLING = 2000
FAR = replace(PLAIN, first_test=FIRST_TEST)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Learner:
    """A layer that learns without labels, gets labels, and is tested.

    Attributes:
        rule: of its neurons.
        neurons: how many.
        task: what it sees.
        train: images to learn from, without labels.
        labelling: images with labels, from which every neuron gets one.
        test: images of the test set.
    """

    rule: WinnerTakeAll = field(default_factory=WinnerTakeAll)
    neurons: int = 30
    task: Task = FAR
    train: int = 400
    labelling: int = 400
    test: int = 2000

    def draw(self, seed: int) -> Split:
        """The images of a seed; those for labelling stand where others have their validation images."""
        return self.task.draw(seed, self.train, self.labelling, self.test, FIRST_LABELLING)

    def learn(self, images: Tensor, seed: int) -> tuple[Learned, Learned]:
        """The layer before and after images [count, 1, size, size], 0 to 1: the probability of a spike at a step."""
        noise = _generator(seed)
        start = learned = self.rule.start(images[0].numel(), self.neurons, _generator(seed))
        for image in images.flatten(1):
            _, learned = self.rule.learn(poisson(image, STEPS, noise), learned)
        return start, learned

    def count(self, learned: Learned, images: Tensor, seed: int) -> Tensor:
        """Spikes of every neuron for every image, [images, neurons]."""
        noise = _generator(seed)
        batches = images.flatten(1).split(250)
        return torch.cat([self.rule.respond(poisson(batch, STEPS, noise), learned).sum(0) for batch in batches])

    def record(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Learn, label, read the test set once. A run takes seconds, so it keeps no checkpoint."""
        split = self.draw(seed)
        images, labels = split.test
        accuracies, counts = [], None
        for learned in self.learn(split.train[0], seed):
            neuron_labels = assign_labels(self.count(learned, split.validation[0], seed), split.validation[1])
            counts = self.count(learned, images, seed)
            accuracies.append((vote(counts, neuron_labels) == labels).double().mean().item())
        spikes_in, inputs = STEPS * images.double().flatten(1).sum(1).mean().item(), images[0].numel()
        return measured(
            None,
            split,
            cost=Operations(
                spikes=spikes_in + counts.sum(1).mean().item(),
                accumulates=spikes_in * self.neurons,
                multiply_accumulates=0.0,
                dense=float(STEPS * inputs * self.neurons),
            ),
            lesson="stdp",
            task=self.task.name,
            config={
                "neurons": self.neurons,
                "theta_plus": self.rule.theta_plus,
                "total_weight": self.rule.total_weight,
                "inhibition": self.rule.inhibition,
            },
            accuracy=accuracies[1],
            baseline=self.task.baseline(split),
            beside={"random weights, labelled": accuracies[0]},
            parameters=(inputs + 1) * self.neurons,
            time_steps=STEPS,
        )


_WHOLE = WinnerTakeAll()
LEARNERS = {
    "30 neurons": Learner(),
    "10 neurons": Learner(neurons=10),
    "5 neurons": Learner(neurons=5),
    "30, no homeostasis": Learner(replace(_WHOLE, theta_plus=0.0)),
    "30, no normalisation": Learner(replace(_WHOLE, total_weight=None)),
    "30, no inhibition": Learner(replace(_WHOLE, inhibition=False)),
    "30 neurons, hard set": Learner(task=HARD),
}
EXPERIMENTS = (
    Experiment(
        "stdp",
        "learning without labels, plain and hard stripes",
        {name: learner.record for name, learner in LEARNERS.items()},
    ),
)
