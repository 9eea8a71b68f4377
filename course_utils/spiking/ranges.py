"""Ranges that arguments keep to; a refusal is that of `data.require`: the name, the value, what is allowed."""

import math

from torch import Tensor

from course_utils.data.require import require


def above_0(kind: str = "", **values: float) -> None:
    """Numbers that are finite and above 0; `kind` says what they are."""
    for name, value in values.items():
        require(0 < value < math.inf, name, value, f"{kind} above 0".strip())


def at_least_0(kind: str, **values: float) -> None:
    """Numbers that are finite and 0 or more."""
    for name, value in values.items():
        require(0 <= value < math.inf, name, value, f"{kind}, 0 or more")


def within(lowest: float, highest: float, **values: Tensor) -> None:
    """Tensors whose numbers all lie between these two; NaN does not."""
    for name, value in values.items():
        require(value.is_floating_point(), f"dtype of {name}", value.dtype, "a floating-point one; convert by .float()")
        require(not value.is_meta, f"device of {name}", value.device, "one on which there are numbers")
        outside = ~((value >= lowest) & (value <= highest))
        if outside.any():
            raise ValueError(f"{name} hold {value[outside][0].item()}; they must lie between {lowest} and {highest}")
