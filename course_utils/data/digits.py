"""MNIST and Fashion-MNIST, and scikit-learn's small digits where neither can be had."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import datasets

from course_utils.data.download import NotAvailable, download, verify
from course_utils.data.locate import DOWNLOADS, downloads
from course_utils.data.require import require
from course_utils.data.search import find, seen_instead

_SETS = {"MNIST": datasets.MNIST, "FashionMNIST": datasets.FashionMNIST}
MIRRORS = {
    "MNIST": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "FashionMNIST": ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",),
}
FILES = tuple(f"{part}-ubyte.gz" for part in (
    "train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1",
))  # fmt: skip
SHA256 = {
    "MNIST": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "FashionMNIST": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}


@dataclass(frozen=True)
class ImageSet:
    """Images, uint8 from 0 (black) to 255 (white), grey ones [count, 28, 28], and their labels, int64 [count], from 0.

    `source` is what was really loaded, for tables: "MNIST", "FashionMNIST", or "digits8x8" for scikit-learn's.
    `classes` are the names of the labels, where there are such.
    """

    source: str
    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...] = ()


def load_images(name: Literal["MNIST", "FashionMNIST"]) -> tuple[ImageSet, ImageSet]:
    """Load the training set (60,000 images) and the test set (10,000), and say in one line where they come from.

    The four `.gz` files are looked for in `$COURSE_DATA/<name>/raw`, then in `data/<name>/raw`, then downloaded there.
    Where that is not possible, scikit-learn's 1,797 real handwritten digits, 8×8 pixels enlarged to 28×28, stand in
    for either set (1,297 to train on, 500 to test).
    """
    require(name in _SETS, "name", name, f"one of {', '.join(_SETS)}")
    try:
        files = [_found_or_downloaded(name, *file) for file in zip(FILES, SHA256[name], strict=True)]
    except NotAvailable:
        seen = seen_instead(*(f"{name}/raw/{file}" for file in FILES))
        print(
            f"No {name} here: it is not in $COURSE_DATA or data/ and could not be downloaded.{seen} "
            "scikit-learn's handwritten digits (8×8, enlarged to 28×28) stand in for it."
        )
        return small_digits()
    train, test = _read(name, files)
    folder = files[0].parent.parent.parent
    where = {downloads(): "the downloads", DOWNLOADS: "data/"}.get(folder, "$COURSE_DATA")
    print(f"{name} from {where}: {len(train.images):,} training and {len(test.images):,} test images.")
    return train, test


def small_digits() -> tuple[ImageSet, ImageSet]:
    """scikit-learn's handwritten digits as 28×28 images: 1,297 for training, 500 for the test, no download needed.

    They are the test part of "Optical recognition of handwritten digits" (E. Alpaydin and C. Kaynak, UCI Machine
    Learning Repository, 1998, https://doi.org/10.24432/C50P49). The split is a fixed shuffle.
    """
    pixels, labels = load_digits(return_X_y=True)
    small = (pixels.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)  # the originals are grey levels 0 to 16
    bilinear = Image.Resampling.BILINEAR
    large = np.stack([np.asarray(Image.fromarray(image).resize((28, 28), bilinear)) for image in small])
    order = np.random.default_rng(0).permutation(len(large))
    classes = tuple(str(digit) for digit in range(10))
    train, test = (
        ImageSet("digits8x8", torch.from_numpy(large[part]), torch.from_numpy(labels[part].astype(np.int64)), classes)
        for part in (order[:-500], order[-500:])
    )
    return train, test


def _found_or_downloaded(name: str, file: str, sha256: str) -> Path:
    relative = Path(name) / "raw" / file
    if (path := find(relative)) is not None:
        return verify(path, sha256)
    return download([mirror + file for mirror in MIRRORS[name]], downloads() / relative, sha256)


def _read(name: str, files: list[Path]) -> tuple[ImageSet, ImageSet]:
    """Images and labels to train on, then those of the test, each file with a short header before its bytes."""

    def content(file: Path, header: int) -> torch.Tensor:
        return torch.tensor(np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header))

    classes = tuple(label.split(" - ")[0] for label in _SETS[name].classes)
    train, test = (
        ImageSet(name, content(images, 16).view(-1, 28, 28), content(labels, 8).long(), classes)
        for images, labels in (files[:2], files[2:])
    )
    return train, test
