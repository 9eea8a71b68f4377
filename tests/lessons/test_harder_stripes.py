"""The lesson on harder stripes: taught code, models, and the rules that stand beside networks."""

from functools import partial

import numpy as np
import pytest
import torch

from course_utils.data import patches
from course_utils.lessons.harder_stripes import widgets
from course_utils.lessons.harder_stripes.experiment import HARD
from course_utils.lessons.harder_stripes.models import FIFTH, TAKEN_BACK, PatchNet
from course_utils.lessons.stripe_snn.experiment import Recipe
from course_utils.spiking.li_readout import LIReadout

LESSON = "harder_stripes"


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


def test_the_sliding_patch_is_worth_its_price_where_the_answer_says() -> None:
    for row, column in [(2, 8), (3, 5), (3, 6), (3, 8), (3, 10), (3, 11), (4, 8)]:
        positive = "evidence -" not in widgets.draw_slide("horizontal", row, column)[1]
        assert positive == (row == 3 and 6 <= column <= 10), (row, column)
    assert "first sum is 10.7" in widgets.draw_slide("horizontal", 3, 8)[1]
    assert "first sum is 0.7" in widgets.draw_slide("vertical", 3, 8)[1]


def test_the_maximum_over_places_does_not_see_where_a_patch_lies() -> None:
    steps = {widgets.draw_anywhere(row, column)[1].partition("steps")[2] for row, column in [(3, 8), (6, 8), (0, 11)]}
    assert len(steps) == 1 and steps != {" [], else 0."}


def test_evidence_refuses_a_noise_it_cannot_divide_by() -> None:
    with pytest.raises(ValueError, match="noise is 0"):
        patches.evidence(np.zeros((1, 16, 16), dtype=np.uint8), 5, 1, 0)


def test_a_record_says_what_stands_beside_the_model() -> None:
    recipe = Recipe(LESSON, HARD, lambda images, seed: PatchNet(steps=3), 1, 1e-2, steps=3)
    split = HARD.draw(0, train=64, validation=20, test=60)
    record = recipe.measured(PatchNet(steps=3), split, {}, model="small", seed=0)
    assert record.baseline == {"name": "matched filter", "accuracy": 1.0}
    assert record.beside.keys() == {"row and column variance", "training images"}
    assert record.data == {"source": "drawn", "train": 64, "validation": 20, "test": 60}
    assert (record.lesson, record.task, record.time_steps) == (LESSON, "patches, hard", 3)


@torch.no_grad()
def test_all_changes_taken_back_make_model_5_and_none_of_them_alone_does() -> None:
    images = torch.rand(4, 1, 16, 16)

    def scores(build) -> torch.Tensor:
        torch.manual_seed(5)
        return build()(images)

    fifth, sixth = scores(partial(LIReadout, readout="maximum")), scores(PatchNet)
    assert torch.equal(scores(partial(PatchNet, **FIFTH)), fifth)
    assert sum(len(options) == 1 for options in TAKEN_BACK.values()) == len(FIFTH)
    assert not any(torch.equal(scores(partial(PatchNet, **options)), sixth) for options in TAKEN_BACK.values())
