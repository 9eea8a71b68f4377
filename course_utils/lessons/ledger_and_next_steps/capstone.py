"""The capstone: a stripe network for a chip that it has never met, judged on hidden images and chips.

The images and the chips are drawn from a seed that is made of the model, as coarsely as a chip holds it. Who changes
what a chip can tell gets other images and other chips; a millionth changes nothing. Several draws are judged together,
for one alone is luck. A word that only the examiner knows, given after the models are in, hides the seed for good.
"""

import copy
import hashlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from course_utils.chips import energy
from course_utils.chips.placing import CIRCUITS, check_fits, places
from course_utils.chips.virtual_chip import BRAINSCALES, VirtualChip, fitting_scale, to_integers
from course_utils.classroom.tables import Table
from course_utils.data import stripes
from course_utils.lessons.hardware_quantization.faint import SETTINGS, limits
from course_utils.spiking.stripe_networks import LIReadout, stripe_input
from course_utils.training.counting import Operations
from course_utils.training.loop import accuracy

LIMITS = limits(0.2)  # 6 bits, 8-bit readout, noise, and 20 % between one circuit and the next
DRAWS, CHIPS, IMAGES = 5, 10, 100  # chips and images of each draw
WEIGHTS = Path(__file__).with_name("capstone.safetensors")


@dataclass(frozen=True)
class Demands:
    """What a level asks for.

    Attributes:
        median, nine_of_ten: accuracy that half of the hidden chips reach, and that nine of ten reach, at least.
        operations: synaptic operations an image, at most.
    """

    median: float
    nine_of_ten: float
    operations: float


LEVELS = {
    "pass": Demands(median=0.90, nine_of_ten=0.0, operations=20_000),
    "good": Demands(median=0.95, nine_of_ten=0.80, operations=15_000),
    "excellent": Demands(median=0.98, nine_of_ten=0.95, operations=10_000),
}


