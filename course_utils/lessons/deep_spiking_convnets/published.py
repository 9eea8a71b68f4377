"""What the thesis and the talk report, as they print it, and what the experiments of this course measured beside it.

The thesis is P. Tsoukas, "Training spiking neural networks", University of Thessaly, 2023, tables 4.5 to 4.9. The talk
is D. L. Escudero, "Neuromorphic computing with spiking neural networks"; its own rows are those of E. Ledinauskas et
al., "Training deep spiking neural networks" (2020), arXiv:2006.04436. Lesson 12 says where the tables slip.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from course_utils.classroom.tables import Table
from course_utils.training.experiment import Experiment
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


OWN = "Our Work"  # as the thesis calls its own rows; the talk writes "This work"

TABLES: dict[str, tuple[Row, ...]] = {
    "thesis 4.5, CIFAR-10": (
        Row("Hunsberger and Eliasmith [23]", "Conversion", 82.95),
        Row("Esser et al. [22]", "Conversion", 89.32),
        Row("Rueckauer et al. [17]", "Conversion", 88.82),
        Row("Sengupta et al. [5]", "Conversion", 91.55),
        Row("Rathi et al. [6]", "Conversion + STDB", 92.22),
        Row("Stöckl and Maass [7]", "FS-conversion", 92.42),
        Row("Wu et al. [24]", "Spike-based BP", 90.53),
        Row("Lee et al. [14]", "Spike-based BP", 90.95),
        Row("Fang et al. [25]", "Surrogate gradient", 93.50),
        Row("Saeed Kheradpisheh and Maryam [26]", "Proxy", 93.11),
        Row("Wu et al. [27]", "Spike-based HP", 91.08),
        Row("Liu et al. [28]", "SABP", 91.03),
        Row(OWN, "Spike-based BP", 90.95),
    ),
    "thesis 4.6, MNIST": (
        Row("Diehl and Cook [29]", "STDP", 95.00),
        Row("Kheradpisheh et al. [30]", "STDP", 98.40),
        Row("Hunsberger and Eliasmith [31]", "Conversion", 98.37),
        Row("Diehl et al. [32]", "Conversion", 99.10),
        Row("Rueckauer et al. [33]", "Conversion", 99.44),
        Row("Lee et al. [34]", "Spike-based BP", 99.31),
        Row("Jin et al. [35]", "HM2-BP", 99.49),
        Row("Wu et al. [36]", "Spike-based BP", 99.42),
        Row("Lee et al. [37]", "STDP + spike-based BP", 99.28),
        Row("Lee et al. [38]", "Spike-based BP", 99.59),
        Row("Fang et al. [39]", "Surrogate gradient", 99.72),
        Row("Wu et al. [40]", "Spike-based HP", 99.50),
        Row("Liu et al. [28]", "SABP", 99.62),
        Row(OWN, "Spike-based BP", 99.50),
    ),
    "thesis 4.7, SVHN": (
        Row("Lee et al. [38]", "Spike-based BP", 96.21),
        Row(OWN, "Spike-based BP", 96.06),
    ),
    "thesis 4.8, N-MNIST": (
        Row("Hunsberger and Eliasmith [23]", "Conversion", None),
        Row("Esser et al. [22]", "Conversion", None),
        Row("Rueckauer et al. [17]", "Conversion", None),
        Row("Sengupta et al. [5]", "Conversion", None),
        Row("Rathi et al. [6]", "Conversion + STDB", None),
        Row("Stöckl and Maass [7]", "FS-conversion", None),
        Row("Wu et al. [24]", "Spike-based BP", 98.78),
        Row("Lee et al. [14]", "Spike-based BP", 99.09),
        Row("Fang et al. [25]", "Surrogate gradient", None),
        Row("Saeed Kheradpisheh and Maryam [26]", "Proxy", None),
        Row("Wu et al. [27]", "Spike-based HP", 99.53),
        Row("Liu et al. [28]", "SABP", None),
        Row(OWN, "Spike-based BP", 99.44),
    ),
    "talk, MNIST": (
        Row("Mozafari et al. [22]", "reward-modulated STDP", 97.2),
        Row("Tavanaei et al. [31]", "STDP + gradient descent", 98.6),
        Row("Lee et al. [18]", "backpropagation", 99.59),
        Row("This work", "backpropagation", 99.40),
    ),
    "talk, CIFAR-10": (
        Row("Wu et al. [32]", "backpropagation", 90.53),
        Row("Lee et al. [18]", "backpropagation", 90.95),
        Row("Han et al. [11]", "ANN-SNN conversion", 93.63),
        Row("Rathi et al. [24]", "ANN-SNN conversion", 92.94),
        Row("This work", "backpropagation", 90.20),
    ),
    "talk, CIFAR-100": (
        Row("Han et al. [11]", "VGG16, ANN-SNN conversion", 70.93),
        Row("Rathi et al. [24]", "VGG11, ANN-SNN conversion", 70.94),
        Row("This work", "Resnet50, backpropagation", 58.5),
    ),
}


class Models(NamedTuple):
    """A row of the thesis's table 4.9, CIFAR-10: accuracies in percent."""

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
    "mnist-quick": Target(own("thesis 4.6, MNIST"), own("talk, MNIST")),
    "nmnist-lenet5": Target(own("thesis 4.8, N-MNIST")),
    "svhn-vgg7": Target(own("thesis 4.7, SVHN")),
    "svhn-resnet7": Target(own("thesis 4.7, SVHN")),
    "cifar10-vgg9": Target(_BY_MODEL["VGG9"]),
    "cifar10-resnet9": Target(_BY_MODEL["ResNet9"]),
    "cifar10-resnet11": Target(_BY_MODEL["ResNet11"]),
    "cifar10-surrogate-bn": Target(talk=own("talk, CIFAR-10")),
    "cifar100-resnet50-bn": Target(talk=own("talk, CIFAR-100")),
}


def printed(name: str) -> Table:
    """A table of `TABLES` as its source prints it, but all accuracies to two decimals.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in TABLES:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(map(repr, TABLES))}")
    return Table(("author", "method", "accuracy (%)"), [(a, m, _percent(value)) for a, m, value in TABLES[name]])


def side_by_side(experiments: Mapping[str, Experiment], *folders: Path) -> Table:
    """For every experiment of `TARGETS`, and each of its models: what the sources report, and what we measured.

    What was measured comes first. A run without a record says by which command it is run. An experiment that is missing
    is left out.

    Args:
        experiments: by name.
        folders: of the records, as in `ledger.read`.
    """
    measured, not_run = [], []
    for name, target in TARGETS.items():
        if name not in experiments:
            continue
        records = experiments[name].records(*folders)
        for model in experiments[name].runs:
            found = [record for (of, _), record in records.items() if of == model]
            row = (name, _percent(target.thesis), _percent(target.talk), model, *_measured(name, model, found))
            (measured if found else not_run).append(row)
    columns = ("experiment", "thesis (%)", "talk (%)", "ours", "accuracy, 95 % interval", "baseline", "data and epochs")
    return Table(columns, measured + not_run)


def command(experiment: str, model: str) -> str:
    """The command line that runs a model of an experiment."""
    return f'course-experiment {experiment} --only "{model}"'


def _measured(experiment: str, model: str, found: list[Record]) -> tuple[str, str, str]:
    """Accuracy, baseline, data and epochs, of the first seed that was run."""
    if not found:
        return f"not run: `{command(experiment, model)}`", "", ""
    record = min(found, key=lambda record: record.seed)
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
