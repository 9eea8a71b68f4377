"""Small colour pictures, CIFAR-10 and SVHN: the whole sets where they are, else smaller ones in a single file."""

import io
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torchvision import datasets

from course_utils.data.digits import ImageSet
from course_utils.data.download import NotAvailable
from course_utils.data.files import read_bytes
from course_utils.data.require import require
from course_utils.data.search import data_folders, find, seen_instead


class _Kind(NamedTuple):
    whole: Callable[[str, bool], datasets.VisionDataset]  # reads the training set (True) or the test set in a folder
    places: tuple[str, ...]  # where it does
    file: str  # a part of the set in one file
    arrays: tuple[str, ...]  # its training images, labels, test images, labels
    part_of: str  # what it is a part of


_KINDS = {
    "CIFAR10": _Kind(
        datasets.CIFAR10,
        ("cifar-10-batches-py",),
        "cifar10_subset.npz",
        ("x_train", "y_train", "x_test", "y_test"),
        "of its images",
    ),
    "SVHN": _Kind(
        lambda folder, train: datasets.SVHN(folder, "train" if train else "test"),
        ("train_32x32.mat", "test_32x32.mat"),
        "svhn_subset.npz",
        ("X_train", "y_train", "X_heldout", "y_heldout"),
        "of its training images",
    ),
}


def load_colour(name: Literal["CIFAR10", "SVHN"]) -> tuple[ImageSet, ImageSet]:
    """Training and test set, uint8 [count, 3, 32, 32], labels 0 to 9, from `$COURSE_DATA` or `data/`.

    The whole sets are found where torchvision keeps them. Nothing is downloaded here: they are large; the error says
    the two lines that fetch them.

    Raises:
        ValueError: a file is damaged.
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
    if (path := find(kind.file)) is None:
        raise NotAvailable(
            f"{name} is neither in $COURSE_DATA nor in data/.{seen_instead(*kind.places, kind.file)} To download it:\n"
            f"from torchvision import datasets\n"
            f"datasets.{name}('data', download=True)"
        )
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as file:
            parts = [(file[images], file[labels]) for images, labels in (kind.arrays[:2], kind.arrays[2:])]
    except Exception as error:  # NumPy and zipfile raise whatever they stumble over
        raise ValueError(f"{path} is damaged or is not a set of pictures ({error}); fetch it again") from error
    for images, labels in parts:
        fits = images.shape[1:] in ((3, 32, 32), (32, 32, 3)) and images.dtype == np.uint8
        whole = labels.shape == images.shape[:1] and labels.dtype.kind in "ui" and len(images)
        if not (fits and whole and 0 <= labels.min() <= labels.max() <= 9):
            raise ValueError(
                f"{path} holds images {images.shape} of {images.dtype} and labels {labels.shape} of {labels.dtype}; "
                "they must be uint8 [count, 3, 32, 32], with a whole number from 0 to 9 each"
            )
    (train, _), (test, _) = parts
    source = f"{name}, {len(train):,} + {len(test):,} {kind.part_of}"
    return _colour_set(source, *parts[0]), _colour_set(source, *parts[1])


def _colour_set(source: str, images: np.ndarray, labels: Sequence[int]) -> ImageSet:
    """The set; channels that come last are moved."""
    images = images.transpose(0, 3, 1, 2) if images.shape[-1] == 3 else images
    return ImageSet(source, torch.from_numpy(np.ascontiguousarray(images)), torch.as_tensor(labels, dtype=torch.int64))
