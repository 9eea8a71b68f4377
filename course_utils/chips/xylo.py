"""A network for Xylo, SynSense's digital chip: in floating point to train it, in whole numbers as the chip computes.

    network = XyloNet()                       # train it with `training.loop.fit`
    configuration = quantized(network)        # 8-bit weights, 16-bit thresholds, shifts
    spikes = columns(images)
    run_integers(configuration, spikes)       # our own integer arithmetic
    run_simulator(configuration, spikes)      # SynSense's simulator, bit for bit the same; an extra package

Xylo has 16 inputs, so it sees a picture column by column. Here its SNN core of two layers is used, without recurrent
synapses, second synapses, biases and aliases. Figures: the overview of the Xylo family in Rockpool's documentation
(rockpool.ai, "Overview of the Xylo family") and the source of its simulator, xylosim 0.1.3.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.chips.virtual_chip import check_finite, fitting_scale, to_integers
from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.ranges import within
from course_utils.spiking.surrogates import straight_through
from course_utils.training.counting import Operations

INPUTS, HIDDEN, OUTPUTS = 16, 1000, 8  # of Xylo Audio 2
INPUT_SPIKES, HIDDEN_SPIKES, OUTPUT_SPIKES = 15, 31, 1  # the most at one step, of an input or a neuron
WEIGHT_BITS = 7  # and the sign
STATE_BITS = 16  # of a synaptic current, a membrane potential and a threshold, with the sign
SCALE = 40.0  # spikes for a white pixel; the brightest of the plain stripes, about 0.35, are worth 14
DELAY = 2  # steps without input at the end: hidden spikes reach the output neurons one step later


class XyloRun(NamedTuple):
    """What a network did, [time, batch, neurons] each."""

    hidden: Tensor  # numbers of spikes at each step
    output: Tensor
    hidden_v: Tensor  # membrane potentials after the step, that is after the reset
    output_v: Tensor

    @property
    def scores(self) -> Tensor:
        """Spikes of the output neurons, added up, [batch, outputs]."""
        return self.output.sum(0)


@guarded
def operations(network: nn.Module, spikes: Tensor, ran: XyloRun) -> Operations:
    """What a run costs a sample: each spike is added for itself, and one of the last step arrives nowhere."""
    hidden, inputs = network.hidden.linear.weight.shape
    outputs, count = len(network.output.linear.weight), spikes.shape[1]
    arrived = one_step_later(ran.hidden).sum().item()
    return Operations(
        spikes=(ran.hidden.sum().item() + ran.output.sum().item()) / count,
        accumulates=(spikes.sum().item() * hidden + arrived * outputs) / count,
        multiply_accumulates=0.0,
        dense=float(len(spikes) * hidden * (inputs * INPUT_SPIKES + outputs * HIDDEN_SPIKES)),
    )


@guarded
def columns(images: Tensor) -> Tensor:
    """A picture from left to right, a column a step: every pixel sends up to 15 spikes at once, the more the brighter.

    Args:
        images: [batch, 1, height, width], 0 to 1; a row is an input.

    Returns:
        Numbers of spikes, whole and 0 to 15, in the type of the images; [width + 2, batch, height].
    """
    if images.dim() != 4 or images.shape[1] != 1:
        raise ValueError(f"images have shape {tuple(images.shape)}; it must be [batch, 1, height, width]")
    check_size(inputs=images.shape[2])
    within(0, 1, images=images)
    counts = (SCALE * images[:, 0]).round().clamp(max=INPUT_SPIKES).permute(2, 0, 1)
    return torch.cat([counts, counts.new_zeros(DELAY, *counts.shape[1:])])


def check_size(inputs: int = 1, hidden: int = 1, outputs: int = 1) -> None:
    """Refuse what Xylo has no place for, and say by how many."""
    sizes = {"inputs": (inputs, INPUTS), "hidden neurons": (hidden, HIDDEN), "output neurons": (outputs, OUTPUTS)}
    for name, (count, most) in sizes.items():
        require(count >= 1, f"the number of {name}", count, "1 or more")
        if count > most:
            raise ValueError(f"the network has {count} {name}; Xylo has {most}, {count - most} too few")


# --- in floating point ----------------------------------------------------------------------------------------------


def stairs(v: Tensor, most: int) -> Tensor:
    """How many spikes a potential is worth, in units of the threshold: ⌊v⌋, at least 0 and at most `most`.

    Its surrogate gradient is 1 along the stairs and 1/(1 + d)² at a distance d below or above them.
    """
    distance = (0.5 - v).clamp(min=0) + (v - most - 0.5).clamp(min=0)
    slope = ((1 + distance) ** -2).detach()
    return straight_through(v.floor().clamp(0, most), slope * v)


class XyloLayer(nn.Module):
    """Xylo's neurons in floating point, thresholds 1, with their weights.

        i ← (1 − 2^−a)(i + W n),  v ← (1 − 2^−b) v + i,  s = min(⌊v⌋, most),  v ← v − s

    Args:
        inputs, neurons: how many.
        shifts: a of the synaptic current and b of the membrane; Δt/τ is 2^−a and 2^−b.
        most: spikes that a neuron can emit at one step.
    """

    @guarded
    def __init__(self, inputs: int, neurons: int, shifts: tuple[int, int], most: int):
        super().__init__()
        self.linear = nn.Linear(inputs, neurons, bias=False)
        self.shifts, self.most = shifts, most

    @guarded
    def forward(self, spikes: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of spikes and potentials [time, batch, neurons], from rest, for numbers of spikes that enter."""
        keep_syn, keep_mem = (1 - 2.0**-shift for shift in self.shifts)
        currents = self.linear(spikes)
        i = v = torch.zeros_like(currents[0])
        emitted, potentials = [], []
        for current in currents:
            i = keep_syn * (i + current)
            v = keep_mem * v + i
            s = stairs(v, self.most)
            v = v - s.detach()  # no error goes back through the reset
            emitted.append(s)
            potentials.append(v)
        return torch.stack(emitted), torch.stack(potentials)


