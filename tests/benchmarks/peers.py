"""How long two recipes for MNIST take to 97, 98 and 99 % of a validation set, trained in turn on the same machine.

    python noxfile.py -s benchmark -- peers

The usual tutorial's recipe is snnTorch's tutorial 6 (J. K. Eshraghian, "Surrogate gradient descent in a convolutional
SNN"): 12C5–P2–64C5–P2–10, 50 steps, decay 0.5, a fast sigmoid of slope 25, Adam at 0.01, batches of 128, the
cross-entropy of the output spikes at every step, one epoch. Ours is what the lesson on deep convolutional networks
trains live. Both learn from the first 55,000 images; 2,000 of the other 5,000 say how far they are, 20 times an epoch,
and the test set is not read. Whoever has used less processor time is next, until both have seen all their epochs. Time
is that of the updates alone. Accuracy on 2,000 images is uncertain by half a point, so the times are rough, too.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.classroom.tables import Table
from course_utils.data.digits import load_images
from course_utils.spiking.convnets import strided_net
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.surrogates import triangle
from course_utils.training.ledger import versions
from course_utils.training.loop import accuracy
from course_utils.training.plan import OneCycle

GOALS = (0.97, 0.98, 0.99)
LOOKS = 20  # at the validation images, in each epoch
TUTORIAL, OURS = "snnTorch's tutorial 6, T = 50", "the course's live recipe, T = 2"
Data = tuple[Tensor, Tensor]


class SpikeCounts(nn.Module):
    """The tutorial's network; output spikes [time, batch, classes] in training, their counts in evaluation."""

    def __init__(self, steps: int = 50):
        from snntorch import Leaky, surrogate

        super().__init__()
        neuron = {"beta": 0.5, "spike_grad": surrogate.fast_sigmoid(slope=25), "init_hidden": True}
        self.steps = steps
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), Leaky(**neuron)),
            *(nn.Conv2d(12, 64, 5), nn.MaxPool2d(2), Leaky(**neuron)),
            *(nn.Flatten(), nn.Linear(64 * 4 * 4, 10), Leaky(**neuron, output=True)),
        )

    def forward(self, images: Tensor) -> Tensor:
        from snntorch.utils import reset

        reset(self.layers)
        spikes = torch.stack([self.layers(images)[0] for _ in range(self.steps)])
        return spikes if self.training else spikes.sum(0)


def course(train: Data, look: int, epochs: int) -> Iterator[tuple[nn.Module, int]]:
    """The recipe of the lesson; after every `look` images the network, and how many images it has seen."""
    torch.manual_seed(0)
    net = strided_net(norm=True, neuron=Neuron(decay=0.5, spike=triangle(width=1.0, height=1.0)), steps=2)
    plan = OneCycle(epochs, 64, 1e-2)
    optimizer, update, an_epoch = plan.make_optimizer(net), 0, plan.updates_an_epoch(len(train[0]))
    for epoch in plan.batches(len(train[0]), 0):
        for some in epoch:
            optimizer.param_groups[0].update(plan.step_size(update, an_epoch))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(train[0][some]), train[1][some]).backward()
            optimizer.step()
            update += 1
            if update % max(1, look // 64) == 0:
                yield net, update * 64


def tutorial(train: Data, look: int, epochs: int) -> Iterator[tuple[nn.Module, int]]:
    """The recipe of the tutorial, as `course`."""
    from snntorch.functional import ce_rate_loss

    torch.manual_seed(0)
    net, loss, update = SpikeCounts(), ce_rate_loss(), 0
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.999))
    for _ in range(epochs):
        for some in torch.randperm(len(train[0])).split(128):
            if len(some) < 128:  # dropped, as in the tutorial
                continue
            optimizer.zero_grad()
            loss(net(train[0][some]), train[1][some]).backward()
            optimizer.step()
            update += 1
            if update % max(1, look // 128) == 0:
                yield net, update * 128


def race(
    train: Data, validation: Data, epochs: dict[str, int], looks: int = LOOKS
) -> Iterator[dict[str, list[dict[str, float]]]]:
    """Trains both, now one, now the other; after each look all curves so far: images seen, processor time and wall time
    of the updates in seconds, and the accuracy, 0 to 1."""
    look = len(train[0]) // looks
    runners = {name: who(train, look, epochs[name]) for name, who in ((TUTORIAL, tutorial), (OURS, course))}
    curves: dict[str, list[dict[str, float]]] = {name: [] for name in runners}
    spent = {name: [0.0, 0.0] for name in runners}
    while runners:
        name = min(runners, key=lambda name: spent[name][0])
        began = time.process_time(), time.perf_counter()
        reached = next(runners[name], None)
        for place, now in enumerate((time.process_time(), time.perf_counter())):
            spent[name][place] += now - began[place]
        if reached is None:
            del runners[name]
            continue
        net, images = reached
        net.eval()
        right = accuracy(net, *validation, batch_size=200)
        net.train()
        cpu, wall = spent[name]
        curves[name].append({"images": images, "cpu_s": round(cpu, 2), "wall_s": round(wall, 2), "accuracy": right})
        yield curves


def first_at(curve: list[dict[str, float]], goal: float) -> dict[str, float] | None:
    """The first look that found the goal reached."""
    return next((point for point in curve if point["accuracy"] >= goal), None)


def main(arguments: list[str] | None = None) -> None:
    """Command line; `--to FOLDER` keeps the curves as JSON, and rewrites them after every look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=55_000, help="to learn from")
    parser.add_argument("--to", type=Path, help="folder of peers.json")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    digits, _ = load_images("MNIST")
    inputs, labels = digits.images[:, None] / 255, digits.labels.long()
    held_out = len(inputs) // 12
    train = inputs[:-held_out][: options.images], labels[:-held_out][: options.images]
    validation = inputs[-held_out:][:2000], labels[-held_out:][:2000]
    curves = {}
    for curves in race(train, validation, {TUTORIAL: 1, OURS: 2}):
        content = {
            "curves": curves,
            "to": {name: {f"{g:.0%}": first_at(curve, g) for g in GOALS} for name, curve in curves.items()},
            "data": {"source": digits.source, "train": len(train[0]), "validation": len(validation[0])},
            "clock": "of the updates, without the looks at the validation images; other programs ran beside it",
            "threads": 1,
            "allocator": {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")},
            "versions": versions("torch", "snntorch"),
        }
        if options.to:
            options.to.mkdir(parents=True, exist_ok=True)
            (options.to / "peers.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    rows = [
        (
            name,
            *("not reached" if at is None else f"{at['cpu_s']:.0f} s, {at['images']:,} images" for at in to.values()),
        )
        for name, to in content["to"].items()
    ]
    print(Table(["processor time to", *(f"{goal:.0%}" for goal in GOALS)], rows))


if __name__ == "__main__":
    main()
