"""A trained network with ReLUs becomes a spiking network: the same weights, and thresholds in balance.

After P. U. Diehl et al., "Fast-classifying, high-accuracy spiking deep networks through weight and threshold
balancing", IJCNN 2015, and B. Rueckauer et al., "Conversion of continuous-valued deep networks to efficient
event-driven networks for image classification", Front. Neurosci. 11:682 (2017).

An integrate-and-fire neuron adds up its input and pays one threshold for every spike. Its rate is therefore its input
divided by its threshold, as long as that lies between 0 and 1: a ReLU with a ceiling. Let λ_l be the activation that
the ceiling of layer l stands for, and λ_0 = 1 that of a white pixel. A rate then means activation/λ_l. A layer driven
by rates keeps its weights if its biases are divided by λ_(l−1) and its threshold is λ_l/λ_(l−1). Diehl et al. divide
the weights by that instead; the spikes are the same.
"""

import copy
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.ranges import within
from course_utils.spiking.spikes import heaviside


class ConvertedRun(NamedTuple):
    """What a converted network did."""

    potentials: Tensor  # of the output neurons after every step, [time, batch, classes]
    rates: tuple[Tensor, ...]  # of each spiking layer, [batch, …], in spikes a step, 0 to 1


class ConvertedNet(nn.Module):
    """Integrate-and-fire neurons in the place of ReLUs; `convert` makes it.

    Spikes cross all layers within one step. The output neurons have no threshold and never fire. Their potential after
    t steps, divided by t, tends to the scores of the ANN divided by the last of the `scales`.

    With constant input and no activation above λ_l, rates differ from activation/λ_l by at most c_l/steps: c_1 = 1 and
    c_l = 1 + 3 c_(l−1) Σ|w|/threshold, summed over the inputs of a neuron.

    Attributes:
        hidden, readout: the linear layers in front of each ReLU, and those after the last.
        scales: λ_l, the activation that a spike at every step stands for, [spiking layers].
        thresholds: λ_l/λ_(l−1), [spiking layers]; above it a neuron spikes, and pays it.
        start: the part of its threshold at which each potential begins a run. Those of the output begin at 0.
    """

    @guarded
    def __init__(self, stages: list[nn.Module], scales: Tensor, start: float, sample_shape: tuple):
        super().__init__()
        self.hidden = nn.ModuleList(stages[:-1])
        self.readout = stages[-1]
        self.register_buffer("scales", scales)
        self.register_buffer("thresholds", scales / torch.cat((scales.new_ones(1), scales[:-1])))
        self.start, self.sample_shape = start, sample_shape

    @guarded
    @torch.no_grad()
    def run(self, inputs: Tensor) -> ConvertedRun:
        """Run on currents or spikes [time, batch, …], from `constant_input` or `encoders.poisson`."""
        if inputs.dim() < 2 or len(inputs) == 0 or inputs.shape[2:] != self.sample_shape:
            needed = ", ".join(("time ≥ 1", "batch", *map(str, self.sample_shape)))
            raise ValueError(f"inputs have shape {tuple(inputs.shape)}; it must be [{needed}]")
        v, counts, output, potentials = list(self.start * self.thresholds), [0.0] * len(self.hidden), 0.0, []
        for now in inputs:
            for layer, (stage, threshold) in enumerate(zip(self.hidden, self.thresholds, strict=True)):
                integrated = v[layer] + stage(now)
                now = heaviside(integrated - threshold)
                v[layer] = integrated - now * threshold
                counts[layer] = counts[layer] + now
            output = output + self.readout(now)
            potentials.append(output)
        return ConvertedRun(torch.stack(potentials), tuple(count / len(inputs) for count in counts))

    def forward(self, inputs: Tensor) -> Tensor:
        """Potentials of the output neurons after every step, [time, batch, classes]; see `run`."""
        return self.run(inputs).potentials


