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


class Row(NamedTuple):
    """A row as printed: author with the number of the reference, method, accuracy in percent or None for a dash."""

    author: str
    method: str
    accuracy: float | None


with Path(__file__).with_name("published.csv").open(encoding="utf-8", newline="") as _file:
    _ROWS = [(name, Row(author, method, float(accuracy) if accuracy else None))
             for name, author, method, accuracy in [*csv.reader(_file)][1:]]  # fmt: skip
TABLES = {name: tuple(row for of, row in _ROWS if of == name) for name, _ in _ROWS}  # "thesis 4.5, CIFAR-10": …


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
    require(table in TABLES, "table", table, f"one of {', '.join(map(repr, TABLES))}")
    return TABLES[table][-1].accuracy


_VGG9, _RESNET9, _RESNET11 = (row.own for row in TABLE_4_9)
TARGETS = {
    "mnist-lenet5": Target(own("thesis 4.6, MNIST"), own("talk, MNIST")),
    "mnist-hybrid": Target(own("thesis 4.6, MNIST"), own("talk, MNIST")),
    "nmnist-lenet5": Target(own("thesis 4.8, N-MNIST")),
    **dict.fromkeys(("svhn-vgg7", "svhn-resnet7", "svhn-hybrid"), Target(own("thesis 4.7, SVHN"))),
    "cifar10-vgg9": Target(_VGG9),
    "cifar10-resnet9": Target(_RESNET9),
    "cifar10-resnet11": Target(_RESNET11),
    "cifar10-hybrid": Target(_RESNET11, own("talk, CIFAR-10")),
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
        runs = ledger.runs(name, *folders)
        for model in known[name].models:
            row = name, *map(_percent, TARGETS[name]), model
            seeds = [seed for of, seed in runs if of == model]
            if not seeds:
                not_run.append((*row, f'not run: `course-experiment {name} --only "{model}"`', "", ""))
                continue
            record = runs[model, min(seeds)]
            low, high = record.accuracy_interval
            data, epochs = record.data, record.config["epochs"]
            measured.append((
                *row,
                f"{record.accuracy:.2%} ({low:.2%} to {high:.2%})",
                f"{record.baseline['accuracy']:.2%} ({record.baseline['name']})",
                f"{data['source']}: {data['train']:,} to learn from, {epochs} epoch{'s' * (epochs > 1)}, "
                f"{data['test']:,} for the test",
            ))  # fmt: skip
    columns = ("experiment", "thesis (%)", "talk (%)", "ours", "accuracy, 95 % interval", "baseline", "data and epochs")
    return Table(columns, measured + not_run)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
