"""What the course adds up to: the results of all lessons side by side with what they cost, and what each one teaches.

Everything is read: results from their records, objectives from the notebooks. Nothing is typed a second time.
"""

import itertools
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from course_utils.chips.energy import CONVENTIONS
from course_utils.classroom.tables import Table
from course_utils.data.locate import COURSE_ROOT
from course_utils.data.require import guarded, require
from course_utils.training.counting import Operations
from course_utils.training.ledger import Record

NOTEBOOKS = COURSE_ROOT / "notebooks"
KINDS = ("without spikes", "spiking", "on a chip")
# The number of each lesson, by its topic: only the names of the notebooks tell it.
NUMBERS = {path.stem[3:]: path.stem[:2] for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


def number(record: Record) -> str:
    """The number of the lesson that ran this, as two digits; the lesson's topic if no notebook has that name."""
    return NUMBERS.get(record.lesson, record.lesson)


# --- results --------------------------------------------------------------------------------------------------------


def synaptic_operations(record: Record) -> float:
    """Synaptic operations a sample, zeros skipped."""
    return record.accumulates + record.multiply_accumulates


def energy_nj(record: Record) -> float:
    """What these operations take by the convention of 45 nm and 32-bit floats, whatever the network's own bits are."""
    counted = Operations(record.spikes, record.accumulates, record.multiply_accumulates, record.dense)
    return CONVENTIONS["32-bit float"].energy_nj(counted)


COSTS: dict[str, Callable[[Record], float]] = {
    "synaptic operations a sample": synaptic_operations,
    "operations a sample, no zero skipped": lambda record: record.dense,
    "spikes a sample": lambda record: record.spikes,
    "energy estimate a sample (nJ)": energy_nj,
    "time steps until the answer": lambda record: record.time_steps,
    "parameters": lambda record: record.parameters,
    "bits of all weights": lambda record: record.parameters * record.bits,
}


@dataclass(frozen=True)
class Result:
    """One network at one task: a record, or those of several seeds."""

    records: tuple[Record, ...]  # of one lesson, experiment, task, model and source of data; at least one

    @property
    def first(self) -> Record:
        """One of the records, for what all of them share."""
        return self.records[0]

    @property
    def name(self) -> str:
        """The lesson's number and the model."""
        return f"{number(self.first)} · {self.first.model}"

    @property
    def kind(self) -> str:
        """One of `KINDS`. Weights of fewer than 16 bits belong to a chip."""
        if min(record.bits for record in self.records) < 16:
            return "on a chip"
        return "spiking" if any(record.spikes for record in self.records) else "without spikes"

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return statistics.mean(record.accuracy for record in self.records)

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end: the 95 % interval of the test set for one record, else the extremes of the seeds."""
        if len(self.records) == 1:
            return self.first.accuracy_interval
        found = [record.accuracy for record in self.records]
        return min(found), max(found)

    @property
    def baseline(self) -> float:
        """Accuracy of the simplest rule on the same images, mean over the seeds."""
        return statistics.mean(record.baseline["accuracy"] for record in self.records)

    def cost(self, name: str) -> float:
        """One of `COSTS`, mean over the seeds."""
        require(name in COSTS, "name", name, f"one of {', '.join(COSTS)}")
        return statistics.mean(COSTS[name](record) for record in self.records)


def results(records: Iterable[Record]) -> list[Result]:
    """Records that differ only in their seed become one result; in the order of lessons."""

    def shared(record: Record) -> tuple[str, ...]:
        return number(record), record.experiment, record.task, record.model, record.data["source"]

    ordered = sorted(records, key=lambda record: (*shared(record), record.seed))
    return [Result(tuple(members)) for _, members in itertools.groupby(ordered, key=shared)]


def by_task(found: Iterable[Result]) -> dict[str, list[Result]]:
    """Results of each task, cheap tasks first: by the operations of the cheapest network.

    The results of an experiment stand for themselves, with its name behind the task's.
    """
    tasks: dict[str, list[Result]] = {}
    for result in found:
        record = result.first
        tasks.setdefault(record.task + (f" ({record.experiment})" if record.experiment else ""), []).append(result)
    return dict(sorted(tasks.items(), key=lambda item: min(synaptic_operations(result.first) for result in item[1])))


def front(costs: Sequence[float], accuracies: Sequence[float]) -> list[bool]:
    """Which networks no other one beats (V. Pareto's front): none is both as good and as cheap, and better in one."""
    require(len(costs) == len(accuracies), "number of accuracies", len(accuracies), f"{len(costs)}, one a cost")
    points = list(zip(costs, accuracies, strict=True))
    return [
        not any(c <= cost and a >= accuracy and (c < cost or a > accuracy) for c, a in points)
        for cost, accuracy in points
    ]


COLUMNS: dict[str, Callable[[Record], str]] = {
    "lesson": number,
    "task": lambda record: record.task,
    "data": lambda record: f"{record.data['source']}, {record.data['test']:,} tested",
    "network": lambda record: record.model,
    "accuracy": lambda record: f"{record.accuracy:.2%}",
    "95 % interval": lambda record: "{:.1%} to {:.1%}".format(*record.accuracy_interval),
    "baseline": lambda record: f"{record.baseline['accuracy']:.1%} ({record.baseline['name']})",
    "spikes": lambda record: (
        f"{record.spikes:,.0f}" if record.spikes else "–" if record.time_steps == 1 else "not counted"
    ),
    "operations": lambda record: f"{synaptic_operations(record):,.0f}",
    "steps": lambda record: "–" if record.time_steps == 1 else str(record.time_steps),
    "parameters": lambda record: f"{record.parameters:,}",
    "bits": lambda record: str(record.bits),
    "energy estimate": lambda record: f"{energy_nj(record):,.1f} nJ",
}


@guarded
def result_table(found: Iterable[Result]) -> Table:
    """A row a result, with all that its first record knows; what a network has not is shown as a dash."""
    return Table(list(COLUMNS), [[column(result.first) for column in COLUMNS.values()] for result in found])


# --- lessons --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """What a notebook says of itself."""

    name: str  # of its file, without the ending: the number and the topic
    title: str  # as it stands in its first line
    objectives: tuple[str, ...]  # what one can do afterwards, one sentence each
    writes_records: bool  # whether it writes any into the ledger


def read_lesson(name: str, notebook: NotebookNode) -> Lesson:
    """Read the first cell of a lesson, its title and numbered objectives, and whether any cell writes a record."""
    first = notebook.cells[0].source
    title = re.match(r"# (.+)", first)
    objectives = re.findall(r"^\d\. (.+(?:\n   .+)*)", first, re.MULTILINE)
    require(bool(title and objectives), f"first cell of {name}", first[:40], "one with a title and numbered objectives")
    writes = any(cell.cell_type == "code" and "ledger.write(" in cell.source for cell in notebook.cells)
    return Lesson(name, title[1], tuple(" ".join(text.split()).rstrip(",.") for text in objectives), writes)


def missing(lessons: Iterable[Lesson], records: Iterable[Record]) -> list[str]:
    """Names of the lessons that write records and have none."""
    found = {record.lesson for record in records}
    return [lesson.name for lesson in lessons if lesson.writes_records and lesson.name[3:] not in found]


def objective_table(lessons: Iterable[Lesson], folder: Path = Path()) -> Table:
    """A row a lesson: its title, as a link if its notebook lies in `folder`, and what one can do after it."""

    def title(lesson: Lesson) -> str:
        file = f"{lesson.name}.ipynb"
        return f"[{lesson.title}]({file})" if (folder / file).is_file() else lesson.title

    return Table(["lesson", "you can"], [(title(lesson), "; ".join(lesson.objectives)) for lesson in lessons])
