"""The stripe networks: shapes, sizes counted by hand, reproducible noise, readouts, what they do not depend on."""

import math
from functools import partial

import norse.torch as norse
import pytest
import torch

from course_utils.data.patches import HARD, make_patches
from course_utils.data.rotation import make_rotations
from course_utils.data.stripes import make_stripes
from course_utils.lessons.harder_stripes.models import PatchNet
from course_utils.lessons.rotation.models import RotationNet
from course_utils.spiking import norse_cells, row_conv
from course_utils.spiking.encoders import STEPS
from course_utils.spiking.li_readout import READOUTS, LIReadout, awaken
from course_utils.spiking.neurons import LIF
from course_utils.spiking.norse_cells import spike
from course_utils.spiking.recurrent import RecurrentLIF
from course_utils.spiking.stripe_networks import BroadConv, FlatLIF, LeanConv, PoissonInput

PICTURES = 0.4 * torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))
STRIPES, PATCHES, TRIALS = (
    torch.tensor(drawn)[:, None] / 255
    for drawn in (
        make_stripes(100, 0).images, make_patches(40, 0, settings=HARD).images, make_rotations(6, 0).frames
    )
)  # fmt: skip
COUNTING = {
    "FlatLIF": FlatLIF,
    "BroadConv": BroadConv,
    "LeanConv, Poisson": lambda: LeanConv(PoissonInput()),
    "LeanConv, constant current": LeanConv,
}


def seeded(build, seed: int = 1):
    torch.manual_seed(seed)
    return build()


@pytest.mark.parametrize("name", COUNTING)
def test_pictures_become_spike_counts_by_parameters_that_all_learn_and_nothing_is_left_behind(name) -> None:
    model = seeded(COUNTING[name])
    scores = model(PICTURES)
    assert scores.shape == (6, 2)
    assert ((scores >= 0) & (scores <= getattr(model, "steps", STEPS)) & (scores == scores.round())).all()
    torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 0, 1, 0, 1])).backward()
    assert all(parameter.grad.isfinite().all() and parameter.grad.any() for parameter in model.parameters())
    if "Poisson" not in name:
        assert torch.equal(torch.cat([model(picture[None]) for picture in PICTURES]), scores)


@pytest.mark.parametrize(
    ("build", "by_hand"),
    [
        (FlatLIF, 256 * 2 + 2),
        (BroadConv, (13 * 16 + 13) + (32 * 13 * 16 + 32) + (32 * 9 * 2 + 2)),
        (LeanConv, (2 * 16 + 2) + (72 * 2 + 2)),
        (LIReadout, (2 * 16 + 2) + (2 * 12 * 12 * 2 + 2)),
        (PatchNet, (8 * 16 + 8) + (8 * 2 + 2)),
        (partial(PatchNet, pool="sum"), (8 * 16 + 8) + (8 * 2 + 2)),
        (partial(PatchNet, pool="none"), (8 * 16 + 8) + (8 * 144 * 2 + 2)),
    ],
)
def test_parameters_as_counted_by_hand(build, by_hand) -> None:
    model = build()
    assert sum(values.numel() for values in model.parameters()) == by_hand
    assert model(PICTURES[:2]).shape == (2, 2)


@torch.no_grad()
@pytest.mark.parametrize(
    ("build", "images", "hidden", "readout"),
    [
        (LIReadout, STRIPES[:3], (2, 13, 13), (2,)),
        (partial(LIReadout, outputs=1), STRIPES[:3], (2, 13, 13), (1,)),
        (partial(PatchNet, steps=STEPS), PATCHES[:3], (8, 13, 13), (2,)),
    ],
)
def test_what_a_network_did_has_time_first(build, images, hidden, readout) -> None:
    model = seeded(build)
    activity = model.activity(images)
    assert activity.inputs.shape == (STEPS, 3, 1, 16, 16)
    assert activity.hidden.shape == (STEPS, 3, *hidden) and activity.readout.shape == (STEPS, 3, *readout)
    assert set(activity.hidden.unique().tolist()) <= {0.0, 1.0}
    assert model(images).shape == (3, 2)
    if isinstance(model, PatchNet):
        torch.testing.assert_close(model(images), activity.readout.mean(0))


@pytest.mark.parametrize(("level", "spikes"), [(0.99, False), (1.01, True)])
def test_model_1_spikes_if_five_times_its_input_is_above_the_threshold(level, spikes) -> None:
    model = FlatLIF(steps=500)
    torch.nn.init.zeros_(model.linear.weight)
    torch.nn.init.constant_(model.linear.bias, level / 5)
    assert bool(model(PICTURES).any()) == spikes


