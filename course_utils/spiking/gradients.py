"""Three rules that send an error back through spiking layers, each written out by hand (lesson 10 derives them).

A layer maps spikes x [time, batch, …] through synapses to currents I_t = W x_t + b, and those to spikes:

    u_t = λ v_(t−1) + I_t        integrate, with the leak λ
    s_t = 1 where u_t > V_th     spike
    v_t = u_t (1 − s_t)          reset to zero

The output layer has no threshold; the network's answer is u_T / T. The loss is half the squared error, so the error
that enters the network from behind is e = answer − label.

* `Collapsed`: the rule as the papers print it. Time is summed out before anything is sent back.
* `Running`: the rule as its authors run it. Errors travel back step by step, without the leak.
* `Surrogate`: backpropagation through time, with a slope in place of the spike's missing one.

Nothing in their `backward` uses autograd. `TWINS` says the same with autograd and `detach`, and `audit` compares.

The thesis that this course follows (P. Tsoukas, 2023) retells the first rule as its equations 3.3 to 3.26; lesson 10
says which of them are misprinted.

Source: C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling spike-based backpropagation for training
deep neural network architectures", Frontiers in Neuroscience 14:119 (2020), and its public code.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from course_utils.spiking.neurons import heaviside


def fast_sigmoid_slope(x: Tensor) -> Tensor:
    """1 / (1 + |x|)²: the slope that Norse uses (F. Zenke and S. Ganguli, "SuperSpike", 2018)."""
    return x.abs().add_(1).pow_(-2)


class Spike(NamedTuple):
    """How u − V_th becomes a spike, and the slope that is used on the way back.

    Attributes:
        value: of u − V_th to 0 … 1.
        slope: of u − V_th; the derivative of `value`, or what stands in for it.
    """

    value: Callable[[Tensor], Tensor] = heaviside
    slope: Callable[[Tensor], Tensor] = fast_sigmoid_slope


def smooth_spike(steepness: float = 4.0) -> Spike:
    """A spike without a jump, 1/(1 + e^(−k x)), and its true slope: here finite differences can be a judge."""

    def slope(x: Tensor) -> Tensor:
        s = torch.sigmoid(steepness * x)
        return steepness * s * (1 - s)

    return Spike(lambda x: torch.sigmoid(steepness * x), slope)


@dataclass(frozen=True)
class Neuron:
    """What all neurons of a network share.

    Attributes:
        leak: λ, what one step leaves of a potential, above 0, at most 1 (1: no leak, an IF neuron).
        threshold: V_th, above 0.
        spike: only `Surrogate` reads its slope.
        corrected: whether `Collapsed` and `Running` correct for the leak. Without it they treat every neuron as IF.

    Raises:
        ValueError: `leak` or `threshold` is out of range.
    """

    leak: float = 0.9
    threshold: float = 1.0
    spike: Spike = field(default=Spike(), repr=False)
    corrected: bool = True

    def __post_init__(self):
        if not 0 < self.leak <= 1:
            raise ValueError(f"leak is {self.leak}; it must be above 0 and at most 1")
        if not 0 < self.threshold < math.inf:
            raise ValueError(f"threshold is {self.threshold}; it must be above 0")


class Trace(NamedTuple):
    """What the neurons of a layer did, [time, batch, …] each: spikes s, and potentials u before the reset."""

    s: Tensor
    u: Tensor


def simulate(currents: Tensor, neuron: Neuron) -> Trace:
    """Runs neurons from rest through currents [time, batch, …]."""
    u = torch.empty_like(currents)
    return Trace(_spikes(currents, neuron, u), u)


def _spikes(currents: Tensor, neuron: Neuron, u: Tensor) -> Tensor:
    """Spikes for currents [time, batch, …]; the potentials before the reset are left in u, whatever its memory is.

    Large tensors cost as much to allocate as to compute, so every step works in place. Spikes lie in memory as the
    currents of a step do, step after step, even where the currents are one step that is expanded over time.
    """
    step = torch.empty_like(currents[0])
    s = step.new_empty_strided(currents.shape, (step.numel(), *step.stride()))
    v = torch.zeros_like(s[0])
    for current, potential, fired in zip(currents, u, s, strict=True):
        torch.add(current, v, alpha=neuron.leak, out=potential)
        if neuron.spike.value is heaviside:
            torch.gt(potential, neuron.threshold, out=fired)  # the same in one go
        else:
            fired.copy_(neuron.spike.value(potential - neuron.threshold))
        torch.addcmul(potential, potential, fired, value=-1, out=v)  # u (1 − s)
    return s


def _potentials(currents: Tensor, s: Tensor, neuron: Neuron) -> Tensor:
    """The potentials before the reset again, from the currents and the spikes [time, batch, …]."""
    u = torch.empty_like(s)
    v = torch.zeros_like(s[0])
    for current, potential, fired in zip(currents, u, s, strict=True):
        torch.add(current, v, alpha=neuron.leak, out=potential)
        torch.addcmul(potential, potential, fired, value=-1, out=v)
    return u


def leak_correction(s: Tensor, neuron: Neuron) -> Tensor:
    """How much less a leaky neuron answers to its input than one without a leak, [batch, …]; 0 where it never fired.

    The neuron's spikes leave a trace that leaks as its membrane does, f_t = λ f_(t−1) + s_t. With N spikes in all the
    factor is 1 + f′_T / N, where f′ = ln(λ) f is the slope of that trace between spikes, as in the authors' code. It
    lies between 1 + ln λ and 1; for a neuron that fires steadily over T steps it is about 1 − 1/T.
    """
    f = torch.zeros_like(s[0])
    for now in s:
        f = neuron.leak * f + now
    count = s.sum(0)
    factor = 1 + math.log(neuron.leak) * f / count.clamp(min=1) if neuron.corrected else torch.ones_like(f)
    return torch.where(count > 0, factor, torch.zeros_like(factor))


# --- synapses, forwards and backwards -------------------------------------------------------------------------------


def synapses(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Currents of one moment, or of many: a convolution if the weight has four axes, else a matrix product."""
    return functional.conv2d(x, weight, bias) if weight.dim() == 4 else functional.linear(x, weight, bias)


