"""Exercises are declared: the right answer, some cases to try, and the wrong answers with what each of them misses.

    check_double = Exercise(
        right=lambda x: 2 * x,
        cases=[(3.0,), (torch.tensor([0.5, -1.0]),)],
        draw=lambda rng: (rng.normal(size=4),),
        wrong={"You square. Doubling adds a number to itself.": lambda x: x**2},
        solved="Twice as much, whatever x is.",
    )

A learner calls `check_double(double)` and reads the `Verdict`. What counts is the value: tensors of any dtype, arrays,
lists, Python and NumPy numbers are taken alike. Each try gets arguments of its own, so a function may change them.
"""

import copy
import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """The answer of a check. It is true only if the exercise is solved."""

    status: Literal["not started", "not yet", "solved"]
    message: str

    def __bool__(self) -> bool:
        return self.status == "solved"

    def __repr__(self) -> str:
        return f"{self.status.capitalize()}: {self.message}"

    def _repr_markdown_(self) -> str:
        mark = {"not started": "○", "not yet": "✗", "solved": "✓"}[self.status]
        return f"{mark} **{self.status.capitalize()}.** {self.message}"


class NotStarted(Exception):
    """The stub was not touched."""


class NotYet(Exception):
    """The attempt is wrong; the message names the misconception."""


