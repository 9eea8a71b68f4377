"""An explorer of the convolution."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import matrix

KERNELS = {
    "vertical edges": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "horizontal edges": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "blur": [[1 / 9] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "5×5 blur": [[1 / 25] * 5] * 5,
}


def feature_map(image: np.ndarray, kernel: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """Slide a kernel [height, width] over an image [height, width], as PyTorch's convolution does (no flip)."""
    padded = np.pad(np.asarray(image, dtype=float), padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded, np.shape(kernel))[::stride, ::stride]
    return np.einsum("rcij,ij->rc", windows, kernel)


def draw_convolution(
    images: np.ndarray, number: int, kernel: str, stride: int, padding: int, rectify: bool
) -> tuple[Figure, str]:
    """An image, a kernel with its weights, and the feature map."""
    image, weights = images[number] / 255, np.array(KERNELS[kernel])
    result = feature_map(image, weights, stride, padding)
    if rectify:
        result = np.maximum(result, 0)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.6, 2.9), width_ratios=(1.3, 0.8, 1.3))
    left.imshow(np.pad(image, padding))
    left.set_title(f"input {image.shape[0]}×{image.shape[1]}" + (f", padded by {padding}" if padding else ""))
    matrix(weights, middle, written=".2f" if "blur" in kernel else ".0f", cmap="PuOr", vmin=-5, vmax=5)
    middle.set_title("kernel")
    reach = max(np.abs(result).max(), 1e-9)
    right.imshow(result, cmap="PuOr", vmin=-reach, vmax=reach)
    right.set_title(f"feature map {result.shape[0]}×{result.shape[1]}")
    for ax in (left, right):
        ax.set(xticks=[], yticks=[])
    return figure, (
        f"Image {number}, the kernel for {kernel}, and the feature map of {result.shape[0]} by {result.shape[1]} "
        "values; purple is positive, orange negative."
    )


def convolution_explorer(images: np.ndarray) -> Explorer:
    """Slide kernels over these images, uint8 [count, height, width]."""
    return Explorer(
        lambda **values: draw_convolution(images, **values),
        number=(0, 0, len(images) - 1, "image"),
        kernel=list(KERNELS),
        stride=(1, 1, 4),
        padding=(0, 0, 4),
        rectify=ipywidgets.Checkbox(False, description="keep only positive values (ReLU)"),
    )
