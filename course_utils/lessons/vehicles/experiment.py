"""Motorbikes against airplanes: roads to a spiking network, and what a retina in front of it is good for.

The seed of a run draws the split, the weights and everything else. The number of epochs, the learning rate and the
share of ranks were chosen on the validation pictures of split 0, the rest was not tuned; the test set is read once, at
the end. Behind a retina networks learn for fewer epochs, to save time.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.data import vehicles as photographs
from course_utils.data.digits import load_images
from course_utils.data.vehicles import Vehicles, aspect_ratios, load_vehicles
from course_utils.exchange.conversion import accuracy_by_step, constant_input, convert
from course_utils.lessons.vehicles import front_end, running
from course_utils.lessons.vehicles.models import as_tensors, layers, threshold_accuracy, with_noise
from course_utils.lessons.vehicles.running import PERCENTILE, STEPS, TAU_SYN_MS
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import OverTime, SpikingNeurons
from course_utils.training.augment import Varied
from course_utils.training.baselines import linear_accuracy
from course_utils.training.counting import Operations
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions
from course_utils.training.loop import fit
from course_utils.training.measuring import Part, Split, measured, real

FEW_STEPS, LEAK = 5, 0.9
KEPT = 0.25  # of the ranks
STOPS = (5, 10, 20, 40)
NOISE = (0, 20, 40, 80)  # grey levels
CONFIG = {"epochs": 12, "learning_rate": 4e-3, "batch_size": 50}


@cache
def _photographs() -> Vehicles:
    return real("Caltech-101", load_vehicles())[0]


def vehicles(seed: int) -> Split:
    """1,202 photographs [1, height, width], 0 to 1, to learn from, 198 to choose with, 198 for the test."""
    return in_three("Caltech-101", *photographs.split(_photographs(), seed))


def in_three(source: str, *parts: Vehicles) -> Split:
    """The pictures of three parts as tensors [count, 1, height, width], 0 to 1, with labels."""
    return Split(source, *((images[:, None], labels) for images, labels in map(as_tensors, parts)))


def digits(seed: int) -> Split:
    """3,000 and 300 of MNIST's training images, drawn by the seed, and its first 500 test images."""
    learnable, testable = real("MNIST", *load_images("MNIST"))
    drawn = torch.randperm(len(learnable.labels), generator=torch.Generator().manual_seed(seed))
    chosen = (learnable, drawn[:3000]), (learnable, drawn[3000:3300]), (testable, torch.arange(500))
    return Split("MNIST", *((some.images[at, None].float() / 255, some.labels[at]) for some, at in chosen))


# --- roads ----------------------------------------------------------------------------------------------------------


def _trained(make: Callable[[], nn.Module], data: Split, seed: int, mirror: bool = True, **how: int) -> nn.Module:
    """A network after training, in evaluation mode."""
    torch.manual_seed(seed)
    network = make()
    fit(Varied(network, mirror=mirror), data.train, data.validation, seed=seed, **CONFIG | how)
    return network.eval()


@cache
def at_rates(seed: int) -> nn.Sequential:
    """The network with ReLUs, trained."""
    return _trained(lambda: layers(nn.ReLU), vehicles(seed), seed)


@cache
def spiking(seed: int) -> OverTime:
    """The network with LIF neurons, trained through its spikes, with few steps."""
    neuron = Neuron(decay=LEAK)
    return _trained(lambda: OverTime(layers(lambda: SpikingNeurons(neuron)), FEW_STEPS), vehicles(seed), seed)


@cache
def _linear(load: Callable[[int], Split], seed: int) -> float:
    return linear_accuracy(load(seed).train, load(seed).test)


@cache
def baselines(seed: int) -> dict[str, float]:
    """Further test accuracies without a network: linear on 8 × 8 thumbnails, the aspect ratio alone."""
    data = vehicles(seed)
    small = [(nn.functional.adaptive_avg_pool2d(images, 8), labels) for images, labels in (data.train, data.test)]
    return {
        "linear on 8×8 thumbnails": linear_accuracy(*small, alpha=3.0),
        "aspect ratio alone": aspect_accuracy(seed),
    }