@dataclass(frozen=True)
class Exercise:
    """A check that a learner calls with an answer.

    Attributes:
        right: a function that is right, or, where the answer is no function, a right answer. A dictionary is compared
            key by key; each of `wrong` is then a whole answer, with what is said to an error in the same key.
        solved: the sentence for a right answer.
        cases: arguments to try, chosen by hand. Where `right` raises a ValueError, the answer has to raise one, too.
        draw: makes further arguments, at random, so that no formula passes that agrees with the right one on the chosen
            cases alone.
        draws: how many of those.
        wrong: what to say, and the function (or answer) that deserves it, or a list of such. A dictionary holds further
            arguments of `right` that make it wrong. With `grade`: a part of what is said. Where a wrong function stops
            with an error, an answer may do there what it likes; one that stops everywhere stands for all that stop
            with this error.
        otherwise: what to say, after the case that went wrong, to an answer that is wrong in no known way.
        tolerance: relative error that still counts as right.
        grade: in the place of cases, where many answers are right: takes the answer, and raises `NotYet` with the
            misconception, or returns the sentence for a right answer (None: `solved`).
    """

    right: Any
    solved: str = ""
    cases: Sequence[tuple] = ()
    draw: Callable[[np.random.Generator], tuple] | None = None
    draws: int = 8
    wrong: Mapping[str, Any] = field(default_factory=dict)
    otherwise: str = ""
    tolerance: float = 1e-5
    grade: Callable[[Any], str | None] | None = None

    def __call__(self, answer: Any) -> Verdict:
        """Judge an answer: a function, or whatever the exercise asks for."""
        try:
            if _dots(answer):
                raise NotStarted
            if callable(self.right) and not callable(answer):
                raise NotYet("Give the check your function itself, by its name and without brackets.")
            judge = self.grade or (self._compare_keys if isinstance(self.right, Mapping) else self._compare)
            said = judge(answer)
            return Verdict("solved", said or self.solved)
        except NotStarted:
            return Verdict("not started", "Replace the dots, then run this cell again. The hints are above.")
        except NotYet as wrong:
            return Verdict("not yet", str(wrong))
        except Exception as error:
            return Verdict("not yet", f"Your answer has another form than expected: {type(error).__name__}: {error}")

    @property
    def mistakes(self) -> list[tuple[str, Any]]:
        """Each wrong answer, after what is said to it."""

        def made(wrong: Any) -> Any:
            slips = callable(self.right) and isinstance(wrong, dict)
            return functools.partial(self.right, **wrong) if slips else wrong

        lists = ((message, wrong if isinstance(wrong, list) else [wrong]) for message, wrong in self.wrong.items())
        return [(message, made(wrong)) for message, answers in lists for wrong in answers]

    def choose(self, mine: Any) -> Any:
        """The learner's answer if it is right, else a right one: for the cells after the exercise.

        A function gets tensors and arrays of its own here too, as in each try: one that changes its arguments in place
        is right, and must not change what the lesson goes on with.
        """
        if not self(mine):
            return self.right
        return _sparing(mine) if callable(self.right) else mine

    def _compare(self, answer: Callable) -> None:
        rng = np.random.default_rng(0)
        tries = [*self.cases, *(self.draw(rng) for _ in range(self.draws if self.draw else 0))]
        expected = [_outcome(self.right, case) for case in tries]
        found = [_tried(answer, case, wanted) for case, wanted in zip(tries, expected, strict=True)]
        right = [same(mine, wanted, self.tolerance) for mine, wanted in zip(found, expected, strict=True)]
        if all(right):
            return
        values = [number for number, wanted in enumerate(expected) if wanted is not ValueError]
        if not all(right[number] for number in values):  # what has to be refused is told when all values are right
            tries, expected, found, right = ([part[n] for n in values] for part in (tries, expected, found, right))
        for message, function in self.mistakes:
            slips = list(map(_tried, [function] * len(tries), tries, expected))
            told = [n for n, slip in enumerate(slips) if not isinstance(slip, NotYet)] or range(len(tries))
            if all(_slipped(found[n], slips[n], expected[n], self.tolerance) for n in told):
                raise NotYet(message)
        first = right.index(False)
        if isinstance(found[first], NotYet):
            raise found[first]
        if form := misfit(found[first], expected[first]):
            raise NotYet(form)
        names = list(inspect.signature(self.right).parameters)
        for number, name in enumerate(names[: len(tries[first])]):
            if all(same(mine, case[number]) for mine, case in zip(found, tries, strict=True)):
                raise NotYet(f"You return your argument `{name}` as it came in.")
        if all(same(mine, found[0]) for mine in found) and not all(same(one, expected[0]) for one in expected):
            raise NotYet(f"You return {shown(found[0])} whatever goes in. Do you use your argument?")
        case = ", ".join(f"{name} = {shown(value)}" for name, value in zip(names, tries[first], strict=False))
        begin = "Right for some cases, but for" if first else "For"
        mine, value, place = _where_they_differ(found[first], expected[first])
        verb = "raise" if isinstance(mine, type) else "return"
        seen = f"{begin} {case} you {verb} {shown(mine)}{place}; right is {shown(value)}."
        raise NotYet(f"{seen} {self.otherwise}".strip())

    def _compare_keys(self, answer: Mapping) -> None:
        if not isinstance(answer, Mapping) or answer.keys() - self.right.keys():
            raise NotYet(f"Give a dictionary with the keys {', '.join(self.right)}.")
        missing = [key for key in self.right if answer.get(key, ...) is ...]
        if missing:
            raise NotYet(f"No answer yet for {', '.join(missing)}.")
        possible = sorted(set(self.right.values()))
        for key, value in self.right.items():
            given = _spelled(answer[key])
            if given not in map(_spelled, possible):
                raise NotYet(f"{answer[key]!r} is none of these: {', '.join(possible)}.")
            if given != _spelled(value):
                said = next((text for text, wrong in self.mistakes if wrong[key] != value), self.otherwise)
                raise NotYet(f"{key}: not {answer[key]}. {said}")


def attempt(function: Callable[..., Any], *arguments: Any, like: Any = None) -> Any:
    """Run the learner's function on copies of these arguments. An answer is turned into what is needed (`like`) here.

    Raises:
        NotStarted: it returned `...`, as the stub does, or nothing but such.
        NotYet: it broke, returned nothing, or something that is not like what is needed.
    """
    mine = _copied(arguments)
    try:
        result = function(*mine)
    except Exception as error:
        raise NotYet(f"Your code stopped with {type(error).__name__}: {error}") from error
    if _dots(result):
        raise NotStarted
    if result is None:
        if any(not same(now, before) for now, before in zip(mine, arguments, strict=True) if _numeric(before)):
            raise NotYet("You change your argument in place and return nothing. Return the result.")
        raise NotYet("Your function returned None. Does it end in a return statement?")
    if callable(result) and not callable(like):
        name = getattr(result, "__name__", "it")
        raise NotYet(f"You return the function `{name}` itself. Call it: `{name}()`, with brackets.")
    if like is None:
        return result
    if form := misfit(result, like):
        raise NotYet(form)
    return _converted(result, like)


def tell(faults: Mapping[str, Any]) -> None:
    """Stop with the first of these messages that is true of an answer."""
    for message, seen in faults.items():
        if seen:
            raise NotYet(message)


