"""Explorers of the chain rule, of gradient descent, and of gradients in deep networks."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, GREEN, ORANGE


class Landscape(NamedTuple):
    """A function to descend on, and its slope."""

    height: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


LANDSCAPES = {
    "bowl": Landscape(lambda x: 2 * x**2, lambda x: 4 * x),
    "two valleys": Landscape(lambda x: x**4 / 4 - x**2 + x / 4, lambda x: x**3 - 2 * x + 0.25),
    "plateau": Landscape(lambda x: 2 - 2 * np.exp(-2 * x**2), lambda x: 8 * x * np.exp(-2 * x**2)),
    "ripples": Landscape(lambda x: x**2 / 2 + 0.2 - 0.2 * np.cos(6 * x), lambda x: x + 1.2 * np.sin(6 * x)),
}
EDGE = 2.5  # the landscapes are drawn from −EDGE to EDGE
ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "ReLU": torch.relu}
# each takes the output of the activation, not its input
DERIVATIVES = {"sigmoid": lambda h: h * (1 - h), "tanh": lambda h: 1 - h**2, "ReLU": lambda h: (h > 0).double()}


def descent(
    slope: Callable[[float], float], start: float, learning_rate: float, momentum: float, steps: int
) -> np.ndarray:
    """Positions of gradient descent with momentum as in `torch.optim.SGD`: [steps + 1], or fewer if it runs away.

    It stops beyond ±1000, where nothing comes back.
    """
    x, velocity = float(start), 0.0
    positions = [x]
    for _ in range(steps):
        velocity = momentum * velocity + slope(x)
        x -= learning_rate * velocity
        positions.append(x)
        if abs(x) > 1000:
            break
    return np.array(positions)


def _two_panels(**options: object) -> tuple[Figure, np.ndarray]:
    """Two axes at fixed places, which saves the time to find a layout."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="none", **options)
    figure.subplots_adjust(left=0.1, right=0.98, bottom=0.17, top=0.9, wspace=0.28)
    for ax in axes:
        ax.xaxis.get_major_locator().set_params(integer=True)
    return figure, axes


def draw_descent(landscape: str, start: float, learning_rate: float, momentum: float, steps: int) -> tuple[Figure, str]:
    """The way of gradient descent on a curve, and the height after each step."""
    height, slope = LANDSCAPES[landscape]
    x = descent(slope, start, learning_rate, momentum, steps)
    inside = np.abs(x) <= EDGE
    gone = None if inside.all() else int(np.argmin(inside))  # the first step outside the picture
    shown = x if gone is None else x[:gone]
    curve = np.linspace(-EDGE, EDGE, 400)
    y = height(curve)
    room = (y.max() - y.min()) * np.array([-0.08, 0.12]) + (y.min(), y.max())

    figure, (left, right) = _two_panels(width_ratios=(1.3, 1))
    left.plot(curve, y, color="gray", lw=1.5, ls="-")
    left.plot(shown, height(shown), "o-", color=BLUE, ms=5, lw=1, label="steps")
    left.plot(start, height(start), "s", color=ORANGE, ms=9, label="start")
    if gone is None:
        left.plot(x[-1], height(x[-1]), "D", color=GREEN, ms=9, label="end")
    left.set(xlabel="x", ylabel="f(x)", xlim=(-EDGE, EDGE), ylim=room, title=landscape)
    left.legend(loc="upper center", ncols=3, fontsize=9, columnspacing=1, handletextpad=0.3)
    right.plot(np.arange(len(shown)), height(shown), "o-", color=BLUE, ms=4, lw=1)
    right.set(xlabel="step", xlim=(-steps * 0.04, steps * 1.04), ylim=room)
    for ax in (left, right):
        ax.yaxis.get_major_locator().set_params(integer=True)  # labels of equal width on every landscape
    outcome = f"ends at x = {x[-1]:.3g}" if gone is None else f"leaves the picture at step {gone}"
    right.set_title(outcome)
    return figure, (
        f"Gradient descent on the landscape '{landscape}' from {start:.3g} with learning rate {learning_rate:.3g} and "
        f"momentum {momentum:.3g}: it {outcome}."
    )


def descent_explorer() -> Explorer:
    """Start, learning rate and momentum on four landscapes."""
    return Explorer(
        draw_descent,
        landscape=ipywidgets.Dropdown(options=list(LANDSCAPES), value="two valleys"),
        start=ipywidgets.FloatSlider(2, min=-2.4, max=2.4, step=0.1, readout_format=".1f"),
        learning_rate=ipywidgets.FloatSlider(0.05, min=0.01, max=1, step=0.01),
        momentum=ipywidgets.FloatSlider(0, min=0, max=0.95, step=0.05),
        steps=ipywidgets.IntSlider(40, 1, 100),
    )


