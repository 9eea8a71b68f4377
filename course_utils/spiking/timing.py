"""Codes of one spike: the value is when it comes, or who comes first. A lesson derives each of them.

They take values of any shape […] and a number of time `steps`, 1 or more, and return 0 or 1, [steps, …], in the type
of the values.
"""

import torch
from torch import Tensor

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.encoders import step_numbers
from course_utils.spiking.ranges import within


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


def _one_spike(values: Tensor, at: Tensor, steps: int, threshold: float) -> Tensor:
    """A spike at step `at` for every value that is not below the threshold."""
    return ((step_numbers(steps, values) == at) & (values >= threshold)).to(values.dtype)


def _check_once(values: Tensor, steps: int, threshold: float) -> None:
    require_whole(steps=(steps, 1))
    within(0, 1, values=values)
    require(0 <= threshold <= 1, "threshold", threshold, "between 0 and 1")
