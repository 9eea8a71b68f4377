"""Models 1 to 4 of the stripe networks; model 5 is `li_readout`.

Each maps images [batch, 1, size, size], 0 to 1, to scores [batch, classes]. They follow A. Kalogirou, "7 weeks in
EINC" (2025); a lesson builds and mends them. Their neurons are `norse_cells`.
"""

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require_whole
from course_utils.spiking import encoders
from course_utils.spiking.encoders import SCALE, STEPS, Encoder, stripe_input
from course_utils.spiking.norse_cells import over_time
from course_utils.spiking.ranges import at_least_0
from course_utils.spiking.row_conv import RowConv
from course_utils.spiking.spikes import each_step


class PoissonInput(nn.Module):
    """Poisson spikes with a random generator of its own, which is saved and restored with the network. The gain is the
    spike probability of a white pixel; that of any pixel is at most 1."""

    @guarded
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
