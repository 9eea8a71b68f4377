"""Sliders beside a picture that a pure function draws from their values."""

import base64
import html
from collections.abc import Callable
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator
from matplotlib.transforms import Bbox

from course_utils.plots import to_png

Draw = Callable[..., tuple[Figure, str]]  # the figure and its alt text
Place = tuple[float, float]


class Explorer(ipywidgets.VBox):
    """Controls above a picture. When one is released, `draw(**values)` makes a new picture.

    Where no front end runs widgets (a web page, a test), the picture for the first values stands in their place.

    Args:
        draw: takes the controls' values by name; returns a figure and its alt text. It changes nothing.
        controls: a widget for each argument of `draw`.
    """

    def __init__(self, draw: Draw, **controls: ipywidgets.ValueWidget):
        self._draw = draw
        self.controls = controls
        self.picture = ipywidgets.HTML()
        self._places: list[tuple[Bbox, Place, Place]] = []
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
        if values not in self._seen:  # coming back to a picture costs nothing: `draw` depends on its arguments alone
            self._seen[values] = self._picture()
        self.png, self.alt = self._seen[values]
        self.picture.value = image_html(self.png, self.alt)

    def _picture(self) -> tuple[bytes, str]:
        # Finding a layout takes as long as drawing. It is found once; later pictures keep the places of axes and labels.
        with plt.rc_context({"figure.constrained_layout.use": not self._places}):
            figure, alt = self._draw(**self.values)
        for ax in figure.axes:  # a tick costs as much as a curve; a scale of five is read as well as one of nine
            for axis in (ax.xaxis, ax.yaxis):
                if isinstance(axis.get_major_locator(), AutoLocator):
                    axis.get_major_locator().set_params(nbins=4)
        if len(self._places) == len(figure.axes):
            for ax, (place, below, beside) in zip(figure.axes, self._places, strict=True):
                ax.set_position(place)
                ax.xaxis.set_label_coords(*below)
                ax.yaxis.set_label_coords(*beside)
        # the first picture goes into the file of the notebook, the later ones keep somebody waiting
        png = to_png(figure, compress_level=1 if self._places else 9)
        self._places = [
            (ax.get_position(original=True), label_place(ax.xaxis), label_place(ax.yaxis)) for ax in figure.axes
        ]
        plt.close(figure)
        return png, alt

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | dict:
        return with_fallback(
            super()._repr_mimebundle_(**kwargs), {"image/png": self.png}, {"image/png": {"alt": self.alt}}
        )


def label_place(axis: Axis) -> Place:
    """Where a drawn axis put its label, as a share of the axes' width and height."""
    label = axis.label
    return tuple(axis.axes.transAxes.inverted().transform(label.get_transform().transform(label.get_position())))


def image_html(png: bytes, alt: str) -> str:
    """A PNG as an HTML element that carries its own data."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}" style="max-width:100%">'


def with_fallback(bundle: dict, data: dict, metadata: dict | None = None) -> tuple[dict, dict]:
    """What a widget shows, plus what stands in its place where widgets do not run."""
    return {**bundle, **data}, metadata or {}
