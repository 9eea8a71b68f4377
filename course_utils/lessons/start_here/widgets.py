"""A first neuron to play with, a slider that tells whether sliders work, and the map of the course."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from course_utils.classroom import plots
from course_utils.classroom.explorer import Explorer, with_fallback
from course_utils.classroom.tables import Table
from course_utils.data.locate import COURSE_ROOT

DT_MS = 0.1
SHOWN_MS = 100


def leaky_neuron(current: Sequence[float], tau_ms: float, dt_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """A leaky integrate-and-fire neuron with threshold 1 that restarts at 0, as the lesson writes it out (Euler steps).

    Takes currents [time] in units of the threshold; returns the membrane potential after each step, float64 [time],
    and whether there was a spike, bool [time].
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
        plots.membrane_trace(time_ms, potential, spikes, ax, threshold=1)
        count = int(spikes.sum())
        told.append(f"current {current:g}: {count} {'spike' if count == 1 else 'spikes'} in {SHOWN_MS} ms")
        ax.set(title=told[-1], xlabel="", ylabel="potential", ylim=(-0.05, 1.5), xlim=(0, SHOWN_MS), yticks=[0, 1])
    axes[-1, 0].set_xlabel("time (ms)")
    return figure, f"Membrane potential with spikes as ticks above it, time constant {tau_ms:g} ms. {'; '.join(told)}."


bucket_explorer = partial(
    Explorer,
    lambda current, tau_ms: draw_neurons([current], tau_ms),
    current=(1.2, 0, 3, 0.1),
    tau_ms=(10, 2, 30, "τ (ms)"),
)


class SliderCheck(ipywidgets.HBox):
    """A slider whose value goes to the kernel and comes back as text."""

    def __init__(self):
        self.slider = ipywidgets.IntSlider(3, 0, 10, description="drag me")
        self.answer = ipywidgets.Label()
        ipywidgets.dlink((self.slider, "value"), (self.answer, "value"), "Python received {}".format)
        super().__init__([self.slider, self.answer])

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        waiting = "<p>○──────── A slider will stand here when this cell has run in JupyterLab.</p>"
        return with_fallback(super()._repr_mimebundle_(**kwargs), {"text/html": waiting})


THREADS = {  # colour and line style
    "networks that learn": (plots.BLUE, "-"),
    "neurons and codes": (plots.ORANGE, "--"),
    "the stripe task": (plots.GREEN, "-."),
    "other data, other tools": (plots.PINK, ":"),
    "beginning and end": ("dimgray", (0, (1, 0))),
}
_LEARN, _NEURON, _STRIPES, _OTHER, _ENDS = THREADS


class MapBox(NamedTuple):
    """One lesson on the map."""

    topic: str  # what its notebook is called, after the number. The number is read from the name of the file.
    week: int  # 0 to 7
    row: float  # where its box stands in the column of its week, 0 at the top
    thread: str  # a key of `THREADS`
    short: str  # its name in the box
    skill: str  # what one can do afterwards

    @property
    def name(self) -> str:
        """Its notebook, without the ending; the topic alone where there is no notebook."""
        return next((p.stem for p in COURSE_ROOT.glob(f"notebooks/[0-9][0-9]_{self.topic}.ipynb")), self.topic)

    @property
    def number(self) -> str:
        """The two digits that the name of its file begins with."""
        return self.name.removesuffix(self.topic).rstrip("_")


