"""Model 5 of the stripe networks: leaky integrators read spikes out. A lesson builds it, a second one mends it.

After A. Kalogirou, "7 weeks in EINC" (2025). Images are [batch, 1, size, size], 0 to 1; scores [batch, classes].
"""

from collections.abc import Callable

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require
from course_utils.spiking.encoders import Encoder, stripe_input
from course_utils.spiking.norse_cells import Activity, over_time
from course_utils.spiking.ranges import above_0
from course_utils.spiking.row_conv import RowConv
from course_utils.spiking.spikes import each_step

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
