"""Lesson 16: checks of its exercises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.lessons.vehicles import front_end
from course_utils.lessons.vehicles.models import threshold_accuracy


def _number(answer: object) -> float:
    try:
        return float(answer)
    except (TypeError, ValueError):
        raise NotYet(f"Return one number, not {answer!r}.") from None


@check
def check_by_threshold(by_threshold: Callable[[Tensor, Tensor, Tensor, Tensor], float]) -> str:
    """Test accuracy of a threshold on one number, chosen on the training part."""
    generator = torch.Generator().manual_seed(0)  # a draw in which one threshold alone is best

    def part(count: int, gap: float) -> tuple[Tensor, Tensor]:
        labels = torch.arange(count) % 2
        return labels * gap + torch.randn(count, generator=generator), labels

    # the test part is shifted, so a threshold chosen there does better than the one of the training part
    train, (numbers, labels) = part(200, 1.5), part(50, 1.5)
    test = numbers + 0.8, labels
    found = _number(attempt(by_threshold, *train, *test))
    wanted = threshold_accuracy(train, test)
    if abs(found - wanted) < 1e-6:
        return "Chosen on the training part, counted on the test part."
    if abs(found - 100 * wanted) < 1e-6:
        raise NotYet("Return a share between 0 and 1, not per cent.")
    if abs(found - threshold_accuracy(train, train)) < 1e-6:
        raise NotYet(
            "This is the accuracy on the training part. The threshold comes from there, the accuracy does not."
        )
    if abs(found - threshold_accuracy(test, test)) < 1e-6:
        raise NotYet(
            "You chose the threshold on the test part. It is the best there by luck; choose it on the training part."
        )
    if abs(found - (1 - wanted)) < 1e-6:
        raise NotYet(
            "You count the wrong ones, or say 0 above the threshold. Airplanes, label 1, are the wider pictures."
        )
    raise NotYet(
        f"A threshold chosen on the training part is right for {wanted:.0%} of the test part; you say {found:.0%}. "
        "Try every training number as a threshold, and say 1 for numbers that reach it."
    )


@check
def check_order_code(order_code: Callable[[Tensor, int], Tensor]) -> str:
    """1 for the largest coefficient, falling evenly to 0 at rank `kept`; silent ones stay silent."""
    values = torch.tensor([0.2, 0.9, 0.0, 0.5, 0.7, 0.1, 0.0])
    for kept in (3, 7):
        found = attempt(order_code, values.clone(), kept)
        wanted = front_end.by_rank(values[None], kept)[0]
        if not isinstance(found, Tensor) or found.shape != values.shape:
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise NotYet(f"Return a tensor of shape {list(values.shape)}. Yours: {shape}.")
        found = found.to(wanted)
        if torch.allclose(found, wanted):
            continue
        once = values.argsort(descending=True)
        if torch.allclose(found, (1 - once / kept).clamp(min=0)) or torch.allclose(
            found, (1 - once / kept).clamp(min=0) * (values > 0)
        ):
            raise NotYet(
                "`argsort` says which coefficient is on which place. You need the place of each coefficient: sort the "
                "answer again."
            )
        rising = values.argsort().argsort()
        if torch.allclose(found, (1 - rising / kept).clamp(min=0) * (values > 0)) or torch.allclose(
            found, (1 - rising / kept).clamp(min=0)
        ):
            raise NotYet("Your largest coefficient has the last rank. Rank 0 belongs to the largest.")
        if (found < 0).any():
            raise NotYet(f"Ranks from {kept} on do not count: their code is 0, yours falls below.")
        if (found[values == 0] > 0).any():
            raise NotYet("A coefficient of 0 belongs to a cell that is silent. It gets no code, whatever its rank.")
        if torch.allclose(found, (values * (wanted > 0)).to(found)):
            raise NotYet("You kept the coefficients' sizes. Only the order may count.")
        raise NotYet(
            f"For {[round(v, 1) for v in values.tolist()]} and kept = {kept} the code is "
            f"{[round(v, 2) for v in wanted.tolist()]}; yours is {[round(v, 2) for v in found.tolist()]}."
        )
    return "The order, and nothing else."


@check
def check_current_for(current_for: Callable[[float, float], float]) -> str:
    """The current under which a LIF neuron reaches its threshold after a given number of steps."""
    period, leak = 5.0, math.exp(-1 / 20)
    found = _number(attempt(current_for, period, leak))
    wanted = 1 / (1 - leak**period)
    mistakes = {
        "This is how far the potential comes under a current of 1. Which current brings it to 1?": 1 - leak**period,
        "You forgot the period: this current crosses the threshold in a single step.": 1 / (1 - leak),
        "λ to the power of 1/period: after P steps λᴾ of the distance is left.": 1 / (1 - leak ** (1 / period)),
        "Without the leak the neuron would need this much a step. It leaks, and climbs by (1 − λ) of the distance.": 1
        / period,
        "This is what is left of a potential after P steps, λᴾ.": leak**period,
    }
    for message, wrong in mistakes.items():
        if abs(found - wrong) < 1e-9:
            raise NotYet(message)
    if abs(found - wanted) > 1e-5:  # a float32 answer is right too
        raise NotYet(f"For P = 5 steps and λ = {leak:.3f} the current is {wanted:.3f}. You say {found:.3f}.")
    if abs(_number(attempt(current_for, 12.5, 0.9)) - 1 / (1 - 0.9**12.5)) > 1e-5:
        raise NotYet("Right for P = 5 and one leak, but not for P = 12.5 and λ = 0.9.")
    return "The f–I curve, read backwards."
