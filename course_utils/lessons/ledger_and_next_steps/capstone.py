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
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from course_utils.chips import energy
from course_utils.chips.placing import CIRCUITS, check_fits, places
from course_utils.chips.virtual_chip import BRAINSCALES, VirtualChip, fitting_scale, to_integers
from course_utils.classroom.tables import Table
from course_utils.data import stripes
from course_utils.data.require import guarded
from course_utils.lessons.hardware_quantization.faint import SETTINGS, limits
from course_utils.spiking.encoders import stripe_input
from course_utils.spiking.li_readout import LIReadout
from course_utils.training.counting import Operations
from course_utils.training.loop import accuracy

LIMITS = limits(0.2)  # 6 bits, 8-bit readout, noise, and 20 % between one circuit and the next


@dataclass(frozen=True)
class Demands:
    """What a level asks for: accuracies that half and nine of ten of the hidden chips reach, operations at most."""

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
    """What was found about a model."""

    seed: int  # that everything was drawn from
    draws: tuple[tuple[float, ...], ...]  # of each draw, the accuracy on each of its hidden chips, as it comes
    images: int  # of each draw
    no_limits: float  # accuracy on the same images without any limit
    alike: float  # and on a chip of 6 bits without differing circuits
    baseline: float  # and of comparing the variances of row means and column means
    circuits: int  # that the network takes
    operations: float  # synaptic ones an image, on the first chip of each draw
    input_operations: float  # those of them between inputs and hidden neurons
    spikes: float  # of the hidden neurons, an image, on the same chips
    steps: int  # of time

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


@guarded
def kept_network(way: str, seed: int = 0) -> LIReadout:
    """The network of the lesson's solution, trained from seed 0, 1 or 2: "without a chip", then "for any chip".

    "on chips alike" is the control: it learned as the latter did, but its chips had no mismatch.
    """
    model = LIReadout(partial(stripe_input, steps=12, scale=12.0), pool="sum", filters=3, outputs=1)
    kept = load_file(Path(__file__).with_name("capstone.safetensors"))
    for name, values in model.named_parameters():
        values.data = kept[f"{way} {seed}, {name}"]
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
        values = values.detach()
        coarse = (1000 * values.double()).round() if values.dim() < 2 else to_integers(values, fitting_scale(values))
        digest.update(name.encode() + coarse.int().cpu().contiguous().numpy().tobytes())
    return int.from_bytes(digest.digest()[:4], "big")


@guarded
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
    model: LIReadout, word: str = "", *, seed: int | None = None, draws: int = 5, images: int = 100, chips: int = 10
) -> Judgement:
    """Run a model on hidden images and hidden chips, as they come: without calibration, without further training.

    Args:
        model: trained; it is not changed. Its biases count in thousandths of the threshold.
        word: the examiner's, see above.
        seed: of another judgement, to compare two models on the same images and chips; None takes the model's own.
        draws, images, chips: how often hidden ones are drawn, and how many of each.

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
    with torch.random.fork_rng():
        _check_encoder(model.encode, draw_images(images, seed)[0])
        found = [_one_draw(model, number, images, chips) for number in range(seed, seed + draws)]
    mean = {name: statistics.fmean(one[name] for one in found) for name in found[0] if name != "chips"}
    return Judgement(
        seed=seed,
        draws=tuple(one["chips"] for one in found),
        images=images,
        circuits=circuits,
        input_operations=mean["operations"] - mean["spikes"] * model.linear.out_features,
        steps=int(mean.pop("steps")),
        **mean,
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


def _one_draw(model: LIReadout, number: int, images: int, count: int) -> dict[str, Any]:
    """What `Judgement` tells of the images and chips of this number."""
    torch.manual_seed(number)  # the chips' noise
    shown, labels = draw_images(images, number)
    chips = [*hidden_chips(model, number, count)]
    on_first = chips[0].activity(shown)
    guesses = torch.tensor(stripes.row_column_baseline((shown[:, 0] * 255).round().to(torch.uint8).numpy()))
    return {
        "chips": tuple(accuracy(chip, shown, labels) for chip in chips),
        "no_limits": accuracy(VirtualChip(model), shown, labels),
        "alike": accuracy(VirtualChip(model, BRAINSCALES), shown, labels),
        "baseline": (guesses == labels).double().mean().item(),
        "operations": energy.accumulates_by_step(model, on_first).sum(0).mean().item(),
        "spikes": on_first.hidden.sum().item() / images,
        "steps": len(on_first.inputs),
    }
