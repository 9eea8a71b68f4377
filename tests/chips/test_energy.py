"""Energy by the convention: every printed figure from its parts, and our count of operations beside a library's."""

import math
from functools import partial

import norse.torch as norse
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_utils.chips import energy
from course_utils.chips.energy import CONVENTIONS, Anytime, Convention, Priced, TunedInput, Twin, published
from course_utils.chips.virtual_chip import fold_pool
from course_utils.lessons.chip_energy.experiment import earliest_stop, priced
from course_utils.spiking.encoders import constant_current
from course_utils.spiking.li_readout import LIReadout
from course_utils.training.counting import OperationCounter, Operations
from course_utils.training.measuring import Split
from tests.chips import fifth

IMAGES, LABELS = fifth.IMAGES[:12], fifth.LABELS[:12]
STEPS = 12
FLOAT = CONVENTIONS["32-bit float"]


def model(pool: str = "sum", scale: float = 20.0, **options: object) -> LIReadout:
    encode = partial(constant_current, scale=scale, steps=STEPS)
    return fifth.fifth(IMAGES, 12.0, pool=pool, encode=encode, **options)


@torch.no_grad()
def counted(network: nn.Module, images: torch.Tensor = IMAGES) -> Operations:
    with OperationCounter(network, spiking=(norse.LIFCell,)) as counter:
        network(images)
    return counter.per_sample(len(images))


def spikes_only(accumulates: float) -> Operations:
    return Operations(spikes=0, accumulates=accumulates, multiply_accumulates=0, dense=0)


@pytest.mark.parametrize(
    ("name", "mac_pj", "ac_pj", "break_even"),
    [
        ("32-bit float", 3.7 + 0.9, 0.9, 5.11),
        ("8-bit integer", 0.2 + 0.03, 0.03, 7.67),
        ("8-bit, summed in 32 bits", 0.2 + 0.1, 0.1, 3.0),
        ("32-bit integer", 3.1 + 0.1, 0.1, 32.0),
        ("32-bit float, weights from 8 KB", 14.6, 10.9, 1.34),
        ("32-bit float, weights and membranes from 8 KB", 14.6, 30.9, 0.47),
        ("32-bit float, weights from DRAM", 1304.6, 1300.9, 1.0),
    ],
)
def test_a_convention_is_the_sum_of_its_parts(name: str, mac_pj: float, ac_pj: float, break_even: float):
    convention = CONVENTIONS[name]
    assert convention.mac_pj == pytest.approx(mac_pj)
    assert convention.ac_pj == pytest.approx(ac_pj)
    assert convention.break_even == pytest.approx(break_even, abs=0.005)
    assert len(energy.convention_table().rows) == len(CONVENTIONS) == 7
    assert [name, f"{break_even:.2f}"] in [[row[0], row[3]] for row in energy.convention_table().rows]


def test_the_figures_that_lessons_quote():
    """One picture through the twin of the fifth model, and the fifth model with every third input active."""
    macs = counted(Twin(), IMAGES + 0.1).dense
    assert macs == 13 * 13 * 2 * 16 + 12 * 12 * 2 * 2 == 5984
    assert FLOAT.dense_nj(macs) == pytest.approx(27.5, abs=0.05)
    accumulates = macs * 50 * 0.3
    assert accumulates == pytest.approx(89_760)
    assert FLOAT.energy_nj(spikes_only(accumulates)) == pytest.approx(80.8, abs=0.05)
    assert energy.connections(model()) == 13 * 13 * 2 * (16 + 2) == 6084


def test_the_sign_of_a_break_even_hangs_on_how_a_leak_is_computed():
    """By hand, 10,880 updates for 6,084 connections: 1.788 for each. 8 bits: (0.23 − 3 · 0.03 · 1.788) / 0.03 = 2.3."""
    found = {
        (name, way): round(CONVENTIONS[name].break_even_with(10_880, 6084, way), 1)
        for name in ("8-bit integer", "8-bit, summed in 32 bits", "32-bit integer")
        for way in energy.LEAKS
    }
    assert [found["8-bit integer", way] for way in ("multiplied", "shifted", "physical")] == [-19.8, 2.3, 7.7]
    assert [found["8-bit, summed in 32 bits", way] for way in energy.LEAKS] == [-7.7, -2.4, 3.0]
    assert found["32-bit integer", "shifted"] == 26.6
    assert FLOAT.leak_pj("shifted") == pytest.approx(2.7) and FLOAT.leak_pj("physical") == 0
    with pytest.raises(ValueError, match="way is 'magic'; it must be one of multiplied, shifted, physical"):
        FLOAT.leak_pj("magic")


