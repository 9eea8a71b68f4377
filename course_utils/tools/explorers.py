"""Pictures of an explorer made beforehand, for pages on which no kernel runs.

`views.render` calls `export` in the kernel of a lesson that has just run. What it leaves beside the lesson, the site
shows: `notebooks/explorers/<topic>/<cell id>.zip`, which holds `positions.json` and one WebP file a position.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import ipywidgets
from ipywidgets.widgets.widget import _instances  # every widget that lives in this process, by its id
from PIL import Image

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.painter import Painter
from course_utils.data.files import writing

ALL = 150  # so many positions in all are taken as they are
GRID = 64  # pictures of an explorer with more: a grid of its sliders if each keeps at least 7 places, …
ALONE = 11  # … else one slider at a time, with so many places
COLOURS = 64  # of a picture; anti-aliased lines need no more, and a file has half the size


def export(shown: dict[str, str], folder: Path) -> None:
    """Write the pictures of the explorers that a lesson has shown, and remove those of earlier renders.

    An explorer that no longer draws what it drew at first is left out, and a line says so: its pictures would
    contradict the one in the lesson.

    Args:
        shown: the id of the cell that shows it, by the id of the widget.
        folder: of this lesson.

    Raises:
        CannotWrite: the folder cannot be written.
    """
    written = set()
    for widget, cell in shown.items():
        explorer = _instances.get(widget)
        if not isinstance(explorer, Explorer):
            continue
        start, (png, _) = next(iter(explorer._seen.items()))
        values, painter = dict(zip(explorer.controls, start, strict=True)), Painter()
        if painter.paint(lambda: explorer._draw(**values))[0] != png:  # noqa: B023
            print(f"{cell}: this explorer depends on more than its controls; no pictures of it are kept")
            continue
        with writing(folder / f"{cell}.zip") as part:
            _write(explorer, start, painter, part)
        written.add(f"{cell}.zip")
    for old in folder.glob("*.zip"):
        if old.name not in written:
            old.unlink()


def positions(counts: Sequence[int], start: Sequence[int]) -> list[tuple[int, ...]]:
    """Which places of some controls to draw, the start first.

    Args:
        counts: how many places each control has.
        start: the place each stands at.

    Returns:
        All combinations where there are at most `ALL`, else a coarser grid of at most `GRID`, else the places of one
        control at a time while the others stand at their start.
    """
    places = [list(range(count)) for count in counts]
    if prod(counts) > ALL:
        limit = next((n for n in range(15, 6, -1) if prod(min(c, n) for c in counts) <= GRID), None)
        places = [_thinned(c, limit or ALONE, s) for c, s in zip(counts, start, strict=True)]
        if limit is None:
            alone = [(*start[:k], place, *start[k + 1 :]) for k, some in enumerate(places) for place in some]
            return list(dict.fromkeys([tuple(start), *alone]))
    return list(dict.fromkeys([tuple(start), *product(*places)]))


def _thinned(count: int, limit: int, start: int) -> list[int]:
    """At most `limit` of `count` places, evenly from end to end, the start among them."""
    if count <= limit:
        return list(range(count))
    places = [round(k * (count - 1) / (limit - 1)) for k in range(limit)]
    if start not in places:
        nearest = min(range(1, limit - 1), key=lambda k: abs(places[k] - start))
        places[nearest] = start
    return sorted(places)


def _places(control: ipywidgets.ValueWidget, start: Any) -> tuple[list[Any], list[str], int]:
    """Every value of a control, how it reads, and the place of its start."""
    if hasattr(control, "options"):
        return list(control._options_values), list(control._options_labels), control._options_values.index(start)
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True], ["no", "yes"], int(start)
    count = int((control.max - control.min) / control.step + 1e-9) + 1
    values = [type(start)(round(control.min + k * control.step, 9)) for k in range(count)]
    nearest = min(range(count), key=lambda k: abs(values[k] - start))
    return values, [format(value, control.readout_format) for value in values], nearest


def _write(explorer: Explorer, start: tuple, painter: Painter, path: Path) -> None:
    names, controls = list(explorer.controls), list(explorer.controls.values())
    values, labels, first = zip(*map(_places, controls, start), strict=True)
    taken = positions([len(some) for some in values], first)
    kept = [sorted(set(column)) for column in zip(*taken, strict=True)]  # the places that a control has on the site
    index = {"controls": [], "pictures": []}
    for control, some, texts, place in zip(controls, kept, labels, first, strict=True):
        slider = isinstance(control, ipywidgets.IntSlider | ipywidgets.FloatSlider | ipywidgets.SelectionSlider)
        stands = {"labels": [texts[k] for k in some], "start": some.index(place), "whole": len(some) == len(texts)}
        index["controls"].append({"name": control.description, "slider": slider, **stands})
    with zipfile.ZipFile(path, "w") as archive:  # stored, each file dated alike: the same pictures are the same bytes
        for number, at in enumerate(taken):
            chosen = {name: some[place] for name, some, place in zip(names, values, at, strict=True)}
            png, alt = painter.paint(lambda: explorer._draw(**chosen))  # noqa: B023
            archive.writestr(zipfile.ZipInfo(f"{number}.webp"), _small(png))
            places = [some.index(place) for some, place in zip(kept, at, strict=True)]
            index["pictures"].append({"at": places, "alt": alt})
        archive.writestr(zipfile.ZipInfo("positions.json"), json.dumps(index, ensure_ascii=False))


def _small(png: bytes) -> bytes:
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "webp", lossless=True, quality=50, method=2)
    return buffer.getvalue()
