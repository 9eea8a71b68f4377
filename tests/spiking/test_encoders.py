"""The encoders: their laws and limits, and the libraries that compute the same."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from norse.torch.functional import encode as norse
from scipy import stats
from snntorch import spikegen

from course_utils.spiking import decoders, encoders, timing
from course_utils.spiking.neurons import LIF

GREYS = torch.arange(256) / 255
STEPS = st.integers(1, 60)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(seed: int, count: int = 3) -> torch.Tensor:
    """8-bit images, [count, 6, 7]."""
    return torch.randint(0, 256, (count, 6, 7), generator=seeded(seed)) / 255


def chance(spikes: torch.Tensor, probability: float) -> float:
    return stats.binomtest(int(spikes.sum()), spikes.numel(), probability).pvalue


@pytest.mark.parametrize("probability", [0.01, 0.3, 0.5, 0.9])
def test_poisson_spikes_with_its_probability_as_the_libraries_do(probability) -> None:
    grey = torch.full((200,), probability)
    torch.manual_seed(1)
    assert chance(encoders.poisson(grey, 500, seeded()), probability) > 0.01
    assert chance(spikegen.rate(grey, num_steps=500), probability) > 0.01
    assert chance(norse.poisson_encode(grey, 500), 0.1 * probability) > 0.01, "100 Hz at 1 ms: a tenth"
    assert chance(encoders.poisson(grey, 500, seeded()), probability + 0.02) < 1e-6, "the test can fail"


def test_poisson_counts_are_binomial_and_steps_independent() -> None:
    spikes = encoders.poisson(torch.full((20_000,), 0.3), 10, seeded())
    seen = torch.bincount(spikes.sum(0).long(), minlength=11).numpy()
    expected = 20_000 * stats.binom.pmf(range(11), 10, 0.3)
    assert stats.chisquare([*seen[:8], seen[8:].sum()], [*expected[:8], expected[8:].sum()]).pvalue > 0.01
    both = (spikes[:-1] * spikes[1:]).sum()
    assert stats.binomtest(int(both), spikes[1:].numel(), 0.09).pvalue > 0.001


def test_norse_draws_the_same_spikes_at_one_spike_a_step() -> None:
    values = 2 * images(0) - 1
    theirs = norse.poisson_encode(images(0), 50, f_max=1000, generator=seeded())
    assert torch.equal(encoders.poisson(images(0), 50, seeded()), theirs)
    theirs = norse.signed_poisson_encode(values, 50, f_max=1000, generator=seeded())
    assert torch.equal(encoders.bipolar_poisson(values, 50, seeded()), theirs)


@given(st.integers(0, 1000), STEPS)
def test_a_seed_repeats_its_spikes_and_the_ends_are_certain(seed, steps) -> None:
    values = torch.tensor([0.0, 0.5, 1.0])
    spikes = encoders.poisson(values, steps, seeded(seed))
    assert torch.equal(spikes, encoders.poisson(values, steps, seeded(seed)))
    assert spikes[:, 0].sum() == 0 and spikes[:, 2].sum() == steps
    signed = encoders.bipolar_poisson(torch.tensor([-1.0, 0.0, 1.0]), steps, seeded(seed))
    assert (signed == torch.tensor([-1.0, 0.0, 1.0])).all()


@given(st.floats(0, 1), st.integers(1, 300))
def test_regular_counts_are_rounded_and_spread_evenly(value, steps) -> None:
    spikes = encoders.regular(torch.tensor(value, dtype=torch.float64), steps)
    assert set(spikes.tolist()) <= {0, 1}
    assert abs(spikes.sum() - value * steps) <= 0.5 + 1e-9
    reached = spikes.cumsum(0) - value * torch.arange(1, steps + 1, dtype=torch.float64)
    assert reached.abs().max() <= 0.5 + 1e-9, "never more than half a spike ahead or behind"


def test_regular_levels() -> None:
    for steps in (15, 50, 255):
        assert len(encoders.regular(torch.linspace(0, 1, 2001), steps).sum(0).unique()) == steps + 1
    assert torch.equal(encoders.regular(GREYS, 255).sum(0), 255 * GREYS)


@pytest.mark.parametrize("scale", [0, 5, 10, 20, 50])
def test_constant_current_is_norse_spike_for_spike(scale) -> None:
    ours = encoders.constant_current(GREYS, 200, scale=scale)
    assert torch.equal(ours, norse.constant_current_lif_encode(scale * GREYS, 200))
    assert torch.equal(timing.first_spikes(ours), norse.spike_latency_lif_encode(scale * GREYS, 200))


@given(st.floats(0, 15), st.integers(1, 100))
def test_a_constant_current_spikes_every_k_steps(current, steps) -> None:
    spikes = encoders.constant_current(torch.tensor([current], dtype=torch.float64), steps, scale=1)[:, 0]
    times = spikes.nonzero()[:, 0] + 1
    if current <= 1:
        assert len(times) == 0
    elif len(times):
        k = int(times[0])
        assert len(times) == steps // k and (times % k == 0).all()


@given(st.floats(1, 60), st.integers(20, 200))
def test_decoded_counts_rise_with_the_count_and_silence_is_zero(scale, steps) -> None:
    spikes = encoders.constant_current(GREYS, steps, scale=scale)
    decoded, counts = decoders.decode_constant_current(spikes, scale=scale), spikes.sum(0)
    assert ((decoded == 0) == (counts == 0)).all()
    assert ((decoded.diff() > 0) == (counts.diff() > 0)).all()


def test_a_decoded_value_makes_the_same_count() -> None:
    values = torch.linspace(0.055, 0.45, 200)
    spikes = encoders.constant_current(values, 2000, scale=20)
    decoded = decoders.decode_constant_current(spikes, scale=20)
    assert torch.equal(encoders.constant_current(decoded, 2000, scale=20).sum(0), spikes.sum(0))


def test_decoding_a_fine_grid_inverts_the_f_i_curve() -> None:
    values, neuron = torch.linspace(0.06, 0.4, 50), LIF(dt_ms=0.1)
    spikes = encoders.constant_current(values, 10_000, scale=20, neuron=neuron)
    decoded = decoders.decode_constant_current(spikes, scale=20, neuron=neuron)
    assert (decoded / values - 1).abs().max() < 0.04
    saturated = encoders.constant_current(torch.tensor([0.6, 0.9]), 50, scale=20)
    assert torch.allclose(decoders.decode_constant_current(saturated, scale=20), torch.tensor(0.5))


@given(st.integers(0, 1000), st.integers(2, 60), st.sampled_from([0.01, 0.1, 0.5]))
def test_latency_is_snntorchs(seed, steps, threshold) -> None:
    values = images(seed)
    theirs = spikegen.latency(values, steps, threshold=threshold, linear=True, normalize=True, clip=True)
    assert torch.equal(timing.latency(values, steps, threshold=threshold), theirs)


@given(st.integers(0, 1000), STEPS)
def test_one_spike_each_and_brighter_never_later(seed, steps) -> None:
    values = images(seed)
    for spikes in (timing.latency(values, steps), timing.rank_order(values, steps)):
        assert torch.equal(spikes.sum(0), (values >= 0.01).float())
        at = spikes.argmax(0).flatten(1)
        for sample, when, fired in zip(values.flatten(1), at, spikes.sum(0).flatten(1) > 0, strict=True):
            order = sample[fired].argsort(descending=True, stable=True)
            assert (when[fired][order].diff() >= 0).all()


@given(st.integers(0, 1000), st.integers(2, 60))
def test_latency_comes_back_within_half_a_step(seed, steps) -> None:
    values = images(seed)
    decoded = decoders.decode_times(timing.latency(values, steps, threshold=0), torch.linspace(1, 0, steps))
    assert (decoded - values).abs().max() <= 0.5 / (steps - 1) + 1e-5


@given(st.integers(0, 1000), STEPS, st.floats(0.1, 1))
def test_rank_order_ignores_light_and_other_samples(seed, steps, light) -> None:
    values = images(seed)
    spikes = timing.rank_order(values, steps, threshold=0)
    assert torch.equal(spikes, timing.rank_order(light * values.square(), steps, threshold=0))
    assert torch.equal(spikes[:, 1:2], timing.rank_order(values[1:2], steps, threshold=0))


def test_rank_order_of_a_few_values() -> None:
    spikes = timing.rank_order(torch.tensor([[0.2, 0.9, 0.0, 0.5]]), 4)[:, 0]
    assert spikes.argmax(0).tolist() == [2, 0, 0, 1] and spikes.sum(0).tolist() == [1, 1, 0, 1]
    grouped = timing.rank_order(torch.tensor([[0.2, 0.9, 0.1, 0.5]]), 2)[:, 0]
    assert grouped.argmax(0).tolist() == [1, 0, 1, 0]
    equal = timing.rank_order(torch.full((1, 4), 0.5), 4)[:, 0]
    assert torch.equal(equal, torch.eye(4)), "equal values in reading order"


def test_a_table_of_ranks() -> None:
    values = torch.tensor([[0.8, 0.4], [0.2, 0.6]])
    spikes = timing.rank_order(values, 3)
    assert torch.allclose(decoders.mean_by_step(spikes, values), torch.tensor([0.7, 0.3, 0]))
    decoded = decoders.decode_times(spikes, torch.tensor([0.7, 0.3, 0]))
    assert torch.allclose(decoded, torch.tensor([[0.7, 0.3], [0.3, 0.7]]))


def test_the_first_of_many_spikes() -> None:
    spikes = torch.tensor([[0, 1, 0], [1, 1, 0], [1, 0, 0]]).float()
    assert timing.first_spikes(spikes).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert torch.equal(timing.first_spikes(spikes), norse.spike_latency_encode(spikes))


ENCODERS = {
    "poisson": encoders.poisson,
    "bipolar_poisson": encoders.bipolar_poisson,
    "regular": encoders.regular,
    "constant_current": lambda values, steps: encoders.constant_current(values, steps, scale=20),
    "latency": timing.latency,
    "rank_order": timing.rank_order,
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_time_first_the_type_of_the_values_and_one_step(encode, dtype) -> None:
    values = images(0).to(dtype)
    for steps in (1, 9):
        spikes = encode(values, steps)
        assert spikes.shape == (steps, 3, 6, 7) and spikes.dtype == dtype
        assert set(spikes.unique().tolist()) <= {0, 1}
