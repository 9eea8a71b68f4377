"""What one training step of LeNet5 costs, as a plain network and as a spiking one, by hand and in three libraries.

    python noxfile.py -s benchmark -- steps

Everyone does the same work: 20 time steps of 64 pictures through 20C5–P2–50C5–P2–200–10 without batch norm, spiking
pools included, the mean squared error, its gradient, a step of SGD. The plain network has ReLUs and average pools and
sees 20·64 pictures at once; a second one has the course's quicker pool. All take turns in one process, and what counts
is processor time: its median, and the median of the ratios to the plain network's time in the same turn, so that
whatever else the machine does disturbs all of them alike. Then: how much each keeps for the way back, which grows with
the time steps. SpikingJelly is left out where it is not installed; the course does not need it.
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.classroom.tables import Table
from course_utils.spiking.blocks import POOL_THRESHOLD, means_of_4
from course_utils.spiking.convnets import lenet5
from course_utils.spiking.gradients import Neuron
from course_utils.training.ledger import versions

STEPS, BATCH, DECAY = 20, 64, 0.99
Run = Callable[[Tensor], Tensor]  # of spikes [time, batch, 1, 28, 28] to answers [batch, 10]


def in_order(
    neuron: Callable[[], nn.Module],
    pool: Callable[[], nn.Module],
    *output: nn.Module,
    mean: Callable[[], nn.Module] = lambda: nn.AvgPool2d(2),
) -> list[nn.Module]:
    """LeNet5's layers, with these neurons, these neurons of a pool, and this output behind the last weights."""
    first, second = nn.Conv2d(1, 20, 5, padding=2, bias=False), nn.Conv2d(20, 50, 5, padding=2, bias=False)
    third, last = nn.Linear(50 * 7 * 7, 200, bias=False), nn.Linear(200, 10, bias=False)
    return [
        *(first, neuron(), mean(), pool()),
        *(second, neuron(), mean(), pool()),
        *(nn.Flatten(), third, neuron(), last, *output),
    ]


class QuickPool(nn.Module):
    """The course's mean of 2×2 places."""

    def forward(self, maps: Tensor) -> Tensor:
        return means_of_4(maps)


def plain(**how) -> tuple[nn.Module, Run]:
    """Every picture of every step on its own; answers are averaged over the steps."""
    layers = nn.Sequential(*in_order(nn.ReLU, nn.Identity, **how))
    return layers, lambda x: layers(x.flatten(0, 1)).unflatten(0, x.shape[:2]).mean(0)


def by_hand(constant: bool = False) -> tuple[nn.Module, Run]:
    """The network of the course; a constant current is the first step's picture: its convolution is computed once."""
    network = lenet5(neuron=Neuron(decay=DECAY))
    return network, (lambda x: network(x[0], len(x))) if constant else network


def in_norse() -> tuple[nn.Module, Run]:
    """LIFBox cells and a leaky readout, step by step."""
    from norse.torch import LIBoxCell, LIBoxParameters, LIFBoxCell, LIFBoxParameters, SequentialState

    # Norse's time step of 1 ms lets in 1 − λ of a current. Thresholds that much lower make up for it.
    share = 1 - DECAY
    rate = torch.tensor(1000 * share)
    pool, hidden = (LIFBoxParameters(tau_mem_inv=rate, v_th=torch.tensor(v * share)) for v in (POOL_THRESHOLD, 1.0))
    output = LIBoxCell(LIBoxParameters(tau_mem_inv=rate))
    layers = SequentialState(*in_order(lambda: LIFBoxCell(hidden), lambda: LIFBoxCell(pool), output))

    def run(x: Tensor) -> Tensor:
        state = None
        for now in x:
            answer, state = layers(now, state)
        return answer / len(x)

    return layers, run


def in_snntorch() -> tuple[nn.Module, Run]:
    """Leaky neurons, step by step."""
    from snntorch import Leaky
    from snntorch.utils import reset

    def neuron(**how) -> nn.Module:
        return Leaky(**{"beta": DECAY, "reset_mechanism": "zero", "init_hidden": True} | how)

    output = neuron(reset_mechanism="none", output=True)
    layers = nn.Sequential(*in_order(neuron, lambda: neuron(beta=1.0, threshold=POOL_THRESHOLD), output))

    def run(x: Tensor) -> Tensor:
        reset(layers)
        for now in x:
            _, potential = layers(now)
        return potential / len(x)

    return layers, run


