"""A folder of `<index>_<label>.png` images: written, and read as a PyTorch data set."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from course_utils.data.files import exists, read_bytes, writing
from course_utils.data.pictures import grey, picture
from course_utils.data.require import guarded, require
from course_utils.data.stripes import StripeSet

_NAME = re.compile(r"(0|[1-9][0-9]*)_([01])\.png", re.IGNORECASE)


class StripeFolder(Dataset):
    """Stripe images of the folder `root` in the order of their index; the label is read from the file's name.

    Other files than `.png`, such as a CSV listing, are no part of the set, nor are those that macOS leaves (`._…`).
    `transform` is what is done with each image, for example `torchvision.transforms.ToTensor()`.

    Raises:
        NotADirectoryError: `root` is no folder.
        ValueError: the folder has no PNG, or one whose name is not `<index>_<label>.png` with label 0 or 1 and no
            zeros in front of the index, or two with one index. The message names the file.
    """

    def __init__(self, root: str | Path, transform: Callable[[Image.Image], Any] | None = None):
        self.root = Path(root)
        self.transform = transform
        if not (exists(self.root) and self.root.is_dir()):
            raise NotADirectoryError(f"{self.root} is not a folder. Make one with write_stripes.")
        self._size: tuple[int, int] | None = None
        images = (path for path in self.root.iterdir() if path.suffix.lower() == ".png" and path.name[:2] != "._")
        self._files: list[tuple[int, int, Path]] = sorted(map(self._parse, images))
        if not self._files:
            raise ValueError(f"{self.root} has no PNG images. Was it written by write_stripes, or is it another one?")
        for (index, _, path), (next_index, _, next_path) in zip(self._files, self._files[1:], strict=False):
            if index == next_index:
                raise ValueError(f"{path.name} and {next_path.name} in {self.root} claim the same index; remove one")

    @staticmethod
    def _parse(path: Path) -> tuple[int, int, Path]:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(
                f"{path} is misnamed: an image is called <index>_<label>.png, the index without zeros in front, with "
                "label 0 (horizontal) or 1 (vertical), for example 3_0.png. Rename it or move it elsewhere."
            )
        return int(match[1]), int(match[2]), path

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, position: int) -> tuple[Any, int]:
        """The image at this position (grey, transformed if a transform is given) and its label.

        A damaged one, one that is transparent in places, or of another size than the first one read is refused.
        """
        _, label, path = self._files[position]
        image = grey(str(path), picture(str(path), read_bytes(path)))
        self._size = self._size or image.size
        if image.size != self._size:
            wide, high = image.size
            first = "×".join(map(str, self._size))
            raise ValueError(f"{path} has {wide}×{high} pixels, where others have {first}; scale it, or take it away")
        return (self.transform(image) if self.transform else image), label


@guarded
def write_stripes(folder: str | Path, stripes: StripeSet, *, listing: bool = False) -> Path:
    """Write images as `<index>_<label>.png` into a new folder, which appears only when it is complete.

    `listing` adds `labels.csv` with the columns file, label, peaks, noise.

    Raises:
        FileExistsError: the folder exists. Nothing in it is touched.
        CannotWrite: the folder cannot be made there, or the disk is full.
    """
    folder = Path(folder)
    require(set(np.unique(stripes.labels)) <= {0, 1}, "labels", np.unique(stripes.labels), "0 or 1")
    if exists(folder):
        raise FileExistsError(f"{folder} exists already and is not overwritten. Choose another name, or remove it.")
    drawn = zip(stripes.labels, stripes.peaks, stripes.noise, strict=True)
    rows = [(f"{index}_{how[0]}.png", *how) for index, how in enumerate(drawn)]
    with writing(folder) as unfinished:
        unfinished.mkdir()
        for (name, *_), image in zip(rows, stripes.images, strict=True):
            Image.fromarray(image).save(unfinished / name)
        if listing:
            with (unfinished / "labels.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("file", "label", "peaks", "noise"), *rows])
    return folder
