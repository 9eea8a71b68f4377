"""Over five seeds: patches with model 5 as built, model 5 awake and model 6; each change between 5 and 6 alone."""

from functools import partial

from torch import nn

from course_utils.data import patches, stripes
from course_utils.lessons.harder_stripes.models import FIFTH, TAKEN_BACK, PatchNet
from course_utils.lessons.stripe_snn.experiment import Recipe, awake
from course_utils.lessons.stripe_snn.tasks import Task, share_right
from course_utils.training.experiment import Experiment
from course_utils.training.loop import accuracy
from course_utils.training.measuring import Split

LESSON = "harder_stripes"


def patch_task(name: str, settings: patches.PatchSettings = patches.HARD) -> Task:
    """Patches. Beside a network: a filter that knows how they are made, and what comparing two variances reaches."""

    def beside(model: nn.Module, split: Split) -> dict[str, float]:
        variances = share_right(stripes.row_column_baseline, split)
        return {"row and column variance": variances, "training images": accuracy(model, *split.train)}

    make, guess = (partial(function, settings=settings) for function in (patches.make_patches, patches.matched_filter))
    return Task(name, make, "matched filter", guess, beside=beside)


def _net(task: Task, **options: object) -> Recipe:
    """Model 6 with these options."""
    steps = options.get("steps", 20)
    return Recipe(LESSON, task, lambda images, seed: PatchNet(**options), 12, 1e-2, steps=steps)


def _on_patches(task: Task) -> dict[str, Recipe]:
    return {
        "5: as built, maximum": _net(task, **FIFTH),
        "5: awake": Recipe(LESSON, task, awake, 12, 5e-3),
        "6: one pool over all places": _net(task),
    }


def _change_by_change(task: Task) -> dict[str, Recipe]:
    """Each change from model 5 to model 6 alone, made in model 5 and taken back in model 6."""
    recipes = {}
    for change, options in TAKEN_BACK.items():
        others = {name: value for name, value in FIFTH.items() if name not in options}
        recipes[f"5, and {change}"] = _net(task, **others)
        recipes[f"6 without {change}"] = _net(task, **options)
    return recipes


EASY, HARD = patch_task("patches, easy", patches.EASY), patch_task("patches, hard")
ON_HARD = _on_patches(HARD) | {"6 with a sum over all places": _net(HARD, pool="sum")} | _change_by_change(HARD)
EXPERIMENTS = (
    Experiment("patches-easy", "patches of 8×8, little noise", _on_patches(EASY)),
    Experiment("patches-hard", "patches of 5×5, more noise: models 5 and 6, and each change between them", ON_HARD),
)
