"""Lesson 18: checks of its exercises, the capstone among them."""

import math
from collections.abc import Callable, Sequence

from course_utils.chips.virtual_chip import CIRCUITS, places
from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.lessons.ledger_and_next_steps import overview
from course_utils.lessons.ledger_and_next_steps.capstone import LEVELS, Judgement, judge
from course_utils.spiking.stripe_networks import LIReadout
from course_utils.training.ledger import accuracy_interval

CASES = ((198, 198), (190, 198), (93, 100), (9, 20), (0, 30))  # right, of how many


def _two_numbers(answer: object) -> tuple[float, float]:
    try:
        low, high = answer
        return float(low), float(high)
    except (TypeError, ValueError):
        raise NotYet(f"Return two numbers, the lower and the upper end, not {answer!r}.") from None


@check
def check_wilson(wilson: Callable[[int, int], tuple[float, float]]) -> str:
    """The 95 % interval of an accuracy, which stays between 0 and 1 and has a width for 100 %, too."""
    for right, count in CASES:
        low, high = _two_numbers(attempt(wilson, right, count))
        wanted = accuracy_interval(right / count, count)
        if math.isclose(low, wanted[0], abs_tol=2e-4) and math.isclose(high, wanted[1], abs_tol=2e-4):
            continue
        p = right / count
        plain = 1.96 * math.sqrt(p * (1 - p) / count)
        centre = (p + 1.96**2 / (2 * count)) / (1 + 1.96**2 / count)
        if math.isclose(low, 100 * wanted[0], abs_tol=0.02) and math.isclose(high, 100 * wanted[1], abs_tol=0.02):
            raise NotYet("Return shares between 0 and 1, not per cent.")
        if math.isclose(low, wanted[1], abs_tol=2e-4) and math.isclose(high, wanted[0], abs_tol=2e-4):
            raise NotYet("Both ends are right, but the lower one comes first.")
        if math.isclose(low, p - plain, abs_tol=2e-4) or math.isclose(low, max(p - plain, 0), abs_tol=2e-4):
            raise NotYet(
                f"This is p ± 1.96 √(p(1 − p)/n). For {right} right of {count} its width is {2 * plain:.3f}: a network "
                "without an error would be known for certain. Wilson's interval asks which true accuracies could have "
                "shown what you saw."
            )
        if math.isclose((low + high) / 2, p, abs_tol=1e-6):
            raise NotYet("Your interval lies around p. Wilson's lies around m, which is nearer to one half.")
        if math.isclose((low + high) / 2, centre, abs_tol=2e-4):
            raise NotYet("The centre is right, the half width is not. Is everything divided by 1 + z²/n?")
        raise NotYet(
            f"For {right} right of {count} the interval is {wanted[0]:.3f} to {wanted[1]:.3f}; yours is {low:.3f} to "
            f"{high:.3f}."
        )
    return "An accuracy without its interval is half a number."


@check
def check_pareto(pareto: Callable[[Sequence[float], Sequence[float]], Sequence[bool]]) -> str:
    """Whether each network is on the front: no other one is at least as good and as cheap, and better in one."""
    cases = (
        ([1.0, 2.0, 3.0, 4.0], [0.6, 0.9, 0.8, 0.95]),
        ([5.0, 1.0, 5.0, 2.0], [0.9, 0.7, 0.8, 0.7]),
        ([1.0, 1.0, 2.0], [0.9, 0.9, 0.9]),
    )
    for costs, accuracies in cases:
        found = attempt(pareto, list(costs), list(accuracies))
        try:
            said = [bool(value) for value in found]
        except TypeError:
            raise NotYet(f"Return one truth value for each network, not {found!r}.") from None
        if len(said) != len(costs):
            raise NotYet(f"There are {len(costs)} networks, and you return {len(said)} values.")
        wanted = overview.front(costs, accuracies)
        if said == wanted:
            continue
        points = f"For costs {costs} and accuracies {accuracies}"
        if said == [not value for value in wanted]:
            raise NotYet("You mark the networks that are beaten. Mark the others.")
        if said == overview.front([-cost for cost in costs], accuracies):
            raise NotYet("You prefer the dearer network. A cost is better when it is lower.")
        if said == [cost == min(costs) or a == max(accuracies) for cost, a in zip(costs, accuracies, strict=True)]:
            raise NotYet(
                f"{points}: the cheapest and the best are not all. A compromise that nobody beats counts, too."
            )
        if not any(said) and len(set(zip(costs, accuracies, strict=True))) == len(costs):
            raise NotYet(
                f"{points} you leave out every network. Does each one beat itself? To beat, it must be better in at "
                "least one of the two."
            )
        if any(free and not marked for free, marked in zip(wanted, said, strict=True)):
            raise NotYet(
                f"{points} the front is {wanted}; yours is {said}. Do two equal networks beat each other? To beat, one "
                "must be better in at least one of the two."
            )
        raise NotYet(f"{points} the front is {wanted}; yours is {said}.")
    return "What is left is a choice that no table makes for you."


# --- the capstone ---------------------------------------------------------------------------------------------------


@check
def check_capstone(model: LIReadout) -> str:
    """A trained network, judged on images and chips that its own weights have drawn."""
    if callable(model) and not isinstance(model, LIReadout):
        raise NotYet(
            f"Hand over the trained network itself, an LIReadout. This is of type {type(model).__name__}; a function "
            "that trains, or a network inside InTheLoop or AnyChip, is not what runs on the chip."
        )
    if isinstance(model, LIReadout):
        _fits(model)
    try:
        found = judge(model)
    except ValueError as error:
        raise NotYet(f"The chip refuses it: {error}.") from error
    if found.level is None:
        raise NotYet(f"{_reason(found)}\n\n{found.table()._repr_markdown_()}")
    return f"**{found.level.capitalize()}.** {_beyond(found)}\n\n{found.table()._repr_markdown_()}"


def _fits(model: LIReadout) -> None:
    """Refuse what takes more circuits than there are, and say what takes them."""
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


def _reason(found: Judgement) -> str:
    """Why it does not pass, and what may be behind it."""
    demands = LEVELS["pass"]
    if found.operations > demands.operations:
        share = found.input_operations / found.operations
        return (
            f"It spends {found.operations:,.0f} operations an image; {demands.operations:,} are allowed. {share:.0%} "
            f"of them belong to the {found.steps} steps of input spikes. Fewer steps, less current, or fewer filters?"
        )
    if found.spikes == 0:
        return "No hidden neuron spikes for any image: the network is silent. Lesson 07 found out how to awaken it."
    if found.no_limits < 0.65 and found.median < 0.65:
        return (
            f"On images that it has not seen it is right for {found.median:.0%}, also without any limit: chance. Was "
            "it trained, and with faint stripes? Does it learn with this learning rate?"
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


def _beyond(found: Judgement) -> str:
    """What the next level asks for."""
    above = list(LEVELS)[list(LEVELS).index(found.level) + 1 :]
    if not above:
        return "There is no higher level. Can you do it with fewer spikes?"
    demands = LEVELS[above[0]]
    short = [
        *([f"a median of {demands.median:.0%}"] if found.median < demands.median else []),
        *([f"no chip below {demands.lowest:.0%}"] if min(found.chips) < demands.lowest else []),
        *([f"{demands.operations:,} operations"] if found.operations > demands.operations else []),
    ]
    return f"For *{above[0]}* it lacks {' and '.join(short)}."
