"""What networks of spiking neurons need at every step: the step function, and layers without memory over time."""

from torch import Tensor, nn

from course_utils.data.require import guarded


def heaviside(x: Tensor) -> Tensor:
    """1 where x is above 0, else 0, in the type of x. Its gradient is 0 almost everywhere (see `surrogates`)."""
    return (x > 0).to(x.dtype)


@guarded
def each_step(layer: nn.Module, inputs: Tensor) -> Tensor:
    """A layer without memory, applied to every step of [time, batch, …] in one call."""
    return layer(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