class Blame(NamedTuple):
    """What the errors of a layer's currents say of its inputs, weights and biases."""

    x: Tensor
    weight: Tensor
    bias: Tensor


def blame(delta: Tensor, x: Tensor, weight: Tensor) -> Blame:
    """Sends errors `delta` [batch, …] of currents back through the synapses that made them from x [batch, …]."""
    if weight.dim() == 4:
        to_x = conv2d_input(x.shape, weight, delta)
        return Blame(to_x, conv2d_weight(x, weight.shape, delta), delta.sum((0, 2, 3)))
    return Blame(delta @ weight, delta.T @ x, delta.sum(0))


def each_step(delta: Tensor, x: Tensor, weight: Tensor) -> Blame:
    """`blame` for every step of [time, batch, …]; what the weights have done at all steps is added."""
    found = blame(delta.flatten(0, 1), x.flatten(0, 1), weight)
    return found._replace(x=found.x.unflatten(0, x.shape[:2]))


class _Layer(torch.autograd.Function):
    """The forward pass that the three rules share."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
        currents = synapses(x.flatten(0, 1), weight, bias).unflatten(0, x.shape[:2])
        s, u = simulate(currents, neuron)
        ctx.save_for_backward(x, weight, s, u)
        ctx.neuron = neuron
        return s


# --- rule 1 ---------------------------------------------------------------------------------------------------------


class Collapsed(_Layer):
    """The printed rule: one error a neuron, ΔW = δ x̂ᵀ with x̂ the number of spikes of each input.

    A hidden neuron that fired N times is taken for a straight line through its input: ∂N/∂net = correction / V_th.
    """

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, s, _ = ctx.saved_tensors
        steps = len(x)
        delta = error[0] * leak_correction(s, ctx.neuron) / ctx.neuron.threshold  # error holds the same at every step
        to = blame(delta, x.sum(0), weight)
        return to.x.expand(steps, *to.x.shape), to.weight, steps * to.bias, None


# --- rule 2 ---------------------------------------------------------------------------------------------------------


class Running(_Layer):
    """The rule as it is run: errors go back step by step, from the steps with spikes, undiminished by the leak."""

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, s, _ = ctx.saved_tensors
        slope = leak_correction(s, ctx.neuron) / ctx.neuron.threshold
        delta = torch.empty_like(s)
        later = torch.zeros_like(s[0])  # what the steps after t say of the potential v_t
        for t in reversed(range(len(s))):
            later = later * (1 - s[t]) + error[t] * slope * s[t]  # a reset lets nothing through; a spike lets e in
            delta[t] = later
        return *each_step(delta, x, weight), None


# --- rule 3 ---------------------------------------------------------------------------------------------------------


def through_time(error: Tensor, s: Tensor, u: Tensor, neuron: Neuron, *, over_u: bool = False) -> Tensor:
    """Errors of the currents from errors of the spikes, both [time, batch, …], by the chain rule through all steps.

    From u_(t+1) = λ v_t + …, v_t = u_t (1 − s_t) and s_t = σ(u_t − V_th):
    δ_t = e_t σ′ + λ δ_(t+1) (1 − s_t − u_t σ′) = σ′ (e_t − λ δ_(t+1) u_t) + λ δ_(t+1) (1 − s_t).

    With `over_u` the result takes the memory of u, which is then lost.
    """
    delta = u if over_u else torch.empty_like(u)
    later = torch.zeros_like(u[0])  # δ_(t+1)
    x, by_spike = torch.empty_like(later), torch.empty_like(later)
    for t in reversed(range(len(s))):
        slope = neuron.spike.slope(torch.sub(u[t], neuron.threshold, out=x))
        torch.addcmul(error[t], later, u[t], value=-neuron.leak, out=by_spike).mul_(slope)
        kept = torch.addcmul(later, later, s[t], value=-1, out=x)
        later = torch.add(by_spike, kept, alpha=neuron.leak, out=delta[t])
    return delta


class Surrogate(_Layer):
    """Backpropagation through time with the slope `neuron.spike.slope` where the step has none."""

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, s, u = ctx.saved_tensors
        return *each_step(through_time(error, s, u, ctx.neuron), x, weight), None


class SurrogateNeurons(torch.autograd.Function):
    """The neurons of rule 3 alone, currents to spikes: for networks whose synapses PyTorch differentiates.

    Currents and spikes are kept, potentials are computed again: that is quicker than to keep them, and of a current
    that is constant (a tensor expanded over time) one step is all there is to keep.
    """

    @staticmethod
    def forward(ctx, currents: Tensor, neuron: Neuron) -> Tensor:
        s = _spikes(currents, neuron, torch.empty_like(currents[0]).expand_as(currents))
        ctx.save_for_backward(currents, s)
        ctx.neuron = neuron
        return s

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor, None]:
        currents, s = ctx.saved_tensors
        return through_time(error, s, _potentials(currents, s, ctx.neuron), ctx.neuron, over_u=True), None


def lif(currents: Tensor, neuron: Neuron) -> Tensor:
    """Spikes of LIF neurons for currents [time, batch, …], from rest; differentiable by rule 3."""
    return SurrogateNeurons.apply(currents, neuron)


# --- the output -----------------------------------------------------------------------------------------------------


class _Output(torch.autograd.Function):
    """Leaky neurons that never fire; the answer is their last potential over the number of steps."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
        v = torch.zeros_like(synapses(x[0], weight, bias))
        for now in x:
            v = neuron.leak * v + synapses(now, weight, bias)
        ctx.save_for_backward(x, weight)
        ctx.neuron = neuron
        return v / len(x)