def tensors(*arrays: np.ndarray) -> tuple:
    """Drawn numbers as tensors, those with a point in single precision."""
    import torch

    return tuple(torch.tensor(array, dtype=torch.float32 if array.dtype.kind == "f" else None) for array in arrays)


def same(found: Any, wanted: Any, tolerance: float = 1e-5) -> bool:
    """Whether two answers have the same value, in whatever form. Single precision may differ in its last digits."""
    if isinstance(wanted, type):  # an exception that has to come
        return isinstance(found, type) and issubclass(found, wanted)
    if isinstance(wanted, NotYet):  # a function that stopped: for the same reason, whatever stands left of what
        return isinstance(found, NotYet) and sorted(str(found).split()) == sorted(str(wanted).split())
    if isinstance(wanted, Mapping):
        alike = isinstance(found, Mapping) and found.keys() == wanted.keys()
        return alike and all(same(found[key], value, tolerance) for key, value in wanted.items())
    if isinstance(wanted, set):  # in any order
        return not misfit(found, wanted) and set(found) == wanted
    if _mixed(wanted):
        parts = _parts(found)
        return len(parts) == len(wanted) and all(map(same, parts, wanted, [tolerance] * len(wanted)))
    if not _numeric(wanted):
        return type(found) is type(wanted) and bool(found == wanted)
    if misfit(found, wanted):
        return False
    mine, value = _array(found), _array(wanted)
    coarse = {"float16": 2e-3, "bfloat16": 2e-2}.get(str(getattr(found, "dtype", "")).removeprefix("torch."), 0)
    scale = max(1e-300, float(np.max(np.abs(value[np.isfinite(value)]), initial=0)))
    room = max(tolerance, coarse)
    near_zero = max(1e-2 * room, 5e-7) * scale  # a few last digits of the largest entry are left where terms cancel
    return bool(np.allclose(mine.reshape(value.shape), value, rtol=room, atol=near_zero, equal_nan=True))


def misfit(found: Any, wanted: Any) -> str:
    """What is wrong with the form of an answer; empty if nothing is."""
    if isinstance(wanted, type) or isinstance(found, type):
        return ""
    if isinstance(wanted, Mapping):
        return "" if isinstance(found, Mapping) else f"Return a dictionary with the keys {list(wanted)}."
    if isinstance(wanted, set):
        several = isinstance(found, Collection) and not isinstance(found, str | Mapping)
        return "" if several else f"Return a list, not {shown(found)}."
    if _mixed(wanted):
        if len(_parts(found)) != len(wanted):
            return f"Return {len(wanted)} things, not {shown(found)}."
        return next(filter(None, map(misfit, _parts(found), wanted)), "")
    if not _numeric(wanted):
        same_type = type(found) is type(wanted)
        return "" if same_type else f"Return something of the type {type(wanted).__name__}, not {type(found).__name__}."
    needed = _array(wanted).shape
    if not _numeric(found):
        return f"Return {_form(wanted)}, not {type(found).__name__}."
    shape = _array(found).shape
    if shape == needed or (not needed and _array(found).size == 1):
        return ""
    return f"Return {_form(wanted)}; yours {'is one number' if not shape else f'has the shape {list(shape)}'}."


def shown(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, type):
        return f"{'an' if value.__name__[0] in 'AEIOU' else 'a'} {value.__name__}"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, bytes):
        return f"the bytes {value.hex(' ')}"
    if isinstance(value, str | Mapping) or not (_numeric(value) or _mixed(value)):
        return repr(value) if len(repr(value)) < 80 else type(value).__name__
    if _mixed(value):
        return "(" + ", ".join(map(shown, value)) + ")"
    array = _array(value)
    if array.size > 12:
        return f"values of the shape {list(array.shape)}"
    numbers = np.vectorize(lambda x: float(f"{x:.5g}"), otypes=[object])(array).tolist() if array.size else []
    return re.sub(r"\.0\b", "", str(numbers))


def _slipped(found: Any, slip: Any, wanted: Any, tolerance: float) -> bool:
    """Whether an answer has this slip. Of several answers at once only those count in which the slip differs."""
    if not (_mixed(wanted) and len(_parts(found)) == len(_parts(slip)) == len(wanted)):
        return same(found, slip, tolerance)
    parts = zip(_parts(found), _parts(slip), wanted, strict=True)
    return all(same(mine, wrong, tolerance) for mine, wrong, right in parts if not same(wrong, right, tolerance))


