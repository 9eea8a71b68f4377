"""Explorers of a neuron's stairs, and of errors that travel back through time: who is blamed, and when."""

from functools import cache, partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.lessons.spike_backprop.rules import TWINS, leak_correction
from course_utils.spiking.gradients import Neuron, spikes_and_potentials

BLAME = LinearSegmentedColormap.from_list("blame", [BLUE, "white", ORANGE])
STEPS, INPUTS, HIDDEN = 20, 4, 3
NEURON = Neuron(decay=0.9)
TARGET = torch.tensor([1.0, 0.0], dtype=torch.float64)


# --- stairs ---------------------------------------------------------------------------------------------------------


def draw_stairs(leak: float, threshold: float, net: int) -> tuple[Figure, str]:
    """Spikes against the input of 100 steps, and the straight lines that two rules take for the stairs at one point."""
    neuron = Neuron(decay=leak, threshold=threshold)
    total = np.linspace(0, 60, 601)
    currents = torch.tensor(total / 100).expand(100, -1)
    s, _ = spikes_and_potentials(currents, neuron)
    count = s.sum(0).numpy()
    at = round(net * 10)
    factor = leak_correction(s, neuron)[at].item()
    figure, ax = plt.subplots(figsize=(8, 3.8))
    ax.plot(total, count, color=BLUE, label="spikes $N$")
    ax.plot(total, total / threshold, ":", color="gray", label="net / $V_{th}$")
    ax.plot(net, count[at], "ko", ms=8)
    piece = np.array([-9.0, 9.0])
    ax.plot(net + piece, count[at] + piece * factor / threshold, "--", color=ORANGE, label="the slope that is used")
    ax.set(xlim=(0, 60), ylim=(-8, 75), xlabel="net: input over 100 steps", ylabel="spikes $N$")
    ax.set_title(f"$N$ = {count[at]:.0f}, factor {factor:.3f}")
    ax.legend(loc="upper left")
    return figure, (
        f"Stairs of spikes against the input for a leak of {leak:g}. At an input of {net} there are {count[at]:.0f} "
        f"spikes and the leak factor is {factor:.3f}."
    )


# how many spikes a neuron makes of its input, and which slope the collapsed and the running rule see
stairs_explorer = partial(
    Explorer, draw_stairs, leak=(0.9, 0.5, 1, 0.05, "leak λ"), threshold=(1.0, 0.8, 2, 0.1), net=(25, 10, 50)
)


# --- blame ----------------------------------------------------------------------------------------------------------


class Blamed(NamedTuple):
    """What a small network did, and the errors of its hidden currents by one rule."""

    x: np.ndarray  # input spikes, [time, inputs]
    s: np.ndarray  # hidden spikes, [time, hidden]
    delta: np.ndarray  # errors of the hidden currents, [time, hidden]

    def change(self, since: int) -> np.ndarray:
        """The gradient of the weights [hidden, inputs], from this step (1 is the first) to the last."""
        return self.delta[since - 1 :].T @ self.x[since - 1 :]


@cache
def blamed(rule: str) -> Blamed:
    """The network, run once forwards, and once backwards by one of the three rules."""
    double = {"dtype": torch.float64}
    drawn = torch.rand(STEPS, INPUTS, generator=torch.Generator().manual_seed(4), **double)
    x = (drawn < 0.35).double()[:, None]
    weights = torch.tensor([[0.7, 0.5, 0.0, 0.3], [0.1, 0.4, 0.6, 0.2], [0.2, -0.3, 0.2, 0.15]], **double)
    readout = torch.tensor([[0.5, -0.4, 0.6], [-0.3, 0.7, -0.5]], **double)
    currents = (x @ weights.T).requires_grad_()
    # synapses from each neuron to itself alone: then the errors of the inputs are those of the currents
    s = TWINS[rule].hidden(currents, torch.eye(HIDDEN, **double), torch.zeros(HIDDEN, **double), NEURON)
    answer = TWINS[rule].output(s, readout, torch.zeros(2, **double), NEURON)
    (delta,) = torch.autograd.grad((answer - TARGET).square().sum() / 2, currents)
    return Blamed(*(part.detach()[:, 0].numpy() for part in (x, s, delta)))


def draw_blame(rule: str, step: int) -> tuple[Figure, str]:
    """Errors of hidden currents from the last step back to `step`, and what they make of the weights so far."""
    net = blamed(rule)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.4), width_ratios=(2.2, 1))
    shown = np.where(np.arange(STEPS)[:, None] >= step - 1, net.delta, 0)
    strongest = np.abs(net.delta).max()
    rows = (0.5, STEPS + 0.5, INPUTS + HIDDEN - 0.5, INPUTS - 0.5)  # the hidden neurons below the inputs
    left.imshow(shown.T, cmap=BLAME, vmin=-strongest, vmax=strongest, aspect="auto", extent=rows)
    at, neurons = np.nonzero(np.hstack([net.x, net.s]))
    left.vlines(at + 1, neurons - 0.32, neurons + 0.32, color="black", lw=2)
    left.axvline(step - 0.5, color="gray", ls="--", lw=1.5)
    left.axhline(INPUTS - 0.5, color="gray", lw=0.8)
    names = [f"input {k}" for k in range(INPUTS)] + [f"hidden {k}" for k in range(HIDDEN)]
    left.set(yticks=range(len(names)), yticklabels=names, xticks=range(5, STEPS + 1, 5), xlabel="time step")
    left.set(xlim=(0.3, STEPS + 0.7), ylim=(len(names) - 0.5, -0.5), title=f"{rule}, back to step {step}")
    change, largest = net.change(step), np.abs(net.change(1)).max()
    right.imshow(change.T, cmap=BLAME, vmin=-largest, vmax=largest)
    for (hidden, number), value in np.ndenumerate(change):
        written = f"{1000 * value:.0f}".replace("-", "−")
        right.text(hidden, number, written, ha="center", va="center", color="black")
    right.set(xticks=range(HIDDEN), yticks=range(INPUTS), xlabel="to hidden", ylabel="from input")
    right.set_title("∂L/∂W × 1000")
    now = zip(net.delta[step - 1], net.s[step - 1], strict=True)
    told = ", ".join(
        f"neuron {k} gets {'blame' if delta else 'none'}{' and spikes' if s else ''}"
        for k, (delta, s) in enumerate(now)
    )
    return figure, f"Errors by the {rule} rule, from the last step back to step {step}. At this step hidden {told}."


# which spikes send blame where, step by step from the last one back
blame_explorer = partial(
    Explorer, draw_blame, rule=["running", "collapsed", "surrogate"], step=(8, 1, STEPS, "back to step")
)