def test_poisson_noise_belongs_to_the_network_and_is_restored_with_it(tmp_path) -> None:
    model = LeanConv(PoissonInput(seed=3))
    torch.manual_seed(0)
    model(PICTURES)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    expected = [model.encode(PICTURES) for _ in range(2)]
    assert not torch.equal(*expected), "new spikes at every call"
    other = LeanConv(PoissonInput(seed=4))
    torch.manual_seed(5)  # torch's own generator has no part in it
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert all(torch.equal(other.encode(PICTURES), spikes) for spikes in expected)


def test_poisson_rates_follow_the_gain_and_are_cut_at_one() -> None:
    rates = PoissonInput(steps=4000, gain=2.0)(torch.tensor([0.0, 0.1, 0.3, 0.5, 0.9])).mean(0)
    expected = torch.tensor([0.0, 0.2, 0.6, 1.0, 1.0])
    assert (rates - expected).abs().max() < 4 * math.sqrt(0.25 / 4000)


def awake(seed: int, **options: object) -> LIReadout:
    """An awake network whose readout is not zero."""
    torch.manual_seed(seed)
    model = LIReadout(**options)
    readout = [values.clone() for values in model.linear.state_dict().values()]
    awaken(model, STRIPES)
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
@pytest.mark.parametrize(("name", "expected"), {"maximum": 3.0, "last": -2.0, "mean": 0.5, "integral": 0.2}.items())
def test_a_readout_is_what_its_name_says(name, expected) -> None:
    torch.testing.assert_close(READOUTS[name](torch.tensor([0.0, 3.0, 1.0, -2.0]), 0.1), torch.tensor(expected))
    model = awake(0, readout=name)
    traces = model.activity(STRIPES[:5]).readout
    torch.testing.assert_close(model(STRIPES[:5]), READOUTS[name](traces, 0.1))  # Δt = 1 ms, τ = 10 ms


@torch.no_grad()
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_one_output_neuron_has_the_difference_of_two_but_for_a_maximum(readout, seed) -> None:
    two = awake(seed, readout=readout).double()
    one = difference(two, readout=readout)
    scores, score = two(STRIPES[:20].double()), one(STRIPES[:20].double())
    assert (score[:, 0] == 0).all()
    expected = scores[:, 1] - scores[:, 0]
    assert expected.std() > 0.01
    assert torch.allclose(score[:, 1], expected, atol=1e-12, rtol=1e-12) == (readout != "maximum")


@torch.no_grad()
@pytest.mark.parametrize("gain", [1.0, 6.0])
@pytest.mark.parametrize("filters", [2, 5])
def test_awaken_puts_the_mean_current_of_every_map_at_the_rheobase(gain, filters) -> None:
    torch.manual_seed(3)  # both kernels of this seed are negative: a silent hidden layer
    model = LIReadout(filters=filters)
    kernels = model.conv.weight.clone()
    assert awaken(model, STRIPES, gain) is model
    torch.testing.assert_close(model.conv.weight, gain * kernels)
    drive = model.conv(model.encode(STRIPES).mean(0)).mean((0, 2, 3))
    piled_up = drive * 5  # 4/5 of the synaptic current is left after a step, so a constant input sums to 5 times itself
    torch.testing.assert_close(piled_up, torch.ones(filters), atol=1e-5, rtol=1e-5)
    assert (model.linear.weight == 0).all() and (model.linear.bias == 0).all()


@torch.no_grad()
@pytest.mark.parametrize("seed", range(5))
def test_every_map_spikes_once_awake(seed) -> None:
    torch.manual_seed(seed)
    rates = awaken(LIReadout(), STRIPES).activity(STRIPES).hidden.mean((0, 1, 3, 4))
    assert (rates > 0.005).all() and (rates < 0.2).all()


@torch.no_grad()
@pytest.mark.parametrize("seed", range(5))
def test_model_6_is_awake_where_there_is_a_patch_and_quiet_on_grey(seed) -> None:
    model = seeded(PatchNet, seed)
    assert (model.activity(PATCHES).hidden.mean((0, 1, 3, 4)) > 1e-4).all()
    grey = torch.full((1, 1, 16, 16), 0.15)
    assert model.activity(grey).hidden.sum() == 0


@torch.no_grad()
def test_the_place_of_a_patch_makes_no_difference() -> None:
    model = seeded(PatchNet, 0)
    grey = torch.full((144, 1, 16, 16), 0.15)
    patch = PATCHES[0, 0, :5, :5] * 0.5 + torch.linspace(0, 0.2, 5)
    for number, picture in enumerate(grey):
        row, column = divmod(number, 12)
        if 3 <= row < 9 and 3 <= column < 9:  # a kernel meets it in full on every side
            picture[0, row : row + 5, column : column + 5] = patch
    scores = model(grey)[[12 * row + column for row in range(3, 9) for column in range(3, 9)]]
    assert scores.std(0).max() < 1e-6
    assert (scores[0] - model(torch.full((1, 1, 16, 16), 0.15))[0]).abs().max() > 1e-3, "it is seen"


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
def test_what_is_trained_is_what_was_asked_for(recurrent, learnable) -> None:
    model = seeded(partial(RotationNet, recurrent=recurrent, learnable=learnable))
    names = {name for name, _ in model.named_parameters()}
    assert ("memory.recurrent.weight" in names) == recurrent
    assert ({"memory.log_tau_mem", "memory.log_tau_syn"} <= names) == learnable
    scores = model(TRIALS)
    assert scores.shape == (6, 2) and (scores[:, 0] == 0).all()
    scores[:, 1].sum().backward()
    for name, values in model.named_parameters():
        assert values.grad is not None and values.grad.abs().sum() > 0, name


