"""The capstone: a stripe network for a chip that it has never met, judged on hidden images and chips.

The images and the chips are drawn from a seed that is made of the model itself. Who changes a weight gets other images
and other chips, so there is nothing to tune to; and the same model is always judged alike. A word that only the
examiner knows, given after the models are in, hides the seed for good.
"""

import copy
import hashlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from course_utils.chips import energy
from course_utils.chips.placing import CIRCUITS, check_fits, places
from course_utils.chips.virtual_chip import BRAINSCALES, VirtualChip
from course_utils.classroom.tables import Table
from course_utils.data import stripes
from course_utils.lessons.hardware_quantization.faint import SETTINGS, limits
from course_utils.spiking.stripe_networks import LIReadout, stripe_input
from course_utils.training.counting import Operations
from course_utils.training.loop import accuracy

LIMITS = limits(0.2)  # 6 bits, 8-bit readout, noise, and 20 % between one circuit and the next
IMAGES, CHIPS = 300, 20
WEIGHTS = Path(__file__).with_name("capstone.safetensors")


@dataclass(frozen=True)
class Demands:
    """What a level asks for.

    Attributes:
        median, lowest: accuracy over the hidden chips, at least.
        operations: synaptic operations an image, at most.
    """

    median: float
    lowest: float
    operations: float


LEVELS = {
    "pass": Demands(median=0.90, lowest=0.0, operations=20_000),
    "good": Demands(median=0.95, lowest=0.75, operations=15_000),
    "excellent": Demands(median=0.98, lowest=0.90, operations=10_000),
}


@dataclass(frozen=True)
class Judgement:
    """What was found about a model.

    Attributes:
        seed: that everything was drawn from.
        chips: accuracy on each hidden chip, as it comes.
        no_limits, alike: accuracy on the same images without any limit; on a chip of 6 bits without differing circuits.
        baseline: accuracy of comparing the variances of row means and column means, on the same images.
        circuits: that the network takes.
        operations: synaptic ones an image, on the first chip; those between inputs and hidden neurons are
            `input_operations` of them.
        spikes: of the hidden neurons, an image, on the first chip.
        steps: of time.
    """

    seed: int
    chips: tuple[float, ...]
    no_limits: float
    alike: float
    baseline: float
    circuits: int
    operations: float
    input_operations: float
    spikes: float
    steps: int

    @property
    def median(self) -> float:
        """Accuracy on the chip in the middle."""
        return statistics.median(self.chips)

    @property
    def energy_nj(self) -> float:
        """The energy of an image by the 45 nm convention: each operation adds a weight, a whole number of 8 bits."""
        counted = Operations(self.spikes, self.operations, 0.0, 0.0)
        return energy.CONVENTIONS["8-bit integer"].energy_nj(counted)

    def lacks(self, asked: Demands) -> list[str]:
        """The demands that are not met, in words."""
        return [
            *([f"a median of {asked.median:.0%}"] if self.median < asked.median else []),
            *([f"no chip below {asked.lowest:.0%}"] if min(self.chips) < asked.lowest else []),
            *([f"{asked.operations:,} operations"] if self.operations > asked.operations else []),
        ]

    @property
    def level(self) -> str | None:
        """The highest of `LEVELS` whose demands are all met; None if it does not pass."""
        return next((name for name in reversed(LEVELS) if not self.lacks(LEVELS[name])), None)

    def table(self) -> Table:
        """What was found, and beside it what each level asks for."""
        asked, nothing = LEVELS.values(), [""] * len(LEVELS)
        rows = [
            ("median accuracy of the chips", f"{self.median:.1%}", *(f"≥ {d.median:.0%}" for d in asked)),
            ("lowest of them", f"{min(self.chips):.1%}", *(f"≥ {d.lowest:.0%}" if d.lowest else "" for d in asked)),
            ("operations an image", f"{self.operations:,.0f}", *(f"≤ {d.operations:,}" for d in asked)),
            ("circuits", self.circuits, *[f"≤ {CIRCUITS}"] * len(LEVELS)),
            ("hidden spikes an image", f"{self.spikes:,.0f}", *nothing),
            ("time steps", self.steps, *nothing),
            ("energy estimate an image, additions of 8 bits", f"{self.energy_nj:.2f} nJ", *nothing),
            ("accuracy without limits", f"{self.no_limits:.1%}", *nothing),
            ("accuracy if all circuits were alike", f"{self.alike:.1%}", *nothing),
            ("baseline: row and column variance", f"{self.baseline:.1%}", *nothing),
            ("hidden seed", self.seed, *nothing),
        ]
        return Table(["", "found", *LEVELS], rows)


