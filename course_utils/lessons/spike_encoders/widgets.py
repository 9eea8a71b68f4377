"""Explorers of the encoders and of the input scale."""

from functools import lru_cache, partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, GREEN, ORANGE, matrix, raster
from course_utils.data import stripes
from course_utils.spiking import decoders, encoders, timing
from course_utils.spiking.neurons import firing_rate

CODES = ("Poisson", "bipolar Poisson", "regular", "constant current", "latency", "rank order")
GREYS = 100  # the stripe set uses grey levels 0 to about 97
MEAN = 0.15  # of a stripe image, 0 black to 1 white


def code(encoder: str, values: Tensor, steps: int, scale: float) -> tuple[Tensor, Tensor]:
    """The spikes of an image [row, column] in one of the `CODES`, and the image that is decoded from them."""
    values_01, generator = (scale * values).clamp(max=1), torch.Generator().manual_seed(0)
    match encoder:
        case "Poisson":
            spikes = encoders.poisson(values_01, steps, generator)
        case "regular":
            spikes = encoders.regular(values_01, steps)
        case "bipolar Poisson":
            spikes = encoders.bipolar_poisson((scale * (values - MEAN)).clamp(-1, 1), steps, generator)
            return spikes, MEAN + spikes.mean(0) / scale
        case "constant current":
            spikes = encoders.constant_current(values, steps, scale=scale)
            return spikes, decoders.decode_constant_current(spikes, scale=scale)
        case "latency":
            spikes = timing.latency(values_01, steps)
            return spikes, decoders.decode_times(spikes, torch.linspace(1, 0, steps) / scale)
        case "rank order":
            spikes = timing.rank_order(values_01[None], steps)[:, 0]
            return spikes, decoders.decode_times(spikes, _worth(steps, scale))
    return spikes, spikes.mean(0) / scale


@lru_cache(maxsize=64)
def _worth(steps: int, scale: float) -> Tensor:
    """What a spike at each step is worth in the rank-order code, from 50 other stripe images."""
    examples = _stripe_values(50, seed=1)
    return decoders.mean_by_step(timing.rank_order((scale * examples).clamp(max=1), steps), examples)


@lru_cache
def _stripe_values(count: int, seed: int) -> Tensor:
    return torch.tensor(stripes.make_stripes(count, seed).images / 255, dtype=torch.float32)


@lru_cache
def _image() -> Tensor:
    pixels = stripes.stripe_image(16, 3, "horizontal", 0.2, np.random.default_rng(0))
    return torch.tensor(pixels / 255, dtype=torch.float32)


def _show(values: Tensor, ax: Axes, title: str) -> None:
    matrix(255 * values.numpy(), ax, vmin=0, vmax=GREYS)
    ax.set_title(title)


def draw_code(encoder: str, steps: int, scale: float) -> tuple[Figure, str]:
    """A stripe image, its spikes, what can be read back from them, and how far off that is."""
    values = _image()
    spikes, decoded = code(encoder, values, steps, scale)
    error = 255 * (decoded - values).square().mean().sqrt().item()
    total = int(spikes.abs().sum())
    figure, axes = plt.subplot_mosaic("ABC;DDD", figsize=(7.6, 5.8), width_ratios=(1, 1, 1.1), height_ratios=(1, 1.1))
    _show(values, axes["A"], "image")
    _show(decoded, axes["B"], "decoded")
    top, ticks = 1.2 * GREYS, [0, 50, 100]
    axes["C"].plot([0, GREYS], [0, GREYS], color="gray", lw=1, ls="-")
    axes["C"].plot(255 * values.flatten(), (255 * decoded.flatten()).clip(0, top), "o", color=BLUE, ms=3, alpha=0.5)
    axes["C"].set(xlim=(0, GREYS), ylim=(-4, top + 4), xticks=ticks, yticks=ticks)
    axes["C"].set(xlabel="grey level", ylabel="decoded", title=f"RMS error {error:.1f}")
    raster(spikes.flatten(1).numpy(), axes["D"])
    axes["D"].set(title=f"{total:,} spikes in {steps} {'step' if steps == 1 else 'steps'}", yticks=[0, 100, 200])
    return figure, (
        f"A stripe image through the encoder {encoder} with scale {scale:g}: {total:,} spikes in {steps} steps; the "
        f"decoded image differs by {error:.1f} grey levels (root mean square)."
    )


def draw_scale(scale: float, steps: int) -> tuple[Figure, str]:
    """Spike counts of a constant-current neuron over grey levels, above the grey levels that occur."""
    neuron = encoders.ENCODING_NEURON
    greys, fine = torch.arange(256), torch.linspace(0, GREYS, 500)
    counts = encoders.constant_current(greys / 255, steps, scale=scale).sum(0)
    rate = firing_rate(scale * fine / 255, tau_mem_ms=neuron.tau_mem_ms, threshold=neuron.threshold)
    pixels = 255 * _stripe_values(200, seed=0).flatten()
    spikes, decoded = code("constant current", _image(), steps, scale)
    silent = (counts[pixels.round().long()] == 0).float().mean().item()

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4), width_ratios=(1.7, 1))
    occurs, edges = np.histogram(pixels, bins=50, range=(0, GREYS))
    left.stairs(0.4 * steps * occurs / occurs.max(), edges, fill=True, color=GREEN, alpha=0.3, label="stripe pixels")
    left.plot(fine, rate * steps * neuron.dt_ms / 1000, color=ORANGE, ls="--", lw=1.5, label="f–I curve")
    left.step(greys, counts, where="mid", color=BLUE, ls="-", label="spikes counted")
    left.set(xlim=(0, GREYS), ylim=(0, 1.05 * steps), xlabel="grey level", ylabel="spikes")
    left.set_title(f"{silent:.0%} of the pixels stay silent")
    left.legend(loc="lower left", bbox_to_anchor=(-0.12, 1.1), ncols=3, columnspacing=1, handlelength=1.5, fontsize=10)
    left.yaxis.get_major_locator().set_params(integer=True)
    _show(decoded, right, "decoded")
    return figure, (
        f"With scale {scale:g} and {steps} steps {silent:.0%} of the stripe pixels stay silent, and the counts of the "
        f"grey levels shown reach {int(counts[: GREYS + 1].max())}; {int(spikes.sum()):,} spikes in the image decoded."
    )


encoder_explorer = partial(Explorer, draw_code, encoder=CODES, steps=(50, 1, 200), scale=(2.5, 0.5, 50, 0.5))
scale_explorer = partial(Explorer, draw_scale, scale=(20, 1, 100), steps=(50, 1, 200))
