"""Lesson 00: a first neuron to play with, a slider that tells whether sliders work, and the map of the course."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from course_utils.classroom.explorer import Explorer, with_fallback
from course_utils.classroom.plots import BLUE, GREEN, ORANGE, PINK
from course_utils.classroom.tables import Table

DT_MS = 0.1
SHOWN_MS = 100


def leaky_neuron(current: Sequence[float], tau_ms: float, dt_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """A leaky integrate-and-fire neuron with threshold 1 that restarts at 0, as lesson 00 writes it out (Euler steps).

    Args:
        current: input at each time step [time], in units of the threshold.
        tau_ms: time constant of the leak.
        dt_ms: time step.

    Returns:
        The membrane potential after each step, float64 [time], and whether there was a spike, bool [time].
    """
    v, potential, spikes = 0.0, [], []
    for i in current:
        v += (i - v) * dt_ms / tau_ms
        spikes.append(v > 1)
        v = 0.0 if v > 1 else v
        potential.append(v)
    return np.array(potential), np.array(spikes)


def draw_neurons(currents: Sequence[float], tau_ms: float) -> tuple[Figure, str]:
    """Membrane potential and spikes of one neuron under each of these steady currents."""
    time_ms = np.arange(DT_MS, SHOWN_MS + DT_MS / 2, DT_MS)
    height = 2.9 if len(currents) == 1 else 2.1 * len(currents)
    figure, axes = plt.subplots(len(currents), figsize=(7.2, height), sharex=True, squeeze=False)
    told = []
    for ax, current in zip(axes.flat, currents, strict=True):
        potential, spikes = leaky_neuron(np.full(len(time_ms), current), tau_ms, DT_MS)
        ax.plot(time_ms, potential, color=BLUE, lw=1.5)
        ax.axhline(1, color="gray", ls="--", lw=1)
        ax.vlines(time_ms[spikes], 1.1, 1.4, color=ORANGE, lw=1.5)
        told.append(f"current {current:g}: {_counted(spikes.sum())} in {SHOWN_MS} ms")
        ax.set(title=told[-1], ylabel="potential", ylim=(-0.05, 1.5), xlim=(0, SHOWN_MS), yticks=[0, 1])
    axes[-1, 0].set_xlabel("time (ms)")
    return figure, f"Membrane potential with spikes as ticks above it, time constant {tau_ms:g} ms. {'; '.join(told)}."


def draw_neuron(current: float, tau_ms: float) -> tuple[Figure, str]:
    """Membrane potential and spikes of one neuron under a steady current."""
    return draw_neurons([current], tau_ms)


def neuron_explorer() -> Explorer:
    """Current and time constant of the neuron on sliders."""
    return Explorer(
        draw_neuron,
        current=ipywidgets.FloatSlider(1.2, min=0, max=3, step=0.1),
        tau_ms=ipywidgets.IntSlider(10, min=2, max=30, description="τ (ms)"),
    )


class SliderCheck(ipywidgets.HBox):
    """A slider whose value goes to the kernel and comes back as text."""

    def __init__(self):
        self.slider = ipywidgets.IntSlider(3, 0, 10, description="drag me")
        self.answer = ipywidgets.Label()
        self.slider.observe(self._tell, "value")
        super().__init__([self.slider, self.answer])
        self._tell()

    def _tell(self, _: object = None) -> None:
        self.answer.value = f"Python received {self.slider.value}"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        waiting = "<p>○──────── A slider will stand here when this cell has run in JupyterLab.</p>"
        return with_fallback(super()._repr_mimebundle_(**kwargs), {"text/html": waiting})


@dataclass(frozen=True)
class Lesson:
    """One lesson on the map.

    Attributes:
        week: 0 to 7.
        name: its notebook, without the ending.
        short: its name in a box of the map.
        skill: what one can do afterwards.
        thread: a key of `THREADS`.
        row: where its box stands in the column of its week, 0 at the top.
    """

    week: int
    name: str
    short: str
    skill: str
    thread: str
    row: float

    @property
    def number(self) -> str:
        """The two digits that the name of its file begins with."""
        return self.name[:2]


THREADS = {  # colour and line style
    "networks that learn": (BLUE, "-"),
    "neurons and codes": (ORANGE, "--"),
    "the stripe task": (GREEN, "-."),
    "other data, other tools": (PINK, ":"),
    "beginning and end": ("dimgray", (0, (1, 0))),
}
_LEARN, _NEURON, _STRIPES, _OTHER, _ENDS = THREADS

LESSONS = (
    Lesson(0, "00_start_here", "start\nhere", "check the machine, find the data, read the map", _ENDS, 0),
    Lesson(1, "01_pytorch_basics", "PyTorch\nbasics", "write a training loop by hand, and say how it fails", _LEARN, 0),
    Lesson(1, "02_mnist_cnn", "MNIST\nCNN", "train convolutional networks on digits and clothes", _LEARN, 1),
    Lesson(2, "03_spiking_neuron", "spiking\nneuron", "derive one neuron, and find it in three frameworks", _NEURON, 2),
    Lesson(2, "04_stripe_dataset", "stripe\ndata set", "build a data set, and judge it by a simple rule", _STRIPES, 4),
    Lesson(3, "05_spike_encoders", "spike\nencoders", "turn images into spikes, and say what is lost", _NEURON, 2),
    Lesson(3, "06_stripe_snn", "stripe\nSNN", "train four spiking networks, and see where they fail", _STRIPES, 4),
    Lesson(4, "07_li_readout", "LI\nreadout", "read a network's answer from its membrane", _STRIPES, 3),
    Lesson(4, "08_harder_stripes", "harder\nstripes", "handle patches, noise and turning stripes", _STRIPES, 4),
    Lesson(5, "09_stdp", "STDP", "let neurons learn without labels", _STRIPES, 4),
    Lesson(5, "10_spike_backprop", "spike\nbackprop", "derive gradients through spikes, and audit them", _LEARN, 1),
    Lesson(5, "11_surrogate_gradients", "surrogate\ngradients", "keep gradients alive in deep networks", _LEARN, 2),
    Lesson(
        5,
        "12_deep_spiking_convnets",
        "deep spiking\nconvnets",
        "build deep spiking networks, and choose their steps",
        _LEARN,
        3,
    ),
    Lesson(6, "13_event_vision", "event\nvision", "train on the events of a vision sensor", _OTHER, 0),
    Lesson(6, "14_nir_exchange", "NIR\nexchange", "move a network between frameworks, spike for spike", _OTHER, 1),
    Lesson(6, "15_nengodl_conversion", "NengoDL\nconversion", "train with rates, run on spikes", _OTHER, 2),
    Lesson(6, "16_vehicles", "vehicles", "tell motorbikes from airplanes, clean and noisy", _OTHER, 3),
    Lesson(7, "17_hardware_quantization", "hardware\nquantization", "fit a network to a chip's limits", _STRIPES, 4),
    Lesson(7, "18_ledger_and_next_steps", "ledger and\nnext steps", "compare all results, and go on alone", _ENDS, 2),
)


def lesson_table(folder: Path, lessons: Sequence[Lesson] = LESSONS) -> Table:
    """All lessons by week. A name is a link if its notebook lies in `folder`."""
    rows = [
        (
            lesson.week,
            f"[{lesson.name}]({lesson.name}.ipynb)" if (folder / f"{lesson.name}.ipynb").is_file() else lesson.name,
            lesson.skill,
        )
        for lesson in lessons
    ]
    return Table(["week", "lesson", "afterwards you can"], rows)


def draw_map(lessons: Sequence[Lesson] = LESSONS) -> tuple[Figure, str]:
    """The lessons as boxes, a column a week; an arrow leads from lesson to lesson of one thread."""
    figure, ax = plt.subplots(figsize=(10, 5.2))
    ax.set(xlim=(-0.5, 7.5), ylim=(4.5, -0.9))
    ax.set_axis_off()
    for week in range(8):
        ax.text(week, -0.7, f"week {week}" if week else "today", ha="center", va="center", fontweight="bold")
        if week % 2:
            ax.axvspan(week - 0.5, week + 0.5, color="0.95", lw=0)
    for thread, (color, style) in THREADS.items():
        members = [lesson for lesson in lessons if lesson.thread == thread]
        if thread != _ENDS:
            for here, there in pairwise(members):
                _arrow(ax, here, there, color)
        for lesson in members:
            box = FancyBboxPatch(
                (lesson.week - 0.41, lesson.row - 0.36), 0.82, 0.72, boxstyle="round,pad=0,rounding_size=0.08",
                facecolor="white", edgecolor=color, linestyle=style, linewidth=2, zorder=2,
            )  # fmt: skip
            ax.add_patch(box)
            ax.text(lesson.week, lesson.row - 0.19, lesson.number, ha="center", va="center", fontsize=10, weight="bold")
            ax.text(
                lesson.week, lesson.row + 0.1, lesson.short, ha="center", va="center", fontsize=9.5, linespacing=1.0
            )
    handles = [Line2D([], [], color=color, ls=style, label=thread) for thread, (color, style) in THREADS.items()]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=10,
        handlelength=2.2,
        columnspacing=1.2,
    )
    listed = "; ".join(
        f"week {week}: {', '.join(lesson.short.replace(chr(10), ' ') for lesson in lessons if lesson.week == week)}"
        for week in range(8)
    )
    return figure, f"The lessons as boxes in a column for each week, arrows along four threads. {listed}."


def _arrow(ax: plt.Axes, here: Lesson, there: Lesson, color: str) -> None:
    """From the edge of one box to the edge of the next."""
    if here.week == there.week:
        way = (here.week, here.row + 0.36), (there.week, there.row - 0.36)
    else:
        way = (here.week + 0.41, here.row), (there.week - 0.41, there.row)
    ax.annotate(
        "", way[1], way[0], arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    )


def _counted(count: int) -> str:
    return f"{count} spike" if count == 1 else f"{count} spikes"