def aspect_accuracy(seed: int) -> float:
    """Test accuracy of one threshold on width over height of the original photographs, chosen on the training part."""
    if (ratios := aspect_ratios()) is None:
        raise ValueError("silhouettes are all drawn at one aspect ratio; this needs the photographs")
    train, _, test = photographs.split(replace(_photographs(), images=ratios), seed)
    return threshold_accuracy(*((part.images, part.labels) for part in (train, test)))


def _record(
    seed: int, data: Split, network: nn.Module, potentials: Tensor, cost: Operations, config: dict, *packages: str
) -> Record:
    """What a road led to; the answer is read from potentials [time, batch, classes] after the last step."""
    by_step, beside = accuracy_by_step(potentials, data.test[1]), baselines(seed)
    return measured(
        network,
        data,
        cost=cost,
        lesson="vehicles",
        task="motorbikes and airplanes",
        config=CONFIG | config,
        accuracy=by_step[-1].item(),
        baseline={"name": "linear on pixels", "accuracy": _linear(vehicles, seed)},
        beside=beside | {f"after {stop} steps": by_step[stop - 1].item() for stop in STOPS if stop < len(by_step)},
        time_steps=len(by_step),
        versions=versions("torch", *packages),
    )


def by_mapping(seed: int, _: Path) -> Record:
    """Trained at rates; integrate-and-fire neurons with balanced thresholds take over the weights."""
    data, ann = vehicles(seed), at_rates(seed)
    net = convert(ann, data.train[0][:300], percentile=PERCENTILE)  # motorbikes: parts are sorted by class
    entered = constant_input(data.test[0], STEPS)
    cost = running.cost_of_run(net, entered[:, :50])
    return _record(seed, data, ann, net(entered), cost, {"steps": STEPS, "percentile": PERCENTILE})


def by_nengo_dl(seed: int, _: Path) -> Record:
    """Trained at rates; in NengoDL with spiking ReLUs, a firing-rate scale and a filter."""
    data, ann = vehicles(seed), at_rates(seed)
    rate_hz = running.firing_rate_scale(ann, data.train[0][:300])
    run, cost = running.in_nengo_dl(ann, data.test[0], rate_hz)
    config, outputs = {"steps": STEPS, "tau_syn_ms": TAU_SYN_MS}, torch.from_numpy(run.outputs)
    record = _record(seed, data, ann, outputs, cost, config, "nengo-dl", "tensorflow")
    return replace(record, measured={"rate_hz": rate_hz})


def directly(seed: int, _: Path, *, steps: int) -> Record:
    """Trained through its spikes with few steps, and run with these."""
    data, network = vehicles(seed), spiking(seed)
    potentials, cost = running.run_over_time(network, data.test[0], steps)
    config = {"steps": steps, "steps in training": FEW_STEPS, "leak": LEAK}
    return _record(seed, data, network, potentials, cost, config)


# --- a retina in front ----------------------------------------------------------------------------------------------


def retina(scales: Sequence[str], centres: Sequence[front_end.Centre]) -> Callable[[Tensor], Tensor]:
    """Images [batch, height, width] to rates [batch, filters, height, width], by the ranks of their coefficients."""
    filters = front_end.bank(scales, centres)

    def rates(images: Tensor) -> Tensor:
        found = front_end.coefficients(images, filters)
        return front_end.by_rank(found, round(KEPT * found[0].numel()))

    return rates


RETINAS = {
    **{
        f"{scale}, {name}": retina([scale], centres)
        for scale in ("fine", "coarse")
        for name, centres in (("on", ["on"]), ("off", ["off"]), ("on and off", ["on", "off"]))
    },
    "all four": retina(["fine", "coarse"], ["on", "off"]),
}
FRONT_ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "pixels": lambda images: images[:, None],
    "blurred": lambda images: front_end.blurred(images, front_end.COARSE["on"].sigma)[:, None],
    "less blurred": lambda images: front_end.blurred(images, front_end.FINE["on"].sigma)[:, None],
    **RETINAS,
}


