"""Exercises of the lesson on convolutional networks: a map's size, its weights, a convolution, a moved picture."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from course_utils.classroom.exercise import Exercise, tensors

check_map_size = Exercise(
    right=lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride + 1,
    cases=[(28, 5, 1, 0), (28, 5, 1, 2), (28, 3, 2, 1), (12, 5, 1, 0), (9, 4, 3, 0), (9, 3, 2, 0)],
    draw=lambda rng: tuple(rng.integers([10, 2, 1, 0], [40, 8, 5, 4]).tolist()),
    wrong={
        "A 5-pixel kernel on 28 pixels gives you 23. Count the places for its left edge: the first is 0, the last is "
        "23. How many is that?": lambda n, k, s, p: (n + 2 * p - k) // s,
        "You keep the size. Without padding the kernel cannot hang over the border, so the map is smaller than the "
        "image.": lambda n, k, s, p: n,
        "You divide by the kernel, as if the windows did not overlap. At stride 1 they overlap almost entirely.":
            lambda n, k, s, p: n // k,
        "Padding is added on both sides. You count it once.": lambda n, k, s, p: (n + p - k) // s + 1,
        "You leave out the padding: with padding 2, 28 pixels become 32 before the kernel slides.":
            lambda n, k, s, p: (n - k) // s + 1,
        "You leave out the stride: with stride 2 the kernel takes every second place only.":
            lambda n, k, s, p: n + 2 * p - k + 1,
        "28 pixels, kernel 3, stride 2, padding 1: 27 pixels make 13 steps of 2. Half a step is not taken: round down.":
            [lambda n, k, s, p: (n + 2 * p - k) / s + 1, lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1,
             lambda n, k, s, p: round((n + 2 * p - k) / s) + 1],
        "Only the kernel is divided by the stride: `//` comes before `+` and `-`. Put the sum in brackets.":
            lambda n, k, s, p: n + 2 * p - k // s + 1,
        "9 pixels, kernel 3, stride 2: you get 3. The left edge can stand at 0, 2, 4, 6. The first place is there "
        "before any step: divide first, then count it.": lambda n, k, s, p: (n + 2 * p - k + 1) // s,
    },
    solved="It agrees with PyTorch for strides and paddings, too.",
    otherwise="At stride 1 and without padding a kernel of 5 pixels has 24 places on 28 pixels.",
)  # fmt: skip

check_parameters = Exercise(
    right=lambda maps_in, maps_out, kernel: maps_in * maps_out * kernel**2 + maps_out,
    cases=[(16, 32, 5), (1, 8, 3)],
    draw=lambda rng: tuple(rng.integers(2, 30, 3).tolist()),
    wrong={
        "The weights are right. Each output map also adds one number of its own to all its pixels: a bias.":
            lambda maps_in, maps_out, kernel: maps_in * maps_out * kernel**2,
        "Each output map has one kernel for *each* input map. You count one kernel for all of them.":
            lambda maps_in, maps_out, kernel: maps_out * kernel**2 + maps_out,
        "A 5×5 kernel has 5×5 weights, not 5.": [lambda i, o, k: i * o * k + o, lambda i, o, k: i * o * k],
        "There is one bias for each output map. You added one for each input map.":
            lambda maps_in, maps_out, kernel: maps_in * maps_out * kernel**2 + maps_in,
        "There is one bias for each output map, not one for each kernel.":
            lambda maps_in, maps_out, kernel: maps_in * maps_out * (kernel**2 + 1),
        "There is one bias for each output map. You added a single one.":
            lambda maps_in, maps_out, kernel: maps_in * maps_out * kernel**2 + 1,
        "Every output map has kernels of its own. You count those of one output map.":
            lambda maps_in, maps_out, kernel: maps_in * kernel**2 + maps_out,
        "This is right for 16 and 32 maps with a 5×5 kernel alone. Did you type a number in?": lambda *_: 12_832,
    },
    solved="From 16 to 32 maps with a 5×5 kernel: 12,832. The size of the image does not enter. That is the point of a "
    "convolution.",
    otherwise="How many kernels are there, and how large is one?",
)  # fmt: skip


def _slide(image: Tensor, kernel: Tensor) -> Tensor:
    return conv2d(image[None, None], kernel[None, None])[0, 0]


check_convolve = Exercise(
    right=_slide,
    cases=[(torch.arange(35.0).reshape(7, 5) % 4, torch.tensor([[1.0, 2], [0, -1], [3, 1]]))],
    draw=lambda rng: tensors(*(rng.normal(size=rng.permutation(sides)[:2]) for sides in ([6, 7, 8], [2, 3, 4]))),
    wrong={
        "Your map is as large as the image. The kernel has fewer places than the image has pixels: 7 − 3 + 1 rows for "
        "7 rows and a kernel of 3.": [
            lambda image, kernel: image,
            lambda image, kernel: pad(_slide(image, kernel), (0, kernel.shape[1] - 1, 0, kernel.shape[0] - 1)),
        ],
        "Your map lies on its side: rows come first, columns second.": lambda image, kernel: _slide(image, kernel).T,
        "You flip the kernel. That is what mathematics calls convolution; deep learning's layer does not flip. (It is "
        "a cross-correlation. Since weights are learned, the network can do the same with either.)":
            lambda image, kernel: _slide(image, kernel.flip(0, 1)),
        "You take the mean of the products. Add them up.": lambda image, kernel: _slide(image, kernel) / kernel.numel(),
    },
    solved="Your map agrees with torch.nn.functional.conv2d.",
    otherwise="At each place: multiply window and kernel entry by entry, then sum.",
)  # fmt: skip


check_move_right = Exercise(
    right=lambda images, pixels: pad(images, (pixels, 0))[..., : images.shape[-1]],
    cases=[(torch.arange(1.0, 41.0).reshape(2, 1, 4, 5), 2), (torch.arange(1.0, 41.0).reshape(2, 1, 4, 5), 0)],
    draw=lambda rng: (*tensors(rng.random((2, 1, 6, 7))), int(rng.integers(1, 6))),
    wrong={
        "What leaves on the right comes back on the left. What enters should be black, so 0.":
            lambda images, pixels: images.roll(pixels, 3),
        "You move to the left.": lambda images, pixels: pad(images, (0, pixels))[..., pixels:],
        "You move down. Rows are the last axis but one, columns the last.":
            lambda images, pixels: pad(images, (0, 0, pixels, 0))[..., : images.shape[2], :],
        "You move up. Rows are the last axis but one, columns the last.":
            lambda images, pixels: pad(images, (0, 0, 0, pixels))[..., pixels:, :],
        "The images have grown. Cut off what has left them on the right.":
            lambda images, pixels: pad(images, (pixels, 0)),
    },
    solved="Now ask three networks what they make of it.",
    otherwise="Column k of an image becomes column k + pixels; the first columns are 0.",
)  # fmt: skip
