"""LeNet5, VGG and ResNet with spikes: their tables, constant input, masks by sample, gradients, memory."""

import pytest
import torch
from torch import nn

from course_utils.spiking import convnets
from course_utils.spiking.blocks import SpikingAvgPool
from course_utils.spiking.convnets import NETWORKS, build, lenet5, resnet11, vgg7, vgg9
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import HeldDropout, OverTime, SpikingNeurons


def table(*rows: str) -> list[tuple]:
    """How each `LayerRow` begins: "3×5×5 20/2" is a convolution of stride 2, "+" a skip, "P" a pool, "N" dense."""
    read = []
    for row in rows:
        kernel, channels = row.strip("+").split()
        channels, _, stride = channels.partition("/")
        kind = {"P": "average pooling", "N": "fully connected", "O": "output"}.get(kernel, "convolution")
        kind = f"skip {kind}" if row[0] == "+" else kind
        kernel = {"P": "2×2"}.get(kernel, kernel if "×" in kernel else "")
        read.append((kind, kernel, int(channels), None if kernel == "" else 2 if kernel == "2×2" else int(stride or 1)))
    return read


END = "N 1024", "O 10"
# Tables 4.2 to 4.4 of the thesis, as printed, but for those of ResNet11.
THESIS = {
    "LeNet5": table("1×5×5 20", "P 20", "20×5×5 50", "P 50", "N 200", "O 10"),
    "VGG7": table(
        *("3×3×3 64", "64×3×3 64/2", "P 64", "64×3×3 128", "128×3×3 128/2", "128×3×3 128/2", "P 128", *END)
    ),
    "ResNet7": table(
        *("3×3×3 64", "P 64", "64×3×3 128", "128×3×3 128/2", "+64×1×1 128/2"),
        *("128×3×3 256", "256×3×3 256/2", "+128×1×1 256/2", *END),
    ),
    "VGG9": table(
        *("3×3×3 64", "64×3×3 64", "P 64", "64×3×3 128", "128×3×3 128", "P 128"),
        *("128×3×3 256", "256×3×3 256", "256×3×3 256", "P 256", *END),
    ),
    "ResNet9": table(
        *("3×3×3 64", "P 64", "64×3×3 128", "128×3×3 128", "+64×1×1 128", "128×3×3 256", "256×3×3 256/2"),
        *("+128×1×1 256/2", "256×3×3 512", "512×3×3 512/2", "+256×1×1 512/2", *END),
    ),
}
RESNET11_OF_THE_THESIS = table(
    *("3×3×3 64", "P 64", "64×3×3 128", "128×3×3 128", "+64×1×1 128", "128×3×3 256", "256×3×3 256/2"),
    *("+128×1×1 256/2", "256×3×3 512", "512×3×3 512", "512×3×3 512/2", "+512×1×1 512/2", *END),
)


def rows(network: OverTime) -> list[tuple]:
    return [row[:4] for row in network.rows]


@pytest.mark.parametrize("name", THESIS)
def test_networks_are_those_of_the_thesis(name) -> None:
    assert rows(build(name)) == THESIS[name]


def test_resnet11_has_what_the_table_of_the_thesis_lacks() -> None:
    ours = rows(resnet11())
    with_weights = [row for row in ours if row[0] in ("convolution", "fully connected", "output")]
    assert len(with_weights) == 11
    # without the two missing rows, and with the kernel that the table gives to the last skip, it is the table
    at = ours.index(*table("+256×1×1 512"))
    assert [ours[at + 1]] == table("512×3×3 512")
    del ours[at : at + 2]
    assert ours[-3] == ("skip", "1×1", 512, 2)
    (ours[-3],) = table("+512×1×1 512/2")
    assert ours == RESNET11_OF_THE_THESIS
    listed = [row for row in RESNET11_OF_THE_THESIS if row[0] in ("convolution", "fully connected", "output")]
    assert len(listed) == 10


