"""200 damaged files of ten formats: each is refused by name, or read as if it were whole; none is overwritten."""

import gzip
import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from torch import nn

from course_utils.data import digits, locate
from course_utils.data.colour import load_colour
from course_utils.data.digits import load_images
from course_utils.data.download import NotAvailable
from course_utils.data.events import load_nmnist
from course_utils.data.stripe_folder import StripeFolder, write_stripes
from course_utils.data.stripes import make_stripes
from course_utils.data.vehicles import load_vehicles
from course_utils.exchange.graphs import from_nir
from course_utils.exchange.nir_files import TEXT_BYTES, read_nir, write_nir
from course_utils.training import ledger
from course_utils.training.loop import fit
from tests.archives import pack, photographs, recordings
from tests.training.test_ledger import RECORD

RNG = np.random.default_rng(0)


def of_events(name: str) -> Callable[[Path], tuple[Path, Callable]]:
    def make(folder: Path) -> tuple[Path, Callable]:
        content = recordings(data=b"".join(bytes([*RNG.integers(0, 34, 2), 128, 0, 9]) for _ in range(40)))
        for part in ("Train", "Test") if "/" in name else ():
            pack(folder / "NMNIST" / f"{part}.zip", {n: d for n, d in content.items() if part in n})
        path = folder / name if "/" in name else pack(folder / name, content)
        return path, lambda: [(p.source, p.labels, p.numbers, list(map(np.stack, p.events))) for p in load_nmnist()]

    return make


def of_vehicles(folder: Path) -> tuple[Path, Callable]:
    path = pack(folder / "caltech101_vehicles.zip", photographs())
    return path, lambda: (lambda found: (found.source, found.images, found.labels))(load_vehicles())


def of_colour(name: str, keys: tuple[str, ...], file: str) -> Callable[[Path], tuple[Path, Callable]]:
    def make(folder: Path) -> tuple[Path, Callable]:
        images = RNG.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
        arrays = dict(zip(keys, (images, np.arange(6), images[:3], np.arange(3)), strict=True))
        np.savez_compressed(folder / file, **arrays)
        return folder / file, lambda: [(part.source, part.images, part.labels) for part in load_colour(name)]

    return make


def of_mnist(folder: Path) -> tuple[Path, Callable]:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    sums = []
    for file in digits.FILES:
        shape = (10, 784) if "images" in file else (10,)
        body = RNG.integers(0, 10, shape, dtype=np.uint8).tobytes()
        (raw / file).write_bytes(gzip.compress(bytes(16 if "images" in file else 8) + body))
        sums.append(hashlib.sha256((raw / file).read_bytes()).hexdigest())
    digits.SHA256["MNIST"] = tuple(sums)
    return raw / digits.FILES[0], lambda: [(part.source, part.images, part.labels) for part in load_images("MNIST")]


def of_stripes(folder: Path) -> tuple[Path, Callable]:
    write_stripes(folder / "set", make_stripes(3, 0))
    (path,) = (folder / "set").glob("1_*.png")
    return path, lambda: [(np.asarray(image), label) for image, label in StripeFolder(folder / "set")]


def nir_file(folder: Path) -> Path:
    weights = RNG.normal(size=(4, 4))
    lif = nir.LIF(*(np.full(4, value) for value in (0.01, 1.0, 0.0, 1.0)), v_reset=np.zeros(4))
    return write_nir(folder / "a.nir", nir.NIRGraph.from_list(nir.Affine(weights, RNG.normal(size=4)), lif))


def of_nir(folder: Path) -> tuple[Path, Callable]:
    path = nir_file(folder)
    x = torch.rand(4, generator=torch.Generator().manual_seed(0)).double()

    def read() -> object:
        network = from_nir(read_nir(path), "hand", dt_s=1e-3, dtype=torch.float64)
        neurons = {key: str(value) for key, value in vars(network[1]).items() if not key.startswith("_")}
        return [value for value in network.state_dict().values()], neurons, network[0](x)

    return path, read


def of_records(folder: Path) -> tuple[Path, Callable]:
    path = ledger.write(RECORD, folder)
    return path, lambda: ledger.read(None, folder)


