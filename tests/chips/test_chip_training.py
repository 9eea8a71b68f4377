"""Living with a chip whose circuits differ: what is measured is what was drawn, and nobody looks at what was drawn."""

import inspect
from dataclasses import replace

import pytest
import torch

from course_utils.chips import chip_training
from course_utils.chips.chip_training import AnyChip, InTheLoop, calibrate
from course_utils.chips.virtual_chip import BRAINSCALES, LAYERS, NO_LIMITS, Limits, VirtualChip
from tests.chips.fifth import IMAGES, fifth

MISMATCH = replace(BRAINSCALES, threshold_mismatch=0.2, tau_mismatch=0.2, weight_mismatch=0.2)
DIFFERING = replace(MISMATCH, noise=0.02, readout_noise_lsb=1.0)


def off_by(chip: VirtualChip, layer: str, name: str) -> torch.Tensor:
    """What is left of the circuits' deviations: 0 where they do what was asked for."""
    return getattr(chip.settings[layer], name) * getattr(chip._drawn[layer], name) - 1


def test_nobody_looks_at_what_was_drawn():
    assert "_drawn" not in inspect.getsource(chip_training) and "_circuits" not in inspect.getsource(chip_training)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_calibrated_chip_does_what_was_asked_for(seed: int):
    torch.manual_seed(seed)
    chip = VirtualChip(fifth(), DIFFERING, seed)
    before = {name: off_by(chip, "hidden", name).std() for name in ("threshold", "tau_mem", "tau_syn")}
    assert all(0.15 < deviation < 0.25 for deviation in before.values())
    calibrate(chip)
    assert off_by(chip, "hidden", "threshold").std() < 0.03
    for layer in LAYERS:
        for name in ("tau_mem", "tau_syn"):
            assert off_by(chip, layer, name).square().mean().sqrt() < 0.03, (layer, name)


def test_gains_are_calibrated_if_asked_for():
    chip = VirtualChip(fifth(), replace(DIFFERING, weight_mismatch=0.0, gain_mismatch=0.2), 0)
    torch.manual_seed(0)
    assert off_by(chip, "hidden", "gain").std() > 0.15
    calibrate(chip, repeats=4)
    assert off_by(chip, "hidden", "gain").std() > 0.15, "not unless asked for"
    calibrate(chip, repeats=4, gains=True)
    for layer in LAYERS:
        assert off_by(chip, layer, "gain").abs().mean() < 0.05, layer


def test_a_chip_that_does_what_was_asked_for_is_left_almost_as_it_is():
    chip = calibrate(VirtualChip(fifth(), Limits(converter=True)), repeats=1)
    assert all(off_by(chip, "hidden", name).abs().max() < 0.03 for name in ("threshold", "tau_mem", "tau_syn"))


def test_without_limits_a_chip_in_the_loop_has_the_gradients_of_the_fifth():
    made = fifth()
    wanted = torch.autograd.grad(made(IMAGES).square().sum(), list(made.parameters()))
    loop = InTheLoop(VirtualChip(made, NO_LIMITS))
    found = torch.autograd.grad(loop(IMAGES).square().sum(), list(made.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-4 * a.abs().max()) for a, b in zip(wanted, found, strict=True))


def test_in_the_loop_the_answers_are_the_chips_own():
    chip = VirtualChip(fifth(), MISMATCH, seed=3)
    assert torch.allclose(InTheLoop(chip)(IMAGES), chip(IMAGES), atol=1e-5)
    assert not torch.allclose(chip(IMAGES), chip.model(IMAGES), atol=1e-2)


def test_any_chip_is_another_one_at_every_batch_of_a_training():
    chips = AnyChip(fifth(), MISMATCH)
    with torch.no_grad():
        assert not torch.equal(chips(IMAGES), chips(IMAGES))
        chips.eval()
        assert torch.equal(chips(IMAGES), chips(IMAGES))


def test_no_measurement_at_all():
    with pytest.raises(ValueError, match="repeats is 0; it must be a whole number, 1 or more"):
        calibrate(VirtualChip(fifth()), repeats=0)
