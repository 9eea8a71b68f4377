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


def explorer(draw: Callable[..., tuple[Figure, str]] = line) -> Explorer:
    return Explorer(draw, slope=ipywidgets.FloatSlider(value=1, min=-5, max=5), dashed=ipywidgets.Checkbox())


def shown_png(html: str) -> bytes:
    return base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', html)[1])


def pixels(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return image.tobytes()


# --- Explorer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed", [{"figure.dpi": 200}, {"font.size": 20}, {"figure.dpi": 50, "font.size": 6}], ids=str
)
def test_a_picture_fits_settings_that_have_changed_since_the_first(changed: dict):
    one, other = explorer(), explorer()
    one.controls["slope"].value = 2.0
    with mpl.rc_context(changed):
        one.controls["slope"].value = 3.0
        fresh = explorer()
        fresh.controls["slope"].value = 3.0
        assert pixels(one.png) == pixels(fresh.png)
    one.controls["slope"].value = other.controls["slope"].value = 4.0
    assert pixels(one.png) == pixels(other.png), "and back; another one on the page has seen nothing of it"


def test_an_error_stands_where_the_picture_would_and_the_next_picture_is_right():
    def fragile(slope: float, dashed: bool) -> tuple[Figure, str]:
        drawn = line(slope, dashed)
        if slope < 0:
            raise ValueError("slope is <0>")
        return drawn

    widget = explorer(fragile)
    widget.controls["slope"].value = -1.0
    assert "No picture for these values." in widget.picture.value and "slope is &lt;0&gt;" in widget.picture.value
    widget.controls["slope"].value = 2.0
    assert shown_png(widget.picture.value) == widget.png and "slope 2.0" in widget.alt
    with pytest.raises(ZeroDivisionError):
        explorer(lambda slope, dashed: (plt.figure(), str(1 / 0)))


def test_an_explorer_draws_its_first_values():
    widget = explorer()
    assert widget.values == {"slope": 1.0, "dashed": False}
    assert shown_png(widget.picture.value) == widget.png and pixels(widget.png)
    assert [*widget.controls.values(), widget.picture] == list(widget.children)
    assert widget.controls["slope"].continuous_update is False, "a slider draws when it is released"
    assert 'alt="A line of slope 1.0 &lt;&quot;solid&quot;&gt;"' in widget.picture.value
    assert widget.picture.value.count("<") == 1, "the alt text cannot break out of the page"


@pytest.mark.parametrize(("name", "value", "word"), [("slope", -2.0, "slope -2.0"), ("dashed", True, "dashed")])
def test_a_moved_control_makes_a_new_picture(name: str, value: object, word: str):
    widget = explorer()
    before = widget.png
    widget.controls[name].value = value
    assert widget.values[name] == value
    assert widget.png != before
    assert shown_png(widget.picture.value) == widget.png
    assert word in widget.alt
    data, metadata = widget._repr_mimebundle_()
    assert (data["image/png"], metadata["image/png"]["alt"]) == (widget.png, widget.alt), "where widgets do not run"
    assert "application/vnd.jupyter.widget-view+json" in data
    widget.controls[name].value = explorer().controls[name].value
    assert pixels(widget.png) == pixels(before)  # the picture depends on the values alone


def test_coming_back_draws_nothing():
    drawn = []
    widget = explorer(lambda slope, dashed: drawn.append(slope) or line(slope, dashed))
    first = widget.png, widget.alt
    for slope in (2.0, 1.0, 2.0, 1.0):
        widget.controls["slope"].value = slope
    assert drawn == [1.0, 2.0]
    assert (widget.png, widget.alt) == first


# --- Prediction ---------------------------------------------------------------------------------------------------


def prediction(**changes: object) -> Prediction:
    figure, alt = line()
    asked = {"question": "Is 1 < 2?", "options": ["yes", "no", "both"], "answer": 0, "because": "Count & see."}
    return Prediction(**asked | {"reveal": figure, "alt": alt} | changes)


@pytest.mark.parametrize(("choice", "verdict"), [(0, "You were right."), (1, "It is: yes."), (2, "It is: yes.")])
def test_a_commitment_reveals_the_answer_once(choice: int, verdict: str):
    widget = prediction()
    assert widget.committed is None and widget.choice.value is None
    assert widget.button.disabled, "nothing can be committed before a choice"
    widget.choice.value = choice
    assert not widget.button.disabled
    assert widget.outcome.value == "", "a choice reveals nothing"
    widget.button.click()
    revealed = widget.outcome.value
    assert verdict in revealed
    assert "Count &amp; see." in revealed
    assert shown_png(revealed) == widget.png
    widget.commit((choice + 1) % 3)
    assert (widget.committed, widget.choice.value, widget.outcome.value) == (choice, choice, revealed)
    assert widget.choice.disabled
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
    assert pixels(shown_png(folded))
    assert folded.endswith("</details>")
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize("changes", [{"answer": 3}, {"answer": -1}, {"options": ["yes"]}, {"options": []}], ids=str)
def test_a_question_without_an_answer_is_refused(changes: dict):
    figure, _ = line()
    with pytest.raises(ValueError, match="answer is"):
        prediction(reveal=figure, **changes)
    plt.close("all")  # a refused figure stays the caller's


# --- at every corner of the controls ------------------------------------------------------------------------------
# `tests/lessons/test_explorers.py` calls `check_corners` for every explorer; here, that it notices what is wrong.


FAULTS = {
    "breaks": lambda figure: 1 / 0,
    "warns": lambda figure: str(figure.axes[0].set_ylim(1, 1)) + ", equal limits, at the far end of the slider",
    "says nothing": lambda figure: "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_corner_check_passes_a_sound_explorer_and_finds_a_fault_at_one_end(fault: str):
    def draw(slope: float, dashed: bool) -> tuple[Figure, str]:
        figure, alt = line(slope, dashed)
        return figure, FAULTS[fault](figure) if (slope, dashed) == (5, True) else alt

    check_corners(explorer())
    with pytest.raises((ZeroDivisionError, UserWarning, AssertionError)):
        check_corners(explorer(draw))
    plt.close("all")