@dataclass(frozen=True)
class Judgement:
    """What was found about a model.

    Attributes:
        seed: that everything was drawn from.
        draws: of each draw, the accuracy on each of its hidden chips, as it comes.
        images: of each draw.
        no_limits, alike: accuracy on the same images without any limit; on a chip of 6 bits without differing circuits.
        baseline: accuracy of comparing the variances of row means and column means, on the same images.
        circuits: that the network takes.
        operations: synaptic ones an image, on the first chip of each draw; those between inputs and hidden neurons are
            `input_operations` of them.
        spikes: of the hidden neurons, an image, on the same chips.
        steps: of time.
    """

    seed: int
    draws: tuple[tuple[float, ...], ...]
    images: int
    no_limits: float
    alike: float
    baseline: float
    circuits: int
    operations: float
    input_operations: float
    spikes: float
    steps: int

    @property
    def chips(self) -> tuple[float, ...]:
        """The accuracies on all chips of all draws."""
        return sum(self.draws, ())

    @property
    def median(self) -> float:
        """Accuracy on the chip in the middle."""
        return statistics.median(self.chips)

    @property
    def nine_of_ten(self) -> float:
        """The accuracy that nine chips of ten reach."""
        return sorted(self.chips)[len(self.chips) // 10]

    @property
    def energy_nj(self) -> float:
        """The energy of an image by the 45 nm convention: each operation adds a weight, a whole number of 8 bits."""
        counted = Operations(self.spikes, self.operations, 0.0, 0.0)
        return energy.CONVENTIONS["8-bit integer"].energy_nj(counted)

    def lacks(self, asked: Demands) -> list[str]:
        """The demands that are not met, in words."""
        return [
            *([f"a median of {asked.median:.0%}"] if self.median < asked.median else []),
            *([f"{asked.nine_of_ten:.0%} on nine chips of ten"] if self.nine_of_ten < asked.nine_of_ten else []),
            *([f"{asked.operations:,} operations"] if self.operations > asked.operations else []),
        ]

    @property
    def level(self) -> str | None:
        """The highest of `LEVELS` whose demands are all met; None if it does not pass."""
        return next((name for name in reversed(LEVELS) if not self.lacks(LEVELS[name])), None)

    def table(self) -> Table:
        """What was found, and beside it what each level asks for."""
        asked, nothing = LEVELS.values(), [""] * len(LEVELS)
        nine = (f"≥ {demands.nine_of_ten:.0%}" if demands.nine_of_ten else "" for demands in asked)
        one_by_one = ", ".join(f"{statistics.median(chips):.1%}" for chips in self.draws)
        judged = f"{len(self.draws)} draws of {self.images} images and {len(self.draws[0])} chips"
        rows = [
            ("judged on", judged, *nothing),
            ("median accuracy of the chips", f"{self.median:.1%}", *(f"≥ {d.median:.0%}" for d in asked)),
            ("nine chips of ten reach", f"{self.nine_of_ten:.1%}", *nine),
            ("lowest of all chips", f"{min(self.chips):.1%}", *nothing),
            ("medians of the draws, each by itself", one_by_one, *nothing),
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


def kept_network(way: str, seed: int = 0) -> LIReadout:
    """The network of the lesson's solution, trained from seed 0, 1 or 2: "without a chip", then "for any chip"."""
    model = LIReadout(partial(stripe_input, steps=12, scale=12.0), pool="sum", filters=3, outputs=1)
    prefix = f"{way} {seed}, "
    kept = {name.removeprefix(prefix): values for name, values in load_file(WEIGHTS).items() if name.startswith(prefix)}
    model.load_state_dict(kept, strict=False)  # Norse's time constants are not in the file
    return model


def hidden_seed(model: LIReadout, word: str = "") -> int:
    """A number made of all that a student can choose, and of a word: change any of it, and it is another number.

    That is the model's weights, its neurons' constants, its readout, and the spikes that it makes of a picture. Weights
    count as the chip's 6 bits hold them, single numbers in thousandths: what no chip can tell apart is judged alike.
    """
    model = copy.deepcopy(model)  # an encoder may draw random numbers and keep its place among them
    chosen = [*model.state_dict().items()]
    for cell in (model.lif, model.li):  # Norse's: time constants, threshold and step
        chosen.append(("dt", torch.tensor(cell.dt)))
        chosen += [(name, value) for name, value in cell.p._asdict().items() if isinstance(value, Tensor)]
    chosen.append(("spikes", model.encode(draw_images(1, 0)[0])))
    digest = hashlib.sha256(f"{word} {model.readout}".encode())
    for name, values in chosen:
        digest.update(name.encode() + _coarse(values.detach()).int().cpu().contiguous().numpy().tobytes())
    return int.from_bytes(digest.digest()[:4], "big")


def _coarse(values: Tensor) -> Tensor:
    if values.dim() < 2:
        return (1000 * values.double()).round()
    return to_integers(values, fitting_scale(values))


def computes(encode: Callable[[Tensor], Tensor], images: Tensor) -> bool:
    """Whether the spikes of a pixel depend on any other pixel. Then the encoder does what the chip should do.

    Half of the pixels, drawn at random, are exchanged for those of another image; the spikes of the rest must stay.
    """
    kept = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    sent = []
    for pictures in (images, torch.where(kept, images, images.roll(1, 0))):
        torch.manual_seed(0)
        sent.append(copy.deepcopy(encode)(pictures))
    return bool(((sent[0] != sent[1]) & kept).any())


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
    model: LIReadout,
    word: str = "",
    *,
    seed: int | None = None,
    draws: int = DRAWS,
    images: int = IMAGES,
    chips: int = CHIPS,
) -> Judgement:
    """Run a model on hidden images and hidden chips, as they come: without calibration, without further training.

    Args:
        model: trained; it is not changed. Its biases count in thousandths of the threshold.
        word: the examiner's, see above.
        seed: of another judgement, to compare two models on the same images and chips; None takes the model's own.
        draws: how often images and chips are drawn.
        images, chips: number of hidden ones in each draw.

    Raises:
        ValueError: the model is no `LIReadout`, does not fit the chip, holds weights that are not finite, or sends it
            anything but spikes for pictures of 16×16 pixels, or spikes of a pixel that depend on other pixels.
    """
    if not isinstance(model, LIReadout):
        raise ValueError(f"model is of type {type(model).__name__}; the virtual chip runs an LIReadout")
    model = copy.deepcopy(model)
    circuits = check_fits(places(model))
    seed = hidden_seed(model, word) if seed is None else seed
    for layer in (model.conv, model.linear):
        layer.bias.copy_((1000 * layer.bias).round() / 1000)
    found = []
    with torch.random.fork_rng():
        _check_encoder(model.encode, draw_images(images, seed)[0])
        for number in range(seed, seed + draws):
            torch.manual_seed(number)  # the chips' noise
            found.append(_one_draw(model, *draw_images(images, number), [*hidden_chips(model, number, chips)]))
    per_chip, *shares, spent, hidden, steps = zip(*found, strict=True)
    no_limits, alike, baseline, operations, spikes = (statistics.fmean(part) for part in (*shares, spent, hidden))
    return Judgement(
        seed=seed,
        draws=per_chip,
        images=images,
        no_limits=no_limits,
        alike=alike,
        baseline=baseline,
        circuits=circuits,
        operations=operations,
        input_operations=operations - spikes * model.linear.out_features,
        spikes=spikes,
        steps=steps[0],
    )


def _check_encoder(encode: Callable[[Tensor], Tensor], shown: Tensor) -> None:
    spikes = copy.deepcopy(encode)(shown)
    if spikes.shape[1:] != shown.shape or not ((spikes == 0) | (spikes == 1)).all():
        raise ValueError("the model's encoder sends what no chip takes; it must send spikes, 0 or 1, a pixel")
    if computes(encode, shown):
        raise ValueError(
            "the spikes of a pixel depend on other pixels: the model's encoder computes, and nobody counts what it "
            "spends. It may look at each pixel alone; all else is the network's work"
        )


def _one_draw(model: LIReadout, shown: Tensor, labels: Tensor, chips: list[VirtualChip]) -> tuple:
    """Accuracy on the chips, without limits, if circuits are equal, of the baseline; operations, spikes, steps."""
    on_first = chips[0].activity(shown)
    guesses = torch.tensor(stripes.row_column_baseline((shown[:, 0] * 255).round().to(torch.uint8).numpy()))
    return (
        tuple(accuracy(chip, shown, labels) for chip in chips),
        accuracy(VirtualChip(model), shown, labels),
        accuracy(VirtualChip(model, BRAINSCALES), shown, labels),
        (guesses == labels).double().mean().item(),
        energy.accumulates_by_step(model, on_first).sum(0).mean().item(),
        on_first.hidden.sum().item() / len(shown),
        len(on_first.inputs),
    )
