"""Pictures of a neuron and a layer; explorers of the chain rule and of gradient descent."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise, product
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

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
ACTIVATIONS = {"none": lambda z: z, "ReLU": lambda z: np.maximum(z, 0), "sigmoid": lambda z: 1 / (1 + np.exp(-z))}


def _canvas(top: float) -> tuple[Figure, plt.Axes]:
    """A figure without scales, 10 wide and so high, to draw a diagram on."""
    figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="none")
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    ax.set(xlim=(0, 10), ylim=(0, top))
    ax.set_axis_off()
    return figure, ax


def _circle(ax: plt.Axes, x: float, y: float, text: str, color: str = "black") -> None:
    ax.text(x, y, text, ha="center", va="center", color=color,
            bbox={"boxstyle": "circle,pad=0.35", "fc": "white", "ec": color, "lw": 1.5}, zorder=3)  # fmt: skip


def draw_weighted_sum(w1: float, w2: float, bias: float, activation: str) -> tuple[Figure, str]:
    """A neuron of two inputs with the numbers that run through it, and its activation function."""
    z = w1 + 0.5 * w2 + bias
    output = ACTIVATIONS[activation](z)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.7, 1), layout="none")
    figure.subplots_adjust(left=0.01, right=0.98, bottom=0.17, top=0.9, wspace=0.12)
    left.set(xlim=(0, 10), ylim=(0, 6))
    left.set_axis_off()
    for y, value, weight, name, lift in ((4.6, 1, w1, "1", 0.5), (1.4, 0.5, w2, "2", -0.8)):
        color, style = (ORANGE, "--") if weight < 0 else (BLUE, "-")
        left.plot([1, 5], [y, 3], color=color, ls=style, lw=0.8 + 1.5 * abs(weight))
        _circle(left, 1, y, f"{value:g}")
        left.text(1, y + 0.8, f"$x_{name}$", ha="center")
        left.text(2.9, (y + 3) / 2 + lift, f"$w_{name}$ = {weight:g}", ha="center", color=color)
    left.annotate("", (8.3, 3), (5.7, 3), arrowprops={"arrowstyle": "->"})
    _circle(left, 5, 3, "+")
    left.text(5, 4.4, f"$b$ = {bias:g}", ha="center", color=GREEN)
    left.plot([5, 5], [3.6, 4.2], color=GREEN)
    left.text(5, 1.6, f"$z$ = {z:.2f}", ha="center")
    left.text(7, 3.3, "$\\varphi$", ha="center")
    left.text(8.5, 3, f"$h$ = {output:.2f}", va="center")
    line = np.linspace(-5, 5, 201)
    right.plot(line, ACTIVATIONS[activation](line), color="gray")
    right.plot(z, output, "o", color=BLUE, ms=9)
    right.set(xlabel="$z$", title=f"$\\varphi(z)$: {activation}", xlim=(-5, 5), ylim=(-2, 5))
    right.set(xticks=[-5, 0, 5], yticks=[0, 2, 4])
    return figure, (
        f"A neuron with inputs 1 and 0.5, weights {w1:g} and {w2:g}, bias {bias:g}: the sum is {z:.2f}; behind the "
        f"activation ({activation}) the output is {output:.2f}."
    )


def draw_layers() -> tuple[Figure, str]:
    """A network of two layers, the weights of one neuron and those of one layer pointed out."""
    figure, ax = _canvas(6.4)
    sizes = ((1.6, 3), (5, 4), (8.4, 2))  # place and number of neurons
    columns = [[(x, 2.7 + 1.1 * (k - (count - 1) / 2)) for k in range(count)] for x, count in sizes]
    for here, there in pairwise(columns):
        for begin, end in product(here, there):
            color, width = (ORANGE, 2) if end == columns[1][3] else ("0.75", 1)
            ax.plot(*zip(begin, end, strict=True), color=color, lw=width, ls="-", zorder=1)
    for column, color in zip(columns, ("black", BLUE, GREEN), strict=True):
        for x, y in column:
            _circle(ax, x, y, "  ", ORANGE if (x, y) == columns[1][3] else color)
    for x, text in ((1.6, "inputs $x$"), (5, "hidden layer, 4 neurons"), (8.4, "output layer, 2 neurons")):
        ax.text(x, 5.7, text, ha="center")
    for x, text in ((3.3, "$W$: 3 × 4 weights"), (6.7, "4 × 2 weights")):
        ax.text(x, 0.3, text, ha="center", color="0.35")
    return figure, (
        "Three inputs, a hidden layer of four neurons, an output layer of two. Every neuron is joined to every number "
        "of the layer before. The three weights of one hidden neuron are drawn in orange."
    )


def descent(
    slope: Callable[[float], float], start: float, learning_rate: float, momentum: float, steps: int
) -> np.ndarray:
    """Positions of gradient descent with momentum as in `torch.optim.SGD`: [steps + 1], or fewer beyond ±1000, where
    nothing comes back."""
    positions, velocity = [float(start)], 0.0
    while len(positions) <= steps and abs(positions[-1]) <= 1000:
        velocity = momentum * velocity + slope(positions[-1])
        positions.append(positions[-1] - learning_rate * velocity)
    return np.array(positions)


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

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=(1.3, 1), layout="none")
    figure.subplots_adjust(left=0.1, right=0.98, bottom=0.17, top=0.9, wspace=0.28)
    left.plot(curve, y, color="gray", lw=1.5, ls="-")
    left.plot(shown, height(shown), "o-", color=BLUE, ms=5, lw=1, label="steps")
    left.plot(start, height(start), "s", color=ORANGE, ms=9, label="start")
    if gone is None:
        left.plot(x[-1], height(x[-1]), "D", color=GREEN, ms=9, label="end")
    left.set(xlabel="x", ylabel="f(x)", xlim=(-EDGE, EDGE), ylim=room, title=landscape)
    left.legend(loc="upper center", ncols=3, fontsize=9, columnspacing=1, handletextpad=0.3)
    right.plot(np.arange(len(shown)), height(shown), "o-", color=BLUE, ms=4, lw=1)
    right.set(xlabel="step", xlim=(-steps * 0.04, steps * 1.04), ylim=room)
    for axis in (left.xaxis, left.yaxis, right.xaxis, right.yaxis):
        axis.get_major_locator().set_params(integer=True)  # labels of equal width on every landscape
    outcome = f"ends at x = {x[-1]:.3g}" if gone is None else f"leaves the picture at step {gone}"
    right.set_title(outcome)
    return figure, (
        f"Gradient descent on the landscape '{landscape}' from {start:.3g} with learning rate {learning_rate:.3g} and "
        f"momentum {momentum:.3g}: it {outcome}."
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
    figure, ax = _canvas(4.4)
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


weighted_sum_explorer = partial(
    Explorer, draw_weighted_sum, w1=(1, -2, 2, 0.1), w2=(-1, -2, 2, 0.1), bias=(0.2, -2, 2, 0.1),
    activation=("ReLU", "none", "sigmoid"),
)  # fmt: skip
descent_explorer = partial(
    Explorer, draw_descent, landscape=("two valleys", "bowl", "plateau", "ripples"), start=(2, -2.4, 2.4, 0.1),
    learning_rate=(0.05, 0.01, 1, 0.01), momentum=(0, 0, 0.95, 0.05), steps=(40, 1, 100),
)  # fmt: skip
graph_explorer = partial(Explorer, draw_graph, w=(2, -3, 3, 0.5), x=(3, -3, 3, 0.5), y=(5, -5, 5, 0.5))
