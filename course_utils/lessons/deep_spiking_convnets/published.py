"""What the thesis and the talk report, as they print it, and what the experiments of this course measured beside it.

The thesis is P. Tsoukas, "Training spiking neural networks", University of Thessaly, 2023, tables 4.5 to 4.9. The talk
is D. L. Escudero, "Neuromorphic computing with spiking neural networks"; its own rows are those of E. Ledinauskas et
al., "Training deep spiking neural networks" (2020), arXiv:2006.04436. The lesson says where the tables slip.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from course_utils.classroom.tables import Table
from course_utils.data.require import require
from course_utils.training import ledger
from course_utils.training.ledger import Record


class Row(NamedTuple):
    """A row of a printed table.

    Attributes:
        author: as printed, with the number of the reference.
        method: as printed.
        accuracy: in percent; None where the table has a dash.
    """

    author: str
    method: str
    accuracy: float | None


def _tables() -> dict[str, tuple[Row, ...]]:
    tables: dict[str, tuple[Row, ...]] = {}
    with Path(__file__).with_name("published.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            accuracy = float(row["accuracy"]) if row["accuracy"] else None
            tables[row["table"]] = (*tables.get(row["table"], ()), Row(row["author"], row["method"], accuracy))
    return tables


TABLES = _tables()  # by name: "thesis 4.5, CIFAR-10", …


class Models(NamedTuple):
    """A row of the thesis's table 4.9, CIFAR-10: accuracies of a model in percent, by how it was made."""

    model: str
    ann: float
    converted: float
    lee: float
    own: float


TABLE_4_9 = (
    Models("VGG9", 91.98, 92.01, 90.45, 90.45),
    Models("ResNet9", 91.85, 91.59, 90.35, 90.26),
    Models("ResNet11", 91.87, 91.65, 90.95, 90.86),
)


class Target(NamedTuple):
    """The figures that one of our experiments stands beside, in percent; None where a source has none."""

    thesis: float | None = None
    talk: float | None = None


def own(table: str) -> float:
    """The accuracy that a source reports for its own work, in percent, by the name of its table in `TABLES`."""
    return TABLES[table][-1].accuracy


_BY_MODEL = {row.model: row.own for row in TABLE_4_9}

TARGETS: dict[str, Target] = {
    "mnist-lenet5": Target(own("thesis 4.6, MNIST"), own("talk, MNIST")),
    "mnist-hybrid": Target(own("thesis 4.6, MNIST"), own("talk, MNIST")),
    "nmnist-lenet5": Target(own("thesis 4.8, N-MNIST")),
    "svhn-vgg7": Target(own("thesis 4.7, SVHN")),
    "svhn-resnet7": Target(own("thesis 4.7, SVHN")),
    "svhn-hybrid": Target(own("thesis 4.7, SVHN")),
    "cifar10-vgg9": Target(_BY_MODEL["VGG9"]),
    "cifar10-resnet9": Target(_BY_MODEL["ResNet9"]),
    "cifar10-resnet11": Target(_BY_MODEL["ResNet11"]),
    "cifar10-hybrid": Target(_BY_MODEL["ResNet11"], own("talk, CIFAR-10")),
    "cifar10-surrogate-bn": Target(talk=own("talk, CIFAR-10")),
}


def printed(name: str) -> Table:
    """A table of `TABLES` as its source prints it, but all accuracies to two decimals."""
    require(name in TABLES, "name", name, f"one of {', '.join(map(repr, TABLES))}")
    return Table(("author", "method", "accuracy (%)"), [(a, m, _percent(value)) for a, m, value in TABLES[name]])


def side_by_side(*folders: Path) -> Table:
    """For every experiment of `TARGETS`, and each of its models: what the sources report, and what we measured.

    What was measured comes first, from the first seed that was run. A run without a record says by which command it is
    run. An experiment that no file tells of is left out. `folders` as in `ledger.read`.
    """
    known, measured, not_run = ledger.experiments(*folders), [], []
    for name in (name for name in TARGETS if name in known):
        runs, (thesis, talk) = ledger.runs(name, *folders), map(_percent, TARGETS[name])
        for model in known[name].models:
            seeds = [seed for of, seed in runs if of == model]
            if seeds:
                measured.append((name, thesis, talk, model, *_cells(runs[model, min(seeds)])))
            else:
                command = f'course-experiment {name} --only "{model}"'
                not_run.append((name, thesis, talk, model, f"not run: `{command}`", "", ""))
    columns = ("experiment", "thesis (%)", "talk (%)", "ours", "accuracy, 95 % interval", "baseline", "data and epochs")
    return Table(columns, measured + not_run)


def _cells(record: Record) -> tuple[str, str, str]:
    """Accuracy, baseline, data and epochs."""
    low, high = record.accuracy_interval
    data, epochs = record.data, record.config["epochs"]
    return (
        f"{record.accuracy:.2%} ({low:.2%} to {high:.2%})",
        f"{record.baseline['accuracy']:.2%} ({record.baseline['name']})",
        f"{data['source']}: {data['train']:,} to learn from, {epochs} epoch{'s' * (epochs > 1)}, "
        f"{data['test']:,} for the test",
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
