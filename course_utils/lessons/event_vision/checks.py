"""The exercises on event vision: five bytes of an event, frames of equal counts, and a time surface."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise
from course_utils.data import events
from course_utils.data.events import Events


def _decoded(
    five: bytes,
    on: Callable[[int], int] = lambda third: third >> 7,
    time_us: Callable[[int, int, int], int] = lambda third, fourth, fifth: (third & 0x7F) << 16 | fourth << 8 | fifth,
) -> tuple[int, int, int, int]:
    """One event of five bytes to (x, y, on, time in µs), with on and time as given."""
    return five[0], five[1], on(five[2]), time_us(*five[2:])


check_decode_event = Exercise(
    right=_decoded,
    cases=[(bytes([10, 20, 0x81, 0x02, 0x03]),), (bytes([33, 0, 0x7F, 0xFF, 0xFE]),)],
    draw=lambda rng: (rng.integers(0, 256, 5, dtype=np.uint8).tobytes(),),
    tolerance=0,
    wrong={
        "x and y are exchanged: the first byte is the column x, the second the row y.":
            lambda five: (five[1], five[0], *_decoded(five)[2:]),
        "Your polarity is all of byte 2. Only its highest bit is the polarity: shift it down by seven places.":
            {"on": lambda third: third},
        "Your polarity is 0 or 128: its bit is still the highest one of byte 2. Shift it down by seven places.":
            {"on": lambda third: third & 0x80},
        "ON and OFF are exchanged: an event is ON where the highest bit of byte 2 is 1.":
            {"on": lambda third: 1 - (third >> 7)},
        "The polarity is still in your time: for ON events it is 2²³ µs too large. Mask the highest bit of byte 2 with "
        "& 0x7F.": {"time_us": lambda third, fourth, fifth: third << 16 | fourth << 8 | fifth},
        "Your bytes are in the wrong order: byte 2 is the most significant one of the time.":
            {"time_us": lambda third, fourth, fifth: fifth << 16 | fourth << 8 | third & 0x7F},
        "You shift by 7 and 15 places, but a byte has eight bits.":
            {"time_us": lambda third, fourth, fifth: (third & 0x7F) << 15 | fourth << 7 | fifth},
        "You add the bytes without shifting them. A 1 in byte 2 counts 2¹⁶ µs, in byte 3 2⁸.":
            {"time_us": lambda third, fourth, fifth: (third & 0x7F) + fourth + fifth},
        "Byte 2 is missing from your time. Its lower seven bits belong to it. If you have them, set brackets: Python "
        "does << before &.": {"time_us": lambda third, fourth, fifth: fourth << 8 | fifth},
    },
    solved="Two bytes of place, one bit of polarity, 23 bits of time.",
    otherwise="The four are x, y, on, time_us. The time is 65,536 times the lower seven bits of byte 2, plus 256 times "
    "byte 3, plus byte 4. Are there brackets around each shift? Python does + before <<.",
)


def _equal_counts(
    some: Events,
    steps: int,
    step: Callable[[int, int], np.ndarray] = lambda count, steps: np.arange(count) * steps // count,
    on_first: bool = True,
    add: bool = False,
) -> Tensor:
    """Frames [steps, 2, 34, 34]; `step` says which one each event belongs to, from their count and that of frames."""
    index = step(len(some.x), steps), 1 - some.on if on_first else some.on, some.y, some.x
    places = [torch.as_tensor(part).long() for part in index]
    return torch.zeros(steps, 2, 34, 34).index_put(places, torch.ones(len(some.x)), accumulate=add)


def _draw_events(rng: np.random.Generator, count: int = 600) -> tuple[Events, int]:
    """Events of which many come early, and a number of frames."""
    time_us = np.sort((rng.beta(2, 6, count) * 300_000).astype(np.int32))
    places = (rng.integers(0, high, count, dtype=np.int32) for high in (34, 34, 2))
    return Events(*places, time_us), int(rng.integers(3, 8))


check_equal_counts = Exercise(
    right=_equal_counts,
    cases=[(_draw_events(np.random.default_rng(0))[0], 4), (_draw_events(np.random.default_rng(1), 10)[0], 4)],
    draw=_draw_events,
    draws=3,
    wrong={
        "Some of your pixels hold more than 1. A spike is 0 or 1, however many events it stands for.":
            {"add": True},
        "These are slices of equal time. The number of an event, not its time, decides on its frame.": events.frames,
        "Rows and columns are exchanged: the order of the axes is [time, channel, y, x].":
            lambda some, steps: _equal_counts(some, steps).transpose(2, 3),
        "ON and OFF are exchanged: channel 0 is ON, so the channel is 1 − on.": {"on_first": False},
        "Your frames differ where N is no multiple of `steps`. Event n of N belongs to frame steps·n // N.": [
            {"step": lambda count, steps: (np.arange(count) // (count // steps)).clip(max=steps - 1)},
            {"step": lambda count, steps: np.arange(count) // (count // steps)},
        ],
    },
    solved="Each frame tells equally much; how long it took is lost.",
    otherwise="600 events in 4 frames are 150 each: event n of N belongs to frame steps·n // N, divided last.",
)


def _surface_value(
    times_ms: list[float],
    now_ms: float,
    tau_ms: float,
    which: Callable[[list[float]], float] = max,
    power: Callable = lambda age, tau: -age / tau,
) -> float:
    """The value of a surface by one of the events that came up to now, and by the exponent of its age."""
    past = [time for time in times_ms if time <= now_ms]
    return math.exp(power(now_ms - which(past), tau_ms)) if past else 0.0


check_surface_value = Exercise(
    right=_surface_value,
    cases=[([10.0, 30.0, 50.0, 90.0], 60.0, 20.0), ([10.0, 30.0], 30.0, 5.0), ([70.0], 60.0, 20.0), ([], 60.0, 20.0)],
    draw=lambda rng: (np.sort(rng.uniform(0, 100, 6)).tolist(), rng.uniform(20, 80), rng.uniform(5, 50)),
    wrong={
        "You took the first event. The surface remembers the last one.": {"which": min},
        "You took an event of the future: one that comes after now has not happened.":
            lambda times_ms, now_ms, tau_ms: math.exp((max(times_ms) - now_ms) / tau_ms) if times_ms else 0.0,
        "The surface grows with age in your formula. The sign of the exponent is wrong.":
            {"power": lambda age, tau: age / tau},
        "You multiply the age by τ. It is divided by it.": {"power": lambda age, tau: -age * tau},
        "You added up all events. Only the last one counts.": lambda times_ms, now_ms, tau_ms: sum(
            math.exp((time - now_ms) / tau_ms) for time in times_ms if time <= now_ms
        ),
        "You took the distance to the nearest event, future ones included.": lambda times_ms, now_ms, tau_ms: (
            math.exp(-min(abs(time - now_ms) for time in times_ms) / tau_ms) if times_ms else 0.0
        ),
        "An event at this very moment has age 0: the surface is 1.":
            lambda times_ms, now_ms, tau_ms: _surface_value([t for t in times_ms if t < now_ms], now_ms, tau_ms),
        "Where no event has come yet, the surface is 0.":
            lambda times_ms, now_ms, tau_ms: _surface_value(times_ms, now_ms, tau_ms) or 1.0,
    },
    solved="One number for each pixel: how fresh its last event is.",
    otherwise="It is e^(−age/τ), and the age is that of the last event up to now.",
)