def in_spikingjelly() -> tuple[nn.Module, Run]:
    """LIF and IF nodes in the mode of many steps: weights meet all steps at once."""
    from spikingjelly.activation_based import functional as jelly
    from spikingjelly.activation_based import layer, neuron

    how = {"tau": 1 / (1 - DECAY), "decay_input": False}
    output = neuron.LIFNode(**how, v_threshold=1e9, v_reset=None, store_v_seq=True)
    stages = in_order(lambda: neuron.LIFNode(**how), lambda: neuron.IFNode(POOL_THRESHOLD), output)
    multi_step = (s if isinstance(s, neuron.BaseNode) else layer.SeqToANNContainer(s) for s in stages)
    layers = nn.Sequential(*multi_step)
    jelly.set_step_mode(layers, "m")

    def run(x: Tensor) -> Tensor:
        jelly.reset_net(layers)
        layers(x)
        return output.v_seq[-1] / len(x)

    return layers, run


PLAIN = "plain network, T·B pictures"
CONTENDERS: dict[str, Callable[[], tuple[nn.Module, Run]]] = {
    PLAIN: plain,
    "plain network, the course's pool": lambda: plain(mean=QuickPool),
    "by hand, spikes": by_hand,
    "by hand, constant input": lambda: by_hand(constant=True),
    "Norse": in_norse,
    "snnTorch": in_snntorch,
    "SpikingJelly": in_spikingjelly,
}


def training_step(run: Run, x: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer) -> float:
    """One update; returns its loss."""
    loss = functional.mse_loss(run(x), functional.one_hot(labels, 10).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def installed() -> dict[str, tuple[nn.Module, Run]]:
    """Layers and walk of everyone whose library is there, in the order of `CONTENDERS`."""
    found = {}
    for name, contender in CONTENDERS.items():
        try:
            with warnings.catch_warnings():  # of libraries about themselves
                warnings.simplefilter("ignore")
                found[name] = contender()
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error}")
    return found


def seconds_of_turns(turns: int, steps: int = STEPS, batch: int = BATCH) -> dict[str, list[float]]:
    """Processor time of a training step in every turn, for everyone who is installed."""
    torch.manual_seed(0)
    x = (torch.rand(steps, batch, 1, 28, 28) < 0.2).float()
    labels = torch.randint(0, 10, (batch,))
    racers = {name: (run, torch.optim.SGD(net.parameters(), 0.01)) for name, (net, run) in installed().items()}
    taken = {name: [] for name in racers}
    for _ in range(turns + 1):  # the first one warms up
        for name, (run, optimizer) in racers.items():
            began = time.process_time()
            training_step(run, x, labels, optimizer)
            taken[name].append(time.process_time() - began)
    return {name: seconds[1:] for name, seconds in taken.items()}


def kept_mb(run: Run, x: Tensor) -> float:
    """What the way forward keeps for the way back, weights included, in MB (a million bytes)."""
    kept = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        _answers = run(x)  # while they live, so does what is kept: no place is counted for two
    return sum(kept.values()) / 1e6


def memory(steps: tuple[int, ...] = (5, 10, 20, 40), batch: int = 8) -> dict[str, dict[int, float]]:
    """`kept_mb` for each number of time steps."""
    x = (torch.rand(max(steps), batch, 1, 28, 28) < 0.2).float()
    return {name: {t: kept_mb(run, x[:t]) for t in steps} for name, (_, run) in installed().items()}


def main(arguments: list[str] | None = None) -> None:
    """Command line; `--to FOLDER` keeps the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--to", type=Path, help="folder of lenet5_step.json")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    turns = seconds_of_turns(options.turns)
    seconds = {name: statistics.median(taken) for name, taken in turns.items()}
    ratios = {
        n: statistics.median(a / b for a, b in zip(taken, turns[PLAIN], strict=True)) for n, taken in turns.items()
    }
    rows = [(name, f"{value:.2f}", f"{ratios[name]:.2f}") for name, value in seconds.items()]
    print(Table(["a training step of", "seconds of processor time", "times the plain network"], rows))
    kept = memory()
    rows = [(name, *(f"{mb:.0f}" for mb in of_steps.values())) for name, of_steps in kept.items()]
    print(Table(["MB kept for the way back, 8 pictures", *(f"T = {t}" for t in kept[PLAIN])], rows))
    if options.to:
        options.to.mkdir(parents=True, exist_ok=True)
        content = {
            "seconds": {name: round(value, 4) for name, value in seconds.items()},
            "ratios": {name: round(value, 3) for name, value in ratios.items()},
            "kept_mb_of_8_pictures": {n: {t: round(mb, 2) for t, mb in of.items()} for n, of in kept.items()},
            "time_steps": STEPS,
            "batch": BATCH,
            "threads": torch.get_num_threads(),
            "turns": options.turns,
            "clock": "processor time, medians; other programs ran beside it",
            "allocator": {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")},
            "versions": versions(
                "torch", "norse", "snntorch", *(["spikingjelly"] if "SpikingJelly" in seconds else [])
            ),
        }
        (options.to / "lenet5_step.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