def kept_network(way: str) -> LIReadout:
    """The network of the lesson's solution, trained from seed 0 and kept: "without a chip", then "for any chip"."""
    model = LIReadout(partial(stripe_input, steps=12, scale=12.0), pool="sum", filters=3, outputs=1)
    kept = {name.removeprefix(f"{way}, "): values for name, values in load_file(WEIGHTS).items() if way in name}
    model.load_state_dict(kept, strict=False)  # Norse's time constants are not in the file
    return model


def hidden_seed(model: LIReadout, word: str = "") -> int:
    """A number made of all that a student can choose, and of a word: change any of it, and it is another number.

    That is the model's weights, its neurons' constants, its readout, and the spikes that it makes of a picture.
    """
    model = copy.deepcopy(model)  # an encoder may draw random numbers and keep its place among them
    chosen = [*model.state_dict().items()]
    for cell in (model.lif, model.li):  # Norse's: time constants, threshold and step
        chosen.append(("dt", torch.tensor(cell.dt)))
        chosen += [(name, value) for name, value in cell.p._asdict().items() if isinstance(value, Tensor)]
    chosen.append(("spikes", model.encode(draw_images(1, 0)[0])))
    digest = hashlib.sha256(f"{word} {model.readout}".encode())
    for name, values in chosen:
        digest.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return int.from_bytes(digest.digest()[:4], "big")


def draw_images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Faint stripes: images [count, 1, 16, 16], 0 to 1, and labels [count]."""
    drawn = stripes.make_stripes(count, seed, settings=SETTINGS)
    return torch.tensor(drawn.images)[:, None] / 255, torch.tensor(drawn.labels)


def hidden_chips(model: LIReadout, seed: int, count: int) -> Iterator[VirtualChip]:
    """The model on chips that nobody has trained for. Below a million chips are for training."""
    numbers = np.random.default_rng(seed).integers(1_000_000, 2**31, count)
    return (VirtualChip(model, LIMITS, int(number)) for number in numbers)


@torch.no_grad()
def judge(
    model: LIReadout, word: str = "", *, seed: int | None = None, images: int = IMAGES, chips: int = CHIPS
) -> Judgement:
    """Run a model on hidden images and hidden chips, as they come: without calibration, without further training.

    Args:
        model: trained; it is not changed.
        word: the examiner's, see above.
        seed: of another judgement, to compare two models on the same images and chips; None takes the model's own.
        images, chips: number of hidden ones.

    Raises:
        ValueError: the model is no `LIReadout`, does not fit the chip, holds weights that are not finite, or sends it
            anything but spikes for pictures of 16×16 pixels.
    """
    if not isinstance(model, LIReadout):
        raise ValueError(f"model is of type {type(model).__name__}; the virtual chip runs an LIReadout")
    model = copy.deepcopy(model)
    circuits = check_fits(places(model))
    seed = hidden_seed(model, word) if seed is None else seed
    shown, labels = draw_images(images, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the chips' noise
        on_first = next(hidden_chips(model, seed, 1)).activity(shown[:100])
        spikes = on_first.inputs
        if spikes.shape[1:] != shown[:100].shape or not ((spikes == 0) | (spikes == 1)).all():
            raise ValueError("the model's encoder sends what no chip takes; it must send spikes, 0 or 1, a pixel")
        spent = energy.accumulates_by_step(model, on_first).sum(0).mean().item()
        hidden = on_first.hidden.sum().item() / len(spikes[0])
        guesses = torch.tensor(stripes.row_column_baseline((shown[:, 0] * 255).round().to(torch.uint8).numpy()))
        return Judgement(
            seed=seed,
            chips=tuple(accuracy(chip, shown, labels) for chip in hidden_chips(model, seed, chips)),
            no_limits=accuracy(VirtualChip(model), shown, labels),
            alike=accuracy(VirtualChip(model, BRAINSCALES), shown, labels),
            baseline=(guesses == labels).double().mean().item(),
            circuits=circuits,
            operations=spent,
            input_operations=spent - hidden * model.linear.out_features,
            spikes=hidden,
            steps=len(spikes),
        )
