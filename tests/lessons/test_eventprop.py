"""Exact gradients of spike times: held to finite differences and to closed forms."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils.lessons.spike_backprop.eventprop import Membrane, Response, gradient, respond

MEMBRANE = Membrane(10.0, 5.0, 1.0)


def random_neuron(seed: int, inputs: int = 8, mean: float = 0.6) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    return rng.normal(mean, 0.4, inputs), [np.sort(rng.uniform(0, 40, rng.integers(1, 4))) for _ in range(inputs)]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    membrane=st.sampled_from([MEMBRANE, Membrane(5.0, 10.0), Membrane(20.0, 2.0, threshold=0.5)]),
)
def test_gradient_is_the_finite_difference(seed, membrane) -> None:
    """All output spikes count, with random slopes, so those that move later ones are in it too."""
    weights, times = random_neuron(seed)
    record, h = respond(weights, times, 60.0, membrane), 1e-6
    slopes = np.random.default_rng(seed).normal(size=len(record.times_ms))
    assume((record.currents - membrane.threshold > 0.05).all())  # else a spike moves too fast for differences
    moved = [[respond(weights + sign * h * e, times, 60.0, membrane).times_ms for sign in (1, -1)] for e in np.eye(8)]
    assume(all(len(after) == len(slopes) for pair in moved for after in pair))  # no spike came or went
    wanted = np.array([slopes @ (up - down) / (2 * h) for up, down in moved])
    found = gradient(record, slopes, membrane, 8)
    assert np.allclose(found, wanted, rtol=1e-4, atol=1e-4 * max(1.0, abs(wanted).max()))


@given(weight=st.floats(4.1, 12))
def test_first_spike_of_one_input_in_closed_form(weight) -> None:
    """τ_mem = 2 τ_syn: with x = e^(−t/τ_mem) the potential is w (x − x²), so x² − x + V_th/w = 0."""
    record = respond(np.array([weight]), [np.array([3.0])], 30.0, MEMBRANE)
    root = math.sqrt(1 - 4 / weight)
    assert record.times_ms[0] == pytest.approx(3 - 10 * math.log((1 + root) / 2), rel=1e-9)
    slopes = np.eye(len(record.times_ms))[0]
    assert gradient(record, slopes, MEMBRANE, 1)[0] == pytest.approx(-20 / (weight**2 * root * (1 + root)), rel=1e-7)


def test_curves_follow_their_equations() -> None:
    v, i, ms = 0.3, 1.7, 1e-6
    after_v, after_i = MEMBRANE.after(v, i, ms)
    assert (after_v - v) / ms == pytest.approx((i - v) / 10, rel=1e-5)
    assert (after_i - i) / ms == pytest.approx(-i / 5, rel=1e-5)
    assert MEMBRANE.after(*MEMBRANE.after(v, i, 2.0), 3.0) == pytest.approx(MEMBRANE.after(v, i, 5.0))


def test_spikes_are_at_the_threshold_and_times_ascend() -> None:
    weights, times = random_neuron(0, mean=1.2)
    record = respond(weights, times, 60.0, MEMBRANE)
    assert (np.diff(record.times_ms) > 0).all() and (record.currents > 1).all(), "the potential rises where it spikes"
    assert record.inputs == sorted(record.inputs)
    now, v, i, events = 0.0, 0.0, 0.0, iter(record.inputs)
    time, j = next(events)
    for spike in record.times_ms:
        while time <= spike:
            v, i = MEMBRANE.after(v, i, time - now)
            now, i = time, i + weights[j]
            time, j = next(events, (math.inf, None))
        v, i = MEMBRANE.after(v, i, spike - now)
        assert v == pytest.approx(1, abs=1e-9)
        now, v = spike, 0.0


@pytest.mark.parametrize("weights", [[3.9], [-3.0, 4.5]], ids=["too weak", "inhibited"])
def test_a_silent_neuron_has_no_gradient(weights) -> None:
    record = respond(np.array(weights), [np.array([0.0])] * len(weights), 50.0, MEMBRANE)
    assert len(record.times_ms) == 0
    assert not gradient(record, np.zeros(0), MEMBRANE, len(weights)).any()


def test_later_inputs_are_left_out() -> None:
    early, late = np.array([0.0]), np.array([0.0, 30.0])
    record = respond(np.array([5.0]), [late], 20.0, MEMBRANE)
    assert record.inputs == [(0.0, 0)]
    assert np.array_equal(record.times_ms, respond(np.array([5.0]), [early], 20.0, MEMBRANE).times_ms)


RECORD = Response(np.array([1.0, 2.0]), np.array([2.0, 2.0]), [], 10.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        *(
            (partial(Membrane, **{name: value}), rf"{name} is .*above 0")
            for name in ("tau_mem_ms", "tau_syn_ms", "threshold")
            for value in (0, -1, math.inf, math.nan)
        ),
        (partial(Membrane, 5.0, 5.0), "tau_syn_ms is 5.0; it must be unlike tau_mem_ms"),
        (partial(respond, np.ones(2), [np.zeros(1)], 10.0, MEMBRANE), "number of weights is 2; it must be 1"),
        (partial(respond, np.ones(1), [np.array([-1.0])], 10.0, MEMBRANE), "spikes_ms is -1.0; it must be 0 or more"),
        (partial(gradient, RECORD, np.ones(1), MEMBRANE, 1), "number of slopes is 1; it must be 2"),
    ],
)
def test_bad_input_is_named(call, says) -> None:
    with pytest.raises(ValueError, match=says):
        call()