def in_front(
    task: str, load: Callable[[int], Split], name: str, seed: int, _: Path, *, noisy: bool, epochs: int, steps: int
) -> Record:
    """A front end: the network learns at rates, is converted, and meets the test images at each level of noise.

    A retina drives a LIF neuron for each coefficient, whose spikes enter the network; pixels enter as currents. If
    `noisy`, every training image has noise, too, of a level drawn for it.
    """
    data, front = load(seed), FRONT_ENDS[name]

    def rates(part: Part, levels: float | Tensor, draw: int) -> Tensor:
        return front(with_noise(part[0], levels, draw)[:, 0])

    def seen(part: Part, levels: float | Tensor, draw: int) -> Part:
        found = rates(part, levels, draw)
        return (front_end.fired(found) if name in RETINAS else found), part[1]

    level = torch.randint(len(NOISE), (len(data.train[1]),), generator=torch.Generator().manual_seed(seed))
    train = seen(data.train, torch.tensor(NOISE)[level] if noisy else 0, 10 * seed + 1)
    make = partial(layers, nn.ReLU, *train[0].shape[1:], classes=int(data.test[1].max()) + 1)
    entered = replace(data, train=train, validation=seen(data.validation, 0, 0))
    ann = _trained(make, entered, seed, mirror=task != DIGITS, epochs=epochs)
    spiking = convert(ann, train[0][:300], percentile=PERCENTILE)
    entering = front_end.spikes if name in RETINAS else constant_input
    by_noise = {}
    for sigma in NOISE:
        found = rates(data.test, sigma, 10 * seed + 2)
        answers = torch.cat([spiking(entering(some, steps))[-1].argmax(1) for some in found.split(100)])
        by_noise[sigma] = (answers == data.test[1]).double().mean().item()
        if sigma == 0:
            cost = running.cost_of_run(spiking, entering(found[:50], steps))
    return measured(
        ann,
        data,
        cost=cost,
        lesson="vehicles",
        task=task,
        config=CONFIG | {"epochs": epochs, "noise in training": noisy, "kept": KEPT},
        accuracy=by_noise[0],
        baseline={"name": "linear on pixels", "accuracy": _linear(load, seed)},
        beside={f"σ = {sigma}": share for sigma, share in by_noise.items() if sigma},
        time_steps=steps,
    )


DIGITS, VEHICLES = "digits behind a retina", "vehicles behind a retina"


def _fronts(*task: object, **how: int) -> dict[str, Callable[[int, Path], Record]]:
    clean = {name: partial(in_front, *task, name, noisy=False, **how) for name in FRONT_ENDS}
    for name in ("pixels", "coarse, on and off"):
        clean[f"{name}; noise in training"] = partial(in_front, *task, name, noisy=True, **how)
    return clean


EXPERIMENTS = (
    Experiment(
        "vehicles",
        "motorbikes against airplanes, 60 steps, five splits (the seed draws the split)",
        {
            "rates, weight mapping": by_mapping,
            "surrogate gradients": partial(directly, steps=STEPS),
            f"surrogate gradients, {FEW_STEPS} steps": partial(directly, steps=FEW_STEPS),
            "rates, NengoDL": by_nengo_dl,
        },
    ),
    Experiment(
        "vehicles-dog",
        "motorbikes against airplanes behind a retina, at four levels of noise",
        _fronts(VEHICLES, vehicles, epochs=8, steps=STEPS),
        (0, 1, 2),
    ),
    Experiment(
        "digits-dog",
        "3,000 digits of MNIST behind a retina, at four levels of noise",
        _fronts(DIGITS, digits, epochs=5, steps=30),
        (0, 1, 2),
    ),
)
