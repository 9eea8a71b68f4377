"""Images to spikes: how a number between 0 and 1 becomes spikes in time. A lesson derives each encoder.

Every encoder takes values of any shape […] and a number of time `steps`, 1 or more, and returns 0 or 1, [steps, …], in
the type of the values. `decoders` go back; codes of one spike stand in `timing`. Random numbers come from `generator`.
Poisson codes follow P. Tsoukas, "Training spiking neural networks" (diploma thesis, University of Thessaly, 2023).
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.neurons import LIF
from course_utils.spiking.ranges import at_least_0, within

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
    return (values * step_numbers(steps + 1, values) + 0.5).floor().diff(dim=0)


def step_numbers(steps: int, values: Tensor) -> Tensor:
    """0, 1, … steps − 1 along a first axis that is put in front of those of the values."""
    require_whole(steps=(steps, 0))
    return torch.arange(steps, device=values.device).reshape(-1, *[1] * values.dim())


# of the stripe networks
Encoder = Callable[[Tensor], Tensor]  # images [batch, …] to the network's input [time, batch, …]
STEPS = 50
SCALE = 20.0  # current of a white pixel in units of the threshold; stripes reach about a quarter of white
stripe_input = partial(constant_current, steps=STEPS, scale=SCALE)
