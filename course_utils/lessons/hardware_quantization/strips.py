"""Many chips as points."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from course_utils.classroom.plots import BLUE, ORANGE


def strips(found: Mapping[str, Sequence[float]], ax: Axes, *, horizontal: bool = False) -> None:
    """Accuracies, 0 to 1, as points side by side, and a bar at the median of several; a strip for each name.

    An empty list leaves its strip empty. Names stand below the strips, or on the left if those are horizontal.
    """
    for place, (values, marker) in enumerate(zip(found.values(), "osD^vPXdp*" * 9, strict=False)):
        if not len(values):
            continue
        percent = 100 * np.asarray(values)
        several = len(percent) > 1
        beside = place + several * np.random.default_rng(0).uniform(-0.28, 0.28, len(percent))
        points = (percent, beside) if horizontal else (beside, percent)
        ax.plot(*points, marker, ms=5, mew=0, alpha=0.6, ls="", color=BLUE)
        if several:
            across = [np.median(percent)] * 2, [place - 0.38, place + 0.38]
            ax.plot(*(across if horizontal else across[::-1]), "-", color=ORANGE, lw=2.5, solid_capstyle="butt")
    names, places = list(found), range(len(found))
    lowest = min((min(values) for values in found.values() if len(values)), default=0.45)
    reach = (100 * min(lowest, 0.9) - 3, 101.5)
    if horizontal:
        ax.set(yticks=places, yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlim=reach, xlabel="right (%)")
    else:
        ax.set(xticks=places, xticklabels=names, xlim=(-0.5, len(names) - 0.5), ylim=reach)
