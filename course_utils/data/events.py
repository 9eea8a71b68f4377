"""Recordings of an event camera: the files of N-MNIST, windows, frames and time surfaces.

N-MNIST shows the digits of MNIST to a camera that jerks three times, 34×34 pixels, about 0.3 s a digit (G. Orchard,
A. Jayawant, G. K. Cohen and N. Thakor, "Converting static image datasets to spiking neuromorphic datasets using
saccades", Frontiers in Neuroscience 9:437, 2015).
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.data.download import NotAvailable
from course_utils.data.packs import Pack
from course_utils.data.require import guarded, require, require_whole
from course_utils.data.search import find, seen_instead

SIZE = 34
EVENT_BYTES = 5
SACCADES_US = 300_000  # how long the three movements take; a few recordings are a little longer
FILES = ("NMNIST/Train.zip", "NMNIST/Test.zip", "NMNIST_1100.zip")  # the last one: the first 1,000 and 100 recordings
_LAYOUT = "Train/3/00001.bin, Test/7/00001.bin … (part, digit, number from 1)"
_PLACE = re.compile(r"(?:.*/)?(train|test)/([0-9])/([0-9]+)\.bin|([0-9])/([0-9]+)\.bin", re.IGNORECASE)


class Events(NamedTuple):
    """Events in the order of time, int32 [events] each."""

    x: np.ndarray  # column, 0 to 33
    y: np.ndarray  # row, 0 (top) to 33
    on: np.ndarray  # 1 where it became brighter, 0 where darker
    time_us: np.ndarray  # microseconds since the recording began


def decode(data: bytes, name: str = "the recording") -> Events:
    """Events from the bytes of a file: of each five bytes x, y, one bit of polarity and 23 bits of time.

    Raises:
        ValueError: the file ends inside an event, or as of `check_events`.
    """
    if len(data) % EVENT_BYTES:
        raise ValueError(f"{name} ends inside an event, at byte {len(data)}; an event has {EVENT_BYTES} bytes")
    raw = np.frombuffer(data, np.uint8).reshape(-1, EVENT_BYTES).astype(np.int32)
    time_us = (raw[:, 2] & 0x7F) << 16 | raw[:, 3] << 8 | raw[:, 4]
    events = Events(raw[:, 0], raw[:, 1], raw[:, 2] >> 7, time_us)
    check_events(events, name)
    return events


@guarded
def encode(events: Events) -> bytes:
    """The bytes of a file that holds these events: what `decode` reads."""
    check_events(events)
    x, y, on, time_us = events
    parts = (x, y, on << 7 | time_us >> 16, time_us >> 8 & 0xFF, time_us & 0xFF)
    return np.stack(parts, axis=1).astype(np.uint8).tobytes()


@guarded
def check_events(events: Events, name: str = "") -> None:
    """Refuse events that no file of N-MNIST could hold: out of range, or not in the order of time.

    The message names the first such event, counted from 0, and the byte where it begins in the file of this `name`.
    """
    lengths = [len(part) for part in events]
    if len(set(lengths)) > 1:
        raise ValueError(f"x, y, on and time_us have {lengths} entries; each event needs one of each")

    def refuse(at: int, what: str) -> None:
        raise ValueError((f"{name}: event {at} (byte {at * EVENT_BYTES}) " if name else f"event {at} ") + what)

    for part_name, part, limit in zip(Events._fields, events, (SIZE, SIZE, 2, 2**23), strict=True):
        kind = np.asarray(part).dtype
        require(kind.kind in "iu", f"dtype of {part_name}", kind, "one of whole numbers")
        for at in np.flatnonzero((part < 0) | (part >= limit))[:1]:
            refuse(at, f"has {part_name} {part[at]}; it must be a whole number from 0 to {limit - 1}")
    for at in np.flatnonzero(np.diff(events.time_us) < 0)[:1] + 1:
        remedy = "" if name else "; sort by time first"
        refuse(at, f"goes back in time, from {events.time_us[at - 1]} to {events.time_us[at]} µs{remedy}")


@dataclass(frozen=True)
class Recordings:
    """Recordings of digits, their labels, int64 [count], 0 to 9, and what was loaded, for tables.

    `numbers`, int64 [count], say which image of MNIST's training or test set each one shows, from 0.
    """

    source: str
    events: list[Events]
    labels: Tensor
    numbers: Tensor


def load_nmnist(train: int | None = None, test: int | None = None) -> tuple[Recordings, Recordings]:
    """Training and test set of N-MNIST, the whole set if it is in `$COURSE_DATA` or `data/`, else its first 1,100.

    Args:
        train: at most so many training recordings, 1 or more, those with the lowest numbers. None: all.
        test: the same for the test set.

    Raises:
        ValueError: a file is damaged.
        NotAvailable: neither is here.
    """
    require_whole(**{name: (count, 1) for name, count in (("train", train), ("test", test)) if count is not None})
    whole = [find(name, folders=True) or find(name.removesuffix(".zip"), folders=True) for name in FILES[:2]]
    part = find(FILES[2], folders=True)
    if not all(whole) and part is None:
        raise NotAvailable(
            f"N-MNIST is neither in $COURSE_DATA nor in data/.{seen_instead(*FILES)} Its files Train.zip and "
            "Test.zip belong into data/NMNIST/; https://www.garrickorchard.com/datasets/n-mnist says where they are"
        )
    packs = [Pack(path) for path in whole] if all(whole) else [Pack(part)] * 2
    found = [_recordings(packs[0], "train", train), _recordings(packs[1], "test", test)]
    sizes = [len(kept) for kept in found]
    first = all({number for number, *_ in kept} == set(range(len(kept))) for kept in found)
    source = "N-MNIST, its first {:,} + {:,} recordings" if first else "N-MNIST, {:,} + {:,} of its recordings"
    source = "N-MNIST" if sizes == [60_000, 10_000] else source.format(*sizes)
    return _unpack(packs[0], found[0], source), _unpack(packs[1], found[1], source)


def _recordings(pack: Pack, part: str, count: int | None) -> list[tuple[int, int, str]]:
    """Number, from 0, digit and file of the recordings whose numbers are below `count`, by digit and number.

    That the numbers are MNIST's own is nowhere written; the lesson on event vision checks it. A file that is not where
    a recording belongs, a number that two claim, and a digit without recordings are refused.
    """
    found: dict[int, tuple[int, int, str]] = {}
    for name, place in pack.placed(_PLACE, _LAYOUT):
        if (place[1] or part).lower() != part:
            continue
        number, digit = int(place[3] or place[5]) - 1, int(place[2] or place[4])
        if number in found or number < 0:
            twice = found.get(number, (0, 0, "its number 0"))[2]
            raise ValueError(f"{pack.path} holds {name}; numbers begin at 1 and are given once, but here is {twice}")
        found[number] = number, digit, name
    if missing := set(range(10)) - {digit for _, digit, _ in found.values()}:
        raise ValueError(
            f"{pack.path} holds no {part} recording of {', '.join(map(str, sorted(missing)))}; expected are {_LAYOUT}"
        )
    kept = (one for one in found.values() if count is None or one[0] < count)
    return sorted(kept, key=lambda one: (one[1], one[0]))


def _unpack(pack: Pack, found: list[tuple[int, int, str]], source: str) -> Recordings:
    names = [name for *_, name in found]
    events = [decode(data, f"{pack.path}: {name}") for name, data in zip(names, pack.contents(names), strict=True)]
    for name, one in zip(names, events, strict=True):
        if not len(one.x):
            raise ValueError(f"{pack.path}: {name} holds no event; fetch the archive again")
    numbers, labels, _ = zip(*found, strict=True) if found else ((), (), ())
    return Recordings(source, events, torch.tensor(labels, dtype=torch.int64), torch.tensor(numbers, dtype=torch.int64))


# --- pictures of events ---------------------------------------------------------------------------------------------


@guarded
def window(events: Events, start_us: int, end_us: int) -> Events:
    """The events from `start_us`, 0 or more, up to but without `end_us`."""
    if not 0 <= start_us < end_us:
        raise ValueError(f"the window is {start_us} to {end_us} µs; it must begin at 0 or later and end after it")
    first, last = np.searchsorted(events.time_us, [start_us, end_us])
    return Events(*(part[first:last] for part in events))


@guarded
def counts(events: Events, steps: int, duration_us: int = SACCADES_US) -> Tensor:
    """How many events each pixel had in `steps` equal slices of time, [steps, 2, 34, 34]. Channel 0 is ON, 1 is OFF.

    What comes after `duration_us` counts for the last slice.
    """
    require_whole(steps=(steps, 1), duration_us=(duration_us, 1))
    return _counts(events, (events.time_us.astype(np.int64) * steps // duration_us).clip(max=steps - 1), steps)


@guarded
def frames(events: Events, steps: int, duration_us: int = SACCADES_US) -> Tensor:
    """Spikes [steps, 2, 34, 34] of equal slices of time: 1 where a pixel had an event. Channel 0 is ON, 1 is OFF."""
    return counts(events, steps, duration_us).clamp_(max=1)


@guarded
def frames_by_count(events: Events, steps: int) -> Tensor:
    """Spikes [steps, 2, 34, 34] of slices with equal numbers of events, to one event; no more steps than events."""
    require(1 <= steps <= len(events.x), "steps", steps, f"a number from 1 to {len(events.x)}, that of the events")
    return _counts(events, np.arange(len(events.x)) * steps // len(events.x), steps).clamp_(max=1)


@guarded
def time_surface(events: Events, time_us: int, tau_us: float) -> Tensor:
    """e^(−age/τ) of the last event of every pixel before or at a time, [2, 34, 34]; 0 where there was none.

    Channel 0 is ON, 1 is OFF (X. Lagorce et al., "HOTS: a hierarchy of event-based time-surfaces for pattern
    recognition", IEEE TPAMI 39(7), 2017). The time is 0 or more, τ above 0.
    """
    require(time_us >= 0, "time_us", time_us, "0 or more")
    require(tau_us > 0, "tau_us", tau_us, "above 0")
    check_events(events)
    past = window(events, 0, time_us + 1)
    last_us = np.full((2, SIZE, SIZE), -np.inf)
    np.maximum.at(last_us, (1 - past.on, past.y, past.x), past.time_us)
    return torch.from_numpy(np.exp((last_us - time_us) / tau_us)).float()


def _counts(events: Events, step: np.ndarray, steps: int) -> Tensor:
    check_events(events)
    place = ((step * 2 + 1 - events.on) * SIZE + events.y) * SIZE + events.x
    shape = (steps, 2, SIZE, SIZE)
    return torch.from_numpy(np.bincount(place, minlength=2 * steps * SIZE**2)).view(shape).float()
