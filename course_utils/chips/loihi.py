"""The fifth stripe model on Loihi: in the emulator of NengoLoihi, and in whole numbers worked out by hand.

    emulated = loihi.emulate(model, images)                # spikes and potentials, as Loihi's emulator has them
    virtual = loihi.VirtualLoihi(model).activity(images)   # the same from the published equations

On the host are the pixels' neurons, which turn the picture into spikes, and the score, which adds up potentials. On the
chip are the convolution's synapses, the hidden neurons, the readout's synapses and the two leaky integrators. A hidden
neuron takes a compartment. The pool adds up, so it is in the readout's weights (see `virtual_chip.fold_pool`).

Loihi counts in whole numbers. With r_u and r_v of 4096 left after a step, and w a multiple of 64,

    u ← ⌊r_u u / 4096⌋ + Σ w s,    v ← ⌊r_v v / 4096⌋ + u,    a spike and v ← 0 where v is above the threshold,

where ⌊ ⌋ rounds towards 0. Sources: M. Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning",
IEEE Micro 38(1), 2018; C.-K. Lin et al., "Programming spiking neural networks on Intel's Loihi", Computer 51(3), 2018;
and, for how Nengo chooses the numbers, the public code of nengo-loihi 1.1.0.
"""

import copy
import importlib
import math
import sys
import warnings
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.chips.virtual_chip import check_finite, fold_pool, neuron_counts, rates_of
from course_utils.data.require import guarded, require
from course_utils.exchange.old_packages import holding, import_or_explain
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import Activity
from course_utils.spiking.spikes import each_step

COMPARTMENTS = 1024  # of a core
COPIES = 16  # of the network on the emulated chip: each takes two of its 128 cores
UNIT = 64  # weights and thresholds are multiples of it
LARGEST_WEIGHT = 127  # with either sign in 8 bits; counted in 2 · UNIT
WHOLE = 4096  # what is left of a value after a step is a number of 4096ths
MEMBRANE = 2**23  # potentials and currents stay below, with either sign
INPUT = 2**21  # and so does what arrives in a step
# The largest potential of an output neuron, in units of the readout's largest weight: its threshold, which no output
# neuron may reach. A larger one would take a bit off the weights.
OUTPUT_RANGE = 50
HIDDEN_DELAY, OUTPUT_DELAY = 1, 2  # steps from a spike of a pixel on the host to what the layers make of it
BLANK = 160  # steps without input after which nothing is left in the neurons, for whole numbers decay to 0


TESTED = {"nengo-loihi": "1.1.0", "nengo": "4.1.0", "numpy": "2.4"}
# NengoLoihi looks for these and would use them, but works without; TensorFlow would take half a minute to import.
NOT_NEEDED = ("tensorflow", "nengo_dl", "nengo_extras")
OLD_FASHIONED = ("nengo_loihi.block", "nengo_loihi.neurons")


