"""What a simulator is worth: networks that learn from simulated saccades first, and from real recordings afterwards.

59,000 digits of MNIST are recorded by the simulated camera; none of them is shown by a real recording that is used. One
network learns from these, and every fold of the real recordings begins with its weights. What was looked at before: the
220 recordings of fold 1 gave the path (see `saccades.measured_position`), and told twice how well the network read them
while it learned from the simulation and right after. No network read another real recording before the end; so four of
the five test sets are fresh, and tables can leave fold 1's out.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.data.digits import ImageSet, load_images
from course_utils.data.events import frames, load_nmnist
from course_utils.data.files import writing
from course_utils.data.saccades import Camera, measured_position, simulate_saccades
from course_utils.lessons.event_vision.experiment import FOLDS, STEPS, event_run, first, fold
from course_utils.lessons.event_vision.models import event_net
from course_utils.spiking.layers import SpikingNeurons
from course_utils.training.baselines import linear_accuracy
from course_utils.training.experiment import Experiment, Part, Split, measured, real
from course_utils.training.ledger import Record
from course_utils.training.loop import History, accuracy, fit_plan
from course_utils.training.plan import Plan

CHUNK = 250  # recordings by one camera
NETWORK = partial(event_net, maps=(24, 48, 96))
SIMULATION = Plan(6, 50, 5e-3, weight_decay=1e-2)


# --- simulated recordings -------------------------------------------------------------------------------------------


def unrecorded(digits: ImageSet, numbers: Tensor, shown: Tensor) -> Tensor:
    """The numbers of all digits that no recording shows.

    Args:
        digits: one part of MNIST.
        numbers: which of them were recorded.
        shown: uint8 [count, 28, 28], all images that were recorded, from both parts: a digit that equals one of them is
            left out, whatever its number.
    """
    taken, pictures = set(numbers.tolist()), {image.numpy().tobytes() for image in shown}
    every = enumerate(digits.images.numpy())
    return torch.tensor([at for at, image in every if at not in taken and image.tobytes() not in pictures])


def any_camera(chunk: int) -> tuple[Camera, Callable[[float], tuple[float, float]]]:
    """Another camera and another path for each chunk of recordings, about those that were measured."""
    rng = np.random.default_rng(chunk)
    camera = Camera(
        threshold=0.19 * 1.25 ** rng.uniform(-1.5, 1.5),
        spread=rng.uniform(0.05, 0.2),
        noise_hz=rng.uniform(0.1, 1.0),
        ambient=rng.uniform(0.22, 0.42),
        blur=rng.uniform(0.35, 0.7),
        step_us=5000,
    )
    late_us, right, down = rng.standard_normal(3) * (2000, 0.2, 0.2)

    def path(time_us: float) -> tuple[float, float]:
        x, y = measured_position(time_us - late_us)
        return x + right, y + down

    return camera, path


def recorded(images: Tensor, samples: Tensor, first_chunk: int = 0) -> Tensor:
    """Simulated frames of images, packed, uint8 [count, STEPS·2·34·34 / 8]: one bit a spike.

    Args:
        images: uint8 [count, 28, 28].
        samples: their numbers in all that exist.
        first_chunk: the seed of the first camera.
    """
    packed = []
    for chunk, (some, numbers) in enumerate(
        zip(images.split(CHUNK), samples.split(CHUNK), strict=True), start=first_chunk
    ):
        camera, path = any_camera(chunk)
        events = simulate_saccades(some, seed=chunk, camera=camera, samples=numbers, path=path)
        spikes = torch.stack([frames(one, STEPS) for one in events]).to(torch.uint8)
        packed.append(np.packbits(spikes.flatten(1).numpy(), axis=1))
    return torch.from_numpy(np.concatenate(packed))


def unpacked(packed: Tensor) -> Tensor:
    """The frames that were packed: uint8 [count, STEPS, 2, 34, 34]."""
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=1)).view(len(packed), STEPS, 2, 34, 34)


@cache
def simulated(folder: Path) -> tuple[Part, Part]:
    """Packed recordings of all digits that no real one shows, and of 1,000 such digits of MNIST's test set.

    The first take minutes to make; they are kept in the folder.
    """
    sets, recordings = real("MNIST", *load_images("MNIST")), map(first, load_nmnist(1000, 100), (1000, 100))
    both = list(zip(sets, recordings, strict=True))
    shown = torch.cat([digits.images[some.numbers] for digits, some in both])
    train, test = (unrecorded(digits, some.numbers, shown) for digits, some in both)
    test = test[:1000]
    file = folder / "simulated-saccades.npy"
    if not file.exists():
        made = recorded(sets[0].images[train], train).numpy()
        with writing(file) as part, part.open("wb") as open_part:  # an interruption leaves no half of it
            np.save(open_part, made)
    unseen = recorded(sets[1].images[test], 60_000 + test, first_chunk=1000)
    return (torch.from_numpy(np.load(file)), sets[0].labels[train]), (unseen, sets[1].labels[test])


# --- networks -------------------------------------------------------------------------------------------------------


def reads(model: nn.Module, packed: Tensor, keys: Tensor) -> Tensor:
    """What a network answers to packed recordings."""
    with torch.autocast("cpu", torch.bfloat16, enabled=model.training):  # takes half the time
        return _SIMULATED.forward(model, unpacked(packed), keys).float()


@cache
def after_simulation(folder: Path) -> tuple[dict[str, Tensor], History]:
    """The weights of the network that has met simulated recordings only, and how it came to them; kept, too."""
    model, file = NETWORK(0), folder / "simulation.safetensors"
    history = fit_plan(model, simulated(folder)[0], SIMULATION, seed=0, forward=reads, checkpoint=file)
    return model.state_dict(), history


def begun(folder: Path) -> Callable[[int], nn.Module]:
    """Networks that begin where the simulation left off."""

    def network(seed: int) -> nn.Module:
        model = NETWORK(seed)
        model.load_state_dict(after_simulation(folder)[0])
        return model

    return network


def few(count: int, seed: int) -> Split:
    """A fold of which only `count` recordings are there to learn from."""
    split = fold(seed)
    return replace(split, train=(split.train[0][:count], split.train[1][:count]))


def with_real(count: int, *, simulation: bool) -> Callable[[int, Path], Record]:
    """A run that learns from `count` real recordings of a fold's 880, with or without the simulation before.

    Without it, and with all 880, the plan is that of `nmnist-cross-validation`. The fewer recordings, the more often
    they are met; after the simulation always 15 times, and with smaller steps.
    """
    epochs, rate = (15, 1e-3) if simulation else (round(900 / math.sqrt(count)), 4e-3)
    plan = Plan(epochs, min(40, count // 2), rate, weight_decay=1e-2)

    def record(seed: int, checkpoint: Path) -> Record:
        network = begun(checkpoint.parent) if simulation else NETWORK
        return event_run("N-MNIST, five folds", partial(few, count), plan, network=network).record(seed, checkpoint)

    return record


def without_real(seed: int, checkpoint: Path) -> Record:
    """The network after the simulation, tested on a fold, and on simulated recordings that it has not met."""
    train, unseen = simulated(checkpoint.parent)
    model, split = begun(checkpoint.parent)(seed).eval(), fold(seed)
    linear = linear_accuracy((unpacked(train[0][:10_000]), train[1][:10_000]), split.test)
    return measured(
        model,
        replace(split, source=f"simulated saccades; in the test {split.source}", train=train),
        forward=lambda x: _SIMULATED.forward(model, x, torch.arange(len(x))),
        spiking=(SpikingNeurons,),
        samples=50,
        lesson="event_vision",
        task="N-MNIST, five folds",
        config=asdict(SIMULATION) | vars(_SIMULATED.enter) | {"leak": model.neuron.decay, "device": "cpu"},
        accuracy=_SIMULATED.accuracy(model, split.test, seed),
        baseline={"name": "linear on counts", "accuracy": linear},
        beside={"simulated digits": accuracy(model, *unseen, forward=reads, batch_size=250)},
        time_steps=STEPS,
        curve={"loss": after_simulation(checkpoint.parent)[1].loss},
    )


_SIMULATED = event_run("simulated saccades", fold, SIMULATION)

EXPERIMENTS = (
    Experiment(
        "nmnist-simulated",
        "N-MNIST in five folds (the seed is the fold), after 59,000 simulated digits and without them",
        {
            "simulation only": without_real,
            "simulation, then 880 real": with_real(880, simulation=True),
            "880 real only": with_real(880, simulation=False),
            "simulation, then 200 real": with_real(200, simulation=True),
            "200 real only": with_real(200, simulation=False),
            "simulation, then 50 real": with_real(50, simulation=True),
            "50 real only": with_real(50, simulation=False),
        },
        tuple(range(FOLDS)),
    ),
)
