"""Converted networks: the ANN's weights, rates that tend to its activations, its accuracy; bad input is named."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor, nn

from course_utils.exchange.conversion import ConvertedNet, accuracy_by_step, constant_input, convert
from course_utils.spiking.encoders import poisson
from course_utils.training.loop import accuracy, fit

DOUBLE = torch.float64


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def small_net(seed: int = 0, *, bias: bool = True) -> nn.Sequential:
    """Every supported layer, for images [batch, 2, 6, 6]; three spiking layers; batch normalisation that does much."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=bias), nn.BatchNorm2d(4), nn.ReLU()),
        nn.AvgPool2d(2),
        nn.Dropout(0.5),
        nn.Conv2d(4, 5, 2, bias=bias),
        nn.AvgPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5, 8, bias=bias),
        nn.ReLU(),
        nn.Linear(8, 3, bias=bias),
    ).double()
    norm = net[0][1]
    for tensor, low, high in ((norm.weight, -2, 2), (norm.bias, -1, 1), (norm.running_mean, -1, 1)):
        nn.init.uniform_(tensor, low, high)
    nn.init.uniform_(norm.running_var, 0.1, 3)
    return net


def activations(ann: nn.Sequential, images: Tensor) -> list[Tensor]:
    """What leaves every ReLU of `small_net`."""
    outputs, now = [], images
    with torch.no_grad():
        for layer in copy.deepcopy(ann).eval():
            now = layer(now)
            if isinstance(layer, nn.ReLU | nn.Sequential):
                outputs.append(now)
    return outputs


def converted(seed: int, images: Tensor, **options: object) -> tuple[nn.Sequential, ConvertedNet]:
    """A random net and its conversion; random nets with a silent layer are passed over."""
    ann = small_net(seed)
    assume(all(layer.max() > 1e-3 for layer in activations(ann, images)))
    return ann, convert(ann, images, **options)


def one_neuron(start: float = 0.0) -> ConvertedNet:
    """A spiking neuron whose activation is its pixel, and an output that counts its spikes."""
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU()).double()
    nn.init.ones_(net[0].weight)
    return convert(net, torch.ones(1, 1, dtype=DOUBLE), start=start)


@pytest.mark.parametrize("balance", ["data", None])
def test_weights_stay_and_biases_are_scaled(balance) -> None:
    ann, images = small_net(), pixels(50, 2, 6, 6)
    before = copy.deepcopy(ann.state_dict())
    snn = convert(ann, images, balance=balance)
    assert all(torch.equal(value, before[name]) for name, value in ann.state_dict().items())
    assert ann.training and not any(parameter.requires_grad for parameter in snn.parameters())

    second, third, last = snn.hidden[1][1], snn.hidden[2][1], snn.readout[0]
    for layer, original, below in ((second, ann[3], 0), (third, ann[7], 1), (last, ann[9], 2)):
        assert torch.equal(layer.weight, original.weight)
        assert torch.allclose(layer.bias * snn.scales[below], original.bias, rtol=1e-14, atol=0)
    assert torch.allclose(snn.thresholds.cumprod(0), snn.scales, rtol=1e-14, atol=0)
    if balance is None:
        assert torch.equal(snn.scales, torch.ones(3, dtype=DOUBLE))


def test_batch_norm_is_folded_exactly() -> None:
    for seed in range(5):
        ann, images = small_net(seed, bias=seed % 2 == 0), pixels(20, 2, 6, 6, seed=seed)
        folded = convert(ann, images, balance=None).hidden[0](images)
        with torch.no_grad():
            expected = copy.deepcopy(ann).eval()[0][:2](images)
        assert (folded - expected).abs().max() < 1e-12


def test_scales_are_the_largest_activations_or_their_percentile() -> None:
    ann, images = small_net(), pixels(50, 2, 6, 6)
    outputs = activations(ann, images)
    largest = convert(ann, images).scales
    assert torch.allclose(largest, torch.stack([layer.max() for layer in outputs]), rtol=1e-12, atol=0)
    cut = convert(ann, images, percentile=80.0).scales
    for layer, scale in zip(outputs, cut, strict=True):
        active = layer[layer > 0]
        assert (active <= scale * (1 + 1e-12)).double().mean() == pytest.approx(0.8, abs=0.51 / len(active))


