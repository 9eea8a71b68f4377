"""A training that may take long: on one process or on several that `torchrun` starts, resumed, tested and recorded."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.data.require import guarded
from course_utils.spiking.layers import SpikingNeurons
from course_utils.training.baselines import linear_accuracy
from course_utils.training.ledger import Record
from course_utils.training.loop import History, Loss, accuracy, fit_plan
from course_utils.training.measuring import Part, Split, measured
from course_utils.training.plan import Plan
from course_utils.training.team import device, team

# Half the time where the processor has instructions for it, ten times as long and more where it has none.
BFLOAT16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
FOR_TESTING = 10**6  # stands where an epoch stands in the keys of test samples
CROSS_ENTROPY = partial(functional.cross_entropy, reduction="none")


@dataclass(frozen=True)
class LongRun:
    """How one spiking network is trained on one task; what is random belongs to the samples (see `loop`).

    `enter` makes of samples as they are stored, their keys, and whether the network is learning, what enters it: images
    or spikes. Its attributes are recorded.
    """

    lesson: str  # its topic
    task: str  # for tables
    split: Callable[[int], Split]  # of a seed
    network: Callable[[int], nn.Module]  # of a seed to an `OverTime`; PyTorch's own seed is set before
    steps: int  # time steps T
    plan: Plan
    enter: Callable[[Tensor, Tensor, bool], Tensor]
    gain: float = 10.0  # what outputs are multiplied with before the loss
    loss: Loss = CROSS_ENTROPY  # of outputs and labels, for each sample
    baseline: str = "linear classifier"  # what that is called
    watched: int = 0  # validation samples with which the accuracy is watched after each epoch; nothing depends on it
    spiking: tuple[type[nn.Module], ...] = (SpikingNeurons,)  # layers whose spikes are counted

    def forward(self, model: nn.Module, samples: Tensor, keys: Tensor) -> Tensor:
        """Outputs of the model for samples as they are stored; what is random comes from the keys."""
        x = self.enter(samples, keys, model.training)
        return self.gain * (model(x, keys=keys) if x.dim() == 5 else model(x, self.steps, keys=keys))

    @guarded
    def record(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, read the test set once, and say what was measured."""
        split = self.split(seed)
        model, history = self.train(split, seed, checkpoint)
        model.eval()
        return measured(
            model,
            split,
            forward=lambda x: self.forward(model, x.to(device()), self._keys(x, seed).to(device())),
            spiking=self.spiking,
            samples=50,
            lesson=self.lesson,
            task=self.task,
            config=asdict(self.plan) | vars(self.enter) | self.neuron_settings(model) | {"device": str(device())},
            accuracy=self.accuracy(model, split.test, seed),
            baseline={"name": self.baseline, "accuracy": linear_accuracy(split.train, split.test)},
            beside=self.beside(model, split, seed),
            measured={"seconds": round(sum(history.seconds)), "threads": torch.get_num_threads()},
            time_steps=self.steps,
            curve={"loss": history.loss} | ({"accuracy": history.accuracy} if self.watched else {}),
        )

    def train(self, split: Split, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, History]:
        """A network trained from its first weights, or from where its checkpoint is, to the end."""
        torch.manual_seed(seed)
        model = self.network(seed).to(device())
        how = {"seed": seed, "forward": self.forward, "loss": self.loss, "checkpoint": checkpoint}
        if self.watched:
            some = split.validation[0][: self.watched], split.validation[1][: self.watched]
            how["watch"] = lambda model: self.accuracy(model, some, seed)
        with team() as processes:
            return model, fit_plan(model, split.train, self.plan, team=processes, **how)

    @guarded
    def accuracy(self, model: nn.Module, part: Part, seed: int) -> float:
        """Fraction of a part of the data that the model knows."""
        return accuracy(model, *part, forward=self.forward, keys=self._keys(part[0], seed), batch_size=250)

    def neuron_settings(self, model: nn.Module) -> dict[str, float]:
        """What a record tells of the neurons."""
        return {"leak": model.neuron.decay}

    def beside(self, model: nn.Module, split: Split, seed: int) -> dict[str, float]:
        """Further accuracies, by name."""
        return {"validation": self.accuracy(model, split.validation, seed)}

    def _keys(self, samples: Tensor, seed: int) -> Tensor:
        return keyed.keys(torch.arange(len(samples)), seed, FOR_TESTING)
