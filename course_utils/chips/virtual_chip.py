"""A virtual neuromorphic chip: the limits of BrainScaleS-2, one by one, for the fifth stripe model.

    chip = VirtualChip(model, Limits(weight_bits=6, threshold_mismatch=0.2), seed=3)
    scores = chip(images)

The chip's neurons are electrical circuits. They run 1000 times as fast as those of the course: a step of 1 ms here is
1 µs there. A seed is a chip: circuits that are drawn alike differ, and another seed differs otherwise. Without limits
the virtual chip is the model, spike for spike.

Figures: C. Pehle et al., "The BrainScaleS-2 accelerated neuromorphic system with hybrid plasticity", Frontiers in
Neuroscience 16:795876 (2022), and the public code of its software (hxtorch, calix, haldls).
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import Activity, spike
from course_utils.spiking.surrogates import straight_through

SPEED_UP = 1000
LEAK_LSB, THRESHOLD_LSB, RANGE_LSB = 80, 125, 255  # of the converter that reads membranes: where they rest, fire, end
LAYERS = ("hidden", "output")


def largest(bits: int) -> int:
    """The largest weight of that many bits, 2 or more; the sign comes on top. 63 for the chip's 6."""
    require_whole(weight_bits=(bits, 2))
    return 2**bits - 1


def round_half_away(x: Tensor) -> Tensor:
    """To the nearest whole number, halves away from zero, as the chip's software does; PyTorch's goes to even ones."""
    return x.sign() * (x.abs() + 0.5).floor()


def to_integers(weight: Tensor, scale: float, bits: int = 6) -> Tensor:
    """Weights of any shape as the chip holds them, −63 to 63: clamp(round(scale · weight)).

    Differentiable as if it did not round, with gradient 0 where it clamps.

    Args:
        weight: finite.
        scale: what one unit of weight is on the chip, above 0.
        bits: of a weight without its sign, 2 or more.
    """
    limit = largest(bits)
    require(0 < scale < math.inf, "scale", scale, "above 0")
    check_finite(weight=weight)
    scaled = weight * scale
    free = scaled.detach().abs() <= limit  # `clamp` would also stop the gradient where the limit is just met
    return straight_through(round_half_away(scaled).clamp(-limit, limit), free * scaled)


def check_finite(**weights: Tensor) -> None:
    """Refuse weights that are not finite floating-point numbers, by their names."""
    for name, values in weights.items():
        require(values.is_floating_point(), f"dtype of {name}", values.dtype, "a floating-point one")
        if values.is_meta:
            raise ValueError(f"{name} lies on the device meta, where there are no numbers; move it")
        if not values.isfinite().all():
            raise ValueError(f"{name} holds {int((~values.isfinite()).sum())} numbers that are not finite")


def fitting_scale(weight: Tensor, bits: int = 6) -> float:
    """The scale at which the largest weight is just the chip's largest; 1 if all are zero, or next to it."""
    check_finite(weight=weight)
    require(weight.numel() > 0, "number of weights", 0, "1 or more")
    top = weight.detach().abs().max().item()
    return largest(bits) / top if top > 1e-30 else 1.0


def to_lsb(v: Tensor, threshold_lsb: float = THRESHOLD_LSB) -> Tensor:
    """Potentials in units of the threshold, from rest, as the converter counts: rest at 80, threshold at 125."""
    return LEAK_LSB + (threshold_lsb - LEAK_LSB) * v


def from_lsb(lsb: Tensor | float, threshold_lsb: float = THRESHOLD_LSB) -> Tensor | float:
    """What the converter's numbers are in units of the threshold, from rest."""
    return (lsb - LEAK_LSB) / (threshold_lsb - LEAK_LSB)


def clipped(v: Tensor, threshold_lsb: float = THRESHOLD_LSB) -> Tensor:
    """Potentials kept within the circuit's range, 0 to 255 LSB. They stay analog: nothing is rounded."""
    return v.clamp(from_lsb(0, threshold_lsb), from_lsb(RANGE_LSB, threshold_lsb))


def converted(v: Tensor, threshold_lsb: float = THRESHOLD_LSB) -> Tensor:
    """What the 8-bit converter says of potentials: whole numbers, 0 to 255."""
    return round_half_away(to_lsb(v, threshold_lsb)).clamp(0, RANGE_LSB)


