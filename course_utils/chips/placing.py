"""Does a network fit onto BrainScaleS-2? Circuits that its layers take, of the 512 that there are.

Figures: C. Pehle et al., "The BrainScaleS-2 accelerated neuromorphic system with hybrid plasticity", Frontiers in
Neuroscience 16:795876 (2022).
"""

from typing import NamedTuple

from torch import nn

from course_utils.chips.virtual_chip import neuron_counts
from course_utils.classroom.tables import Table
from course_utils.data.require import guarded, require_whole
from course_utils.spiking.li_readout import LIReadout

CIRCUITS = 512
INPUTS = 128  # signed ones of a circuit: of its 256 synapses two make a signed one


class Place(NamedTuple):
    """What one layer takes of the chip."""

    layer: str
    neurons: int
    fan_in: int  # inputs of each neuron
    circuits: int  # that each neuron takes


def circuits_for(fan_in: int, *, join: bool = True, layer: str = "a layer") -> int:
    """How many circuits a neuron takes, for 1 or more inputs: each circuit brings 128 signed inputs, and neighbours can
    be joined into one neuron; if they may not, what needs more than one is refused."""
    require_whole(fan_in=(fan_in, 1))
    if fan_in > INPUTS and not join:
        raise ValueError(
            f"{layer} has {fan_in} inputs a neuron; a circuit has {INPUTS} signed ones, {fan_in - INPUTS} too few"
        )
    return -(-fan_in // INPUTS)


def places(model: LIReadout, *, join: bool = True, dense: bool = False) -> list[Place]:
    """What the layers of the fifth model take of a chip.

    Args:
        model: with any pool. A maximum over 2×2 spikes needs a neuron for every place of its output.
        join: whether circuits may be joined.
        dense: the convolution as a matrix, with an input for every pixel, instead of 16 for each neuron.
    """
    hidden, outputs = neuron_counts(model).values()
    layers = [("hidden", hidden, 16 * 16 if dense else 16), ("readout", outputs, hidden)]
    if isinstance(model.pool, nn.MaxPool2d):
        pooled = model.conv.out_channels * 12 * 12
        layers[1:] = [("pool", pooled, 4), ("readout", outputs, pooled)]
    return [Place(name, count, fan_in, circuits_for(fan_in, join=join, layer=name)) for name, count, fan_in in layers]


@guarded
def check_fits(taken: list[Place]) -> int:
    """The circuits taken in all; more than the chip has are refused, with the number that is missing."""
    parts = {place.layer: place.neurons * place.circuits for place in taken}
    total = sum(parts.values())
    if total > CIRCUITS:
        named = ", ".join(f"{layer} {count}" for layer, count in parts.items())
        raise ValueError(
            f"the network takes {total} circuits ({named}); the chip has {CIRCUITS}, {total - CIRCUITS} too few"
        )
    return total


def place_table(taken: list[Place]) -> Table:
    """A row a layer, and the sum."""
    rows = [(*map(str, place), str(place.neurons * place.circuits)) for place in taken]
    total = sum(place.neurons * place.circuits for place in taken)
    return Table(
        ["layer", "neurons", "inputs each", "circuits each", "circuits"],
        [*rows, ("sum", str(sum(place.neurons for place in taken)), "", "", f"{total} of {CIRCUITS}")],
    )
