"""The stripe networks of the course. Each maps images [batch, 1, size, size], 0 to 1, to scores [batch, classes].

The five stripe models follow A. Kalogirou, "7 weeks in EINC" (2025); two lessons build and mend them. Their
neurons are Norse's, with Norse's default time constants (membrane 10 ms, synapse 5 ms, a step of 1 ms).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import norse.torch as norse
import torch
from norse.torch.functional.threshold import threshold
from torch import Tensor, nn

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking import encoders
from course_utils.spiking.gradients import Neuron, lif
from course_utils.spiking.neurons import each_step
from course_utils.spiking.ranges import above_0, at_least_0

Encoder = Callable[[Tensor], Tensor]  # images [batch, …] to the network's input [time, batch, …]
STEPS = 50
SCALE = 20.0  # current of a white pixel in units of the threshold; stripes reach about a quarter of white

stripe_input = partial(encoders.constant_current, steps=STEPS, scale=SCALE)


def over_time(cell: nn.Module, inputs: Tensor) -> Tensor:
    """Neurons of Norse run from rest through the steps of [time, batch, …]; their outputs at every step.

    `LIFCell` and `LICell` are run by `gradients.lif`, quicker and with the same outputs, bit for bit; a cell that is
    watched by a hook, and any other cell, is called at every step.
    """
    if not (cell._forward_hooks or cell._forward_pre_hooks) and (neuron := as_neuron(cell)):
        return lif(inputs, neuron)
    state, outputs = None, []
    for now in inputs:
        output, state = cell(now, state)
        outputs.append(output)
    return torch.stack(outputs)


def as_neuron(cell: nn.Module) -> Neuron | None:
    """What `gradients` calls a cell of Norse; None if it is no cell that rests at 0, is reset to 0 and has one fixed
    number for each parameter."""
    if type(cell) not in (norse.LIFCell, norse.LICell):
        return None
    given = cell.p._asdict()
    values = {name: torch.as_tensor(value) for name, value in given.items() if name not in ("method", "alpha")}
    if any(value.numel() > 1 or value.requires_grad for value in values.values()):
        return None
    decay, decay_syn = (1 - float(cell.dt * values[name]) for name in ("tau_mem_inv", "tau_syn_inv"))
    threshold = float(values["v_th"]) if "v_th" in values else None
    usual = values["v_leak"] == values.get("v_reset", 0) == 0 and given.get("method", "super") == "super"
    usual = usual and 0 < decay <= 1 and 0 < decay_syn <= 1 and (threshold is None or threshold > 0)
    return Neuron(decay, threshold, decay_syn=decay_syn, scaled=True) if usual else None


class RowConv(nn.Conv2d):
    """A convolution of pictures with one channel, stride 1 and no rim, as one product of matrices.

    Rows of a picture lie side by side, so the rows that a kernel meets are one long row. PyTorch's own convolution is
    made for many channels: for one it takes several times as long, above all on the way back. Only the order in which
    numbers are added differs.
    """

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures [batch, 1, height, width]."""
        height, width = self.kernel_size
        columns = pictures.shape[3]
        rows = pictures.flatten(1).unfold(1, height * columns, columns)  # [batch, places, height · columns]
        # [k, c, x]: column c of the picture meets column k of the kernel at place x
        meets = torch.eye(columns, dtype=pictures.dtype, device=pictures.device).unfold(0, columns - width + 1, 1)
        weight = torch.einsum("oik,kcx->icox", self.weight[:, 0], meets).flatten(0, 1)
        currents = rows @ weight.flatten(1) + self.bias.repeat_interleave(weight.shape[2])
        return currents.unflatten(2, weight.shape[1:]).movedim(2, 1)


def spike(v: Tensor) -> Tensor:
    """1 where v is above 0, else 0; backwards Norse's SuperSpike surrogate 1/(1 + |v|)² (`surrogates.superspike`)."""
    return threshold(v, "super", 1.0)  # Norse 1.1 does not use the last argument


