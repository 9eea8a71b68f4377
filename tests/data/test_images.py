"""Sets of images: MNIST, Fashion-MNIST and what stands in for them, and parts of CIFAR-10 and SVHN.

Tests of the real sets run where their files are found.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision import datasets

from course_utils.data import digits, locate
from course_utils.data.colour import load_colour
from course_utils.data.digits import ImageSet, load_images, small_digits
from course_utils.data.search import find

FILES = digits.FILES
REAL = {name: find(Path(name) / "raw" / FILES[0]) for name in ("MNIST", "FashionMNIST")}
FIRST_LABELS = {"MNIST": ([5, 0, 4, 1, 9], [7, 2, 1, 0, 4]), "FashionMNIST": ([9, 0, 0, 3, 0], [9, 2, 1, 1, 6])}


def real(name: str) -> Path:
    if REAL[name] is None:
        pytest.skip(f"no {name} files in $COURSE_DATA or data/")
    return REAL[name].parent


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def contents(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


# --- the small digits ---------------------------------------------------------------------------------------------


def check_form(part: ImageSet, source: str, count: int) -> None:
    assert (part.source, len(part.classes)) == (source, 10)
    assert (part.images.shape, part.images.dtype) == ((count, 28, 28), torch.uint8)
    assert (part.labels.shape, part.labels.dtype) == ((count,), torch.int64)


def test_small_digits_have_the_form_of_mnist():
    for part, count in zip(small_digits(), (1297, 500), strict=True):
        check_form(part, "digits8x8", count)
        assert part.classes == tuple("0123456789")
        assert set(part.labels.tolist()) == set(range(10))
        assert (part.images.min(), part.images.max()) == (0, 255)


def test_every_small_digit_is_in_one_part_only_with_its_label_and_in_the_same_order_every_time():
    train, test = small_digits()
    originals, labels = load_digits(return_X_y=True)
    parts = [set(map(bytes, part.images.numpy())) for part in (train, test)]
    assert sum(map(len, parts)) == len(np.unique(originals, axis=0)) == len(originals) == 1797  # no two alike
    assert not parts[0] & parts[1]
    assert torch.equal(torch.cat([train.labels, test.labels]).bincount(), torch.from_numpy(labels).bincount())
    small = torch.nn.functional.interpolate(train.images[:100, None].float(), 8, mode="area").flatten(1).numpy()
    nearest = ((small[:, None] - originals * 255 / 16) ** 2).sum(axis=2).argmin(axis=1)
    assert len(set(nearest)) == 100, "shrunk back to 8×8, each image is its own original"
    assert labels[nearest].tolist() == train.labels[:100].tolist()
    for one, other in zip((train, test), small_digits(), strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


# --- the real sets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_the_real_set_is_read_whole_and_its_folder_left_as_it_was(name: str, capsys):
    folder = real(name).parent
    before = contents(folder)
    parts = load_images(name)
    assert contents(folder) == before
    for part, count, labels in zip(parts, (60_000, 10_000), FIRST_LABELS[name], strict=True):
        check_form(part, name, count)
        assert part.labels[:5].tolist() == labels
        assert part.labels.bincount().min() > 0.08 * count
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert f"{name} from " in printed
    assert "60,000 training and 10,000 test images" in printed


def test_the_real_set_is_fetched_from_a_mirror_and_found_the_next_time(tmp_path: Path, mirror, monkeypatch, capsys):
    folder = real("MNIST")
    server = mirror({name: (folder / name).read_bytes() for name in FILES})
    use_mirror(monkeypatch, tmp_path, server.url())
    first = load_images("MNIST")
    second = load_images("MNIST")
    assert len(server.sent) == 4
    assert sorted(path.name for path in files_in(tmp_path)) == sorted(FILES)
    assert all(torch.equal(one.images, other.images) for one, other in zip(first, second, strict=True))
    assert capsys.readouterr().out.count("MNIST from data/") == 2


# --- what can be wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_without_data_and_network_one_line_says_what_stands_in(name, tmp_path: Path, monkeypatch, capsys, dead_url):
    use_mirror(monkeypatch, tmp_path, dead_url)
    loaded = load_images(name)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert f"No {name} here" in printed
    assert all(torch.equal(part.images, small.images) for part, small in zip(loaded, small_digits(), strict=True))
    assert {part.source for part in loaded} == {"digits8x8"}
    assert files_in(tmp_path) == []


def test_mirrors_are_https_only_and_the_sums_are_those_that_torchvision_knows():
    """Whose MD5 sums are right has the SHA-256 sums that are pinned here; torchvision pins MD5 sums alone."""
    for name, mirrors in digits.MIRRORS.items():
        assert mirrors and all(mirror.startswith("https://") for mirror in mirrors)
        resources = getattr(datasets, name).resources
        assert tuple(file for file, _ in resources) == FILES
        if REAL[name]:
            for (file, md5), sha256 in zip(resources, digits.SHA256[name], strict=True):
                content = (REAL[name].parent / file).read_bytes()
                assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
                assert hashlib.sha256(content).hexdigest() == sha256


# --- where data is looked for -------------------------------------------------------------------------------------


def test_the_named_folder_comes_before_the_courses_own(tmp_path: Path, monkeypatch):
    own, named = tmp_path / "own", tmp_path / "named"
    for folder, files in ((own, ["both", "mine"]), (named, ["both"])):
        folder.mkdir()
        for file in files:
            (folder / file).touch()
    monkeypatch.setattr(locate, "DOWNLOADS", own)
    monkeypatch.setenv("COURSE_DATA", str(named))
    assert (find("both"), find("mine"), find("none")) == (named / "both", own / "mine", None)
    for unset in (lambda: monkeypatch.setenv("COURSE_DATA", ""), lambda: monkeypatch.delenv("COURSE_DATA")):
        unset()
        assert find("both") == own / "both"
    (own / "folder").mkdir()
    with pytest.raises(ValueError, match=r"folder is no file, and a file of that name is expected there"):
        find("folder")
    assert find("folder", folders=True) == own / "folder"
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "typo"))
    with pytest.raises(ValueError, match=r"COURSE_DATA is .*typo.*not a folder"):
        load_images("MNIST")


def use_mirror(monkeypatch: pytest.MonkeyPatch, downloads: Path, mirror: str) -> None:
    """No `$COURSE_DATA`, another folder for downloads, one mirror for every set."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for module in (locate, digits):
        monkeypatch.setattr(module, "DOWNLOADS", downloads)
    monkeypatch.setattr(digits, "MIRRORS", dict.fromkeys(REAL, (mirror,)))


# --- sets in colour -----------------------------------------------------------------------------------------------


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
