"""Spikes back to numbers, as `encoders` and `timing` made them."""

import torch
from torch import Tensor

from course_utils.data.require import guarded
from course_utils.spiking.encoders import ENCODING_NEURON
from course_utils.spiking.neurons import LIF
from course_utils.spiking.ranges import above_0


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