class _Numpy1(ModuleType):
    """NumPy, in which `array(…, copy=False)` means what it meant before NumPy 2: copy only where it must be."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def array(*values: Any, copy: bool | None = True, **options: Any) -> np.ndarray:
        return np.array(*values, copy=copy or None, **options)


def load_nengo_loihi() -> ModuleType:
    """NengoLoihi 1.1, older than NumPy 2, ready to use, or an ImportError that says which packages do not fit.

    In two of its modules `np` then stands for NumPy as it was; NumPy itself is left as it is. While NengoLoihi is
    imported, and only then, TensorFlow and NengoDL are out of sight.
    """
    if "nengo_loihi" not in sys.modules:
        with holding(sys.modules, dict.fromkeys(NOT_NEEDED)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_or_explain("nengo_loihi", "NengoLoihi", TESTED)
    numpy1 = _Numpy1("numpy")
    for name in OLD_FASHIONED:
        importlib.import_module(name).np = numpy1
    return sys.modules["nengo_loihi"]


class Core(NamedTuple):
    """A layer of neurons as a core of Loihi has it, in whole numbers."""

    weights: Tensor  # of its inputs, [neurons, inputs] or a kernel
    bias: Tensor  # weights of one more input, which spikes at every step, [neurons] or [maps]
    left_u: int  # of 4096, what a step leaves of the current
    left_v: int  # and of the membrane
    threshold: int  # above it a neuron spikes
    scale: float  # what a weight of 1 in the model is here
    unit: float  # what a potential of 1 in the model is here


def multiplied(left: int) -> float:
    """What a value adds up to while it decays, in multiples of itself: 4096/(4096 − left), but for the rounding."""
    require(0 <= left < WHOLE, "left", left, f"0 to {WHOLE - 1}")
    total, value = 0, INPUT
    while value:
        total += value
        value = value * left // WHOLE
    return total / INPUT


@guarded
def in_steps(weights: Tensor, largest: float) -> Tensor:
    """Weights of a group of synapses, any shape, as they hold them: 8 bits with the sign, times a power of 2 for all of
    them, in whole units. 254 units stand for the largest weight of the core.

    Nengo makes a group too large whose largest weight is below a 128th of the core's; so does this.
    """
    own = weights.abs().max().item()
    finer = math.floor(math.log2(largest / own)) if own > 1e-16 else 0
    mantissa = (weights.double() * (255 / largest) * 2**finer / 2).round().clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT)
    return (UNIT * (mantissa * 2.0 ** (1 - min(finer, 6))).round()).long()


@guarded
def core_for(weights: Tensor, bias: Tensor, cell: nn.Module, threshold: float) -> Core:
    """The whole numbers that Nengo would write into a core for a layer of Norse's neurons with this threshold."""
    step_mem, step_syn = rates_of(cell)
    largest = max(weights.abs().max().item(), bias.abs().max().item())
    left_u, left_v = WHOLE - 1 - round(step_syn * (WHOLE - 1) - 1), WHOLE - round(step_mem * (WHOLE - 1))
    scale = 255 * UNIT / largest
    # where a constant input of 1 leads in the end: to 1/step_syn in the model, to scale · Σ_u · Σ_v here
    unit = scale * step_syn * multiplied(left_u) * multiplied(left_v)
    on_chip = UNIT * round(round(threshold * unit) / UNIT)
    return Core(in_steps(weights, largest), in_steps(bias, largest), left_u, left_v, on_chip, scale, unit)


def check_model(model: LIReadout) -> None:
    """Refuse a model that cannot go onto the chip: its pool is a maximum, a layer does not fit a core (says by how
    much), weights are not finite, or all weights of a layer are 0."""
    fold_pool(model)  # refuses a maximum
    hidden = neuron_counts(model)["hidden"]
    if hidden > COMPARTMENTS:
        missing = f"a core has {COMPARTMENTS} compartments, {hidden - COMPARTMENTS} too few"
        raise ValueError(f"the model has {hidden} hidden neurons; {missing}")
    check_finite(**dict(model.named_parameters()))
    for name in ("conv", "linear"):
        if not getattr(model, name).weight.any():
            raise ValueError(f"{name}.weight is 0 everywhere; train the model before it goes onto the chip")


def _input_spikes(model: LIReadout, images: Tensor) -> Tensor:
    """The pixels' spikes [time, batch, 1, 16, 16]."""
    inputs = model.encode(images)
    if not ((inputs == 0) | (inputs == 1)).all():
        raise ValueError("the model's encoder gives numbers other than 0 and 1; only spikes enter the chip")
    return inputs