@dataclass(frozen=True)
class Limits:
    """What a chip imposes. Without arguments: nothing.

    Each mismatch is the standard deviation of the factor by which something differs from what was asked for; 0 to below
    1. Times are in µs of the chip.
    """

    weight_bits: int | None = None  # of a weight without its sign, 2 or more; None leaves weights as they are
    clip: bool = False  # whether membranes end at the circuits' range
    converter: bool = False  # whether the readout is what the 8-bit converter says of the output neurons
    sample_us: float = 1.0  # from one sample of the converter to the next, 1 or more; one takes about 1.7 µs at best
    threshold_mismatch: float = 0.0
    tau_mismatch: float = 0.0  # of membrane and synapse, each its own
    weight_mismatch: float = 0.0  # of synapses
    gain_mismatch: float = 0.0  # of a neuron's synaptic input
    noise: float = 0.0  # standard deviation of what is added to a membrane at every step, in units of the threshold
    readout_noise_lsb: float = 0.0  # the same for a sample of the converter
    events_per_us: int | None = None  # spikes of the hidden layer that get through in 1 µs, in their neurons' order
    threshold_lsb: float = THRESHOLD_LSB  # above rest and up to 220: how many LSB one unit of a potential is
    reset_lsb: float = LEAK_LSB  # where a spike leaves the membrane, 50 to 160 and below the threshold
    refractory_us: float = 0.0  # how long a spike holds it there, rounded to steps of 1 µs; up to 32

    def __post_init__(self):
        for name, value in vars(self).items():
            if name.endswith("_mismatch"):
                require(0 <= value < 1, name, value, "at least 0 and below 1")
            if "noise" in name:
                require(0 <= value < math.inf, name, value, "0 or more")
            if value is not None and name in ("weight_bits", "events_per_us"):
                require_whole(**{name: (value, 2 if name == "weight_bits" else 1)})
        require(1 <= self.sample_us < math.inf, "sample_us", self.sample_us, "one step, 1 µs, or more")
        require(LEAK_LSB < self.threshold_lsb <= 220, "threshold_lsb", self.threshold_lsb, "above 80, up to 220")
        below = f"50 to 160 and below the threshold, {self.threshold_lsb}"
        require(50 <= self.reset_lsb <= min(160, self.threshold_lsb - 1), "reset_lsb", self.reset_lsb, below)
        require(0 <= self.refractory_us <= 32, "refractory_us", self.refractory_us, "0 to 32")


NO_LIMITS = Limits()
BRAINSCALES = Limits(weight_bits=6, clip=True, converter=True, sample_us=2.0)
NIGHTLY = replace(BRAINSCALES, reset_lsb=70, refractory_us=2.0)  # calix's target "spiking", but for its τ_syn of 10 µs
AS_READ = replace(BRAINSCALES, threshold_lsb=150, refractory_us=1.0)  # what hxtorch's reader of NIR asks for


class Settings(NamedTuple):
    """What the circuits of a layer are asked for, in multiples of the model's values; one for all, or one for each."""

    threshold: Tensor
    tau_mem: Tensor
    tau_syn: Tensor
    gain: Tensor


class Circuits(NamedTuple):
    """Neurons of a layer as the chip has them, a number for all or one for each: the threshold in units of the model's,
    Δt/τ of membrane and synaptic current, and the gain of the synaptic input."""

    threshold: Tensor
    step_mem: Tensor
    step_syn: Tensor
    gain: Tensor


class Seen(NamedTuple):
    """What a chip shows of a run, [time, batch, …] each."""

    inputs: Tensor  # spikes that were sent to it
    hidden: Tensor  # spikes of the hidden neurons that came out of it
    membranes: Tensor  # of the hidden neurons, as the converter tells them, in units of the threshold
    readout: Tensor  # of the output neurons, likewise


def neuron_counts(model: LIReadout) -> dict[str, int]:
    """Neurons of each layer of the fifth model: one for every place of a feature map, and the outputs."""
    return {"hidden": model.conv.out_channels * 13 * 13, "output": model.linear.out_features}


def cell_of(model: LIReadout, layer: str) -> nn.Module:
    """Norse's neurons of a layer."""
    return model.lif if layer == "hidden" else model.li


@guarded
def rates_of(cell: nn.Module) -> tuple[float, float]:
    """Δt/τ of the membrane and of the synaptic current of Norse's neurons."""
    return float(cell.dt * cell.p.tau_mem_inv), float(cell.dt * cell.p.tau_syn_inv)


def euler(v: Tensor, i: Tensor, current: Tensor, step_mem: Tensor, step_syn: Tensor) -> tuple[Tensor, Tensor]:
    """Norse's step of membrane and synaptic current, each by its Δt/τ: the input acts at once, then decays."""
    i = i + current
    return v + step_mem * (i - v), i - step_syn * i


