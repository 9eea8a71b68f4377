"""An experiment: models, each trained from several seeds, every run ending in a record that tables read."""

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_utils.classroom.tables import Table
from course_utils.training import ledger
from course_utils.training.ledger import Record
from course_utils.training.loop import History, fit

Run = Callable[[int, Path], Record]  # (seed, checkpoint) to what was measured


@dataclass(frozen=True)
class Experiment:
    """Models to train and seeds to train them from.

    Attributes:
        name: what the command line calls it.
        about: one line for the list.
        runs: how each model, by its name in tables, is trained and tested from a seed. The checkpoint is a file in
            which the run may keep what it needs to go on after an interruption.
        seeds: the seeds of every model.
        heavy: names of runs that wait for a graphics card: without one they run only if they are asked for by name.
    """

    name: str
    about: str
    runs: Mapping[str, Run]
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    heavy: frozenset[str] = frozenset()

    def records(self, *folders: Path) -> dict[tuple[str, int], Record]:
        """What has been measured so far, by model and seed. `folders` as in `ledger.read`."""
        return {(record.model, record.seed): record for record in ledger.read(None, *folders, experiment=self.name)}

    def run(
        self, folder: Path | None = None, *, seeds: Sequence[int] | None = None, models: Sequence[str] | None = None
    ) -> Iterator[Record]:
        """Run what has no record in the folder yet, one model and seed after the other, and write each record.

        An interrupted run goes on from its checkpoint at the next call.

        Args:
            folder: where records and, while a run is under way, checkpoints are kept; as in `ledger.write` if None.
            seeds: only these.
            models: only these; None takes all that this machine can be asked to do.

        Yields:
            Each record as soon as it is written.

        Raises:
            ValueError: a seed or a model is none of the experiment's.
        """
        folder = folder or ledger.mine()
        if unknown := set(seeds or ()) - set(self.seeds):
            raise ValueError(f"seeds hold {sorted(unknown)}; {self.name} has {list(self.seeds)}")
        if unknown := set(models or ()) - set(self.runs):
            raise ValueError(f"models hold {sorted(unknown)}; {self.name} has {list(self.runs)}")
        wanted = set(models or (self.runs if torch.cuda.is_available() else self.runs.keys() - self.heavy))
        done = self.records(folder)
        for number, (model, run) in enumerate(self.runs.items(), start=1):
            if model not in wanted:
                continue
            for seed in seeds or self.seeds:
                if (model, seed) in done:
                    continue
                checkpoint = folder / "unfinished" / f"{self.name}-{number}-seed{seed}.pt"
                record = replace(run(seed, checkpoint), experiment=self.name, model=model, seed=seed)
                if os.environ.get("RANK", "0") == "0":  # of the processes that torchrun starts the first one writes
                    ledger.write(record, folder)
                    for file in checkpoint.parent.glob(f"{checkpoint.stem}.*"):
                        file.unlink()
                yield record

    def table(self, *folders: Path, models: Sequence[str] | None = None) -> Table:
        """Accuracies of the test sets, a row a model, a column a seed; then the lowest, the mean, the baseline's mean.

        A run without a record says "not run". `folders` as in `ledger.read`; `models` picks rows.
        """
        records = self.records(*folders)
        rows = []
        for model in models or self.runs:
            row = [records.get((model, seed)) for seed in self.seeds]
            found = [record for record in row if record is not None]
            cells = ["not run" if record is None else f"{record.accuracy:.2%}" for record in row]
            if found:
                cells += [
                    f"{min(record.accuracy for record in found):.2%}",
                    f"{statistics.mean(record.accuracy for record in found):.2%}",
                    f"{statistics.mean(r.baseline['accuracy'] for r in found):.2%} ({found[0].baseline['name']})",
                ]
            else:
                cells += ["", "", ""]
            rows.append((model, *cells))
        return Table(["model", *(f"seed {seed}" for seed in self.seeds), "lowest", "mean", "baseline, mean"], rows)


def fit_whole(model: nn.Module, *data: Any, epochs: int, **how: Any) -> History:
    """`training.fit`, to the end. In a lesson an interrupted `fit` keeps the half-trained model; a record must not.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    history = fit(model, *data, epochs=epochs, **how)
    if len(history.loss) < epochs:
        raise KeyboardInterrupt
    return history
