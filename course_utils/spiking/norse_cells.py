"""Neurons of Norse, run through time.

They have its default time constants (membrane 10 ms, synapse 5 ms, a step of 1 ms).
"""

from typing import NamedTuple

import norse.torch as norse
import torch
from norse.torch.functional.threshold import threshold
from torch import Tensor, nn

from course_utils.spiking.gradients import Neuron, lif


def over_time(cell: nn.Module, inputs: Tensor) -> Tensor:
    """Neurons of Norse run from rest through the steps of [time, batch, …]; their outputs at every step.

    `LIFCell` and `LICell` are run by `gradients.lif`, quicker and with the same outputs, bit for bit; a cell that is
    watched by a hook, and any other cell, is called at every step.
    """
    if not (cell._forward_hooks or cell._forward_pre_hooks) and (neuron := as_neuron(cell)):
        return lif(inputs, neuron)
    state, outputs = None, []
    for now in inputs:
        output, state = cell(now, state)
        outputs.append(output)
    return torch.stack(outputs)


def as_neuron(cell: nn.Module) -> Neuron | None:
    """What `gradients` calls a cell of Norse; None if it is no cell that rests at 0, is reset to 0 and has one fixed
    number for each parameter."""
    if type(cell) not in (norse.LIFCell, norse.LICell):
        return None
    given = cell.p._asdict()
    values = {name: torch.as_tensor(value) for name, value in given.items() if name not in ("method", "alpha")}
    if any(value.numel() > 1 or value.requires_grad for value in values.values()):
        return None
    decay, decay_syn = (1 - float(cell.dt * values[name]) for name in ("tau_mem_inv", "tau_syn_inv"))
    threshold = float(values["v_th"]) if "v_th" in values else None
    usual = values["v_leak"] == values.get("v_reset", 0) == 0 and given.get("method", "super") == "super"
    usual = usual and 0 < decay <= 1 and 0 < decay_syn <= 1 and (threshold is None or threshold > 0)
    return Neuron(decay, threshold, decay_syn=decay_syn, scaled=True) if usual else None


def spike(v: Tensor) -> Tensor:
    """1 where v is above 0, else 0; backwards Norse's SuperSpike surrogate 1/(1 + |v|)² (`surrogates.superspike`)."""
    return threshold(v, "super", 1.0)  # Norse 1.1 does not use the last argument


class Activity(NamedTuple):
    """What a network did, [time, batch, …] each."""

    inputs: Tensor  # what entered it
    hidden: Tensor  # spikes of its hidden layer
    readout: Tensor  # membrane potentials of its output neurons
