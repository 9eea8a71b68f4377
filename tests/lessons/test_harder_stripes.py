"""The lesson on harder stripes: explorers, taught code, and the rules and controls that stand beside networks."""


import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import patches, rotation
from course_utils.lessons.harder_stripes import checks, widgets
from course_utils.lessons.harder_stripes.experiment import EXPERIMENTS, HARD
from course_utils.lessons.harder_stripes.models import PatchNet
from course_utils.lessons.stripe_snn.experiment import Recipe

LESSON = "harder_stripes"


def a_film(**others: np.ndarray) -> widgets.Film:
    rng = np.random.default_rng(0)
    parts = {
        "frames": rotation.make_rotations(3, 0).frames,
        "labels": np.array([0, 1, 1]),
        "hidden": rng.random((2, 20, 3, 64)) > 0.8,
        "potentials": rng.normal(size=(2, 20, 3)),
    }
    return widgets.Film(**parts | others)


def test_the_player_says_who_is_right() -> None:
    film = a_film(potentials=np.ones((2, 20, 3)))  # says counter-clockwise
    assert "which is wrong" in widgets.draw_film(film, 0, 19, False)[1]
    assert "which is right" in widgets.draw_film(film, 0, 19, True)[1]
    assert "which is right" in widgets.draw_film(film, 1, 19, False)[1]


@pytest.mark.parametrize(("name", "value"), [("labels", np.zeros(2)), ("potentials", np.zeros((2, 19, 3)))])
def test_a_film_of_unequal_parts_is_refused(name, value) -> None:
    with pytest.raises(ValueError, match="frames hold 3 trials of 20 steps"):
        a_film(**{name: value})


@pytest.mark.parametrize("settings", [patches.EASY, patches.HARD])
def test_the_lesson_s_evidence_is_the_package_s(lesson, settings) -> None:
    images = patches.make_patches(5, 3, settings=settings).images
    for peaks in settings.peaks:
        arguments = (images, settings.patch, peaks, settings.noise[0])
        np.testing.assert_allclose(lesson["evidence"](*arguments), patches.evidence(*arguments))


@torch.no_grad()
def test_the_lesson_s_network_is_the_package_s(lesson) -> None:
    images = torch.tensor(patches.make_patches(10, 3, settings=patches.HARD).images)[:, None] / 255
    torch.manual_seed(4)
    by_hand = lesson["PatchNet"]()
    torch.manual_seed(4)
    torch.testing.assert_close(by_hand(images), PatchNet()(images))


def test_the_lesson_s_controls_are_the_package_s() -> None:
    frames = rotation.make_rotations(4, 0).frames
    mine, packaged = checks.check_controls.right(frames, np.random.default_rng(0)), rotation.controls(frames, 0)
    assert mine.keys() == packaged.keys()
    for name in ("single frame", "bag of frames", "reversed"):
        np.testing.assert_allclose(mine[name], packaged[name])
    assert checks.check_controls(lambda frames, rng: rotation.controls(frames, 5)), "the package solves the exercise"


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


def test_evidence_refuses_a_noise_it_cannot_divide_by() -> None:
    with pytest.raises(ValueError, match="noise is 0"):
        patches.evidence(np.zeros((1, 16, 16), dtype=np.uint8), 5, 1, 0)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_a_seed_fixes_a_model_of_the_experiments(experiment) -> None:
    for run in experiment.runs.values():
        samples = torch.rand((4, 1, 20, 16, 16) if experiment.name == "rotation" else (4, 1, 16, 16))

        def scores(recipe=run.__self__, samples=samples) -> torch.Tensor:
            torch.manual_seed(1)
            return recipe.build(samples, 1)(samples)

        assert torch.equal(scores(), scores()) and scores().shape == (4, 2)


def test_a_record_says_what_stands_beside_the_model() -> None:
    recipe = Recipe(LESSON, HARD, lambda images, seed: PatchNet(steps=3), 1, 1e-2, steps=3)
    split = HARD.draw(0, train=64, validation=20, test=60)
    record = recipe.measured(PatchNet(steps=3), split, {}, model="small", seed=0)
    assert record.baseline == {"name": "matched filter", "accuracy": 1.0}
    assert record.beside.keys() == {"row and column variance", "training images"}
    assert record.data == {"source": "drawn", "train": 64, "validation": 20, "test": 60}
    assert (record.lesson, record.task, record.time_steps) == (LESSON, "patches, hard", 3)