@given(st.sampled_from(sorted(CONVENTIONS)), st.just(0) | st.integers(1, 10_000), st.integers(1, 100_000))
def test_at_the_break_even_both_cost_the_same(name: str, updates: int, macs: int):
    convention = CONVENTIONS[name]
    spikes = convention.break_even_with(updates, macs)
    assert updates or spikes == pytest.approx(convention.break_even)
    leaks = updates * convention.leak_pj("multiplied") / 1000
    if spikes < 0:
        assert leaks > convention.dense_nj(macs)
    else:
        cost = convention.energy_nj(spikes_only(spikes * macs)) + leaks
        assert cost == pytest.approx(convention.dense_nj(macs))


def test_computed_neurons_cost_more_than_the_whole_twin():
    """340 neurons, 32 steps, two multiply-accumulates each: 21,760 of them, against 6,084."""
    updates = energy.neuron_updates(model(), 32)
    assert updates == 340 * 32
    assert updates * FLOAT.leak_pj("multiplied") == pytest.approx(2 * 340 * 32 * 4.6)
    assert FLOAT.break_even_with(updates, 6084) < 0


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: Convention(-1.0, 0.9), "multiply_pj is -1.0; it must be a number, 0 or more"),
        (lambda: Convention(3.7, 0.0), "add_pj is 0.0"),
        (lambda: Convention(3.7, 0.9, math.inf), "access_pj is inf"),
        (lambda: Convention(3.7, 0.9, 1.0, 1, -1), "accesses_ac is -1"),
        (lambda: FLOAT.energy_nj(Operations(math.nan, 1, 1, 1)), "spikes is nan"),
        (lambda: FLOAT.energy_nj(spikes_only(-1)), "accumulates is -1"),
        (lambda: FLOAT.break_even_with(math.nan, 1), "updates is nan"),
        (lambda: FLOAT.dense_nj(-1), "macs is -1"),
        (lambda: FLOAT.break_even_with(0, 0), "macs is 0"),
        (lambda: published("8-bit integer", "4-bit"), "no figure was published for 'add, 4-bit'"),
        (lambda: published("8-bit integer", "8-bit integer", "tape"), "access, tape"),
        (lambda: Priced(model(), -1), "price is -1"),
        (lambda: TunedInput(-1.0, 5), "scale"),
        (lambda: TunedInput(1.0, 0), "steps"),
        (lambda: energy.neuron_updates(model(), 0), "steps"),
        (lambda: energy.anytime(model(), IMAGES, LABELS[:-1]), "12 images but labels \\[11\\]"),
    ],
)
def test_bad_input_is_refused_by_name(refused, message: str):
    with pytest.raises(ValueError, match=message):
        refused()


@pytest.mark.parametrize("what", [energy.folded, lambda m: energy.accumulates_by_step(m, m.activity(IMAGES))])
def test_a_maximum_folds_into_nothing(what):
    with pytest.raises(ValueError, match="maximum"):
        what(model("maximum"))


def test_a_folded_model_gives_the_same_answers_and_only_adds():
    unfolded, folded = model(), energy.folded(model())
    before, after = unfolded.activity(IMAGES), folded.activity(IMAGES)
    assert torch.equal(before.hidden, after.hidden) and before.hidden.sum() > 0
    assert torch.allclose(before.readout, after.readout, atol=1e-5)
    assert torch.equal(folded.linear.weight, fold_pool(unfolded)), "as on the chip"
    assert counted(folded).multiply_accumulates == 0 < counted(unfolded).multiply_accumulates


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("filters", [2, 3])
def test_operations_by_step_add_up_to_the_counter(outputs: int, filters: int):
    network = model(outputs=outputs, filters=filters)
    by_step = energy.accumulates_by_step(network, network.activity(IMAGES))
    assert by_step.shape == (STEPS, len(IMAGES))
    assert by_step.sum().item() / len(IMAGES) == pytest.approx(counted(energy.folded(network)).accumulates)
    dense = counted(energy.folded(network)).dense
    assert dense == STEPS * energy.connections(network)


def test_one_spike_in_the_middle_and_one_in_the_corner_by_hand():
    """A pixel in the middle lies in 16 windows of each of two filters, one in the corner in a single one."""
    network = model()
    activity = network.activity(torch.zeros(1, 1, 16, 16))
    assert activity.inputs.sum() == 0
    middle, corner = torch.zeros_like(activity.inputs), torch.zeros_like(activity.inputs)
    middle[3, 0, 0, 8, 8] = corner[5, 0, 0, 0, 0] = 1
    silent = torch.zeros_like(activity.hidden)
    for inputs, step, cost in ((middle, 3, 32), (corner, 5, 2)):
        found = energy.accumulates_by_step(network, activity._replace(inputs=inputs, hidden=silent))
        assert found[step].item() == cost == found.sum().item()
    hidden = silent.clone()
    hidden[7, 0, 1, 4, 4] = 1
    found = energy.accumulates_by_step(network, activity._replace(inputs=0 * middle, hidden=hidden))
    assert found[7].item() == 2 == found.sum().item()


