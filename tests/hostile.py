"""Calls every public function of the package with hostile values, and says what it did not refuse in words.

    python -m tests.hostile course_utils.spiking course_utils.data      prints what is found, a line a kind

Nothing is listed by hand: modules are walked, arguments are made from annotations. For each function first a call is
looked for that succeeds; then one argument after the other is replaced.
"""

import contextlib
import importlib
import inspect
import io
import math
import pkgutil
import random
import signal
import sys
import tempfile
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

import course_utils
from course_utils.spiking.encoders import constant_current
from course_utils.spiking.li_readout import LIReadout
from tests.chips.fifth import fifth

NAN, INF = math.nan, math.inf
LEFT_OUT = (".tools", ".widgets", ".experiment", "nengo", "old_packages", "keras_twin", "team", "letters")
# Seconds a call, and their arguments are those of others: the emulator, and a measurement of every circuit.
TOO_SLOW = ("chips.loihi.emulate", "chips.loihi.load_nengo_loihi", "chips.chip_training.calibrate")
# What cannot be made from annotations alone: the model that fits a chip.
EXAMPLES = {LIReadout: lambda: fifth(encode=partial(constant_current, steps=3, scale=20.0))}
CALL_S = 10.0  # of this process's own time
TRIES = 60


def tensors(rng: random.Random) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(rng.randrange(10**6))
    for shape in ((4,), (3, 4), (5, 3, 4), (2, 1, 16, 16), (5, 2, 1, 16, 16), (3, 16, 16), (4, 4), (6, 2, 34, 34)):
        yield torch.rand(shape, generator=generator)
    yield (torch.rand((5, 3, 4), generator=generator) < 0.4).float()
    yield torch.tensor([0, 1, 0, 1])
    yield torch.randint(0, 256, (2, 12, 12), generator=generator, dtype=torch.uint8)


def odd_tensors(good: Tensor) -> Iterator[object]:
    if good.is_floating_point():
        yield torch.full_like(good, NAN)
        one = good.clone().flatten()
        if len(one):
            one[len(one) // 2] = NAN
        yield one.view(good.shape)
        yield torch.full_like(good, INF)
        yield good.double()
        yield good.to(torch.bfloat16)
    yield from (-good, good * 1000, good[:0], good[..., :0], good.long(), good > 0.5)
    yield from (torch.tensor(1.0), good[None], good.flatten()[:3])


INTS = 1, 2, 3, 4, 5, 8, 16
FLOATS = 0.5, 1.0, 0.1, 2.0, 10.0, 0.0, 20.0
ODD_INTS = 0, -1, 1.5, NAN, INF, True, np.int64(2), np.float64(2), -(10**12)
ODD_FLOATS = NAN, INF, -INF, -1.0, 0.0, 1e-200, 1e200, 1.5, np.float32(0.5), np.float64(NAN), np.int64(1)


@dataclass
class Found:
    """What was seen of all calls."""

    calls: int = 0
    functions: int = 0
    without_base: list[str] = field(default_factory=list)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)  # (function, kind) to the first example

    def fault(self, name: str, kind: str, example: str) -> None:
        if (name, kind) not in self.faults:
            print(f"{name}: {kind}: {example}", flush=True)
        self.faults.setdefault((name, kind), example)


class Hang(BaseException):
    """A call took too long."""


class Unmakeable(Exception):
    """No value can be made for an annotation."""


def modules(*names: str) -> Iterator[types.ModuleType]:
    for info in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
        if info.name.startswith(names or ("course_utils",)) and not any(part in info.name for part in LEFT_OUT):
            yield importlib.import_module(info.name)


def public(module: types.ModuleType) -> Iterator[tuple[str, Callable, type | None]]:
    """Functions, classes and their methods, by name; with a method its class."""
    for name, found in list(vars(module).items()):
        where = f"{module.__name__.removeprefix('course_utils.')}.{name}"
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__ or where in TOO_SLOW:
            continue
        if inspect.isfunction(found):
            yield where, found, None
        elif inspect.isclass(found) and not issubclass(found, BaseException | torch.autograd.Function):
            yield where, found, None
            for method, function in vars(found).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{where}.{method}", function, found


