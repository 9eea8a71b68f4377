"""An experiment: models, each trained from several seeds, every run ending in a record that tables read.
What a run is made of stands in `measuring`.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course_utils.data.files import try_to_write
from course_utils.training import ledger
from course_utils.training.ledger import Described, Record


@dataclass(frozen=True)
class Experiment:
    """Models to train and seeds to train them from.

    `runs` says how each model, by its name in tables, is trained and tested: (seed, checkpoint) to a record. The
    checkpoint is a file in which the run may keep what it needs to go on after an interruption.
    """

    name: str  # what the command line calls it
    about: str  # one line for the list
    runs: Mapping[str, Callable[[int, Path], Record]]
    seeds: Sequence[int] = (0, 1, 2, 3, 4)  # of every model

    def run(
        self, folder: Path | None = None, *, seeds: Sequence[int] | None = None, models: Sequence[str] | None = None
    ) -> Iterator[Record]:
        """Run what has no record in the folder yet, one model and seed after the other, and write each record.

        An interrupted run goes on from its checkpoint at the next call. Each record comes as soon as it is written.

        Args:
            folder: where records and, while a run is under way, checkpoints are kept; as in `ledger.write` if None.
            seeds: only these of the experiment's; None takes all.
            models: the same for the models.

        Raises:
            CannotWrite: the folder cannot be written; nothing was trained then.
        """
        folder = folder or ledger.mine()
        for name, wanted, known in (("seeds", seeds, self.seeds), ("models", models, self.runs)):
            if unknown := set(wanted or ()) - set(known):
                raise ValueError(f"{name} hold {sorted(unknown)}; {self.name} has {list(known)}")
        wanted = set(models or self.runs)
        writes = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts the first one writes
        if writes:
            try_to_write(folder / "unfinished")
            ledger.describe(self.name, Described(self.about, list(self.runs), list(self.seeds)), folder)
        for number, (model, run) in enumerate(self.runs.items(), start=1):
            for seed in seeds or self.seeds:
                if model not in wanted or (model, seed) in ledger.runs(self.name, folder):  # somebody's by now
                    continue
                checkpoint = folder / "unfinished" / f"{self.name}-{number}-seed{seed}.safetensors"
                record = replace(run(seed, checkpoint), experiment=self.name, model=model, seed=seed)
                if writes:
                    ledger.write(record, folder)
                    for file in checkpoint.parent.glob(f"{checkpoint.stem}.*"):
                        file.unlink(missing_ok=True)  # another process may have been faster
                yield record
