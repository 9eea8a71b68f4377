"""Three ways to live with a chip whose circuits differ: calibrate it, train with it in the loop, or train for any chip.

All three see only what a chip shows: spikes, and what its 8-bit converter says of membranes. What was drawn for the
chip's circuits stays its own. Only `AnyChip` looks into chips, for it draws them itself, and never meets one twice.

Training in the loop follows B. Cramer et al., "Surrogate gradients for analog neuromorphic computing", PNAS 119(4):
e2109194119 (2022): the chip computes the forward pass, the model the gradient, at the membranes that the chip showed.
"""

import itertools

import torch
from torch import Tensor, nn

from course_utils.chips.virtual_chip import LAYERS, Limits, Seen, VirtualChip, cell_of, euler, rates_of
from course_utils.data.require import guarded, require_whole
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import over_time, spike
from course_utils.spiking.surrogates import straight_through

FIRST_CHIP = 10_000  # seed of the first of `AnyChip`
FACTORS = torch.logspace(-0.5, 0.5, 101, dtype=torch.float64)  # time constants from a third to three times the model's


def calibrate(chip: VirtualChip, repeats: int = 20, *, gains: bool = False) -> VirtualChip:
    """Measure every circuit of a chip, and change its settings until it does what was asked for; returns the chip.

    Time constants come first. A small current is switched on and off; the samples of the membrane are compared with
    what circuits of 101 × 101 pairs of time constants would show, and the nearest pair is taken. Then, if asked for,
    the gain of the synaptic input: the same current, through all synapses of a neuron. At last the threshold: a
    current that grows slowly, and the sample at the first spike. All of it several times, for the noise. Single
    synapses stay as they are: they cannot be set finer than their bits.

    Args:
        chip: with any limits; its settings are changed.
        repeats: measurements of each kind, 1 or more.
        gains: whether the synaptic inputs are calibrated, too, as the chip's own software does.
    """
    require_whole(repeats=(repeats, 1))
    for layer in LAYERS:
        for _ in range(2):  # the second time close to what was asked for, where a measurement is best
            tau_mem, tau_syn = _time_constants(chip, layer, repeats)
            old = chip.settings[layer]
            chip.settings[layer] = old._replace(tau_mem=old.tau_mem / tau_mem, tau_syn=old.tau_syn / tau_syn)
        if gains:
            old = chip.settings[layer]
            chip.settings[layer] = old._replace(gain=old.gain / _gains(chip, layer, repeats))
    old = chip.settings["hidden"]
    chip.settings["hidden"] = old._replace(threshold=old.threshold / _thresholds(chip, repeats))
    return chip


@guarded
def pulse_of(step_syn: float) -> Tensor:
    """A current [time] that is switched on, and off after 40 steps. It ends at twice the threshold, or, for the slowest
    synapses, at 3.9, the end of the range."""
    return torch.cat((torch.full((40,), 2 * step_syn), torch.zeros(40)))


def _shown(chip: VirtualChip, layer: str, repeats: int, synapses: bool = False) -> Tensor:
    """Samples [time, neurons] of a current that is switched on and off, mean of several; no threshold is in the way."""
    _, step_syn = rates_of(cell_of(chip.model, layer))
    pulse, asked = pulse_of(step_syn), chip.settings[layer]
    chip.settings[layer] = asked._replace(threshold=torch.tensor(20.0))
    shown = torch.stack([chip.inject(layer, pulse, synapses)[1] for _ in range(repeats)]).mean(0)
    chip.settings[layer] = asked
    return shown


def _gains(chip: VirtualChip, layer: str, repeats: int) -> Tensor:
    """What a current does through the synapses, in multiples of what it does without them, [neurons]."""
    through, direct = (_shown(chip, layer, repeats, synapses) for synapses in (True, False))
    return (through * direct).sum(0) / direct.square().sum(0)


def _time_constants(chip: VirtualChip, layer: str, repeats: int) -> tuple[Tensor, Tensor]:
    """Time constants of membrane and synapse, in multiples of the model's, [neurons] each."""
    step_mem, step_syn = rates_of(cell_of(chip.model, layer))
    shown = _shown(chip, layer, repeats).double()
    mem, syn = torch.cartesian_prod(step_mem / FACTORS, step_syn / FACTORS).T
    v = i = torch.zeros_like(mem)
    candidates = []
    for current in pulse_of(step_syn).double():
        v, i = euler(v, i, current, mem, syn)
        candidates.append(v)
    candidates = chip.held(torch.stack(candidates))
    nearest = torch.cdist(shown.T, candidates.T).argmin(1)
    return (step_mem / mem[nearest]).float(), (step_syn / syn[nearest]).float()


def _thresholds(chip: VirtualChip, repeats: int) -> Tensor:
    """Thresholds of the hidden neurons, in multiples of the model's, [neurons]."""
    cell = chip.model.lif
    slope = torch.linspace(0, 2, 400) * rates_of(cell)[1]  # half an LSB a step, and to twice the threshold
    found = []
    for _ in range(repeats):
        spikes, shown = chip.inject("hidden", slope)
        first = torch.where(spikes.any(0), spikes.argmax(0), len(slope) - 1)
        found.append(shown.gather(0, first[None])[0])
    return torch.stack(found).mean(0) / float(cell.p.v_th)


class InTheLoop(nn.Module):
    """A chip to train with: images to scores. The values are what the chip showed, the gradients those of the model.

    The model's neurons are run along. At every step their potentials and spikes are set to what the chip showed, so
    the surrogate's slope is taken where the chip's membrane was, as far as its converter could tell.
    """

    def __init__(self, chip: VirtualChip):
        super().__init__()
        self.chip = chip

    def forward(self, images: Tensor) -> Tensor:
        model, seen = self.chip.model, self.chip.see(images)
        kernels = self.chip.on_chip(model.conv.weight)
        currents = nn.functional.conv2d(seen.inputs.flatten(0, 1), kernels, model.conv.bias)
        hidden = _as_shown(currents.flatten(1).unflatten(0, seen.inputs.shape[:2]), seen, model)
        currents = hidden @ self.chip.on_chip(self.chip.folded()).T + model.linear.bias
        return model.scores(straight_through(seen.readout, over_time(model.li, currents)))


def _as_shown(currents: Tensor, seen: Seen, model: LIReadout) -> Tensor:
    """Hidden spikes that the chip showed, [time, batch, neurons], with the gradients of the model's neurons."""
    rates = rates_of(model.lif)
    v = i = torch.zeros_like(currents[0])
    spikes = []
    for current, membrane, fired in zip(currents, seen.membranes, seen.hidden, strict=True):
        v, i = euler(v, i, current, *rates)
        v = straight_through(membrane, v)
        s = straight_through(fired, spike(v - model.lif.p.v_th))
        spikes.append(s)
        v = (1 - s) * v
    return torch.stack(spikes)


class AnyChip(nn.Module):
    """A chip that is another one at every batch of a training: what is learned must not depend on the chip.

    Each batch meets the next seed, from 10,000 on; evaluation takes the first.
    """

    def __init__(self, model: LIReadout, limits: Limits):
        super().__init__()
        self.model, self.limits = model, limits
        self.seeds = itertools.count(FIRST_CHIP)

    def forward(self, images: Tensor) -> Tensor:
        seed = next(self.seeds) if self.training else FIRST_CHIP
        return VirtualChip(self.model, self.limits, seed)(images)