def in_two_layers(hidden: Callable, output: Callable, spikes: Tensor) -> XyloRun:
    """What hidden and output neurons do for numbers of spikes that enter; a hidden spike arrives a step later."""
    hidden_s, hidden_v = hidden(spikes)
    output_s, output_v = output(one_step_later(hidden_s))
    return XyloRun(hidden_s, output_s, hidden_v, output_v)


def one_step_later(spikes: Tensor) -> Tensor:
    """What arrives of [time, …] when every spike takes a step; the spikes of the last step arrive nowhere."""
    return torch.cat([torch.zeros_like(spikes[:1]), spikes[:-1]])


class XyloNet(nn.Module):
    """A network that fits Xylo, to be trained: an input a row of a picture, hidden neurons, and two outputs.

    Hidden neurons begin with weights whose mean is 0, so that a grey column drives none of them.
    """

    def __init__(self, hidden: int = 40):
        super().__init__()
        check_size(hidden=hidden)
        self.hidden = XyloLayer(INPUTS, hidden, shifts=(1, 2), most=HIDDEN_SPIKES)
        self.output = XyloLayer(hidden, 2, shifts=(2, 3), most=OUTPUT_SPIKES)
        with torch.no_grad():
            first = self.hidden.linear.weight.normal_(0, 0.1)
            first.sub_(first.mean(1, keepdim=True))
            self.output.linear.weight.normal_(0, 0.05)

    def run(self, spikes: Tensor) -> XyloRun:
        """What the network does for numbers of spikes that enter it, [time, batch, inputs]."""
        return in_two_layers(self.hidden, self.output, spikes)

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        """Scores [batch, 2] for images [batch, 1, height, width]: spikes of the output neurons."""
        return self.run(columns(images)).scores


