"""New pictures of every kind of stripes, for a map of what a network has not learned."""

from itertools import product

import numpy as np

from course_utils.data.stripes import StripeSettings, make_stripes

# What a map of weak spots asks for: plain stripes are those of contrast 1, noise up to 0.3 and up to 5 peaks.
KINDS = {"contrast": (0.1, 0.3, 1.0), "noise": (0.1, 0.2, 0.3, 0.6, 1.0, 2.0), "peaks": (1, 2, 3, 4, 5, 6, 7)}


def every_kind(seed: int, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [contrasts, noises, peaks, count, size, size] of new pictures, and labels, without the sizes."""
    kinds = [StripeSettings(noise=(noise,), peaks=(peaks,), contrast=c) for c, noise, peaks in product(*KINDS.values())]
    made = [make_stripes(count, seed, first=10_000, settings=settings) for settings in kinds]
    labels = np.stack([drawn.labels for drawn in made]).reshape(*map(len, KINDS.values()), count)
    return np.stack([drawn.images for drawn in made]).reshape(*labels.shape, *made[0].images.shape[1:]), labels
