"""Xylo's arithmetic by hand: cases worked on paper, and bit for bit what SynSense's simulator computes."""

import importlib.util
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.chips import xylo
from course_utils.chips.xylo import Configuration, IntegerLayer, XyloLayer, XyloNet, columns, quantized, run_integers
from course_utils.data.stripes import make_stripes
from course_utils.training.loop import fit


def stripes(count: int, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = make_stripes(count, seed=0, first=first)
    return torch.tensor(drawn.images)[:, None] / 255, torch.tensor(drawn.labels)


SEEN = columns(stripes(200, 5000)[0])


def layer(weights, threshold: int = 100, shift_syn: int = 1, shift_mem: int = 1, most: int = 31) -> IntegerLayer:
    """One neuron."""
    return IntegerLayer(
        torch.tensor(weights)[:, None], *(torch.tensor([value]) for value in (threshold, shift_syn, shift_mem)), most
    )


def random_configuration(seed: int, inputs: int, hidden: int, outputs: int, *, patient: bool = False) -> Configuration:
    """Any weights, thresholds and shifts. If `patient`, states hardly decay, so that sums meet the ends of 16 bits."""
    generator = torch.Generator().manual_seed(seed)

    def some(lowest: int, highest: int, *shape: int) -> torch.Tensor:
        return torch.randint(lowest, highest + 1, shape, generator=generator)

    def made(before: int, neurons: int, most: int) -> IntegerLayer:
        thresholds = some(20_000, 32_767, neurons) if patient else some(1, 2000, neurons)
        shifts = (some(12 if patient else 0, 15, neurons) for _ in range(2))
        return IntegerLayer(some(-128, 127, before, neurons), thresholds, *shifts, most)

    return Configuration(made(inputs, hidden, xylo.HIDDEN_SPIKES), made(hidden, outputs, xylo.OUTPUT_SPIKES))


def random_spikes(seed: int, steps: int, batch: int, inputs: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    spikes = torch.randint(0, 16, (steps, batch, inputs), generator=generator)
    return spikes * (torch.rand(spikes.shape, generator=generator) < 0.5)


@pytest.fixture(scope="module")
def trained() -> XyloNet:
    torch.manual_seed(0)
    network = XyloNet()
    fit(network, stripes(1000), stripes(100, 1000), epochs=4, learning_rate=3e-3, seed=0, batch_size=64)
    return network


# A shift rounds down, also below 0. 3 >> 2 is 0: the least loss is 1.
@pytest.mark.parametrize(
    ("x", "shift", "lost"),
    [(100, 2, 25), (103, 2, 25), (-100, 2, -25), (-101, 2, -26), (3, 2, 1), (-1, 2, -1), (0, 2, 0), (77, 0, 77)],
)
def test_decay_is_a_shift_and_at_least_one(x: int, shift: int, lost: int):
    assert xylo.decrement(torch.tensor(x), shift).item() == lost
    ends = torch.tensor([32_767, -32_768])
    for _ in range(400):
        ends = ends - xylo.decrement(ends, 5)
    assert not ends.any(), "every state decays to 0"


def test_a_neuron_worked_by_hand():
    """One input of 3 spikes, weight 100: i = 300 − 150, v = 150, a spike and 50 are left; then i = 75, and so on."""
    spikes, v = layer([100]).run(torch.tensor([3, 0, 0, 0])[:, None, None])
    # i: 150, 75, 38 (75 >> 1 is 37), 19. v before the reset: 150, 50 − 25 + 75 = 100, 0 + 38, 38 − 19 + 19 = 38
    assert spikes.flatten().tolist() == [1, 1, 0, 0]
    assert v.flatten().tolist() == [50, 0, 38, 38]


def test_several_spikes_at_one_step_and_no_more_than_allowed():
    spikes, v = layer([100], threshold=10).run(torch.tensor([[[3]]]))
    assert (spikes.item(), v.item()) == (15, 0)
    spikes, v = layer([100], threshold=10, most=1).run(torch.tensor([[[3]]]))
    assert (spikes.item(), v.item()) == (1, 140), "what is left stays in the membrane"


def test_where_sums_meet_the_end_of_16_bits_the_order_counts():
    i, spikes = torch.tensor([[32_000]]), torch.tensor([[10, 10]])
    weights = torch.tensor([[127], [-127]])
    assert xylo.received(i, spikes, weights).item() == 32_767 - 1270
    assert xylo.received(i, spikes, weights.flip(0)).item() == 32_000
    assert xylo.received(torch.tensor([[0]]), spikes, weights).item() == 0


def test_hidden_spikes_reach_the_output_one_step_later():
    configuration = Configuration(layer([127], threshold=10), layer([127], threshold=10, most=1))
    ran = run_integers(configuration, torch.tensor([1, 0, 0])[:, None, None])
    assert ran.hidden.flatten().tolist()[0] > 0
    assert ran.output.flatten().tolist()[:2] == [0, 1]


def test_a_picture_goes_in_column_by_column():
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 3, 5], image[0, 0, 2, 0] = 0.1, 1.0
    spikes = columns(image)
    assert spikes.shape == (18, 1, 16)
    assert spikes[5, 0, 3] == 4 and spikes[0, 0, 2] == 15 and spikes.sum() == 19
    plain = columns(stripes(200)[0])
    assert 10 < plain.max() < 15, "all shades fit"


def test_stairs_and_their_surrogate():
    v = torch.tensor([-1.5, 0.2, 0.9, 1.0, 2.7, 33.5], requires_grad=True)
    xylo.stairs(v, 31).sum().backward()
    assert xylo.stairs(v, 31).tolist() == [0, 0, 0, 1, 2, 31]
    assert torch.allclose(v.grad, torch.tensor([1 / 9, 1 / 1.69, 1, 1, 1, 1 / 9]))


def test_the_float_network_is_the_integer_one_where_nothing_is_rounded():
    """States that are multiples of 16 lose nothing to the shifts for two steps."""
    torch.manual_seed(0)
    weights, threshold = 16 * torch.randint(-7, 8, (3, 5)), 32
    ones = torch.ones(5, dtype=torch.int64)
    integers = IntegerLayer(weights, threshold * ones, ones, 2 * ones, 31)
    floating = XyloLayer(3, 5, shifts=(1, 2), most=31).double()
    spikes = torch.randint(0, 4, (2, 8, 3))
    with torch.no_grad():
        floating.linear.weight.copy_(weights.T / threshold)
        ours, ours_v = floating(spikes.double())
    theirs, theirs_v = integers.run(spikes)
    assert theirs.max() > 1
    assert torch.equal(ours.long(), theirs)
    assert torch.allclose(threshold * ours_v, theirs_v.double())


def test_a_trained_network_keeps_its_accuracy_and_most_of_its_spikes(trained: XyloNet):
    images, labels = stripes(500, 5000)
    spikes = columns(images)
    with torch.no_grad():
        ours = trained.run(spikes)
    chip = run_integers(quantized(trained), spikes)
    assert (ours.scores.argmax(1) == labels).double().mean() >= 0.99
    assert (chip.scores.argmax(1) == labels).double().mean() >= 0.99
    assert (ours.hidden == chip.hidden).double().mean() > 0.9
    assert not torch.equal(ours.hidden, chip.hidden.to(ours.hidden.dtype)), "rounding must show somewhere"


def assert_same(ours: xylo.XyloRun, theirs: xylo.XyloRun) -> None:
    for name in ours._fields:
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name


@given(
    seed=st.integers(0, 2**31),
    inputs=st.integers(1, 16),
    hidden=st.integers(1, 40),
    outputs=st.integers(1, 8),
    patient=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_network_is_that_of_the_simulator(seed: int, inputs: int, hidden: int, outputs: int, patient: bool):
    pytest.importorskip("xylosim.v2")
    configuration = random_configuration(seed, inputs, hidden, outputs, patient=patient)
    spikes = random_spikes(seed, 12, 3, inputs)
    assert_same(run_integers(configuration, spikes), xylo.run_simulator(configuration, spikes))


@pytest.mark.parametrize("case", ["sums", "largest", "trained"])
def test_these_networks_are_those_of_the_simulator(case: str, trained: XyloNet):
    pytest.importorskip("xylosim.v2")
    configuration, spikes = {
        "sums": lambda: (random_configuration(0, 16, 60, 8, patient=True), random_spikes(0, 60, 4, 16)),
        "largest": lambda: (random_configuration(1, 16, 1000, 8), random_spikes(1, 6, 1, 16)),
        "trained": lambda: (quantized(trained), SEEN),
    }[case]()
    ours = run_integers(configuration, spikes)
    assert case != "sums" or ours.hidden_v.min() == -32_768, "sums must meet the ends of 16 bits"
    assert_same(ours, xylo.run_simulator(configuration, spikes))


def specification(configuration) -> dict[str, torch.Tensor]:
    """A configuration by Rockpool's names."""
    hidden, output = configuration.hidden, configuration.output
    neurons = len(hidden.threshold)
    tensors = {
        "weights_in": hidden.weights[:, :, None],
        "weights_rec": torch.zeros(neurons, neurons, 1, dtype=torch.int64),
        "weights_out": output.weights,
        "dash_syn_2": torch.zeros_like(hidden.shift_syn),
    }
    for layer, end in ((hidden, ""), (output, "_out")):
        values = {"threshold": layer.threshold, "dash_mem": layer.shift_mem, "dash_syn": layer.shift_syn}
        tensors |= {name + end: value for name, value in values.items()}
    return {name: values.numpy() for name, values in tensors.items()}


@pytest.mark.parametrize("bits", [5, 8, 12])
def test_fewer_bits_of_state_are_kept_and_16_change_nothing(trained: XyloNet, bits: int):
    spikes = SEEN[:, :40]
    assert_same(run_integers(quantized(trained, 16), spikes), run_integers(quantized(trained), spikes))
    coarse = quantized(trained, bits)
    ran = run_integers(coarse, spikes)
    assert ran.hidden_v.abs().max() <= 2 ** (bits - 1) and coarse.hidden.threshold.max() <= 2 ** (bits - 3)
    assert ran.hidden.sum() > 0


def test_integers_are_those_of_rockpool(trained: XyloNet):
    """Rockpool's own quantisation of the float network, in the form that its mapper gives."""
    methods = pytest.importorskip("rockpool.transform.quantize_methods")
    ours = specification(quantized(trained))
    ones, twos = {"threshold": 40, "dash_syn": 40}, {"threshold_out": 2}
    weights = (part.linear.weight.detach().double().T.numpy() for part in (trained.hidden, trained.output))
    floats = {name: values.astype(float) for name, values in ours.items()}
    floats |= {name: torch.ones(count).numpy() for name, count in (ones | twos).items()}
    floats |= dict(zip(("weights_in", "weights_out"), weights, strict=True))
    theirs = methods.global_quantize(**floats)
    assert set(theirs) == set(ours)
    for name, values in theirs.items():
        assert (values == ours[name]).all(), name


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((17, 10, 2), "17 inputs; Xylo has 16, 1 too few"),
        ((16, 1001, 2), "1001 hidden neurons; Xylo has 1000, 1 too few"),
        ((16, 10, 11), "11 output neurons; Xylo has 8, 3 too few"),
        ((16, 0, 2), "the number of hidden neurons is 0; it must be 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_missing(sizes: tuple[int, int, int], message: str):
    with pytest.raises(ValueError, match=message):
        random_configuration(0, *sizes) if sizes[1] else XyloNet(0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "weights holds 80 numbers that are not finite"),
        (float("inf"), "weights holds 80 numbers that are not finite"),
        (1e-4, r"threshold holds .* the chip takes 1 to 32767"),  # too small for their threshold
    ],
)
def test_weights_that_the_chip_cannot_hold_are_refused(value: float, message: str):
    network = XyloNet()
    torch.nn.init.constant_(network.output.linear.weight, value)
    with pytest.raises(ValueError, match=message):
        quantized(network)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [128]}, "weights holds 128; the chip takes -128 to 127"),
        ({"weights": [0.5]}, "must be torch.int64"),
        ({"weights": [1], "threshold": 0}, "threshold holds 0; the chip takes 1 to 32767"),
        ({"weights": [1], "shift_mem": 16}, "shift_mem holds 16; the chip takes 0 to 15"),
    ],
)
def test_integers_out_of_range_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        layer(**options)


