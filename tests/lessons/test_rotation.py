"""The lesson on rotation: explorers, taught code, and the rules and controls that stand beside networks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import rotation
from course_utils.lessons.harder_stripes import experiment as harder_stripes
from course_utils.lessons.rotation import checks, widgets
from course_utils.lessons.rotation.experiment import EXPERIMENTS


def a_film(**others: np.ndarray) -> widgets.Film:
    rng, frames = np.random.default_rng(0), rotation.make_rotations(3, 0).frames
    parts = {"hidden": rng.random((2, 20, 3, 64)) > 0.8, "potentials": rng.normal(size=(2, 20, 3))}
    return widgets.Film(**{"frames": frames, "labels": np.array([0, 1, 1])} | parts | others)


def test_the_player_says_who_is_right() -> None:
    film = a_film(potentials=np.ones((2, 20, 3)))  # says counter-clockwise
    assert "which is wrong" in widgets.draw_film(film, 0, 19, False)[1]
    assert "which is right" in widgets.draw_film(film, 0, 19, True)[1]
    assert "which is right" in widgets.draw_film(film, 1, 19, False)[1]


@pytest.mark.parametrize(("name", "value"), [("labels", np.zeros(2)), ("potentials", np.zeros((2, 19, 3)))])
def test_a_film_of_unequal_parts_is_refused(name, value) -> None:
    with pytest.raises(ValueError, match="frames hold 3 trials of 20 steps"):
        a_film(**{name: value})


def test_the_lesson_s_controls_are_the_package_s() -> None:
    frames = rotation.make_rotations(4, 0).frames
    mine, packaged = checks.check_controls.right(frames, np.random.default_rng(0)), rotation.controls(frames, 0)
    assert mine.keys() == packaged.keys()
    for name in ("single frame", "bag of frames", "reversed"):
        np.testing.assert_allclose(mine[name], packaged[name])
    assert checks.check_controls(lambda frames, rng: rotation.controls(frames, rng.integers(1000))), "it is a solution"

    def in_single_precision(frames, rng):
        return {name: film.astype(np.float32) for name, film in checks.check_controls.right(frames, rng).items()}

    assert checks.check_controls(in_single_precision)


@given(st.integers(0, 2**32 - 1))
def test_the_bag_does_not_see_the_order(seed) -> None:
    frames = rotation.make_rotations(2, seed % 1000).frames
    mixed = rotation.controls(frames, seed)["shuffled"]
    assert np.array_equal(np.sort(mixed, axis=1), np.sort(frames, axis=1))
    bag = rotation.controls(frames, 0)["bag of frames"]
    np.testing.assert_allclose(rotation.controls(mixed, 0)["bag of frames"], bag)
    np.testing.assert_allclose(rotation.controls(frames[:, ::-1], 0)["bag of frames"], bag)


def test_tracking_the_angle_knows_the_direction_and_nothing_without_order() -> None:
    drawn = rotation.make_rotations(400, 1)
    assert (rotation.tracking_baseline(drawn.frames) == drawn.labels).all()
    ways = rotation.controls(drawn.frames, 0)
    assert (rotation.tracking_baseline(ways["reversed"]) != drawn.labels).all()
    for name in ("single frame", "bag of frames", "shuffled"):
        assert abs((rotation.tracking_baseline(ways[name]) == drawn.labels).mean() - 0.5) < 0.1, name


RUNS = {name: run for one in (*harder_stripes.EXPERIMENTS, *EXPERIMENTS) for name, run in one.runs.items()}


@pytest.mark.parametrize("name", RUNS)
def test_a_seed_fixes_a_model_of_the_experiments(name) -> None:
    recipe = RUNS[name]
    samples = recipe.task.draw(0, 4, 1, 1).train[0]

    def scores() -> torch.Tensor:
        torch.manual_seed(1)
        return recipe.build(samples, 1)(samples)

    assert torch.equal(scores(), scores()) and scores().shape == (4, 2)
