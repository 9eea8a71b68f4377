"""Results of the whole course beside what they cost, and one network on twenty chips."""

from collections.abc import Mapping, Sequence
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, GREEN, ORANGE
from course_utils.lessons.hardware_quantization.strips import strips
from course_utils.lessons.ledger_and_next_steps.overview import COSTS, KINDS, Result, by_task, front, number

STYLES = {
    kind: {"color": color, "marker": marker, "mec": "white", "ls": ""}
    for kind, color, marker in zip(KINDS, (ORANGE, BLUE, GREEN), "soD", strict=True)
}
BASELINE = {"color": "0.35", "ls": "--", "lw": 1.2}
OPERATIONS = next(iter(COSTS))
COLUMNS = 4


def _legend(found: Sequence[Result], *more: Line2D) -> dict[str, object]:
    """What a legend needs: a mark for each kind among the results, then further lines."""
    kinds = {result.kind for result in found}
    marks = [Line2D([], [], ms=7, label=kind, **style) for kind, style in STYLES.items() if kind in kinds]
    return {"handles": [*marks, *more], "ncols": len(marks) + len(more)}


def _accuracies(ax: Axes, members: Sequence[Result], costs: Sequence[float]) -> None:
    """Each network where its accuracy and cost put it, with the interval of its accuracy, and the baselines.

    Test sets of one task may differ in size, so there may be several of those.
    """
    for accuracy in sorted({round(result.baseline, 3) for result in members}):
        ax.axhline(100 * accuracy, **BASELINE)
    for result, cost in zip(members, costs, strict=True):
        style = STYLES[result.kind]
        ax.vlines(cost, *(100 * end for end in result.interval), color=style["color"], lw=1.2, alpha=0.7)
        ax.plot(cost, 100 * result.accuracy, ms=8, mew=0.8, **style)
    lowest = 100 * min(min(result.interval[0], result.baseline) for result in members)
    room = 0.1 * (100 - lowest) + 0.05
    ax.set(ylim=(lowest - room, 100 + room))


def draw_tasks(found: Sequence[Result]) -> tuple[Figure, str]:
    """Accuracy against operations, a panel a task, all with the same scale of operations."""
    tasks = by_task(found)
    rows = -(-len(tasks) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(10, 0.8 + 1.7 * rows), sharex=True, squeeze=False)
    every = [result.cost(OPERATIONS) for result in found]
    for ax, (task, members) in zip(axes.flat, tasks.items(), strict=False):
        _accuracies(ax, members, [result.cost(OPERATIONS) for result in members])
        lessons = sorted({number(result.first) for result in members})
        ax.set_title(f"{task} ({' to '.join(dict.fromkeys((lessons[0], lessons[-1])))})", fontsize=10)
        ax.set(xscale="log", xlim=(min(every) / 3, 3 * max(every)))
        ax.tick_params(labelsize=9)
    for ax in axes.flat[len(tasks) :]:
        ax.set_axis_off()
    for ax in axes.flat[max(0, len(tasks) - COLUMNS) : len(tasks)]:
        ax.tick_params(labelbottom=True)
    figure.supxlabel(OPERATIONS, fontsize=12)
    figure.supylabel("accuracy (%)", fontsize=12)
    figure.legend(loc="outside upper center", **_legend(found, Line2D([], [], **BASELINE, label="baseline")))
    told = "; ".join(
        f"{task}: best {max(r.accuracy for r in members):.1%}, baseline {members[0].baseline:.1%}"
        for task, members in tasks.items()
    )
    return figure, f"Accuracy against synaptic operations, a small panel for each task. {told}."


def draw_costs(found: Sequence[Result]) -> tuple[Figure, str]:
    """A row a task: what each of its networks costs in operations."""
    tasks, told = by_task(found), []
    figure, ax = plt.subplots(figsize=(8, 0.9 + 0.36 * len(tasks)))
    for row, (task, members) in enumerate(tasks.items()):
        costs = [result.cost(OPERATIONS) for result in members]
        for result, cost in zip(members, costs, strict=True):
            ax.plot(cost, row, ms=8, mew=0.8, **STYLES[result.kind])
        told.append(f"{task}: {min(costs):,.0f} to {max(costs):,.0f}")
    ax.set(xscale="log", xlabel=OPERATIONS, yticks=range(len(tasks)), yticklabels=list(tasks))
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9", lw=0.8)
    figure.legend(loc="outside upper center", **_legend(found))
    return figure, f"Synaptic operations a sample of every network, a row for each task. {'; '.join(told)}."


