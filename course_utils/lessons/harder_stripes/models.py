"""The network of the lesson on harder stripes: a patch anywhere in the picture."""

from collections.abc import Callable
from functools import partial

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require
from course_utils.spiking.encoders import stripe_input
from course_utils.spiking.norse_cells import Activity, over_time
from course_utils.spiking.row_conv import RowConv
from course_utils.spiking.spikes import each_step

# What of the hidden spikes [time, batch, filters, 13, 13] enters the readout, [time, batch, …].
POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "maximum": lambda hidden: hidden.amax((3, 4)),
    "sum": lambda hidden: hidden.sum((3, 4)),
    "none": lambda hidden: each_step(nn.MaxPool2d(2, stride=1), hidden).flatten(2),
}


# What each change from model 5 to model 6 takes back, as arguments of `PatchNet`; all of them together are model 5.
TAKEN_BACK: dict[str, dict[str, object]] = {
    "one pool over all places": {"pool": "none"},
    "8 filters": {"filters": 2},
    "kernels without their mean": {"centred": False},
    "kernels 5 times as large": {"gain": 1.0},
    "bias 0": {"biased": True},
    "mean over time": {"readout": "maximum"},
    "20 steps": {"steps": 50},
}
FIFTH = {name: value for options in TAKEN_BACK.values() for name, value in options.items()}


class PatchNet(nn.Module):
    """Model 6, for a striped patch anywhere in the picture: model 5 with one pool over all places.

    A convolution and LIF neurons look for pieces of stripes everywhere. At each step a feature map says 1 if it spikes
    anywhere (the maximum over its places), and leaky integrators weigh the maps, one weight each. What is learned of a
    patch at one place therefore holds at all of them. Each change from model 5 can be taken back; `FIFTH` takes back
    all of them.

    Args:
        steps: number of time steps.
        filters: of the convolution.
        gain: above 0; by how much the kernels are enlarged. 1 leaves the size that PyTorch gives.
        centred: whether the mean of each kernel is taken away, so that plain grey drives no neuron.
        biased: whether the convolution keeps the bias that PyTorch gives, in the place of 0.
        pool: a name of `POOLS`. "none" is the pool of model 5, which keeps a weight for every place.
        readout: "mean" or "maximum" of the potentials over time: how they become scores.
    """

    @guarded
    def __init__(
        self,
        steps: int = 20,
        filters: int = 8,
        gain: float = 5.0,
        *,
        centred: bool = True,
        biased: bool = False,
        pool: str = "maximum",
        readout: str = "mean",
    ):
        super().__init__()
        require(gain > 0, "gain", gain, "above 0")
        require(pool in POOLS, "pool", pool, f"one of {', '.join(POOLS)}")
        require(readout in ("mean", "maximum"), "readout", readout, '"mean" or "maximum"')
        self.encode = partial(stripe_input, steps=steps)
        self.pool, self.readout = pool, readout
        self.conv = RowConv(1, filters, 4)
        self.lif = norse.LIFCell()
        self.linear = nn.Linear(filters * (12 * 12 if pool == "none" else 1), 2)
        self.li = norse.LICell()
        with torch.no_grad():
            if centred:
                self.conv.weight.sub_(self.conv.weight.mean((1, 2, 3), keepdim=True))
            self.conv.weight.mul_(gain)
            if not biased:
                nn.init.zeros_(self.conv.bias)

    def activity(self, images: Tensor) -> Activity:
        """Inputs, hidden spikes and output potentials at every step."""
        inputs = self.encode(images)
        hidden = over_time(self.lif, each_step(self.conv, inputs))
        return Activity(inputs, hidden, over_time(self.li, each_step(self.linear, POOLS[self.pool](hidden))))

    def forward(self, images: Tensor) -> Tensor:
        potentials = self.activity(images).readout
        return potentials.mean(0) if self.readout == "mean" else potentials.amax(0)
