"""Learning without labels: pair STDP, and a layer in which the winner takes all. The lesson on STDP derives both.

After P. U. Diehl and M. Cook, "Unsupervised learning of digit recognition using spike-timing-dependent plasticity",
Front. Comput. Neurosci. 9:99 (2015). Their ideas are kept: traces, an adaptive threshold, lateral inhibition, and
normalised weights. Their conductances and their layer of inhibitory neurons are left out.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.neurons import LI, decay
from course_utils.spiking.ranges import above_0, at_least_0
from course_utils.spiking.spikes import heaviside


class Traces(NamedTuple):
    """What synapses remember of the spikes on both of their sides."""

    pre: Tensor  # a fading count of the spikes that came in, [inputs]
    post: Tensor  # the same of the spikes that went out, [neurons]


@dataclass(frozen=True)
class PairSTDP:
    """Spike-timing-dependent plasticity, summed over all pairs of spikes.

    A pair whose output spike comes d after its input spike, or in the same step, changes the weight by
    a_plus · exp(−d/τ+). A pair whose output spike comes first changes it by −a_minus · exp(−|d|/τ−). With
    a_minus = −a_plus and both times endless (1e12 ms), every pair counts the same, and no timing is left.
    Source: A. Morrison et al., Biol. Cybern. 98 (2008), the additive rule with all-to-all pairing.
    """

    a_plus: float = 1e-3  # potentiation, in units of the weight; below 0 it is depression
    a_minus: float = 2e-4  # depression; below 0 it is potentiation
    tau_plus_ms: float = 20.0  # how long an input spike is remembered
    tau_minus_ms: float = 20.0  # how long an output spike is remembered
    dt_ms: float = 1.0  # time step

    def __post_init__(self):
        for name in ("a_plus", "a_minus"):
            require(math.isfinite(getattr(self, name)), name, getattr(self, name), "a finite change of weight")
        above_0("a time", tau_plus_ms=self.tau_plus_ms, tau_minus_ms=self.tau_minus_ms, dt_ms=self.dt_ms)

    def window(self, delays_ms: Tensor) -> Tensor:
        """The change of weight by one pair, for output time − input time, any shape, in ms."""
        causal = self.a_plus * torch.exp(-delays_ms.clamp(min=0) / self.tau_plus_ms)
        acausal = -self.a_minus * torch.exp(delays_ms.clamp(max=0) / self.tau_minus_ms)
        return torch.where(delays_ms >= 0, causal, acausal)

    def step(self, pre: Tensor, post: Tensor, traces: Traces | None = None) -> tuple[Tensor, Traces]:
        """One time step of every synapse: the change of the weights, [inputs, neurons], and the new traces.

        Args:
            pre: spikes that come in at this step, 0 or 1, floating-point [inputs].
            post: spikes that go out, [neurons].
            traces: what the step before returned; None: nothing is remembered.
        """
        given = Traces(pre, post)
        traces = traces or Traces(*map(torch.zeros_like, given))
        for name, spikes, trace in zip(Traces._fields, given, traces, strict=True):
            if spikes.ndim != 1 or trace.shape != spikes.shape:
                shapes = f"{tuple(spikes.shape)}, its trace {tuple(trace.shape)}"
                raise ValueError(f"{name} has shape {shapes}; both must have one dimension, the same")
        x = decay(self.tau_plus_ms, self.dt_ms) * traces.pre + pre  # an input of this step counts as the earlier one
        y = decay(self.tau_minus_ms, self.dt_ms) * traces.post
        change = self.a_plus * torch.outer(x, post) - self.a_minus * torch.outer(pre, y)
        return change, Traces(x, y + post)


class Learned(NamedTuple):
    """What a layer has learned."""

    weights: Tensor  # 0 to 1, [inputs, neurons]
    theta: Tensor  # what every neuron adds to its threshold, [neurons]


@dataclass(frozen=True)
class WinnerTakeAll:
    """A layer of leaky neurons that compete, and learn by STDP (the lesson on STDP, sections 3 and 4).

    At every step the neuron furthest above its threshold spikes, and its spike sets all membranes to rest.
    """

    rule: PairSTDP = field(default_factory=PairSTDP)  # the change of weights
    membrane: LI = field(default_factory=lambda: LI(tau_mem_ms=20.0))  # how potentials integrate and leak
    threshold: float = 1.0  # what all neurons have in common; above 0
    theta_plus: float = 0.005  # how far a spike raises the threshold of its neuron; 0 or more
    tau_theta_ms: float = 10_000.0  # how long a raised threshold lasts
    total_weight: float | None = 16.0  # the sum of a neuron's weights after each image; None: they are not normalised
    inhibition: bool = True  # without it every neuron above its threshold spikes, and resets only itself

    def __post_init__(self):
        above_0("a potential", threshold=self.threshold)
        at_least_0("a potential", theta_plus=self.theta_plus)
        above_0("a time", tau_theta_ms=self.tau_theta_ms)
        if self.total_weight is not None:
            above_0("a sum of weights", total_weight=self.total_weight)
        same = self.rule.dt_ms == self.membrane.dt_ms
        require(same, "dt_ms of the rule", self.rule.dt_ms, f"that of the membrane, {self.membrane.dt_ms}")

    def start(self, inputs: int, neurons: int, generator: torch.Generator | None = None) -> Learned:
        """Random weights with the right sum (16 if they are not normalised later), and no threshold raised."""
        require_whole(inputs=(inputs, 1), neurons=(neurons, 1))
        total = self.total_weight or 16.0
        if total > inputs / 2:
            raise ValueError(f"inputs is {inputs}; weights from 0 to 1 that sum to {total} need {2 * total:g} or more")
        weights = 0.5 + torch.rand(inputs, neurons, generator=generator)
        return Learned(weights * (total / weights.sum(0)), torch.zeros(neurons))

    @guarded
    def learn(self, spikes: Tensor, learned: Learned) -> tuple[Tensor, Learned]:
        """Show one image, spikes [time, inputs], 0 or 1, learn from it at every step, then normalise.

        Returns the layer's spikes, [time, neurons], and what it has learned now.
        """
        self._check(spikes, learned, 2)
        weights, theta = learned
        v, traces, fired = torch.zeros_like(theta), None, []
        theta_decay = decay(self.tau_theta_ms, self.membrane.dt_ms)
        for pre in spikes:
            post, v = self._compete(pre, v, weights, theta)
            change, traces = self.rule.step(pre, post, traces)
            weights = (weights + change).clamp(0, 1)
            theta = theta_decay * theta + self.theta_plus * post
            fired.append(post)
        if self.total_weight is not None:
            sums = weights.sum(0)
            require(bool((sums > 0).all()), "the sum of a neuron's weights", 0.0, "above 0 to be normalised")
            weights = weights * (self.total_weight / sums)
        return torch.stack(fired), Learned(weights, theta)

    @guarded
    def respond(self, spikes: Tensor, learned: Learned) -> Tensor:
        """Show many images, spikes [time, batch, inputs], 0 or 1, and learn nothing; the layer's spikes [time, batch,
        neurons]."""
        self._check(spikes, learned, 3)
        v, fired = spikes.new_zeros(spikes.shape[1], len(learned.theta)), []
        for pre in spikes:
            post, v = self._compete(pre, v, *learned)
            fired.append(post)
        return torch.stack(fired)

    def _compete(self, pre: Tensor, v: Tensor, weights: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        λ = self.membrane.decay_mem
        v = λ * v + (1 - λ) * (pre @ weights)
        above = v - (self.threshold + theta)
        if not self.inhibition:
            post = heaviside(above)
            return post, v * (1 - post)
        best = above.argmax(-1, keepdim=True)
        post = torch.zeros_like(above).scatter(-1, best, heaviside(above.gather(-1, best)))
        return post, v * (1 - post.sum(-1, keepdim=True))

    @staticmethod
    def _check(spikes: Tensor, learned: Learned, dimensions: int) -> None:
        if spikes.ndim != dimensions or len(spikes) < 1 or spikes.shape[-1] != len(learned.weights):
            shape = "[time, inputs]" if dimensions == 2 else "[time, batch, inputs]"
            raise ValueError(
                f"spikes have shape {tuple(spikes.shape)}; they must be {shape} with {len(learned.weights)} inputs"
            )


@guarded
def assign_labels(counts: Tensor, labels: Tensor) -> Tensor:
    """The class that each neuron fires for most, on average over the images of that class; int64 [neurons], −1 for a
    neuron that never fired.

    Args:
        counts: spikes of every neuron for every image of a labelling set, [images, neurons].
        labels: int64 [images], 0 or 1; both occur.
    """
    if counts.ndim != 2 or labels.shape != counts.shape[:1]:
        raise ValueError(f"counts have shape {tuple(counts.shape)}, labels {tuple(labels.shape)}; one label an image")
    found = sorted(set(labels.tolist()))
    require(found == [0, 1], "labels", found, "0 and 1, and both of them")
    mean = torch.stack([counts[labels == label].mean(0) for label in (0, 1)])
    return torch.where(counts.sum(0) > 0, mean.argmax(0), -1)


@guarded
def vote(counts: Tensor, neuron_labels: Tensor) -> Tensor:
    """Every spike votes for the label of its neuron; int64 [images], −1 where no neuron with a label fired. Of equal
    votes the first class wins.

    Args:
        counts: spikes, [images, neurons].
        neuron_labels: int64 [neurons], as `assign_labels` gives them; −1 has no vote.
    """
    if counts.dim() != 2 or neuron_labels.shape != counts.shape[1:]:
        shapes = f"counts have shape {tuple(counts.shape)}, neuron_labels {tuple(neuron_labels.shape)}"
        raise ValueError(f"{shapes}; one label a neuron")
    found = sorted(set(neuron_labels.tolist()))
    require(set(found) <= {-1, 0, 1}, "neuron_labels", found, "-1, 0 or 1 each")
    votes = torch.stack([counts[:, neuron_labels == label].sum(1) for label in (0, 1)], dim=1)
    return torch.where(votes.sum(1) > 0, votes.argmax(1), -1)
