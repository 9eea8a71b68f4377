"""Recordings of an event camera: N-MNIST, its file format and its frames (lesson 13 reads the format by hand).

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

SIZE = 34
EVENT_BYTES = 5
SACCADES_US = 300_000  # how long the three movements take; a few recordings are a little longer
_WHOLE = ("Train.zip", "Test.zip")
_PART = "NMNIST_1100.zip"  # the first 1,000 and 100 recordings


class Events(NamedTuple):
    """Events in the order of time, [events] each.

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
        ValueError: the file ends inside an event, or an event lies outside the picture or before its predecessor; the
            message names the byte.
    """
    if len(data) % EVENT_BYTES:
        raise ValueError(f"{name} ends inside an event, at byte {len(data)}; an event has {EVENT_BYTES} bytes")
    raw = np.frombuffer(data, np.uint8).reshape(-1, EVENT_BYTES).astype(np.int64)
    x, y = raw[:, 0], raw[:, 1]
    time_us = (raw[:, 2] & 0x7F) << 16 | raw[:, 3] << 8 | raw[:, 4]
    if len(outside := np.flatnonzero((x >= SIZE) | (y >= SIZE))):
        at = outside[0]
        raise ValueError(
            f"{name} has an event at x {x[at]}, y {y[at]} (byte {at * EVENT_BYTES}); both must be below {SIZE}"
        )
    if len(back := np.flatnonzero(np.diff(time_us) < 0)):
        at = back[0] + 1
        raise ValueError(
            f"{name} goes back in time at byte {at * EVENT_BYTES}, from {time_us[at - 1]} to {time_us[at]} µs"
        )
    return Events(x, y, raw[:, 2] >> 7, time_us)


@dataclass(frozen=True)
class Recordings:
    """Recordings of digits.

    Attributes:
        source: what was loaded, for tables.
        events: one `Events` a digit.
        labels: int64 [count], 0 to 9.
    """

    source: str
    events: list[Events]
    labels: Tensor


def load_nmnist() -> tuple[Recordings, Recordings]:
    """Training and test set of N-MNIST, the whole set if it is in `$COURSE_DATA` or `data/`, else its first 1,100.

    Raises:
        ValueError: a file is damaged.
        NotAvailable: neither is here.
    """
    whole = [find(Path("NMNIST") / name) for name in _WHOLE]
    if all(whole):
        return tuple(_unpack(path, f"{path.stem}/", "N-MNIST") for path in whole)
    if (part := find(_PART)) is not None:
        source = "N-MNIST, its first 1,000 + 100 recordings"
        return _unpack(part, "Train/", source), _unpack(part, "Test/", source)
    raise NotAvailable(
        "N-MNIST is neither in $COURSE_DATA nor in data/. Its files Train.zip and Test.zip belong into data/NMNIST/; "
        "https://www.garrickorchard.com/datasets/n-mnist says where they are"
    )


def _unpack(path: Path, folder: str, source: str) -> Recordings:
    try:
        with zipfile.ZipFile(path) as packed:
            names = sorted(name for name in packed.namelist() if name.startswith(folder) and name.endswith(".bin"))
            events = [decode(packed.read(name), name) for name in names]
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    labels = [int(PurePosixPath(name).parent.name) for name in names]
    return Recordings(source, events, torch.tensor(labels))


def frames(events: Events, steps: int, duration_us: int = SACCADES_US) -> Tensor:
    """Spikes [steps, 2, 34, 34] of equal slices of time: 1 where a pixel had an event. Channel 0 is ON, 1 is OFF.

    Raises:
        ValueError: `steps` or `duration_us` is below 1.
    """
    if steps < 1 or duration_us < 1:
        raise ValueError(f"steps is {steps} and duration_us {duration_us}; both must be 1 or more")
    made = torch.zeros(steps, 2, SIZE, SIZE)
    step = (events.time_us * steps // duration_us).clip(max=steps - 1)
    made[step, 1 - events.on, events.y, events.x] = 1
    return made
