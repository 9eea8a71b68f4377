"""Explorer and Prediction without a front end."""

import base64
import io
import re
from collections.abc import Callable, Iterator

import ipywidgets
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from PIL import Image

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.prediction import Prediction
from tests.corners import check_corners

mpl.use("agg")


@pytest.fixture(autouse=True)
def no_figure_is_left_open() -> Iterator[None]:
    plt.close("all")
    yield
    assert plt.get_fignums() == []


def line(slope: float = 1.0, dashed: bool = False) -> tuple[Figure, str]:
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, slope], "--" if dashed else "-")
    ax.set_ylim(-5, 5)
    return figure, f'A line of slope {slope} <"{"dashed" if dashed else "solid"}">'


def explorer() -> Explorer:
    return Explorer(line, slope=ipywidgets.FloatSlider(value=1, min=-5, max=5), dashed=ipywidgets.Checkbox())


def shown_png(html: str) -> bytes:
    return base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', html)[1])


def is_png(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
        return image.format == "PNG"


# --- Explorer -----------------------------------------------------------------------------------------------------


def test_an_explorer_draws_its_first_values():
    widget = explorer()
    assert widget.values == {"slope": 1.0, "dashed": False}
    assert is_png(widget.png)
    assert shown_png(widget.picture.value) == widget.png
    assert [*widget.controls.values(), widget.picture] == list(widget.children)


def pixels(png: bytes) -> bytes:
    return Image.open(io.BytesIO(png)).tobytes()


@pytest.mark.parametrize(("name", "value", "word"), [("slope", -2.0, "slope -2.0"), ("dashed", True, "dashed")])
def test_a_moved_control_makes_a_new_picture(name: str, value: object, word: str):
    widget = explorer()
    before = widget.png
    widget.controls[name].value = value
    assert widget.values[name] == value
    assert widget.png != before
    assert shown_png(widget.picture.value) == widget.png
    assert word in widget.alt
    widget.controls[name].value = explorer().controls[name].value
    assert pixels(widget.png) == pixels(before)  # the picture depends on the values alone


def test_coming_back_draws_nothing():
    drawn = []

    def count(slope: float) -> tuple[Figure, str]:
        drawn.append(slope)
        return line(slope)

    widget = Explorer(count, slope=ipywidgets.FloatSlider(value=1, min=-5, max=5))
    first = widget.png, widget.alt
    for slope in (2.0, 1.0, 2.0, 1.0):
        widget.controls["slope"].value = slope
    assert drawn == [1.0, 2.0]
    assert (widget.png, widget.alt) == first


def test_the_alt_text_cannot_break_out_of_the_page():
    html = explorer().picture.value
    assert 'alt="A line of slope 1.0 &lt;&quot;solid&quot;&gt;"' in html
    assert html.count("<") == 1


def test_a_slider_draws_when_it_is_released():
    assert explorer().controls["slope"].continuous_update is False


def test_a_picture_stands_in_where_widgets_do_not_run():
    widget = explorer()
    widget.controls["slope"].value = 3.0
    data, metadata = widget._repr_mimebundle_()
    assert data["image/png"] == widget.png
    assert metadata["image/png"]["alt"] == widget.alt
    assert "slope 3.0" in widget.alt
    assert "application/vnd.jupyter.widget-view+json" in data


# --- Prediction ---------------------------------------------------------------------------------------------------


def prediction(**changes: object) -> Prediction:
    figure, alt = line()
    arguments = {
        "question": "Is 1 < 2?",
        "options": ["yes", "no", "both"],
        "answer": 0,
        "because": "Count & see.",
        "reveal": figure,
        "alt": alt,
    }
    return Prediction(**arguments | changes)


def test_nothing_is_revealed_and_nothing_can_be_committed_before_a_choice():
    widget = prediction()
    assert widget.committed is None
    assert widget.choice.value is None
    assert widget.button.disabled
    assert widget.outcome.value == ""
    widget.choice.value = 2
    assert not widget.button.disabled
    assert widget.outcome.value == ""


@pytest.mark.parametrize(("choice", "verdict"), [(0, "You were right."), (1, "It is: yes."), (2, "It is: yes.")])
def test_a_commitment_reveals_the_answer(choice: int, verdict: str):
    widget = prediction()
    widget.choice.value = choice
    widget.button.click()
    assert widget.committed == choice
    assert verdict in widget.outcome.value
    assert "Count &amp; see." in widget.outcome.value
    assert shown_png(widget.outcome.value) == widget.png
    assert widget.choice.disabled
    assert widget.button.disabled


def test_a_second_commitment_changes_nothing():
    widget = prediction()
    widget.commit(1)
    before = widget.outcome.value
    widget.commit(0)
    assert (widget.committed, widget.choice.value, widget.outcome.value) == (1, 1, before)
    assert widget.button.disabled


def test_the_answer_is_folded_away_where_widgets_do_not_run():
    data, _ = prediction()._repr_mimebundle_()
    visible, _, folded = data["text/html"].partition("<details>")
    assert "Is 1 &lt; 2?" in visible
    assert all(f"<li>{option}</li>" in visible for option in ("yes", "no", "both"))
    assert "Count" not in visible
    assert "<img" not in visible
    assert "<summary>" in folded
    assert "<b>yes.</b> Count &amp; see." in folded
    assert is_png(shown_png(folded))
    assert folded.endswith("</details>")
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize("changes", [{"answer": 3}, {"answer": -1}, {"options": ["yes"]}, {"options": []}], ids=str)
def test_a_question_without_an_answer_is_refused(changes: dict):
    figure, _ = line()
    with pytest.raises(ValueError, match="answer is"):
        prediction(reveal=figure, **changes)
    plt.close("all")  # a refused figure stays the caller's


# --- at every corner of the controls ------------------------------------------------------------------------------
# Each lesson's own test file calls `check_corners` for each of its explorers; here, that it notices what is wrong.


def test_the_corner_check_passes_a_sound_explorer():
    check_corners(explorer())


def breaks(figure: Figure) -> str:
    raise ZeroDivisionError


def warns(figure: Figure) -> str:
    figure.axes[0].set_ylim(1, 1)
    return "A line between equal limits, at the far end of the slider"


@pytest.mark.parametrize("fault", [breaks, warns, lambda figure: ""], ids=["breaks", "warns", "says nothing"])
def test_the_corner_check_finds_a_fault_at_one_end(fault: Callable[[Figure], str]):
    def draw(slope: float, dashed: bool) -> tuple[Figure, str]:
        figure, alt = line(slope, dashed)
        return figure, fault(figure) if (slope, dashed) == (5, True) else alt

    widget = Explorer(draw, slope=ipywidgets.FloatSlider(value=1, min=-5, max=5), dashed=ipywidgets.Checkbox())
    with pytest.raises((ZeroDivisionError, UserWarning, AssertionError)):
        check_corners(widget)
    plt.close("all")
