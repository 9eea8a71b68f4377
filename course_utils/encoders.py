"""Images to spikes: how a number between 0 and 1 becomes spikes in time. Lesson 05 derives each encoder.

Every encoder takes values of any shape […] and returns [time, …] in the type of the values.
"""

import math

import torch
from torch import Tensor

from course_utils.neurons import LIF

# One pixel's own neuron. Norse's `constant_current_lif_encode` computes the same with its default parameters.
ENCODING_NEURON = LIF(tau_mem_ms=10.0, dt_ms=1.0, update="euler")


def poisson(probabilities: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """A spike with the given probability at every step, independently (thesis 001, section 4.1.3).

    The count over all steps is binomial, which tends to a Poisson distribution for small probabilities: hence the name.

    Args:
        probabilities: of a spike at one step, 0 to 1.
        steps: number of time steps, 1 or more.
        generator: where the random numbers come from.

    Returns:
        0 or 1, [steps, …].

    Raises:
        ValueError: an argument is out of range.
    """
    _check_steps(steps)
    _check_range("probabilities", probabilities, 0)
    return (_uniform(probabilities, steps, generator) < probabilities).to(probabilities.dtype)


def bipolar_poisson(values: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """A spike with probability |value| at every step; its sign is that of the value (thesis 001, section 4.1.3).

    Args:
        values: −1 to 1.
        steps: number of time steps, 1 or more.
        generator: where the random numbers come from.

    Returns:
        −1, 0 or 1, [steps, …].

    Raises:
        ValueError: an argument is out of range.
    """
    _check_range("values", values, -1)
    return poisson(values.abs(), steps, generator) * values.sign()


def constant_current(values: Tensor, steps: int, *, scale: float, neuron: LIF = ENCODING_NEURON) -> Tensor:
    """Every value drives a LIF neuron of its own with the constant current scale · value.

    Args:
        values: finite, of any range; a brighter pixel fires more often.
        steps: number of time steps, 1 or more.
        scale: current of a value of 1, in units of the neuron's threshold; finite, 0 or more.
        neuron: the pixel's neuron.

    Returns:
        0 or 1, [steps, …].

    Raises:
        ValueError: an argument is out of range.
    """
    _check_steps(steps)
    if not 0 <= scale < math.inf:
        raise ValueError(f"scale is {scale}; it must be a finite current, 0 or more")
    if not torch.isfinite(values).all():
        raise ValueError("values hold numbers that are not finite")
    return neuron.run((scale * values).expand(steps, *values.shape)).spikes


def _uniform(values: Tensor, steps: int, generator: torch.Generator | None) -> Tensor:
    return torch.rand(steps, *values.shape, generator=generator, dtype=values.dtype, device=values.device)


def _check_steps(steps: int) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps is {steps!r}; it must be a whole number of time steps, 1 or more")


def _check_range(name: str, values: Tensor, lowest: int) -> None:
    outside = ~((values >= lowest) & (values <= 1))  # NaN is outside too
    if outside.any():
        raise ValueError(f"{name} hold {values[outside][0].item()}; they must lie between {lowest} and 1")