class Maker:
    """Makes values for annotations."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp())
        self.common: Tensor | None = None  # for all tensors of a call: many must have one shape

    def make(self, hint: object, name: str = "", depth: int = 0) -> object:
        rng, origin, inner = self.rng, typing.get_origin(hint), typing.get_args(hint)
        if depth > 4:
            raise Unmakeable(name)
        if origin is typing.Literal:
            return rng.choice(inner)
        if origin in (typing.Union, types.UnionType):
            return self.make(rng.choice([one for one in inner if one is not type(None)]), name, depth + 1)
        plain = {
            bool: lambda: rng.random() < 0.5,
            int: lambda: 0 if name == "seed" else rng.choice(INTS),
            float: lambda: rng.choice(FLOATS),
            str: lambda: rng.choice(("x", "vertical", "MNIST", "mean")),
            Tensor: lambda: rng.choice(list(tensors(rng))) if self.common is None else self.common.clone(),
            np.ndarray: lambda: self.make(Tensor).numpy(),
            np.random.Generator: lambda: np.random.default_rng(0),
            torch.Generator: lambda: torch.Generator().manual_seed(0),
            Path: lambda: self.folder / f"{rng.randrange(10**9)}",
            nn.Module: lambda: rng.choice((nn.Linear(4, 3), nn.Flatten(), nn.ReLU())),
            type(None): lambda: None,
            **EXAMPLES,
        }
        if isinstance(hint, type) and hint in plain:
            return plain[hint]()
        if origin in (list, Sequence, typing.Iterable) or hint in (list, Sequence):
            return [self.make(inner[0] if inner else float, name, depth + 1) for _ in range(rng.choice((2, 3)))]
        if origin is tuple or (inspect.isclass(origin) and issubclass(origin, tuple)):
            if len(inner) == 2 and inner[1] is ...:
                inner = inner[:1] * 3
            return tuple(self.make(one, name, depth + 1) for one in inner)
        if origin in (dict, Mapping):
            return {self.make(inner[0], name, depth + 1): self.make(inner[1], name, depth + 1)}
        if inspect.isclass(hint) and (is_dataclass(hint) or hasattr(hint, "_fields") or issubclass(hint, nn.Module)):
            return hint(**self.arguments(hint, depth + 1))
        raise Unmakeable(f"{name}: {hint}")

    def arguments(self, function: Callable, depth: int = 0) -> dict[str, object]:
        hints = hints_of(function)
        made = {}
        if not depth:
            self.common = self.rng.choice(list(tensors(self.rng))) if self.rng.random() < 0.5 else None
        for name, parameter in inspect.signature(function).parameters.items():
            if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if parameter.default is not parameter.empty and (depth or self.rng.random() < 0.7):
                continue
            made[name] = self.make(hints.get(name, object), name, depth + 1)
        return made


def hints_of(function: Callable) -> dict[str, object]:
    of = function.__init__ if inspect.isclass(function) and "__init__" in vars(function) else function
    try:
        return typing.get_type_hints(of)
    except Exception:
        return {}


def odd_values(value: object) -> Iterator[object]:
    if isinstance(value, Tensor):
        yield from odd_tensors(value)
    elif isinstance(value, np.ndarray):
        for odd in odd_tensors(torch.from_numpy(value.copy())):
            yield (odd.float() if odd.dtype == torch.bfloat16 else odd).numpy()
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (*ODD_INTS, np.int64(value))
    elif isinstance(value, float):
        yield from (*ODD_FLOATS, np.float64(value))
    elif isinstance(value, str):
        yield from ("", "no such thing", "ü/\\..")
    elif isinstance(value, list | tuple):
        named = hasattr(value, "_fields")
        kind = (lambda values: type(value)(*values)) if named else type(value)
        if not named:
            yield kind([])
        for place, one in enumerate(value):
            for odd in odd_values(one):
                yield kind([*value[:place], odd, *value[place + 1 :]])
    elif is_dataclass(value) and not isinstance(value, type):
        arguments = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
        for name, part in arguments.items():
            for odd in odd_values(part):
                with contextlib.suppress(Exception):
                    yield type(value)(**arguments | {name: odd})


def numbers(value: object, depth: int = 0) -> Iterator[np.ndarray]:
    """All floating-point numbers in a value."""
    if isinstance(value, Tensor):
        value = value.detach().float().numpy() if value.is_floating_point() else None
    if isinstance(value, np.ndarray | np.floating | float):
        array = np.asarray(value)
        yield array.astype(float).ravel() if array.dtype.kind == "f" else np.zeros(0)
    elif depth < 4:
        if is_dataclass(value) and not isinstance(value, type):
            value = [getattr(value, part.name) for part in fields(value)]
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
            yield from numbers(one, depth + 1)


def has_nan(value: object) -> bool:
    return any(np.isnan(part).any() for part in numbers(value))


def finite(value: object) -> bool:
    return all(np.isfinite(part).all() for part in numbers(value))


def mild(value: object) -> bool:
    """No number so large or small that what follows may leave the range of its kind."""
    return all(((part == 0) | ((abs(part) > 1e-30) & (abs(part) < 1e30))).all() for part in numbers(value))


def short(value: object) -> str:
    if isinstance(value, Tensor | np.ndarray):
        kind = "nan" if has_nan(value) else "finite" if finite(value) else "inf"
        return f"{value.dtype}{list(value.shape)} {kind}"
    return " ".join(repr(value).split())[:60]


def told(arguments: dict[str, object]) -> str:
    return ", ".join(f"{key}={short(value)}" for key, value in arguments.items())


def call(function: Callable, arguments: dict[str, object]) -> object:
    def too_long(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, CALL_S)
    try:
        silent = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with warnings.catch_warnings(), silent[0], silent[1], np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(**arguments)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def try_all(seed: int, *names: str, most: int = 40) -> Found:
    """Every public function below these names, with hostile values, at most so many a function."""
    plt.switch_backend("Agg")
    found, maker = Found(), Maker(seed)
    for module in modules(*names):
        for name, function, owner in public(module):
            found.functions += 1
            torch.manual_seed(seed)
            try_one(found, maker, name, function, owner, most)
            plt.close("all")
    return found


def try_one(found: Found, maker: Maker, name: str, function: Callable, owner: type | None, most: int) -> None:
    documented = tuple((function.__doc__ or "").split())

    def once(arguments: dict[str, object]) -> tuple[bool, object]:
        found.calls += 1
        try:
            return True, call(function, arguments)
        except (ValueError, TypeError):
            return False, None
        except Hang:
            found.fault(name, "hang", told(arguments))
        except Exception as error:
            if f"{type(error).__name__}:" not in documented:
                why = " ".join(str(error).split())[:90]
                found.fault(name, type(error).__name__, f"{told(arguments)} → {why}")
        return False, None

    base, result = None, None
    for _ in range(TRIES):
        try:
            self_ = {} if owner is None else {"self": maker.make(owner)}
            arguments = self_ | maker.arguments(function)
        except Exception:  # not everything that can be annotated can be made
            continue
        worked, result = once(arguments)
        if worked:
            base = arguments
            if not has_nan(list(arguments.values())) and not finite(result):
                found.fault(name, "not finite from finite", told(arguments))
            break
    if base is None:
        found.without_base.append(name)
        return
    tried = [(key, odd) for key, value in base.items() if key != "self" for odd in odd_values(value)]
    for key, odd in maker.rng.sample(tried, min(most, len(tried))):
        worked, result = once(base | {key: odd})
        alike = (type(base[key]), type(odd)) in ((int, np.int64), (float, np.float64))
        if not worked and alike and odd == base[key]:
            found.fault(name, f"NumPy's number refused for {key}", short(odd))
        if not worked or any(parameter is result for parameter in base.values()):
            continue
        example = told(base | {key: odd})
        some = [part for part in numbers(result) if part.size]
        if has_nan(odd) and (some or isinstance(result, bool | int)) and finite(result):
            found.fault(name, f"finite from NaN in {key}", example)
        elif mild(odd) and mild(list(base.values())) and not finite(result):
            found.fault(name, f"not finite from finite {key}", example)


if __name__ == "__main__":
    seen = try_all(0, *sys.argv[1:])
    print(f"{seen.calls} calls of {seen.functions} functions; never called as meant: {', '.join(seen.without_base)}")