_BOXES = (
    MapBox("start_here", 0, 0, _ENDS, "start\nhere", "check the machine, find the data, read the map"),
    MapBox("pytorch_basics", 1, 0, _LEARN, "PyTorch\nbasics", "write a training loop by hand, and say how it fails"),
    MapBox("mnist_cnn", 1, 1, _LEARN, "MNIST\nCNN", "train convolutional networks on digits and clothes"),
    MapBox("spiking_neuron", 2, 2, _NEURON, "spiking\nneuron", "derive one neuron, and find it in three frameworks"),
    MapBox("stripe_dataset", 2, 4, _STRIPES, "stripe\ndata set", "build a data set, and judge it by a simple rule"),
    MapBox("spike_encoders", 3, 2, _NEURON, "spike\nencoders", "turn images into spikes, and say what is lost"),
    MapBox("stripe_snn", 3, 4, _STRIPES, "stripe\nSNN", "train four spiking networks, and see where they fail"),
    MapBox("li_readout", 4, 2, _STRIPES, "LI\nreadout", "read a network's answer from its membrane"),
    MapBox("harder_stripes", 4, 3, _STRIPES, "harder\nstripes", "find what a network needs to see patches in noise"),
    MapBox("rotation", 4, 4, _STRIPES, "rotation", "build and solve a task that needs time"),
    MapBox("stdp", 5, 4, _STRIPES, "STDP", "let neurons learn without labels"),
    MapBox("spike_backprop", 5, 1, _LEARN, "spike\nbackprop", "derive gradients through spikes, and audit them"),
    MapBox("surrogate_gradients", 5, 2, _LEARN, "surrogate\ngradients", "keep gradients alive in deep networks"),
    MapBox("deep_spiking_convnets", 5, 3, _LEARN, "deep spiking\nconvnets",
           "build deep spiking networks, and choose their steps"),
    MapBox("event_vision", 6, 0, _OTHER, "event\nvision", "train on the events of a vision sensor"),
    MapBox("nir_exchange", 6, 1, _OTHER, "NIR\nexchange", "move a network between frameworks, spike for spike"),
    MapBox("nengodl_conversion", 6, 2, _OTHER, "NengoDL\nconversion", "train with rates, run on spikes"),
    MapBox("vehicles", 6, 3, _OTHER, "vehicles", "tell motorbikes from airplanes, clean and noisy"),
    MapBox("hardware_quantization", 7, 4, _STRIPES, "hardware\nquantization", "fit a network to a chip's limits"),
    MapBox("chip_toolchains", 7, 3, _STRIPES, "chip\ntoolchains", "run networks in the tools of real chips"),
    MapBox("chip_energy", 7, 2, _STRIPES, "chip\nenergy", "count what an answer costs, and by which convention"),
    MapBox("ledger_and_next_steps", 7, 1, _ENDS, "ledger and\nnext steps", "compare all results, and go on alone"),
)  # fmt: skip
LESSONS = tuple(sorted(_BOXES, key=lambda lesson: lesson.name))  # in the order of their numbers


def lesson_table(folder: Path) -> Table:
    """All lessons by week. A name is a link if its notebook lies in `folder`."""
    names = [lesson.name for lesson in LESSONS]
    linked = [f"[{name}]({name}.ipynb)" if (folder / f"{name}.ipynb").is_file() else name for name in names]
    rows = [(lesson.week, name, lesson.skill) for lesson, name in zip(LESSONS, linked, strict=True)]
    return Table(["week", "lesson", "afterwards you can"], rows)


def draw_map() -> tuple[Figure, str]:
    """The lessons as boxes, a column a week; an arrow leads from lesson to lesson of one thread."""
    figure, ax = plt.subplots(figsize=(10, 5.2))
    ax.set(xlim=(-0.5, 7.5), ylim=(4.5, -0.9))
    ax.set_axis_off()
    listed = []
    for week in range(8):
        ax.text(week, -0.7, f"week {week}" if week else "today", ha="center", va="center", fontweight="bold")
        if week % 2:
            ax.axvspan(week - 0.5, week + 0.5, color="0.95", lw=0)
        shorts = [lesson.short.replace("\n", " ") for lesson in LESSONS if lesson.week == week]
        listed.append(f"week {week}: {', '.join(shorts)}")
    for lesson in LESSONS:
        color, style = THREADS[lesson.thread]
        ax.add_patch(FancyBboxPatch(
            (lesson.week - 0.41, lesson.row - 0.36), 0.82, 0.72, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="white", edgecolor=color, linestyle=style, linewidth=2, zorder=2,
        ))  # fmt: skip
        ax.text(lesson.week, lesson.row - 0.19, lesson.number, ha="center", va="center", fontsize=10, weight="bold")
        ax.text(lesson.week, lesson.row + 0.1, lesson.short, ha="center", va="center", fontsize=9.5, linespacing=1.0)
    for thread in (_LEARN, _NEURON, _STRIPES, _OTHER):
        arrow = {"arrowstyle": "-|>", "color": THREADS[thread][0], "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
        for here, there in pairwise(lesson for lesson in LESSONS if lesson.thread == thread):
            begin, end = (np.array([lesson.week, lesson.row]) for lesson in (here, there))
            to_edge = np.sign(end - begin) * ((0, 0.36) if here.week == there.week else (0.41, 0))
            ax.annotate("", end - to_edge, begin + to_edge, arrowprops=arrow)
    handles = [Line2D([], [], color=color, ls=style, label=thread) for thread, (color, style) in THREADS.items()]
    spacing = {"fontsize": 10, "handlelength": 2.2, "columnspacing": 1.2}
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), **spacing)
    return figure, f"The lessons as boxes in a column for each week, arrows along four threads. {'; '.join(listed)}."
