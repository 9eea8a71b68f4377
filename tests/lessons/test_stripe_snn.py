"""The lesson on stripes and spikes: its explorers, and what is wrong with its patients."""

import norse.torch as norse
import numpy as np
import pytest
import torch

from course_utils.data import stripes
from course_utils.lessons.stripe_snn import checks, experiment, kinds, widgets
from course_utils.spiking import norse_cells
from course_utils.spiking import stripe_networks as models

PICTURES = 0.4 * torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("diagnosis", "says"),
    [
        ({"B": "silent neurons"}, "how many steps pass without a spike"),
        ({"D": "measles"}, "none of these"),
        ({"B": ...}, "No answer yet for B"),
        ("silent neurons", "a dictionary"),
    ],
)
def test_a_diagnosis_is_judged_patient_by_patient(diagnosis, says) -> None:
    right = checks.check_diagnosis.right
    verdict = checks.check_diagnosis(right | diagnosis if isinstance(diagnosis, dict) else diagnosis)
    assert verdict.status == "not yet" and says in verdict.message, verdict
    assert checks.check_diagnosis(dict.fromkeys("ABCD", ...)).status == "not started"
    assert right == {name: patient.illness for name, patient in checks.PATIENTS.items()}
    assert len(set(right.values())) == 4, "every illness has one patient"


def test_what_is_said_to_a_wrong_diagnosis_says_where_to_look_and_names_no_illness() -> None:
    for said, _ in checks.check_diagnosis.mistakes:
        assert said.endswith("?") or "Look" in said
        assert not any(illness in said.lower() for illness in checks.check_diagnosis.right.values()), said


def weak_spots(always_right: bool = False) -> widgets.WeakSpots:
    draw = np.random.default_rng(0)
    kinds = {"contrasts": (0.1, 1.0), "noises": (0.1, 0.3, 0.6, 2.0), "peaks": (1, 2, 3, 4, 5, 6, 7)}
    shape = tuple(map(len, kinds.values()))
    labels = draw.integers(2, size=(*shape, 15))
    answers = labels if always_right else draw.integers(2, size=labels.shape)
    images = draw.integers(100, size=(*shape, 15, 16, 16)).astype(np.uint8)
    images[0, 0, 0, 0] = 0  # a black picture can be drawn, too
    return widgets.WeakSpots(**kinds, images=images, labels=labels, answers=answers)


def charts() -> dict[str, widgets.Chart]:
    draw, v = np.random.default_rng(0), np.zeros((50, 30, 2))
    silent = widgets.Chart(np.zeros((50, 30, 256)), v, v, draw.integers(2, size=30))
    full = widgets.Chart(np.ones((50, 30, 256)), 1e24 * draw.normal(size=v.shape), v + 1, silent.labels)
    return {"silent": silent, "full": full}


@pytest.mark.parametrize("always_right", [True, False])
def test_wrong_answers_are_marked_and_right_ones_are_not(always_right) -> None:
    spots = weak_spots(always_right)
    assert spots.accuracy.shape == (2, 4, 7) and (spots.accuracy == 1).all() == always_right
    assert spots.accuracy[1, 2, 3] == np.mean(spots.labels[1, 2, 3] == spots.answers[1, 2, 3])
    figure, alt = widgets.draw_weak_spot(spots, peaks=5, noise=0.6, contrast=1.0)
    place = (1, 2, 4)
    wrong = int((spots.labels[place] != spots.answers[place])[: widgets.TILES].sum())
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert len(texts) == widgets.TILES and sum("✗" in text for text in texts) == wrong == len(figure.axes[1].patches)
    assert f"{spots.accuracy[place]:.0%}" in alt


def test_a_chart_tells_its_counts() -> None:
    figure, alt = widgets.draw_chart(charts(), "full", 0)
    assert "counts 50 and 50" in alt and "horizontal 50, vertical 50" in figure.axes[1].get_title(loc="left")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "options"), [("FlatLIF", {}), ("FlatLIF", {"scale": 5, "steps": 20}), ("BroadConv", {}), ("LeanConv", {})]
)
def test_the_lesson_writes_out_the_same_models(lesson, name, options, seed) -> None:
    torch.manual_seed(seed)
    by_hand = lesson[name](**options)
    torch.manual_seed(seed)
    packaged = getattr(models, name)(**options)
    assert list(by_hand.state_dict()) == list(packaged.state_dict())
    assert torch.equal(by_hand(PICTURES), packaged(PICTURES))


def test_the_lesson_writes_out_the_same_noise_and_helpers(lesson) -> None:
    for settings in ((50, 2.6, 0), (7, 1.0, 1)):  # steps, gain, seed
        by_hand, packaged = lesson["PoissonInput"](*settings), models.PoissonInput(*settings)
        assert all(torch.equal(by_hand(PICTURES), packaged(PICTURES)) for _ in range(2))
    inputs = 5 * torch.rand(9, 4, 3, generator=torch.Generator().manual_seed(0))
    by_hand, packaged = lesson["step_by_step"](norse.LIFCell(), inputs), norse_cells.over_time(norse.LIFCell(), inputs)
    assert torch.equal(by_hand, packaged) and by_hand.sum() > 0 and lesson["over_time"] is norse_cells.over_time
    layer = torch.nn.Linear(3, 2)
    assert torch.equal(lesson["each_step"](layer, inputs), models.each_step(layer, inputs))


def test_the_experiment_cuts_the_reset_from_the_gradient_as_the_lesson_does(lesson) -> None:
    inputs = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    gradients = []
    for cell in (experiment.ResetApart(), lesson["HandLIF"](apart=True), lesson["HandLIF"](apart=False)):
        inputs = inputs.detach().requires_grad_()
        spikes = norse_cells.over_time(cell, inputs)
        assert torch.equal(spikes, norse_cells.over_time(norse.LIFCell(), inputs)) and spikes.sum() > 0
        gradients.append(torch.autograd.grad(spikes.sum(), inputs)[0])
    torch.testing.assert_close(gradients[0], gradients[1])
    assert not torch.allclose(gradients[0], gradients[2], rtol=0.1)


def test_every_kind_of_stripe_stands_where_its_settings_say() -> None:
    images, labels = kinds.every_kind(seed=3, count=2)
    assert images.shape == (3, 6, 7, 2, 16, 16) and labels.shape == images.shape[:4]
    settings = stripes.StripeSettings(contrast=0.3, noise=(1.0,), peaks=(5,))
    made = stripes.make_stripes(2, 3, first=10_000, settings=settings)
    assert (images[1, 4, 4] == made.images).all() and (labels[1, 4, 4] == made.labels).all()