class OutputWithoutLeak(_Output):
    """Backwards as rules 1 and 2 have it: the last potential is taken for the sum of all currents, δ = e / T."""

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        delta = (error / len(x)).expand(len(x), *error.shape)
        return *each_step(delta, x, weight), None


class OutputWithLeak(_Output):
    """Backwards as it is: the current of step t has leaked T − t times, δ_t = λ^(T−t) e / T."""

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        steps = len(x)
        left = ctx.neuron.leak ** torch.arange(steps - 1, -1, -1, dtype=x.dtype, device=x.device)
        return *each_step(left[:, None, None] * error / steps, x, weight), None


class Rule(NamedTuple):
    """How a hidden layer and the output send errors back. Both are called with (x, weight, bias, neuron)."""

    hidden: Callable[[Tensor, Tensor, Tensor, Neuron], Tensor]
    output: Callable[[Tensor, Tensor, Tensor, Neuron], Tensor]


RULES = {
    "collapsed": Rule(Collapsed.apply, OutputWithoutLeak.apply),
    "running": Rule(Running.apply, OutputWithoutLeak.apply),
    "surrogate": Rule(Surrogate.apply, OutputWithLeak.apply),
}


# --- the same with autograd -----------------------------------------------------------------------------------------


def straight(value: Tensor, line: Tensor) -> Tensor:
    """The value of the first, the gradient of the second."""
    return value.detach() + line - line.detach()


