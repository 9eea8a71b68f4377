"""The judge of the capstone: hidden, repeatable, and strict where a chip is."""

import copy
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

from course_utils.chips.virtual_chip import VirtualChip
from course_utils.lessons.ledger_and_next_steps import capstone
from course_utils.lessons.ledger_and_next_steps.capstone import LEVELS, Judgement, hidden_chips, hidden_seed, judge
from course_utils.spiking import stripe_networks as models
from course_utils.spiking.stripe_networks import LIReadout

FOUND = Judgement(
    seed=1, chips=(0.99, 0.97, 0.98), no_limits=1.0, alike=0.99, baseline=0.9, circuits=344, operations=9000.0,
    input_operations=8000.0, spikes=500.0, steps=12,
)  # fmt: skip


def network(**options: object) -> LIReadout:
    torch.manual_seed(0)
    return LIReadout(partial(models.stripe_input, steps=6, scale=15.0), pool="sum", **options)


def quick(model: nn.Module, word: str = "") -> Judgement:
    return judge(model, word, images=20, chips=2)


# --- the hidden seed ------------------------------------------------------------------------------------------------


def test_random_encoders_are_judged_alike_too():
    torch.manual_seed(0)
    model = LIReadout(models.PoissonInput(steps=4), pool="sum")
    assert quick(model) == quick(model)


def test_the_seed_is_made_of_every_weight_of_encoder_readout_and_neuron_and_of_the_word():
    model = network()
    seed = hidden_seed(model)
    assert seed == hidden_seed(copy.deepcopy(model))
    assert seed != hidden_seed(model, "examiner") != hidden_seed(model, "Examiner")
    for values in model.parameters():
        with torch.no_grad():
            kept = values.clone()
            values.view(-1)[-1] += 1e-6
            assert hidden_seed(model) != seed
            values.copy_(kept)
    assert hidden_seed(model) == seed != hidden_seed(network(readout="mean"))
    other = network()
    other.encode = partial(models.stripe_input, steps=7, scale=15.0)
    model.lif.p = model.lif.p._replace(v_th=torch.tensor(0.9))
    assert seed not in (hidden_seed(other), hidden_seed(model))


def test_hidden_chips_are_not_those_of_a_training():
    chips = [chip.seed for chip in hidden_chips(network(), 3, capstone.CHIPS)]
    assert len(set(chips)) == capstone.CHIPS and min(chips) >= 1_000_000
    assert chips == [chip.seed for chip in hidden_chips(network(), 3, capstone.CHIPS)]
    assert chips != [chip.seed for chip in hidden_chips(network(), 4, capstone.CHIPS)]


# --- a judgement ----------------------------------------------------------------------------------------------------


def test_a_judgement_can_be_repeated_and_leaves_everything_as_it_was():
    model = network()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    first = quick(model)
    assert torch.equal(torch.get_rng_state(), state), "the examiner's dice are his own"
    torch.rand(7)
    assert quick(model) == first
    assert quick(model, "word").seed != first.seed
    assert judge(model, "word", seed=first.seed, images=20, chips=2) == first, "the same images, the same chips"
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


def test_operations_are_those_of_spikes_by_hand():
    """One spike of a pixel in the middle meets 16 windows; a hidden spike meets every output."""

    def one_spike(images: torch.Tensor) -> torch.Tensor:
        spikes = torch.zeros(4, *images.shape)
        spikes[1, :, 0, 8, 8] = 1
        return spikes

    model = network(filters=3, outputs=1)
    model.encode = one_spike
    with torch.no_grad():
        model.conv.bias.fill_(-10.0)  # silent
    found = quick(model)
    assert found.operations == found.input_operations == 16 * 3
    assert found.spikes == 0 and found.steps == 4 and found.circuits == 511
    assert found.energy_nj == pytest.approx(48 * 0.03 / 1000)
    with torch.no_grad():
        model.conv.bias.fill_(10.0)  # every hidden neuron spikes, from the third step on
    found = quick(model)
    assert found.input_operations == pytest.approx(16 * 3) and found.spikes > 507
    assert found.operations == pytest.approx(16 * 3 + found.spikes)


def currents() -> LIReadout:
    model = network()
    model.encode = lambda images: 0.5 * images.expand(4, *images.shape)
    return model


def not_finite() -> LIReadout:
    model = network()
    torch.nn.init.constant_(model.linear.weight, torch.nan)
    return model


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (nn.Linear(2, 2), "type Linear"),
        (network(filters=4), "circuits"),
        (network(filters=3), "3 too few"),
        (LIReadout(), "632"),
        (currents(), "must send spikes"),
        (not_finite(), "not finite"),
    ],
)
def test_what_no_chip_runs_is_refused(model, says):
    with pytest.raises(ValueError, match=says):
        quick(model)


def test_the_kept_network_passes_and_training_for_any_chip_brought_something():
    after, before = (capstone.kept_network(way) for way in ("for any chip", "without a chip"))
    found = judge(after, images=60, chips=3)
    assert found.level is not None and found.circuits == 511
    assert sum(found.chips) > sum(judge(before, seed=found.seed, images=60, chips=3).chips)


# --- levels ---------------------------------------------------------------------------------------------------------


def test_levels_ask_for_more_and_more():
    demands = list(LEVELS.values())
    for lower, higher in pairwise(demands):
        assert lower.median < higher.median and lower.operations > higher.operations
        assert lower.lowest <= higher.lowest


def test_the_highest_level_whose_demands_are_all_met():
    assert FOUND.median == 0.98 and FOUND.level == "excellent"
    assert replace(FOUND, operations=LEVELS["good"].operations).level == "good"
    assert replace(FOUND, operations=LEVELS["pass"].operations).level == "pass"
    assert replace(FOUND, operations=LEVELS["pass"].operations + 1).level is None
    assert replace(FOUND, chips=(1.0, 1.0, LEVELS["good"].lowest)).level == "good"
    assert replace(FOUND, chips=(LEVELS["pass"].median,) * 3).level == "pass"
    assert replace(FOUND, chips=(0.99, 0.6, 0.6)).level is None


def test_the_table_has_what_was_found_beside_what_is_asked():
    table = FOUND.table()
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["median accuracy of the chips"][0] == "98.0%" and rows["lowest of them"][0] == "97.0%"
    assert rows["circuits"] == ["344", "≤ 512", "≤ 512", "≤ 512"]
    assert len(rows["hidden seed"]) == 4
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_images_are_faint_stripes():
    images, labels = capstone.draw_images(40, 0)
    assert images.shape == (40, 1, 16, 16) and set(labels.tolist()) == {0, 1}
    assert images.min() >= 0 and images.max() <= 1
    assert images.max() < 0.4, "a tenth of white is the mean of a stripe"
    assert isinstance(next(hidden_chips(network(), 0, 1)), VirtualChip)
