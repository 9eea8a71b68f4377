"""A retina in front of a network: differences of Gaussians, rank order, and neurons that turn ranks into spikes.

Filters and their sizes follow B. Sen Bhattacharya and S. B. Furber, "Biologically inspired means for rank-order
encoding images: a quantitative analysis", IEEE Trans. Neural Netw. 21(7), 2010, and the first author's public code
(github.com/iambasab/DoG). S. T. P. Gupta and B. Sen Bhattacharya put them in front of a spiking convnet:
"Implementing a foveal-pit inspired filter in a spiking convolutional neural network", IJCNN 2020, arXiv:2105.14326.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from course_utils.spiking.encoders import check_steps
from course_utils.spiking.neurons import LIF

Centre = Literal["on", "off"]

NEURON = LIF(tau_mem_ms=20.0, dt_ms=1.0)  # one for each coefficient


@dataclass(frozen=True)
class DoG:
    """A difference of Gaussians: a ganglion cell that compares the middle of its field with what is around it.

    Attributes:
        centre: "on" answers to a bright middle, "off" to a dark one.
        sigma: standard deviation of the middle, in pixels.
        surround: how many times as wide the Gaussian around it is, above 1.
        side: of the kernel, in pixels; odd.

    Raises:
        ValueError: an attribute is out of range.
    """

    centre: Centre
    sigma: float
    surround: float
    side: int

    def __post_init__(self):
        if self.centre not in ("on", "off"):
            raise ValueError(f'centre is {self.centre!r}; it must be "on" or "off"')
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma is {self.sigma}; it must be a number of pixels above 0")
        if not 1 < self.surround < math.inf:
            raise ValueError(f"surround is {self.surround}; it must be above 1")
        if isinstance(self.side, bool) or not isinstance(self.side, int) or self.side < 3 or self.side % 2 == 0:
            raise ValueError(f"side is {self.side!r}; it must be an odd number of pixels, 3 or more")

    def kernel(self) -> Tensor:
        """[side, side], float64; its sum is 0, the sum of its squares 1."""
        middle, around, gain = self._parts()
        return gain * (torch.outer(middle, middle) - torch.outer(around, around))

    def respond(self, images: Tensor) -> Tensor:
        """What the cell at each pixel answers, [batch, height, width] to the same; below 0 it would be silent.

        Beyond its border a picture goes on as it ends, so that the border itself is no edge. Two passes along rows and
        columns for each Gaussian give the same as the whole kernel, and are much quicker.
        """
        _check_images(images)
        middle, around, gain = (part.to(images) if isinstance(part, Tensor) else part for part in self._parts())
        wide = functional.pad(images[:, None], [self.side // 2] * 4, mode="replicate")
        return gain * (_along_both(wide, middle) - _along_both(wide, around))[:, 0]

    def _parts(self) -> tuple[Tensor, Tensor, float]:
        """The two Gaussians along one side, each with the sum 1, and the gain of their difference."""
        place = torch.arange(self.side, dtype=torch.float64) - self.side // 2
        middle, around = (
            functional.normalize(torch.exp(-((place / sigma) ** 2) / 2), p=1, dim=0)
            for sigma in (self.sigma, self.sigma * self.surround)
        )
        difference = torch.outer(middle, middle) - torch.outer(around, around)
        return middle, around, (1 if self.centre == "on" else -1) / difference.norm().item()


def _along_both(images: Tensor, line: Tensor) -> Tensor:
    return functional.conv2d(functional.conv2d(images, line.reshape(1, 1, 1, -1)), line.reshape(1, 1, -1, 1))


# The published cells. The coarse ones were made for pictures of 128 pixels a side and more; here they are a quarter of
# that, as the pictures are. Off-centre fields are the smaller ones, by 1.3.
FINE = {"on": DoG("on", 1.04, 6.5, 11), "off": DoG("off", 0.8, 6.5, 5)}  # midget cells
COARSE = {"on": DoG("on", 10.4 / 4, 4.8, 61), "off": DoG("off", 8.0 / 4, 4.8, 15)}  # parasol cells
SCALES = {"fine": FINE, "coarse": COARSE}


def bank(scales: Sequence[str] = ("fine", "coarse"), centres: Sequence[Centre] = ("on", "off")) -> tuple[DoG, ...]:
    """The filters of these scales and centres, scale by scale.

    Raises:
        ValueError: there is none, or a name is unknown.
    """
    for name, given, known in (("scales", scales, SCALES), ("centres", centres, FINE)):
        if isinstance(given, str) or not given or set(given) - set(known):
            raise ValueError(f"{name} are {given!r}; they must be a list with some of {', '.join(known)}")
    return tuple(SCALES[scale][centre] for scale in scales for centre in centres)


def coefficients(images: Tensor, filters: Sequence[DoG]) -> Tensor:
    """How strongly each cell is driven: [batch, height, width] to [batch, filters, height, width], 0 or more.

    A cell cannot fire less than not at all. What one centre would answer below 0, the other answers above (exactly so
    only where both have one width).

    Raises:
        ValueError: there is no filter, or the images are no floats between 0 and 1 of that shape.
    """
    if not filters:
        raise ValueError("filters is empty; there must be one DoG or more")
    return torch.stack([each.respond(images) for each in filters], 1).clamp_(min=0)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Pictures [batch, height, width] behind a Gaussian alone: what is left of a cell without its surround.

    Raises:
        ValueError: `sigma` is no number of pixels above 0, or the images are no floats between 0 and 1.
    """
    _check_images(images)
    middle, _, _ = DoG("on", sigma, 2.0, 2 * math.ceil(4 * sigma) + 1)._parts()
    wide = functional.pad(images[:, None], [len(middle) // 2] * 4, mode="replicate")
    return _along_both(wide, middle.to(images))[:, 0].clamp_(0, 1)


# --- rank order -----------------------------------------------------------------------------------------------------


def ranks(values: Tensor) -> Tensor:
    """The place of every coefficient of an image among all of that image, 0 the largest; int64, as [batch, …].

    Equal ones are ranked in reading order.

    Raises:
        ValueError: the values have no batch, or hold NaN.
    """
    if values.dim() < 2 or values.isnan().any():
        raise ValueError(f"values are {tuple(values.shape)}; they must be numbers [batch, …], and no NaN")
    order = values.flatten(1).argsort(dim=1, descending=True, stable=True)
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(order.shape[1]).expand_as(order))
    return places.view(values.shape)


def table_of_ranks(values: Tensor) -> Tensor:
    """What a rank is worth: the mean of the r-th largest coefficient over examples [batch, …]; [coefficients].

    Whoever knows only the order reads the sizes from this table (R. Van Rullen and S. Thorpe, "Rate coding versus
    temporal order coding", Neural Computation 13, 2001).
    """
    return values.flatten(1).sort(1, descending=True).values.mean(0)


def by_rank(values: Tensor, kept: int) -> Tensor:
    """1 for the largest coefficient, falling evenly to 0 at rank `kept` and beyond; coefficients of 0 stay 0.

    Args:
        values: coefficients [batch, …], 0 or more.
        kept: how many ranks count, 1 up to the number of coefficients.

    Raises:
        ValueError: `kept` is out of range.
    """
    _check_kept(kept, values[0].numel())
    return (1 - ranks(values) / kept).clamp_(min=0).to(values) * (values > 0)


def reconstruct(values: Tensor, filters: Sequence[DoG], kept: int, table: Tensor | None = None) -> Tensor:
    """A picture from its first ranks: each lays its filter down at its place, times its size; [batch, height, width].

    Its mean is 0 and its contrast is not that of the original: no filter has seen a mean, and filters overlap.

    Args:
        values: coefficients [batch, filters, height, width].
        filters: that they come from.
        kept: how many ranks are used.
        table: the size of each rank, if only the order is known; None takes the coefficients themselves.

    Raises:
        ValueError: `kept` is out of range, or there is not one filter for each map of coefficients.
    """
    if values.dim() != 4 or values.shape[1] != len(filters):
        needed = f"[batch, {len(filters)}, height, width]"
        raise ValueError(f"values have shape {tuple(values.shape)}; {len(filters)} filters need {needed}")
    _check_kept(kept, values[0].numel())
    places = ranks(values)
    sizes = values if table is None else table.to(values)[places]
    used = sizes * ((places < kept) & (values > 0))
    picture = 0
    for each, sizes in zip(filters, used.unbind(1), strict=True):
        kernel = each.kernel().to(values)[None, None]
        picture = picture + functional.conv2d(sizes[:, None], kernel, padding=each.side // 2)[:, 0]
    return picture


def likeness(pictures: Tensor, images: Tensor) -> Tensor:
    """The correlation of each picture with its image, over all pixels: −1 to 1, [batch]. An even one gives 0."""
    a, b = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (pictures, images))
    return functional.cosine_similarity(a, b)


# --- spikes ---------------------------------------------------------------------------------------------------------


def currents(rates: Tensor, neuron: LIF = NEURON) -> Tensor:
    """The constant currents under which neurons spike once in 1/rate steps, as near as whole steps allow.

    From rest a potential reaches I (1 − λᴾ) in P steps, so I = V_th/(1 − λᴾ) makes P steps pass between two spikes:
    the f–I curve of lesson 03, read backwards. P = 1/rate − 1/2 lets the threshold be crossed in the middle of a step.

    Args:
        rates: spikes a step, 0 to 1, any shape; 0 needs no current.
        neuron: reset to zero, without synapse and refractory period.

    Raises:
        ValueError: a rate is not between 0 and 1, or the neuron has what the formula does not know.
    """
    outside = ~((rates >= 0) & (rates <= 1))  # NaN is outside too
    if outside.any():
        raise ValueError(f"rates hold {rates[outside][0].item()}; they must lie between 0 and 1")
    if neuron.reset != "zero" or neuron.tau_syn_ms is not None or neuron.refractory_ms > 0:
        raise ValueError(f"neuron is {neuron}; it must have a reset to zero, no synapse and no refractory period")
    return torch.where(rates > 0, neuron.threshold / (1 - neuron.leak_mem ** (1 / rates - 0.5)), 0)


def fired(rates: Tensor) -> Tensor:
    """The rates that the neurons really have under these currents: one spike in a whole number of steps.

    Where 1/rate lies exactly between two whole numbers, rounding errors decide which of them it is.
    """
    return torch.where(rates > 0, 1 / (1 / rates).round(), 0)


def spikes(rates: Tensor, steps: int, neuron: LIF = NEURON) -> Tensor:
    """A LIF neuron for every number, driven by its `currents`: 0 or 1, [steps, …]. Errors as there, and of `steps`."""
    check_steps(steps)
    return neuron.run(currents(rates, neuron).expand(steps, *rates.shape)).spikes


def _check_kept(kept: int, count: int) -> None:
    if isinstance(kept, bool) or not isinstance(kept, int) or not 1 <= kept <= count:
        raise ValueError(f"kept is {kept!r}; it must be a whole number of ranks, 1 to {count}")


def _check_images(images: Tensor) -> None:
    if images.dim() != 3 or images.numel() == 0 or not images.is_floating_point():
        raise ValueError(f"images are {images.dtype} {list(images.shape)}; they must be floats [batch, height, width]")
    outside = ~((images >= 0) & (images <= 1))  # NaN is outside too
    if outside.any():
        raise ValueError(f"images hold {images[outside][0].item()}; pixels must lie between 0 and 1")
