"""Lesson 13: checks of its exercises."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.data import events
from course_utils.data.events import Events

FIVE_BYTES = bytes([10, 20, 0x81, 0x02, 0x03])  # x 10, y 20, ON, 66,051 µs
OFF_BYTES = bytes([33, 0, 0x7F, 0xFF, 0xFE])


@check
def check_decode_event(decode_event: Callable[[bytes], tuple[int, int, int, int]]) -> str:
    """One event of five bytes to (x, y, on, time in µs)."""
    found = attempt(decode_event, FIVE_BYTES)
    if not isinstance(found, tuple | list) or len(found) != 4:
        raise NotYet("Return four numbers: x, y, on, time_us.")
    x, y, on, time_us = (int(value) for value in found)
    if (x, y) == (20, 10):
        raise NotYet("x and y are exchanged: the first byte is the column x, the second the row y.")
    if (x, y) != (10, 20):
        raise NotYet(f"The event is at x 10, y 20. You say x {x}, y {y}.")
    if on == 0x81 or on == 0x80:
        raise NotYet(f"on is {on}. Only the highest bit of byte 2 is the polarity: shift it down by seven places.")
    if on != 1:
        raise NotYet(f"Byte 2 is 0x81, in bits 1000 0001. Its highest bit is 1, so the event is ON. You say {on}.")
    mistakes = {
        "The polarity is still in your time: it is 2²³ µs too large. Mask the highest bit of byte 2 with & 0x7F.": (
            0x810203
        ),
        "Your bytes are in the wrong order: byte 2 is the most significant one of the time.": 0x030201,
        "You shift by 7 and 15 or so: a byte has eight bits.": (1 << 15) | (2 << 7) | 3,
        "You add the bytes without shifting them. Byte 2 counts 2¹⁶ µs each, byte 3 counts 2⁸.": 1 + 2 + 3,
        "Byte 2 is missing from your time. Its lower seven bits belong to it. If you have them, set brackets: Python "
        "does << before &.": 0x0203,
    }
    for message, wrong in mistakes.items():
        if time_us == wrong:
            raise NotYet(message)
    if time_us != 0x010203:
        raise NotYet(
            f"The time is 1·65,536 + 2·256 + 3 = 66,051 µs. You say {time_us:,}. Are there brackets around each shift? "
            "Python does + before <<."
        )
    second = tuple(int(value) for value in attempt(decode_event, OFF_BYTES))
    if second != (33, 0, 0, 0x7FFFFE):
        raise NotYet(
            f"Right for one event. The bytes {OFF_BYTES.hex(' ')} are an OFF event at x 33, y 0, after 8,388,606 µs. "
            f"You say {second}."
        )
    return "Two bytes of place, one bit of polarity, 23 bits of time."


@check
def check_equal_counts(equal_counts: Callable[[Events, int], Tensor]) -> str:
    """Frames of equal numbers of events."""
    generator = np.random.default_rng(0)
    time_us = np.sort((generator.beta(2, 6, 600) * 300_000).astype(np.int32))
    some = Events(*(generator.integers(0, high, 600, dtype=np.int32) for high in (34, 34, 2)), time_us)
    found = attempt(equal_counts, some, 4)
    expected = events.frames_by_count(some, 4)
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        shape = f" {tuple(found.shape)}" if hasattr(found, "shape") else ""
        raise NotYet(f"Return a tensor [4, 2, 34, 34] for 4 steps, not {type(found).__name__}{shape}.")
    found = found.to(expected.dtype)
    if found.max() > 1:
        raise NotYet(f"One of your pixels holds {found.max():g}. A spike is 0 or 1, however many events it stands for.")
    if found.equal(events.frames(some, 4)):
        raise NotYet("These are slices of equal time. The number of an event, not its time, decides on its frame.")
    if found.equal(expected.transpose(2, 3)):
        raise NotYet("Rows and columns are exchanged: the order of the axes is [time, channel, y, x].")
    if found.equal(expected.flip(1)):
        raise NotYet("ON and OFF are exchanged: channel 0 is ON, so the channel is 1 − on.")
    if not found.equal(expected):
        counts = [int(frame.sum()) for frame in found]
        raise NotYet(
            "600 events in 4 frames are 150 each, the first 150 in frame 0. Pixels that spike in your frames: "
            f"{counts}; in the right ones: {[int(frame.sum()) for frame in expected]}."
        )
    few = Events(*(part[:10] for part in some))
    if not attempt(equal_counts, few, 4).to(expected.dtype).equal(events.frames_by_count(few, 4)):
        raise NotYet(
            "Right for 600 events. With 10 events and 4 frames, event number n belongs to frame 4·n // 10: the "
            "division comes last."
        )
    return "Each frame tells equally much; how long it took is lost."


@check
def check_surface_value(surface_value: Callable[[list[float], float, float], float]) -> str:
    """e^(−age/τ) of the last event before a time."""
    found = float(attempt(surface_value, [10.0, 30.0, 50.0, 90.0], 60.0, 20.0))
    expected = np.exp(-0.5)
    mistakes = {
        "You took the first event. The surface remembers the last one.": np.exp(-2.5),
        "You took an event of the future: at 60 ms the one at 90 ms has not happened.": np.exp(1.5),
        "The surface grows with age in your formula. The sign of the exponent is wrong.": np.exp(0.5),
        "Your value is 0, or nearly. If you multiply by τ: the age is divided by it.": np.exp(-200.0),
        "You added up all events. Only the last one counts.": np.exp(-0.5) + np.exp(-1.5) + np.exp(-2.5),
        "You took the distance to the nearest event, future ones included.": np.exp(-30 / 20),
    }
    for message, wrong in mistakes.items():
        if abs(found - wrong) < 1e-6:
            raise NotYet(message)
    if abs(found - expected) > 1e-6:
        raise NotYet(f"At 60 ms the last event was at 50 ms: e^(−10/20) = 0.607. You say {found:.3f}.")
    if abs(float(attempt(surface_value, [10.0, 30.0], 30.0, 5.0)) - 1) > 1e-6:
        raise NotYet("An event at this very moment has age 0: the surface is 1.")
    if abs(float(attempt(surface_value, [70.0], 60.0, 20.0))) > 1e-6 or float(attempt(surface_value, [], 60.0, 20.0)):
        raise NotYet("Where no event has come yet, the surface is 0.")
    return "One number a pixel: how fresh its last event is."
