"""One sentence for an argument that is refused: its name, what it was, what is allowed."""

from numbers import Integral


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
    """Refuse whole numbers below their least: each keyword is an argument's name with (value, least).

    Raises:
        ValueError: a value is no whole number or too small.
    """
    for name, (value, least) in limits.items():
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        require(whole and value >= least, name, value, f"a whole number, {least} or more")