class PoissonInput(nn.Module):
    """Poisson spikes with a random generator of its own, which is saved and restored with the network. The gain is the
    spike probability of a white pixel; that of any pixel is at most 1."""

    def __init__(self, steps: int = STEPS, gain: float = 2.6, seed: int = 0):
        super().__init__()
        self.steps, self.gain = steps, gain
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, images: Tensor) -> Tensor:
        return encoders.poisson((self.gain * images).clamp(max=1), self.steps, self.generator)

    def get_extra_state(self) -> Tensor:
        return self.generator.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.generator.set_state(state)


class Activity(NamedTuple):
    """What a network did, [time, batch, …] each."""

    inputs: Tensor  # what entered it
    hidden: Tensor  # spikes of its hidden layer
    readout: Tensor  # membrane potentials of its output neurons


class FlatLIF(nn.Module):
    """Model 1, a reconstruction: flatten, linear, LIF. The picture is a current that stays on; spikes are counted.

    The current of a white pixel is `scale`; 1 is what the picture gives by itself.
    """

    def __init__(self, scale: float = 1.0, steps: int = STEPS):
        super().__init__()
        at_least_0("a finite current", scale=scale)
        require_whole(steps=(steps, 1))
        self.scale, self.steps = scale, steps
        self.linear = nn.Linear(16 * 16, 2)
        self.lif = norse.LIFCell()

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        current = self.linear(self.scale * images.flatten(1))  # the same at every step, so computed once
        return over_time(self.lif, current.expand(self.steps, *current.shape)).sum(0)


class BroadConv(nn.Module):
    """Model 2: two convolutions, a pool and three layers of LIF neurons, for a 16×16 picture. Far too big.

    The report does not say how many feature maps its second convolution had; here they are 32.
    """

    steps = 10

    def __init__(self):
        super().__init__()
        self.conv1 = RowConv(1, 13, 4)
        self.lif1 = norse.LIFCell()
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(13, 32, 4)
        self.lif2 = norse.LIFCell()
        self.linear = nn.Linear(32 * 3 * 3, 2)
        self.lif3 = norse.LIFCell()

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        current = self.conv1(SCALE * images)
        first = over_time(self.lif1, current.expand(self.steps, *current.shape))
        second = over_time(self.lif2, each_step(self.conv2, each_step(self.pool, first)))
        return over_time(self.lif3, each_step(self.linear, second.flatten(2))).sum(0)


class LeanConv(nn.Module):
    """Models 3 and 4: one convolution, a pool, a linear layer and two LIF neurons that vote with their spikes. Poisson
    spikes make it model 3, those of a constant current model 4."""

    def __init__(self, encode: Encoder = stripe_input):
        super().__init__()
        self.encode = encode
        self.conv = RowConv(1, 2, 4)
        self.pool = nn.MaxPool2d(2)
        self.linear = nn.Linear(2 * 6 * 6, 2)
        self.lif = norse.LIFCell()

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        features = each_step(self.pool, each_step(self.conv, self.encode(images)))
        return over_time(self.lif, each_step(self.linear, features.flatten(2))).sum(0)


# Each turns membrane potentials [time, …] into one score […]; `step` is Δt/τ of the membrane.
READOUTS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "maximum": lambda v, step: v.amax(0),
    "last": lambda v, step: v[-1],
    "mean": lambda v, step: v.mean(0),
    "integral": lambda v, step: v.sum(0) * step,
}


