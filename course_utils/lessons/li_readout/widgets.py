"""Readouts of two toy traces, and a player that scrubs through the time of a trained network."""

from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE, matrix
from course_utils.data.stripes import ORIENTATIONS
from course_utils.spiking.neurons import LI

STEPS = 50
ONSET = 5  # the step at which the toy's evidence arrives
OUTPUT_NEURON = LI(tau_mem_ms=10.0, tau_syn_ms=5.0, update="euler")  # as Norse's LICell


def output_traces(potentials: np.ndarray, ax: Axes, *, reach: float, steps: int | None = None) -> None:
    """Membrane potentials [time, 2] of two output neurons over time, from −reach to reach, with their names at the top.
    The axis has room for so many time steps, if not only for those that there are."""
    ax.axhline(0, color="gray", lw=0.8)
    for v, style, color, name in zip(potentials.T, ("-", "--"), (BLUE, ORANGE), ("0", "1"), strict=True):
        ax.plot(np.arange(len(v)), v, style, color=color, label=f"$v_{name}$")
    last = (len(potentials) if steps is None else steps) - 1
    ax.set(xlabel="time step", xlim=(-0.02 * last, 1.02 * last))
    ax.set(ylabel="membrane potential", ylim=(-reach, 1.35 * reach))  # room for the legend
    ax.legend(loc="upper right", ncols=2)


def draw_readouts(bias_0: float, bias_1: float, evidence: float) -> tuple[Figure, str]:
    """Two leaky integrators with constant inputs, and how much three readouts favour the second one."""
    told = np.where(np.arange(STEPS) >= ONSET, evidence, 0)
    inputs = torch.tensor(np.stack([bias_0 - told, bias_1 + told], axis=1))
    v = OUTPUT_NEURON.run(inputs).numpy()
    readouts = {"maximum": v.max(0), "last": v[-1], "mean": v.mean(0)}
    favour = {name: scores[1] - scores[0] for name, scores in readouts.items()}

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), width_ratios=(1.7, 1))
    output_traces(v, left, reach=1.5)
    tops = v.argmax(0)
    left.plot(tops, v[tops, [0, 1]], "k*", ms=11, clip_on=False)
    left.set_title("stars: each trace's maximum")
    right.barh(list(favour), list(favour.values()), color=[BLUE if value < 0 else ORANGE for value in favour.values()])
    right.axvline(0, color="gray", lw=0.8)
    right.set(xlim=(-2.4, 2.4), ylim=(2.7, -0.7), xlabel="readout of 1 − readout of 0", title="in favour of 1")
    said = ", ".join(f"{name} {value:+.2f}" for name, value in favour.items())
    return figure, f"Biases {bias_0:.2f} and {bias_1:.2f}, evidence {evidence:.2f}: in favour of output 1 are {said}."


readout_explorer = partial(
    Explorer, draw_readouts, bias_0=(0.05, -0.1, 0.1, 0.01, "bias of output 0"),
    bias_1=(0.05, -0.1, 0.1, 0.01, "bias of output 1"), evidence=(0.05, -0.1, 0.1, 0.01, "evidence for 1"),
)  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """What a trained network did with some images; the player's film. ValueError if their numbers or steps differ."""

    images: np.ndarray  # grey values, [count, size, size]
    labels: np.ndarray  # 0 or 1, [count]
    inputs: np.ndarray  # spikes that entered the network, [time, count, size, size]
    hidden: np.ndarray  # spikes of the hidden layer, [time, count, maps, rows, columns]
    potentials: np.ndarray  # of the two output neurons, [time, count, 2]

    def __post_init__(self):
        in_time = (self.inputs, self.hidden, self.potentials)
        counts = {len(self.images), len(self.labels), *(array.shape[1] for array in in_time)}
        for what, found in (("images", counts), ("time steps", {len(array) for array in in_time})):
            if len(found) > 1:
                raise ValueError(f"the recording's arrays hold {sorted(found)} {what}; all must hold the same number")


def draw_moment(recording: Recording, image: int, step: int) -> tuple[Figure, str]:
    """One step of one image: spikes that go in, hidden spikes, potentials up to now, and the answer so far."""
    hidden = recording.hidden[step, image]
    v = recording.potentials[:, image]
    so_far = v[: step + 1].sum(0)
    said = ORIENTATIONS[int(so_far[1] > so_far[0])]
    truth = ORIENTATIONS[recording.labels[image]]
    pictures = {
        f"picture: {truth}": recording.images[image],
        f"input spikes: {recording.inputs[step, image].sum():.0f}": recording.inputs[step, image],
        f"map 0: {hidden[0].sum():.0f}": hidden[0],
        f"map 1: {hidden[1].sum():.0f}": hidden[1],
    }
    figure, axes = plt.subplot_mosaic("0123;tttt", figsize=(8, 5), height_ratios=(1, 1.3))
    for column, (title, values) in enumerate(pictures.items()):
        matrix(values, axes[str(column)], vmin=0, vmax=values.max() if column == 0 else 1)
        axes[str(column)].set_title(title, fontsize=11)
    ax = axes["t"]
    output_traces(v[: step + 1], ax, reach=1.1 * np.abs(recording.potentials).max(), steps=len(v))
    ax.axvline(step, color="gray", lw=1, ls=":")
    verdict = "right" if said == truth else "wrong"
    ax.set_title(f"step {step}: the integral so far says {said} ({verdict})", fontsize=12)
    return figure, (
        f"Image {image}, {truth}, at step {step}: {hidden[0].sum():.0f} and {hidden[1].sum():.0f} hidden spikes in the "
        f"two maps; the integral of the potentials so far says {said}, which is {verdict}."
    )


def player(recording: Recording, image: int = 0, step: int = 20) -> Explorer:
    """Scrub through the time steps of recorded images."""
    return Explorer(
        partial(draw_moment, recording),
        image=(image, 0, len(recording.images) - 1),
        step=(step, 0, len(recording.inputs) - 1),
    )
