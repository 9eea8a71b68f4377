"""Sliders beside a picture that a pure function draws from their values."""

import base64
import html
from collections.abc import Callable
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from course_utils.classroom.painter import Painter

Draw = Callable[..., tuple[Figure, str]]  # the figure and its alt text


class Explorer(ipywidgets.VBox):
    """Controls above a picture. When one is released, `draw(**values)` makes a new picture.

    Where no front end runs widgets (a web page, a test), the picture for the first values stands in their place. An
    error in `draw` stands where the picture would: an old one would tell of other values.

    Args:
        draw: takes the controls' values by name; returns a figure and its alt text. It changes nothing.
        controls: a widget for each argument of `draw`.
    """

    def __init__(self, draw: Draw, **controls: ipywidgets.ValueWidget):
        self._draw = draw
        self.controls = controls
        self.picture = ipywidgets.HTML()
        self._painter = Painter()
        self._seen: dict[tuple, tuple[bytes, str]] = {}
        for name, control in controls.items():
            control.description = control.description or name.replace("_", " ")
            control.style = {"description_width": "120px"}  # not in em: a slide's letters are larger
            control.layout.width = "420px"
            if hasattr(control, "continuous_update"):
                control.continuous_update = False
            control.observe(self._redraw, "value")
        super().__init__([*controls.values(), self.picture])
        self._redraw()

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say now, by name."""
        return {name: control.value for name, control in self.controls.items()}

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


def image_html(png: bytes, alt: str) -> str:
    """A PNG as an HTML element that carries its own data."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}" style="max-width:100%">'


def with_fallback(bundle: dict, data: dict, metadata: dict | None = None) -> tuple[dict, dict]:
    """What a widget shows, plus what stands in its place where widgets do not run."""
    return {**bundle, **data}, metadata or {}
