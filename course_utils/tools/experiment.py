"""Run an experiment, or go on with one that was interrupted."""

import argparse
from pathlib import Path

from course_utils.lessons.deep_spiking_convnets import experiment as deep
from course_utils.lessons.event_vision import experiment as events
from course_utils.lessons.harder_stripes import experiment as harder
from course_utils.lessons.hardware_quantization import experiment as chips
from course_utils.lessons.hardware_quantization import experiment_emulators as emulators
from course_utils.lessons.hardware_quantization import experiment_energy as energy
from course_utils.lessons.hardware_quantization import experiment_xylo as xylo
from course_utils.lessons.nengodl_conversion import experiment as rates
from course_utils.lessons.stdp import experiment as stdp
from course_utils.lessons.stripe_snn import experiment as stripes
from course_utils.lessons.vehicles import experiment as vehicles
from course_utils.training.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        *stripes.EXPERIMENTS,
        *harder.EXPERIMENTS,
        *stdp.EXPERIMENTS,
        *deep.EXPERIMENTS,
        *events.EXPERIMENTS,
        *chips.EXPERIMENTS,
        *emulators.EXPERIMENTS,
        *energy.EXPERIMENTS,
        *rates.EXPERIMENTS,
        *vehicles.EXPERIMENTS,
        *xylo.EXPERIMENTS,
    )
}


def main(arguments: list[str] | None = None) -> None:
    """Command line: `course-experiment --list`, or `NAME [--seeds 0 1] [--only MODEL] [--to FOLDER]` for `--list`."""
    parser = argparse.ArgumentParser(prog="course-experiment", description=__doc__)
    parser.add_argument("name", nargs="?", choices=EXPERIMENTS, metavar="NAME", help="which one, see --list")
    parser.add_argument("--list", action="store_true", help="name the experiments and how much of each was run")
    parser.add_argument("--seeds", nargs="+", type=int, help="only these seeds")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="only these models, also those that want a GPU")
    parser.add_argument("--to", type=Path, help="folder of the records; data/results/mine if not given")
    options = parser.parse_args(arguments)
    if options.list or options.name is None:
        for experiment in EXPERIMENTS.values():
            runs = len(experiment.runs) * len(experiment.seeds)
            print(f"{experiment.name:20} {experiment.about} ({len(experiment.records())} of {runs} runs recorded)")
        return
    experiment = EXPERIMENTS[options.name]
    try:
        for record in experiment.run(options.to, seeds=options.seeds, models=options.only):
            print(f"{record.model}, seed {record.seed}: {record.accuracy:.2%}", flush=True)
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on from here.")
    print(experiment.table(*([options.to] if options.to else [])))


if __name__ == "__main__":
    main()