@guarded
@torch.no_grad()
def convert(
    ann: nn.Sequential,
    images: Tensor,
    *,
    balance: Literal["data"] | None = "data",
    percentile: float = 100.0,
    start: float = 0.0,
) -> ConvertedNet:
    """A spiking network with the weights of a trained ANN, which stays as it is.

    Args:
        ann: of Conv2d, Linear, ReLU, AvgPool2d, Flatten, Dropout (left out), BatchNorm2d after a Conv2d (folded into
            it), and `nn.Sequential`s of these. Between two Conv2d or Linear there is a ReLU. Pools have no neurons.
        images: a few hundred training images, 0 to 1, [count, …], in the type of the weights.
        balance: "data": λ_l is the largest activation of layer l over the images. (Diehl et al. take the largest
            weight where that is larger still; Rueckauer et al. do not.) None: λ_l = 1, whatever the activations are.
        percentile: with "data", the percentile of the activations above 0 that takes the place of the largest; above
            0, up to 100. Below 100 the strongest are cut off, and all others need fewer steps (Rueckauer et al.).
        start: where hidden potentials begin, as a part of the threshold, 0 up to but without 1. From 0 a count is cut
            off to a whole number, from a half it is rounded: T. Bu et al., "Optimized potential initialization for
            low-latency spiking neural networks", AAAI 2022, arXiv:2202.01440.
    """
    _check_images(images)
    require(balance in ("data", None), "balance", balance, '"data" or None')
    right = 0 < percentile <= 100 and (balance == "data" or percentile == 100)
    require(right, "percentile", percentile, 'above 0, up to 100, and 100 unless balance is "data"')
    require(0 <= start < 1, "start", start, "0 or more and below 1")
    for name, values in ann.state_dict().items():
        require(bool(values.isfinite().all()), name, "not finite", "made of finite numbers; train ann again")
    stages = _stages(ann)
    scales, activations = [1.0], images
    for number, stage in enumerate(stages[:-1], start=1):
        activations = stage(activations).relu()
        scales.append(strongest(activations, percentile) if balance else 1.0)
        if not scales[-1] > 0:
            raise ValueError(f"ReLU number {number} of ann is silent for all images; no threshold can balance it")
    for stage, below in zip(stages, scales, strict=True):
        for layer in stage:
            if getattr(layer, "bias", None) is not None:
                layer.bias /= below
    return ConvertedNet(stages, images.new_tensor(scales[1:]), start, images.shape[1:])


def constant_input(images: Tensor, steps: int) -> Tensor:
    """Pixels as currents that stay on: images 0 to 1, [batch, …], as a view [steps, batch, …]."""
    _check_images(images)
    require_whole(steps=(steps, 1))
    return images.expand(steps, *images.shape)


@guarded
def accuracy_by_step(potentials: Tensor, labels: Tensor) -> Tensor:
    """Accuracy if the run [time, batch, classes] were stopped after each step: float64 [time], 0 to 1.

    The highest potential is the answer. Where some tie, as all do before the first spike, the first of them counts.
    """
    if potentials.dim() != 3 or labels.shape != potentials.shape[1:2] or len(labels) == 0:
        shapes = f"labels have shape {tuple(labels.shape)}, potentials {tuple(potentials.shape)}"
        raise ValueError(f"{shapes}; they must be [batch ≥ 1] and [time, batch, classes]")
    return (potentials.argmax(2) == labels).double().mean(1)


def _stages(ann: nn.Sequential) -> list[nn.Sequential]:
    """Copies of the layers, cut at the ReLUs, which are left out."""
    if not isinstance(ann, nn.Sequential):
        raise ValueError(f"ann is a {type(ann).__name__}; it must be an nn.Sequential")
    stages: list[list[nn.Module]] = [[]]
    for name, layer in ann.named_modules(remove_duplicate=False):
        stage, title = stages[-1], f"layer {name} of ann ({type(layer).__name__})"
        match layer:
            case nn.Sequential() | nn.Dropout():
                pass
            case nn.ReLU():
                stages.append([])
            case nn.BatchNorm2d():
                if not stage or not isinstance(stage[-1], nn.Conv2d) or layer.running_mean is None:
                    raise ValueError(f"{title} cannot be folded; it must follow a Conv2d and keep running statistics")
                stage[-1] = fuse_conv_bn_eval(stage[-1], copy.deepcopy(layer).eval())
            case nn.Conv2d() | nn.Linear() if any(hasattr(other, "weight") for other in stage):
                raise ValueError(f"{title} needs a ReLU between itself and the weights before it")
            case nn.Conv2d() | nn.Linear() | nn.AvgPool2d() | nn.Flatten():
                stage.append(copy.deepcopy(layer).eval())
            case _:
                supported = "Conv2d, Linear, ReLU, AvgPool2d, Flatten, Dropout and BatchNorm2d"
                raise ValueError(f"{title} is not supported; {supported} are")
    if len(stages) == 1:
        raise ValueError("ann has no ReLU; there is nothing that could spike")
    return [nn.Sequential(*stage).requires_grad_(False) for stage in stages]


@guarded
def strongest(activations: Tensor, percentile: float) -> float:
    """The percentile of the activations above 0 (nearest rank); 0 if there are none."""
    active = activations[activations > 0]
    rank = max(1, round(percentile / 100 * len(active)))
    return active.kthvalue(rank).values.item() if len(active) else 0.0


def _check_images(images: Tensor) -> None:
    if images.dim() < 2 or images.numel() == 0 or not images.is_floating_point():
        raise ValueError(f"images are {images.dtype} {list(images.shape)}; they must be floats [count ≥ 1, …]")
    within(0, 1, images=images)
