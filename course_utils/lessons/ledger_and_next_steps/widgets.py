"""Lesson 18: results of the whole course beside what they cost, and one network on twenty chips."""

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
from course_utils.lessons.ledger_and_next_steps.overview import COSTS, KINDS, Result, by_task, front, operations

STYLES = dict(zip(KINDS, ((ORANGE, "s"), (BLUE, "o"), (GREEN, "D")), strict=True))  # colour and marker
OPERATIONS = next(iter(COSTS))
BASELINE = {"color": "0.35", "ls": "--", "lw": 1.2}
COLUMNS = 4


def _legend(found: Sequence[Result]) -> list[Line2D]:
    """A mark for each kind among them, and the baseline's line."""
    kinds = [kind for kind in KINDS if any(result.kind == kind for result in found)]
    marks = [
        Line2D([], [], color=STYLES[kind][0], marker=STYLES[kind][1], ls="", ms=7, mec="white", label=kind)
        for kind in kinds
    ]
    return [*marks, Line2D([], [], **BASELINE, label="baseline")]


def _point(ax: Axes, result: Result, cost: float) -> None:
    """A network where its accuracy and cost put it, with the interval of its accuracy."""
    color, marker = STYLES[result.kind]
    low, high = result.interval
    ax.plot([cost, cost], [100 * low, 100 * high], "-", color=color, lw=1.2, alpha=0.7)
    ax.plot(cost, 100 * result.accuracy, marker, color=color, ms=8, mec="white", mew=0.8)


def _baselines(ax: Axes, members: Sequence[Result]) -> None:
    """A line for each; test sets of one task may differ in size."""
    for accuracy in sorted({round(result.baseline, 3) for result in members}):
        ax.axhline(100 * accuracy, **BASELINE)


def _scale(found: Sequence[Result]) -> tuple[float, float]:
    """Limits of the axis of accuracy (%): all of it is seen, and 100 too."""
    lowest = 100 * min(min(result.interval[0], result.baseline) for result in found)
    room = 0.1 * (100 - lowest) + 0.05
    return lowest - room, 100 + room


def draw_tasks(found: Sequence[Result]) -> tuple[Figure, str]:
    """Accuracy against operations, a panel a task, all with the same scale of operations."""
    tasks = by_task(found)
    rows = -(-len(tasks) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(10, 0.8 + 1.7 * rows), sharex=True, squeeze=False)
    costs = [operations(result.first) for result in found]
    for ax, (task, members) in zip(axes.flat, tasks.items(), strict=False):
        _baselines(ax, members)
        for result in members:
            _point(ax, result, result.cost(OPERATIONS))
        numbers = sorted({result.first.lesson[:2] for result in members})
        ax.set_title(f"{task} ({numbers[0] if len(numbers) == 1 else f'{numbers[0]} to {numbers[-1]}'})", fontsize=10)
        ax.set(xscale="log", xlim=(min(costs) / 3, 3 * max(costs)), ylim=_scale(members))
        ax.tick_params(labelsize=9)
    for ax in axes.flat[len(tasks) :]:
        ax.set_axis_off()
    for ax in axes.flat[max(0, len(tasks) - COLUMNS) : len(tasks)]:
        ax.tick_params(labelbottom=True)
    figure.supxlabel("synaptic operations a sample", fontsize=12)
    figure.supylabel("accuracy (%)", fontsize=12)
    handles = _legend(found)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    told = "; ".join(
        f"{task}: best {max(r.accuracy for r in members):.1%}, baseline {members[0].baseline:.1%}"
        for task, members in tasks.items()
    )
    return figure, f"Accuracy against synaptic operations, a small panel for each task. {told}."


def draw_costs(found: Sequence[Result]) -> tuple[Figure, str]:
    """A row a task: what each of its networks costs in operations."""
    tasks = by_task(found)
    figure, ax = plt.subplots(figsize=(8, 0.9 + 0.36 * len(tasks)))
    for row, members in enumerate(tasks.values()):
        for result in members:
            color, marker = STYLES[result.kind]
            ax.plot(result.cost(OPERATIONS), row, marker, color=color, ms=8, mec="white", mew=0.8)
    ax.set(xscale="log", xlabel="synaptic operations a sample", yticks=range(len(tasks)), yticklabels=list(tasks))
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9", lw=0.8)
    handles = _legend(found)[:-1]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    told = "; ".join(
        f"{task}: {min(map(_operations, members)):,.0f} to {max(map(_operations, members)):,.0f}"
        for task, members in tasks.items()
    )
    return figure, f"Synaptic operations a sample of every network, a row for each task. {told}."