def _where_they_differ(found: Any, wanted: Any) -> tuple[Any, Any, str]:
    """Two answers as they are if they are small; of large arrays the entries that differ most, and their place."""
    if not (_numeric(found) and _numeric(wanted)) or _array(wanted).size <= 12:
        return found, wanted, ""
    mine, value = _array(found), _array(wanted)
    place = np.unravel_index(np.argmax(np.nan_to_num(np.abs(mine - value), nan=np.inf)), value.shape)
    return mine[place], value[place], f" at {[int(number) for number in place]}"


def _outcome(function: Callable, case: tuple) -> Any:
    """What a function returns, or the kind of exception that it raises."""
    try:
        return function(*_copied(case))
    except Exception as error:
        return ValueError if isinstance(error, ValueError) else type(error)


def _tried(answer: Callable, case: tuple, wanted: Any) -> Any:
    """What a function returns, or why it returns nothing; where an exception is wanted, the kind that it raises."""
    if wanted is ValueError:
        return _outcome(answer, case)
    try:
        return _copied(attempt(answer, *case))
    except NotYet as stopped:
        return stopped


def _copied(value: Any, *, sparing: bool = False) -> Any:
    """A copy; if only `sparing`, of tensors and arrays alone: gradients pass through, a model stays the model."""
    if isinstance(value, tuple | list):
        parts = [_copied(part, sparing=sparing) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value) is dict:
        return {key: _copied(part, sparing=sparing) for key, part in value.items()}
    if hasattr(value, "detach"):
        return value.clone() if sparing else value.detach().clone()
    if sparing and not isinstance(value, np.ndarray):
        return value
    return value.clone_state() if hasattr(value, "clone_state") else copy.deepcopy(value)  # of PyTorch's generators


def _sparing(function: Callable) -> Callable:
    """The same function, which leaves its arguments alone."""

    @functools.wraps(function)
    def on_copies(*arguments: Any, **named: Any) -> Any:
        return function(*_copied(arguments, sparing=True), **_copied(named, sparing=True))

    return on_copies


def _dots(answer: Any) -> bool:
    """Whether an answer is the stub's: dots, or several answers that are dots all of them."""
    parts = list(answer.values()) if isinstance(answer, Mapping) else answer
    return answer is ... or (isinstance(parts, tuple | list) and len(parts) > 0 and all(map(_dots, parts)))


def _spelled(word: Any) -> Any:
    """A word in small letters and with a British s, however it is written."""
    return word.strip().lower().replace("ization", "isation") if isinstance(word, str) else word


def _numeric(value: Any) -> bool:
    """A number, a tensor or an array of numbers, or (nested) lists of such, of one shape."""
    if isinstance(value, str | bytes | Mapping) or value is None:
        return False
    try:
        return _array(value).dtype.kind in "biufc"
    except Exception:  # ragged lists, objects that do not turn into arrays
        return False


def _mixed(value: Any) -> bool:
    """Several answers at once: a tuple or list that is not one array of numbers."""
    return isinstance(value, tuple | list) and (isinstance(value, tuple) or not _numeric(value))


def _parts(found: Any) -> list:
    """Several answers at once, one by one; none if there is only one."""
    several = isinstance(found, tuple | list) or (_numeric(found) and _array(found).ndim > 0)
    return list(found) if several else []


def _array(value: Any) -> np.ndarray:
    if isinstance(value, tuple | list):
        return np.array([_array(part) for part in value])
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.double().numpy() if value.is_floating_point() else value.numpy()
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "biuf" else array


def _form(wanted: Any) -> str:
    shape = list(_array(wanted).shape)
    kind = "a torch tensor" if hasattr(wanted, "detach") else "an array"
    return f"{kind} of the shape {shape}" if shape else "one number"


def _converted(found: Any, like: Any) -> Any:
    if hasattr(like, "detach"):
        import torch

        return torch.as_tensor(_array(found)).to(like.dtype).reshape(like.shape)
    if isinstance(like, np.ndarray):
        return _array(found).astype(like.dtype).reshape(like.shape)
    if isinstance(like, bool | int | float) and _numeric(found):
        return _array(found).item()
    return found
