"""A network over time, whatever library its neurons come from, and two runs compared spike for spike."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require
from course_utils.exchange.libraries import Delay, fires, step


class NetworkRun(NamedTuple):
    """What a network did."""

    outputs: Tensor  # of the last layer, [time, batch, …]
    spikes: dict[str, Tensor]  # of each layer that gives nothing but 0 and 1, by name, bool [time, batch, …]


@guarded
def run_network(network: nn.Sequential, inputs: Tensor) -> NetworkRun:
    """A network of any of the libraries over time, from rest; all layers are crossed within one step.

    A layer that cannot take what comes in is refused by its name.

    Args:
        inputs: [time, batch, …], in the type of the network's weights, one step or more.
    """
    shape = list(inputs.shape)
    require(len(shape) > 1 and shape[0] > 0, "the shape of inputs", shape, "[time, batch, …], with one step or more")
    states, outputs, spikes = {}, [], {name: [] for name in spiking_layers(network)}
    for x in inputs:
        for name, layer in network.named_children():
            try:
                x, states[name] = step(layer, x, states.get(name))
            except (RuntimeError, ValueError, IndexError) as error:
                kind = type(layer).__name__
                raise ValueError(f"layer {name!r} ({kind}) with an input of shape {list(x.shape)}: {error}") from error
            if name in spikes:
                spikes[name].append(x.detach() > 0)
        outputs.append(x)
    return NetworkRun(torch.stack(outputs), {name: torch.stack(steps) for name, steps in spikes.items()})


def spiking_layers(network: nn.Sequential) -> list[str]:
    """The names of the layers that give spikes: neurons with a threshold, max pooling and delays behind them."""
    found, before = [], None
    for name, layer in network.named_children():
        if fires(layer) or (isinstance(layer, nn.MaxPool2d | Delay) and before in found):
            found.append(name)
        before = name
    return found


class Comparison(NamedTuple):
    """How two runs differ."""

    mismatches: dict[str, int]  # spikes that only one of them has, by layer
    compared: dict[str, int]  # neurons × steps × samples, by layer
    readout: float  # the largest difference between their outputs

    @property
    def total(self) -> int:
        """Mismatches of all layers."""
        return sum(self.mismatches.values())


@guarded
def compare(one: NetworkRun, other: NetworkRun) -> Comparison:
    """Spike for spike, for runs whose spiking layers have the same names and shapes."""
    shapes = [{name: tuple(spikes.shape) for name, spikes in of.spikes.items()} for of in (one, other)]
    if shapes[0] != shapes[1] or one.outputs.shape != other.outputs.shape:
        raise ValueError(f"the runs differ in their layers or shapes: {shapes[0]} and {shapes[1]}")
    return Comparison(
        {name: int((spikes != other.spikes[name]).sum()) for name, spikes in one.spikes.items()},
        {name: spikes.numel() for name, spikes in one.spikes.items()},
        (one.outputs.detach() - other.outputs.detach()).abs().max().item(),
    )
