"""The membrane as a circuit, and explorers of the time step and of the LIF neuron."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from course_utils.classroom import plots
from course_utils.classroom.explorer import Explorer
from course_utils.spiking.neurons import LIF, firing_rate

TOP_HZ = 300  # of the f–I curve; a rate beyond it is marked at the upper edge


def spike_rows(trains: dict[str, np.ndarray], ax: Axes) -> None:
    """Spike times (ms) as short vertical lines, one row for each name, the first on top."""
    colors = [f"C{row % 6}" for row in range(len(trains))]
    ax.eventplot(list(trains.values()), lineoffsets=range(len(trains)), linelengths=0.7, linewidths=2, colors=colors)
    ax.set(xlabel="time (ms)", ylim=(len(trains) - 0.5, -0.5), yticks=range(len(trains)), yticklabels=list(trains))


def draw_circuit(ax: Axes) -> None:
    """A current source that feeds a resistor and a capacitor side by side."""
    wires = [([0, 6], [0, 0]), ([0, 6], [4, 4]), ([0, 0], [0, 4]), ([3, 3], [0, 4])]
    capacitor = [([6, 6], [0, 1.8]), ([6, 6], [2.2, 4]), ([5.4, 6.6], [1.8, 1.8]), ([5.4, 6.6], [2.2, 2.2])]
    for x, y in wires + capacitor:
        ax.plot(x, y, color="black", lw=1.5, ls="-")
    filled = {"facecolor": "white", "edgecolor": "black", "lw": 1.5, "zorder": 3}
    ax.add_patch(Circle((0, 2), 0.7, **filled))
    ax.annotate("", (0, 2.5), (0, 1.5), arrowprops={"arrowstyle": "->", "lw": 1.5}, zorder=4)
    ax.add_patch(Rectangle((2.7, 1.2), 0.6, 1.6, **filled))
    for x, name in ((0.95, "$I$"), (3.55, "$R$"), (6.8, "$C$")):
        ax.text(x, 2, name, va="center", fontsize=15)
    ax.text(3, 4.2, "inside: potential $v$", ha="center", va="bottom")
    ax.text(3, -0.2, "outside: 0", ha="center", va="top")
    ax.set(xlim=(-1, 7.8), ylim=(-1, 5.2), aspect="equal")
    ax.set_axis_off()


def draw_steps(dt_ms: float, tau_mem_ms: float) -> tuple[Figure, str]:
    """A constant current, as the equation, the exact step and Euler's step answer it."""
    steps = round(120 / dt_ms)
    time = dt_ms * np.arange(steps + 1)
    fine = np.linspace(0, time[-1], 400)
    decay = 1 - dt_ms / tau_mem_ms  # Euler's λ
    euler = 1 - decay ** np.arange(steps + 1)
    figure, ax = plt.subplots(figsize=(7.2, 3.4))
    ax.plot(fine, 1 - np.exp(-fine / tau_mem_ms), color="gray", lw=4, alpha=0.5, label="the equation")
    size = 5 if steps < 60 else 2
    ax.plot(time, 1 - np.exp(-time / tau_mem_ms), "o", ls="none", color=plots.BLUE, ms=size + 1, label="exact step")
    (line,) = ax.plot(time, euler, "s--", color=plots.ORANGE, lw=1.5, ms=size, label="Euler's step")
    line.set_clip_path(Rectangle((-2, -1.2), 124, 4.3, transform=ax.transData))  # what explodes spares the legend
    ax.set(xlabel="time (ms)", ylabel="$v / (RI)$", xlim=(-2, 122), ylim=(-1.2, 3.9), yticks=[-1, 0, 1, 2, 3])
    ax.legend(loc="upper center", ncols=3)
    early = "comes from below" if decay > 0 else "jumps there in one step"
    late = "overshoots, then settles" if decay > -1 else "never settles"
    fate = early if decay >= 0 else late
    ax.set_title(f"Euler: $\\lambda = {decay:.2f}$, it {fate}")
    return figure, f"Time step {dt_ms} ms, time constant {tau_mem_ms} ms: the exact step is right, Euler's {fate}."


def draw_neuron(
    current: float, tau_mem_ms: float, threshold: float, refractory_ms: float, reset: str
) -> tuple[Figure, str]:
    """100 ms of a LIF neuron, and where it stands on its f–I curve."""
    dt_ms, steps = 0.5, 200
    law = {"tau_mem_ms": tau_mem_ms, "threshold": threshold, "refractory_ms": refractory_ms}
    with torch.inference_mode():
        given = torch.full((steps,), current, dtype=torch.float64)
        spikes, v = (part.numpy() for part in LIF(dt_ms=dt_ms, reset=reset, **law).run(given))
        currents = torch.linspace(0, 4, 161, dtype=torch.float64)
        curve, rate = firing_rate(currents, **law), firing_rate(given[0], **law).item()
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2), width_ratios=(1.5, 1))
    plots.membrane_trace(dt_ms * np.arange(1, steps + 1), v, spikes, left, threshold=threshold)
    count = int(spikes.sum())
    heard = f"{count} {'spike' if count == 1 else 'spikes'} in 100 ms"
    left.set(xlim=(0, 100), ylim=(-0.1, 2.7), title=heard)
    right.plot(currents, curve, color=plots.BLUE)
    marker = "^" if rate > TOP_HZ else "o"
    right.plot(current, min(rate, TOP_HZ), marker, color=plots.ORANGE, ms=10, clip_on=False, zorder=3)
    right.set(xlabel="current $RI$", ylabel="firing rate (Hz)", xlim=(0, 4), ylim=(0, TOP_HZ))
    right.set_title(f"formula: {rate:.0f} Hz" + (" ↑" if rate > TOP_HZ else ""))
    return figure, (
        f"Left: {heard} at a current of {current}, time constant {tau_mem_ms} ms, threshold "
        f"{threshold}, refractory period {refractory_ms} ms, reset: {reset}. Right: this current on the f–I curve, at "
        f"{rate:.0f} Hz."
    )


step_explorer = partial(Explorer, draw_steps, dt_ms=(5, 1, 25, "Δt (ms)"), tau_mem_ms=(10, 6, 30, "τ (ms)"))
neuron_explorer = partial(
    Explorer, draw_neuron, current=(1.5, 0, 4, 0.05, "current RI"), tau_mem_ms=(10, 5, 40, "τ (ms)"),
    threshold=(1, 0.5, 2, 0.1), refractory_ms=(0, 0, 10, 0.5), reset=("zero", "subtract"),
)  # fmt: skip