def draw_graph(w: float, x: float, y: float) -> tuple[Figure, str]:
    """The graph of L = (w·x − y)²: numbers run forward, derivatives run back."""
    error = w * x - y
    slope = 2 * error
    nodes = [  # place, name, value, derivative of L by it
        (1.0, "$w$", w, slope * x),
        (3.6, "$p = w\\,x$", w * x, slope),
        (6.3, "$e = p - y$", error, slope),
        (8.9, "$L = e^2$", error**2, 1.0),
    ]
    figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="none")
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    ax.set(xlim=(0, 10), ylim=(0, 4.4))
    ax.set_axis_off()
    for place, name, value, derivative in nodes:
        ax.text(place, 2.2, name, ha="center", va="center", bbox={"boxstyle": "round,pad=0.5", "fc": "white"})
        ax.text(place, 3.1, f"{value:.4g}", ha="center", color=BLUE)
        ax.text(place, 1.15, f"{derivative:.4g}", ha="center", color=ORANGE)
    factors = (f"× $x$ = {x:.4g}", "× 1", f"× $2e$ = {slope:.4g}")
    for (begin, *_), (end, *_), factor in zip(nodes, nodes[1:], factors, strict=False):
        forward, back = {"arrowstyle": "->", "color": BLUE}, {"arrowstyle": "->", "color": ORANGE, "ls": "--"}
        ax.annotate("", (end - 0.5, 3.2), (begin + 0.5, 3.2), arrowprops=forward)
        ax.annotate("", (begin + 0.5, 1.25), (end - 0.5, 1.25), arrowprops=back)
        ax.text((begin + end) / 2, 0.75, factor, ha="center", color=ORANGE, fontsize=11)
    ax.text(0.3, 4.0, f"forward: values, with $x$ = {x:.4g} and $y$ = {y:.4g}", color=BLUE)
    ax.text(0.3, 0.2, "back: derivative of $L$ by each node, the product of the factors on the way", color=ORANGE)
    return figure, (
        f"Chain w, p = w x, e = p - y, L = e squared. Forward: {w:.4g}, {w * x:.4g}, {error:.4g}, {error**2:.4g}. "
        f"Derivatives of L from right to left: 1, {slope:.4g}, {slope:.4g}, {slope * x:.4g}."
    )


def graph_explorer() -> Explorer:
    """The chain rule on a small graph."""
    return Explorer(
        draw_graph,
        w=ipywidgets.FloatSlider(2, min=-3, max=3, step=0.5, readout_format=".1f"),
        x=ipywidgets.FloatSlider(3, min=-3, max=3, step=0.5, readout_format=".1f"),
        y=ipywidgets.FloatSlider(5, min=-5, max=5, step=0.5, readout_format=".1f"),
    )


def gradient_norms(
    depth: int, activation: str, scale: float, seed: int, width: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Size of the gradient and of the activity at the output of each layer of a random network.

    Layer l computes h_l = φ(h_{l−1} W_l), the entries of W_l normal with standard deviation scale / √width. The way
    back is the product rule, written out: g_{l−1} = (g_l ⊙ φ′) W_lᵀ, with a random gradient at the last layer.

    Returns:
        gradients: norm of ∂L/∂h_l over a batch of 100, [depth], first layer first.
        activity: root mean square of h_l, [depth].
    """
    normal = partial(torch.randn, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    h = normal(100, width)
    outputs, weights = [], []
    for _ in range(depth):
        weights.append(normal(width, width) * scale / width**0.5)
        h = ACTIVATIONS[activation](h @ weights[-1])
        outputs.append(h)
    gradients = [normal(100, width)]
    for h, weight in zip(outputs[:0:-1], weights[:0:-1], strict=True):
        gradients.append((gradients[-1] * DERIVATIVES[activation](h)) @ weight.T)
    norms = [gradient.norm().item() for gradient in reversed(gradients)]
    return np.array(norms), np.array([h.square().mean().sqrt().item() for h in outputs])


def draw_gradient_flow(depth: int, activation: str, scale: float, seed: int) -> tuple[Figure, str]:
    """The gradient at each layer of a deep random network, and the activity there, on logarithmic axes."""
    gradients, activity = gradient_norms(depth, activation, scale, seed)
    gradients = gradients / gradients[-1]
    factor = gradients[0] ** (1 / (depth - 1))
    layers = np.arange(1, depth + 1)
    figure, axes = _two_panels()
    for ax, values, color, marker in zip(axes, (gradients, activity), (ORANGE, BLUE), "os", strict=True):
        ax.axhline(1, color="gray", lw=1, ls=":")
        ax.semilogy(layers, values, marker=marker, ls="-", color=color, ms=5)
        ax.yaxis.set_major_locator(LogLocator(numticks=5))
        ax.yaxis.set_major_formatter("{x:.0e}")  # plain text: a formula takes five times as long to draw
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set(xlabel="layer", ylim=(min(1e-3, values.min() / 3), max(1e3, values.max() * 3)), xlim=(0, depth + 1))
    axes[0].set_title("gradient, last layer = 1")
    axes[1].set_title("activity, root mean square")
    told = f"× {factor:.2f} a layer, going back"
    axes[0].text(0.97, 0.92, told, transform=axes[0].transAxes, ha="right", fontsize=10)
    change = "grows" if factor > 1 else "shrinks"
    return figure, (
        f"{depth} layers of {activation} with weight scale {scale:.3g}: from the last layer to the first the gradient "
        f"{change} by a factor of {gradients[0]:.2g}, {factor:.2f} a layer; the activity in the last layer is "
        f"{activity[-1]:.2g}."
    )


def gradient_flow_explorer() -> Explorer:
    """Depth, activation and weight scale against the gradient in each layer."""
    return Explorer(
        draw_gradient_flow,
        depth=ipywidgets.IntSlider(20, 2, 30),
        activation=ipywidgets.Dropdown(options=list(ACTIVATIONS), value="sigmoid"),
        scale=ipywidgets.FloatSlider(1, min=0.5, max=4, step=0.1, description="weight scale s", readout_format=".1f"),
        seed=ipywidgets.IntSlider(0, 0, 20),
    )
