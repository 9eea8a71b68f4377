"""Pictures from files: undamaged, upright, in 8-bit grey, or a `ValueError` says which file and what to do."""

import io

import numpy as np
from PIL import Image, ImageOps


def picture(name: str, data: bytes) -> Image.Image:
    """One undamaged picture from the bytes of a file, upright. `name` is for the message of a `ValueError`."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()  # the checksums of a PNG; without them PIL reads some altered pixels as if they were right
        with Image.open(io.BytesIO(data)) as image:
            count = getattr(image, "n_frames", 1)
            image.load()
            image = ImageOps.exif_transpose(image)
    except Exception as error:  # PIL reports broken files as OSError, SyntaxError, ValueError, struct.error …
        raise ValueError(f"{name} is damaged ({error}). Replace it, or write the set anew.") from error
    if count > 1:
        raise ValueError(f"{name} holds {count} pictures; it must hold one")
    return image


def grey(name: str, image: Image.Image) -> Image.Image:
    """A picture in 8-bit grey (mode L); 16 bits are scaled; what is transparent or holds no grey levels is refused."""
    if image.mode.startswith("I"):  # Pillow would clip them
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise ValueError(f"{name} has grey levels from {levels.min()} to {levels.max()}; save it with 8 or 16 bits")
        return Image.fromarray((levels / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise ValueError(f"{name} has mode F, numbers that are no grey levels; save it with 8 or 16 bits")
    if image.has_transparency_data:  # what is seen depends on what lies behind
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:
            raise ValueError(f"{name} is transparent in places (an alpha channel); save it without transparency")
        image = image.convert("RGB")
    return image.convert("L")
