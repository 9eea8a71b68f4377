"""The pictures that an explorer leaves for pages without a kernel: which positions, and that they are what it draws."""

import io
import json
import zipfile
from math import prod

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils.classroom.explorer import Explorer
from course_utils.tools.explorers import ALL, ALONE, GRID, export, positions

CONTROLS = st.lists(st.integers(1, 120), min_size=1, max_size=5)


@given(CONTROLS, st.data())
def test_the_start_comes_first_and_each_control_moves(counts: list[int], data: st.DataObject) -> None:
    start = [data.draw(st.integers(0, count - 1)) for count in counts]
    taken = positions(counts, start)
    assert taken[0] == tuple(start) and len(set(taken)) == len(taken) <= max(ALL, GRID, ALONE * len(counts))
    for control, count in enumerate(counts):
        places = {
            at[control] for at in taken if [*at[:control], *at[control + 1 :]] == start[:control] + start[control + 1 :]
        }
        assert {0, count - 1} <= places, "each control reaches both its ends from the start"
    if prod(counts) <= ALL:
        assert len(taken) == prod(counts)


def draw(height: float, kind: str) -> tuple[plt.Figure, str]:
    figure, ax = plt.subplots(figsize=(2, 1.5))
    ax.bar([0], height, color="#0072B2" if kind == "blue" else "#D55E00")
    ax.set(ylim=(0, 4))
    return figure, f"One bar, {kind}, of height {height:g}."


def explorer() -> Explorer:
    height = ipywidgets.FloatSlider(0.3, min=0.1, max=3, step=0.1, readout_format=".1f")
    return Explorer(draw, height=height, kind=ipywidgets.Dropdown(options=["blue", "orange"]))


def test_an_archive_holds_each_picture_with_its_text_and_is_the_same_bytes_again(tmp_path) -> None:
    here = explorer()
    here.controls["height"].value = 2.0  # moved by a learner, or a later cell: the start is where it began
    (tmp_path / "old.zip").touch()
    export({here.model_id: "cell", here.picture.model_id: "no explorer"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cell.zip"]
    first = (tmp_path / "cell.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "cell.zip") as archive:
        index = json.loads(archive.read("positions.json"))
        height, kind = index["controls"]
        assert (height["labels"][height["start"]], kind["labels"]) == ("0.3", ["blue", "orange"])
        assert height["slider"] and height["whole"] and not kind["slider"]
        assert len(index["pictures"]) == 60
        at = index["pictures"].index({"at": [9, 1], "alt": "One bar, orange, of height 1."})
        picture = np.asarray(Image.open(io.BytesIO(archive.read(f"{at}.webp"))).convert("RGB")).astype(int)
        assert (abs(picture - (213, 94, 0)).sum(-1) < 12).sum() > 1000, "an orange bar"
    export({explorer().model_id: "cell"}, tmp_path)
    assert (tmp_path / "cell.zip").read_bytes() == first


def test_an_explorer_that_changes_by_itself_is_left_out(tmp_path, capsys) -> None:
    heights = iter([1.0, 2.0, 3.0])
    restless = Explorer(lambda kind: draw(next(heights), kind), kind=["blue", "orange"])
    export({restless.model_id: "cell"}, tmp_path)
    assert list(tmp_path.iterdir()) == [] and "cell: this explorer depends on more" in capsys.readouterr().out
