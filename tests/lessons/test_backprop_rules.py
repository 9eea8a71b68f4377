"""Three rules that send errors back through spikes: what the lesson writes by hand is held to autograd, to finite
differences, and to one another."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.lessons.spike_backprop.rules import (
    TWINS,
    Rule,
    SpikingNet,
    all_gradients,
    audit,
    half_squared_error,
    leak_correction,
)
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.surrogates import smooth_spike
from tests import notebook_cells as lessons

LESSON = lessons.run_cells("spike_backprop", "setup", "taught", "exercise", "solution")
RULES = LESSON["RULES"]
F64 = torch.float64
NEURON = Neuron()
EACH_RULE = pytest.mark.parametrize("rule", RULES)


def spikes(seed: int, *shape: int, p: float = 0.4) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < p).to(F64)


def conv_net(seed: int, rule: Rule, neuron: Neuron = NEURON) -> SpikingNet:
    """Conv 4×4, conv 4×4, linear, with weights so large that both hidden layers fire."""
    torch.manual_seed(seed)
    net = SpikingNet(nn.Conv2d(1, 3, 4), nn.Conv2d(3, 4, 4), nn.Linear(64, 3), rule=rule, neuron=neuron).double()
    with torch.no_grad():
        for layer in net.layers[:2]:
            layer.weight *= 3
            layer.bias.fill_(0.1)
    return net


def one_layer(rule: str, x: torch.Tensor, weight: torch.Tensor, error: torch.Tensor, neuron: Neuron = NEURON):
    """Spikes of a dense layer, and the gradients of inputs and weights for these errors of the spikes."""
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    s = RULES[rule].hidden(x, weight, torch.zeros(len(weight), dtype=F64), neuron)
    return s.detach(), *torch.autograd.grad(s, (x, weight), error)


@EACH_RULE
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "neuron", [Neuron(), Neuron(decay=1.0), Neuron(decay=0.6, threshold=0.5), Neuron(corrected=False)], ids=str
)
def test_by_hand_is_by_autograd(rule, seed, neuron) -> None:
    net, x = conv_net(seed, RULES[rule], neuron), spikes(seed, 20, 4, 1, 10, 10)
    assert all_gradients(net, x, torch.arange(4) % 3)["layers.0.weight"].any(), "nothing to compare"
    differences = audit(net, TWINS[rule], x, torch.arange(4) % 3)
    assert set(differences) == {"inputs", *dict(net.named_parameters())}
    assert all(difference <= 1e-9 for difference in differences.values()), differences
    assert net.rule is RULES[rule], "the audit puts the rule back"


@EACH_RULE
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 15), batch=st.integers(1, 3), leak=st.floats(0.37, 1.0))
def test_by_hand_is_by_autograd_in_dense_networks(rule, seed, steps, batch, leak) -> None:
    torch.manual_seed(seed)
    layers = nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 2)
    net = SpikingNet(*layers, rule=RULES[rule], neuron=Neuron(decay=leak, threshold=0.4)).double()
    x, labels = spikes(seed, steps, batch, 6), torch.arange(batch) % 2
    by_hand = all_gradients(net, x, labels)
    net.rule = TWINS[rule]
    for name, by_twin in all_gradients(net, x, labels).items():
        assert torch.allclose(by_hand[name], by_twin, rtol=1e-9, atol=1e-12), name


def forgetful(backward):
    """A rule whose hidden layers have this backward."""
    layer = type("Forgetful", (LESSON["Layer"],), {"backward": staticmethod(backward)})
    return Rule(layer.apply, LESSON["OutputWithLeak"].apply)


def without_reset(ctx, error):
    x, weight, s, u = ctx.saved_tensors
    delta = error * ctx.neuron.spike.slope(u - ctx.neuron.threshold)
    for t in reversed(range(len(s) - 1)):
        delta[t] += ctx.neuron.decay * delta[t + 1] * (1 - s[t])
    return *LESSON["vjp_over_time"](delta, x, weight), None


def scaled_bias(ctx, error):
    *others, bias, nothing = LESSON["ThroughTime"].backward(ctx, error)
    return *others, bias * (1 + 1e-6), nothing


@pytest.mark.parametrize(("backward", "at_least"), [(without_reset, 1e-2), (scaled_bias, 1e-8)])
def test_a_rule_broken_on_purpose_is_caught(backward, at_least) -> None:
    found = audit(
        conv_net(0, forgetful(backward)), TWINS["surrogate"], spikes(0, 20, 4, 1, 10, 10), torch.arange(4) % 3
    )
    assert found["layers.0.bias"] > at_least and found["layers.1.bias"] > at_least
    assert found["layers.2.weight"] < 1e-12, "the output is not at fault"
    if backward is scaled_bias:
        assert found["layers.0.weight"] < 1e-12


@EACH_RULE
def test_each_rule_is_no_other(rule) -> None:
    x, labels = spikes(0, 20, 4, 1, 10, 10), torch.arange(4) % 3
    for other in set(TWINS) - {rule}:
        assert audit(conv_net(0, RULES[rule]), TWINS[other], x, labels)["layers.0.weight"] > 1e-3


@pytest.mark.parametrize("leak", [0.7, 0.9, 1.0])
def test_smooth_spikes_agree_with_finite_differences(leak) -> None:
    net = conv_net(1, RULES["surrogate"], Neuron(decay=leak, spike=smooth_spike()))
    x, labels = spikes(1, 20, 2, 1, 10, 10), torch.tensor([0, 2])
    x = x + 0.01  # not only zeros and ones: inputs are moved both ways
    found = all_gradients(net, x, labels)
    generator = torch.Generator().manual_seed(0)
    for name, tensor in {"inputs": x, **dict(net.named_parameters())}.items():
        flat, h = tensor.detach().view(-1), 1e-6
        scale = found[name].abs().max()
        for k in torch.randperm(len(flat), generator=generator)[:8]:
            kept, losses = flat[k].item(), []
            for moved in (kept + h, kept - h):
                flat[k] = moved
                with torch.no_grad():
                    losses.append(half_squared_error(net(x), labels).item())
            flat[k] = kept
            slope = (losses[0] - losses[1]) / (2 * h)
            assert abs(slope - found[name].view(-1)[k]) <= 1e-5 * scale, name


def test_leak_correction_by_hand() -> None:
    s = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=F64)
    # λ = ½. Neuron 0: 1, ½, 1¼, 1⅝ with 3 spikes. Neuron 1: 1, ½, 1¼, ⅝ with 2. Neuron 2 never fires.
    wanted = [1 - math.log(2) * 1.625 / 3, 1 - math.log(2) * 0.625 / 2, 0]
    assert torch.allclose(leak_correction(s, Neuron(decay=0.5)), torch.tensor(wanted, dtype=F64))
    assert leak_correction(s, Neuron(decay=1.0)).tolist() == [1, 1, 0], "without a leak nothing to correct"
    assert leak_correction(s, Neuron(decay=0.5, corrected=False)).tolist() == [1, 1, 0]


@pytest.mark.parametrize("correct", [leak_correction, LESSON["leak_correction"]], ids=["package", "lesson"])
def test_a_leak_whose_correction_could_turn_the_gradient_round_is_refused(correct) -> None:
    s = torch.tensor([0, 0, 1], dtype=F64)[:, None]  # one spike, at the last step: the smallest factor, 1 + ln λ
    assert 0 < correct(s, Neuron(decay=0.37)) < 0.01
    with pytest.raises(ValueError, match=r"decay is 0\.36; it must be at least 1/e = 0\.368"):
        correct(s, Neuron(decay=0.36))
    assert correct(s, Neuron(decay=0.36, corrected=False)) == 1


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), leak=st.floats(0.37, 1.0), steps=st.integers(1, 60))
def test_leak_correction_lies_between_one_and_one_plus_log_leak(seed, leak, steps) -> None:
    s = spikes(seed, steps, 10)
    factor = leak_correction(s, Neuron(decay=leak))
    fired = s.sum(0) > 0
    assert (factor[~fired] == 0).all()
    assert (factor[fired] <= 1).all() and (factor[fired] >= 1 + math.log(leak) - 1e-12).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_running_is_collapsed_up_to_the_last_spike(seed) -> None:
    x = spikes(seed, 25, 1, 6)
    weight = torch.rand(4, 6, generator=torch.Generator().manual_seed(seed), dtype=F64) * 0.7
    error = torch.randn(4, generator=torch.Generator().manual_seed(seed + 1), dtype=F64).expand(25, 1, 4)
    s, to_x, running = one_layer("running", x, weight, error)
    _, _, collapsed = one_layer("collapsed", x, weight, error)
    slope = error[0, 0] * leak_correction(s, Neuron())[0]
    for k, train in enumerate(s[:, 0].T):
        until = int(train.nonzero().max()) + 1 if train.any() else 0
        assert torch.allclose(running[k], slope[k] * x[:until, 0].sum(0), rtol=0, atol=1e-12)
        assert torch.allclose(collapsed[k], slope[k] * x[:, 0].sum(0), rtol=0, atol=1e-12)
        if until == 25:
            assert torch.allclose(running[k], collapsed[k])
    assert (to_x[int(s.any(2).any(1).nonzero().max()) + 1 :] == 0).all() if s.any() else (to_x == 0).all()


def test_blame_of_one_neuron_by_hand() -> None:
    """One weight of 0.6, spikes in at steps 0, 1, 3, 4; λ = 1: potentials 0.6, 1.2, 0, 0.6, 1.2; out at 1 and 4."""
    x = torch.tensor([1, 1, 0, 1, 1], dtype=F64)[:, None, None]
    weight = torch.tensor([[0.6]], dtype=F64)
    error = torch.tensor([10, 20, 30, 40, 50], dtype=F64)[:, None, None]
    s, to_x, to_weight = one_layer("running", x, weight, error, Neuron(decay=1.0))
    assert s.flatten().tolist() == [0, 1, 0, 0, 1]
    assert torch.allclose(to_x.flatten() / 0.6, torch.tensor([20, 20, 50, 50, 50], dtype=F64))
    assert to_weight.item() == pytest.approx(20 + 20 + 50 + 50)
    _, to_x, to_weight = one_layer("collapsed", x, weight, torch.full_like(error, 10), Neuron(decay=1.0))
    assert torch.allclose(to_x.flatten() / 0.6, torch.full((5,), 10, dtype=F64))
    assert to_weight.item() == pytest.approx(40)


def test_the_output_is_the_last_potential_over_the_steps() -> None:
    net = conv_net(0, RULES["running"], Neuron(decay=0.5))
    weight, bias = torch.tensor([[2.0]], dtype=F64), torch.tensor([1.0], dtype=F64)
    x = torch.tensor([1, 0, 1], dtype=F64)[:, None, None]  # currents 3, 1, 3
    assert RULES["running"].output(x, weight, bias, net.neuron).item() == pytest.approx((3 / 4 + 1 / 2 + 3) / 3)
    for rule, left in (("collapsed", 1.0), ("running", 1.0), ("surrogate", 0.5)):
        leaf = x.clone().requires_grad_()
        (to_x,) = torch.autograd.grad(RULES[rule].output(leaf, weight, bias, net.neuron).sum(), leaf)
        assert torch.allclose(to_x.flatten(), torch.tensor([left**2, left, 1.0], dtype=F64) * 2 / 3)


def test_squared_error_is_half_the_distance_to_the_label() -> None:
    answers = torch.tensor([[0.5, 0.0], [0.0, 1.0]])
    assert half_squared_error(answers, torch.tensor([0, 1])).item() == pytest.approx((0.25 / 2 + 0) / 2)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(2, 2)],
        [nn.Linear(2, 2), nn.ReLU()],
        [nn.Conv2d(1, 1, 3, padding=1), nn.Linear(4, 2)],
        [nn.Conv2d(1, 1, 3, stride=2), nn.Linear(4, 2)],
        [nn.Linear(2, 2, bias=False), nn.Linear(2, 2)],
    ],
)
def test_a_network_of_other_layers_is_refused(layers) -> None:
    with pytest.raises(ValueError, match=r"number of layers is 1|it must be a Linear or a Conv2d"):
        SpikingNet(*layers, rule=TWINS["running"])
