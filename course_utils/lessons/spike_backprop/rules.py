"""Three rules that send an error back through spiking layers, as autograd has them; the lesson writes them by hand.

A layer maps spikes x [time, batch, …] through synapses to currents I_t = W x_t + b, and those to spikes by the neurons
of `spiking.gradients`. The output layer has no threshold; the network's answer is u_T / T. The loss is half the squared
error, so the error that enters the network from behind is e = answer − label.

* collapsed: the rule as the papers print it. Time is summed out before anything is sent back.
* running: the rule as its authors run it. Errors travel back step by step, without the leak.
* surrogate: backpropagation through time, with a slope in place of the spike's missing one.

`TWINS` says this with autograd and values that are detached; `audit` holds rules that are written by hand to it.

The thesis that this course follows (P. Tsoukas, 2023) retells the first rule as its equations 3.3 to 3.26; the
lesson says which of them are misprinted.

Source: C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling spike-based backpropagation for training
deep neural network architectures", Frontiers in Neuroscience 14:119 (2020), and its public code.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data.require import guarded, require
from course_utils.spiking.gradients import Neuron, spikes_and_potentials
from course_utils.spiking.surrogates import straight_through

NEURON = Neuron()


@guarded
def leak_correction(s: Tensor, neuron: Neuron) -> Tensor:
    """How much less a leaky neuron answers to its input than one without a leak, [batch, …]; 0 where it never fired.

    The neuron's spikes leave a trace that leaks as its membrane does, f_t = λ f_(t−1) + s_t. With N spikes in all the
    factor is 1 + f′_T / N, where f′ = ln(λ) f is the slope of that trace between spikes, as in the authors' code. It
    lies between 1 + ln λ and 1; for a neuron that fires steadily over T steps it is about 1 − 1/T. Below λ = 1/e it may
    be negative: a neuron whose only spike comes at the last step would be taught the reverse.
    """
    allowed = "at least 1/e = 0.368 where the leak is corrected for: below it the factor may be negative"
    require(not neuron.corrected or neuron.decay >= 1 / math.e, "decay", neuron.decay, allowed)
    f = torch.zeros_like(s[0])
    for now in s:
        f = neuron.decay * f + now
    count = s.sum(0)
    factor = 1 + math.log(neuron.decay) * f / count.clamp(min=1) if neuron.corrected else 1.0
    return torch.where(count > 0, factor, torch.zeros_like(f))


Layer = Callable[[Tensor, Tensor, Tensor, Neuron], Tensor]  # of x, weight, bias, neuron


class Rule(NamedTuple):
    """How a hidden layer and the output send errors back."""

    hidden: Layer
    output: Layer


def _currents(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The currents of inputs [time, batch, …]: by a convolution if the weight has four axes, else by a matrix."""
    connect = functional.conv2d if weight.dim() == 4 else functional.linear
    return connect(x.flatten(0, 1), weight, bias).unflatten(0, x.shape[:2])


def _collapsed(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
    currents = _currents(x, weight, bias)
    s, _ = spikes_and_potentials(currents.detach(), neuron)
    # only the number of spikes depends on anything, and it depends on the sum of the currents alone
    count = leak_correction(s, neuron) / neuron.threshold * currents.sum(0)
    return straight_through(s, count.expand_as(s) / len(s))


def _running(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
    currents = _currents(x, weight, bias)
    s, _ = spikes_and_potentials(currents.detach(), neuron)
    slope = leak_correction(s, neuron) / neuron.threshold
    v, spikes = torch.zeros_like(currents[0]), []
    for current, fired in zip(currents, s, strict=True):
        u = v + current
        spikes.append(straight_through(fired, slope * fired * u))
        left = u * (1 - fired)
        v = straight_through(neuron.decay * left, left)  # the value leaks, its gradient does not
    return torch.stack(spikes)


def _through_time(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron) -> Tensor:
    v, spikes = 0.0, []
    for current in _currents(x, weight, bias):
        u = neuron.decay * v + current
        s = neuron.spike(u - neuron.threshold)
        spikes.append(s)
        v = u * (1 - s)
    return torch.stack(spikes)


def _output(x: Tensor, weight: Tensor, bias: Tensor, neuron: Neuron, *, leaks: bool) -> Tensor:
    """Neurons that never fire; their leak is passed by the error, or it is not."""
    v = 0.0
    for current in _currents(x, weight, bias):
        u = v + current
        last, v = u, (neuron.decay * u if leaks else straight_through(neuron.decay * u, u))
    return last / len(x)


TWINS = {
    "collapsed": Rule(_collapsed, partial(_output, leaks=False)),
    "running": Rule(_running, partial(_output, leaks=False)),
    "surrogate": Rule(_through_time, partial(_output, leaks=True)),
}


# --- a network, and its audit ---------------------------------------------------------------------------------------


class SpikingNet(nn.Module):
    """Spiking layers one after another; the last is the output. Inputs [time, batch, …] to answers [batch, classes].

    The layers are two or more `nn.Conv2d` (stride 1, no padding) and `nn.Linear`, with biases; only weights are used.
    The output leaks as the hidden neurons do.
    """

    def __init__(self, *layers: nn.Module, rule: Rule, neuron: Neuron = NEURON):
        super().__init__()
        require(len(layers) >= 2, "number of layers", len(layers), "2 or more: a hidden layer and an output")
        for layer in layers:
            stride, padding = getattr(layer, "stride", (1, 1)), getattr(layer, "padding", (0, 0))
            plain = isinstance(layer, nn.Linear | nn.Conv2d) and (*stride, *padding) == (1, 1, 0, 0)
            known = plain and layer.bias is not None
            require(known, "a layer", layer, "a Linear or a Conv2d of stride 1 without padding, with a bias")
        self.layers, self.rule, self.neuron = nn.ModuleList(layers), rule, neuron

    @guarded
    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x.flatten(2) if isinstance(layer, nn.Linear) else x
            step = self.rule.output if layer is self.layers[-1] else self.rule.hidden
            x = step(x, layer.weight, layer.bias, self.neuron)
        return x


@guarded
def half_squared_error(answers: Tensor, labels: Tensor) -> Tensor:
    """Half the squared distance of answers [batch, classes] to one-hot labels [batch], mean over the batch."""
    wanted = functional.one_hot(labels, answers.shape[1]).to(answers.dtype)
    return (answers - wanted).square().sum(1).mean() / 2


@guarded
def all_gradients(net: SpikingNet, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Gradients of `half_squared_error` for inputs, weights and biases, by name."""
    x = x.detach().clone().requires_grad_()
    parameters = dict(net.named_parameters())
    found = torch.autograd.grad(half_squared_error(net(x), labels), (x, *parameters.values()))
    return dict(zip(("inputs", *parameters), found, strict=True))


@guarded
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
