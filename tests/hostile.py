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
import time
import types
import typing
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

import course_utils
from course_utils.data.files import CannotWrite
from course_utils.spiking.encoders import constant_current
from course_utils.spiking.li_readout import LIReadout
from tests import as_meant
from tests.chips.fifth import fifth

NAN, INF = math.nan, math.inf
# What is not called with odd values, by a part of its name, and why.
EXCUSED = {
    ".widgets": "draws what its sliders say, which have no odd values; `test_explorers` goes to all their corners",
    ".experiment": "trains for minutes; its arguments are those that its own tuple EXPERIMENTS holds",
    "nengo": "starts TensorFlow or a simulator; `test_nengo_bridge` and the lesson's tests refuse for it",
    "keras_twin": "starts TensorFlow",
    "old_packages": "changes how other packages are imported",
    "training.team": "joins the processes of `torchrun`",
    "chips.loihi.emulate": "seconds a call; its arguments are the emulator's own",
    "chips.loihi.load_nengo_loihi": "loads the emulator",
    "chips.xylo.available": "loads the simulator",
    "chips.xylo.run_simulator": "starts the simulator, with what `quantized` gives",
    "chips.chip_training.calibrate": "measures every circuit of a chip, for seconds",
    "hardware_quantization.faint.small_network": "trains",
    "ledger_and_next_steps.capstone.judge": "draws 16 chips and judges each, for seconds",
    "classroom.votes.Door": "is what tornado makes of a request; `test_votes` sends odd ones",
    "classroom.votes.serve": "starts a server",
    "data.download.download": "`test_download`, with a server that misbehaves",
    "require.guarded": "is given functions, which have no odd values",
    "spiking.convnets.Builder.": "a step of a builder whose state cannot be copied; `build` takes all steps",
    "views.colab": "needs the address of a repository",
    "classroom.voter": "asks a server, and goes on whatever it says; `test_votes`",
    ".checks": "right and wrong answers of exercises, which are called with the cases of their own",
    ".main": "a command line: argparse refuses, `tests/tools`",
    "tools.rehearse": "starts servers and runs lessons",
    "tools.views.render": "runs a lesson",
    "tools.views.write_view": "writes lessons",
    "tools.deck": "writes a file for flash cards, of lessons only",
    "tools.explorers": "draws every picture of a lesson",
    "tools.colab": "installs packages",
    "tools.machine.gpu": "looks at this machine, and takes no values",
}
# What cannot be made from annotations alone: the model that fits a chip.
EXAMPLES = {LIReadout: lambda: fifth(encode=partial(constant_current, steps=3, scale=20.0))}
CALL_S = 5.0  # of this process's own time
TRIES = 60
FUNCTION_S = 0.5  # about what the calls of one function may take; a slow one gets fewer


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
        yield good.to(torch.complex64)
    yield good.to("meta")
    if good.dtype != torch.bool:
        yield from (-good, good * 1000, good > 0.5)
    yield from (good.long(), torch.tensor(1.0), good[None], good.flatten()[:3])
    if good.dim():
        yield from (good[:0], good[..., :0])


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
    seconds: dict[str, float] = field(default_factory=dict)  # by function
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
        if info.name.startswith(names or ("course_utils",)) and not excused(info.name):
            yield importlib.import_module(info.name)


def excused(name: str) -> bool:
    return any(part in name for part in EXCUSED)


def public(module: types.ModuleType) -> Iterator[tuple[str, Callable, type | None]]:
    """Functions, classes and their methods, by name; with a method its class."""
    for name, found in list(vars(module).items()):
        where = f"{module.__name__.removeprefix('course_utils.')}.{name}"
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__ or excused(where):
            continue
        if inspect.isfunction(found):
            yield where, found, None
        elif inspect.isclass(found) and not issubclass(found, BaseException | torch.autograd.Function):
            yield where, found, None
            for method, function in vars(found).items():
                if inspect.isfunction(function) and not method.startswith("_") and not excused(f"{where}.{method}"):
                    yield f"{where}.{method}", function, found


class Maker:
    """Makes values for annotations."""

    def __init__(self, seed: str):
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
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        for odd in odd_tensors(torch.from_numpy(value.copy())):
            if odd.device.type == "cpu":
                yield (odd.float() if odd.dtype == torch.bfloat16 else odd).numpy()
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (*ODD_INTS, np.int64(value))
    elif isinstance(value, float):
        yield from (*ODD_FLOATS, np.float64(value))
    elif isinstance(value, str):
        yield from ("", "no such thing", "ü/\\..")
    elif isinstance(value, Path):
        yield from (value.parent, value / "missing", value.parent / "missing", value.parent / ("x" * 300))
    elif isinstance(value, list | tuple) and not isinstance(value, torch.Size):
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
                    yield type(value)(**as_meant.copied(arguments) | {name: odd})


