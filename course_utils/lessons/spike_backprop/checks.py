"""Lesson 10: checks of its exercises."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.lessons.spike_backprop import eventprop
from course_utils.spiking.gradients import Neuron, leak_correction, lif, simulate

Kernel = Callable[[np.ndarray], np.ndarray]


@check
def check_leak_factor(leak_factor: Callable[[Tensor, float], Tensor]) -> str:
    """The factor of neurons that fired at various times, and of one that never did."""
    s = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=torch.float64)
    found = attempt(leak_factor, s, 0.5)
    if not isinstance(found, Tensor) or found.shape != (3,):
        raise NotYet("Return a tensor with one factor for each of the 3 neurons. `s` is [time, neurons].")
    found = found.to(torch.float64)
    if found.isnan().any():
        raise NotYet("A neuron that never fired gives 0/0 in your factor. Its factor is 0.")
    wanted = leak_correction(s, Neuron(leak=0.5))
    if torch.allclose(found, wanted):
        more = (torch.rand(30, 8, generator=torch.Generator().manual_seed(0)) < 0.3).double()
        if not torch.allclose(attempt(leak_factor, more, 0.9).double(), leak_correction(more, Neuron(leak=0.9))):
            raise NotYet("Right for three neurons with λ = 0.5, but not for eight with λ = 0.9.")
        return "Below 1 for who fired, 0 for who did not."
    f, count = torch.tensor([1.625, 0.625, 0.0]), s.sum(0)  # worked out by hand
    fired = count > 0
    log = math.log(0.5)
    if torch.allclose(found[fired], wanted[fired]):
        raise NotYet(f"Right for who fired. But neuron 2 never fired and gets {found[2]:.3g}; its factor is 0.")
    mistakes = {
        "Your factor is above 1: the trace shrinks between spikes, so its slope is negative. Is it ln λ, or −ln λ?": (
            1 - log * f / count
        ),
        "You divide by the number of steps. Divide by the number of spikes of each neuron.": 1 + log * f / len(s),
        "You divide by the rate N/T. Divide by the count N of each neuron.": 1 + log * f * len(s) / count,
        "You divide by the spikes of all neurons. Each has its own count: sum over time only.": 1 + log * f / s.sum(),
        "You left out the slope: f′ = ln(λ)·f.": 1 + f / count,
        "ln λ is the natural logarithm, `math.log(leak)`; you multiply by λ itself.": 1 + 0.5 * f / count,
        "Your trace never leaks: you use the number of spikes. Multiply by λ at every step.": (
            torch.full_like(f, 1 + log)
        ),
        "A new spike adds only λ in your trace. Let the old trace fade, then add the spike.": 1 + log * 0.5 * f / count,
        "This is f′/N alone. The IF neuron's part, 1, is missing.": log * f / count,
    }
    for message, wrong in mistakes.items():
        if torch.allclose(found[fired], wrong[fired].double()):
            raise NotYet(message)
    raise NotYet(
        f"Neuron 0 spikes at steps 0, 2 and 3. With λ = 0.5 its trace ends at 1.625, so its factor is {wanted[0]:.4f}; "
        f"you return {found[0]:.4f}."
    )


@check
def check_through_time(through_time: Callable[..., Tensor]) -> str:
    """Errors of potentials from errors of spikes, through reset and leak."""
    generator = torch.Generator().manual_seed(0)
    neuron = Neuron(leak=0.8)
    currents = torch.rand(12, generator=generator, dtype=torch.float64)
    e = torch.randn(12, generator=generator, dtype=torch.float64)
    s, u = simulate(currents, neuron)
    slope = neuron.spike.slope(u - neuron.threshold)
    leaf = currents.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(lif(leaf, neuron), leaf, e)
    given = [part.clone() for part in (e, s, u, slope)]
    found = attempt(through_time, *given, neuron.leak)
    if not isinstance(found, Tensor) or found.shape != e.shape:
        raise NotYet(f"Return one error for each of the {len(e)} steps, as a tensor [time].")
    found = found.to(wanted.dtype)  # `torch.zeros(len(e))` is single precision
    if not all(torch.equal(now, before) for now, before in zip(given, (e, s, u, slope), strict=True)):
        raise NotYet("Your function changes its arguments. Begin with a new tensor: `delta = e * slope`.")
    if torch.allclose(found, wanted, atol=1e-6):
        return "Both ways are in it: the spike of this step, and all steps after it."
    mistakes = {
        "You look at each step alone. The potential also acts on the next one: add λ·δ[t+1] times ∂v/∂u.": 0 * s,
        "The reset is missing: after a spike the potential is 0, so nothing of it reaches the next step.": 1 + 0 * s,
        "One half of the product rule is missing. v = u(1 − s), and s depends on u too: −u·σ′.": 1 - s,
        "The other half of the product rule is missing: ∂v/∂u has the term 1 − s.": -u * slope,
        "In the second half u is missing: ∂(u(1 − s))/∂u = (1 − s) − u·σ′.": 1 - s - slope,
        "A sign: ∂(1 − s)/∂u is −σ′, so the second half is −u·σ′.": 1 - s + u * slope,
    }
    for message, passes in mistakes.items():
        if torch.allclose(found, _backwards(e, slope, neuron.leak * passes), atol=1e-6):
            raise NotYet(message)
    right = 1 - s - u * slope
    if torch.allclose(found, _backwards(e, slope, right), atol=1e-6):
        raise NotYet("The leak is missing: ∂u[t+1]/∂v[t] = λ.")
    next_alone = torch.cat([(e * slope)[1:], e.new_zeros(1)])
    if torch.allclose(found, e * slope + neuron.leak * right * next_alone, atol=1e-6):
        raise NotYet(
            "Only the next step's own spike reaches back. Use δ[t+1], which holds all later steps. Does your loop "
            "begin at the end?"
        )
    if torch.allclose(found[-1:], wanted[-1:], atol=1e-6):
        raise NotYet(
            "The last step is right, the steps before it are not. Go from the last step but one down to 0, and add to "
            "each step's own part what u[t] does to u[t+1], times δ[t+1]."
        )
    raise NotYet(
        "At the last step nothing follows, so δ[−1] = e[−1]·σ′[−1]. Begin there and go backwards. The number of steps "
        "is len(e), not the T of section 2."
    )


@check
def check_spike_time_slopes(slopes: Callable[..., np.ndarray]) -> str:
    """How the first spike moves with each weight."""
    weights, times = np.array([1.2, 1.6, 1.5, 1.4]), np.array([0.0, 2.0, 3.0, 40.0])
    membrane = eventprop.Membrane()
    record = eventprop.run(weights, [times[j : j + 1] for j in range(4)], 50.0, membrane)
    wanted = eventprop.gradient(record, np.eye(len(record.times_ms))[0], membrane, 4)
    t = float(record.times_ms[0])
    found = attempt(slopes, weights, times, t, _g, _g_slope)
    found = np.asarray(found, dtype=float)
    if found.shape != (4,):
        raise NotYet(f"Return one slope for each of the 4 inputs; you return the shape {found.shape}.")
    if np.allclose(found, wanted, rtol=1e-6, atol=1e-12):
        return "Stronger inputs bring the spike forward, and who comes after it has no part in it."
    d = t - times
    speed = (weights * _g_slope(d)).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        mistakes = {
            "Your spike comes later when a weight grows. A larger weight lifts the potential, so the threshold is "
            "reached earlier: a minus sign is missing.": _g(d) / speed,
            "This is how much the potential is lifted. Divide by its speed: a fast potential needs little time to make "
            "up for it.": -_g(d),
            "You divide by the speed that each input alone gives. The potential has one speed, the sum over all "
            "inputs.": -_g(d) / (weights * _g_slope(d)),
            "You multiply by the weight: that is the slope by a *factor* on the weight. By the weight itself it is "
            "−g/speed.": -weights * _g(d) / speed,
            "The speed is Σ w·g′; your sum leaves out the weights.": -_g(d) / _g_slope(d).sum(),
            "d is how long ago an input spiked, t − times; you have it the other way round.": -_g(-d)
            / (weights * _g_slope(-d)).sum(),
        }
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong, equal_nan=True):
            raise NotYet(message)
    raise NotYet(f"For input 0 the slope is {wanted[0]:.3f} ms; you return {found[0]:.3f}. It is −g(t − t₀) / v̇(t).")


def _backwards(e: Tensor, slope: Tensor, passes: Tensor) -> Tensor:
    """What a recursion gives that lets the share `passes` [time] of the next step's error through."""
    delta = e * slope
    for t in reversed(range(len(e) - 1)):
        delta[t] += passes[t] * delta[t + 1]
    return delta


def _g(d: np.ndarray) -> np.ndarray:
    """What one spike of weight 1, d ms ago, has added to the potential (τ_mem 10 ms, τ_syn 5 ms)."""
    late = np.maximum(d, 0)
    return np.exp(-late / 10) - np.exp(-late / 5)


def _g_slope(d: np.ndarray) -> np.ndarray:
    late = np.maximum(d, 0)
    return np.where(d > 0, np.exp(-late / 5) / 5 - np.exp(-late / 10) / 10, 0)
