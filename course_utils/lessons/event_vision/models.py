"""A small spiking convnet for event frames, and what is done to the frames before they enter it (lesson 13)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.spiking.convnets import Conv, SpikingConvNet
from course_utils.spiking.gradients import Neuron

Order = Literal["kept", "shuffled", "reversed", "summed"]
ORDERS: tuple[Order, ...] = ("kept", "shuffled", "reversed", "summed")
GAIN = 10.0  # of the answers, which are means over time and small


class EventNet(SpikingConvNet):
    """12C5–32C5–64C3–10, every convolution with stride 2, for frames [time, batch, 2, 34, 34]."""

    ROWS = (Conv(12, 5, stride=2), Conv(32, 5, stride=2), Conv(64, 3, stride=2))
    IMAGE = (2, 34)


def event_net(seed: int, *, leak: float = 0.8) -> EventNet:
    """The network of lesson 13, fresh: batch norm, a light dropout, and a leak that forgets within a saccade or so."""
    torch.manual_seed(seed)
    return EventNet(neuron=Neuron(leak=leak), norm=True, dropout=0.1, seed=seed)


class FramesFirst(nn.Module):
    """A network as `training.fit` wants it: frames [batch, time, 2, 34, 34] of any type to scores [batch, classes].

    While it learns, every recording is `displaced` anew.
    """

    def __init__(self, network: SpikingConvNet):
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        x = frames.float()
        if self.training:
            x = displaced(x, torch.randint(2**62, (len(x),)))
        return GAIN * self.network(x.movedim(1, 0))


def displaced(frames: Tensor, keys: Tensor, *, turn: float = 12.0, scale: float = 0.12, shift: float = 2.0) -> Tensor:
    """Recordings turned, scaled and moved at random, all frames of one alike.

    Args:
        frames: [batch, time, channels, size, size].
        keys: of the random numbers, [batch], see `keyed.keys`.
        turn: at most so many degrees to either side.
        scale: larger or smaller by at most this share.
        shift: at most so many pixels in each direction.

    Returns:
        The values of the nearest pixels, 0 from outside: spikes stay spikes.
    """
    angle, size, x, y = (2 * keyed.uniform(keys, 4) - 1).unbind(1)
    angle, size = angle * turn * math.pi / 180, 1 + size * scale
    pixels = frames.shape[-1] / 2  # grid_sample counts from −1 to 1
    rows = [(angle.cos() * size, -angle.sin() * size, x * shift / pixels)]
    rows += [(angle.sin() * size, angle.cos() * size, y * shift / pixels)]
    matrices = torch.stack([torch.stack(row, 1) for row in rows], 1)
    images = frames.flatten(1, 2)
    grid = functional.affine_grid(matrices, images.shape, align_corners=False)
    return functional.grid_sample(images, grid, mode="nearest", align_corners=False).view_as(frames)


def in_order(frames: Tensor, order: Order, keys: Tensor) -> Tensor:
    """Frames [batch, time, …] with their time as it is, shuffled for each recording, backwards, or taken away.

    "summed" gives every step the mean over all of them: the picture that is left when nothing says when.

    Raises:
        ValueError: the order is none of `ORDERS`.
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
