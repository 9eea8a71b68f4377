"""Small colour pictures, CIFAR and SVHN: the whole sets where they are, else smaller ones in a single file."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torchvision import datasets

from course_utils.data.digits import ImageSet
from course_utils.data.download import NotAvailable
from course_utils.data.files import read_bytes
from course_utils.data.locate import data_folders, find, seen_instead
from course_utils.data.require import require


class _Kind(NamedTuple):
    whole: Callable[[str, bool], datasets.VisionDataset]  # reads the training set (True) or the test set in a folder
    places: tuple[str, ...]  # where it does
    file: str = ""  # a part of the set in one file, if there is such a file
    arrays: tuple[str, ...] = ()  # its training images, labels, test images, labels
    part_of: str = ""  # what it is a part of


_KINDS = {
    "CIFAR10": _Kind(
        datasets.CIFAR10,
        ("cifar-10-batches-py",),
        "cifar10_subset.npz",
        ("x_train", "y_train", "x_test", "y_test"),
        "of its images",
    ),
    "CIFAR100": _Kind(datasets.CIFAR100, ("cifar-100-python",)),
    "SVHN": _Kind(
        lambda folder, train: datasets.SVHN(folder, "train" if train else "test"),
        ("train_32x32.mat", "test_32x32.mat"),
        "svhn_subset.npz",
        ("X_train", "y_train", "X_heldout", "y_heldout"),
        "of its training images",
    ),
}


def load_colour(name: Literal["CIFAR10", "CIFAR100", "SVHN"]) -> tuple[ImageSet, ImageSet]:
    """Training and test set, uint8 [count, 3, 32, 32], from `$COURSE_DATA` or `data/`.

    The whole sets are found where torchvision keeps them. Nothing is downloaded here: they are large; the error says
    the two lines that fetch them.

    Raises:
        ValueError: the name is unknown, or a file is damaged.
        NotAvailable: neither the whole set nor a part of it is here.
    """
    require(name in _KINDS, "name", name, f"one of {', '.join(_KINDS)}")
    kind = _KINDS[name]
    for folder in data_folders():
        there = [folder / place for place in kind.places if (folder / place).exists()]
        if not there:
            continue
        try:
            parts = [kind.whole(str(folder), train) for train in (True, False)]
        except Exception as error:  # torchvision compares their MD5 sums, and raises whatever it stumbles over
            raise ValueError(f"{there[0]} is damaged, or not whole ({error}); fetch {name} again") from error
        train, test = (_colour_set(name, part.data, getattr(part, "targets", None) or part.labels) for part in parts)
        return train, test
    if kind.file and (path := find(kind.file)) is not None:
        return _part(name, path, kind)
    raise NotAvailable(
        f"{name} is neither in $COURSE_DATA nor in data/.{seen_instead(*kind.places, kind.file)} To download it:\n"
        f"from torchvision import datasets\n"
        f"datasets.{name}('data', download=True)"
    )


def _part(name: str, path: Path, kind: _Kind) -> tuple[ImageSet, ImageSet]:
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as file:
            arrays = [file[key] for key in kind.arrays]
    except Exception as error:  # NumPy and zipfile raise whatever they stumble over
        raise ValueError(f"{path} is damaged or is not a set of pictures ({error}); fetch it again") from error
    source = f"{name}, {len(arrays[0]):,} + {len(arrays[2]):,} {kind.part_of}"
    for images, labels in (arrays[:2], arrays[2:]):
        fits = images.shape[1:] in ((3, 32, 32), (32, 32, 3)) and images.dtype == np.uint8
        if not fits or labels.shape != images.shape[:1] or not len(images):
            raise ValueError(
                f"{path} holds images {images.shape} of {images.dtype} and labels {labels.shape}; they must be "
                "uint8 [count, 3, 32, 32], with a label each"
            )
        if labels.dtype.kind not in "ui" or labels.min() < 0 or labels.max() > 9:
            raise ValueError(f"{path} holds labels from {labels.min()} to {labels.max()} of {labels.dtype}; they must "
                             "be whole numbers from 0 to 9")  # fmt: skip
    return _colour_set(source, *arrays[:2]), _colour_set(source, *arrays[2:])


def _colour_set(source: str, images: np.ndarray, labels: Sequence[int]) -> ImageSet:
    """The set; channels that come last are moved."""
    images = images.transpose(0, 3, 1, 2) if images.shape[-1] == 3 else images
    return ImageSet(source, torch.from_numpy(np.ascontiguousarray(images)), torch.as_tensor(labels, dtype=torch.int64))
