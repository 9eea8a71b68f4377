"""Figures of one kind, one after another, fast: what they share is worked out once."""

import io
from collections.abc import Callable
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator
from matplotlib.transforms import Bbox
from PIL import Image

from course_utils.classroom.plots import to_png


class Places(NamedTuple):
    """Where a drawn figure put one of its axes and that one's labels (these in shares of its width and height)."""

    axes: Bbox
    label_below: tuple[float, float]
    label_beside: tuple[float, float]


class Painter:
    """Turns figures of one kind into PNG files.

    Finding a layout, measuring texts and setting formulas take as long as drawing. So the figures after the first one
    keep its places of axes and labels, and its renderer, which remembers texts and formulas. A figure of another size,
    resolution, style or number of axes is the first of its kind again.
    """

    def __init__(self) -> None:
        self._places: list[Places] = []
        self._renderer: RendererAgg | None = None
        self._kind: tuple = ()

    def paint(self, draw: Callable[[], tuple[Figure, str]]) -> tuple[bytes, str]:
        """What `draw` draws with pyplot, as a PNG file, and its alt text. What it opened is closed, come what may."""
        open_before = plt.get_fignums()
        try:
            with plt.rc_context({"figure.constrained_layout.use": self._renderer is None}):
                figure, alt = draw()
            thin_scales(figure)
            if (kind := kind_of(figure)) == self._kind:
                return self._paint_next(figure), alt
            if self._renderer is not None:  # drawn as if it would be laid out like the last one
                figure.set_layout_engine("constrained")
            png, self._kind = self._paint_first(figure), kind
            return png, alt
        finally:
            for number in set(plt.get_fignums()) - set(open_before):
                plt.close(number)

    def _paint_first(self, figure: Figure) -> bytes:
        png = to_png(figure)  # small: it goes into the file of the notebook
        self._places = [
            Places(ax.get_position(original=True), label_place(ax.xaxis), label_place(ax.yaxis)) for ax in figure.axes
        ]
        self._renderer = RendererAgg(*figure.canvas.get_width_height(physical=True), figure.dpi)
        return png

    def _paint_next(self, figure: Figure) -> bytes:
        for ax, places in zip(figure.axes, self._places, strict=True):
            ax.set_position(places.axes)
            ax.xaxis.set_label_coords(*places.label_below)
            ax.yaxis.set_label_coords(*places.label_beside)
        self._renderer.clear()
        figure.draw(self._renderer)
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(self._renderer.buffer_rgba())).save(buffer, "png", compress_level=1)
        return buffer.getvalue()


def kind_of(figure: Figure) -> tuple:
    """What figures must share to be laid out alike."""
    style = (plt.rcParams[name] for name in ("font.size", "axes.labelsize", "axes.titlesize", "savefig.dpi"))
    return figure.dpi, *figure.get_size_inches(), len(figure.axes), *plt.rcParams["font.family"], *style


def thin_scales(figure: Figure) -> None:
    """Leaves about five ticks on each scale: they read as well as ten, and a tick takes as long to draw as a curve."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if isinstance(axis.get_major_locator(), AutoLocator):
                axis.get_major_locator().set_params(nbins=4)


def label_place(axis: Axis) -> tuple[float, float]:
    """Where a drawn axis put its label, in shares of the axes' width and height."""
    x, y = axis.label.get_transform().transform(axis.label.get_position())
    return tuple(axis.axes.transAxes.inverted().transform((x, y)))
