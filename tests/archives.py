"""Archives of data sets as they are delivered, small and made up."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

EVENT = bytes([5, 6, 0x80, 0, 9])  # of N-MNIST: x 5, y 6, ON, 9 µs


def pack(path: Path, content: dict[str, bytes]) -> Path:
    """A zip archive with files of these names, as they are, a "\\" too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in content.items():
            info = zipfile.ZipInfo()
            info.filename = name
            packed.writestr(info, data, zipfile.ZIP_DEFLATED)
    return path


def recordings(name: Callable[[str], str] = str, data: bytes = EVENT) -> dict[str, bytes]:
    """Of N-MNIST: ten recordings a part, one of each digit, their names changed."""
    return {name(f"{part}/{digit}/{digit + 1:05}.bin"): data for part in ("Train", "Test") for digit in range(10)}


def jpeg(size: tuple[int, int] = (60, 40), colour: object = 90, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "jpeg")
    return buffer.getvalue()


def photographs(name: Callable[[str], str] = str) -> dict[str, bytes]:
    """Of Caltech-101: two vehicles of each kind, their names changed."""
    return {name(f"{kind}/image_000{n}.jpg"): jpeg() for kind in ("Motorbikes", "airplanes") for n in (1, 2)}
