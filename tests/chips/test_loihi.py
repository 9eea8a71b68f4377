"""Loihi: its whole numbers against cases worked by hand, and against its emulator, spike for spike."""

import copy
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.chips import loihi
from course_utils.chips.loihi import UNIT, WHOLE, Core, VirtualLoihi, emulate, in_steps, integrate, multiplied
from course_utils.spiking.encoders import constant_current
from course_utils.spiking.li_readout import LIReadout
from tests.chips.fifth import IMAGES, fifth

made = partial(fifth, encode=partial(constant_current, steps=20, scale=20.0))


MODEL = made()


HALF = Core(torch.zeros(()), torch.zeros(()), WHOLE // 2, WHOLE // 2, 300, 1.0, 1.0)


def run(*arriving: int, core: Core = HALF) -> tuple[list[int], list[int]]:
    spikes, potentials = integrate(torch.tensor(arriving)[:, None, None], core)
    return spikes.flatten().int().tolist(), potentials.flatten().tolist()


def test_currents_and_membranes_decay_and_round_towards_zero():
    # u: 101, 50, 25, 12;  v: 101, 50 + 50, 50 + 25, 37 + 12
    assert run(101, 0, 0, 0)[1] == [101, 100, 75, 49]
    assert run(-101, 0, 0, 0)[1] == [-101, -100, -75, -49]
    assert run(1, *[0] * 5)[1] == [1, 0, 0, 0, 0, 0], "nothing is left of 1"


def test_a_neuron_spikes_above_the_threshold_and_keeps_its_current():
    assert run(300, 0) == ([0, 0], [300, 300]), "u: 300, 150;  v: 300, not above 300, then 150 + 150"
    assert run(301, 0) == ([1, 0], [0, 150]), "v: 301, a spike, 0, then what is left of u"


def test_membranes_end_and_inputs_that_are_too_large_are_named():
    top = 2**21 - 1
    lasting = HALF._replace(left_u=WHOLE, left_v=WHOLE)
    assert run(*[-top] * 6, core=lasting)[1][-1] == 1 - 2**23
    with pytest.raises(ValueError, match=f"{2**21}; a neuron can take less than {2**21}"):
        run(2**21)


def test_what_a_decaying_value_adds_up_to():
    assert multiplied(WHOLE // 2) == 2 - 2**-21
    assert multiplied(0) == 1
    assert multiplied(3277) == pytest.approx(WHOLE / (WHOLE - 3277), rel=1e-4)


def test_weights_in_steps():
    # 127.5 rounds to 128, which 8 bits with a sign do not hold; 63.75 to 64. A step is 2 units of 64.
    assert in_steps(torch.tensor([1.0, -1.0, 0.5, 0.0]), 1.0).tolist() == [127 * 128, -127 * 128, 64 * 128, 0]
    # a quarter of the largest: 4 times finer would be steps of 1/2 unit, 127 of them; a unit is the least: 64 units
    assert in_steps(torch.tensor([0.25]), 1.0).tolist() == [64 * 64]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6))
def test_weights_are_at_most_half_a_step_off(weights: list[float]):
    weights = torch.tensor(weights, dtype=torch.float64)
    if weights.abs().max() > 1 / 64:
        off = (in_steps(weights, 1.0) - weights * 255 * UNIT).abs().max()
        assert off <= UNIT + 1e-6
        assert (in_steps(weights, 1.0) % UNIT == 0).all()


def test_norses_time_constants_in_4096ths():
    virtual = VirtualLoihi(MODEL)
    for core in (virtual.hidden, virtual.output):
        assert abs(core.left_u / WHOLE - 0.8) < 1 / WHOLE
        assert abs(core.left_v / WHOLE - 0.9) < 1 / WHOLE
        assert core.threshold % UNIT == 0
        assert core.threshold < 2**23


def with_biases(hidden: float, output: float = 0.0) -> LIReadout:
    model = made()
    with torch.no_grad():
        model.conv.bias.copy_(model.conv.weight.abs().max() * torch.tensor([hidden, -3e-3]))
        model.linear.bias.fill_(output)
    return model


@pytest.mark.parametrize(
    "model",
    [MODEL, made(outputs=1, readout="maximum"), made(filters=3), with_biases(1e-3), with_biases(1.5, 0.05)],
    ids=["two outputs", "one output", "three maps", "small biases", "large bias"],
)
def test_the_emulator_and_the_whole_numbers_agree_spike_for_spike(model: LIReadout):
    images = IMAGES[:17]  # one round is full, in the second all copies but one have nothing to do
    emulated = emulate(model, images)
    virtual = VirtualLoihi(model).activity(images)
    assert 0.002 < virtual.hidden.mean() < 0.7
    assert emulated.inputs.equal(virtual.inputs)
    assert emulated.hidden.equal(virtual.hidden)
    assert emulated.readout.equal(virtual.readout)
    assert model.scores(emulated.readout).equal(VirtualLoihi(model)(images))


