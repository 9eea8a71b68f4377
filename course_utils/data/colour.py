"""Small colour pictures, CIFAR and SVHN: the whole sets where they are, else smaller ones in a single file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torchvision import datasets

from course_utils.data.download import NotAvailable
from course_utils.data.locate import data_folders, find


@dataclass(frozen=True)
class ColourSet:
    """Colour pictures with labels.

    Attributes:
        source: what was loaded, for tables: the set's name, with the numbers of images where it is a part.
        images: uint8 [count, 3, 32, 32].
        labels: int64 [count], from 0 on.
    """

    source: str
    images: torch.Tensor
    labels: torch.Tensor


class _Kind(NamedTuple):
    whole: Callable[[Path], list[datasets.VisionDataset]]  # reads training and test set from a folder
    file: str | None  # a part of the set in one file, if there is such a file
    arrays: tuple[str, str, str, str]  # its training images, labels, test images, labels
    part_of: str  # what it is a part of


def _svhn(folder: Path) -> list[datasets.VisionDataset]:
    return [datasets.SVHN(str(folder), split) for split in ("train", "test")]


_KINDS = {
    "CIFAR10": _Kind(
        lambda folder: [datasets.CIFAR10(str(folder), train) for train in (True, False)],
        "cifar10_subset.npz",
        ("x_train", "y_train", "x_test", "y_test"),
        "of its images",
    ),
    "CIFAR100": _Kind(
        lambda folder: [datasets.CIFAR100(str(folder), train) for train in (True, False)], None, ("",) * 4, ""
    ),
    "SVHN": _Kind(
        _svhn,
        "svhn_subset.npz",
        ("X_train", "y_train", "X_heldout", "y_heldout"),
        "of its training images",
    ),
}


def load_colour(name: Literal["CIFAR10", "CIFAR100", "SVHN"]) -> tuple[ColourSet, ColourSet]:
    """Training and test set, from `$COURSE_DATA` or `data/`.

    The whole sets are found where torchvision keeps them. Nothing is downloaded here: they are large; the error says
    the two lines that fetch them.

    Raises:
        ValueError: the name is unknown, or a file is damaged.
        NotAvailable: neither the whole set nor a part of it is here.
    """
    if name not in _KINDS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(_KINDS)}")
    kind = _KINDS[name]
    for folder in data_folders():
        try:
            parts = kind.whole(folder)
        except RuntimeError:  # what torchvision raises where the files are not, or are not whole
            continue
        return tuple(_whole(name, part) for part in parts)
    if kind.file is not None and (path := find(kind.file)) is not None:
        return _part(name, path, kind)
    raise NotAvailable(
        f"{name} is neither in $COURSE_DATA nor in data/. To download it:\n"
        f"from torchvision import datasets\n"
        f"datasets.{name}('data', download=True)"
    )


def _whole(name: str, part: datasets.VisionDataset) -> ColourSet:
    images = np.asarray(part.data)
    if images.shape[-1] == 3:
        images = images.transpose(0, 3, 1, 2)
    labels = part.targets if hasattr(part, "targets") else part.labels
    return ColourSet(name, torch.from_numpy(np.ascontiguousarray(images)), torch.as_tensor(labels, dtype=torch.int64))


def _part(name: str, path: Path, kind: _Kind) -> tuple[ColourSet, ColourSet]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[key] for key in kind.arrays]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ValueError(f"{path.name} is damaged or is not a set of pictures: {error}") from error
    source = f"{name}, {len(arrays[0]):,} + {len(arrays[2]):,} {kind.part_of}"
    return tuple(_checked(path, source, images, labels) for images, labels in (arrays[:2], arrays[2:]))


def _checked(path: Path, source: str, images: np.ndarray, labels: np.ndarray) -> ColourSet:
    if images.ndim == 4 and images.shape[-1] == 3:
        images = images.transpose(0, 3, 1, 2)
    if images.shape[1:] != (3, 32, 32) or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{path.name} holds images {images.shape} of {images.dtype} and labels {labels.shape}; they must be uint8 "
            "[count, 3, 32, 32], with a label each"
        )
    return ColourSet(source, torch.from_numpy(np.ascontiguousarray(images)), torch.as_tensor(labels, dtype=torch.int64))
