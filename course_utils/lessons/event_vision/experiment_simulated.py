"""What a simulator is worth: networks that learn from simulated saccades first, and from real recordings afterwards.

59,000 digits of MNIST are recorded by the simulated camera; none of them is shown by a real recording that is used. One
network learns from these, and every fold of the real recordings begins with its weights. What was looked at before: the
220 recordings of fold 1 gave the path (see `saccades.measured_position`), and told twice how well the network read them
while it learned from the simulation and right after. No network read another real recording before the end; so four of
the five test sets are fresh, and tables can leave fold 1's out.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.data.digits import load_images
from course_utils.data.events import load_nmnist
from course_utils.data.files import writing
from course_utils.data.saccades import Camera, measured_position, simulate_saccades
from course_utils.lessons.event_vision.experiment import FOLDS, EventRun, event_run, first, fold, frames_of
from course_utils.lessons.event_vision.models import event_net
from course_utils.training import ledger
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record
from course_utils.training.long_run import BFLOAT16
from course_utils.training.loop import History, fit_plan
from course_utils.training.measuring import Part, Split, real
from course_utils.training.plan import Plan

CHUNK = 250  # recordings by one camera
NETWORK = partial(event_net, maps=(24, 48, 96))
SIMULATION = Plan(6, 50, 5e-3, weight_decay=1e-2)


def _kept(name: str) -> Path:
    """Where what takes long is kept for all runs."""
    return ledger.mine() / "unfinished" / name


# --- simulated recordings -------------------------------------------------------------------------------------------


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
    """Simulated frames, uint8 [count, time, 2, 34, 34], of images uint8 [count, 28, 28], by their numbers in all that
    exist; `first_chunk` is the seed of the first camera."""
    made = []
    for chunk, some in enumerate(torch.arange(len(images)).split(CHUNK), start=first_chunk):
        camera, path = any_camera(chunk)
        made.append(
            frames_of(simulate_saccades(images[some], seed=chunk, camera=camera, samples=samples[some], path=path))
        )
    return torch.cat(made)


@cache
def simulated() -> tuple[Part, Part]:
    """Recordings of all digits that no real one shows, and of 1,000 such digits of MNIST's test set.

    A digit that equals one that was recorded is left out, whatever its number. The first take minutes to make.
    """
    sets, recordings = real("MNIST", *load_images("MNIST")), map(first, load_nmnist(1000, 100), (1000, 100))
    both = [(digits, set(some.numbers.tolist())) for digits, some in zip(sets, recordings, strict=True)]
    shown = {digits.images[at].numpy().tobytes() for digits, taken in both for at in taken}
    train, test = (
        torch.tensor([at for at, image in enumerate(digits.images.numpy())
                      if at not in taken and image.tobytes() not in shown])
        for digits, taken in both
    )  # fmt: skip
    test, file = test[:1000], _kept("simulated-saccades.npz")
    if not file.exists():
        made = recorded(sets[0].images[train], train).numpy()
        with writing(file) as part, part.open("wb") as open_part:  # an interruption leaves no half of it
            np.savez_compressed(open_part, frames=made)
    unseen = recorded(sets[1].images[test], 60_000 + test, first_chunk=1000)
    return (torch.from_numpy(np.load(file)["frames"]), sets[0].labels[train]), (unseen, sets[1].labels[test])


# --- networks -------------------------------------------------------------------------------------------------------


class Simulated(EventRun):
    """The network that has met simulated recordings only, tested on a fold and on simulated ones that it has not met.

    While it learns it computes in bfloat16 where the processor can, which takes half the time.
    """

    def forward(self, model: nn.Module, samples: Tensor, keys: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=model.training and BFLOAT16):
            return super().forward(model, samples, keys).float()

    def train(self, split: Split, seed: int, checkpoint: Path | None = None) -> tuple[nn.Module, History]:
        return begun(seed), after_simulation()[1]

    def beside(self, model: nn.Module, split: Split, seed: int) -> dict[str, float]:
        return {"simulated digits": self.accuracy(model, simulated()[1], seed)}


def simulation_as_training(seed: int) -> Split:
    """A fold whose training set are the simulated recordings."""
    split = fold(seed)
    return replace(split, source=f"simulated saccades; in the test {split.source}", train=simulated()[0])


SIMULATED = Simulated(**vars(event_run(simulation_as_training, SIMULATION, network=NETWORK)))


@cache
def after_simulation() -> tuple[dict[str, Tensor], History]:
    """The weights of the network that has met simulated recordings only, and how it came to them; kept, too."""
    model, file = NETWORK(0), _kept("simulation.safetensors")
    history = fit_plan(model, simulated()[0], SIMULATION, seed=0, forward=SIMULATED.forward, checkpoint=file)
    return model.state_dict(), history


def begun(seed: int) -> nn.Module:
    """A network that begins where the simulation left off."""
    model = NETWORK(seed)
    model.load_state_dict(after_simulation()[0])
    return model


def few(count: int, seed: int) -> Split:
    """A fold of which only `count` recordings are there to learn from."""
    split = fold(seed)
    return replace(split, train=(split.train[0][:count], split.train[1][:count]))


def with_real(count: int, network: Callable[[int], nn.Module]) -> Callable[[int, Path], Record]:
    """A run that learns from `count` real recordings of a fold's 880, with or without the simulation before.

    Without it, and with all 880, the plan is that of `nmnist-cross-validation`. The fewer recordings, the more often
    they are met; after the simulation always 15 times, and with smaller steps.
    """
    epochs, rate = (15, 1e-3) if network is begun else (round(900 / math.sqrt(count)), 4e-3)
    plan = Plan(epochs, min(40, count // 2), rate, weight_decay=1e-2)
    return event_run(partial(few, count), plan, network=network).record


EXPERIMENTS = (
    Experiment(
        "nmnist-simulated",
        "N-MNIST in five folds (the seed is the fold), after 59,000 simulated digits and without them",
        {"simulation only": SIMULATED.record}
        | {
            f"{name}{count} real{only}": with_real(count, network)
            for count in (880, 200, 50)
            for name, network, only in (("simulation, then ", begun, ""), ("", NETWORK, " only"))
        },
        tuple(range(FOLDS)),
    ),
)
