"""Shipped run times, as tables: what a training step costs, and how long a recipe takes beside a tutorial's.

`python noxfile.py -s benchmark -- steps peers` measures them anew, in seconds of one core's processor time.
"""

import json

from course_utils.classroom.tables import Table
from course_utils.data.locate import COURSE_ROOT

FOLDER = COURSE_ROOT / "data" / "benchmarks"


def steps() -> dict:
    """A training step of LeNet5, 20 time steps of 64 pictures, by everyone: `seconds`, `ratios` to the plain network,
    and `kept_mb_of_8_pictures`, what is kept for the way back, for each number of time steps."""
    return json.loads((FOLDER / "lenet5_step.json").read_text(encoding="utf-8"))


def peers() -> dict:
    """Two recipes for MNIST: `curves` of accuracy over seconds, and the first point `to` each goal, or None."""
    return json.loads((FOLDER / "peers.json").read_text(encoding="utf-8"))


def step_table() -> Table:
    """A row for everyone: seconds, times the plain network, MB kept per picture and time step."""
    found, rows = steps(), []
    for name, seconds in found["seconds"].items():
        fewest, *_, most = ((int(t), mb) for t, mb in found["kept_mb_of_8_pictures"][name].items())
        growth = (most[1] - fewest[1]) / (most[0] - fewest[0]) / 8
        rows.append((name, f"{seconds:.2f}", f"{found['ratios'][name]:.2f}", f"{growth:.2f}"))
    columns = "a training step of", "seconds", "times the plain network", "MB kept for a picture and a time step"
    return Table(columns, rows)


def peer_table() -> Table:
    """A row for each recipe: processor time to each accuracy on the validation images."""
    found, rows = peers(), []
    for name, to in found["to"].items():
        last = found["curves"][name][-1]
        late = f"not in {last['cpu_s']:.0f} s, {last['images']:,} images"
        at = (late if point is None else f"{point['cpu_s']:.0f} s, {point['images']:,} images" for point in to.values())
        rows.append((name, *at))
    return Table(("processor time to", *next(iter(found["to"].values()))), rows)
