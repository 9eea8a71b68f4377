"""Lesson 02: checks of its exercises."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.classroom.verdict import NotYet, attempt, check


@check
def check_map_size(map_size: Callable[[int, int, int, int], int]) -> str:
    """The side of a feature map from the side of the image, kernel, stride and padding."""
    cases = [(28, 5, 1, 0), (28, 5, 1, 2), (28, 3, 2, 1), (12, 5, 1, 0), (9, 4, 3, 0), (9, 3, 2, 0)]
    found = [attempt(map_size, *case) for case in cases]
    expected = [(size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in cases]
    if found == expected:
        return "It agrees with PyTorch for strides and paddings, too."
    if found[0] == 23:
        raise NotYet(
            "A 5-pixel kernel on 28 pixels gives you 23. Count the places for its left edge: the first is 0, the last "
            "is 23. How many places are that?"
        )
    if found[0] == 28:
        raise NotYet(
            "You keep the size. Without padding the kernel cannot hang over the border, so the map is smaller "
            "than the image."
        )
    if found[0] == 5:
        raise NotYet(
            "You divide by the kernel, as if the windows did not overlap. At stride 1 they overlap almost entirely."
        )
    if found[0] != expected[0]:
        raise NotYet(f"28 pixels, kernel 5, stride 1, no padding: you get {found[0]}, the lesson's map has 24.")
    if found[1] == 26:
        raise NotYet("Padding is added on both sides. You count it once.")
    if found[1] == 24:
        raise NotYet("You leave out the padding: with padding 2, 28 pixels become 32 before the kernel slides.")
    if found[1] != expected[1]:
        raise NotYet(f"With padding 2, 28 pixels become 32 before the kernel slides. You get {found[1]} places.")
    if found[2] == 28:
        raise NotYet("You leave out the stride: with stride 2 the kernel takes every second place only.")
    if found[2] in (14.5, 15):
        raise NotYet(
            "28 pixels, kernel 3, stride 2, padding 1: 27 pixels are left to move through: 13 steps of 2, and a "
            "half one. A step that does not fit is not taken: round down."
        )
    if found[5] == 3:
        raise NotYet(
            "9 pixels, kernel 3, stride 2: you get 3. The left edge can stand at 0, 2, 4, 6. The first place is there "
            "before any step: divide first, then count it."
        )
    wrong = next(i for i in range(len(cases)) if found[i] != expected[i])
    size, kernel, stride, padding = cases[wrong]
    raise NotYet(f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}: you get {found[wrong]}.")


@check
def check_parameters(parameters: Callable[[int, int, int], int]) -> str:
    """The weights and biases of a convolution from its input maps, output maps and kernel side."""
    found = attempt(parameters, 16, 32, 5)
    if found == sum(weights.numel() for weights in nn.Conv2d(16, 32, 5).parameters()):
        if attempt(parameters, 1, 8, 3) != 80:
            raise NotYet(
                "Right for 16 and 32 maps, wrong for 1 and 8 maps with a 3×3 kernel. Did you type a number in?"
            )
        return "12,832: the size of the image does not enter. That is the point of a convolution."
    if found == 16 * 32 * 25:
        raise NotYet(
            "The weights are right. Each output map also adds one number of its own to all its pixels: a bias."
        )
    if found == 32 * 25 + 32:
        raise NotYet("Each output map has one kernel for *each* input map. You count one kernel for all 16.")
    if found in (16 * 32 * 5 + 32, 16 * 32 * 5):
        raise NotYet("A kernel has 5×5 weights, not 5.")
    if found == 16 * 32 * 25 + 16:
        raise NotYet("There is one bias for each output map. You added one for each input map.")
    raise NotYet(
        f"From 16 to 32 maps with a 5×5 kernel you count {found}. How many kernels are there, and how large is one?"
    )


@check
def check_convolve(convolve: Callable[[Tensor, Tensor], Tensor]) -> str:
    """A convolution written with loops, stride 1, no padding."""
    generator = torch.Generator().manual_seed(0)
    image, kernel = torch.randn(7, 5, generator=generator), torch.randn(3, 2, generator=generator)
    found = attempt(convolve, image.clone(), kernel.clone())
    if not isinstance(found, Tensor):
        raise NotYet(f"You return a {type(found).__name__}; return a tensor.")
    found = found.to(image.dtype)
    slide = nn.functional.conv2d
    expected = slide(image[None, None], kernel[None, None])[0, 0]
    if tuple(found.shape) == tuple(image.shape):
        raise NotYet(
            "Your map is as large as the image. The kernel has fewer places than the image has pixels: 7 − 3 + 1 rows."
        )
    if tuple(found.shape) == tuple(expected.T.shape):
        raise NotYet("Your map lies on its side: rows come first, columns second.")
    if found.shape != expected.shape:
        raise NotYet(f"A 7×5 image and a 3×2 kernel give a map of 5×4; yours has the shape {tuple(found.shape)}.")
    if torch.allclose(found, expected, atol=1e-5):
        return "Your map agrees with torch.nn.functional.conv2d."
    if torch.allclose(found, slide(image[None, None], kernel.flip(0, 1)[None, None])[0, 0], atol=1e-5):
        raise NotYet(
            "You flip the kernel. That is what mathematics calls convolution; deep learning's layer does not flip. "
            "(It is a cross-correlation. Since weights are learned, the network can do the same with either.)"
        )
    if torch.allclose(found, expected / kernel.numel(), atol=1e-5):
        raise NotYet("You take the mean of the products. Add them up.")
    raise NotYet(
        "The shape is right, the values are not. At each place: multiply window and kernel entry by entry, then sum."
    )
