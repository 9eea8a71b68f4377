"""Model 6 and the networks for turning stripes: shapes, what they do not depend on, equations."""

import math

import pytest
import torch
from torch import Tensor

from course_utils.data.patches import HARD, make_patches
from course_utils.data.rotation import make_rotations
from course_utils.lessons.harder_stripes.models import PatchNet, RotationNet
from course_utils.spiking.neurons import LIF
from course_utils.spiking.stripe_networks import RecurrentLIF, spike


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.tensor(make_patches(40, 0, settings=HARD).images)[:, None] / 255


@pytest.fixture(scope="module")
def trials() -> Tensor:
    return torch.tensor(make_rotations(6, 0).frames)[:, None] / 255


@torch.no_grad()
def test_shapes_and_numbers_of_model_6(images) -> None:
    model = PatchNet(steps=7)
    activity = model.activity(images[:3])
    assert activity.inputs.shape == (7, 3, 1, 16, 16)
    assert activity.hidden.shape == (7, 3, 8, 13, 13)
    assert activity.readout.shape == (7, 3, 2)
    assert set(activity.hidden.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(model(images[:3]), activity.readout.mean(0))
    assert sum(values.numel() for values in model.parameters()) == 8 * 16 + 8 + 8 * 2 + 2


@torch.no_grad()
@pytest.mark.parametrize("seed", range(5))
def test_model_6_is_awake_where_there_is_a_patch_and_quiet_on_grey(images, seed) -> None:
    torch.manual_seed(seed)
    model = PatchNet()
    assert (model.activity(images).hidden.mean((0, 1, 3, 4)) > 1e-4).all()
    grey = torch.full((1, 1, 16, 16), 0.15)
    assert model.activity(grey).hidden.sum() == 0


@torch.no_grad()
def test_the_place_of_a_patch_makes_no_difference(images) -> None:
    torch.manual_seed(0)
    model = PatchNet()
    grey = torch.full((144, 1, 16, 16), 0.15)
    patch = images[0, 0, :5, :5] * 0.5 + torch.linspace(0, 0.2, 5)
    for number, picture in enumerate(grey):
        row, column = divmod(number, 12)
        if 3 <= row < 9 and 3 <= column < 9:  # a kernel meets it in full on every side
            picture[0, row : row + 5, column : column + 5] = patch
    scores = model(grey)[[12 * row + column for row in range(3, 9) for column in range(3, 9)]]
    assert scores.std(0).max() < 1e-6
    assert (scores[0] - model(torch.full((1, 1, 16, 16), 0.15))[0]).abs().max() > 1e-3, "it is seen"


@torch.no_grad()
@pytest.mark.parametrize(("pool", "weights"), [("maximum", 8), ("sum", 8), ("none", 8 * 144)])
def test_a_pool_decides_how_many_weights_the_readout_has(images, pool, weights) -> None:
    model = PatchNet(pool=pool, steps=3)
    assert model.linear.in_features == weights and model(images[:2]).shape == (2, 2)


def test_the_spike_has_the_surrogate_gradient_it_promises() -> None:
    v = torch.tensor([-2.0, -0.1, 0.0, 0.3], requires_grad=True)
    spikes = spike(v)
    assert spikes.tolist() == [0, 0, 0, 1]
    spikes.sum().backward()
    torch.testing.assert_close(v.grad, 1 / (1 + v.detach().abs()) ** 2)


@torch.no_grad()
@pytest.mark.parametrize(("tau_mem_ms", "tau_syn_ms"), [(10.0, 5.0), (3.0, 20.0)])
def test_without_recurrence_it_is_a_plain_lif_neuron(tau_mem_ms, tau_syn_ms) -> None:
    inputs = 3 * torch.rand(60, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    layer = RecurrentLIF(5, recurrent=False, learnable=False).double()
    layer.log_tau_mem.fill_(math.log(tau_mem_ms))  # in double precision, to compare spike for spike
    layer.log_tau_syn.fill_(math.log(tau_syn_ms))
    expected = LIF(tau_mem_ms=tau_mem_ms, tau_syn_ms=tau_syn_ms).run(inputs).spikes
    assert torch.equal(layer(inputs), expected)
    assert 0.01 < expected.mean() < 1


@torch.no_grad()
def test_a_recurrent_weight_leads_from_its_column_to_its_row_one_step_later() -> None:
    layer = RecurrentLIF(3)
    layer.recurrent.weight.zero_()
    layer.recurrent.weight[2, 0] = 100.0
    inputs = torch.zeros(4, 1, 3)
    inputs[1, 0, 0] = 100.0
    spikes = layer(inputs)[:, 0]
    assert spikes[:2].sum(1).tolist() == [0, 1] and spikes[1, 0] == 1
    assert spikes[2, 2] == 1 and spikes[:2, 2].sum() == 0 and spikes[:, 1].sum() == 0


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("learnable", [True, False])
def test_what_is_trained_is_what_was_asked_for(trials, recurrent, learnable) -> None:
    torch.manual_seed(0)
    model = RotationNet(recurrent=recurrent, learnable=learnable)
    names = {name for name, _ in model.named_parameters()}
    assert ("memory.recurrent.weight" in names) == recurrent
    assert ({"memory.log_tau_mem", "memory.log_tau_syn"} <= names) == learnable
    scores = model(trials)
    assert scores.shape == (6, 2) and (scores[:, 0] == 0).all()
    scores[:, 1].sum().backward()
    for name, values in model.named_parameters():
        assert values.grad is not None and values.grad.abs().sum() > 0, name


@torch.no_grad()
def test_a_trial_does_not_depend_on_its_batch_and_time_counts(trials) -> None:
    torch.manual_seed(1)
    model = RotationNet()
    activity = model.activity(trials)
    assert activity.inputs.shape == (20, 6, 1, 16, 16)
    assert activity.hidden.shape == (20, 6, 64) and activity.readout.shape == (20, 6, 1)
    assert activity.inputs.mean().abs() < 0.1, "grey is no current"
    torch.testing.assert_close(model(trials[2:3]), model(trials)[2:3])
    assert (model(trials) - model(trials.flip(2)))[:, 1].abs().max() > 1e-3


@torch.no_grad()
def test_later_frames_change_nothing_before_them(trials) -> None:
    torch.manual_seed(1)
    model = RotationNet()
    cut = trials.clone()
    cut[:, :, 10:] = 0
    whole, part = model.activity(trials), model.activity(cut)
    assert torch.equal(whole.hidden[:10], part.hidden[:10])
    assert not torch.equal(whole.hidden[10:], part.hidden[10:])