def numbers(value: object, depth: int = 0) -> Iterator[np.ndarray]:
    """All floating-point numbers in a value."""
    if isinstance(value, Tensor):
        known = value.is_floating_point() and value.device.type == "cpu"
        value = value.detach().float().numpy() if known else None
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


@contextlib.contextmanager
def silent() -> Iterator[None]:
    out, errors = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), out, errors, np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def call(function: Callable, arguments: dict[str, object]) -> object:
    bound = inspect.BoundArguments(inspect.signature(function), OrderedDict(arguments))

    def too_long(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, CALL_S)
    try:
        with silent():
            return function(*bound.args, **bound.kwargs)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def try_all(seed: int, *names: str, most: int = 40) -> Found:
    """Every public function below these names, with hostile values, at most so many a function."""
    plt.switch_backend("Agg")
    found = Found()
    everything = [one for module in modules(*names) for one in public(module)]
    with silent():
        meant = as_meant.calls({name: function for name, function, _ in everything})
    for name, function, owner in everything:
        found.functions += 1
        began = time.process_time()
        maker = Maker(f"{seed} {name}")  # the values of one function do not depend on the others
        torch.manual_seed(seed)
        try_one(found, maker, name, function, owner, meant[name], most)
        found.seconds[name] = time.process_time() - began
        plt.close("all")
    return found


def try_one(
    found: Found, maker: Maker, name: str, function: Callable, owner: type | None, meant: list[dict], most: int
) -> None:
    documented = tuple((function.__doc__ or "").split())

    def once(arguments: dict[str, object]) -> tuple[bool, object]:
        found.calls += 1
        try:
            return True, call(function, arguments)
        except (ValueError, TypeError, CannotWrite):
            return False, None
        except Hang:
            found.fault(name, "hang", told(arguments))
        except (Exception, SystemExit) as error:
            if f"{type(error).__name__}:" not in documented:
                why = " ".join(str(error).split())[:90]
                found.fault(name, type(error).__name__, f"{told(arguments)} → {why}")
        return False, None

    base, result, seconds = None, None, 0.0
    for arguments in starts(maker, function, owner, meant):
        began = time.process_time()
        worked, result = once(as_meant.copied(arguments))
        seconds = time.process_time() - began
        if seconds > FUNCTION_S and not worked:
            break
        if worked:
            base = arguments
            if not has_nan(list(arguments.values())) and not finite(result):
                found.fault(name, "not finite from finite", told(arguments))
            break
    if base is None:
        found.without_base.append(name)
        return
    tried = [(key, odd) for key, value in base.items() if key != "self" for odd in odd_values(value)]
    most = min(most, len(tried), max(10, int(FUNCTION_S / (seconds + 1e-6))))
    for key, odd in maker.rng.sample(tried, most):
        if time.process_time() - began > 3 * FUNCTION_S:
            break
        arguments = as_meant.copied(base) | {key: odd}
        worked, result = once(arguments)
        alike = (type(base[key]), type(odd)) in ((int, np.int64), (float, np.float64))
        if not worked and alike and odd == base[key]:
            found.fault(name, f"NumPy's number refused for {key}", short(odd))
        if not worked or any(parameter is result for parameter in arguments.values()):
            continue
        example = told(base | {key: odd})
        some = [part for part in numbers(result) if part.size]
        if has_nan(odd) and (some or isinstance(result, bool | int)) and finite(result):
            found.fault(name, f"finite from NaN in {key}", example)
        elif mild(odd) and mild(list(base.values())) and not finite(result):
            found.fault(name, f"not finite from finite {key}", example)


def starts(maker: "Maker", function: Callable, owner: type | None, meant: list[dict]) -> Iterator[dict[str, object]]:
    """Calls of which one should succeed: as it is meant, else from annotations."""
    yield from meant
    for _ in range(TRIES):
        with contextlib.suppress(Exception):  # not everything that can be annotated can be made
            yield ({} if owner is None else {"self": maker.make(owner)}) | maker.arguments(function)


if __name__ == "__main__":
    seen = try_all(0, *sys.argv[1:])
    slowest = sorted(seen.seconds, key=seen.seconds.get)[-8:]
    print(f"{seen.calls} calls of {seen.functions} functions in {sum(seen.seconds.values()):.0f} s")
    print(*(f"{name} {seen.seconds[name]:.1f} s" for name in slowest), "took longest", sep="\n")
    print(*seen.without_base, sep="\n", end="\nwere never called as meant\n")