def test_sizes_of_lenet5_by_hand() -> None:
    found = lenet5().rows
    assert [row.output for row in found] == [(20, 28, 28), (20, 14, 14), (50, 14, 14), (50, 7, 7), (200,), (10,)]
    assert [row.parameters for row in found] == [20 * 25, 0, 50 * 20 * 25, 0, 50 * 49 * 200, 200 * 10]
    assert [row.neurons for row in found] == [20 * 784, 20 * 196, 50 * 196, 50 * 49, 200, 0]
    shown = convnets.layer_table(lenet5())
    assert len(shown.rows) == len(found) + 1
    assert shown.rows[-1][-2:] == ["517,500", "32,050"]


@pytest.mark.parametrize(
    ("network", "outputs"),
    [
        (lenet5(in_channels=2, size=34), [(20, 34, 34), (20, 17, 17), (50, 17, 17), (50, 8, 8), (200,), (10,)]),
        (build("StridedNet"), [(24, 14, 14), (48, 7, 7), (96, 4, 4), (10,)]),
        (
            vgg7(),  # a single place is left for the last layers
            [*((64, n, n) for n in (32, 16, 8)), *((128, n, n) for n in (8, 4, 2, 1)), (1024,), (10,)],
        ),
    ],
    ids=["LeNet5 for events", "StridedNet", "VGG7"],
)
def test_maps_have_their_sizes(network, outputs) -> None:
    assert [row.output for row in network.rows] == outputs
    assert network.rows[0].kernel.startswith(f"{network.sample[0]}×")


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_weights_follow_their_fan_in(name) -> None:
    torch.manual_seed(0)
    gain = 2.0 if name in ("LeNet5", "StridedNet", "VGG7", "VGG9") else 1.0
    for module in build(name).modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.numel() > 5000:
            scale = (gain / module.weight[0].numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(scale, rel=0.05)
            assert module.bias is None


def images(batch: int, channels: int, size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(batch, channels, size, size, dtype=dtype, generator=torch.Generator().manual_seed(0))


def lenet(**options) -> OverTime:
    """A LeNet5 for pictures of 12×12 pixels, of float64, that fires in every layer."""
    torch.manual_seed(0)
    return lenet5(size=12, **options).double()


def gradients(network: nn.Module, answers: torch.Tensor) -> list[torch.Tensor]:
    return torch.autograd.grad(answers.square().sum(), list(network.parameters()))


@pytest.mark.parametrize("norm", [False, True])
def test_a_constant_input_is_the_image_repeated(norm) -> None:
    network, picture = lenet(norm=norm), images(4, 1, 12, torch.float64)
    once = network(picture, steps=7)
    repeated = network(picture.expand(7, *picture.shape))
    network.steps = 7
    assert once.abs().min() > 0 and torch.equal(network(picture), once)
    assert torch.allclose(once, repeated, rtol=0, atol=1e-12)
    for a, b in zip(gradients(network, once), gradients(network, repeated), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10 * b.abs().max().item())


@pytest.mark.parametrize(("constant", "samples"), [(True, 3), (False, 3 * 9)])
def test_a_constant_input_meets_the_first_convolution_once(constant, samples) -> None:
    network, picture = lenet(), images(3, 1, 12, torch.float64)
    seen: list[int] = []
    first, second = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    first.register_forward_hook(
        lambda module, inputs, output: output.register_hook(lambda error: seen.append(len(error))) and None
    )
    second.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    answers = network(picture, steps=9) if constant else network(picture.expand(9, *picture.shape))
    answers.sum().backward()
    assert seen == [samples, 27, samples]


def test_silence_before_changes_nothing_and_silence_after_leaks() -> None:
    network = lenet(neuron=Neuron(decay=0.8))
    picture = images(2, 1, 12, torch.float64).expand(6, 2, 1, 12, 12)
    silence = torch.zeros(3, 2, 1, 12, 12, dtype=torch.float64)
    potential = 6 * network(picture)
    assert potential.abs().min() > 0
    assert torch.allclose(9 * network(torch.cat((silence, picture))), potential, rtol=1e-12, atol=0)
    assert torch.allclose(9 * network(torch.cat((picture, silence))), 0.8**3 * potential, rtol=1e-12, atol=0)


@pytest.mark.parametrize("held", [True, False])
def test_masks_belong_to_samples_not_to_batches(held) -> None:
    network, picture, keys = lenet(dropout=0.25, held=held), images(6, 1, 12, torch.float64), torch.arange(10, 16)
    whole = network(picture, steps=5, keys=keys)
    parts = [network(picture[part], steps=5, keys=keys[part]) for part in (slice(0, 2), slice(2, 6))]
    assert torch.allclose(whole, torch.cat(parts), rtol=0, atol=1e-12)
    order = torch.tensor([5, 2, 0, 1, 4, 3])
    assert torch.allclose(network(picture[order], steps=5, keys=keys[order]), whole[order], rtol=0, atol=1e-12)
    assert not torch.allclose(whole, network(picture, steps=5, keys=keys + 6), atol=1e-3)


def test_layers_have_masks_of_their_own_and_pools_have_none() -> None:
    network = vgg9(dropout=0.2, seed=5)
    seeds = [module.seed for module in network.modules() if isinstance(module, HeldDropout)]
    assert seeds == [(5, layer) for layer in range(8)]
    assert sum(isinstance(module, SpikingNeurons) for module in network.modules()) == 8 + 3


def test_the_same_seed_gives_the_same_answers() -> None:
    first, again, other = (
        (torch.manual_seed(seed), lenet5(size=12, norm=True, dropout=0.2)(images(3, 1, 12), steps=4))[1]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_neuron_and_its_surrogate_reach_every_layer() -> None:
    neuron = Neuron(decay=0.7, threshold=1.5)
    network = resnet11(neuron=neuron)
    found = [module.neuron for module in network.modules() if isinstance(module, SpikingNeurons)]
    pools = [module.neuron for module in network.modules() if isinstance(module, SpikingAvgPool)]
    assert found.count(neuron) == 10
    assert [(p.decay, p.threshold, p.spike) for p in pools] == [(1.0, 0.75, neuron.spike)]
    assert network.layers[-1].decay == 0.7


@pytest.mark.parametrize(("name", "size"), [(name, {"VGG7": 32, "LeanNet": 16}.get(name, 8)) for name in NETWORKS])
def test_a_gradient_reaches_every_layer(name, size) -> None:
    torch.manual_seed(0)
    network = build(name, size=size, norm=True)
    answers = network(images(3, network.sample[0], size), steps=3)
    assert answers.shape == (3, 10)
    nn.functional.cross_entropy(answers, torch.arange(3)).backward()
    learned = [(name, value) for name, value in network.named_parameters() if value.requires_grad]
    for parameter_name, parameter in learned:
        assert parameter.grad.isfinite().all() and parameter.grad.any(), parameter_name


def kept_bytes(network: nn.Module, x: torch.Tensor, steps: int | None) -> int:
    """What a forward pass keeps for the backward pass; every memory is counted once."""
    storages = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        answers = network(x, steps)
    assert answers.requires_grad
    return sum(storage.nbytes() for storage in storages.values())


def test_memory_grows_linearly_with_time() -> None:
    network, picture = lenet(dropout=0.2), images(4, 1, 12, torch.float64)
    constant = [kept_bytes(network, picture, steps) for steps in (5, 10, 15)]
    spiking = [kept_bytes(network, picture.repeat(steps, 1, 1, 1, 1), None) for steps in (5, 10, 15)]
    for few, some, many in (constant, spiking):
        assert many - some == some - few > 0
    assert spiking[2] - constant[2] == 14 * picture.nbytes, "the picture is kept once instead of at every step"
