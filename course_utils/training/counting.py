"""Spikes and synaptic operations of a network, counted while it runs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require


@dataclass(frozen=True)
class Operations:
    """What one sample costs, on average over the samples that were run.

    Accumulates are synaptic operations in layers whose inputs are all 0 or 1, or all 0 or another height of a spike,
    which the weights can take up: a spike's weight is only added. Multiply-accumulates are those in layers with any
    other inputs; an input of 0 causes none. `dense` are the multiply-accumulates if no zero were skipped, as a
    processor without sparsity runs the network.
    """

    spikes: float
    accumulates: float
    multiply_accumulates: float
    dense: float


class OperationCounter:
    """Counts what the `Conv1d`, `Conv2d` and `Linear` layers of a model do between `with` and the end of its block.

    An input that is not zero costs one operation for each weight that it meets; zeros cost nothing; biases and the
    neurons' own dynamics are not counted. A call whose inputs are all 0 or one other number counts as accumulates.
    Layers called once a time step are counted at each.

        with OperationCounter(model, spiking=(norse.torch.LIFBoxCell,)) as counter:
            model(images)
        counter.per_sample(len(images))

    Args:
        model: the network to watch.
        spiking: classes of the layers whose (first) output are spikes.
    """

    def __init__(self, model: nn.Module, spiking: tuple[type[nn.Module], ...] = ()):
        self._model = model
        self._spiking = spiking
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._totals = dict.fromkeys(("spikes", "accumulates", "multiply_accumulates", "dense"), 0.0)

    def __enter__(self) -> "OperationCounter":
        for module in self._model.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                self._handles.append(module.register_forward_hook(self._count_synapses))
            elif isinstance(module, self._spiking):
                self._handles.append(module.register_forward_hook(self._count_spikes))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def per_sample(self, samples: int) -> Operations:
        """The counts divided by the number of samples that were run, 1 or more."""
        require(samples >= 1, "samples", samples, "1 or more")
        return Operations(**{name: total / samples for name, total in self._totals.items()})

    @torch.no_grad()
    def _count_synapses(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        (x,) = inputs
        active = x != 0
        sent = x[active]
        kind = "accumulates" if bool((sent == sent[:1]).all()) else "multiply_accumulates"
        self._totals[kind] += weights_met(layer, active)
        self._totals["dense"] += weights_met(layer, torch.ones_like(active[:1])) * len(x)

    @torch.no_grad()
    def _count_spikes(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | tuple) -> None:
        spikes = output[0] if isinstance(output, tuple) else output
        self._totals["spikes"] += spikes.count_nonzero().item()


@guarded
def weights_met(layer: nn.Module, active: Tensor) -> float:
    """How many weights of a layer all spikes that enter it meet, [batch, …]: where they do, or how many at each place.

    Exact at the borders of a convolution too: the layer's own geometry is run with every weight 1.
    """
    if isinstance(layer, nn.Linear):
        return active.sum(dtype=torch.float64).item() * layer.out_features
    convolve = nn.functional.conv1d if isinstance(layer, nn.Conv1d) else nn.functional.conv2d
    # one filter a group is enough, since all filters of a group meet the same inputs
    ones = layer.weight.new_ones(layer.groups, *layer.weight.shape[1:], dtype=torch.float64)
    met = convolve(active.double(), ones, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    return met.sum().item() * (layer.out_channels // layer.groups)
