"""CIFAR-10 and SVHN: a part of a set in one file."""

from pathlib import Path

import numpy as np
import pytest

from course_utils.data.colour import load_colour


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def test_a_part_of_cifar10(only_here: Path):
    train, test = pictures(5), pictures(3, seed=1)
    arrays = {"x_train": train, "y_train": np.arange(5), "x_test": test, "y_test": np.arange(3)}
    np.savez(only_here / "cifar10_subset.npz", **arrays)
    found_train, found_test = load_colour("CIFAR10")
    assert found_train.source == "CIFAR10, 5 + 3 of its images"
    assert np.array_equal(found_train.images, train)
    assert np.array_equal(found_test.images, test)
    assert found_test.labels.tolist() == [0, 1, 2]
    np.savez(only_here / "cifar10_subset.npz", **arrays | {"x_train": train[:, :, :8]})
    with pytest.raises(ValueError, match=r"holds images \(5, 3, 8, 32\)"):
        load_colour("CIFAR10")


def test_a_part_of_svhn_has_its_channels_moved(only_here: Path):
    train = pictures(4)
    arrays = {"X_train": train.transpose(0, 2, 3, 1), "y_train": np.ones(4, np.uint8)}
    np.savez(only_here / "svhn_subset.npz", **arrays, X_heldout=arrays["X_train"], y_heldout=arrays["y_train"])
    found, _ = load_colour("SVHN")
    assert np.array_equal(found.images, train)
    assert found.source == "SVHN, 4 + 4 of its training images"