def _twin_collapsed(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
    currents = synapses(x.flatten(0, 1), weight, bias).unflatten(0, x.shape[:2])
    s = simulate(currents.detach(), neuron).s
    # only the number of spikes depends on anything, and it depends on the sum of the currents alone
    count = leak_correction(s, neuron) / neuron.threshold * currents.sum(0)
    return straight(s, count.expand_as(s) / len(s))


def _twin_running(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
    currents = synapses(x.flatten(0, 1), weight, bias).unflatten(0, x.shape[:2])
    slope = leak_correction(simulate(currents.detach(), neuron).s, neuron) / neuron.threshold
    v, spikes = torch.zeros_like(currents[0]), []
    for current in currents:
        u = v + current
        fired = (u > neuron.threshold).to(u.dtype).detach()
        spikes.append(straight(fired, slope * fired * u))
        left = u * (1 - fired)
        v = straight(neuron.leak * left, left)  # the value leaks, its gradient does not
    return torch.stack(spikes)


class SpikeFunction(torch.autograd.Function):
    """A spike with the value and the slope of a `Spike`, for autograd."""

    @staticmethod
    def forward(ctx, x: Tensor, spike: Spike) -> Tensor:
        ctx.save_for_backward(x)
        ctx.spike = spike
        return spike.value(x)

    @staticmethod
    def backward(ctx, error: Tensor) -> tuple[Tensor, None]:
        return error * ctx.spike.slope(*ctx.saved_tensors), None


def _twin_surrogate(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
    v, spikes = None, []
    for now in x:
        current = synapses(now, weight, bias)
        u = current if v is None else neuron.leak * v + current
        s = SpikeFunction.apply(u - neuron.threshold, neuron.spike)
        spikes.append(s)
        v = u * (1 - s)
    return torch.stack(spikes)


def _twin_output(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron, *, leaks: bool) -> Tensor:
    v = 0.0
    for now in x:
        u = v + synapses(now, weight, bias)
        last, v = u, (neuron.leak * u if leaks else straight(neuron.leak * u, u))
    return last / len(x)


def _without_leak(*layer) -> Tensor:
    return _twin_output(*layer, leaks=False)


def _with_leak(*layer) -> Tensor:
    return _twin_output(*layer, leaks=True)


TWINS = {
    "collapsed": Rule(_twin_collapsed, _without_leak),
    "running": Rule(_twin_running, _without_leak),
    "surrogate": Rule(_twin_surrogate, _with_leak),
}


# --- a network, and its audit ---------------------------------------------------------------------------------------


class SpikingNet(nn.Module):
    """Spiking layers one after another; the last is the output. Inputs [time, batch, …] to answers [batch, classes].

    Args:
        layers: `nn.Conv2d` (stride 1, no padding) and `nn.Linear`, with biases; only their weights are used.
        rule: how errors are sent back, of `RULES` or `TWINS`.
        neuron: of the hidden layers; the output leaks as they do.

    Raises:
        ValueError: there are fewer than two layers, or a layer is none of these.
    """

    def __init__(self, *layers: nn.Module, rule: Rule, neuron: Neuron = Neuron()):
        super().__init__()
        if len(layers) < 2:
            raise ValueError(f"{len(layers)} layers given; a spiking network needs a hidden layer and an output")
        for layer in layers:
            plain = isinstance(layer, nn.Linear) or (
                isinstance(layer, nn.Conv2d) and layer.stride == (1, 1) and layer.padding == (0, 0)
            )
            if not plain or layer.bias is None:
                raise ValueError(f"{layer} is no Linear or Conv2d of stride 1 without padding, with a bias")
        self.layers = nn.ModuleList(layers)
        self.rule = rule
        self.neuron = neuron

    def forward(self, x: Tensor) -> Tensor:
        *hidden, output = self.layers
        for layer in hidden:
            x = self.rule.hidden(_fitting(x, layer), layer.weight, layer.bias, self.neuron)
        return self.rule.output(_fitting(x, output), output.weight, output.bias, self.neuron)


def _fitting(x: Tensor, layer: nn.Module) -> Tensor:
    return x.flatten(2) if isinstance(layer, nn.Linear) else x


def squared_error(answers: Tensor, labels: Tensor) -> Tensor:
    """Half the squared distance of answers [batch, classes] to one-hot labels [batch], mean over the batch."""
    wanted = functional.one_hot(labels, answers.shape[1]).to(answers.dtype)
    return (answers - wanted).square().sum(1).mean() / 2


def all_gradients(net: SpikingNet, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Gradients of `squared_error` for inputs, weights and biases, by name."""
    x = x.detach().clone().requires_grad_()
    parameters = dict(net.named_parameters())
    found = torch.autograd.grad(squared_error(net(x), labels), (x, *parameters.values()))
    return dict(zip(("inputs", *parameters), found, strict=True))


def audit(net: SpikingNet, twin: Rule, x: Tensor, labels: Tensor) -> dict[str, float]:
    """max|a − b| / max|b| between the gradients by the network's rule and by a twin, for inputs, weights and biases.

    Not a number where the twin's gradient is zero throughout: then there is nothing to compare.
    """
    by_hand = all_gradients(net, x, labels)
    rule, net.rule = net.rule, twin
    try:
        by_twin = all_gradients(net, x, labels)
    finally:
        net.rule = rule
    return {name: ((by_hand[name] - b).abs().max() / b.abs().max()).item() for name, b in by_twin.items()}