def _operations(result: Result) -> float:
    return result.cost(OPERATIONS)


def draw_task(found: Sequence[Result], task: str, cost: str) -> tuple[Figure, str]:
    """One task: accuracy against a cost, each network with its name; the networks that none beats are connected."""
    members = sorted(by_task(found)[task], key=lambda result: -result.accuracy)
    costs = [result.cost(cost) for result in members]
    figure, ax = plt.subplots(figsize=(9.6, 4.4), layout="none")
    ax.set_position((0.095, 0.13, 0.52, 0.76))  # room for the longest name at the right, the longest number at the left
    ax.yaxis.set_label_coords(-0.13, 0.5)
    low, high = min(filter(None, costs), default=1.0), max(max(costs), 1.0)
    ax.set(ylim=_scale(members), ylabel="accuracy (%)", xlabel=cost)
    if min(costs) == 0:
        ax.set(xscale="symlog", xlim=(-0.3, 4 * high))
    else:
        ax.set(xscale="log", xlim=(low / 4, 4 * high))
    ax.xaxis.set_minor_locator(NullLocator())
    _baselines(ax, members)
    best = sorted(
        (spent, 100 * result.accuracy)
        for spent, result, unbeaten in zip(
            costs, members, front(costs, [result.accuracy for result in members]), strict=True
        )
        if unbeaten
    )
    ax.step(*np.array(best).T, where="post", color="0.6", lw=1.2, ls=":")
    _names(ax, members, costs)
    for result, spent in zip(members, costs, strict=True):
        _point(ax, result, spent)
    handles = [*_legend(found), Line2D([], [], color="0.6", lw=1.2, ls=":", label="front: none is better and cheaper")]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(handles), fontsize=10)
    told = "; ".join(f"{r.name}: {r.accuracy:.1%} at {spent:,.0f}" for r, spent in zip(members, costs, strict=True))
    return figure, f"{task}: accuracy against {cost}; baseline {members[0].baseline:.1%}. {told}."


def _names(ax: Axes, members: Sequence[Result], costs: Sequence[float]) -> None:
    """Names in a column at the right, in the order of the points, a thin line from each to its point."""
    low, high = ax.get_ylim()
    heights = [(100 * result.accuracy - low) / (high - low) for result in members]  # shares of the axis
    places = spread(heights, gap=1 / max(len(members), 14))
    to_data = ax.transAxes + ax.transData.inverted()
    ends = to_data.transform([(1.04, place) for place in places])
    points = [(spent, 100 * result.accuracy) for spent, result in zip(costs, members, strict=True)]
    ax.add_collection(
        LineCollection(list(zip(points, ends, strict=True)), colors="0.75", lw=0.7, clip_on=False), autolim=False
    )
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
    for number in reversed(range(len(places))):
        places[number] = max(places[number], floor)
        floor = places[number] + gap
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
    """Accuracies of networks over chips, a row each, every chip a circle, the median a bar.

    Args:
        chips: accuracies for the name of each network.
        asked: the median that is asked for.
    """
    figure, ax = plt.subplots(figsize=(8, 1.1 + 0.75 * len(chips)))
    for row, found in enumerate(chips.values()):
        ordered = np.sort(np.array(found))
        offsets = 0.22 * np.resize([0, 1, -1], len(ordered))  # neighbours beside each other
        ax.plot(100 * ordered, row + offsets, "o", color=BLUE, ms=6, mec="white", mew=0.6)
        ax.vlines(100 * np.median(ordered), row - 0.36, row + 0.36, color=ORANGE, lw=3)
    ax.axvline(100 * asked, **BASELINE)
    lowest = min(min(found) for found in chips.values())
    ax.set(yticks=range(len(chips)), yticklabels=list(chips), ylim=(len(chips) - 0.5, -0.5))
    ax.set(xlabel="accuracy on a hidden chip (%)", xlim=(100 * min(lowest, asked) - 2, 100.7))
    told = "; ".join(
        f"{name}: median {np.median(found):.1%}, from {min(found):.1%} to {max(found):.1%}"
        for name, found in chips.items()
    )
    return figure, f"Accuracy on each of {len(next(iter(chips.values())))} hidden chips. {told}."
