"""The spiking pool and the residual block of deep networks; the other layers stand in `layers`.

Source: C. Lee et al., 2020, as there.
"""

from dataclasses import replace

from torch import Tensor, nn

from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import NEURON, SpikingNeurons, Timed
from course_utils.spiking.spikes import each_step

POOL_THRESHOLD = 0.75


class SpikingAvgPool(SpikingNeurons):
    """The mean of 2×2 spikes drives an IF neuron, whose spike is the pool's.

    Above a threshold of 0.75 it takes four spikes in one step, or fewer that add up: what is left of the potential is
    carried over to the next step, without leak. The reset is to zero, so what exceeds the threshold is lost. Its
    gradient is that of any other neuron, with the surrogate of the one that is given. An odd last row or column is left
    out.
    """

    def __init__(self, neuron: Neuron = NEURON):
        super().__init__(replace(neuron, decay=1.0, threshold=POOL_THRESHOLD))

    def forward(self, spikes: Tensor, keys: Tensor | None = None) -> Tensor:
        """Spikes [time, batch, channels, height, width] to [time, batch, channels, height // 2, width // 2]."""
        return super().forward(means_of_4(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2]))


def means_of_4(maps: Tensor) -> Tensor:
    """Means of 2×2 places [maps, channels, height, width], without an odd last row or column: PyTorch's `avg_pool2d`,
    which goes from window to window and takes twice as long, as sums of every second row and column."""
    height, width = (side // 2 * 2 for side in maps.shape[2:])
    rows = maps[..., 0:height:2, :width] + maps[..., 1:height:2, :width]
    return (rows[..., 0::2] + rows[..., 1::2]) * 0.25


class Subsample(nn.Module):
    """The skip that has no weights: every stride-th row and column of [batch, channels, height, width]."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :: self.stride, :: self.stride]


class ResidualBlock(Timed):
    """A path of ordinary layers and neurons that ends in currents, and an ordinary layer that skips it; their currents
    are added, and both end in the same neurons."""

    def __init__(self, path: nn.Sequential, skip: nn.Module, neurons: SpikingNeurons):
        super().__init__()
        self.path, self.skip, self.neurons = path, skip, neurons

    def forward(self, x: Tensor, keys: Tensor | None = None) -> Tensor:
        y = x
        for layer in self.path:
            y = layer(y, keys) if isinstance(layer, Timed) else each_step(layer, y)
        return self.neurons(y + each_step(self.skip, x), keys)
