"""STDP equals the sum over pairs and Norse's rule; a layer keeps its promises."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.spiking.plasticity import Learned, PairSTDP, WinnerTakeAll, assign_labels, vote

DOUBLE = torch.float64


def spikes(*shape: int, seed: int = 0, rate: float = 0.2) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE) < rate).to(DOUBLE)


def changes(rule: PairSTDP, pre: torch.Tensor, post: torch.Tensor) -> torch.Tensor:
    total, traces = 0, None
    for now in zip(pre, post, strict=True):
        change, traces = rule.step(*now, traces)
        total = total + change
    return total


@given(
    seed=st.integers(0, 10_000),
    a_plus=st.floats(-1, 1),
    a_minus=st.floats(-1, 1),
    tau_plus_ms=st.floats(1, 100),
    tau_minus_ms=st.floats(1, 100),
    dt_ms=st.sampled_from((0.1, 0.5, 1.0)),
)
@settings(max_examples=40, deadline=None)
def test_traces_equal_the_sum_over_all_pairs(seed, **attributes) -> None:
    rule = PairSTDP(**attributes)
    pre, post = spikes(60, 3, seed=seed), spikes(60, 2, seed=seed + 1)
    steps = torch.arange(60)
    window = rule.window((steps[None, :] - steps[:, None]) * rule.dt_ms).to(DOUBLE)  # [time in, time out]
    assert torch.allclose(changes(rule, pre, post), pre.T @ window @ post, rtol=0, atol=1e-4)  # the window is float32


def test_without_timing_only_the_counts_are_left() -> None:
    rule = PairSTDP(a_plus=0.1, a_minus=-0.1, tau_plus_ms=1e12, tau_minus_ms=1e12)
    pre, post = spikes(60, 3), spikes(60, 2, seed=1)
    assert torch.allclose(changes(rule, pre, post), 0.1 * torch.outer(pre.sum(0), post.sum(0)), rtol=1e-9)


def test_window_jumps_at_zero_and_decays() -> None:
    rule = PairSTDP(a_plus=2.0, a_minus=0.5, tau_plus_ms=10.0, tau_minus_ms=40.0)
    found = rule.window(torch.tensor([-40.0, -1e-9, 0.0, 10.0], dtype=DOUBLE))
    assert torch.allclose(found, torch.tensor([-0.5 / math.e, -0.5, 2.0, 2.0 / math.e], dtype=DOUBLE))
    assert torch.isfinite(rule.window(torch.tensor([-1e6, 1e6]))).all()


def test_equals_norse_up_to_pairs_of_one_step() -> None:
    from norse.torch.functional.stdp import STDPParameters, STDPState, stdp_step_linear

    rule = PairSTDP(a_plus=0.01, a_minus=0.02, tau_plus_ms=15.0, tau_minus_ms=30.0)
    pre, post = spikes(200, 5), spikes(200, 4, seed=1)
    kept = {name: math.exp(-rule.dt_ms / tau) for name, tau in (("pre", 15.0), ("post", 30.0))}
    parameters = STDPParameters(
        **{f"a_{name}": torch.tensor(1 / (1 - part), dtype=DOUBLE) for name, part in kept.items()},
        **{f"tau_{name}_inv": (1 - part) / 1e-3 for name, part in kept.items()},
        eta_plus=rule.a_plus,
        eta_minus=rule.a_minus,
        hardbound=False,
    )
    weights, state = torch.zeros(4, 5, dtype=DOUBLE), STDPState(pre.new_zeros(1, 5), pre.new_zeros(1, 4))
    for now_in, now_out in zip(pre, post, strict=True):
        weights, state = stdp_step_linear(now_in[None], now_out[None], weights, state, parameters, dt=1e-3)
    assert torch.allclose(weights.T, changes(rule, pre, post) - rule.a_minus * pre.T @ post, rtol=0, atol=1e-12)


LAYER = WinnerTakeAll()


@pytest.fixture
def start() -> Learned:
    return LAYER.start(40, 4, torch.Generator().manual_seed(0))


def bright(*shape: int, seed: int = 0) -> torch.Tensor:
    return spikes(*shape, seed=seed, rate=0.3).float()


def test_start_is_normalised_random_and_repeatable(start) -> None:
    assert torch.allclose(start.weights.sum(0), torch.tensor(16.0)) and start.weights.std() > 0
    assert (start.theta == 0).all()
    assert torch.equal(start.weights, LAYER.start(40, 4, torch.Generator().manual_seed(0)).weights)


def test_one_winner_a_step_and_a_sum_that_stays(start) -> None:
    fired, learned = LAYER.learn(bright(100, 40), start)
    assert fired.shape == (100, 4) and set(fired.sum(1).tolist()) == {0, 1}
    assert torch.allclose(learned.weights.sum(0), torch.tensor(16.0), rtol=1e-5)
    assert (learned.theta > 0).sum() == (fired.sum(0) > 0).sum()
    assert (start.theta == 0).all(), "what came in is left as it was"


def test_without_a_rule_learning_fires_as_responding_does(start) -> None:
    still = WinnerTakeAll(rule=PairSTDP(a_plus=0, a_minus=0), theta_plus=0)
    shown = bright(60, 3, 40)
    answers = still.respond(shown, start)
    for image in range(3):
        assert torch.equal(still.learn(shown[:, image], start)[0], answers[:, image])


def test_switches(start) -> None:
    shown = bright(100, 40)
    free, _ = replace(LAYER, inhibition=False).learn(shown, start)
    assert free.sum(1).max() > 1
    _, flat = replace(LAYER, theta_plus=0.0).learn(shown, start)
    assert (flat.theta == 0).all()
    _, grown = replace(LAYER, total_weight=None).learn(shown, start)
    assert not torch.allclose(grown.weights.sum(0), torch.tensor(16.0), atol=0.01) and grown.weights.max() <= 1


def test_a_winner_moves_towards_what_it_saw() -> None:
    learned = Learned(torch.full((40, 1), 0.4), torch.zeros(1))
    shown = torch.zeros(100, 40)
    shown[:, :20] = bright(100, 20)
    fired, learned = LAYER.learn(shown, learned)
    assert fired.sum() > 1 and learned.weights[:20].min() > learned.weights[20:].max()


def test_labels_and_votes() -> None:
    counts = torch.tensor([[2.0, 0, 0, 1], [2, 0, 0, 0], [0, 1, 0, 0]])
    names = assign_labels(counts, torch.tensor([0, 0, 1]))
    assert names.tolist() == [0, 1, -1, 0]
    judged = torch.tensor([[1.0, 2, 0, 0], [1, 1, 9, 1], [0, 0, 5, 0], [1, 1, 0, 0]])
    assert vote(judged, names).tolist() == [1, 0, -1, 0]
