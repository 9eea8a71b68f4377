"""The layer that learns by STDP over five seeds: whole, smaller, without a part, on faint stripes, without timing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from course_utils.lessons.stdp.models import WINDOWS
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, HARD, PLAIN, Task
from course_utils.spiking.encoders import poisson
from course_utils.spiking.plasticity import Learned, PairSTDP, WinnerTakeAll, assign_labels, vote
from course_utils.spiking.timing import rank_order
from course_utils.training.counting import Operations
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.measuring import Split, measured

STEPS = 50
FAR = replace(PLAIN, first_test=FIRST_TEST)


# How images [batch, inputs], 0 to 1, become spikes [time, batch, inputs].
CODES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "rates": lambda images, noise: poisson(images, STEPS, noise),
    "one spike each": lambda images, noise: rank_order(images, STEPS, threshold=0),
    "one spike each, at random":
        lambda images, noise: rank_order(torch.rand(images.shape, generator=noise), STEPS, threshold=0),
}  # fmt: skip


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Learner:
    """A layer that learns without labels, gets labels, and is tested: a run of an experiment."""

    rule: WinnerTakeAll = field(default_factory=WinnerTakeAll)
    neurons: int = 30
    task: Task = FAR
    train: int = 400  # images to learn from, without labels
    labelling: int = 400  # images with labels, from which every neuron gets one
    test: int = 2000  # images of the test set
    code: str = "rates"  # how images become spikes, one of `CODES`
    learns_from: str = ""  # the code while it learns, if that is another one

    def draw(self, seed: int) -> Split:
        """The images of a seed; those for labelling stand where others have their validation images."""
        return self.task.draw(seed, self.train, self.labelling, self.test)

    def learn(self, images: Tensor, seed: int) -> tuple[Learned, Learned, Tensor]:
        """The layer before and after images [count, 1, size, size], 0 to 1, and its spikes meanwhile, [neurons]."""
        noise, fired = _generator(seed), torch.zeros(self.neurons)
        start = learned = self.rule.start(images[0].numel(), self.neurons, _generator(seed))
        encode = CODES[self.learns_from or self.code]
        for image in images.flatten(1):
            spikes, learned = self.rule.learn(encode(image[None], noise)[:, 0], learned)
            fired += spikes.sum(0)
        return start, learned, fired

    def count(self, learned: Learned, images: Tensor, seed: int) -> Tensor:
        """Spikes of every neuron for every image, [images, neurons]."""
        noise = _generator(seed)
        batches = images.flatten(1).split(250)
        return torch.cat([self.rule.respond(CODES[self.code](batch, noise), learned).sum(0) for batch in batches])

    def __call__(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Learn, label, read the test set once. A run takes seconds, so it keeps no checkpoint."""
        split = self.draw(seed)
        images, labels = split.test
        accuracies, counts = [], None
        start, end, fired = self.learn(split.train[0], seed)
        for learned in (start, end):
            neuron_labels = assign_labels(self.count(learned, split.validation[0], seed), split.validation[1])
            counts = self.count(learned, images, seed)
            accuracies.append((vote(counts, neuron_labels) == labels).double().mean().item())
        inputs, config = images[0].numel(), {"neurons": self.neurons, "code": self.code}
        config |= {"learns_from": self.learns_from} if self.learns_from else {}
        config |= {name: getattr(self.rule, name) for name in ("theta_plus", "total_weight", "inhibition")}
        config |= {name: getattr(self.rule.rule, name) for name in ("a_plus", "a_minus", "tau_plus_ms", "tau_minus_ms")}
        expected = STEPS * images.double().flatten(1).sum(1).mean().item()
        spikes_in = expected if self.code == "rates" else float(inputs)
        spikes = spikes_in + counts.sum(1).mean().item()
        dense = float(STEPS * inputs * self.neurons)
        return measured(
            None,
            split,
            cost=Operations(spikes, accumulates=spikes_in * self.neurons, multiply_accumulates=0.0, dense=dense),
            lesson="stdp",
            task=self.task.name,
            config=config,
            accuracy=accuracies[1],
            baseline=self.task.baseline(split),
            beside={"random weights, labelled": accuracies[0]},
            measured={"neurons that never fired": (fired == 0).sum().item()},
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


def _once(rule: PairSTDP, strength: float = 20.0) -> WinnerTakeAll:
    """The layer for one spike a pixel: fewer spikes come in, so each weighs more, and changes more."""
    stronger = replace(rule, a_plus=strength * rule.a_plus, a_minus=strength * rule.a_minus)
    return replace(_WHOLE, rule=stronger, total_weight=64.0)


WITHOUT_TIMING = {
    **{f"{name}, rates": Learner(replace(_WHOLE, rule=rule)) for name, rule in WINDOWS.items()},
    **{f"{name}, one spike each": Learner(_once(rule), code="one spike each") for name, rule in WINDOWS.items()},
    **{f"{name}, one spike each, a quarter": Learner(_once(WINDOWS[name], 5.0), code="one spike each")
       for name in ("no depression", "endless memory", "both sides alike")},
    "full rule, one spike each, learned at random":
        Learner(_once(PairSTDP()), code="one spike each", learns_from="one spike each, at random"),
}  # fmt: skip
TIMING = "STDP whose timing is taken away piece by piece, on stripes coded by rates and by times"
EXPERIMENTS = (
    Experiment("stdp", "learning without labels, plain and hard stripes", LEARNERS),
    Experiment("stdp-timing", TIMING, WITHOUT_TIMING),
)