def test_parts_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="needs one for each of 2 neurons"):
        IntegerLayer(torch.ones(3, 2).long(), *(torch.ones(1).long() for _ in range(3)), 31)
    with pytest.raises(ValueError, match="inputs of output is 2; it must be that of the hidden neurons, 1"):
        Configuration(layer([1]), layer([1, 1]))


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (torch.zeros(3, 2, 2), r"it must be \[time, batch, 1\]"),
        (torch.full((3, 1, 1), 16), "spikes hold 16; an input takes a whole number, 0 to 15"),
        (torch.full((3, 1, 1), 0.5), "spikes hold 0.5"),
        (torch.full((3, 1, 1), float("nan")), "spikes holds NaN"),
    ],
)
def test_spikes_that_no_input_takes_are_refused(spikes: torch.Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        run_integers(Configuration(layer([1]), layer([1])), spikes)


def test_without_the_simulator_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xylosim", None)
    monkeypatch.setitem(sys.modules, "xylosim.v2", None)
    configuration = Configuration(layer([1]), layer([1]))
    with pytest.raises(ModuleNotFoundError, match=r"python noxfile\.py -s xylo"):
        xylo.run_simulator(configuration, torch.ones(2, 1, 1))
    assert run_integers(configuration, torch.ones(2, 1, 1)).output.shape == (2, 1, 1)
    assert not xylo.available()


def test_the_module_asks_for_no_extra_package(monkeypatch):
    for name in ("xylosim", "rockpool", "samna"):
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("fresh_xylo", xylo.__file__)
    fresh = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fresh_xylo", fresh)
    spec.loader.exec_module(fresh)
    assert fresh.columns(torch.zeros(1, 1, 16, 16)).sum() == 0
