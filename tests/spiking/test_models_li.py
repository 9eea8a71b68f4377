"""Model 5: its shapes, its readouts, one output neuron instead of two, an awake hidden layer."""


import pytest
import torch
from torch import Tensor

from course_utils.data.stripes import make_stripes
from course_utils.spiking.stripe_networks import READOUTS, STEPS, LIReadout, awaken

LINEAR = [name for name in READOUTS if name != "maximum"]


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.tensor(make_stripes(100, 0).images)[:, None] / 255


def awake(images: Tensor, seed: int, **options: object) -> LIReadout:
    """An awake network whose readout is not zero."""
    torch.manual_seed(seed)
    model = LIReadout(**options)
    readout = [values.clone() for values in model.linear.state_dict().values()]
    awaken(model, images)
    model.linear.load_state_dict(dict(zip(("weight", "bias"), readout, strict=True)))
    return model


def difference(model: LIReadout, **options: object) -> LIReadout:
    """The network with one output neuron that has the difference of the two outputs' weights and biases."""
    one = LIReadout(outputs=1, **options).to(model.linear.weight.dtype)
    state = model.state_dict()
    for name in ("linear.weight", "linear.bias"):
        state[name] = state[name][1:] - state[name][:1]
    one.load_state_dict(state)
    return one


@torch.no_grad()
def test_shapes_follow_the_arithmetic(images) -> None:
    convolved = 16 - 4 + 1
    pooled = convolved - 2 + 1
    model = LIReadout()
    assert model.linear.in_features == 2 * pooled * pooled == 288
    assert sum(values.numel() for values in model.parameters()) == 2 * 16 + 2 + 2 * 288 + 2
    activity = model.activity(images[:3])
    assert activity.inputs.shape == (STEPS, 3, 1, 16, 16)
    assert activity.hidden.shape == (STEPS, 3, 2, convolved, convolved)
    assert activity.readout.shape == (STEPS, 3, 2)
    assert set(activity.hidden.unique().tolist()) <= {0.0, 1.0}
    assert model(images[:3]).shape == LIReadout(outputs=1)(images[:3]).shape == (3, 2)


@torch.no_grad()
@pytest.mark.parametrize(("name", "expected"), {"maximum": 3.0, "last": -2.0, "mean": 0.5, "integral": 0.2}.items())
def test_a_readout_is_what_its_name_says(name, expected) -> None:
    trace = torch.tensor([0.0, 3.0, 1.0, -2.0])
    torch.testing.assert_close(READOUTS[name](trace, 0.1), torch.tensor(expected))


@torch.no_grad()
def test_the_score_is_the_readout_of_the_traces(images) -> None:
    for name, read in READOUTS.items():
        model = awake(images, 0, readout=name)
        traces = model.activity(images[:5]).readout
        torch.testing.assert_close(model(images[:5]), read(traces, 0.1))  # Δt = 1 ms, τ = 10 ms


@torch.no_grad()
@pytest.mark.parametrize("readout", LINEAR)
@pytest.mark.parametrize("seed", [0, 1])
def test_one_output_neuron_has_the_difference_of_two(images, readout, seed) -> None:
    two = awake(images, seed, readout=readout).double()
    one = difference(two, readout=readout)
    scores, score = two(images[:20].double()), one(images[:20].double())
    assert (score[:, 0] == 0).all()
    expected = scores[:, 1] - scores[:, 0]
    assert expected.std() > 0.01
    torch.testing.assert_close(score[:, 1], expected, atol=1e-12, rtol=1e-12)


@torch.no_grad()
def test_a_maximum_over_time_is_no_difference(images) -> None:
    two = awake(images, 0, readout="maximum")
    scores, score = two(images), difference(two, readout="maximum")(images)
    assert (score[:, 1] - (scores[:, 1] - scores[:, 0])).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("gain", [1.0, 6.0])
@pytest.mark.parametrize("filters", [2, 5])
def test_awaken_puts_the_mean_current_of_every_map_at_the_rheobase(images, gain, filters) -> None:
    torch.manual_seed(3)  # both kernels of this seed are negative: a silent hidden layer
    model = LIReadout(filters=filters)
    kernels = model.conv.weight.clone()
    assert awaken(model, images, gain) is model
    torch.testing.assert_close(model.conv.weight, gain * kernels)
    drive = model.conv(model.encode(images).mean(0)).mean((0, 2, 3))
    piled_up = drive * 5  # 4/5 of the synaptic current is left after a step, so a constant input sums to 5 times itself
    torch.testing.assert_close(piled_up, torch.ones(filters), atol=1e-5, rtol=1e-5)
    assert (model.linear.weight == 0).all() and (model.linear.bias == 0).all()


@torch.no_grad()
@pytest.mark.parametrize("seed", range(5))
def test_every_map_spikes_once_awake(images, seed) -> None:
    torch.manual_seed(seed)
    rates = awaken(LIReadout(), images).activity(images).hidden.mean((0, 1, 3, 4))
    assert (rates > 0.005).all() and (rates < 0.2).all()


@pytest.mark.parametrize("gain", [0, -1, float("nan")])
def test_a_gain_that_is_not_above_zero_is_refused(images, gain) -> None:
    model = LIReadout()
    before = model.conv.weight.clone()
    with pytest.raises(ValueError, match=r"gain is .*; it must be above 0"):
        awaken(model, images, gain)
    assert (model.conv.weight == before).all(), "nothing was changed"
