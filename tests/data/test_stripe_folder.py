"""A folder of images as a data set: what was written comes back, and what is wrong is named and left alone."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

from course_utils.data.stripe_folder import StripeFolder, write_stripes
from course_utils.data.stripes import make_stripes


def png(image: Image.Image = Image.new("L", (16, 16))) -> bytes:  # noqa: B008
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_what_was_written_comes_back(tmp_path: Path):
    drawn = make_stripes(25, seed=4)
    folder = StripeFolder(write_stripes(tmp_path / "set", drawn, listing=True))
    images, labels = zip(*(folder[place] for place in range(len(folder))), strict=True)
    assert np.array_equal(np.stack([np.asarray(image) for image in images]), drawn.images)
    assert list(labels) == drawn.labels.tolist()
    loader = DataLoader(StripeFolder(str(folder.root), transform=ToTensor()), batch_size=4)
    images, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert images.shape == (25, 1, 16, 16)
    assert torch.equal(images[:, 0] * 255, torch.from_numpy(drawn.images).float())
    assert torch.equal(labels, torch.from_numpy(drawn.labels))


def test_images_come_in_the_order_of_their_index_not_of_their_name(tmp_path: Path):
    for name, grey in (("10_1.png", 10), ("2_0.png", 2), ("1_1.png", 1)):
        (tmp_path / name).write_bytes(png(Image.new("L", (16, 16), grey)))
    (tmp_path / "labels.csv").write_text("not an image")
    folder = StripeFolder(tmp_path)
    assert [(image.getpixel((0, 0)), label) for image, label in folder] == [(1, 1), (2, 0), (10, 1)]


def test_what_is_no_folder_or_has_no_images_is_named(tmp_path: Path):
    (tmp_path / "labels.csv").write_text("file,label\n")
    for root in ("missing", "labels.csv"):
        with pytest.raises(NotADirectoryError, match=root):
            StripeFolder(tmp_path / root)
    with pytest.raises(ValueError, match=rf"{tmp_path.name}.* has no PNG"):
        StripeFolder(tmp_path)


MISNAMED = [
    "3.png",
    "a_b.png",
    "3_2.png",
    "3_0_1.png",
    "-3_0.png",
    "3_0 (1).png",
    "3_0.png.png",
    "00_0.png",
    "007_1.png",
    "٣_1.png",
]


@pytest.mark.parametrize("name", [*MISNAMED, "0_1.png"])
def test_an_image_that_is_misnamed_or_the_second_of_its_index_is_named_and_left_alone(tmp_path: Path, name: str):
    for file in ("0_0.png", "1_0.png", name):
        (tmp_path / file).write_bytes(png())
    with pytest.raises(ValueError, match=re.escape(name)) as caught:
        StripeFolder(tmp_path)
    assert (str(tmp_path / name) if name in MISNAMED else "0_0.png") in str(caught.value)
    assert (tmp_path / name).read_bytes() == png()


STRIPE = png(Image.fromarray(make_stripes(1, 0).images[0]))


@given(st.integers(0, 8 * len(STRIPE) - 1))
@example(8 * 242)  # in the last bytes of the pixels, where Pillow alone reads on and draws something else
@example(8 * 11)  # in the length of the first block
def test_an_altered_image_is_never_read_as_another(tmp_path_factory: pytest.TempPathFactory, bit: int):
    altered = bytearray(STRIPE)
    altered[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.mktemp("altered") / "0_1.png"
    path.write_bytes(altered)
    try:
        image, _ = StripeFolder(path.parent)[0]
    except ValueError as error:
        assert f"{path} is damaged" in str(error)
    else:
        assert np.array_equal(np.asarray(image), make_stripes(1, 0).images[0])
    assert path.read_bytes() == altered
