"""The small convnet for vehicles: once with ReLUs, once with neurons that spike.

16C5–32C3–64C3–2, every convolution with stride 2. The table is the same whoever the neurons are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data.require import require
from course_utils.data.vehicles import HEIGHT, WIDTH, Vehicles
from course_utils.training.counting import OperationCounter, Operations

WIDTHS = (16, 32, 64)


def layers(
    neurons: Callable[[], nn.Module],
    channels: int = 1,
    *,
    height: int = HEIGHT,
    width: int = WIDTH,
    classes: int = 2,
    dropout: float = 0.3,
) -> nn.Sequential:
    """Three convolutions with stride 2, each normalised and followed by neurons, and one layer for the answer.

    Args:
        neurons: makes what comes after each convolution: `nn.ReLU`, or neurons that spike.
        channels: of the picture.
        height, width: of the picture, in pixels.
        classes: answers.
        dropout: of what enters the last layer, 0 ≤ p < 1.
    """
    parts: list[nn.Module] = []
    for before, after, kernel in zip((channels, *WIDTHS), WIDTHS, (5, 3, 3), strict=False):
        parts += [nn.Conv2d(before, after, kernel, 2, kernel // 2), nn.BatchNorm2d(after), neurons()]
        height, width = -(-height // 2), -(-width // 2)
    inputs = WIDTHS[-1] * height * width
    return nn.Sequential(*parts, nn.Flatten(), nn.Dropout(dropout), nn.Linear(inputs, classes))


def as_tensors(vehicles: Vehicles) -> tuple[Tensor, Tensor]:
    """Pictures [count, height, width], 0 black to 1 white, and labels."""
    return torch.from_numpy(vehicles.images).float() / 255, torch.from_numpy(vehicles.labels)


def with_noise(images: Tensor, deviation: float | Tensor, seed: int) -> Tensor:
    """Images [batch, …] with Gaussian noise; what falls below black or above white is cut off.

    Args:
        images: 0 to 1.
        deviation: σ in grey levels, of which white has 255; one for all, or [batch].
        seed: of the noise.
    """
    sigma = torch.as_tensor(deviation, dtype=images.dtype).reshape(-1, *[1] * (images.dim() - 1)) / 255
    require((sigma >= 0).all(), "deviation", deviation, "0 grey levels or more")
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed), dtype=images.dtype)
    return (images + sigma * noise).clamp_(0, 1)


def spike_operations(synapses: Sequence[nn.Module], inputs: Sequence[Tensor], samples: int) -> Operations:
    """What synapses cost a sample: each convolution or linear layer gets all that entered it, [samples or steps, …].

    The spikes counted are those that enter the second and later layers.
    """
    with torch.no_grad(), OperationCounter(nn.ModuleList(synapses)) as counter:
        for layer, entered in zip(synapses, inputs, strict=True):
            layer(entered)
    spikes = sum(entered.count_nonzero().item() for entered in inputs[1:]) / samples
    return replace(counter.per_sample(samples), spikes=spikes)


def threshold_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """How often one threshold on one number tells two classes apart, chosen for the most right on the training part.

    Args:
        train: numbers [count] and labels 0 or 1.
        test: the same.
    """
    numbers, labels = (torch.as_tensor(part) for part in train)
    candidates = numbers.unique()
    right = ((numbers >= candidates[:, None]) == labels.bool()).double().mean(1)
    threshold, sign = candidates[(right - 0.5).abs().argmax()], right[(right - 0.5).abs().argmax()] >= 0.5
    numbers, labels = (torch.as_tensor(part) for part in test)
    return (((numbers >= threshold) == labels.bool()) == sign).double().mean().item()


def accumulates(layers: nn.Sequential, counts: Sequence[Tensor]) -> float:
    """Synaptic operations that spikes cause: each meets as many weights as its place in the map has windows.

    Args:
        layers: of `layers`.
        counts: spikes of each of its hidden layers, [channels, height, width].
    """
    *convolutions, last = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)][1:]
    total = counts[-1].sum().item() * last.out_features
    for conv, arriving in zip(convolutions, counts, strict=False):
        ones = torch.ones(1, *conv.weight.shape[1:], dtype=torch.float64)
        windows = functional.conv2d(arriving.double()[None], ones, None, conv.stride, conv.padding)
        total += windows.sum().item() * conv.out_channels
    return total
