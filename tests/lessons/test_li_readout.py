"""The lesson on the LI readout: its explorers, the network that it writes out, what was recorded over five seeds."""

import ipywidgets
import numpy as np
import pytest
import torch

from course_utils.data.stripes import make_stripes
from course_utils.lessons.li_readout import checks, lost, widgets
from course_utils.lessons.stripe_snn import experiment
from course_utils.spiking import encoders, li_readout
from course_utils.training import ledger
from tests import notebook_cells as lessons

LESSON = "li_readout"
IMAGES = torch.tensor(make_stripes(20, 0).images)[:, None] / 255


@pytest.fixture(scope="module")
def lesson() -> dict:
    """The lesson's definitions. Of the taught cells only what is defined is run: what they compute needs the data."""
    namespace = lessons.run_cells(LESSON, "setup")
    for cell in lessons.cells(LESSON, "taught"):
        exec(compile(cell.source.split("\n\n\nawake = ")[0], LESSON, "exec"), namespace)
    return namespace


@torch.no_grad()
@pytest.mark.parametrize("readout", li_readout.READOUTS)
def test_the_lesson_builds_and_awakens_the_same_network_as_the_package(lesson, readout) -> None:
    for outputs in (1, 2):
        torch.manual_seed(4)
        written = lesson["FifthModel"](lesson["READOUTS"][readout], outputs)
        torch.manual_seed(4)
        packaged = li_readout.LIReadout(readout=readout, outputs=outputs)
        torch.testing.assert_close(dict(written.state_dict()), dict(packaged.state_dict()), rtol=0, atol=0)
        written.conv.bias.fill_(0.25)  # a hidden layer that spikes
        packaged.conv.bias.fill_(0.25)
        hidden, potentials = written.run(IMAGES)
        activity = packaged.activity(IMAGES)
        assert hidden.mean() > 0.01
        torch.testing.assert_close(hidden, activity.hidden)
        torch.testing.assert_close(potentials, activity.readout)
        torch.testing.assert_close(written(IMAGES), packaged(IMAGES)[:, -outputs:])
        lesson["awaken"](written, IMAGES)
        li_readout.awaken(packaged, IMAGES)
        torch.testing.assert_close(dict(written.state_dict()), dict(packaged.state_dict()))


@torch.no_grad()
def recording(count: int) -> widgets.Recording:
    torch.manual_seed(4)
    inputs, hidden, potentials = li_readout.LIReadout().activity(IMAGES[:count])
    parts = IMAGES[:count, 0], torch.arange(count) % 2, inputs[:, :, 0], hidden, potentials
    return widgets.Recording(*(part.numpy() for part in parts))


def test_player_says_what_the_recording_holds() -> None:
    film = recording(20)
    player = widgets.player(film)
    slider = player.controls["step"]
    assert isinstance(slider, ipywidgets.IntSlider) and slider.max == encoders.STEPS - 1
    for image, step in ((0, 49), (7, 12)):
        player.controls["image"].value, player.controls["step"].value = image, step
        spikes = film.hidden[step, image].sum((1, 2))
        favour = np.diff(film.potentials[: step + 1, image].sum(0))[0]
        assert f"{spikes[0]:.0f} and {spikes[1]:.0f} hidden spikes" in player.alt
        assert f"so far says {'vertical' if favour > 0 else 'horizontal'}" in player.alt
        assert ("which is right" in player.alt) == ((favour > 0) == film.labels[image])


def test_a_recording_of_arrays_that_do_not_fit_is_refused() -> None:
    film = recording(3)
    with pytest.raises(ValueError, match=r"\[2, 3\] images"):
        widgets.Recording(film.images[:2], film.labels, film.inputs, film.hidden, film.potentials)
    with pytest.raises(ValueError, match=r"\[49, 50\] time steps"):
        widgets.Recording(film.images, film.labels, film.inputs, film.hidden[1:], film.potentials)


@pytest.mark.parametrize("part", ["none", *experiment.CURE, "all"])
def test_each_part_of_the_cure_changes_what_it_names_and_nothing_else(part) -> None:
    parts = {"none": (), "all": experiment.CURE}.get(part, (part,))
    torch.manual_seed(4)
    drawn = li_readout.LIReadout().state_dict()
    torch.manual_seed(4)
    model = experiment.cured(IMAGES, 0, parts)
    changed = {name for name, values in model.state_dict().items() if (values != drawn[name]).any()}
    names = {"gain": {"conv.weight"}, "bias": {"conv.bias"}, "zero start": {"linear.weight", "linear.bias"}}
    assert changed == set().union(*(names.get(one, set()) for one in parts))
    assert model.readout == ("integral" if "integral" in parts else "maximum")


def test_recorded_plain_stripes_keep_the_promise_and_hard_ones_beat_the_rule() -> None:
    plain, hard = ledger.runs("stripes-plain"), ledger.runs("stripes-hard")
    for seed in range(5):
        two, one, on_hard = plain["5: LI readout", seed], plain["5: one output", seed], hard["5: LI readout", seed]
        assert two.data["test"] == one.data["test"] == 2000 and two.config["epochs"] == 9
        assert two.accuracy >= 0.998 and one.accuracy >= two.accuracy - 0.002
        assert on_hard.accuracy >= on_hard.baseline["accuracy"] + 0.05
    assert min(plain["5: as built, maximum", seed].accuracy for seed in range(5)) < 0.6


def test_a_gradient_is_lost_at_a_threshold_without_slope_and_behind_weights_of_zero(lesson) -> None:
    def lengths(*, slope: bool, zero: bool) -> list[bool]:
        torch.manual_seed(3)
        model = lesson["FifthModel"](lesson["READOUTS"]["integral"])
        torch.nn.init.constant_(model.conv.bias, 0.3)
        if zero:
            torch.nn.init.zeros_(model.linear.weight)
        if not slope:
            model.lif = lost.WithoutSlope(model.lif)
        found = lost.gradient_lengths(model, IMAGES, torch.arange(len(IMAGES)) % 2)
        assert list(found) == ["scores", "output potentials", "hidden spikes", "kernels"]
        return [length > 0 for length in found.values()]

    assert lengths(slope=True, zero=False) == [True, True, True, True]
    assert lengths(slope=False, zero=False) == [True, True, True, False]
    assert lengths(slope=True, zero=True) == [True, True, False, False]
    assert checks.check_where_lost(dict.fromkeys("ABC", ...)).status == "not started"