class LIReadout(nn.Module):
    """Model 5: convolution, LIF, max pool, linear, and leaky integrators, whose potentials over time are the answer.

    As it leaves this constructor it has PyTorch's initial weights, and from some seeds its hidden layer is silent and
    stays so. `awaken` cures that.

    Args:
        encode: how pictures become spikes.
        readout: a name of `READOUTS`, how the potentials over time become scores.
        outputs: 2, or 1: a single neuron that says 1 with a score above 0. The score of class 0 is then 0.
        filters: of the convolution.
        pool: over 2×2 neighbours at each step: "maximum", or "sum", which a chip can do.
    """

    @guarded
    def __init__(
        self, encode: Encoder = stripe_input, readout="integral", outputs: int = 2, filters: int = 2, pool="maximum"
    ):
        super().__init__()
        require(pool in ("maximum", "sum"), "pool", pool, '"maximum" or "sum"')
        require(readout in READOUTS, "readout", readout, f"one of {', '.join(READOUTS)}")
        require(outputs in (1, 2), "outputs", outputs, "1 or 2")
        self.encode, self.readout = encode, readout
        self.conv = RowConv(1, filters, 4)
        self.lif = norse.LIFCell()
        self.pool = nn.MaxPool2d(2, stride=1) if pool == "maximum" else nn.AvgPool2d(2, stride=1, divisor_override=1)
        self.linear = nn.Linear(filters * 12 * 12, outputs)
        self.li = norse.LICell()

    @guarded
    def activity(self, images: Tensor) -> Activity:
        """Inputs, hidden spikes and output potentials at every step."""
        inputs = self.encode(images)
        hidden = over_time(self.lif, each_step(self.conv, inputs))
        current = each_step(self.linear, each_step(self.pool, hidden).flatten(2))
        return Activity(inputs, hidden, over_time(self.li, current))

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        return self.scores(self.activity(images).readout)

    @guarded
    def scores(self, potentials: Tensor) -> Tensor:
        """Scores [batch, 2] for potentials of the output neurons [time, batch, outputs]."""
        step = self.li.dt * self.li.p.tau_mem_inv.item()
        scores = READOUTS[self.readout](potentials, step)
        return scores if scores.shape[1] == 2 else torch.cat((torch.zeros_like(scores), scores), dim=1)


@guarded
@torch.no_grad()
def awaken(model: LIReadout, images: Tensor, gain: float = 6.0) -> LIReadout:
    """Give model 5 initial weights from which it learns with every seed (the lesson on the LI readout finds out why).

    1. The kernels are enlarged by `gain`: what one step of Adam changes is then small beside them.
    2. The biases put the mean current of each feature map at the rheobase, so that every map spikes for some pictures,
       and none for all. (A layer of its data's scale: D. Mishkin and J. Matas, "All you need is a good init", 2016.)
    3. The readout begins at zero. It finds out what the hidden spikes are worth before it asks them to change.

    The model is as its constructor left it, and is returned; the images are a few hundred of the training set.
    """
    above_0(gain=gain)
    neuron = model.lif.p
    amplification = 1 / (neuron.tau_syn_inv * model.lif.dt)  # a constant input piles up to this multiple
    model.conv.weight.mul_(gain)
    rates = model.encode(images).mean(0)
    drive = nn.functional.conv2d(rates, model.conv.weight).mean((0, 2, 3))
    model.conv.bias.copy_(neuron.v_th / amplification - drive)
    nn.init.zeros_(model.linear.weight)
    nn.init.zeros_(model.linear.bias)
    return model


class RecurrentLIF(nn.Module):
    """LIF neurons with synapses among each other, and time constants that are trained (the lesson derives them).

    i_t = λ_syn i_(t−1) + input_t + W_rec s_(t−1), and v_t = λ_mem v_(t−1) (1 − s_(t−1)) + (1 − λ_mem) i_t. A neuron
    spikes above 1 and is reset to 0. λ = exp(−Δt/τ) with Δt = 1 ms, and τ of 10 and 5 ms to begin with.
    ln τ is what is trained, so τ stays above 0. If they are not `recurrent`, there is no W_rec; if they are not
    `learnable`, all time constants stay as they are.
    """

    @guarded
    def __init__(self, neurons: int, *, recurrent: bool = True, learnable: bool = True):
        super().__init__()
        self.recurrent = nn.Linear(neurons, neurons, bias=False) if recurrent else None
        for name, tau_ms in {"log_tau_mem": 10.0, "log_tau_syn": 5.0}.items():
            value = torch.full((neurons,), math.log(tau_ms))
            if learnable:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    @guarded
    def forward(self, inputs: Tensor) -> Tensor:
        """Spikes [time, batch, neurons] for inputs of that shape, from rest."""
        decay_mem, decay_syn = (torch.exp(-1 / log_tau.exp()) for log_tau in (self.log_tau_mem, self.log_tau_syn))
        i = v = s = torch.zeros_like(inputs[0])
        spikes = []
        for now in inputs:
            i = decay_syn * i + now
            if self.recurrent is not None:
                i = i + self.recurrent(s)
            v = decay_mem * v * (1 - s) + (1 - decay_mem) * i
            s = spike(v - 1)
            spikes.append(s)
        return torch.stack(spikes)
