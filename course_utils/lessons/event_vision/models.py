"""A small spiking convnet for event frames, and what is done to the frames before they enter it."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from course_utils.data import keyed
from course_utils.data.require import guarded
from course_utils.spiking.convnets import Builder
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import OverTime
from course_utils.training.augment import displaced

Order = Literal["kept", "shuffled", "reversed", "summed"]
ORDERS: tuple[Order, ...] = get_args(Order)
GAIN = 10.0  # of the answers, which are means over time and small


@guarded
def event_net(seed: int, *, decay: float = 0.8, maps: tuple[int, int, int] = (12, 32, 64)) -> OverTime:
    """12C5–32C5–64C3–10, every convolution with stride 2, for frames [time, batch, 2, 34, 34]; fresh.

    Batch norm, a light dropout, and a membrane that forgets within a saccade or so. `maps` are the feature maps of the
    three convolutions.
    """
    torch.manual_seed(seed)
    net = Builder(in_channels=2, size=34, neuron=Neuron(decay=decay), norm=True, dropout=0.1, seed=seed)
    return net.conv(maps[0], 5, stride=2).conv(maps[1], 5, stride=2).conv(maps[2], stride=2).readout()


class FramesFirst(nn.Module):
    """A network as `loop.fit` wants it: frames [batch, time, 2, 34, 34] of any type to scores [batch, classes].

    While it learns, every recording is `displaced` anew.
    """

    def __init__(self, network: OverTime):
        super().__init__()
        self.network = network

    @guarded
    def forward(self, frames: Tensor) -> Tensor:
        x = frames.float()
        if self.training:
            x = displaced(x, torch.randint(2**62, (len(x),)))
        return GAIN * self.network(x.movedim(1, 0))


@guarded
def in_order(frames: Tensor, order: Order, keys: Tensor) -> Tensor:
    """Frames [batch, time, …] with their time as it is, shuffled for each recording, backwards, or taken away.

    "summed" gives every step the mean over all of them: the picture that is left when nothing says when.
    """
    match order:
        case "kept":
            return frames
        case "shuffled":
            places = keyed.uniform(keys, frames.shape[1]).argsort(1)
            return frames[torch.arange(len(frames))[:, None], places]
        case "reversed":
            return frames.flip(1)
        case "summed":
            return frames.float().mean(1, keepdim=True).expand_as(frames)
        case _:
            raise ValueError(f"order is {order!r}; it must be one of {', '.join(ORDERS)}")
