"""Motorbikes against airplanes: roads to a spiking network, and what a retina in front of it is good for (lesson 16).

The seed of a run draws the split, the weights and everything else. The number of epochs, the learning rate and the
share of ranks were chosen on the validation pictures of split 0, the rest was not tuned; the test set is read once, at
the end. Behind a retina networks learn for fewer epochs, to save time.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from course_utils.data.digits import load_images
from course_utils.data.vehicles import aspect_ratios, load_vehicles, split
from course_utils.exchange.conversion import ConvertedNet, accuracy_by_step, constant_input, convert, strongest
from course_utils.lessons.vehicles import front_end
from course_utils.lessons.vehicles import models as vehicle_models
from course_utils.lessons.vehicles.models import OverTime, Varied, as_tensors, with_noise
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import SpikingNeurons
from course_utils.training.baselines import linear_accuracy
from course_utils.training.counting import OperationCounter, Operations
from course_utils.training.experiment import Experiment, fit_whole
from course_utils.training.ledger import Record, versions

EPOCHS, LEARNING_RATE, BATCH = 12, 4e-3, 50
STEPS, FEW_STEPS, LEAK = 60, 5, 0.9
PERCENTILE = 99.9  # of the activations that a rate of 1 stands for
TAU_SYN_MS = 5.0  # NengoDL's filter
KEPT = 0.25  # of the ranks
STOPS = (5, 10, 20, 40)
NOISE = (0, 20, 40, 80)  # grey levels
CONFIG = {"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "batch_size": BATCH}

Part = tuple[Tensor, Tensor]


class Data(NamedTuple):
    """Images [count, height, width], 0 to 1, and labels: to learn from, to choose with, and for the test."""

    source: str
    train: Part
    validation: Part
    test: Part

    @property
    def sizes(self) -> dict[str, str | int]:
        """What a record says of the data."""
        return {"source": self.source} | {name: len(getattr(self, name)[1]) for name in self._fields[1:]}


@cache
def _photographs():
    vehicles = load_vehicles()
    if vehicles.source != "Caltech-101":
        raise ValueError("this experiment needs the photographs of Caltech-101: in $COURSE_DATA or in data/")
    return vehicles


def vehicles(seed: int) -> Data:
    """1,202 photographs to learn from, 198 to choose with, 198 for the test.

    Raises:
        ValueError: the photographs are not here; silhouettes would be another experiment.
    """
    return Data("Caltech-101", *map(as_tensors, split(_photographs(), seed)))


def digits(seed: int, *, train: int = 3000, validation: int = 300, test: int = 500) -> Data:
    """Some of MNIST's training images, drawn by the seed, and its first test images.

    Raises:
        ValueError: MNIST is not here.
    """
    images = load_images("MNIST")
    if images[0].source != "MNIST":
        raise ValueError("this experiment needs MNIST itself: in $COURSE_DATA, in data/, or a network to fetch it")
    drawn = torch.randperm(len(images[0].labels), generator=torch.Generator().manual_seed(seed))
    learnt, chosen, tested = drawn[:train], drawn[train : train + validation], torch.arange(test)
    parts = ((images[0], learnt), (images[0], chosen), (images[1], tested))
    return Data(
        "MNIST",
        *((some.images[numbers].float() / 255, some.labels[numbers]) for some, numbers in parts),
    )


# --- roads ----------------------------------------------------------------------------------------------------------


def _trained(network: nn.Module, train: Part, validation: Part, seed: int, *, epochs: int = EPOCHS, **how) -> nn.Module:
    """The network after training on pictures [count, channels, height, width], in evaluation mode."""
    fit_whole(
        Varied(network, **how),
        train,
        validation,
        epochs=epochs,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH,
        seed=seed,
    )
    return network.eval()


def _with_channel(part: Part) -> Part:
    return part[0][:, None], part[1]


@cache
def at_rates(seed: int) -> nn.Sequential:
    """The network with ReLUs, trained."""
    data = vehicles(seed)
    torch.manual_seed(seed)
    return _trained(vehicle_models.layers(nn.ReLU), _with_channel(data.train), _with_channel(data.validation), seed)


@cache
def spiking(seed: int) -> OverTime:
    """The network with LIF neurons, trained through its spikes, with few steps."""
    data = vehicles(seed)
    torch.manual_seed(seed)
    network = OverTime(vehicle_models.layers(lambda: SpikingNeurons(Neuron(leak=LEAK))), FEW_STEPS)
    return _trained(network, _with_channel(data.train), _with_channel(data.validation), seed)


@cache
def _linear(load: Callable[[int], Data], seed: int) -> float:
    data = load(seed)
    return linear_accuracy(_with_channel(data.train), _with_channel(data.test))


@cache
def baselines(seed: int) -> dict[str, float]:
    """Test accuracies without a network: linear on pixels, linear on 8 × 8 thumbnails, the aspect ratio alone."""
    data = vehicles(seed)

    def small(part: Part) -> Part:
        return nn.functional.adaptive_avg_pool2d(part[0][:, None], 8), part[1]

    return {
        "linear on pixels": _linear(vehicles, seed),
        "linear on 8×8 thumbnails": linear_accuracy(small(data.train), small(data.test), alpha=3.0),
        "aspect ratio alone": aspect_accuracy(seed),
    }


def aspect_accuracy(seed: int) -> float:
    """Test accuracy of one threshold on width over height of the original photographs, chosen on the training part.

    Raises:
        ValueError: there are no photographs.
    """
    ratios = aspect_ratios()
    if ratios is None:
        raise ValueError("silhouettes are all drawn at one aspect ratio; this needs the photographs")
    train, _, test = split(replace(_photographs(), images=ratios), seed)
    return vehicle_models.threshold_accuracy(*((part.images, part.labels) for part in (train, test)))


def _record(
    model: str,
    seed: int,
    data: Data,
    potentials: Tensor,
    cost: Operations,
    parameters: int,
    config: dict,
    *packages: str,
) -> Record:
    """What a road led to; the answer is read from potentials [time, batch, classes] after the last step."""
    by_step = accuracy_by_step(potentials, data.test[1])
    beside = dict(baselines(seed))
    linear = beside.pop("linear on pixels")
    return Record(
        lesson="vehicles",
        task="motorbikes and airplanes",
        model=model,
        data=data.sizes,
        seed=seed,
        config=CONFIG | config,
        accuracy=by_step[-1].item(),
        baseline={"name": "linear on pixels", "accuracy": linear},
        beside=beside | {f"after {stop} steps": by_step[stop - 1].item() for stop in STOPS if stop < len(by_step)},
        parameters=parameters,
        **asdict(cost),
        time_steps=len(by_step),
        versions=versions("torch", *packages),
    )


def _size(network: nn.Module) -> int:
    return sum(values.numel() for values in network.parameters())


def by_mapping(seed: int, _: Path) -> Record:
    """Trained at rates; integrate-and-fire neurons with balanced thresholds take over the weights."""
    data, ann = vehicles(seed), at_rates(seed)
    net = convert(ann, data.train[0][:300, None], percentile=PERCENTILE)
    images = data.test[0][:, None]
    entered = constant_input(images, STEPS)
    config = {"steps": STEPS, "percentile": PERCENTILE}
    cost = cost_of_run(net, entered[:, :50])
    return _record("rates, weight mapping", seed, data, net(entered), cost, _size(ann), config)


def cost_of_run(net: ConvertedNet, entered: Tensor) -> Operations:
    """Spikes and operations a sample. A constant input meets the first convolution once, not at every step."""
    steps, count = entered.shape[:2]
    with OperationCounter(net) as counter:
        run = net.run(entered)
    cost = counter.per_sample(count)
    fired = sum(rates.sum().item() for rates in run.rates) * steps / count
    if cost.multiply_accumulates:
        return replace(cost, multiply_accumulates=cost.multiply_accumulates / steps, spikes=fired)
    return replace(cost, spikes=fired + entered.sum().item() / count)


@torch.no_grad()
def cost_of_pass(ann: nn.Sequential, images: Tensor) -> Operations:
    """Operations a sample of one pass of a network without time."""
    with OperationCounter(ann) as counter:
        ann(images)
    return counter.per_sample(len(images))


def by_nengo_dl(seed: int, _: Path) -> Record:
    """Trained at rates; in NengoDL with spiking ReLUs, a firing-rate scale and a filter."""
    data, ann = vehicles(seed), at_rates(seed)
    images = data.test[0][:, None]
    rate_hz = firing_rate_scale(ann, data.train[0][:300, None])
    run, cost = in_nengo_dl(ann, images, rate_hz)
    config = {"steps": STEPS, "rate_hz": rate_hz, "tau_syn_ms": TAU_SYN_MS}
    outputs = torch.from_numpy(run.outputs)
    return _record("rates, NengoDL", seed, data, outputs, cost, _size(ann), config, "nengo-dl", "tensorflow")


def in_nengo_dl(
    ann: nn.Sequential, images: Tensor, rate_hz: float, tau_syn_ms: float | None = TAU_SYN_MS
) -> tuple[Any, Operations]:
    """What the network did in NengoDL, a `rate_training.Run`, and what that cost a sample.

    Args:
        ann: `vehicle_models.layers` with ReLUs, trained.
        images: [count, channels, height, width].
        rate_hz: firing-rate scale, above 0.
        tau_syn_ms: time constant of the filter behind every spiking neuron; None for none.

    Raises:
        ValueError: a number is out of range, or `keras_twin` refuses the network.
    """
    from course_utils.exchange import (
        keras_twin,
        rate_training,  # TensorFlow takes seconds to load: only where it is used
    )

    network = rate_training.to_spiking_relu(
        keras_twin.keras_twin(ann, *images.shape[1:]), rate_hz=rate_hz, tau_syn_ms=tau_syn_ms
    )
    run = rate_training.run(network, keras_twin.flat_pictures(images), STEPS, rate_hz=rate_hz, batch_size=66)
    convolutions = [layer for layer in ann if isinstance(layer, nn.Conv2d)]
    counts, (height, width) = [], images.shape[2:]
    for conv, spikes in zip(convolutions, run.spikes, strict=True):
        height, width = -(-height // 2), -(-width // 2)
        counts.append(torch.from_numpy(spikes).reshape(height, width, conv.out_channels).movedim(2, 0))
    entry, one_pass = (cost_of_pass(part, images) for part in (nn.Sequential(convolutions[0]), ann))
    return run, Operations(
        spikes=sum(float(layer.sum()) for layer in run.spikes),
        accumulates=vehicle_models.accumulates(ann, counts),
        multiply_accumulates=entry.multiply_accumulates,
        dense=entry.dense + STEPS * (one_pass.dense - entry.dense),
    )


def firing_rate_scale(ann: nn.Sequential, images: Tensor, percentile: float = PERCENTILE) -> float:
    """Spikes a second for an activation of 1, so that the strongest of all layers spike at about every step of 1 ms."""
    top, x = 0.0, images
    with torch.no_grad():
        for layer in ann:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                top = max(top, strongest(x, percentile))
    return 1000 / top


def directly(seed: int, _: Path, *, steps: int) -> Record:
    """Trained through its spikes with few steps, and run with these."""
    data, network = vehicles(seed), spiking(seed)
    images = data.test[0][:, None]
    by_step, cost = run_over_time(network, images, steps)
    config = {"steps": steps, "steps in training": FEW_STEPS, "leak": LEAK}
    return _record(
        "surrogate gradients" if steps == STEPS else f"surrogate gradients, {steps} steps",
        seed,
        data,
        by_step,
        cost,
        _size(network),
        config,
    )


@torch.no_grad()
def run_over_time(network: OverTime, images: Tensor, steps: int) -> tuple[Tensor, Operations]:
    """Answers if the run were stopped after each step, [time, batch, classes], and what all steps cost a sample."""
    _, head = network.parts()
    network.steps = steps
    answers = []
    for some in images.split(50):
        _, spikes = network.watch(some)
        means = spikes[-1].cumsum(0) / torch.arange(1, steps + 1)[:, None, None, None, None]
        answers.append(torch.stack([head(mean) for mean in means]))
    synapses = [layer for layer in network.layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    entered = [layer.flatten(0, 1) for layer in spikes]
    cost = vehicle_models.operations(synapses, [some, *entered[:-1], entered[-1].flatten(1)], len(some))
    return torch.cat(answers, 1), cost


# --- a retina in front ----------------------------------------------------------------------------------------------


def retina(filters: Sequence[front_end.DoG]) -> Callable[[Tensor], Tensor]:
    """Images [batch, height, width] to rates [batch, filters, height, width], by the ranks of their coefficients."""

    def rates(images: Tensor) -> Tensor:
        found = front_end.coefficients(images, filters)
        return front_end.by_rank(found, round(KEPT * found[0].numel()))

    return rates


FRONT_ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "pixels": lambda images: images[:, None],
    "blurred": lambda images: front_end.blurred(images, front_end.COARSE["on"].sigma)[:, None],
    "less blurred": lambda images: front_end.blurred(images, front_end.FINE["on"].sigma)[:, None],
    **{
        name: retina(front_end.bank(scales, centres))
        for name, scales, centres in (
            ("fine, on", ["fine"], ["on"]),
            ("fine, off", ["fine"], ["off"]),
            ("fine, on and off", ["fine"], ["on", "off"]),
            ("coarse, on", ["coarse"], ["on"]),
            ("coarse, off", ["coarse"], ["off"]),
            ("coarse, on and off", ["coarse"], ["on", "off"]),
            ("all four", ["fine", "coarse"], ["on", "off"]),
        )
    },
}


def in_front(
    task: str,
    load: Callable[[int], Data],
    name: str,
    seed: int,
    _: Path,
    *,
    noisy: bool = False,
    epochs: int,
    steps: int,
) -> Record:
    """One front end: the network learns at rates, is converted, and meets the test images at each level of noise.

    A retina drives a LIF neuron for each coefficient, whose spikes enter the network; pixels enter as currents.

    Args:
        noisy: every training image has noise, too, of a level drawn for it.
    """
    data, front = load(seed), FRONT_ENDS[name]
    is_retina = "blurred" not in name and name != "pixels"
    classes, mirror = int(data.test[1].max()) + 1, task != DIGITS

    def seen(part: Part, levels: int | Tensor, draw: int) -> Part:
        rates = front(with_noise(part[0], levels, draw))
        return (front_end.fired(rates) if is_retina else rates), part[1]

    level = torch.randint(len(NOISE), (len(data.train[1]),), generator=torch.Generator().manual_seed(seed))
    train = seen(data.train, torch.tensor(NOISE)[level] if noisy else 0, 10 * seed + 1)
    torch.manual_seed(seed)
    _, channels, height, width = train[0].shape
    net = vehicle_models.layers(nn.ReLU, channels, height=height, width=width, classes=classes)
    ann = _trained(net, train, seen(data.validation, 0, 0), seed, epochs=epochs, mirror=mirror)
    spiking = convert(ann, train[0][:300], percentile=PERCENTILE)

    def entering(rates: Tensor) -> Tensor:
        return front_end.spikes(rates, steps) if is_retina else constant_input(rates, steps)

    found = {}
    for sigma in NOISE:
        rates = front(with_noise(data.test[0], sigma, 10 * seed + 2))
        answers = torch.cat([spiking(entering(some))[-1].argmax(1) for some in rates.split(100)])
        found[sigma] = (answers == data.test[1]).double().mean().item()
        if sigma == 0:
            cost = cost_of_run(spiking, entering(rates[:50]))
    return Record(
        lesson="vehicles",
        task=task,
        model=name,
        data=data.sizes,
        seed=seed,
        config=CONFIG | {"epochs": epochs, "noise in training": noisy, "kept": KEPT},
        accuracy=found[0],
        baseline={"name": "linear on pixels", "accuracy": _linear(load, seed)},
        beside={f"σ = {sigma}": share for sigma, share in found.items() if sigma},
        parameters=_size(ann),
        **asdict(cost),
        time_steps=steps,
    )


DIGITS, VEHICLES = "digits behind a retina", "vehicles behind a retina"
NOISY = ("pixels", "coarse, on and off")


def _fronts(task: str, load: Callable[[int], Data], **how) -> dict[str, Callable[[int, Path], Record]]:
    runs = {name: partial(in_front, task, load, name, **how) for name in FRONT_ENDS}
    return runs | {
        f"{name}; noise in training": partial(in_front, task, load, name, noisy=True, **how) for name in NOISY
    }


EXPERIMENTS = [
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
]
