"""Deep networks of spiking neurons, and how large their error is in each layer (the lesson derives all of this).

    u_t = λ v_(t−1) + (1 − λ) I_t      integrate
    s_t = 1 where u_t > 1              spike
    v_t = u_t − s_t                    reset by subtraction; no error flows back through it

Source of the question: E. Ledinauskas et al., "Training Deep Spiking Neural Networks" (2020), arXiv:2006.04436.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.neurons import decay
from course_utils.spiking.spikes import each_step, heaviside
from course_utils.spiking.surrogates import Slope, Surrogate

DRIVE = 2.5  # standard deviation of the currents to begin with, in units of the threshold


class _Neurons(torch.autograd.Function):
    """`run_lif`, backwards by hand: a deep network spends half of its time here, and steps in place cost a third."""

    @staticmethod
    def forward(ctx, current: Tensor, slope: Slope | None, decay_mem: float) -> tuple[Tensor, Tensor]:
        scaled = (1 - decay_mem) * current
        spikes, potentials = torch.empty_like(scaled), torch.empty_like(scaled)
        v = torch.zeros_like(scaled[0])
        for now, u, s in zip(scaled, potentials, spikes, strict=True):
            torch.add(v.mul_(decay_mem), now, out=u)
            torch.gt(u, 1, out=s)
            torch.sub(u, s, out=v)
        ctx.save_for_backward(potentials)
        ctx.slope, ctx.decay_mem = slope, decay_mem
        ctx.set_materialize_grads(False)
        return spikes, potentials

    @staticmethod
    def backward(ctx, at_spikes: Tensor | None, at_u: Tensor | None) -> tuple[Tensor | None, None, None]:
        (potentials,) = ctx.saved_tensors
        error = torch.zeros_like(potentials) if at_u is None else at_u.clone()
        if at_spikes is not None and ctx.slope is not None:
            error.addcmul_(at_spikes, ctx.slope(potentials - 1))
        for t in range(len(error) - 1, 0, -1):
            error[t - 1].add_(error[t], alpha=ctx.decay_mem)
        return error.mul_(1 - ctx.decay_mem), None, None


class Hidden(NamedTuple):
    """What one hidden layer did, [time, batch, neurons] each."""

    spikes: Tensor  # 0 or 1
    u: Tensor  # membrane potentials before the reset


def run_lif(current: Tensor, spike: Callable[[Tensor], Tensor], decay_mem: float) -> Hidden:
    """LIF neurons with threshold 1 and subtractive reset, for currents [time, …] and a membrane's λ.

    The spikes are those of `LIF(reset="subtract")`. No error flows back through the reset, nor through spikes where
    `spike` is no `Surrogate`, but `heaviside`.
    """
    return Hidden(*_Neurons.apply(current, spike.slope if isinstance(spike, Surrogate) else None, decay_mem))


class DeepLIF(nn.Module):
    """A deep spiking network: `depth` times weights, batch norm if wanted, LIF neurons; then a readout that adds up.

    The image is a constant current. Batch norm sits between the weights and the neurons. It takes mean and variance of
    each neuron's current over the batch and all time steps together. Until `awaken` scales them, weights are normal
    with variance 1/fan-in.

    It has `depth` hidden layers of `width` neurons for 64 pixels and 10 classes, and `steps` time steps of 1 ms; each 1
    or more.
    """

    @guarded
    def __init__(
        self,
        depth: int,
        spike: Callable[[Tensor], Tensor],
        *,
        batch_norm: bool = False,
        width: int = 256,
        steps: int = 6,
        tau_mem_ms: float = 2.0,
        seed: int = 0,
    ):
        super().__init__()
        require_whole(depth=(depth, 1), width=(width, 1), steps=(steps, 1))
        self.spike, self.steps, self.decay = spike, steps, decay(tau_mem_ms, dt_ms=1.0)
        self.weights = nn.ModuleList(nn.Linear(width if layer else 64, width) for layer in range(depth))
        self.readout = nn.Linear(width, 10)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) if batch_norm else nn.Identity() for _ in self.weights)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for linear in (*self.weights, self.readout):
                linear.weight.normal_(0, linear.in_features**-0.5, generator=generator)
                linear.bias.zero_()
            for norm in self.norms if batch_norm else ():
                norm.weight.fill_(DRIVE)

    @guarded
    def hidden(self, images: Tensor) -> list[Hidden]:
        """Spikes and potentials of every hidden layer, for images [batch, inputs]."""
        layers: list[Hidden] = []
        for linear, norm in zip(self.weights, self.norms, strict=True):
            if layers:
                current = each_step(nn.Sequential(linear, norm), layers[-1].spikes)
            else:
                current = norm(linear(images)).expand(self.steps, -1, -1)  # the same at every step: computed once
            layers.append(run_lif(current, self.spike, self.decay))
        return layers

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        return self.readout(self.hidden(images)[-1].spikes).mean(0)

    @guarded
    @torch.no_grad()
    def awaken(self, images: Tensor) -> "DeepLIF":
        """Scale the weights layer by layer until the currents vary by `DRIVE` for these images; returns the network."""
        spikes = images
        for linear in self.weights:
            current = linear(spikes)
            scale = DRIVE / current.std()
            linear.weight.mul_(scale)
            current = (scale * current).expand(self.steps, -1, -1) if spikes is images else scale * current
            spikes, _ = run_lif(current, heaviside, self.decay)
        return self


@guarded
def error_norms(model: DeepLIF, images: Tensor, labels: Tensor) -> list[float]:
    """The norm of e, the cross-entropy's gradient with respect to a hidden layer's spikes; the first layer first.

    Batch norm is in training mode, as at a step of training; the model is left as it was.
    """
    model = copy.deepcopy(model).train()  # batch norm counts the images that it sees
    spikes = [layer.spikes for layer in model.hidden(images)]
    loss = nn.functional.cross_entropy(model.readout(spikes[-1]).mean(0), labels)
    return [error.norm().item() for error in torch.autograd.grad(loss, spikes)]


@guarded
def growth(norms: list[float]) -> float:
    """By which factor the error's norm changes in one layer on its way back: the geometric mean over all layers."""
    require(len(norms) >= 2, "number of norms", len(norms), "2 or more: only then an error travels")
    return (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))
