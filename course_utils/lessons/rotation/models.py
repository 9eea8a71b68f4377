"""The network of the lesson on rotation: which way do stripes turn?"""

import norse.torch as norse
import torch
from torch import Tensor, nn

from course_utils.data.require import guarded
from course_utils.spiking.neurons import LI
from course_utils.spiking.norse_cells import Activity, over_time
from course_utils.spiking.recurrent import RecurrentLIF
from course_utils.spiking.spikes import each_step


class RotationNet(nn.Module):
    """Which way do the stripes turn? Features of each frame, neurons that remember, one leaky integrator.

    A convolution and LIF neurons look for pieces of stripes. How many spike in a feature map says how the stripes lie
    in this frame. Recurrent LIF neurons see this change, and a leaky integrator answers: its mean potential is above 0
    for counter-clockwise. The potential of that one neuron is the score of class 1; class 0 has the score 0. For what
    is recurrent and learnable see `RecurrentLIF`.
    """

    GREY = 1.5  # brightness of plain grey, with the noise's mean
    DRIVE = 20.0  # current of a feature map in which every neuron spikes
    READOUT = LI(tau_mem_ms=20.0)
    GAIN = 10.0  # score of a mean potential of 1

    def __init__(self, *, recurrent: bool = True, learnable: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 5, stride=2)
        self.lif = norse.LIFCell()
        self.linear = nn.Linear(12, 64)
        self.memory = RecurrentLIF(64, recurrent=recurrent, learnable=learnable)
        self.out = nn.Linear(64, 1)
        with torch.no_grad():
            self.conv.weight.sub_(self.conv.weight.mean((1, 2, 3), keepdim=True)).mul_(3)
            nn.init.zeros_(self.conv.bias)
            if recurrent:
                self.memory.recurrent.weight.mul_(0.5)

    @guarded
    def activity(self, images: Tensor) -> Activity:
        """Inputs, spikes of the neurons that remember, and the output potential at every step, for trials
        [batch, 1, time, size, size], 0 to 1; a time step a frame."""
        inputs = 10 * images.movedim(2, 0) - self.GREY  # brightness around grey is the input current
        features = over_time(self.lif, each_step(self.conv, inputs)).mean((3, 4))
        hidden = self.memory(each_step(self.linear, self.DRIVE * features))
        return Activity(inputs, hidden, self.READOUT.run(each_step(self.out, hidden)))

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        score = self.GAIN * self.activity(images).readout.mean(0)
        return torch.cat((torch.zeros_like(score), score), dim=1)