@torch.no_grad()
def test_a_trial_does_not_depend_on_its_batch_and_time_counts() -> None:
    model = seeded(RotationNet)
    activity = model.activity(TRIALS)
    assert activity.inputs.shape == (20, 6, 1, 16, 16)
    assert activity.hidden.shape == (20, 6, 64) and activity.readout.shape == (20, 6, 1)
    assert activity.inputs.mean().abs() < 0.1, "grey is no current"
    torch.testing.assert_close(model(TRIALS[2:3]), model(TRIALS)[2:3])
    assert (model(TRIALS) - model(TRIALS.flip(2)))[:, 1].abs().max() > 1e-3


@torch.no_grad()
def test_later_frames_change_nothing_before_them() -> None:
    model = seeded(RotationNet)
    cut = TRIALS.clone()
    cut[:, :, 10:] = 0
    whole, part = model.activity(TRIALS), model.activity(cut)
    assert torch.equal(whole.hidden[:10], part.hidden[:10])
    assert not torch.equal(whole.hidden[10:], part.hidden[10:])


def step_by_step(cell, inputs: torch.Tensor) -> torch.Tensor:
    state, outputs = None, []
    for now in inputs:
        output, state = cell(now, state)
        outputs.append(output)
    return torch.stack(outputs)


@pytest.mark.parametrize("name", ["LIF", "LIF, other numbers", "LI"])
def test_norses_cells_run_at_once_give_the_same_bits_and_gradients(name) -> None:
    other = norse.LIFParameters(*map(torch.tensor, (150.0, 70.0)), v_th=torch.tensor(0.7))
    cell = {"LIF": norse.LIFCell(), "LI": norse.LICell()}.get(name) or norse.LIFCell(other, dt=0.002)
    assert norse_cells.as_neuron(cell) is not None
    inputs = torch.rand(50, 2000, 7, generator=torch.Generator().manual_seed(5)) - 0.2
    expected = step_by_step(cell, inputs)
    assert torch.equal(norse_cells.over_time(cell, inputs), expected) and 0.02 < expected.mean() < 2
    inputs = inputs[:, :20].double().requires_grad_()
    weights = torch.rand(50, 20, 7, dtype=inputs.dtype)
    wanted, found = (
        torch.autograd.grad((walk(cell, inputs) * weights).sum(), inputs)[0]
        for walk in (step_by_step, norse_cells.over_time)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize(
    "cell",
    [
        norse.LIFCell(norse.LIFParameters(v_leak=torch.tensor(0.2))),
        norse.LIFCell(norse.LIFParameters(v_reset=torch.tensor(-0.2))),
        norse.LIFCell(norse.LIFParameters(v_th=torch.tensor([0.5, 1.0, 2.0]))),
        norse.LIFCell(norse.LIFParameters(method="heaviside")),
        norse.LIFCell(dt=0.01),
        norse.LIFBoxCell(),
    ],
    ids=["leak", "reset", "a threshold each", "method", "long steps", "no synapse"],
)
def test_other_cells_are_called_at_every_step(cell) -> None:
    inputs = 2 * torch.rand(40, 6, 3, generator=torch.Generator().manual_seed(0))
    assert norse_cells.as_neuron(cell) is None
    assert torch.equal(norse_cells.over_time(cell, inputs), step_by_step(cell, inputs))


@pytest.mark.parametrize(("filters", "kernel", "size"), [(2, 4, (16, 16)), (3, (2, 5), (6, 9)), (1, 1, (4, 3))])
def test_a_convolution_by_rows_is_a_convolution(filters, kernel, size) -> None:
    layer = row_conv.RowConv(1, filters, kernel).double()
    pictures = torch.rand(5, 1, *size, dtype=torch.float64, requires_grad=True)
    theirs = torch.nn.functional.conv2d(pictures, layer.weight, layer.bias)
    mine = layer(pictures)
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-13)
    weights = torch.rand_like(mine)
    results = (torch.autograd.grad((y * weights).sum(), (pictures, layer.weight, layer.bias)) for y in (theirs, mine))
    for wanted, found in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
