"""How trained convnets are run on spikes, and what that costs a picture: the lesson and its experiments share this."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded
from course_utils.exchange.conversion import ConvertedNet, strongest
from course_utils.spiking.layers import OverTime, SpikingNeurons
from course_utils.spiking.spikes import each_step
from course_utils.training.counting import OperationCounter, Operations, weights_met

STEPS = 60  # of 1 ms
PERCENTILE = 99.9  # of the activations that a rate of 1 stands for
TAU_SYN_MS = 5.0  # NengoDL's filter


@guarded
@torch.no_grad()
def cost_of_pass(ann: nn.Sequential, images: Tensor) -> Operations:
    """Operations a sample of one pass of a network without time."""
    with OperationCounter(ann) as counter:
        ann(images)
    return counter.per_sample(len(images))


@guarded
def cost_of_run(net: ConvertedNet, entered: Tensor) -> Operations:
    """Spikes and operations a sample. A constant input meets the first convolution once, not at every step."""
    steps, count = entered.shape[:2]
    with OperationCounter(net) as counter:
        run = net.run(entered)
    cost = counter.per_sample(count)
    fired = sum(rates.sum().item() for rates in run.rates) * steps / count
    if cost.multiply_accumulates:
        return replace(cost, multiply_accumulates=cost.multiply_accumulates / steps, spikes=fired)
    return replace(cost, spikes=fired + entered.sum().item() / count)


@guarded
@torch.no_grad()
def run_over_time(network: OverTime, images: Tensor, steps: int) -> tuple[Tensor, Operations]:
    """Answers if the run were stopped after each step, [time, batch, classes], and what all steps cost a sample.

    The answer is the mean over the steps until then of what the last layer makes of the spikes of each.
    """
    body, head = network.parts()
    spikes = OverTime(body, steps)
    with OperationCounter(network, spiking=(SpikingNeurons,)) as counter:
        outputs = torch.cat([each_step(head, spikes(some)) for some in images.split(50)], 1)
    return outputs.cumsum(0) / torch.arange(1, steps + 1)[:, None, None], counter.per_sample(len(images))


@guarded
@torch.no_grad()
def firing_rate_scale(ann: nn.Sequential, images: Tensor, percentile: float = PERCENTILE) -> float:
    """Spikes a second for an activation of 1, so that the strongest of all layers spike at about every step of 1 ms."""
    top, x = 0.0, images
    for layer in ann:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            top = max(top, strongest(x, percentile))
    return 1000 / top


def in_nengo_dl(
    ann: nn.Sequential, images: Tensor, rate_hz: float, tau_syn_ms: float = TAU_SYN_MS
) -> tuple[Any, Operations]:
    """What the network did in NengoDL, a `nengodl.NengoRun`, and what that cost a sample.

    Args:
        ann: `models.layers` with ReLUs, trained.
        images: [count, channels, height, width].
        rate_hz: firing-rate scale, above 0.
        tau_syn_ms: time constant of the filter behind every spiking neuron.
    """
    from course_utils.exchange import keras_twin, nengodl  # they load TensorFlow, which takes seconds

    twin = keras_twin.keras_twin(ann, *images.shape[1:])
    network = nengodl.to_spiking_relu(twin, rate_hz=rate_hz, tau_syn_ms=tau_syn_ms)
    run = nengodl.run_nengo(network, keras_twin.flat_pictures(images), STEPS, rate_hz=rate_hz, batch_size=66)
    first, *later = [layer for layer in ann if isinstance(layer, nn.Conv2d | nn.Linear)]
    met, (height, width) = 0.0, images.shape[2:]
    for layer, spikes in zip(later, run.spikes, strict=True):  # spikes of the layer below it, channels last
        height, width = -(-height // 2), -(-width // 2)
        met += weights_met(layer, torch.from_numpy(spikes).reshape(1, height, width, -1).movedim(3, 1))
    entry, one_pass = (cost_of_pass(part, images) for part in (nn.Sequential(first), ann))
    return run, Operations(
        spikes=sum(float(layer.sum()) for layer in run.spikes),
        accumulates=met,
        multiply_accumulates=entry.multiply_accumulates,
        dense=entry.dense + STEPS * (one_pass.dense - entry.dense),
    )
