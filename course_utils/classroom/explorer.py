"""Sliders beside a picture that a pure function draws from their values."""

import base64
import html
import math
from collections.abc import Callable
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from course_utils.classroom.painter import Painter
from course_utils.data.require import require

Draw = Callable[..., tuple[Figure, str]]  # the figure and its alt text


class Explorer(ipywidgets.VBox):
    """Controls above a picture. When one is released, `draw(**values)` makes a new picture.

    Where no front end runs widgets (a web page, a test), the picture for the first values stands in their place. An
    error in `draw` stands where the picture would: an old one would tell of other values.

        stripe_explorer = partial(Explorer, draw_stripes, size=(16, 12, 32), orientation=ORIENTATIONS)

    Args:
        draw: takes the controls' values by name; returns a figure and its alt text. It changes nothing.
        controls: for each argument of `draw` a widget, or what `control` makes one of.
    """

    def __init__(self, draw: Draw, **controls: ipywidgets.ValueWidget | tuple | list | bool):
        self._draw = draw
        self.controls = controls = {name: control(made_of) for name, made_of in controls.items()}
        self.picture = ipywidgets.HTML()
        self._painter = Painter()
        self._seen: dict[tuple, tuple[bytes, str]] = {}
        for name, widget in controls.items():
            widget.description = widget.description or name.replace("_", " ").replace(" ms", " (ms)")
            widget.style = {"description_width": "120px"}  # not in em: a slide's letters are larger
            widget.layout.width = "420px"
            if hasattr(widget, "continuous_update"):
                widget.continuous_update = False
            widget.observe(self._redraw, "value")
        super().__init__([*controls.values(), self.picture])
        self._redraw()

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say now, by name."""
        return {name: widget.value for name, widget in self.controls.items()}

    def _redraw(self, _: object = None) -> None:
        values = tuple(self.values.values())
        try:
            if values not in self._seen:  # coming back costs nothing: `draw` depends on its arguments alone
                self._seen[values] = self._painter.paint(lambda: self._draw(**self.values))
        except Exception as error:
            if not self._seen:
                raise  # of the first picture a cell shows all that there is to see
            why = html.escape(f"{type(error).__name__}: {error}")
            self.picture.value = f"<p><b>No picture for these values.</b> {why}</p>"
            return
        self.png, self.alt = self._seen[values]
        self.picture.value = image_html(self.png, self.alt)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | dict:
        return with_fallback(
            super()._repr_mimebundle_(**kwargs), {"image/png": self.png}, {"image/png": {"alt": self.alt}}
        )


def control(made_of: ipywidgets.ValueWidget | tuple | list | bool) -> ipywidgets.ValueWidget:
    """A box to tick for a truth value, a menu for texts, a slider for (value, least, most), (…, step) or (…, name)."""
    if isinstance(made_of, ipywidgets.Widget):
        return made_of
    if isinstance(made_of, bool):
        return ipywidgets.Checkbox(made_of)
    require(bool(made_of), "made_of", made_of, "a value and its range, or texts to choose from")
    if isinstance(made_of[0], str):
        return ipywidgets.Dropdown(options=made_of)
    value, least, most, step, *_ = numbers = [part for part in made_of if not isinstance(part, str)] + [1]
    require(all(map(math.isfinite, numbers)) and least <= value <= most, "made_of", made_of, "(value, least, most, …)")
    named = {"description": made_of[-1]} if isinstance(made_of[-1], str) else {}
    if all(isinstance(number, int) for number in numbers):
        return ipywidgets.IntSlider(value, least, most, step, **named)
    places = len(str(step).partition(".")[2])
    return ipywidgets.FloatSlider(value, min=least, max=most, step=step, readout_format=f".{places}f", **named)


def image_html(png: bytes, alt: str) -> str:
    """A PNG as an HTML element that carries its own data."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}" style="max-width:100%">'


def with_fallback(bundle: dict, data: dict, metadata: dict | None = None) -> tuple[dict, dict]:
    """What a widget shows, plus what stands in its place where widgets do not run."""
    return {**bundle, **data}, metadata or {}