def of_checkpoint(folder: Path) -> tuple[Path, Callable]:
    x, y = torch.rand(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    file = folder / "a.safetensors"

    def train() -> object:
        torch.manual_seed(0)
        model = nn.Linear(5, 2)
        history = fit(model, (x, y), (x, y), epochs=2, learning_rate=0.1, seed=0, checkpoint=file)
        return history.loss, list(model.parameters())

    train()
    return file, train


FORMATS = {
    "MNIST": of_mnist,
    "N-MNIST, a part": of_events("NMNIST_1100.zip"),
    "N-MNIST": of_events("NMNIST/Test.zip"),
    "vehicles": of_vehicles,
    "CIFAR": of_colour("CIFAR10", ("x_train", "y_train", "x_test", "y_test"), "cifar10_subset.npz"),
    "SVHN": of_colour("SVHN", ("X_train", "y_train", "X_heldout", "y_heldout"), "svhn_subset.npz"),
    "stripes": of_stripes,
    "NIR": of_nir,
    "records": of_records,
    "checkpoint": of_checkpoint,
}


def damaged(whole: bytes, seed: int) -> Iterator[bytes | None]:
    """Variants of a file: cut off, empty, something else, altered. None stands for a folder in its place."""
    rng = random.Random(seed)
    yield from (None, b"", b"\x89PNG\r\n", b"<html>Please log in</html>", bytes(len(whole)), whole[1:])
    yield from (whole[: int(len(whole) * share)] for share in (0.01, 0.3, 0.5, 0.9, 0.99))
    yield whole[:-1]
    for _ in range(12):  # a block in the middle, or a single bit
        at = rng.randrange(len(whole))
        altered = bytearray(whole)
        if rng.random() < 0.4:
            altered[at : at + 64] = rng.randbytes(len(altered[at : at + 64]))
        else:
            altered[at] ^= 1 << rng.randrange(8)
        yield bytes(altered)


def plain(value: object) -> str:
    """What can be compared of what was read."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hashlib.sha256(np.ascontiguousarray(value)).hexdigest()}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(plain, value))})"
    return repr(value)


def test_there_are_200_variants():
    assert len(FORMATS) * len(list(damaged(bytes(1000), 0))) >= 200


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_a_damaged_file_is_refused_by_name_or_read_as_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable, dead_url: str
):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for module in (locate, digits):
        monkeypatch.setattr(module, "DOWNLOADS", tmp_path)
    monkeypatch.setattr(digits, "MIRRORS", {"MNIST": [dead_url]})
    monkeypatch.setitem(digits.SHA256, "MNIST", ())
    path, read = make(tmp_path)
    whole, expected = path.read_bytes(), plain(read())
    wrong = []
    for number, variant in enumerate(damaged(whole, 1)):
        if path.is_dir():
            path.rmdir()
        path.write_bytes(variant or b"")
        if variant is None:
            path.unlink()
            path.mkdir()
        try:
            found = plain(read())
            if found != expected:
                wrong.append(f"{number}: accepted")
        except (ValueError, NotAvailable) as error:
            if path.name not in str(error):
                wrong.append(f"{number}: does not name the file: {error}")
        except Exception as error:
            wrong.append(f"{number}: {type(error).__name__}: {error}")
        if not path.is_dir() and path.read_bytes() != variant:
            wrong.append(f"{number}: overwritten")
    shutil.rmtree(path, ignore_errors=True)
    assert not wrong, "\n".join(wrong)


def test_2000_altered_nir_files_are_refused_and_one_without_a_sum_is_read(tmp_path: Path):
    path = nir_file(tmp_path)
    whole, rng = path.read_bytes(), random.Random(2)
    for _ in range(2000):
        at, altered = rng.randrange(len(whole)), bytearray(whole)
        length = rng.choice((1, 1, 8, 64, 512))
        altered[at : at + length] = rng.randbytes(len(altered[at : at + length]))
        if altered == whole:
            continue
        path.write_bytes(altered)
        with pytest.raises(ValueError, match=r"a\.nir cannot be read as NIR: "):
            read_nir(path)
    path.write_bytes(whole[TEXT_BYTES:])  # as other programs write it
    assert read_nir(path).nodes.keys() == {"input", "affine", "lif", "output"}
