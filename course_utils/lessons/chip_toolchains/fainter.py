"""Stripes so faint that the model errs on some, and how nearly two ways to run it agree on them."""

import torch
from torch import Tensor

from course_utils.data.require import guarded, require
from course_utils.data.stripes import StripeSettings
from course_utils.lessons.stripe_snn.tasks import FIRST_TEST, stripe_task
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.norse_cells import Activity

# The model, trained on stripes of more than twice this contrast, is right in about 90 %: where it is nearly always
# right, two chips that differ would still agree. The contrast was chosen with images before these.
CONTRAST, COUNT = 0.18, 500
FAINTER = stripe_task(
    "stripes, fainter", StripeSettings(noise=(0.3,), contrast=CONTRAST), first_test=FIRST_TEST + 100_000
)


def fainter(seed: int, count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Images float [count, 1, 16, 16] and labels [count] of the fainter stripes."""
    return FAINTER.draw(seed, 1, 1, count).test


@guarded
def correlation(ours: Activity, theirs: Activity) -> float:
    """Of hidden spike counts, over all neurons and images."""
    counts = torch.stack([activity.hidden.sum(0).flatten() for activity in (ours, theirs)])
    require((counts.std(1) > 0).all(), "the standard deviations of the counts", counts.std(1).tolist(), "above 0")
    return torch.corrcoef(counts)[0, 1].item()


@guarded
def agreement(model: LIReadout, ours: Activity, theirs: Activity) -> float:
    """The share of images to which both give the same class."""
    ours, theirs = (model.scores(activity.readout).argmax(1) for activity in (ours, theirs))
    return (ours == theirs).double().mean().item()