def error_bounds(snn: ConvertedNet, sample: Tensor) -> list[float]:
    """c_l of `ConvertedNet`, layer by layer, and of the output, which has no threshold and no rounding.

    Let z be the mean input of a neuron in units of its threshold, at most 1. Up to step t it has got t·z + e(t) with
    |e| ≤ E = c_(l−1) Σ|w|/threshold. Since it spikes whenever it is above threshold, its potential ends at most
    1 + 2E above 0, and at most 2E below after a spike (z ≥ 0): its count is within 1 + 3E of t·z. For z < 0 it got
    no more than E altogether at its last spike, so it spiked at most E times.
    """
    bounds, now = [0.0], torch.ones_like(sample)
    for stage, threshold in [*zip(snn.hidden, snn.thresholds, strict=True), (snn.readout, None)]:
        absolute = copy.deepcopy(stage)
        for layer in absolute:
            if hasattr(layer, "weight"):
                layer.weight.abs_()
                if layer.bias is not None:
                    layer.bias.zero_()
        now = absolute(torch.ones_like(now))
        error = bounds[-1] * now.max().item()
        bounds.append(error if threshold is None else 1 + 3 * error / threshold.item())
    return bounds[1:]


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 200))
@settings(max_examples=20, deadline=None)
def test_rates_and_potentials_tend_to_activations_and_scores(seed, steps) -> None:
    images = pixels(6, 2, 6, 6, seed=seed)
    ann, snn = converted(seed, images)
    run = snn.run(constant_input(images, steps))
    *bounds, last = error_bounds(snn, images)
    for rate, layer, scale, bound in zip(run.rates, activations(ann, images), snn.scales, bounds, strict=True):
        assert ((rate - layer / scale).abs() <= bound / steps + 1e-9).all()
    with torch.no_grad():
        scores = copy.deepcopy(ann).eval()(images)
    assert ((run.potentials[-1] / steps - scores / snn.scales[-1]).abs() <= last / steps + 1e-9).all()


@pytest.mark.parametrize(("start", "within"), [(0.0, 1.0), (0.5, 0.5)])
@given(value=st.floats(0, 1), steps=st.integers(1, 500))
def test_the_rate_is_the_value_cut_off_or_from_half_the_threshold_rounded(start, within, value, steps) -> None:
    run = one_neuron(start).run(constant_input(torch.tensor([[value]], dtype=DOUBLE), steps))
    assert abs(run.rates[0].item() - value) <= within / steps + 1e-9


def test_poisson_input_gives_the_rate_of_its_spikes() -> None:
    values, steps = torch.linspace(0, 1, 50, dtype=DOUBLE)[:, None], 1000
    spikes = poisson(values, steps, torch.Generator().manual_seed(0))
    rates = one_neuron().run(spikes).rates[0]
    assert ((rates - spikes.mean(0)).abs() <= 1 / steps + 1e-9).all()
    assert ((rates - values).abs() <= 1.1 / steps + 4 * (values * (1 - values) / steps).sqrt()).all()


def test_runs_begin_at_rest_and_repeat() -> None:
    images = pixels(10, 2, 6, 6)
    snn = convert(small_net(), images)
    first, again = (snn.run(constant_input(images, 30)) for _ in range(2))
    assert torch.equal(first.potentials, again.potentials)
    assert torch.equal(snn(constant_input(images, 12)), first.potentials[:12])
    assert torch.allclose(snn(constant_input(images[3:5], 30)), first.potentials[:, 3:5], rtol=0, atol=1e-12)


def test_the_output_never_fires() -> None:
    """Its potential grows without a limit; with the ReLU as last layer it counts spikes."""
    run = one_neuron().run(constant_input(torch.full((1, 1), 0.25, dtype=DOUBLE), 401))
    assert run.potentials[-1].item() == pytest.approx(100)
    assert (run.potentials.diff(dim=0) >= 0).all()


def test_one_relu_and_one_layer_may_be_used_twice() -> None:
    relu, layer = nn.ReLU(), nn.Linear(4, 4).double()
    nn.init.uniform_(layer.weight, 0, 1)
    images = pixels(10, 4)
    ann = nn.Sequential(layer, relu, layer, relu, nn.Linear(4, 2).double())
    snn = convert(ann, images)
    with torch.no_grad():
        assert torch.allclose(snn(constant_input(images, 5000))[-1] / 5000 * snn.scales[-1], ann(images), atol=0.02)