def draw_task(found: Sequence[Result], task: str, cost: str) -> tuple[Figure, str]:
    """One task: accuracy against a cost, each network with its name; the networks that none beats are connected."""
    members = sorted(by_task(found)[task], key=lambda result: -result.accuracy)
    costs, accuracies = [result.cost(cost) for result in members], [result.accuracy for result in members]
    figure, ax = plt.subplots(figsize=(9.6, 4.4), layout="none")
    ax.set_position((0.095, 0.13, 0.52, 0.76))  # room for the longest name at the right, the longest number at the left
    ax.yaxis.set_label_coords(-0.13, 0.5)
    low, high = min(filter(None, costs), default=1.0), max(max(costs), 1.0)
    silent = min(costs) == 0
    ax.set(xscale="symlog" if silent else "log", xlim=(-0.3 if silent else low / 4, 4 * high))
    ax.set(ylabel="accuracy (%)", xlabel=cost)
    ax.xaxis.set_minor_locator(NullLocator())
    points = list(zip(costs, (100 * accuracy for accuracy in accuracies), strict=True))
    best = sorted(point for point, free in zip(points, front(costs, accuracies), strict=True) if free)
    steps = ax.step(
        *np.array(best).T, where="post", color="0.6", lw=1.2, ls=":", label="front: none is better and cheaper"
    )
    _accuracies(ax, members, costs)
    _names(ax, members, points)
    lines = Line2D([], [], **BASELINE, label="baseline"), *steps
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=10, **_legend(found, *lines))
    told = "; ".join(f"{r.name}: {r.accuracy:.1%} at {spent:,.0f}" for r, spent in zip(members, costs, strict=True))
    return figure, f"{task}: accuracy against {cost}; baseline {members[0].baseline:.1%}. {told}."


def _names(ax: Axes, members: Sequence[Result], points: Sequence[tuple[float, float]]) -> None:
    """Names in a column at the right, in the order of the points, a thin line from each to its point."""
    low, high = ax.get_ylim()
    places = spread([(y - low) / (high - low) for _, y in points], gap=1 / max(len(members), 14))
    ends = (ax.transAxes + ax.transData.inverted()).transform([(1.04, place) for place in places])
    lines = LineCollection(
        list(zip(points, ends, strict=True)), colors="0.75", lw=0.7, clip_on=False, zorder=1  # below the marks
    )
    ax.add_collection(lines, autolim=False)
    for result, place in zip(members, places, strict=True):
        ax.text(1.05, place, result.name, transform=ax.transAxes, va="center", fontsize=9 if len(members) < 16 else 8)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Places for texts at these falling heights, from 1 down to 0, none nearer to the next than `gap`.

    There must be room for all: `gap` times their number is at most 1.
    """
    places: list[float] = []
    for height in heights:
        places.append(min(height, places[-1] - gap if places else 1 - gap / 2))
    floor = gap / 2
    for place in reversed(range(len(places))):
        places[place] = max(places[place], floor)
        floor = places[place] + gap
    return places


def ledger_explorer(found: Sequence[Result], first: str | None = None) -> Explorer:
    """A task and what to hold accuracy against; `first` is the task that is shown first."""
    tasks = list(by_task(found))
    return Explorer(
        partial(draw_task, found),
        task=ipywidgets.Dropdown(options=tasks, value=first or tasks[0], description="task"),
        cost=ipywidgets.Dropdown(options=list(COSTS), description="horizontal axis"),
    )


def draw_chips(chips: Mapping[str, Sequence[float]], asked: float) -> tuple[Figure, str]:
    """Accuracies of networks over chips, a row each, every chip a point, the median a bar; and the one asked for."""
    figure, ax = plt.subplots(figsize=(8, 1.1 + 0.75 * len(chips)))
    strips(chips, ax, horizontal=True)
    ax.axvline(100 * asked, **BASELINE)
    ax.set(xlabel="accuracy on a hidden chip (%)")
    told = "; ".join(
        f"{name}: median {np.median(found):.1%}, from {min(found):.1%} to {max(found):.1%}"
        for name, found in chips.items()
    )
    return figure, f"Accuracy on each of {len(next(iter(chips.values())))} hidden chips. {told}."
