"""What one training step of LeNet5 costs, as a plain network and as a spiking one, by hand and in three libraries.

    python -m course_utils.lessons.deep_spiking_convnets.step_cost --to data/benchmarks

Everyone does the same work: 20 time steps of 64 pictures through 20C5–P2–50C5–P2–200–10 without batch norm, spiking
pools included, the mean squared error, its gradient, a step of SGD. The plain network has ReLUs and average pools and
sees 20·64 pictures at once. All take turns, and the quickest of several turns counts, so that whatever else the machine
does disturbs all of them alike. SpikingJelly is left out where it is not installed; the course does not need it.
"""

import argparse
import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.classroom.tables import Table
from course_utils.spiking.convnets import lenet5
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import POOL_THRESHOLD
from course_utils.training.ledger import versions

STEPS, BATCH, LEAK = 20, 64, 0.99
Contender = Callable[[], nn.Module]  # of spikes [time, batch, 1, 28, 28] to answers [batch, 10]


def synapses() -> list[nn.Module]:
    """The layers with weights, in order."""
    return [
        nn.Conv2d(1, 20, 5, padding=2, bias=False),
        nn.Conv2d(20, 50, 5, padding=2, bias=False),
        nn.Linear(50 * 7 * 7, 200, bias=False),
        nn.Linear(200, 10, bias=False),
    ]


def in_order(
    neuron: Callable[[], nn.Module], pool: Callable[[], nn.Module], output: list[nn.Module]
) -> list[nn.Module]:
    """LeNet5's layers, with these neurons, these neurons of a pool, and this output behind the last weights."""
    first, second, third, last = synapses()
    return [
        *(first, neuron(), nn.AvgPool2d(2), pool()),
        *(second, neuron(), nn.AvgPool2d(2), pool()),
        *(nn.Flatten(), third, neuron(), last, *output),
    ]


class Plain(nn.Module):
    """Every picture of every step on its own; answers are averaged over the steps."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*in_order(nn.ReLU, nn.Identity, []))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(0, 1)).unflatten(0, x.shape[:2]).mean(0)


class ByHand(nn.Module):
    """The network of lesson 12."""

    def __init__(self):
        super().__init__()
        self.network = lenet5(neuron=Neuron(decay=LEAK))

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


class ByHandConstant(ByHand):
    """The first step's picture as a constant current: the first convolution is computed once."""

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x[0], len(x))


class Norse(nn.Module):
    """LIFBox cells and a leaky readout, step by step."""

    def __init__(self):
        super().__init__()
        from norse.torch import LIBoxCell, LIBoxParameters, LIFBoxCell, LIFBoxParameters, SequentialState

        # Norse's time step of 1 ms lets in 1 − λ of a current. Thresholds that much lower make up for it.
        share = 1 - LEAK
        per_second = 1000 * share
        pool, hidden = (
            LIFBoxParameters(tau_mem_inv=torch.tensor(per_second), v_th=torch.tensor(threshold * share))
            for threshold in (POOL_THRESHOLD, 1.0)
        )
        output = LIBoxCell(LIBoxParameters(tau_mem_inv=torch.tensor(per_second)))
        self.layers = SequentialState(*in_order(lambda: LIFBoxCell(hidden), lambda: LIFBoxCell(pool), [output]))

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for now in x:
            answer, state = self.layers(now, state)
        return answer / len(x)


class SnnTorch(nn.Module):
    """Leaky neurons, step by step."""

    def __init__(self):
        super().__init__()
        from snntorch import Leaky

        output = Leaky(beta=LEAK, reset_mechanism="none", init_hidden=True, output=True)
        self.layers = nn.Sequential(
            *in_order(
                lambda: Leaky(beta=LEAK, reset_mechanism="zero", init_hidden=True),
                lambda: Leaky(beta=1.0, threshold=POOL_THRESHOLD, reset_mechanism="zero", init_hidden=True),
                [output],
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        from snntorch.utils import reset

        reset(self.layers)
        for now in x:
            _, potential = self.layers(now)
        return potential / len(x)


class SpikingJelly(nn.Module):
    """LIF and IF nodes in the mode of many steps: weights meet all steps at once."""

    def __init__(self):
        super().__init__()
        from spikingjelly.activation_based import functional as jelly
        from spikingjelly.activation_based import layer, neuron

        tau = 1 / (1 - LEAK)
        output = neuron.LIFNode(tau=tau, decay_input=False, v_threshold=1e9, v_reset=None, store_v_seq=True)
        stages = in_order(
            lambda: neuron.LIFNode(tau=tau, decay_input=False), lambda: neuron.IFNode(POOL_THRESHOLD), [output]
        )
        multi_step = [
            stage if isinstance(stage, neuron.BaseNode) else layer.SeqToANNContainer(stage) for stage in stages
        ]
        self.layers = nn.Sequential(*multi_step)
        jelly.set_step_mode(self.layers, "m")
        self.reset = jelly.reset_net

    def forward(self, x: Tensor) -> Tensor:
        self.reset(self.layers)
        self.layers(x)
        return self.layers[-1].v_seq[-1] / len(x)


CONTENDERS: dict[str, Contender] = {
    "plain network, T·B pictures": Plain,
    "by hand, spikes": ByHand,
    "by hand, constant input": ByHandConstant,
    "Norse": Norse,
    "snnTorch": SnnTorch,
    "SpikingJelly": SpikingJelly,
}


def training_step(model: nn.Module, x: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer) -> float:
    """One update; returns its loss."""
    loss = functional.mse_loss(model(x), functional.one_hot(labels, 10).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def seconds_a_step(turns: int, steps: int = STEPS, batch: int = BATCH) -> dict[str, float]:
    """The quickest of some turns of everyone who is installed, in the order of `CONTENDERS`."""
    torch.manual_seed(0)
    x = (torch.rand(steps, batch, 1, 28, 28) < 0.2).float()
    labels = torch.randint(0, 10, (batch,))
    racers = {}
    for name, contender in CONTENDERS.items():
        if contender is SpikingJelly and importlib.util.find_spec("spikingjelly") is None:
            continue
        with warnings.catch_warnings():  # of libraries about themselves
            warnings.simplefilter("ignore")
            model = contender()
        racers[name] = (model, torch.optim.SGD(model.parameters(), 0.01))
    best = dict.fromkeys(racers, float("inf"))
    for _ in range(turns + 1):  # the first one warms up, and rarely is the quickest
        for name, (model, optimizer) in racers.items():
            began = time.perf_counter()
            training_step(model, x, labels, optimizer)
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def table(seconds: dict[str, float]) -> Table:
    """Seconds, and how often the plain network's fit in."""
    plain = next(iter(seconds.values()))
    return Table(
        ["a training step of", "seconds", "times the plain network"],
        [(name, f"{value:.2f}", f"{value / plain:.2f}") for name, value in seconds.items()],
    )


def main(arguments: list[str] | None = None) -> None:
    """Command line; `--to FOLDER` keeps the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, help="of PyTorch; as many as it likes if not given")
    parser.add_argument("--to", type=Path, help="folder of lenet5_step.json")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    seconds = seconds_a_step(options.turns)
    print(table(seconds))
    if options.to:
        options.to.mkdir(parents=True, exist_ok=True)
        content = {
            "seconds": {name: round(value, 4) for name, value in seconds.items()},
            "time_steps": STEPS,
            "batch": BATCH,
            "threads": torch.get_num_threads(),
            "versions": versions("torch", "norse", "snntorch"),
        }
        (options.to / "lenet5_step.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
