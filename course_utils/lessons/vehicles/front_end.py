"""A retina in front of a network: differences of Gaussians, rank order, and neurons that turn ranks into spikes.

Filters and their sizes follow B. Sen Bhattacharya and S. B. Furber, "Biologically inspired means for rank-order
encoding images: a quantitative analysis", IEEE Trans. Neural Netw. 21(7), 2010, and the first author's public code
(github.com/iambasab/DoG). S. T. P. Gupta and B. Sen Bhattacharya put them in front of a spiking convnet:
"Implementing a foveal-pit inspired filter in a spiking convolutional neural network", IJCNN 2020, arXiv:2105.14326.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.neurons import LIF
from course_utils.spiking.ranges import above_0, within
from course_utils.spiking.timing import ranks

Centre = Literal["on", "off"]

NEURON = LIF(tau_mem_ms=20.0, dt_ms=1.0)  # one for each coefficient


@dataclass(frozen=True)
class DoG:
    """A difference of Gaussians: a ganglion cell that compares the middle of its field with what is around it."""

    centre: Centre  # "on" answers to a bright middle, "off" to a dark one
    sigma: float  # standard deviation of the middle, in pixels; narrower ones than a tenth do not differ
    surround: float  # how many times as wide the Gaussian around it is, above 1
    side: int  # of the kernel, in pixels; odd, 3 or more

    def __post_init__(self):
        require(self.centre in ("on", "off"), "centre", self.centre, '"on" or "off"')
        require(0.1 <= self.sigma < math.inf, "sigma", self.sigma, "a tenth of a pixel or more")
        require(1 < self.surround < math.inf, "surround", self.surround, "above 1")
        odd = isinstance(self.side, Integral) and self.side >= 3 and self.side % 2 == 1
        require(odd, "side", self.side, "an odd number of pixels, 3 or more")

    @property
    def gain(self) -> float:
        """What the difference of both Gaussians is multiplied with, below 0 for an off-centre."""
        return (1 if self.centre == "on" else -1) / self._difference().norm().item()

    def kernel(self) -> Tensor:
        """[side, side], float64; its sum is 0, the sum of its squares 1."""
        return self.gain * self._difference()

    def respond(self, images: Tensor) -> Tensor:
        """What the cell at each pixel answers, [batch, height, width] to the same; below 0 it would be silent.

        Two passes along rows and columns for each Gaussian give the same as the whole kernel, and are much quicker.
        """
        _check_images(images)
        middle, around = (_blur(images, sigma, self.side) for sigma in (self.sigma, self.sigma * self.surround))
        return self.gain * (middle - around)

    def _difference(self) -> Tensor:
        middle, around = (_gaussian(sigma, self.side) for sigma in (self.sigma, self.sigma * self.surround))
        return torch.outer(middle, middle) - torch.outer(around, around)


def _gaussian(sigma: float, side: int) -> Tensor:
    """Along one side, in float64, with the sum 1."""
    place = torch.arange(side, dtype=torch.float64) - side // 2
    return functional.normalize(torch.exp(-((place / sigma) ** 2) / 2), p=1, dim=0)


def _blur(images: Tensor, sigma: float, side: int) -> Tensor:
    """Pictures [batch, height, width] behind a Gaussian. Beyond its border a picture goes on as it ends, so that the
    border itself is no edge."""
    line = _gaussian(sigma, side).to(images)
    wide = functional.pad(images[:, None], [side // 2] * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(wide, line.reshape(1, 1, 1, -1)), line.reshape(1, 1, -1, 1))[:, 0]


# The published cells. The coarse ones were made for pictures of 128 pixels a side and more; here they are a quarter of
# that, as the pictures are. Off-centre fields are the smaller ones, by 1.3.
FINE = {"on": DoG("on", 1.04, 6.5, 11), "off": DoG("off", 0.8, 6.5, 5)}  # midget cells
COARSE = {"on": DoG("on", 10.4 / 4, 4.8, 61), "off": DoG("off", 8.0 / 4, 4.8, 15)}  # parasol cells
SCALES = {"fine": FINE, "coarse": COARSE}


@guarded
def bank(scales: Sequence[str] = ("fine", "coarse"), centres: Sequence[Centre] = ("on", "off")) -> tuple[DoG, ...]:
    """The filters of these scales and centres, scale by scale."""
    return tuple(SCALES[scale][centre] for scale in scales for centre in centres)


@guarded
def coefficients(images: Tensor, filters: Sequence[DoG]) -> Tensor:
    """How strongly each cell is driven: [batch, height, width] to [batch, filters, height, width], 0 or more.

    A cell cannot fire less than not at all. What one centre would answer below 0, the other answers above (exactly so
    only where both have one width).
    """
    return torch.stack([each.respond(images) for each in filters], 1).clamp_(min=0)


@guarded
def blurred(images: Tensor, sigma: float) -> Tensor:
    """Pictures [batch, height, width] behind a Gaussian alone: what is left of a cell without its surround."""
    _check_images(images)
    above_0("a number of pixels", sigma=sigma)
    return _blur(images, sigma, 2 * math.ceil(4 * sigma) + 1).clamp_(0, 1)


# --- rank order -----------------------------------------------------------------------------------------------------


@guarded
def by_rank(values: Tensor, kept: int) -> Tensor:
    """1 for the largest of the coefficients [batch, …], falling evenly to 0 at rank `kept` and beyond; those of 0 stay.
    """
    _check_kept(kept, values[0].numel())
    return (1 - ranks(values) / kept).clamp_(min=0).to(values) * (values > 0)


@guarded
def reconstruct(values: Tensor, filters: Sequence[DoG], kept: int, table: Tensor | None = None) -> Tensor:
    """A picture from its first ranks: each lays its filter down at its place, times its size; [batch, height, width].

    Its mean is 0 and its contrast is not that of the original: no filter has seen a mean, and filters overlap.

    Args:
        values: coefficients [batch, filters, height, width].
        filters: that they come from.
        kept: how many ranks are used.
        table: the size of each rank, if only the order is known; None takes the coefficients themselves.
    """
    fits = values.dim() == 4 and values.shape[1] == len(filters)
    require(fits, "shape of values", tuple(values.shape), f"[batch, {len(filters)}, height, width]")
    _check_kept(kept, values[0].numel())
    places = ranks(values)
    sizes = values if table is None else table.to(values)[places]
    used = (sizes * ((places < kept) & (values > 0))).split(1, dim=1)
    kernels = [each.kernel().to(values)[None, None] for each in filters]
    laid = (functional.conv2d(size, kernel, padding="same") for size, kernel in zip(used, kernels, strict=True))
    return sum(laid)[:, 0]


@guarded
def likeness(pictures: Tensor, images: Tensor) -> Tensor:
    """The correlation of each picture with its image, over all pixels: −1 to 1, [batch]. An even one gives 0."""
    a, b = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (pictures, images))
    return functional.cosine_similarity(a, b)


# --- spikes ---------------------------------------------------------------------------------------------------------


def currents(rates: Tensor) -> Tensor:
    """The constant currents under which neurons spike once in 1/rate steps, as near as whole steps allow.

    `LIF.current_for` with 1/rate − 1/2 steps, which lets the threshold be crossed in the middle of a step. Rates are
    spikes a step, 0 to 1, of any shape.
    """
    within(0, 1, rates=rates)
    return torch.where(rates > 0, NEURON.current_for(1 / rates - 0.5), 0)


@guarded
def fired(rates: Tensor) -> Tensor:
    """The rates that the neurons really have under these currents: one spike in a whole number of steps.

    Where 1/rate lies exactly between two whole numbers, rounding errors decide which of them it is.
    """
    within(0, 1, rates=rates)
    return torch.where(rates > 0, 1 / (1 / rates).round(), 0)


def spikes(rates: Tensor, steps: int) -> Tensor:
    """A LIF neuron for every number, driven by its `currents`: 0 or 1, [steps, …]."""
    require_whole(steps=(steps, 1))
    return NEURON.run(currents(rates).expand(steps, *rates.shape)).spikes


def _check_kept(kept: int, count: int) -> None:
    fits = isinstance(kept, Integral) and not isinstance(kept, bool) and 1 <= kept <= count
    require(fits, "kept", kept, f"a whole number of ranks, 1 to {count}")


def _check_images(images: Tensor) -> None:
    if images.dim() != 3 or images.numel() == 0 or not images.is_floating_point():
        raise ValueError(f"images are {images.dtype} {list(images.shape)}; they must be floats [batch, height, width]")
    within(0, 1, images=images)
