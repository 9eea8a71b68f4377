"""The networks of the lesson on harder stripes: a patch anywhere in the picture, and stripes that turn."""

from collections.abc import Callable
from functools import partial

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils.data.require import require
from course_utils.spiking.neurons import LI, each_step
from course_utils.spiking.stripe_networks import Activity, RecurrentLIF, RowConv, over_time, stripe_input

# What of the hidden spikes [time, batch, filters, 13, 13] enters the readout, [time, batch, …].
POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "maximum": lambda hidden: hidden.amax((3, 4)),
    "sum": lambda hidden: hidden.sum((3, 4)),
    "none": lambda hidden: each_step(nn.MaxPool2d(2, stride=1), hidden).flatten(2),
}


class PatchNet(nn.Module):
    """Model 6, for a striped patch anywhere in the picture: model 5 with one pool over all places.

    A convolution and LIF neurons look for pieces of stripes everywhere. At each step a feature map says 1 if it spikes
    anywhere (the maximum over its places), and leaky integrators weigh the maps, one weight each. What is learned of a
    patch at one place therefore holds at all of them.

    Kernels begin without a mean, so that plain grey drives no neuron, and enlarged by `gain`, so that stripes do.

    Args:
        steps: number of time steps.
        filters: of the convolution.
        gain: above 0; 1 leaves the size that PyTorch gives.
        pool: a name of `POOLS`. "none" is the pool of model 5, which keeps a weight for every place.
    """

    def __init__(self, steps: int = 20, filters: int = 8, gain: float = 5.0, pool: str = "maximum"):
        super().__init__()
        require(gain > 0, "gain", gain, "above 0")
        require(pool in POOLS, "pool", pool, f"one of {', '.join(POOLS)}")
        self.encode = partial(stripe_input, steps=steps)
        self.pool = pool
        self.conv = RowConv(1, filters, 4)
        self.lif = norse.LIFCell()
        self.linear = nn.Linear(filters * (12 * 12 if pool == "none" else 1), 2)
        self.li = norse.LICell()
        with torch.no_grad():
            self.conv.weight.sub_(self.conv.weight.mean((1, 2, 3), keepdim=True)).mul_(gain)
            nn.init.zeros_(self.conv.bias)

    def activity(self, images: Tensor) -> Activity:
        """Inputs, hidden spikes and output potentials at every step."""
        inputs = self.encode(images)
        hidden = over_time(self.lif, each_step(self.conv, inputs))
        return Activity(inputs, hidden, over_time(self.li, each_step(self.linear, POOLS[self.pool](hidden))))

    def forward(self, images: Tensor) -> Tensor:
        return self.activity(images).readout.mean(0)


class RotationNet(nn.Module):
    """Which way do the stripes turn? Features of each frame, neurons that remember, one leaky integrator.

    A convolution and LIF neurons look for pieces of stripes. How many spike in a feature map says how the stripes lie
    in this frame. Recurrent LIF neurons see this change, and a leaky integrator answers: its mean potential is above 0
    for counter-clockwise. The potential of that one neuron is the score of class 1; class 0 has the score 0.

    Args:
        recurrent: see `RecurrentLIF`.
        learnable: see `RecurrentLIF`.
        filters: of the convolution.
        neurons: in the layer that remembers.
    """

    GREY = 1.5  # brightness of plain grey, with the noise's mean
    DRIVE = 20.0  # current of a feature map in which every neuron spikes
    READOUT = LI(tau_mem_ms=20.0)
    GAIN = 10.0  # score of a mean potential of 1

    def __init__(self, *, recurrent: bool = True, learnable: bool = True, filters: int = 12, neurons: int = 64):
        super().__init__()
        self.conv = nn.Conv2d(1, filters, 5, stride=2)
        self.lif = norse.LIFCell()
        self.linear = nn.Linear(filters, neurons)
        self.memory = RecurrentLIF(neurons, recurrent=recurrent, learnable=learnable)
        self.out = nn.Linear(neurons, 1)
        with torch.no_grad():
            self.conv.weight.sub_(self.conv.weight.mean((1, 2, 3), keepdim=True)).mul_(3)
            nn.init.zeros_(self.conv.bias)
            if recurrent:
                self.memory.recurrent.weight.mul_(0.5)

    def activity(self, images: Tensor) -> Activity:
        """Inputs, spikes of the neurons that remember, and the output potential at every step.

        Args:
            images: trials [batch, 1, time, size, size], 0 to 1; a time step a frame.
        """
        inputs = 10 * images.movedim(2, 0) - self.GREY  # brightness around grey is the input current
        features = over_time(self.lif, each_step(self.conv, inputs)).mean((3, 4))
        hidden = self.memory(each_step(self.linear, self.DRIVE * features))
        return Activity(inputs, hidden, self.READOUT.run(each_step(self.out, hidden)))

    def forward(self, images: Tensor) -> Tensor:
        score = self.GAIN * self.activity(images).readout.mean(0)
        return torch.cat((torch.zeros_like(score), score), dim=1)
