"""What is done to images before they enter a network; nearly all of it at random, while the network learns.

What is random comes from keys (`data.keyed`), one for each image: it does not matter which images share a batch. Only
`Varied` draws from PyTorch's generator.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import keyed
from course_utils.data.require import guarded


@guarded
def bipolar(images: Tensor) -> Tensor:
    """Colour images 0 to 1 with a mean of 0 and a standard deviation of 1, each, then scaled into −1 to 1."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    return centred / centred.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)


@guarded
def flipped(images: Tensor, keys: Tensor) -> Tensor:
    """Every other image [batch, channels, height, width], at random, with left and right exchanged."""
    return _mirrored(images, keyed.uniform(keys, 1)[:, 0] < 0.5)


@guarded
def shifted(images: Tensor, keys: Tensor, reach: int = 2, border: str = "constant") -> Tensor:
    """Images [batch, channels, height, width] moved by up to `reach` pixels in each direction.

    Black comes in, or what another `border` of `functional.pad` brings.
    """
    return _moved(images, (keyed.uniform(keys, 2) * (2 * reach + 1)).long(), reach, border)


@guarded
def warped(images: Tensor, keys: Tensor, degrees: float = 0.0, zoom: float = 0.0, bend: float = 0.0) -> Tensor:
    """Images [batch, channels, size, size] turned and scaled about their centre and bent, at random; black comes in.

    Bending is the elastic distortion of P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for convolutional
    neural networks applied to visual document analysis", ICDAR 2003; here five by five points of an image move, and
    the rest of it follows: `bend` is the standard deviation of how far a point moves, downwards and sideways, in
    pixels. Images turn by at most so many `degrees` to either side, and `zoom`, below 1, is the share by which they
    become larger or smaller at most.
    """
    angle, scale = (2 * keyed.uniform(keys, 2) - 1).unbind(1)
    grid = _grid(images, torch.deg2rad(degrees * angle), 1 + zoom * scale)
    if bend:
        size = images.shape[-1]
        moves = bend * 2 / size * math.sqrt(3) * (2 * keyed.uniform(keyed.keys(keys, 0), 2, 5, 5) - 1)
        grid = grid + functional.interpolate(moves, (size, size), mode="bicubic", align_corners=True).movedim(1, 3)
    return functional.grid_sample(images, grid, align_corners=False)


@guarded
def displaced(frames: Tensor, keys: Tensor, *, turn: float = 12.0, scale: float = 0.12, shift: float = 2.0) -> Tensor:
    """Recordings [batch, time, channels, size, size] turned, scaled and moved at random, all frames of one alike.

    At most by `turn` degrees to either side, a share `scale` larger or smaller, and `shift` pixels in each direction.
    What comes back are the values of the nearest pixels, 0 from outside: spikes stay spikes.
    """
    angle, size, *moves = (2 * keyed.uniform(keys, 4) - 1).unbind(1)
    pixels = frames.shape[-1] / 2  # grid_sample counts from −1 to 1
    images = frames.flatten(1, 2)
    grid = _grid(images, angle * turn * math.pi / 180, 1 + size * scale, *(move * shift / pixels for move in moves))
    return functional.grid_sample(images, grid, mode="nearest", align_corners=False).view_as(frames)


class Varied(nn.Module):
    """A model that meets varied images while it learns: mirrored or not, and moved by up to 3 pixels each way.

    What comes in from beyond the border repeats the border. What is random comes from PyTorch's global generator.

    Args:
        model: maps images [batch, channels, height, width] to outputs.
        mirror: whether to mirror; a mirrored digit is none.
    """

    def __init__(self, model: nn.Module, *, mirror: bool = True):
        super().__init__()
        self.model = model
        self.mirror = mirror

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            if self.mirror:
                images = _mirrored(images, torch.rand(len(images)) < 0.5)
            images = _moved(images, torch.randint(0, 7, (2, len(images))).T, 3, "replicate")
        return self.model(images)


def _mirrored(images: Tensor, which: Tensor) -> Tensor:
    return torch.where(which[:, None, None, None], images.flip(-1), images)


def _moved(images: Tensor, offsets: Tensor, reach: int, border: str = "constant") -> Tensor:
    """Images with a wider border, cut out again `offsets` [batch, 2] pixels from its top and its left."""
    height, width = images.shape[2:]
    wide = functional.pad(images, (reach,) * 4, mode=border)
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = offsets[:, 1:] + torch.arange(width, device=images.device)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return wide.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _grid(images: Tensor, angle: Tensor, scale: Tensor, x: Tensor | float = 0.0, y: Tensor | float = 0.0) -> Tensor:
    """Where each pixel of turned, scaled and moved images comes from, with images from −1 to 1."""
    cos, sin, still = scale * angle.cos(), scale * angle.sin(), torch.zeros_like(angle)
    matrices = torch.stack([cos, -sin, still + x, sin, cos, still + y], 1).view(-1, 2, 3)
    return functional.affine_grid(matrices, list(images.shape), align_corners=False)
