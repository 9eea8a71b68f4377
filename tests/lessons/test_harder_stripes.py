"""Lesson 08: its exercises, its explorers, its taught code, and the rules and controls that stand beside networks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from course_utils.data import patches, rotation
from course_utils.lessons.harder_stripes import checks, widgets
from course_utils.lessons.harder_stripes.experiment import PatchRecipe, RotationRecipe
from course_utils.lessons.harder_stripes.models import PatchNet
from course_utils.lessons.stripe_snn.experiment import draw_splits
from course_utils.tools.experiment import EXPERIMENTS
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "harder_stripes"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", ["label_of", "anywhere", "controls", "recurrent_step"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def played(frames: np.ndarray, rng: np.random.Generator, **others: object) -> dict[str, object]:
    good = {
        "single frame": np.repeat(frames[:, 10:11], 20, axis=1),
        "bag of frames": np.repeat(frames.mean(axis=1, keepdims=True), 20, axis=1),
        "shuffled": np.stack([trial[rng.permutation(20)] for trial in frames]),
        "reversed": frames[:, ::-1],
    }
    return good | {name.replace("_", " "): make(frames, rng) for name, make in others.items()}


def with_(**others: object):
    return lambda frames, rng: played(frames, rng, **others)


def in_place(frames: np.ndarray, rng: np.random.Generator) -> dict[str, object]:
    answer = played(frames, rng)
    frames[:] = 0
    return answer


def step(drive, i, v, s, w, syn, mem, *, back=False, recur=True, reset=True, old=False, factor=True):
    new = syn * i + drive + (s @ (w if back else w.T) if recur else 0)
    potential = mem * v * ((1 - s) if reset else 1) + (1 - mem if factor else 1) * (i if old else new)
    return new, potential, (potential > 1).float()


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_label_of, lambda maps: logsumexp(maps, axis=(2, 3)).argmin(axis=0), "less likely orientation"),
        (checks.check_label_of, lambda maps: np.exp(maps[1]).sum((1, 2)) >= np.exp(maps[0]).sum((1, 2)), "your sum"),
        (checks.check_label_of, lambda maps: np.exp(maps).sum((2, 3)).argmax(axis=0), "your sum fails"),
        (checks.check_label_of, lambda maps: maps.sum(axis=(2, 3)).argmax(axis=0), "It is a logarithm"),
        (checks.check_label_of, lambda maps: maps.max(axis=(2, 3)).argmax(axis=0), "only the best place"),
        (checks.check_label_of, lambda maps: logsumexp(maps, axis=(2, 3)), "one label an image"),
        (checks.check_anywhere, lambda hidden: hidden.amax((0, 3, 4)), "Time is gone"),
        (checks.check_anywhere, lambda hidden: hidden.amax(2), "over the maps"),
        (checks.check_anywhere, lambda hidden: hidden.amax(4), "One axis of places is left"),
        (checks.check_anywhere, lambda hidden: hidden.flatten(2), "has the shape"),
        (checks.check_anywhere, lambda hidden: hidden.sum((3, 4)), "how many places spike"),
        (checks.check_anywhere, lambda hidden: hidden.mean((3, 4)), "what part of the map"),
        (checks.check_anywhere, lambda hidden: hidden.amin((3, 4)), "the values are not"),
        (checks.check_controls, lambda frames, rng: {}, "Return a dictionary"),
        (checks.check_controls, in_place, "You changed the frames"),
        (checks.check_controls, with_(shuffled=lambda frames, rng: ...), "still missing"),
        (checks.check_controls, with_(single_frame=lambda frames, rng: frames[:, 10]), "Repeat along axis 1"),
        (checks.check_controls, with_(single_frame=lambda f, rng: np.repeat(f[:, :1], 20, axis=1)), "frame number 10"),
        (checks.check_controls, with_(bag_of_frames=lambda f, rng: np.stack([f.mean(0)] * 6)), "over the trials"),
        (checks.check_controls, with_(reversed=lambda frames, rng: frames[..., ::-1]), "You mirrored the picture"),
        (checks.check_controls, with_(reversed=lambda frames, rng: frames[::-1]), "order of the trials"),
        (checks.check_controls, with_(shuffled=lambda frames, rng: frames), "still in order"),
        (checks.check_controls, with_(shuffled=lambda f, rng: f[:, rng.permutation(20)]), "the same new order"),
        (checks.check_controls, with_(shuffled=lambda f, rng: f[rng.permutation(6)]), "own frames"),
        (checks.check_controls, with_(shuffled=lambda f, rng: rng.permuted(f, axis=1)), "own frames"),
        (checks.check_recurrent_step, lambda *a: step(*a, back=True), "synapses would run backwards"),
        (checks.check_recurrent_step, lambda *a: step(*a, recur=False), "recurrent part is missing"),
        (checks.check_recurrent_step, lambda *a: step(*a, reset=False), "The reset is missing"),
        (checks.check_recurrent_step, lambda *a: step(*a, old=True), "integrate the old current"),
        (checks.check_recurrent_step, lambda *a: step(*a, factor=False), "1 − λ_mem is missing"),
        (checks.check_recurrent_step, lambda *a: step(*a)[:2], "Return three things"),
        (checks.check_recurrent_step, lambda *a: (*step(*a)[:2], 1 - step(*a)[2]), "A neuron spikes (1)"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message


@pytest.mark.parametrize("explorer", [widgets.evidence_explorer, widgets.turn_explorer])
def test_explorers_draw_at_every_corner(explorer) -> None:
    check_corners(explorer())


def a_film(**others: np.ndarray) -> widgets.Film:
    rng = np.random.default_rng(0)
    parts = {
        "frames": rotation.make_rotations(3, 0).frames,
        "labels": np.array([0, 1, 1]),
        "hidden": rng.random((2, 20, 3, 64)) > 0.8,
        "potentials": rng.normal(size=(2, 20, 3)),
    }
    return widgets.Film(**parts | others)


def test_the_player_draws_at_every_corner_and_says_who_is_right() -> None:
    check_corners(widgets.film_player(a_film()))
    film = a_film(potentials=np.ones((2, 20, 3)))  # says counter-clockwise
    assert "which is wrong" in widgets.draw_moment(film, 0, 19, False)[1]
    assert "which is right" in widgets.draw_moment(film, 0, 19, True)[1]
    assert "which is right" in widgets.draw_moment(film, 1, 19, False)[1]


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


def test_the_lesson_s_controls_are_the_package_s(lesson) -> None:
    frames = rotation.make_rotations(4, 0).frames
    mine, packaged = lesson["controls_solution"](frames, np.random.default_rng(0)), rotation.controls(frames, 0)
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


@pytest.mark.parametrize("name", ["patches-easy", "patches-hard", "rotation"])
def test_a_seed_fixes_a_model_of_the_experiments(name) -> None:
    for run in EXPERIMENTS[name].runs.values():
        recipe = run.func.__self__
        samples = torch.rand((4, 1, 20, 16, 16) if isinstance(recipe, RotationRecipe) else (4, 1, 16, 16))

        def scores(recipe=recipe, samples=samples) -> torch.Tensor:
            torch.manual_seed(1)
            return recipe.build(samples, 1)(samples)

        assert torch.equal(scores(), scores()) and scores().shape == (4, 2)


def test_the_splits_share_no_image_and_the_test_set_is_far_away() -> None:
    asked = []

    def draw(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
        asked.append(range(first, first + count))
        return np.zeros((count, 4, 4), dtype=np.uint8), np.zeros(count, dtype=int)

    splits = draw_splits(draw, train=300)
    assert [len(part) for part in asked] == [300, 500, 2000]
    assert asked[0].stop <= asked[1].start and asked[1].stop < asked[2].start == 200_000
    assert splits.test[0].shape == (2000, 1, 4, 4)


def test_a_record_says_what_stands_beside_the_model(monkeypatch) -> None:
    monkeypatch.setattr("course_utils.lessons.stripe_snn.experiment.TEST", 60)
    monkeypatch.setattr("course_utils.lessons.stripe_snn.experiment.VALIDATION", 20)
    recipe = PatchRecipe(LESSON, lambda images, seed: PatchNet(steps=3), 1, 1e-2, steps=3)
    splits = draw_splits(lambda count, first: _patches(count, first), train=64)
    monkeypatch.setattr(PatchRecipe, "draw", lambda self, seed: splits)
    record = recipe.record("patches, hard", "small", 0)
    assert record.baseline == {"name": "matched filter", "accuracy": 1.0}
    assert record.beside.keys() == {"row and column variance", "training images"}
    assert record.data == {"source": "drawn", "train": 64, "validation": 20, "test": 60}


def _patches(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = patches.make_patches(count, 0, first=first, settings=patches.HARD)
    return drawn.images, drawn.labels
