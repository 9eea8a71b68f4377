"""Recordings of an event camera: the files of N-MNIST, windows, frames and time surfaces.

N-MNIST shows the digits of MNIST to a camera that jerks three times, 34×34 pixels, about 0.3 s a digit (G. Orchard,
A. Jayawant, G. K. Cohen and N. Thakor, "Converting static image datasets to spiking neuromorphic datasets using
saccades", Frontiers in Neuroscience 9:437, 2015).
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.data.download import NotAvailable
from course_utils.data.locate import find
from course_utils.data.require import require, require_whole

SIZE = 34
EVENT_BYTES = 5
SACCADES_US = 300_000  # how long the three movements take; a few recordings are a little longer
_WHOLE = ("Train.zip", "Test.zip")
_PART = "NMNIST_1100.zip"  # the first 1,000 and 100 recordings


class Events(NamedTuple):
    """Events in the order of time, int32 [events] each.

    Attributes:
        x: column, 0 to 33.
        y: row, 0 (top) to 33.
        on: 1 where it became brighter, 0 where darker.
        time_us: microseconds since the recording began.
    """

    x: np.ndarray
    y: np.ndarray
    on: np.ndarray
    time_us: np.ndarray


def decode(data: bytes, name: str = "the recording") -> Events:
    """Events from the bytes of a file: of each five bytes x, y, one bit of polarity and 23 bits of time.

    Raises:
        ValueError: the file ends inside an event, or as of `check_events`; the message names the byte.
    """
    if len(data) % EVENT_BYTES:
        raise ValueError(f"{name} ends inside an event, at byte {len(data)}; an event has {EVENT_BYTES} bytes")
    raw = np.frombuffer(data, np.uint8).reshape(-1, EVENT_BYTES).astype(np.int32)
    time_us = (raw[:, 2] & 0x7F) << 16 | raw[:, 3] << 8 | raw[:, 4]
    events = Events(raw[:, 0], raw[:, 1], raw[:, 2] >> 7, time_us)
    check_events(events, name)
    return events


def encode(events: Events) -> bytes:
    """The bytes of a file that holds these events: what `decode` reads.

    Raises:
        ValueError: as of `check_events`.
    """
    check_events(events)
    x, y, on, time_us = events
    parts = (x, y, on << 7 | time_us >> 16, time_us >> 8 & 0xFF, time_us & 0xFF)
    return np.stack(parts, axis=1).astype(np.uint8).tobytes()


def check_events(events: Events, name: str = "") -> None:
    """Do nothing for events that a file of N-MNIST could hold. `name` is that of the file that they were read from.

    Raises:
        ValueError: the four parts differ in length, or an event is out of range or before its predecessor; the message
            names the first such event, counted from 0, and for a file the byte where it begins.
    """
    lengths = [len(part) for part in events]
    if len(set(lengths)) > 1:
        raise ValueError(f"x, y, on and time_us have {lengths} entries; each event needs one of each")

    def refuse(at: int, what: str) -> None:
        raise ValueError((f"{name}: event {at} (byte {at * EVENT_BYTES}) " if name else f"event {at} ") + what)

    for part_name, part, limit in zip(Events._fields, events, (SIZE, SIZE, 2, 2**23), strict=True):
        for at in np.flatnonzero((part < 0) | (part >= limit))[:1]:
            refuse(at, f"has {part_name} {part[at]}; it must be a whole number from 0 to {limit - 1}")
    for at in np.flatnonzero(np.diff(events.time_us) < 0)[:1] + 1:
        remedy = "" if name else "; sort by time first"
        refuse(at, f"goes back in time, from {events.time_us[at - 1]} to {events.time_us[at]} µs{remedy}")


@dataclass(frozen=True)
class Recordings:
    """Recordings of digits.

    Attributes:
        source: what was loaded, for tables.
        events: one `Events` a digit.
        labels: int64 [count], 0 to 9.
        numbers: int64 [count], which image of MNIST's training or test set each one shows, from 0.
    """

    source: str
    events: list[Events]
    labels: Tensor
    numbers: Tensor


def load_nmnist(train: int | None = None, test: int | None = None) -> tuple[Recordings, Recordings]:
    """Training and test set of N-MNIST, the whole set if it is in `$COURSE_DATA` or `data/`, else its first 1,100.

    Args:
        train: at most so many training recordings, those with the lowest numbers. None: all.
        test: the same for the test set.

    Raises:
        ValueError: a count is below 1, or a file is damaged.
        NotAvailable: neither is here.
    """
    require_whole(**{name: (count, 1) for name, count in (("train", train), ("test", test)) if count is not None})
    whole = [find(Path("NMNIST") / name) for name in _WHOLE]
    if all(whole):
        archives, available = whole, (60_000, 10_000)
    elif (part := find(_PART)) is not None:
        archives, available = [part, part], (1000, 100)
    else:
        raise NotAvailable(
            "N-MNIST is neither in $COURSE_DATA nor in data/. Its files Train.zip and Test.zip belong into "
            "data/NMNIST/; https://www.garrickorchard.com/datasets/n-mnist says where they are"
        )
    kept = [min(count or all_of_it, all_of_it) for count, all_of_it in zip((train, test), available, strict=True)]
    source = "N-MNIST" if kept == [60_000, 10_000] else f"N-MNIST, its first {kept[0]:,} + {kept[1]:,} recordings"
    train, test = (_unpack(*part, source) for part in zip(archives, ("Train/", "Test/"), kept, strict=True))
    return train, test


def _unpack(path: Path, folder: str, count: int, source: str) -> Recordings:
    """The recordings of a folder whose numbers are below `count`."""
    try:
        with zipfile.ZipFile(path) as packed:
            names = sorted(name for name in packed.namelist() if name.startswith(folder) and name.endswith(".bin"))
            names = [name for name in names if _number(name) < count]
            events = [decode(packed.read(name), name) for name in names]
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    labels = torch.tensor([int(PurePosixPath(name).parent.name) for name in names], dtype=torch.int64)
    return Recordings(source, events, labels, torch.tensor([_number(name) for name in names], dtype=torch.int64))


def _number(name: str) -> int:
    """Files count from 1. That the numbers are MNIST's own is nowhere written; the lesson on event vision checks it."""
    return int(PurePosixPath(name).stem) - 1


