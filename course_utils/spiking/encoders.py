"""Images to spikes: how a number between 0 and 1 becomes spikes in time. A lesson derives each encoder.

Every encoder takes values of any shape […] and a number of time `steps`, 1 or more, and returns 0 or 1, [steps, …], in
the type of the values. The decoders go back. Random numbers come from `generator`.
Poisson codes follow P. Tsoukas, "Training spiking neural networks" (diploma thesis, University of Thessaly, 2023).
"""

import torch
from torch import Tensor

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.neurons import LIF
from course_utils.spiking.ranges import above_0, at_least_0, within

# One pixel's own neuron. Norse's `constant_current_lif_encode` computes the same with its default parameters.
ENCODING_NEURON = LIF(tau_mem_ms=10.0, dt_ms=1.0, update="euler")


@guarded
def poisson(probabilities: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """A spike with the given probability at every step, independently (P. Tsoukas, 2023, section 4.1.3).

    The count over all steps is binomial, which tends to a Poisson distribution for small probabilities: hence the name.

    Args:
        probabilities: of a spike at one step, 0 to 1.
    """
    require_whole(steps=(steps, 1))
    within(0, 1, probabilities=probabilities)
    like = {"dtype": probabilities.dtype, "device": probabilities.device}
    drawn = torch.rand(steps, *probabilities.shape, generator=generator, **like)
    return (drawn < probabilities).to(probabilities.dtype)


@guarded
def bipolar_poisson(values: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """A spike with probability |value| at every step, with the sign of the value: −1, 0 or 1 for values from −1 to 1.

    Source: P. Tsoukas, 2023, section 4.1.3.
    """
    within(-1, 1, values=values)
    return poisson(values.abs(), steps, generator) * values.sign()


@guarded
def constant_current(values: Tensor, steps: int, *, scale: float, neuron: LIF = ENCODING_NEURON) -> Tensor:
    """Every value drives a LIF neuron of its own with the constant current scale · value.

    Args:
        values: finite, of any range; a brighter pixel fires more often.
        scale: current of a value of 1, in units of the neuron's threshold; finite, 0 or more.
        neuron: the pixel's neuron.
    """
    require_whole(steps=(steps, 1))
    at_least_0("a finite current", scale=scale)
    require(isinstance(neuron, LIF), "neuron", neuron, "a LIF neuron, one that spikes")
    if not torch.isfinite(values).all():
        raise ValueError("values hold numbers that are not finite")
    return neuron.run((scale * values).expand(steps, *values.shape)).spikes


@guarded
def regular(values: Tensor, steps: int) -> Tensor:
    """The most even spike train of its count: round(value · steps) spikes at equal distances.

    A neuron without leak does this: it adds the value up, and spikes whenever the sum has grown by one. Nothing is
    random, so `steps` + 1 counts are possible and each stands for one value.

    Args:
        values: 0 to 1.
    """
    require_whole(steps=(steps, 1))
    within(0, 1, values=values)
    return (values * _times(steps + 1, values) + 0.5).floor().diff(dim=0)


@guarded
def latency(values: Tensor, steps: int, *, threshold: float = 0.01) -> Tensor:
    """One spike a value, the earlier the larger: at step round((1 − value) · (steps − 1)).

    `snntorch.spikegen.latency` computes the same with linear=True, normalize=True, clip=True. A latency that a LIF
    neuron would have is `first_spikes(constant_current(…))`.

    Args:
        values: 0 to 1.
        threshold: values below it stay silent, 0 to 1.
    """
    _check_once(values, steps, threshold)
    return _one_spike(values, ((1 - values) * (steps - 1)).round(), steps, threshold)


@guarded
def rank_order(values: Tensor, steps: int, *, threshold: float = 0.01) -> Tensor:
    """One spike a value; only the order of the values decides when (S. Thorpe and J. Gautrais, 1998).

    The n values of a sample are ranked from the largest, rank 0, to the smallest, rank n − 1. Rank r spikes at step
    ⌊r · steps/n⌋. Equal values are ranked in reading order.

    Args:
        values: 0 to 1, [batch, …]; every sample of the batch is ranked by itself.
        threshold: values below it stay silent, 0 to 1.
    """
    _check_once(values, steps, threshold)
    return _one_spike(values, ranks(values) * steps // values.flatten(1).shape[1], steps, threshold)


@guarded
def ranks(values: Tensor) -> Tensor:
    """The place of every value of a sample among all of that sample, 0 the largest; int64, as the values [batch, …].

    Equal ones are ranked in reading order.
    """
    require(values.dim() > 1, "shape of values", tuple(values.shape), "[batch, …], to know what is one sample")
    order = values.flatten(1).argsort(dim=1, descending=True, stable=True)
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(order.shape[1], device=order.device).expand_as(order))
    return places.view(values.shape)


@guarded
def first_spikes(spikes: Tensor) -> Tensor:
    """The first spike of every train, without those that follow; [time, …], as given."""
    return spikes * (spikes.cumsum(0) <= 1)


@guarded
def decode_constant_current(spikes: Tensor, *, scale: float, neuron: LIF = ENCODING_NEURON) -> Tensor:
    """Values from the spike counts of `constant_current`: the f–I curve, read backwards.

    With the reset to zero a neuron spikes every P steps, P the smallest whole number with I(1 − λᴾ) > V_th. The mean
    distance of the spikes, steps/count, stands for P; the threshold is crossed half a step earlier on average.

    Args:
        spikes: 0 or 1, [steps, …].
        scale: as it was for the encoder, above 0.
        neuron: as it was for the encoder; reset to zero, without synapse and refractory period.

    Silent neurons give 0: they tell no more than a current below threshold. Neurons that spiked at every step give the
    smallest value that does so.
    """
    above_0("a finite current", scale=scale)
    counts = spikes.sum(0)
    crossed = (len(spikes) / counts.clamp(min=1) - 0.5).clamp(min=1)
    return torch.where(counts > 0, neuron.current_for(crossed) / scale, 0)


@guarded
def decode_times(spikes: Tensor, worth: Tensor) -> Tensor:
    """Values from spike times: every spike adds what its step is worth; who stays silent gets 0.

    Args:
        spikes: [steps, …].
        worth: of a spike at each step, [steps]. Of `latency`: 1 − step/(steps − 1), so `torch.linspace(1, 0, steps)`.
            Of `rank_order`: `mean_by_step` of examples, or a geometric decay.
    """
    if worth.shape != spikes.shape[:1]:
        raise ValueError(f"worth has shape {tuple(worth.shape)}; spikes of {len(spikes)} steps need [{len(spikes)}]")
    return torch.tensordot(worth.to(spikes.dtype), spikes, dims=1)


@guarded
def mean_by_step(spikes: Tensor, values: Tensor) -> Tensor:
    """The mean value of those who spike at each step, [steps], 0 for a step without a spike: a table that decodes ranks
    (R. Van Rullen, S. Thorpe, 2001). For spikes of examples, 0 or 1, [steps, …], made from values […]."""
    if spikes.shape[1:] != values.shape:
        raise ValueError(f"values have shape {tuple(values.shape)}; the spikes need {tuple(spikes.shape[1:])}")
    spikes = spikes.flatten(1)
    return (spikes @ values.flatten()) / spikes.sum(1).clamp(min=1)


def _one_spike(values: Tensor, at: Tensor, steps: int, threshold: float) -> Tensor:
    """A spike at step `at` for every value that is not below the threshold."""
    return ((_times(steps, values) == at) & (values >= threshold)).to(values.dtype)


def _times(steps: int, values: Tensor) -> Tensor:
    """0, 1, … steps − 1 along a first axis that is put in front of those of the values."""
    return torch.arange(steps, device=values.device).reshape(-1, *[1] * values.dim())


def _check_once(values: Tensor, steps: int, threshold: float) -> None:
    require_whole(steps=(steps, 1))
    within(0, 1, values=values)
    require(0 <= threshold <= 1, "threshold", threshold, "between 0 and 1")
