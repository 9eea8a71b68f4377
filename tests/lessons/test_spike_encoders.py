"""Lesson 05: its exercises, its explorers, and the functions that it writes out."""

import pytest
import torch

from course_utils.lessons.spike_encoders import checks, widgets
from course_utils.spiking import encoders
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "spike_encoders"
EXERCISES = {
    "bipolar_poisson": checks.check_bipolar,
    "steps_needed": checks.check_steps_needed,
    "input_scale": checks.check_input_scale,
    "decode": checks.check_decode,
}


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.mark.parametrize("name", EXERCISES)
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    assert EXERCISES[name](lesson[name]).status == "not started"
    assert EXERCISES[name](lesson[f"{name}_solution"]).status == "solved"


def uniform(values: torch.Tensor, steps: int, generator: torch.Generator | None) -> torch.Tensor:
    return torch.rand(steps, *values.shape, generator=generator)


def one_draw(values: torch.Tensor, steps: int, generator: torch.Generator) -> torch.Tensor:
    return encoders.bipolar_poisson(values, 1, generator).expand(steps, *values.shape)


def one_draw_a_step(values: torch.Tensor, steps: int, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(steps, 1, 1, generator=generator) < values.abs()) * values.sign()


def scaled_spikes(values: torch.Tensor, steps: int, generator: torch.Generator) -> torch.Tensor:
    return encoders.poisson(values.abs(), steps, generator) * values


def half_rate(values: torch.Tensor, steps: int, generator: torch.Generator) -> torch.Tensor:
    return encoders.bipolar_poisson(values / 2, steps, generator)


def with_argmax(spikes: torch.Tensor, worth: torch.Tensor) -> torch.Tensor:
    return worth[spikes.argmax(0)]


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_bipolar, lambda v, steps, g: (uniform(v, steps, g) < v).float(), "never spikes"),
        (checks.check_bipolar, lambda v, steps, g: (uniform(v, steps, g) < (v + 1) / 2).float(), "zero is silence"),
        (checks.check_bipolar, lambda v, steps, g: encoders.poisson(v.abs(), steps, g), "the sign is lost"),
        (checks.check_bipolar, scaled_spikes, "not by the value"),
        (checks.check_bipolar, one_draw, "All steps are alike"),
        (checks.check_bipolar, one_draw_a_step, "Equal values spike at the same steps"),
        (checks.check_bipolar, half_rate, "mean of the spikes"),
        (checks.check_bipolar, lambda v, steps, g: encoders.bipolar_poisson(v, steps), "Draw from `generator`"),
        (checks.check_bipolar, lambda v, steps, g: encoders.bipolar_poisson(v, 3, g), "Time comes first"),
        (checks.check_bipolar, lambda v, steps, g: None, "returned None"),
        (checks.check_steps_needed, lambda error: -(-1 // error), "has to be squared"),
        (checks.check_steps_needed, lambda error: -(-0.5 // error), "has to be squared"),
        (checks.check_steps_needed, lambda error: 1 / error**2, "forgot p(1 − p)"),
        (checks.check_steps_needed, lambda error: 0.5 / error**2, "not p: at p = ½"),
        (checks.check_steps_needed, lambda error: int(0.25 / error**2), "round up, not down"),
        (checks.check_steps_needed, lambda error: 0.25 / error**2, "whole numbers"),
        (checks.check_steps_needed, lambda error: 1000, "Solve"),
        (checks.check_input_scale, lambda low, high: 1 / high, "not even the brightest"),
        (checks.check_input_scale, lambda low, high: 1 / low, "the darkest pixel never fires"),
        (checks.check_input_scale, lambda low, high: 40, "brightest pixel fires at every step"),
        (checks.check_input_scale, lambda low, high: 10 / high, "keep it below 10"),
        (checks.check_input_scale, lambda low, high: -20, "above 0"),
        (checks.check_decode, with_argmax, "`argmax` of nothing"),
        (checks.check_decode, lambda s, w: encoders.decode_times(s, w.flip(0)), "from its end"),
        (checks.check_decode, lambda s, w: s.argmax(0), "You return the step"),
        (checks.check_decode, lambda s, w: s.sum(0), "You count spikes"),
        (checks.check_decode, lambda s, w: s * w.reshape(-1, 1, 1), "one value a pixel"),
        (checks.check_decode, lambda s, w: s.mean(0), "should get 0.9"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict.message


@pytest.mark.parametrize("explorer", [widgets.encoder_explorer, widgets.scale_explorer])
def test_explorers_draw_at_every_corner(explorer) -> None:
    check_corners(explorer())


def test_the_encoders_of_the_lesson_are_those_of_the_package(lesson) -> None:
    for seed in range(3):
        values = torch.randint(0, 256, (4, 5, 6), generator=torch.Generator().manual_seed(seed)) / 255
        for steps in (1, 2, 50, 70):
            for name in ("poisson", "bipolar_poisson_solution"):
                by_hand = lesson[name](values, steps, torch.Generator().manual_seed(seed))
                packaged = getattr(encoders, name.removesuffix("_solution"))
                assert torch.equal(by_hand, packaged(values, steps, torch.Generator().manual_seed(seed)))
            assert torch.equal(lesson["regular"](values, steps), encoders.regular(values, steps))
            image, worth = lesson["latency"](values[0], steps), torch.linspace(1, 0, steps)
            assert torch.allclose(lesson["decode_solution"](image, worth), encoders.decode_times(image, worth))
            for name in ("latency", "rank_order"):
                for threshold in (0, 0.01, 0.5):
                    by_hand = lesson[name](values, steps, threshold=threshold)
                    assert torch.equal(by_hand, getattr(encoders, name)(values, steps, threshold=threshold))
            for scale in (0, 2.5, 20):
                by_hand = lesson["constant_current"](values, steps, scale=scale)
                assert torch.equal(by_hand, encoders.constant_current(values, steps, scale=scale))