@guarded
def fold_pool(model: LIReadout) -> Tensor:
    """One weight of the readout for each hidden neuron, [outputs, hidden]: a pool that adds up is in them.

    Raises:
        ValueError: the pool is a maximum, which no synapse can take.
    """
    if isinstance(model.pool, nn.MaxPool2d):
        raise ValueError(
            "the model's pool is a maximum; synapses add up, and in continuous time no two spikes share a step. "
            'Train the model with pool="sum"'
        )
    maps, outputs = model.conv.out_channels, model.linear.out_features
    pooled = model.linear.weight.unflatten(1, (maps, 12, 12)).flatten(0, 1)[:, None]
    spread = functional.conv_transpose2d(pooled, pooled.new_ones(1, 1, 2, 2))
    return spread.unflatten(0, (outputs, maps)).flatten(1)


class VirtualChip(nn.Module):
    """The fifth model on a chip. Its weights are the model's own, so that training the chip trains the model.

    Every place of a feature map is a neuron with 16 synapses of its own. A sum over 2×2 neighbours is linear, and so
    is what follows: both become one weight for each hidden neuron, and the chip needs no pool. Weights that are not
    finite are refused at a run.

    Args:
        model: with a pool that adds up.
        limits: of the chip.
        seed: which chip.

    Attributes:
        settings: of the layers "hidden" and "output"; a calibration changes them.
    """

    @guarded
    def __init__(self, model: LIReadout, limits: Limits = NO_LIMITS, seed: int = 0):
        super().__init__()
        fold_pool(model)  # refuses a maximum
        self.model, self.limits, self.seed = model, limits, seed
        generator, counts = torch.Generator().manual_seed(seed), neuron_counts(model)

        def factors(mismatch: float, *shape: int) -> Tensor:
            """Around 1, each drawn for itself; none is below a twentieth, for no circuit runs backwards."""
            deviations = torch.randn(shape, generator=generator)  # drawn at any mismatch: a seed stays the same chip
            return (1 + mismatch * deviations).clamp(min=0.05) if mismatch else torch.ones(())

        hidden_shape = model.conv.out_channels, 13 * 13, 16
        self.register_buffer("hidden_synapses", factors(limits.weight_mismatch, *hidden_shape))
        self.register_buffer("output_synapses", factors(limits.weight_mismatch, *reversed(counts.values())))
        mismatches = (limits.threshold_mismatch, limits.tau_mismatch, limits.tau_mismatch)
        drawn = {layer: [factors(each, counts[layer]) for each in mismatches] for layer in LAYERS}
        # how much each circuit differs from what it is asked for; nobody outside can read this
        self._drawn = {layer: Settings(*drawn[layer], factors(limits.gain_mismatch, counts[layer])) for layer in LAYERS}
        self.settings = {layer: Settings(*torch.ones(4).unbind()) for layer in LAYERS}

    def _circuits(self, layer: str) -> Circuits:
        """What the settings make of the circuits. Output neurons have no threshold."""
        cell, deviations = cell_of(self.model, layer), zip(self.settings[layer], self._drawn[layer], strict=True)
        threshold, tau_mem, tau_syn, gain = (setting * drawn for setting, drawn in deviations)
        asked = float(cell.p.v_th) if layer == "hidden" else math.inf
        steps = (cell.dt * cell.p.tau_mem_inv / tau_mem, cell.dt * cell.p.tau_syn_inv / tau_syn)
        return Circuits(asked * threshold, *steps, gain)

    def with_tau_syn(self, tau_syn_us: float) -> "VirtualChip":
        """This chip, with synapses of both layers asked for another time constant, in µs of the chip."""
        for layer in LAYERS:
            asked = tau_syn_us * SPEED_UP / 1e6 * float(cell_of(self.model, layer).p.tau_syn_inv)
            self.settings[layer] = self.settings[layer]._replace(tau_syn=torch.tensor(asked))
        return self

    def on_chip(self, weight: Tensor) -> Tensor:
        """A layer's weights as the chip's bits let them be, in the model's units."""
        bits = self.limits.weight_bits
        if bits is None:
            check_finite(weight=weight)
            return weight
        scale = fitting_scale(weight, bits)
        return to_integers(weight, scale, bits) / scale

    def folded(self) -> Tensor:
        """The readout's weights as `fold_pool` makes them."""
        return fold_pool(self.model)

    @guarded
    def activity(self, images: Tensor) -> Activity:
        """Inputs, hidden spikes and readout at every step; the readout in units of the threshold, as the chip tells it.

        The noise comes from PyTorch's generator: a run differs from the next, as on a chip.
        """
        inputs, hidden, _, readout = self._through(images)
        return Activity(inputs, hidden.unflatten(2, (-1, 13, 13)), self._read(readout))

    @guarded
    @torch.no_grad()
    def see(self, images: Tensor) -> Seen:
        """What the chip shows of a run, and no more."""
        inputs, hidden, membranes, readout = self._through(images)
        return Seen(inputs, hidden, self._read(membranes), self._read(readout))

    @guarded
    @torch.no_grad()
    def inject(self, layer: str, currents: Tensor, synapses: bool = False) -> tuple[Tensor, Tensor]:
        """A current of known size into every neuron of a layer, [time]: spikes and samples, [time, neurons] each.

        For a measurement on the bench. With `synapses` the current comes through all synapses of a neuron at once, each
        with the same weight, and through the gain of its input; else no synapse takes part. Samples as of `see`.
        """
        require(layer in LAYERS, "layer", layer, f"one of {', '.join(LAYERS)}")
        require(currents.dim() == 1 and len(currents) > 0, "shape of currents", tuple(currents.shape), "[time]")
        count, circuits = neuron_counts(self.model)[layer], self._circuits(layer)
        currents = currents[:, None, None].expand(-1, 1, count)
        if synapses:
            factors = self.hidden_synapses if layer == "hidden" else self.output_synapses
            mean = factors.mean(-1).flatten() if factors.dim() else factors
            currents = currents * circuits.gain * mean
        spikes, potentials = self._run(currents, circuits)
        return spikes[:, 0], self._read(potentials)[:, 0]

    def _through(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs, hidden spikes that got through, potentials of both layers as they are, [time, batch, …] each."""
        shape = tuple(images.shape)
        require(shape[1:] == (1, 16, 16), "shape of images", shape, "[batch, 1, 16, 16]")
        model = self.model
        inputs = model.encode(images)
        windows = functional.unfold(inputs.flatten(0, 1), 4)  # [time · batch, 16, 169]
        synapses = self.on_chip(model.conv.weight.flatten(1))[:, None] * self.hidden_synapses
        currents = torch.einsum("bip,mpi->bmp", windows, synapses.expand(-1, windows.shape[2], -1))
        hidden, output = map(self._circuits, LAYERS)
        bias = model.conv.bias.repeat_interleave(windows.shape[2])
        currents = (currents.flatten(1) * hidden.gain + bias).unflatten(0, inputs.shape[:2])
        spikes, membranes = self._run(currents, hidden)
        arrived = self._through_the_router(spikes)
        weights = self.on_chip(self.folded()) * self.output_synapses
        _, readout = self._run(arrived @ weights.T * output.gain + model.linear.bias, output)
        return inputs, arrived, membranes, readout

    def forward(self, images: Tensor) -> Tensor:
        """Scores [batch, classes], as of the model."""
        return self.model.scores(self.activity(images).readout)

    def _run(self, currents: Tensor, circuits: Circuits) -> tuple[Tensor, Tensor]:
        """Spikes and potentials [time, batch, neurons] of these circuits, from rest; Euler's step, as Norse's."""
        limits = self.limits
        reset, held = from_lsb(limits.reset_lsb, limits.threshold_lsb), round(limits.refractory_us)
        v = i = left = torch.zeros_like(currents[0])  # left: steps of the refractory time
        spikes, potentials = [], []
        for current in currents:
            v, i = euler(v, i, current, circuits.step_mem, circuits.step_syn)
            if limits.noise:
                v = v + limits.noise * torch.randn_like(v)
            if limits.clip:
                v = clipped(v, limits.threshold_lsb)
            if held:
                v = torch.where(left > 0, reset, v)
            s = spike(v - circuits.threshold)
            potentials.append(v)
            spikes.append(s)
            v = (1 - s) * v + s * reset
            if held:
                left = torch.where(s > 0, held, left - 1)
        return torch.stack(spikes), torch.stack(potentials)

    def _through_the_router(self, spikes: Tensor) -> Tensor:
        """The first ones of each step, in the order of the neurons; the rest is lost."""
        if self.limits.events_per_us is None:
            return spikes
        return spikes * (spikes.detach().cumsum(-1) <= self.limits.events_per_us)

    def held(self, potentials: Tensor) -> Tensor:
        """Potentials [time, …] at the moments of the samples, each held until the next one."""
        steps = torch.arange(len(potentials))
        return potentials[((steps / self.limits.sample_us).floor() * self.limits.sample_us).long()]

    def _read(self, potentials: Tensor) -> Tensor:
        """What the converter says of potentials [time, …], with the gradient of what was there."""
        limits, at = self.limits, self.limits.threshold_lsb
        potentials = self.held(potentials)
        if not limits.converter:
            return potentials
        noise = limits.readout_noise_lsb * torch.randn_like(potentials) if limits.readout_noise_lsb else 0.0
        said = from_lsb(converted(potentials + noise / (at - LEAK_LSB), at), at)
        return potentials + (said - potentials).detach()
