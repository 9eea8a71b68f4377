"""An explorer at every corner of its controls."""

import io
import itertools
import warnings

import ipywidgets
import matplotlib.pyplot as plt
from PIL import Image

from course_utils.classroom.explorer import Explorer


def extremes(control: ipywidgets.ValueWidget) -> list:
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True]
    if hasattr(control, "options"):
        return [value for _, value in control._options_full]
    return [control.min, control.max]


def check_corners(explorer: Explorer) -> None:
    """Drawing works without a warning at all extremes, and says what it shows."""
    names = list(explorer.controls)
    for corner in itertools.product(*map(extremes, explorer.controls.values())):
        values = dict(zip(names, corner, strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure, alt = explorer._draw(**values)
            figure.canvas.draw()
        assert len(alt) > 20, values
        plt.close(figure)
    check_choices(explorer)


def check_choices(explorer: Explorer) -> None:
    """Every choice of a list has a picture of its own: whoever chooses sees that something happened."""
    for name, control in explorer.controls.items():
        if not isinstance(control, ipywidgets.Dropdown | ipywidgets.ToggleButtons):
            continue
        seen: dict[bytes, object] = {}
        before = control.value
        for choice in extremes(control):
            control.value = choice
            picture = Image.open(io.BytesIO(explorer.png)).tobytes()
            assert picture not in seen, f"{name}: {choice!r} looks like {seen[picture]!r}"
            seen[picture] = choice
        control.value = before
