"""New pictures of every kind of stripes, for a map of what a network has not learned."""

from itertools import product

import numpy as np

from course_utils.data import stripes

# What a map of weak spots asks for: plain stripes are those of contrast 1, noise up to 0.3 and up to 5 peaks.
KINDS = {"contrast": (0.1, 0.3, 1.0), "noise": (0.1, 0.2, 0.3, 0.6, 1.0, 2.0), "peaks": (1, 2, 3, 4, 5, 6, 7)}


def every_kind(seed: int, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """New pictures of every contrast, noise and number of peaks.

    Returns:
        Pixels uint8 [contrasts, noises, peaks, count, size, size] and labels [contrasts, noises, peaks, count].
    """
    made = [
        stripes.make_stripes(
            count,
            seed,
            first=10_000,
            settings=stripes.StripeSettings(contrast=contrast, noise=(noise,), peaks=(peaks,)),
        )
        for contrast, noise, peaks in product(*KINDS.values())
    ]
    shape = (*map(len, KINDS.values()), count)
    images, labels = np.stack([drawn.images for drawn in made]), np.stack([drawn.labels for drawn in made])
    return images.reshape(*shape, *images.shape[2:]), labels.reshape(shape)
