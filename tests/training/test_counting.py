"""Operations counted by hooks against operations counted by gradients and by hand."""

import copy

import norse.torch
import pytest
import snntorch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils.training.counting import OperationCounter, Operations


def count(model: nn.Module, x: Tensor, **options: object) -> Operations:
    with OperationCounter(model, **options) as counter, torch.no_grad():
        model(x)
    return counter.per_sample(1)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def met_by_gradient(layer: nn.Module, x: Tensor) -> tuple[float, float]:
    """Pairs of a weight and an input inside the image: those with an input that is not 0, and all.

    Where all weights are 1, the slope of the sum of outputs towards an input says how many weights the input meets.
    """
    ones = copy.deepcopy(layer).double()
    nn.init.ones_(ones.weight)
    inputs = x.double().requires_grad_()
    (met,) = torch.autograd.grad(ones(inputs).sum(), inputs)
    return met[x != 0].sum().item(), met.sum().item()


@st.composite
def layers_and_inputs(draw) -> tuple[nn.Module, Tensor]:
    def sizes(least: int, most: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(least, most)) for _ in range(dimensions))

    dimensions, batch = draw(st.sampled_from([0, 1, 2])), draw(st.integers(1, 3))
    if dimensions == 0:
        layer = nn.Linear(draw(st.integers(1, 5)), draw(st.integers(1, 5)), bias=draw(st.booleans()))
        shape = (batch, layer.in_features)
    else:
        groups = draw(st.sampled_from([1, 2]))
        channels, filters = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
        how = {"stride": sizes(1, 3), "padding": sizes(0, 2), "dilation": sizes(1, 2), "groups": groups}
        layer = (nn.Conv1d if dimensions == 1 else nn.Conv2d)(channels, filters, sizes(1, 3), **how)
        shape = (batch, channels, *sizes(5, 7))
    values = torch.tensor(draw(st.sampled_from([[0, 1], [0, 0, 1, -1], [0, 0.5], [0], [2]])), dtype=torch.float32)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    return layer, values[torch.randint(len(values), shape, generator=generator)]


@given(layers_and_inputs())
def test_every_weight_that_meets_an_input_is_counted(layer_and_input):
    layer, x = layer_and_input
    active, dense = met_by_gradient(layer, x)
    counted = count(layer, x)
    spikes = len(set(x.unique().tolist()) - {0}) <= 1  # of one height, whatever it is
    assert (counted.accumulates, counted.multiply_accumulates) == ((active, 0) if spikes else (0, active))
    assert (counted.dense, counted.spikes) == (dense, 0)


def test_a_well_known_network_costs_what_is_computed_by_hand():
    """LeNet-like, 28×28: 24·24·6·25 + 8·8·16·6·25 + 256·10. Padding by name is padding by number."""
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10)
    )
    x = torch.rand(3, 1, 28, 28) + 0.1
    assert count(model, x).dense / 3 == 24 * 24 * 6 * 25 + 8 * 8 * 16 * 6 * 25 + 256 * 10
    assert count(nn.Conv2d(1, 4, 3, padding="same"), x) == count(nn.Conv2d(1, 4, 3, padding=1), x)


def test_every_call_is_counted_by_its_own_inputs():
    layer = nn.Linear(3, 2)
    with OperationCounter(layer) as counter:
        for x in ([0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.5, 1.0]):
            layer(torch.tensor([x]))
    assert counter.per_sample(2) == Operations(spikes=0, accumulates=2, multiply_accumulates=2, dense=9)
    for samples in (0, -1):
        with pytest.raises(ValueError, match=f"samples is {samples}"):
            counter.per_sample(samples)


class Spiking(nn.Module):
    """A layer whose neurons are a cell of Norse, (input, state) to (spikes, state), or of snnTorch."""

    def __init__(self, cell: nn.Module):
        super().__init__()
        self.linear, self.cell = nn.Linear(4, 5), cell

    def forward(self, x: Tensor) -> Tensor:  # [time, batch, features]
        state, spikes = self.cell.reset_mem() if isinstance(self.cell, snntorch.Leaky) else None, []
        for step in x:
            z, state = self.cell(self.linear(step), state)
            spikes.append(z)
        return torch.stack(spikes)


@pytest.mark.parametrize("cell", [norse.torch.LIFBoxCell(), snntorch.Leaky(beta=0.9)], ids=["Norse", "snnTorch"])
def test_spikes_are_counted_over_all_time_steps_without_a_trace(cell):
    torch.manual_seed(0)
    model = Spiking(cell)
    nn.init.uniform_(model.linear.weight, 0, 2)
    x = torch.bernoulli(torch.full((30, 2, 4), 0.5))
    expected = model(x)
    assert hooks(model) == 0
    with OperationCounter(model, spiking=(type(cell),)) as counter:
        assert hooks(model) == 2
        spikes = model(x)
    assert hooks(model) == 0 and torch.equal(spikes, expected)
    counted = counter.per_sample(2)
    assert 0 < spikes.sum().item() < spikes.numel()
    assert counted.spikes == spikes.sum().item() / 2
    assert counted.accumulates == x.sum().item() * 5 / 2
    assert counted.multiply_accumulates == 0
    assert counted.dense == 30 * 4 * 5
    assert count(model, x).spikes == 0, "only the layers that were named"
    assert counter.per_sample(2) == counted, "what came after was not counted"
    with pytest.raises(RuntimeError), OperationCounter(model):
        model(torch.zeros(1, 2, 3))
    assert hooks(model) == 0, "after an exception, too"
