"""The baseline of image and event experiments: what a linear classifier makes of the inputs."""

import numpy as np
from sklearn.linear_model import RidgeClassifier
from torch import Tensor

from course_utils.data.require import guarded


@guarded
def linear_accuracy(
    train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], count: int = 10_000, *, alpha: float = 300.0
) -> float:
    """Accuracy on the test set of a ridge classifier, trained on the first `count` inputs, of standard deviation 1.

    Inputs are images [count, channels, size, size], or spikes [count, time, …] of five dimensions, which are added up
    over time; `alpha` weighs the squared weights in the loss.
    """
    (x, y), (x_test, y_test) = (
        ((inputs.sum(1) if inputs.dim() == 5 else inputs).flatten(1).numpy().astype(np.float32), labels.numpy())
        for inputs, labels in ((train[0][:count], train[1][:count]), test)
    )
    scale = x.std()
    classifier = RidgeClassifier(alpha=alpha).fit(x / scale, y)
    return float((classifier.predict(x_test / scale) == y_test).mean())
