"""The fifth stripe model for tests of chips: awake, with a sum pool and a readout that says something."""

import torch
from torch import Tensor

from course_utils.data.stripes import make_stripes
from course_utils.spiking.li_readout import LIReadout, awaken

DRAWN = make_stripes(24, seed=0)
IMAGES = torch.tensor(DRAWN.images)[:, None].float() / 255
LABELS = torch.tensor(DRAWN.labels)


@torch.no_grad()
def fifth(images: Tensor = IMAGES, gain: float = 6.0, **options: object) -> LIReadout:
    """In the type of the images."""
    torch.manual_seed(0)
    model = awaken(LIReadout(**{"pool": "sum"} | options).to(images.dtype), images, gain)
    model.linear.weight.normal_(0, 0.05)
    model.linear.bias.normal_(0, 0.05)
    return model
