"""CIFAR-10 and SVHN: a part of a set in one file, missing and damaged files."""

from pathlib import Path

import numpy as np
import pytest

from course_utils.data import colour
from course_utils.data.colour import load_colour
from course_utils.data.download import NotAvailable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(colour, "data_folders", lambda: [tmp_path])
    monkeypatch.setattr(colour, "find", lambda name: path if (path := tmp_path / name).is_file() else None)
    return tmp_path


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def test_a_part_of_cifar10(folder: Path):
    train, test = pictures(5), pictures(3, seed=1)
    np.savez(folder / "cifar10_subset.npz", x_train=train, y_train=np.arange(5), x_test=test, y_test=np.arange(3))
    found_train, found_test = load_colour("CIFAR10")
    assert found_train.source == "CIFAR10, 5 + 3 of its images"
    assert np.array_equal(found_train.images, train)
    assert np.array_equal(found_test.images, test)
    assert found_test.labels.tolist() == [0, 1, 2]


def test_a_part_of_svhn_has_its_channels_moved(folder: Path):
    train = pictures(4)
    arrays = {"X_train": train.transpose(0, 2, 3, 1), "y_train": np.ones(4, np.uint8)}
    np.savez(folder / "svhn_subset.npz", **arrays, X_heldout=arrays["X_train"], y_heldout=arrays["y_train"])
    found, _ = load_colour("SVHN")
    assert np.array_equal(found.images, train)
    assert found.source == "SVHN, 4 + 4 of its training images"


def test_missing_damaged_and_odd_files(folder: Path):
    with pytest.raises(ValueError, match="name is 'CIFAR'"):
        load_colour("CIFAR")
    with pytest.raises(NotAvailable, match=r"datasets.SVHN\('data', download=True\)"):
        load_colour("SVHN")
    (folder / "svhn_subset.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"svhn_subset\.npz is damaged"):
        load_colour("SVHN")
    small = {"x_train": pictures(2)[:, :, :8], "y_train": np.arange(2), "x_test": pictures(2), "y_test": np.arange(2)}
    np.savez(folder / "cifar10_subset.npz", **small)
    with pytest.raises(ValueError, match=r"holds images \(2, 3, 8, 32\)"):
        load_colour("CIFAR10")