def test_the_library_counts_what_we_count():
    """NeuroBench 2.3, its own hooks, on the same pictures.

    It takes each call of a layer apart, leaves out biases, pools and the neurons as we do, and takes inputs of −1, 0
    and 1 for spikes. It looks at the weights, too, and would leave out a weight that is exactly 0; none is here.
    """
    neurobench = pytest.importorskip("neurobench.metrics.workload", exc_type=ImportError)
    from neurobench.models import TorchModel

    for network in (model("maximum"), energy.folded(model()), model(), Twin()):
        for layer in (layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)):
            with torch.no_grad():
                layer.weight.masked_fill_(layer.weight == 0, 0.01)
        wrapped, metric = TorchModel(network), neurobench.SynapticOperations()
        wrapped.register_hooks()
        with torch.no_grad():
            scores = wrapped(IMAGES)
            theirs = metric(wrapped, scores, (IMAGES, LABELS))
        wrapped.cleanup_hooks()
        ours = counted(network)
        assert theirs["Effective_ACs"] == pytest.approx(ours.accumulates)
        assert theirs["Effective_MACs"] == pytest.approx(ours.multiply_accumulates)
        assert theirs["Dense"] == pytest.approx(ours.dense)
        assert ours.accumulates + ours.multiply_accumulates > 0


@pytest.mark.parametrize("readout", ["integral", "mean", "last", "maximum"])
def test_a_stop_is_a_shorter_run(readout: str):
    network = model(readout=readout)
    curve = energy.anytime(network, IMAGES, LABELS)
    assert curve.accuracy.shape == curve.accumulates.shape == (STEPS,)
    for stop in (3, STEPS):
        network.encode = partial(constant_current, scale=20.0, steps=stop)
        with torch.no_grad():
            right = (network(IMAGES).argmax(1) == LABELS).double().mean()
        assert curve.accuracy[stop - 1] == right
        assert curve.accumulates[stop - 1].item() == pytest.approx(counted(energy.folded(network)).accumulates)


def test_the_tuned_input_begins_as_the_constant_current():
    tuned = TunedInput(20.0, STEPS)
    assert torch.equal(tuned(IMAGES), constant_current(IMAGES, STEPS, scale=20.0))
    with torch.no_grad():
        tuned.gain.fill_(2.0)
        tuned.offset.fill_(0.1)
    assert torch.allclose(tuned(IMAGES), constant_current(2 * IMAGES - 0.1, STEPS, scale=20.0))


def test_the_price_is_the_loss_and_pulls_at_input_and_hidden_layer():
    network = model()
    network.encode = TunedInput(20.0, STEPS)
    losses, spent = {}, None
    for price in (0.0, 2.0):
        priced = Priced(network, price)
        scores = priced(IMAGES)
        losses[price] = priced.loss(scores, LABELS)
        spent = priced.spikes_a_connection
    assert losses[2.0].item() == pytest.approx(losses[0.0].item() + 2 * spent.item())
    assert spent.item() == pytest.approx(counted(energy.folded(network)).accumulates / 6084)
    spent.backward()
    assert network.encode.gain.grad > 0 > network.encode.offset.grad, "more gain, more spikes; more offset, fewer"
    assert network.conv.bias.grad.abs().sum() > 0


def test_a_price_costs_spikes_and_leaves_the_model_alone():
    network, part = model(scale=10.0), (IMAGES, LABELS)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = {}
    for price in (0.0, 5.0):
        cheap, history = priced(network, Split("drawn", part, part, part), price, 0, epochs=8, learning_rate=5e-2)
        assert len(history.loss) == 8
        found[price] = energy.anytime(cheap, IMAGES, LABELS).accumulates[-1]
    assert found[5.0] < 0.7 * found[0.0]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_an_early_stop_is_the_first_step_that_is_good_enough():
    curve = Anytime(torch.tensor([0.5, 0.97, 0.94, 0.985, 0.99, 0.988]), torch.zeros(6))
    assert earliest_stop(curve, 0.0) == 5
    assert earliest_stop(curve, 0.005) == 4
    assert earliest_stop(curve, 0.02) == 2
