"""The virtual chip: without limits it is the model, and each limit alone does what a case worked by hand says."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.chips.placing import check_fits, circuits_for, place_table, places
from course_utils.chips.virtual_chip import (
    AS_READ,
    BRAINSCALES,
    NIGHTLY,
    NO_LIMITS,
    Limits,
    VirtualChip,
    clipped,
    converted,
    fitting_scale,
    largest,
    round_half_away,
    to_integers,
)
from course_utils.spiking.li_readout import LIReadout
from tests.chips.fifth import IMAGES as SINGLE
from tests.chips.fifth import fifth

IMAGES = SINGLE.double()
MODEL = fifth(IMAGES)


def hidden(limits: Limits = NO_LIMITS, seed: int = 0) -> torch.Tensor:
    return VirtualChip(MODEL, limits, seed).activity(IMAGES).hidden


def shown(limits: Limits, *potentials: float) -> torch.Tensor:
    """What the converter of a chip says of these potentials."""
    return VirtualChip(MODEL, limits)._read(torch.tensor(potentials, dtype=torch.float64)[:, None, None]).flatten()


@pytest.mark.parametrize("options", [{}, {"outputs": 1}, {"readout": "maximum"}, {"filters": 3}])
def test_without_limits_the_chip_is_the_model_spike_for_spike_and_training_it_trains_the_model(options: dict):
    made = fifth(IMAGES, **options)
    ours, theirs = VirtualChip(made).activity(IMAGES), made.activity(IMAGES)
    assert 0.01 < theirs.hidden.mean() < 0.5
    assert torch.equal(ours.hidden, theirs.hidden)
    assert (ours.readout - theirs.readout).abs().max() < 1e-12
    answers = VirtualChip(made)(IMAGES), made(IMAGES)
    assert torch.allclose(*answers, atol=1e-12)
    found, wanted = (torch.autograd.grad(answer.square().sum(), list(made.parameters())) for answer in answers)
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(wanted, found, strict=True))


def test_weights_are_rounded_half_away_from_zero_and_saturate_at_63():
    weights = torch.tensor([0.5, -0.5, 1.5, 2.5, -2.5, 0.49, 62.5, 63.4, 64.0, -1000.0])
    assert to_integers(weights, 1.0).tolist() == [1, -1, 2, 3, -3, 0, 63, 63, 63, -63]
    assert round_half_away(torch.tensor([2.5, -2.5])).tolist() == [3, -3] != torch.tensor([2.5, -2.5]).round().tolist()
    assert [largest(bits) for bits in (2, 3, 4, 6)] == [3, 7, 15, 63]
    assert to_integers(torch.tensor([0.7, 3.0]), 10.0, bits=4).tolist() == [7, 15]


def test_rounding_lets_the_gradient_through_and_saturation_stops_it():
    weights = torch.tensor([0.3, 62.9, 63.1, -70.0], requires_grad=True)
    to_integers(weights, 1.0).sum().backward()
    assert weights.grad.tolist() == [1, 1, 0, 0]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.integers(2, 8))
def test_the_fitting_scale_uses_all_bits_and_errs_by_half_a_step(values: list[float], bits: int):
    weights = torch.tensor(values, dtype=torch.float64)
    scale = fitting_scale(weights, bits)
    held = to_integers(weights, scale, bits)
    assert held.abs().max() == (largest(bits) if weights.abs().max() > 1e-30 else 0)
    assert (held - weights * scale).abs().max() <= 0.5 + 1e-9


def test_a_chip_holds_a_few_different_weights():
    chip = VirtualChip(MODEL, Limits(weight_bits=2))
    for weight in (MODEL.conv.weight, chip.folded()):
        assert len((chip.on_chip(weight) * fitting_scale(weight, 2)).round().unique()) <= 7
    finer = VirtualChip(MODEL, Limits(weight_bits=12)).on_chip(MODEL.conv.weight)
    assert (finer - MODEL.conv.weight).abs().max() < 1e-3 * MODEL.conv.weight.abs().max()


def test_the_converter_says_80_at_rest_and_125_at_the_threshold_and_ends_at_0_and_255():
    v = torch.tensor([0.0, 1.0, 0.5 / 45, -0.5 / 45, 100.0, -100.0], dtype=torch.float64)
    assert converted(v).tolist() == [80, 125, 81, 80, 255, 0]  # 80.5 and 79.5 are both rounded up
    assert (45 * shown(Limits(converter=True), 0.0, 0.3, 9.0) + 80).tolist() == pytest.approx([80, 94, 255])
    # with the threshold at 150 LSB one unit is 70 LSB: half a threshold is 115
    limits = Limits(converter=True, clip=True, threshold_lsb=150)
    assert (80 + 70 * shown(limits, 0.5, 9.0, -9.0)).tolist() == pytest.approx([115, 255, 0])


def test_membranes_are_clipped_and_never_rounded():
    v = torch.tensor([0.123456789, -2.0, 4.0], dtype=torch.float64)
    assert clipped(v).tolist() == pytest.approx([0.123456789, -80 / 45, 175 / 45], abs=0)
    strong = fifth(IMAGES)
    with torch.no_grad():
        strong.linear.weight.mul_(200)
    free, limited = (VirtualChip(strong, limits).activity(IMAGES).readout for limits in (NO_LIMITS, Limits(clip=True)))
    assert free.abs().max() > 5
    assert limited.min() >= -80 / 45 and limited.max() <= 175 / 45


def test_a_sample_is_held_until_the_next():
    assert shown(Limits(sample_us=2.5), *range(8)).tolist() == [0, 0, 0, 2, 2, 5, 5, 5]


def test_the_router_serves_the_first_neurons():
    chip = VirtualChip(MODEL, Limits(events_per_us=2))
    spikes = torch.tensor([[[0.0, 1, 1, 0, 1]], [[1.0, 0, 0, 0, 1]]])
    assert chip._through_the_router(spikes).tolist() == [[[0, 1, 1, 0, 0]], [[1, 0, 0, 0, 1]]]
    assert hidden(Limits(events_per_us=5)).flatten(2).sum(2).max() == 5


@pytest.mark.parametrize("name", ["threshold_mismatch", "tau_mismatch", "weight_mismatch"])
def test_a_seed_is_a_chip_whose_mismatch_has_the_deviation_that_was_asked_for(name: str):
    chip = VirtualChip(MODEL, Limits(**{name: 0.1}), seed=5)
    found = {
        "threshold_mismatch": chip._circuits("hidden").threshold,
        "tau_mismatch": 0.1 / chip._circuits("hidden").step_mem,  # Norse's 10 ms at 1 ms a step
        "weight_mismatch": chip.hidden_synapses.flatten(),
    }
    for other, factors in found.items():
        if other == name:
            count = factors.numel()
            assert factors.std() == pytest.approx(0.1, abs=4 * 0.1 / math.sqrt(2 * count))
            assert factors.mean() == pytest.approx(1, abs=4 * 0.1 / math.sqrt(count))
        else:
            assert factors.numel() == 1 or factors.std() == 0
    assert VirtualChip(MODEL, Limits(weight_mismatch=0.9)).hidden_synapses.min() == pytest.approx(0.05)
    first, again, other = (hidden(Limits(**{name: 0.2}), seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_noise_is_another_at_every_run():
    torch.manual_seed(0)
    first, second = hidden(Limits(noise=0.1)), hidden(Limits(noise=0.1))
    torch.manual_seed(0)
    assert torch.equal(hidden(Limits(noise=0.1)), first) and not torch.equal(first, second)
    quiet, noisy = (
        VirtualChip(MODEL, Limits(converter=True, readout_noise_lsb=lsb)).activity(IMAGES).readout for lsb in (0.0, 3.0)
    )
    assert (45 * (noisy - quiet)).std().item() == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({}, [0, 1, 1, 1, 1, 1]),
        ({"reset_lsb": 70}, [0, 1, 0, 1, 0, 1]),
        ({"refractory_us": 2.0}, [0, 1, 0, 0, 1, 0]),
        ({"threshold_lsb": 150, "reset_lsb": 70}, [0, 1, 0, 1, 0, 1]),
        ({"threshold_lsb": 150, "reset_lsb": 76}, [0, 1, 0, 1, 0, 1]),
        ({"threshold_lsb": 150, "reset_lsb": 77}, [0, 1, 1, 1, 1, 1]),
    ],
)
def test_a_reset_below_rest_and_a_refractory_time_hold_a_neuron_back(limits: dict, wanted: list[int]):
    """By hand, Δt/τ = 0.1 for the membrane and 0.2 for the synapse, a current of 7, then one that keeps i at 10.5.

    v is 0.7, then 1.68 (a spike), then 1.05 from rest. From a reset r below rest it is 1.05 + 0.9 r: too low from
    −0.22, that is 10 of 45 LSB, or from 4 of 70 LSB where the threshold is at 150, but not from 3 of them.
    """
    currents = torch.tensor([7.0, 4.9, 2.1, 2.1, 2.1, 2.1], dtype=torch.float64)
    spikes, _ = VirtualChip(MODEL, Limits(**limits)).inject("hidden", currents)
    assert spikes[:, 0].tolist() == wanted and (spikes == spikes[:, :1]).all()


def test_the_nightly_calibration_is_another_network_and_the_model_is_left_alone():
    plain = hidden(BRAINSCALES)
    assert not any(torch.equal(hidden(limits), plain) for limits in (NIGHTLY, AS_READ))
    slow = VirtualChip(MODEL, BRAINSCALES).with_tau_syn(10.0)
    assert slow._circuits("hidden").step_syn == pytest.approx(0.1) != VirtualChip(MODEL)._circuits("hidden").step_syn
    assert slow.activity(IMAGES).hidden.sum() > plain.sum()
    same = VirtualChip(MODEL, BRAINSCALES).with_tau_syn(5.0).activity(IMAGES).hidden
    assert (same != plain).sum() < 1e-4 * plain.numel()


def test_a_gain_scales_what_the_synapses_bring_and_not_the_bias():
    chip = VirtualChip(MODEL, Limits(gain_mismatch=0.2), seed=1)
    assert chip._circuits("hidden").gain.std() == pytest.approx(0.2, abs=0.04)
    direct, through = (chip.inject("output", torch.ones(20).double(), way)[1] for way in (False, True))
    assert torch.allclose(through, direct * chip._circuits("output").gain)
    twice, stronger = VirtualChip(MODEL), fifth(IMAGES)
    twice.settings["hidden"] = twice.settings["hidden"]._replace(gain=torch.tensor(2.0))
    with torch.no_grad():
        stronger.conv.weight.mul_(2)
    assert torch.equal(twice.activity(IMAGES).hidden, VirtualChip(stronger).activity(IMAGES).hidden)


def test_circuits_for_a_fan_in():
    assert [circuits_for(fan_in) for fan_in in (1, 128, 129, 256, 338)] == [1, 1, 2, 2, 3]
    with pytest.raises(ValueError, match="readout has 129 inputs a neuron; a circuit has 128 signed ones, 1 too few"):
        circuits_for(129, join=False, layer="readout")
    with pytest.raises(ValueError, match="fan_in is 0"):
        circuits_for(0)


def test_the_fifth_model_fits_with_sums_but_not_with_maxima():
    assert check_fits(places(MODEL)) == 338 + 2 * 3
    with pytest.raises(ValueError, match=r"takes 632 circuits \(hidden 338, pool 288, readout 6\).* 120 too few"):
        check_fits(places(LIReadout()))
    with pytest.raises(ValueError, match="hidden 676"):
        check_fits(places(MODEL, dense=True))
    with pytest.raises(ValueError, match="hidden has 256 inputs a neuron; a circuit has 128 signed ones, 128 too few"):
        places(MODEL, dense=True, join=False)
    assert "344 of 512" in str(place_table(places(MODEL)))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"weight_bits": 1}, "weight_bits is 1; it must be a whole number, 2 or more"),
        ({"weight_bits": 2.5}, "weight_bits is 2.5"),
        ({"weight_bits": True}, "weight_bits is True"),
        ({"threshold_mismatch": -0.1}, "threshold_mismatch is -0.1; it must be at least 0 and below 1"),
        ({"tau_mismatch": 1.0}, "tau_mismatch is 1.0"),
        ({"weight_mismatch": math.nan}, "weight_mismatch is nan"),
        ({"noise": -1}, "noise is -1; it must be 0 or more"),
        ({"readout_noise_lsb": math.inf}, "readout_noise_lsb is inf"),
        ({"sample_us": 0.5}, "sample_us is 0.5; it must be one step, 1 µs, or more"),
        ({"reset_lsb": 130}, "reset_lsb is 130; it must be 50 to 160 and below the threshold, 125"),
        ({"threshold_lsb": 80}, "threshold_lsb is 80; it must be above 80, up to 220"),
        ({"refractory_us": 33}, "refractory_us is 33; it must be 0 to 32"),
        ({"gain_mismatch": 1}, "gain_mismatch is 1"),
        ({"events_per_us": 0}, "events_per_us is 0; it must be a whole number, 1 or more"),
    ],
)
def test_limits_that_cannot_be(limits: dict, message: str):
    with pytest.raises(ValueError, match=message):
        Limits(**limits)


def test_what_no_chip_can_do():
    with pytest.raises(ValueError, match="the model's pool is a maximum; synapses add up"):
        VirtualChip(LIReadout())
    with pytest.raises(ValueError, match=r'pool is .mean.; it must be "maximum" or "sum"'):
        LIReadout(pool="mean")
    with pytest.raises(ValueError, match="scale is 0; it must be above 0"):
        to_integers(torch.ones(1), 0)
    broken = fifth(IMAGES)
    with torch.no_grad():
        broken.conv.weight[0, 0, 1, 1:3] = math.nan
    for limits in (NO_LIMITS, BRAINSCALES):
        with pytest.raises(ValueError, match="weight holds 2 numbers that are not finite"):
            VirtualChip(broken, limits)(IMAGES)
