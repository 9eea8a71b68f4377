"""One sentence for an argument that is refused: its name, what it was, what is allowed."""

import math
from collections.abc import Callable
from functools import wraps
from inspect import unwrap
from numbers import Integral, Real
from typing import TypeVar

HOLDS_NAN = "holds NaN; it must hold numbers"
Guarded = TypeVar("Guarded", bound=Callable)


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Refuse an argument unless something holds of it.

        require(0 < dt_s < math.inf, "dt_s", dt_s, "a time in seconds, above 0")

    Write the condition so that NaN fails it, as here.

    Raises:
        ValueError: it does not hold: "dt_s is -1.0; it must be a time in seconds, above 0". A text stands in quotes.
    """
    if not holds:
        raise ValueError(f"{name} is {value!r}; it must be {allowed}" if isinstance(value, str) else
                         f"{name} is {value}; it must be {allowed}")  # fmt: skip


def require_whole(**limits: tuple[object, int]) -> None:
    """Refuse whole numbers below their least: each keyword is an argument's name with (value, least)."""
    for name, (value, least) in limits.items():
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        require(whole and value >= least, name, value, f"a whole number, {least} or more")


def guarded(function: Guarded) -> Guarded:
    """Let a function refuse, by name and in words, what it cannot use.

        @guarded
        def vote(counts: Tensor, neuron_labels: Tensor) -> Tensor: …

    NaN is refused in every number, tensor, array and list of them: where a function compares, counts or rounds, NaN
    would come out as a plausible number. What breaks off inside is told with the arguments that it broke off at.
    NumPy's single numbers are passed on as Python's, for PyTorch takes no others as seeds.

    Raises:
        ValueError: "counts holds NaN; it must hold numbers", or "vote cannot use counts = float32 [3, 4], …: why".
    """
    names = unwrap(function).__code__.co_varnames

    @wraps(function)
    def checked(*given: object, **named: object) -> object:
        given, named = tuple(map(_plain, given)), {name: _plain(value) for name, value in named.items()}
        arguments = {**dict(zip(names, given, strict=False)), **named}
        for name, value in arguments.items():
            if fault := _fault(value):
                raise ValueError(f"{name} {fault}")
        try:
            return function(*given, **named)
        except (LookupError, AttributeError, ArithmeticError, RuntimeError) as error:
            if type(error).__name__ == "OutOfMemoryError":
                raise
            told = ", ".join(f"{name} = {_told(value)}" for name, value in arguments.items() if name != "self")
            raise ValueError(f"{function.__qualname__.removesuffix('.__init__')} cannot use {told}: {error}") from error

    return checked


def _plain(value: object) -> object:
    """NumPy's whole numbers and floats as Python's; all else as it is."""
    if not (isinstance(value, Real) and hasattr(value, "dtype")):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def _fault(value: object) -> str:
    """What is wrong with numbers, whatever they are for; an empty text if nothing is."""
    if isinstance(value, tuple | list):
        return next(filter(None, map(_fault, value)), "").replace("is nan; it must be a number", HOLDS_NAN)
    if isinstance(value, float):
        return "is nan; it must be a number" if math.isnan(value) else ""
    kind = getattr(value, "dtype", None)
    if getattr(value, "is_meta", False):
        return "lies on the device meta, where there are no numbers; move it"
    if not getattr(kind, "is_floating_point", getattr(kind, "kind", "") == "f"):
        return ""
    return HOLDS_NAN if (value != value).any() else ""  # nothing but NaN differs from itself


def _told(value: object) -> str:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype} {list(value.shape)}"
    return " ".join(repr(value).split())[:60]