@pytest.fixture(scope="module")
def digits() -> tuple[nn.Sequential, Tensor, Tensor, Tensor]:
    """A small convolutional net trained on scikit-learn's digits, its training images, and a test set."""
    images, labels = load_digits(return_X_y=True)
    images, labels = torch.from_numpy(images / 16).float().reshape(-1, 1, 8, 8), torch.from_numpy(labels)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:-500], order[-500:]
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(8 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    pairs = tuple((images[part], labels[part]) for part in (train, test))
    fit(net, *pairs, epochs=12, learning_rate=0.01, seed=0)
    return net.eval(), images[train], images[test], labels[test]


def at_steps(snn: ConvertedNet, inputs: Tensor, labels: Tensor) -> dict[int, float]:
    return dict(enumerate(accuracy_by_step(snn(inputs), labels).tolist(), start=1))


def test_converted_digits_are_read_as_well_as_by_the_ann(digits) -> None:
    net, train, images, labels = digits
    of_ann = accuracy(net, images, labels)
    assert of_ann > 0.95
    inputs = constant_input(images, 64)
    balanced = at_steps(convert(net, train), inputs, labels)
    assert abs(balanced[64] - of_ann) <= 0.01
    assert balanced[2] < 0.5  # the first spikes have not arrived
    assert at_steps(convert(net, train, percentile=99.0), inputs, labels)[4] > balanced[4] + 0.05
    assert at_steps(convert(net, train, balance=None), inputs, labels)[64] < of_ann - 0.1
    spikes = poisson(images, 64, torch.Generator().manual_seed(0))
    assert abs(at_steps(convert(net, train), spikes, labels)[64] - of_ann) <= 0.025


def test_accuracy_by_step_by_hand() -> None:
    potentials = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]])
    assert accuracy_by_step(potentials, torch.tensor([0, 1])).tolist() == [0.5, 1.0, 0.5]


HEAD = (nn.Linear(4, 4), nn.ReLU())
UNFIT = {
    r"layer 1 of ann \(MaxPool2d\) is not supported; Conv2d": (nn.ReLU(), nn.MaxPool2d(2)),
    r"layer 1\.0 of ann \(Tanh\)": (nn.ReLU(), nn.Sequential(nn.Tanh())),
    r"layer 2 of ann \(ReLU6\)": (*HEAD, nn.ReLU6()),
    r"layer 2 of ann \(MultiheadAttention\)": (*HEAD, nn.MultiheadAttention(4, 2)),
    r"layer 1 of ann \(Linear\) needs a ReLU": (nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()),
    r"layer 0 of ann \(BatchNorm2d\) cannot be folded": (nn.BatchNorm2d(4), nn.ReLU()),
    r"layer 2 of ann \(BatchNorm2d\) cannot be folded": (nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.BatchNorm2d(2)),
    r"keep running statistics": (nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False), nn.ReLU()),
    r"ann has no ReLU": (nn.Linear(4, 4),),
}


@pytest.mark.parametrize("message", UNFIT)
def test_unfit_networks_are_named(message) -> None:
    with pytest.raises(ValueError, match=message):
        convert(nn.Sequential(*UNFIT[message]), torch.ones(3, 4))


def test_a_silent_layer_is_named() -> None:
    ann = nn.Sequential(nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.constant_(ann[1].weight, -1.0)
    nn.init.constant_(ann[1].bias, -1.0)
    with pytest.raises(ValueError, match="ReLU number 2 of ann is silent for all images"):
        convert(ann, torch.ones(3, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"balance": "max"}, "balance is 'max'"),
        ({"percentile": 0.0}, "percentile is 0.0"),
        ({"percentile": float("nan")}, "percentile is nan"),
        ({"percentile": 99.0, "balance": None}, '100 unless balance is "data"'),
        ({"start": 1.0}, "start is 1.0"),
        ({"ann": nn.Linear(4, 4)}, "ann is a Linear; it must be an nn.Sequential"),
        ({"images": torch.full((3, 4), 1.5)}, "images hold 1.5"),
        ({"images": torch.full((3, 4), float("nan"))}, "images holds NaN"),
        ({"images": torch.ones(3, 4, dtype=torch.uint8)}, "images are torch.uint8"),
        ({"images": torch.ones(0, 4)}, r"images are torch.float32 \[0, 4\]"),
        ({"images": torch.ones(4)}, r"count ≥ 1"),
    ],
)
def test_bad_arguments_are_named(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        convert(**{"ann": nn.Sequential(*HEAD), "images": torch.ones(3, 4), **options})


@pytest.mark.parametrize("shape", [(0, 5, 4), (7, 4), (7, 5, 3), (7, 5, 1, 4), (7,), ()])
def test_inputs_of_another_shape_are_refused(shape) -> None:
    snn = convert(nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"it must be \[time ≥ 1, batch, 4\]"):
        snn(torch.ones(shape))


def test_what_goes_in_and_what_is_judged_must_fit() -> None:
    for value, steps, says in ((1.5, 3, "images hold"), (0.5, 0, "steps is 0"), (0.5, True, "steps is True")):
        with pytest.raises(ValueError, match=says):
            constant_input(torch.full((1, 1), value), steps)
    for potentials, labels in (((3, 5, 2), 4), ((3, 5), 5), ((3, 0, 2), 0)):
        with pytest.raises(ValueError, match="labels have shape"):
            accuracy_by_step(torch.zeros(potentials), torch.zeros(labels, dtype=torch.int64))