@guarded
def integrate(arriving: Tensor, core: Core) -> tuple[Tensor, Tensor]:
    """Spikes (bool) and potentials of a core's neurons, from rest, by the equations at the head of this module, for the
    sum of the weights of all spikes that arrive at each step, whole numbers [time, batch, …] below 2²¹."""
    if arriving.abs().max() >= INPUT:
        raise ValueError(f"the inputs of a step add up to {arriving.abs().max()}; a neuron can take less than {INPUT}")

    def left(value: Tensor, part: int) -> Tensor:
        return value.sign() * (value.abs() * part // WHOLE)

    u = v = torch.zeros_like(arriving[0])
    spikes, potentials = [], []
    for now in arriving:
        u = left(u, core.left_u) + now
        v = (left(v, core.left_v) + u).clamp(1 - MEMBRANE, MEMBRANE - 1)
        s = v > core.threshold
        v = v.masked_fill(s, 0)
        spikes.append(s)
        potentials.append(v)
    return torch.stack(spikes), torch.stack(potentials)


class VirtualLoihi(nn.Module):
    """The fifth model in Loihi's whole numbers, by the equations at the head of this module.

    Its spikes are the emulator's, one for one (tests hold them equal).

    Args:
        model: as of `check_model`. Its weights are read once, now.

    Attributes:
        hidden, output: what is written into the cores of the two layers.
        folded: the readout's weights, [outputs, hidden], with the pool in them, in the model's units.
        range: the largest potential of an output neuron, in the model's units.
    """

    @torch.no_grad()
    def __init__(self, model: LIReadout):
        super().__init__()
        check_model(model)
        self.model = model
        self.hidden = core_for(model.conv.weight, model.conv.bias, model.lif, float(model.lif.p.v_th))
        self.folded = fold_pool(model)
        self.range = OUTPUT_RANGE * max(self.folded.abs().max().item(), model.linear.bias.abs().max().item())
        self.output = core_for(self.folded, model.linear.bias, model.li, self.range)

    @torch.no_grad()
    def activity(self, images: Tensor) -> Activity:
        """Inputs, hidden spikes, and potentials of the output neurons in the model's units, [time, batch, …] each.

        An encoder that does not give spikes is refused, and so is an output neuron that leaves its range.
        """
        inputs = _input_spikes(self.model, images)
        kernel = self.hidden.weights.double()  # whole numbers far below 2⁵³, which this type holds exactly
        currents = each_step(lambda x: nn.functional.conv2d(x, kernel), inputs.double()).long()
        hidden, _ = integrate(currents + self.hidden.bias[:, None, None], self.hidden)
        currents = (hidden.flatten(2).double() @ self.output.weights.T.double()).long() + self.output.bias
        spikes, potentials = integrate(currents, self.output)
        if spikes.any():
            raise ValueError(_out_of_range(self.range))
        return Activity(inputs, hidden.to(inputs.dtype), (potentials / self.output.unit).to(inputs.dtype))

    def forward(self, images: Tensor) -> Tensor:
        """Scores [batch, classes], as of the model."""
        return self.model.scores(self.activity(images).readout)


@torch.no_grad()
def on_the_grid(model: LIReadout) -> LIReadout:
    """A copy of the model whose convolution has the weights and biases that Loihi's synapses can hold.

    The rest stays float: what the copy does differently than the model comes from these numbers alone.
    """
    core = VirtualLoihi(model).hidden
    copied = copy.deepcopy(model)
    copied.conv.weight.copy_(core.weights / core.scale)
    copied.conv.bias.copy_(core.bias / core.scale)
    return copied


def _out_of_range(limit: float) -> str:
    return f"an output neuron left its range on the chip, potentials up to {limit:.3g} in the model's units"


@torch.no_grad()
def emulate(model: LIReadout, images: Tensor) -> Activity:
    """Inputs, hidden spikes and output potentials of the model in Loihi's emulator, as of `VirtualLoihi.activity`, by
    the steps of the model: delays on the way to the chip and on it are taken out.

    The network stands on the chip several times, and every copy takes its share of the images, one after the other.
    Between two images nothing is sent until nothing is left on the chip.
    """
    virtual = VirtualLoihi(model)
    inputs = _input_spikes(model, images)
    steps, count = inputs.shape[:2]
    copies = min(COPIES, count)
    rounds = -(-count // copies)
    network, probes = _network(virtual, _sent(inputs, rounds, copies))
    hidden, potentials = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bits that the biases' weights lose, and of Nengo's start values
        warnings.filterwarnings("error", "Overflow")
        with load_nengo_loihi().Simulator(network, target="sim", precompute=True, seed=0) as simulator:
            for _ in range(rounds):
                try:
                    simulator.run_steps(steps + BLANK)
                except UserWarning as overflow:
                    raise ValueError(_out_of_range(virtual.range)) from overflow
                spikes, membranes, beyond = (np.stack([simulator.data[of] for of in group], axis=1) for group in probes)
                if beyond.any():
                    raise ValueError(_out_of_range(virtual.range))
                hidden.append(spikes[HIDDEN_DELAY : HIDDEN_DELAY + steps] > 0)
                potentials.append(membranes[OUTPUT_DELAY : OUTPUT_DELAY + steps])
                simulator.clear_probes()
    hidden, potentials = (torch.tensor(np.concatenate(parts, axis=1)[:, :count]) for parts in (hidden, potentials))
    readout = potentials / virtual.output.unit
    return Activity(inputs, hidden.unflatten(2, (-1, 13, 13)).to(inputs.dtype), readout.to(inputs.dtype))


def _sent(inputs: Tensor, rounds: int, copies: int) -> np.ndarray:
    """What the host sends: spikes, bool [rounds, time, copies, 256 pixels and two inputs that are always on].

    The first of these two is for the hidden neurons' biases, the second for the output's, who hear a step later.
    """
    steps, count = inputs.shape[:2]
    pixels = np.zeros((rounds * copies, steps, 16 * 16), bool)
    pixels[:count] = inputs.flatten(2).transpose(0, 1).numpy()
    sent = np.zeros((rounds, steps + BLANK, copies, 16 * 16 + 2), bool)
    sent[:, :steps, :, :-2] = pixels.reshape(rounds, copies, steps, -1).swapaxes(1, 2)
    sent[:, :steps, :, -2] = True
    sent[:, 1 : steps + 1, :, -1] = True
    return sent


def _network(virtual: VirtualLoihi, sent: np.ndarray) -> tuple[Any, tuple[list, list, list]]:
    """The model in Nengo's terms, and the probes of each copy: hidden spikes, output potentials, output spikes.

    In Nengo every threshold is 1, a spike is 1/Δt high, and a synapse multiplies by 1 − λ what it takes in, which
    Norse's does not: weights are scaled by all three.
    """
    nengo_loihi = load_nengo_loihi()
    nengo = importlib.import_module("nengo")
    model, dt = virtual.model, float(virtual.model.lif.dt)
    maps, outputs = model.conv.out_channels, model.linear.out_features
    sent = sent.reshape(-1, *sent.shape[2:])
    _, copies, width = sent.shape

    def neurons(count: int, kind: Any) -> Any:
        return nengo.Ensemble(count, 1, neuron_type=kind, gain=np.ones(count), bias=np.zeros(count)).neurons

    def lif(cell: nn.Module, lowest: float) -> Any:
        return nengo.LIF(tau_rc=-dt / math.log1p(-rates_of(cell)[0]), tau_ref=0, min_voltage=lowest)

    def scaled(weights: Tensor, cell: nn.Module, threshold: float) -> np.ndarray:
        return weights.detach().double().numpy() * (dt / rates_of(cell)[1] / threshold)

    def connect(pre: Any, post: Any, transform: Any, cell: nn.Module) -> None:
        nengo.Connection(pre, post, transform=transform, synapse=-dt / math.log1p(-rates_of(cell)[1]))

    threshold = float(model.lif.p.v_th)
    kernel = scaled(model.conv.weight.permute(2, 3, 1, 0), model.lif, threshold)
    hidden_bias = scaled(model.conv.bias.repeat_interleave(13 * 13)[:, None], model.lif, threshold)
    readout = scaled(virtual.folded, model.li, virtual.range)
    output_bias = scaled(model.linear.bias[:, None], model.li, virtual.range)
    probes: tuple[list, list, list] = ([], [], [])
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        node = nengo.Node(lambda t: sent[round(t / dt) - 1].ravel() / dt, size_out=copies * width)
        host = neurons(copies * width, nengo.SpikingRectifiedLinear())  # each hands on the spikes that it is given
        network.config[host.ensemble].on_chip = False
        nengo.Connection(node, host, synapse=None)
        for first in range(0, copies * width, width):
            pixels, on, on_later = host[first : first + 256], host[[first + 256]], host[[first + 257]]
            hidden = neurons(maps * 13 * 13, lif(model.lif, -MEMBRANE / virtual.hidden.unit / threshold))
            output = neurons(outputs, lif(model.li, -1.0))
            shape = {"channels_last": False, "kernel_size": (4, 4)}
            convolution = nengo.Convolution(maps, (1, 16, 16), **shape, init=kernel)
            connect(pixels, hidden, convolution, model.lif)
            connect(on, hidden, hidden_bias, model.lif)
            connect(hidden, output, readout, model.li)
            connect(on_later, output, output_bias, model.li)
            for group, probe in zip(probes, ((hidden,), (output, "voltage"), (output,)), strict=True):
                group.append(nengo.Probe(*probe))
    return network, probes
