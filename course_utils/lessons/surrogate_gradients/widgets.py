"""An explorer of width, height and depth: how large the error is in every layer."""

from functools import cache, partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, GREEN, ORANGE
from course_utils.lessons.surrogate_gradients.models import DeepLIF, Hidden, growth, run_lif
from course_utils.spiking.spikes import heaviside
from course_utils.spiking.surrogates import triangle

DEPTH = 20
EDGE = 3e-20, 3e19  # of the picture; a line may leave it
BINS = np.linspace(-6, 6, 61)


class Network(NamedTuple):
    """What the explorer needs of a network of 20 layers, each with 64 neurons, that has seen 32 digits."""

    layers: list[Hidden]  # spikes and potentials
    weights: list[torch.Tensor]  # into each layer, [neurons, neurons before]
    decay: float  # λ of the membranes
    error: torch.Tensor  # of the last layer, the same at all time steps
    share: np.ndarray  # of the potentials minus the threshold that lie in each of `BINS`, relative to the fullest


@cache
def explored_network(seed: int = 0) -> Network:
    """Run it once; a surrogate changes nothing of what is kept here."""
    pixels = torch.tensor(load_digits().data[:512])
    pixels = (pixels - pixels.mean()) / pixels.std()
    model = DeepLIF(DEPTH, heaviside, width=64, seed=seed).double().awaken(pixels)
    with torch.no_grad():
        layers = model.hidden(pixels[:32])
    error = torch.randn(32, 64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    beyond = torch.cat([layer.u.flatten() for layer in layers]) - 1
    counts, _ = np.histogram(beyond.numpy(), BINS)
    weights = [linear.weight.detach() for linear in model.weights]
    return Network(layers, weights, model.decay, error.expand(model.steps, -1, -1), counts / counts.max())


def relative_norms(width: float, height: float, depth: int) -> list[float]:
    """The error's norm in layers 1 … depth, as a multiple of that in the last of them."""
    of = explored_network()
    spike = triangle(width, height)
    error, norms = of.error, [of.error.norm().item()]
    for layer in reversed(range(1, depth)):
        before = of.layers[layer - 1].spikes.detach().requires_grad_()
        spikes, _ = run_lif(before @ of.weights[layer].T, spike, of.decay)
        (error,) = torch.autograd.grad(spikes, before, error)
        norms.append(error.norm().item())
    return [norm / norms[0] for norm in reversed(norms)]


def draw_errors(width: float, height: float, depth: int) -> tuple[Figure, str]:
    """The surrogate over the potentials that it meets, and the error's norm in every layer."""
    norms = relative_norms(width, height, depth)
    factor = growth(norms)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=(1, 1.25))
    left.stairs(explored_network().share, BINS, fill=True, color="lightsteelblue")
    left.plot([-6, -width, 0, width, 6], [0, 0, height, 0, 0], color=ORANGE, lw=2)
    left.set(xlim=(-6, 6), ylim=(0, 4.2), xlabel="$u - V_{th}$", ylabel="surrogate $\\sigma'$")
    left.set_title("potentials in blue", fontsize=12)
    verdict, color = "near the line", GREEN
    if not 0.8 < factor < 1.25:
        verdict, color = ("explodes", ORANGE) if factor > 1 else ("vanishes", BLUE)
    right.axhline(1, color="gray", lw=0.8)
    right.semilogy(range(1, depth + 1), norms, "o-", color=color, ms=5)
    right.set(xlim=(0.5, DEPTH + 0.5), ylim=EDGE, yticks=[1e-18, 1e-9, 1, 1e9, 1e18])
    right.set(xlabel="layer", ylabel="error, last layer = 1")
    right.minorticks_off()
    right.set_title(f"{factor:.2f} times a layer: {verdict}", fontsize=12)
    return figure, (
        f"Width {width:g}, height {height:g}, {depth} layers: on its way back the error is multiplied by {factor:.2f} "
        f"a layer ({verdict}). In the first layer it is {norms[0]:.1e} times that of the last."
    )


# width, height and depth against the error in every layer
error_explorer = partial(
    Explorer,
    draw_errors,
    width=(0.2, 0.1, 4, 0.1, "width γ"),
    height=(0.9, 0.05, 4, 0.05, "height β"),
    depth=(DEPTH, 2, DEPTH, "layers"),
)
