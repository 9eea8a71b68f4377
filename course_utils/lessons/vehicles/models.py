"""The small convnet for vehicles: once with ReLUs, once with neurons that spike.

16C5–32C3–64C3–2, every convolution with stride 2. The table is the same whoever the neurons are.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.data.require import guarded, require
from course_utils.data.vehicles import HEIGHT, WIDTH, Vehicles

WIDTHS = (16, 32, 64)


@guarded
def layers(
    neurons: Callable[[], nn.Module], channels: int = 1, height: int = HEIGHT, width: int = WIDTH, classes: int = 2
) -> nn.Sequential:
    """Three convolutions with stride 2, each normalised and followed by neurons, and one layer for the answer.

    Args:
        neurons: makes what comes after each convolution: `nn.ReLU`, or neurons that spike.
        channels, height, width: of the picture, the latter in pixels.
        classes: answers.
    """
    parts: list[nn.Module] = []
    for before, after, kernel in zip((channels, *WIDTHS), WIDTHS, (5, 3, 3), strict=False):
        parts += [nn.Conv2d(before, after, kernel, 2, kernel // 2), nn.BatchNorm2d(after), neurons()]
        height, width = -(-height // 2), -(-width // 2)
    return nn.Sequential(*parts, nn.Flatten(), nn.Dropout(0.3), nn.Linear(WIDTHS[-1] * height * width, classes))


def as_tensors(vehicles: Vehicles) -> tuple[Tensor, Tensor]:
    """Pictures [count, height, width], 0 black to 1 white, and labels."""
    return torch.from_numpy(vehicles.images).float() / 255, torch.from_numpy(vehicles.labels)


@guarded
def with_noise(images: Tensor, deviation: float | Tensor, seed: int) -> Tensor:
    """Images [batch, …] from 0 to 1 with Gaussian noise; what falls below black or above white is cut off.

    The `deviation` is σ in grey levels, of which white has 255; one for all, or [batch].
    """
    sigma = torch.as_tensor(deviation, dtype=images.dtype).reshape(-1, *[1] * (images.dim() - 1)) / 255
    require((sigma >= 0).all(), "deviation", deviation, "0 grey levels or more")
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed), dtype=images.dtype)
    return (images + sigma * noise).clamp_(0, 1)


@guarded
def threshold_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """How often one threshold on one number tells two classes apart, chosen for the most right on the training part.

    Both parts are numbers [count] and labels 0 or 1.
    """
    (numbers, labels), (test_numbers, test_labels) = ([torch.as_tensor(one) for one in part] for part in (train, test))
    candidates = numbers.unique()
    right = ((numbers >= candidates[:, None]) == labels.bool()).double().mean(1)
    best = (right - 0.5).abs().argmax()
    above = (test_numbers >= candidates[best]) == test_labels.bool()
    return (above == (right[best] >= 0.5)).double().mean().item()