# --- in whole numbers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """Weights and neurons of a layer as the chip holds them, int64; the threshold and the shifts for each neuron."""

    weights: Tensor  # −128 to 127, [inputs, neurons]
    threshold: Tensor  # 1 to 32,767
    shift_syn: Tensor  # a of `XyloLayer`, 0 to 15
    shift_mem: Tensor  # and b
    most: int  # spikes that a neuron can emit at one step
    state_bits: int = STATE_BITS  # of a synaptic current and a potential, with the sign; 16 on the chip

    def __post_init__(self):
        require(self.weights.dim() == 2, "shape of weights", tuple(self.weights.shape), "[inputs, neurons]")
        top, neurons = 2**WEIGHT_BITS, self.weights.shape[1]
        ranges = {"threshold": (1, 2 ** (STATE_BITS - 1) - 1), "shift_syn": (0, 15), "shift_mem": (0, 15)}
        for name, (lowest, highest) in ({"weights": (-top, top - 1)} | ranges).items():
            values = getattr(self, name)
            require(values.dtype == torch.int64, f"the type of {name}", values.dtype, "torch.int64")
            outside = values[(values < lowest) | (values > highest)]
            if len(outside):
                raise ValueError(f"{name} holds {outside[0].item()}; the chip takes {lowest} to {highest}")
            if name != "weights" and values.shape != (neurons,):
                raise ValueError(f"{name} has shape {tuple(values.shape)}; it needs one for each of {neurons} neurons")

    @guarded
    def run(self, spikes: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of spikes and potentials [time, batch, neurons], from rest, for numbers of spikes that enter."""
        i = v = torch.zeros(spikes.shape[1], self.weights.shape[1], dtype=torch.int64)
        emitted, potentials = [], []
        for now in spikes:
            i = received(i, now, self.weights, self.state_bits)
            i = i - decrement(i, self.shift_syn)
            v = saturated(v + saturated(i - decrement(v, self.shift_mem), self.state_bits), self.state_bits)
            s = (v // self.threshold).clamp(0, self.most)
            v = v - s * self.threshold
            emitted.append(s)
            potentials.append(v)
        return torch.stack(emitted), torch.stack(potentials)


def decrement(x: Tensor, shift: Tensor | int) -> Tensor:
    """What a state loses in a step: x · 2^−shift rounded down, as a shift of bits does, but at least 1 towards 0."""
    lost = x >> shift
    return torch.where(lost == 0, x.sign(), lost)


def saturated(x: Tensor, bits: int = STATE_BITS) -> Tensor:
    """Kept within so many bits, the sign among them."""
    return x.clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def received(i: Tensor, spikes: Tensor, weights: Tensor, bits: int = STATE_BITS) -> Tensor:
    """Synaptic currents [batch, neurons] after the spikes [batch, inputs] of a step have arrived, in so many bits.

    The chip adds input by input, and a sum that meets the end of its range stays there until weights of the other sign
    arrive: so the order counts, unless all sums are far from it.
    """
    if (i.abs() + spikes @ weights.abs()).max() < 2 ** (bits - 1):
        return i + spikes @ weights
    for number, weight in zip(spikes.T, weights, strict=True):
        i = saturated(i + number[:, None] * weight, bits)
    return i


@dataclass(frozen=True, eq=False)
class Configuration:
    """All that is written into the chip. What is too large for it is refused."""

    hidden: IntegerLayer
    output: IntegerLayer

    def __post_init__(self):
        check_size(*self.hidden.weights.shape, self.output.weights.shape[1])
        given, neurons = len(self.output.weights), self.hidden.weights.shape[1]
        require(given == neurons, "the number of inputs of output", given, f"that of the hidden neurons, {neurons}")


@torch.no_grad()
def quantized(network: XyloNet, state_bits: int = STATE_BITS) -> Configuration:
    """The network in whole numbers: in each layer the largest weight becomes 127, and the threshold grows with it.

    So weight and threshold keep their ratio but for rounding, and the spikes stay nearly the same. With fewer bits for
    the state than the chip has, 4 or more, thresholds and weights become coarser: a threshold is at most a quarter of
    its range. Weights so small that their threshold would exceed 16 bits are refused.
    """
    require_whole(state_bits=(state_bits, 4))

    def in_integers(layer: XyloLayer) -> IntegerLayer:
        weights = layer.linear.weight.detach().double().T
        check_finite(weights=weights)
        scale = fitting_scale(weights, WEIGHT_BITS)
        if state_bits < STATE_BITS:
            scale = min(scale, 2 ** (state_bits - 3))
        each = (torch.full(weights.shape[1:], value) for value in (round(scale), *layer.shifts))
        return IntegerLayer(to_integers(weights, scale, WEIGHT_BITS).long(), *each, layer.most, state_bits)

    return Configuration(in_integers(network.hidden), in_integers(network.output))


@guarded
def run_integers(configuration: Configuration, spikes: Tensor) -> XyloRun:
    """What the chip does for whole numbers of spikes, 0 to 15, [time, batch, inputs], by our own integer arithmetic."""
    return in_two_layers(configuration.hidden.run, configuration.output.run, _checked(configuration, spikes))


def _checked(configuration: Configuration, spikes: Tensor) -> Tensor:
    inputs = len(configuration.hidden.weights)
    if spikes.dim() != 3 or spikes.shape[2] != inputs:
        raise ValueError(f"spikes have shape {tuple(spikes.shape)}; it must be [time, batch, {inputs}]")
    wrong = spikes[~((spikes == spikes.round()) & (spikes >= 0) & (spikes <= INPUT_SPIKES))]
    if len(wrong):
        raise ValueError(f"spikes hold {wrong[0].item()}; an input takes a whole number, 0 to {INPUT_SPIKES}, a step")
    return spikes.long()


# --- SynSense's simulator -------------------------------------------------------------------------------------------

HOW_TO_INSTALL = (
    "Xylo's simulator is not installed. It is an extra, because its licence (AGPL-3.0) is stricter than the course's: "
    "python noxfile.py -s xylo"
)


def available() -> bool:
    """Whether the simulator is installed."""
    return importlib.util.find_spec("xylosim") is not None


def run_simulator(configuration: Configuration, spikes: Tensor) -> XyloRun:
    """What the chip does by SynSense's simulator; arguments as of `run_integers`.

    Raises:
        ModuleNotFoundError: the simulator is not installed; the message says how to get it.
    """
    try:  # Rockpool 3.1 has a class around it, which asks for samna, the driver of the board. The simulator does not.
        xylosim = importlib.import_module("xylosim.v2")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(HOW_TO_INSTALL) from error
    spikes, layers = _checked(configuration, spikes), {"": configuration.hidden, "_out": configuration.output}
    neurons = len(configuration.output.weights)
    synapses = [  # kept here, for the simulator only points at them
        [[xylosim.XyloSynapse(to, 0, weight) for to, weight in enumerate(row)] for row in layer.weights.tolist()]
        for layer in layers.values()
    ]
    options = {"weight_shift_inp": 0, "weight_shift_rec": 0, "weight_shift_out": 0, "has_bias": False}
    for end, layer in layers.items():
        options |= {f"threshold{end}": layer.threshold.tolist(), f"dash_mem{end}": layer.shift_mem.tolist()}
        options |= {f"dash_syns{end}": layer.shift_syn[:, None].tolist(), f"bias{end}": [0] * len(layer.threshold)}
    core = xylosim.XyloLayer(
        synapses_in=synapses[0],
        synapses_rec=[[] for _ in range(neurons)],
        synapses_out=synapses[1],
        aliases=[[] for _ in range(neurons)],
        name="stripes",
        **options,
    )
    samples = []
    for sample in spikes.unbind(1):
        core.reset_all()
        core.evolve(sample.tolist())
        potentials = (np.transpose(recorded) for recorded in (core.rec_v_mem, core.rec_v_mem_out))  # neuron by neuron
        samples.append((core.rec_recurrent_spikes, core.rec_out_spikes, *potentials))
    return XyloRun(*(torch.tensor(np.array(parts)).long().transpose(0, 1) for parts in zip(*samples, strict=True)))