def test_nothing_is_left_of_the_picture_before(monkeypatch: pytest.MonkeyPatch):
    images = torch.stack([torch.ones(1, 16, 16), IMAGES[0], torch.ones(1, 16, 16), torch.zeros(1, 16, 16)])
    apart = emulate(MODEL, images)
    monkeypatch.setattr(loihi, "COPIES", 1)
    one_after_the_other = emulate(MODEL, images)
    assert one_after_the_other.hidden.equal(apart.hidden)
    assert one_after_the_other.readout.equal(apart.readout)


def test_it_is_near_the_model():
    virtual, model = VirtualLoihi(MODEL).activity(IMAGES), MODEL.activity(IMAGES)
    counts = torch.stack([activity.hidden.sum(0).flatten() for activity in (virtual, model)])
    assert torch.corrcoef(counts)[0, 1] > 0.98
    assert (virtual.readout - model.readout).abs().max() < 0.2 * model.readout.abs().max()


def test_weights_on_the_grid_are_nearer():
    before = copy.deepcopy(MODEL.state_dict())
    virtual = VirtualLoihi(MODEL).activity(IMAGES)
    unlike = [(model.activity(IMAGES).hidden != virtual.hidden).sum() for model in (MODEL, loihi.on_the_grid(MODEL))]
    assert unlike[1] < 0.3 * unlike[0]
    assert all(values.equal(before[name]) for name, values in MODEL.state_dict().items()), "the model is as it was"


def with_value(name: str, value: float) -> LIReadout:
    model = made()
    with torch.no_grad():
        model.get_parameter(name).flatten()[0] = value
    return model


def filled(name: str, value: float) -> LIReadout:
    model = made()
    torch.nn.init.constant_(model.get_parameter(name), value)
    return model


@pytest.mark.parametrize("use", [lambda *given: VirtualLoihi(given[0])(given[1]), emulate], ids=["by hand", "emulator"])
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (made(pool="maximum"), "the model's pool is a maximum"),
        (made(filters=7), "1183 hidden neurons; a core has 1024 compartments, 159 too few"),
        (with_value("conv.weight", torch.nan), r"conv\.weight holds 1 numbers that are not finite"),
        (with_value("linear.bias", torch.inf), r"linear\.bias holds 1 numbers that are not finite"),
        (filled("linear.weight", 0.0), r"linear\.weight is 0 everywhere"),
        (made(encode=lambda images: images.expand(3, *images.shape)), "only spikes enter the chip"),
        (filled("linear.weight", 1.0), "left its range|add up to"),
    ],
)
def test_what_does_not_fit_is_named(use, model: LIReadout, said: str):
    with pytest.raises(ValueError, match=said):
        use(model, IMAGES[:1])


def test_numpy_and_nengo_dl_are_left_alone():
    source = """
        import importlib.util, sys
        import numpy as np
        array, stand_in = np.array, sys
        sys.modules["nengo_extras"] = stand_in
        from course_utils.chips import loihi
        module = loihi.load_nengo_loihi()
        assert loihi.load_nengo_loihi() is module and module.__version__ == "1.1.0"
        assert np.array is array
        try:
            np.array([1.0], copy=False)
            raise AssertionError("NumPy was changed")
        except ValueError:
            pass
        assert sys.modules["nengo_extras"] is stand_in
        for name in ("tensorflow", "nengo_dl"):
            assert name not in sys.modules, name
            assert importlib.util.find_spec(name) is not None, name
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no chatter"


def test_numpy_as_it_was():
    numpy1 = loihi._Numpy1("numpy")
    values = np.arange(3.0)
    assert numpy1.array(values, copy=False) is values
    assert numpy1.array([1, 2], copy=False, dtype=np.float32, ndmin=2).tolist() == [[1, 2]]
    assert numpy1.array(values) is not values
    assert numpy1.float32 is np.float32


def test_a_version_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch):
    def broken(name: str):
        sys.modules["nengo_loihi.half"] = sys
        raise AttributeError("no such thing")

    for name in [name for name in sys.modules if name.partition(".")[0] == "nengo_loihi"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(loihi.importlib, "import_module", broken)
    with pytest.raises(ImportError, match=r"nengo-loihi 1\.1\.0, nengo .*no such thing.*was tested with nengo-loihi"):
        loihi.load_nengo_loihi()
    assert "nengo_loihi.half" not in sys.modules
    assert sys.modules.get("tensorflow", "not loaded") is not None