# --- pictures of events ---------------------------------------------------------------------------------------------


def window(events: Events, start_us: int, end_us: int) -> Events:
    """The events from `start_us` up to but without `end_us`.

    Raises:
        ValueError: the window begins before 0 or does not end after its start.
    """
    if not 0 <= start_us < end_us:
        raise ValueError(f"the window is {start_us} to {end_us} µs; it must begin at 0 or later and end after it")
    first, last = np.searchsorted(events.time_us, [start_us, end_us])
    return Events(*(part[first:last] for part in events))


def counts(events: Events, steps: int, duration_us: int = SACCADES_US) -> Tensor:
    """How many events each pixel had in equal slices of time, [steps, 2, 34, 34]. Channel 0 is ON, 1 is OFF.

    What comes after `duration_us` counts for the last slice.

    Raises:
        ValueError: `steps` or `duration_us` is below 1.
    """
    require_whole(steps=(steps, 1), duration_us=(duration_us, 1))
    return _counts(events, (events.time_us.astype(np.int64) * steps // duration_us).clip(max=steps - 1), steps)


def frames(events: Events, steps: int, duration_us: int = SACCADES_US) -> Tensor:
    """Spikes [steps, 2, 34, 34] of equal slices of time: 1 where a pixel had an event. Channel 0 is ON, 1 is OFF.

    Raises:
        ValueError: `steps` or `duration_us` is below 1.
    """
    return counts(events, steps, duration_us).clamp_(max=1)


def frames_by_count(events: Events, steps: int) -> Tensor:
    """Spikes [steps, 2, 34, 34] of slices with equal numbers of events, to one event.

    Raises:
        ValueError: `steps` is below 1, or there are fewer events than that.
    """
    require(1 <= steps <= len(events.x), "steps", steps, f"a number from 1 to {len(events.x)}, that of the events")
    return _counts(events, np.arange(len(events.x)) * steps // len(events.x), steps).clamp_(max=1)


def time_surface(events: Events, time_us: int, tau_us: float) -> Tensor:
    """e^(−age/τ) of the last event of every pixel before or at a time, [2, 34, 34]; 0 where there was none.

    Channel 0 is ON, 1 is OFF (X. Lagorce et al., "HOTS: a hierarchy of event-based time-surfaces for pattern
    recognition", IEEE TPAMI 39(7), 2017).

    Raises:
        ValueError: `time_us` is negative or `tau_us` not above 0.
    """
    require(time_us >= 0, "time_us", time_us, "0 or more")
    require(tau_us > 0, "tau_us", tau_us, "above 0")
    past = window(events, 0, time_us + 1)
    last_us = np.full((2, SIZE, SIZE), -np.inf)
    np.maximum.at(last_us, (1 - past.on, past.y, past.x), past.time_us)
    return torch.from_numpy(np.exp((last_us - time_us) / tau_us)).float()


def _counts(events: Events, step: np.ndarray, steps: int) -> Tensor:
    place = ((step * 2 + 1 - events.on) * SIZE + events.y) * SIZE + events.x
    shape = (steps, 2, SIZE, SIZE)
    return torch.from_numpy(np.bincount(place, minlength=2 * steps * SIZE**2)).view(shape).float()
