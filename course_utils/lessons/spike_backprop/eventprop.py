"""Exact gradients of spike times, by events and without a surrogate, for one layer of LIF neurons.

Between events τ_mem v̇ = −v + i and τ_syn i̇ = −i, from rest. A spike of input j lets i jump by the weight w_j; where v
reaches V_th the neuron spikes and v returns to 0. Both curves are known in closed form, so spike times are found, not
stepped. Backwards two adjoint curves run through the same events and collect dL/dw.

Source: T. C. Wunderlich and C. Pehle, "Event-based backpropagation can compute exact gradients for spiking neural
networks", Scientific Reports 11:12829 (2021), table 1.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from course_utils.data.require import guarded, require
from course_utils.spiking.ranges import above_0

MOST_SPIKES = 10_000  # of one neuron


@dataclass(frozen=True)
class Membrane:
    """Time constants in ms, different from one another, and the threshold; all above 0."""

    tau_mem_ms: float = 10.0
    tau_syn_ms: float = 5.0
    threshold: float = 1.0

    def __post_init__(self):
        above_0(tau_mem_ms=self.tau_mem_ms, tau_syn_ms=self.tau_syn_ms, threshold=self.threshold)
        require(self.tau_mem_ms != self.tau_syn_ms, "tau_syn_ms", self.tau_syn_ms, "unlike tau_mem_ms")

    def after(self, v: float, i: float, ms: float) -> tuple[float, float]:
        """Potential and current after some time in which nothing happens."""
        slow, fast = math.exp(-ms / self.tau_mem_ms), math.exp(-ms / self.tau_syn_ms)
        share = self.tau_syn_ms / (self.tau_mem_ms - self.tau_syn_ms)
        return v * slow + i * share * (slow - fast), i * fast

    def crossing_ms(self, v: float, i: float, within_ms: float) -> float | None:
        """When the potential first reaches the threshold; None if it does not within that time."""

        def above(ms: float) -> float:
            return self.after(v, i, ms)[0] - self.threshold

        if i <= 0:
            return None  # below the threshold, and nothing drives it up
        # v has one peak: there −v + i = 0
        a, b = 1 / self.tau_mem_ms, 1 / self.tau_syn_ms
        driven = i * a / (b - a)  # this decays with τ_syn, v and as much of the other sign with τ_mem
        ratio = driven * b / ((v + driven) * a) if v + driven else math.inf
        peak_ms = math.log(ratio) / (b - a) if 0 < ratio < math.inf else within_ms
        end_ms = min(within_ms, peak_ms)
        return brentq(above, 0.0, end_ms, xtol=1e-14, rtol=1e-14) if end_ms > 0 and above(end_ms) > 0 else None


@dataclass(frozen=True)
class Response:
    """What one neuron did."""

    times_ms: np.ndarray  # its spikes, ascending
    currents: np.ndarray  # the synaptic current at each of them
    inputs: list[tuple[float, int]]  # (time in ms, number of the input) of every input spike, ascending
    until_ms: float  # when it ended


@guarded
def respond(weights: np.ndarray, spikes_ms: list[np.ndarray], until_ms: float, membrane: Membrane) -> Response:
    """One neuron from rest until that time. The weights [inputs] are in units of the threshold."""
    require(len(weights) == len(spikes_ms), "number of weights", len(weights), f"{len(spikes_ms)}, one an input")
    inputs = sorted((float(time), j) for j, times in enumerate(spikes_ms) for time in times if time < until_ms)
    if inputs:
        require(inputs[0][0] >= 0, "the first of spikes_ms", inputs[0][0], "0 or more")
    now, v, i = 0.0, 0.0, 0.0
    times, currents = [], []
    for time, j in [*inputs, (until_ms, None)]:
        while (wait := membrane.crossing_ms(v, i, time - now)) is not None:
            _, i = membrane.after(v, i, wait)
            now, v = now + wait, 0.0
            times.append(now)
            require(len(times) < MOST_SPIKES, "threshold", membrane.threshold, "larger; the spikes have no end")
            currents.append(i)
        v, i = membrane.after(v, i, time - now)
        now = time
        if j is not None:
            i += weights[j]
    return Response(np.array(times), np.array(currents), inputs, until_ms)


@guarded
def gradient(response: Response, slopes: np.ndarray, membrane: Membrane, inputs: int) -> np.ndarray:
    """dL/dw [inputs] of a loss of the spike times.

    Backwards in time τ_mem λ_v′ = −λ_v and τ_syn λ_i′ = −λ_i + λ_v. At an output spike λ_v jumps; at an input spike
    −τ_syn λ_i is added to that input's gradient. The slopes are ∂L/∂t of each output spike, in 1/ms.
    """
    spikes = len(response.times_ms)
    require(len(slopes) == spikes, "number of slopes", len(slopes), f"{spikes}, one an output spike")
    events = [(time, "in", j) for time, j in response.inputs] + [(t, "out", k) for k, t in enumerate(response.times_ms)]
    tau_mem, tau_syn = membrane.tau_mem_ms, membrane.tau_syn_ms
    now, adjoint_v, adjoint_i = response.until_ms, 0.0, 0.0
    found = np.zeros(inputs)
    for time, kind, number in sorted(events, reverse=True):
        ms = now - time
        slow, fast = math.exp(-ms / tau_mem), math.exp(-ms / tau_syn)
        # λ_i is driven by λ_v / τ_syn, which itself decays with τ_mem
        adjoint_i = adjoint_i * fast + adjoint_v * tau_mem / (tau_mem - tau_syn) * (slow - fast)
        adjoint_v *= slow
        now = time
        if kind == "in":
            found[number] -= tau_syn * adjoint_i
        else:
            rise = response.currents[number] - membrane.threshold  # τ_mem dv/dt at the spike, above 0
            adjoint_v += (membrane.threshold * adjoint_v + slopes[number]) / rise
    return found
