"""The exercises of the last lesson, the capstone among them."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import nn

from course_utils.chips.placing import CIRCUITS, places
from course_utils.classroom.exercise import Exercise, NotYet
from course_utils.lessons.ledger_and_next_steps.capstone import LEVELS, Judgement, judge
from course_utils.lessons.ledger_and_next_steps.overview import front
from course_utils.spiking.li_readout import LIReadout

Ends = tuple[float, float]


def wilson(right: int, count: int, around_p: bool = False, wider: Callable[[int], float] = lambda count: 1.0) -> Ends:
    """The 95 % interval of an accuracy (E. B. Wilson, 1927), which a slip moves or stretches."""
    p, z = right / count, 1.96
    shrink = 1 + z**2 / count
    centre, half = (p + z**2 / (2 * count)) / shrink, z / shrink * (p * (1 - p) / count + (z / count) ** 2 / 4) ** 0.5
    centre, half = p if around_p else centre, wider(count) * half
    return centre - half, centre + half


def _plain(right: int, count: int) -> Ends:
    p = right / count
    half = 1.96 * (p * (1 - p) / count) ** 0.5
    return p - half, p + half


check_wilson = Exercise(
    right=wilson,
    cases=[(198, 198), (190, 198), (93, 100), (9, 20), (1, 30)],
    draw=lambda rng: (int(rng.integers(1, 50)), int(rng.integers(50, 500))),
    tolerance=5e-4,  # 1.96 may have more digits
    wrong={
        "This is p ± 1.96 √(p(1 − p)/n). For 198 right of 198 its width is 0: a network without an error would be "
        "known for certain. Wilson's interval asks which true accuracies could have shown what you saw.":
            [_plain, lambda right, count: tuple(np.clip(_plain(right, count), 0, 1))],
        "Return shares between 0 and 1, not per cent.":
            lambda right, count: tuple(100 * end for end in wilson(right, count)),
        "Both ends are right, but the lower one comes first.": lambda right, count: wilson(right, count)[::-1],
        "Your interval lies around p. Wilson's lies around m, which is nearer to one half.": {"around_p": True},
        "The centre is right, the half width is not. Is everything divided by 1 + z²/n?":
            [{"wider": lambda count: 1 + 1.96**2 / count}, {"wider": lambda count: 2}],
    },
    otherwise="The interval is m ± h.",
    solved="An accuracy without its interval is half a number.",
)


def _with_ties(costs: Sequence[float], accuracies: Sequence[float]) -> list[bool]:
    """A front on which equal networks beat each other."""
    points = list(zip(costs, accuracies, strict=True))
    return [free and points.count(point) == 1 for free, point in zip(front(costs, accuracies), points, strict=True)]


check_pareto = Exercise(
    right=front,
    cases=[
        ([1.0, 2.0, 3.0, 4.0], [0.6, 0.9, 0.8, 0.95]),
        ([5.0, 1.0, 5.0, 2.0], [0.9, 0.7, 0.8, 0.7]),
        ([1.0, 1.0, 2.0], [0.9, 0.9, 0.9]),
    ],
    draw=lambda rng: tuple(rng.integers(0, 6, (2, 9)).astype(float).tolist()),
    wrong={
        "You mark the networks that are beaten. Mark the others.":
            lambda costs, accuracies: [not free for free in front(costs, accuracies)],
        "You prefer the dearer network. A cost is better when it is lower.":
            lambda costs, accuracies: front([-cost for cost in costs], accuracies),
        "The cheapest and the best are not all. A compromise that nobody beats counts, too.": lambda costs, rights:
            [cost == min(costs) or right == max(rights) for cost, right in zip(costs, rights, strict=True)],
        "You leave out every network. Does each one beat itself? To beat, it must be better in at least one of the "
        "two.": lambda costs, accuracies: [False] * len(costs),
        "Do two equal networks beat each other? To beat, one must be better in at least one of the two.": _with_ties,
    },
    otherwise="One beats another if it is at least as good and as cheap, and better in one of the two.",
    solved="What is left is a choice that no table makes for you.",
)


def _grade_capstone(model: LIReadout) -> str:
    """A trained network, judged on images and chips that its own weights have drawn."""
    if not isinstance(model, LIReadout):
        raise NotYet(
            f"Hand over the trained network itself, an LIReadout. This is of type {type(model).__name__}; a function "
            "that trains, or a network inside InTheLoop or AnyChip, is not what runs on the chip."
        )
    taken = {place.layer: place.neurons * place.circuits for place in places(model)}
    total = sum(taken.values())
    if "pool" in taken:
        raise NotYet(
            f"Your pool is a maximum. It would need {taken['pool']} neurons of its own ({total} circuits in all, of "
            f'{CIRCUITS}), and in continuous time it has no meaning. Build the model with pool="sum".'
        )
    if total > CIRCUITS:
        raise NotYet(
            f"It takes {total} circuits of {CIRCUITS}: {taken['hidden']} for hidden neurons, {taken['readout']} for "
            "the readout. A readout neuron takes one for every 128 inputs, and every hidden neuron is an input. Fewer "
            "filters, or one output instead of two?"
        )
    try:
        found = judge(model)
    except ValueError as error:
        raise NotYet(f"The chip refuses it: {error}.") from error
    if found.level is None:
        raise NotYet(f"{_reason(found)}\n\n{found.table()._repr_markdown_()}")
    above = list(LEVELS)[list(LEVELS).index(found.level) + 1 :]
    lacks = f"For *{above[0]}* it lacks {' and '.join(found.lacks(LEVELS[above[0]]))}." if above else ""
    lacks = lacks or "There is no higher level. Can you do it with fewer spikes?"
    return f"**{found.level.capitalize()}.** {lacks}\n\n{found.table()._repr_markdown_()}"


def _reason(found: Judgement) -> str:
    """Why it does not pass, and what may be behind it."""
    demands = LEVELS["pass"]
    if found.operations > demands.operations:
        share = found.input_operations / found.operations
        return (
            f"It spends {found.operations:,.0f} operations per image; {demands.operations:,} are allowed. {share:.0%} "
            f"of them belong to the {found.steps} steps of input spikes. Fewer steps, less current, or fewer filters?"
        )
    if found.spikes == 0:
        return "No hidden neuron spikes for any image: the network is silent. `models.awaken` finds a larger start."
    if found.no_limits < 0.65 and found.median < 0.65:
        return (
            f"On images that it has not seen it is right for {found.median:.0%}, little better than chance, and so it "
            "is without any limit. Was it trained, and with faint stripes? Does it learn with this learning rate?"
        )
    if max(found.no_limits, found.alike) < demands.median + 0.01:
        return (
            f"Even without limits it is right for {found.no_limits:.1%} of the hidden images. If your own number is "
            "higher, it may come from images that the network has learned from."
        )
    if found.alike < found.no_limits - 0.02:
        return (
            f"Without limits it is right for {found.no_limits:.1%}, with 6 bits and an 8-bit readout for "
            f"{found.alike:.1%}: rounding spoils it. Train with the chip's rounding switched on."
        )
    return (
        f"On a chip whose circuits are all alike it is right for {found.alike:.1%}; the median of the hidden chips is "
        f"{found.median:.1%}. It was trained for a chip that nobody has. Train for any chip."
    )


check_capstone = Exercise(
    right=None,  # `capstone.kept_network` has one; to judge it takes half a minute
    grade=_grade_capstone,
    wrong={
        "an LIReadout. This is of type": [7, lambda seed: None, nn.Linear(2, 2)],
        "Your pool is a maximum": LIReadout(),
        "It takes 515 circuits of 512": LIReadout(pool="sum", filters=3),
    },
)
