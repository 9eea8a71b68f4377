"""Neurons with synapses among each other, and time constants that are trained."""

import math

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded
from course_utils.spiking.norse_cells import spike


class RecurrentLIF(nn.Module):
    """LIF neurons with synapses among each other, and time constants that are trained (the lesson derives them).

    i_t = λ_syn i_(t−1) + input_t + W_rec s_(t−1), and v_t = λ_mem v_(t−1) (1 − s_(t−1)) + (1 − λ_mem) i_t. A neuron
    spikes above 1 and is reset to 0. λ = exp(−Δt/τ) with Δt = 1 ms, and τ of 10 and 5 ms to begin with.
    ln τ is what is trained, so τ stays above 0. If they are not `recurrent`, there is no W_rec; if they are not
    `learnable`, all time constants stay as they are.
    """

    @guarded
    def __init__(self, neurons: int, *, recurrent: bool = True, learnable: bool = True):
        super().__init__()
        self.recurrent = nn.Linear(neurons, neurons, bias=False) if recurrent else None
        for name, tau_ms in {"log_tau_mem": 10.0, "log_tau_syn": 5.0}.items():
            value = torch.full((neurons,), math.log(tau_ms))
            if learnable:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    @guarded
    def forward(self, inputs: Tensor) -> Tensor:
        """Spikes [time, batch, neurons] for inputs of that shape, from rest."""
        decay_mem, decay_syn = (torch.exp(-1 / log_tau.exp()) for log_tau in (self.log_tau_mem, self.log_tau_syn))
        i = v = s = torch.zeros_like(inputs[0])
        spikes = []
        for now in inputs:
            i = decay_syn * i + now
            if self.recurrent is not None:
                i = i + self.recurrent(s)
            v = decay_mem * v * (1 - s) + (1 - decay_mem) * i
            s = spike(v - 1)
            spikes.append(s)
        return torch.stack(spikes)
