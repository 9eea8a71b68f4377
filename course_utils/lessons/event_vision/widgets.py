"""A pixel that sends events, a player of recordings, and the same events in three kinds of picture."""

from collections.abc import Sequence
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE
from course_utils.data.events import SACCADES_US, SIZE, Events, counts, time_surface, window

LAST_MS = SACCADES_US // 1000
PIXEL_MS = np.arange(301)  # when the explorer of a pixel looks at the light
BIN_MS = 5
PLACES = {"xlabel": "x", "ylabel": "y", "xticks": [0, 10, 20, 30], "yticks": [0, 10, 20, 30]}  # of pixels, on axes


def pixel_events(log_light: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """(number of the sample, +1 for ON or −1 for OFF) for a pixel that begins with the memory of the first sample."""
    remembered, sent = log_light[0], []
    for sample, now in enumerate(log_light):
        while abs(now - remembered) >= threshold:
            sign = 1 if now > remembered else -1
            remembered += sign * threshold
            sent.append((sample, sign))
    return sent


def light_curve(contrast: float, level: float) -> np.ndarray:
    """Light of a bright bar that passes, at the times `PIXEL_MS`, on a ground of some level."""
    return level * (1 + contrast * np.exp(-0.5 * ((PIXEL_MS - 118.3) / 35) ** 2))


def draw_pixel(contrast: float, level: float, threshold: float) -> tuple[Figure, str]:
    """The light on a pixel, its logarithm, and the events that it sends."""
    light = light_curve(contrast, level)
    log_light = np.log(light)
    sent = pixel_events(log_light, threshold)
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4.4), sharex=True, height_ratios=(1, 1.4))
    above.plot(PIXEL_MS, light, color="gray")
    above.set(ylabel="light", ylim=(0, 44))
    below.plot(PIXEL_MS, log_light - log_light[0], color="gray")
    for sign, color, start in ((1, BLUE, 1.45), (-1, ORANGE, 1.25)):
        times = [PIXEL_MS[sample] for sample, found in sent if found == sign]
        below.vlines(times, start, start + 0.15, color=color, lw=1.5)
        below.text(298, start + 0.06, "ON" if sign > 0 else "OFF", color=color, ha="right", va="center")
    below.set(xlabel="time (ms)", ylabel="$\\ln I$, from its start", xlim=(0, 300), ylim=(-0.1, 1.7))
    on = sum(sign > 0 for _, sign in sent)
    above.set_title(f"{on} ON and {len(sent) - on} OFF events", fontsize=12)
    return figure, (
        f"A bar of contrast {contrast:g} passes over a ground of level {level:g}. With threshold {threshold:g} the "
        f"pixel sends {on} ON events while it becomes brighter and {len(sent) - on} OFF events while it becomes darker."
    )


# contrast, level of the light, and threshold against the events of one pixel
pixel_explorer = partial(
    Explorer,
    draw_pixel,
    contrast=(1.0, 0, 2, 0.1),
    level=(4, 1, 14, "light of the ground"),
    threshold=(0.2, 0.05, 0.6, 0.05),
)


def show_events(events: Events, ax: Axes, *, most: int = 3) -> None:
    """ON minus OFF of every pixel: blue where ON events prevail, orange for OFF, full colour from `most` events on."""
    on, off = counts(events, 1)[0].numpy()
    share = ((on - off) / most).clip(-1, 1)[:, :, None]
    full = np.where(share > 0, to_rgb(BLUE), to_rgb(ORANGE))
    ax.imshow(1 - abs(share) * (1 - full), extent=(-0.5, SIZE - 0.5, SIZE - 0.5, -0.5))
    ax.set(**PLACES)


def draw_player(events: Events, start_ms: int, width_ms: int, most_an_interval: float) -> tuple[Figure, str]:
    """The events in a window of time, and when the events of the whole recording came."""
    end_ms = start_ms + width_ms
    inside = window(events, 1000 * start_ms, 1000 * end_ms)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), width_ratios=(1, 1.3))
    show_events(inside, left)
    on = int(inside.on.sum())
    left.set_title(f"{on} ON, {len(inside.on) - on} OFF", fontsize=12)
    edges = np.arange(0, LAST_MS + 50 + BIN_MS, BIN_MS)
    rate = np.histogram(events.time_us / 1000, edges)[0] / BIN_MS
    right.axvspan(start_ms, end_ms, color="lightsteelblue", alpha=0.6, lw=1)
    right.stairs(rate, edges, color="black", lw=1.2)
    right.set(xlabel="time (ms)", ylabel="events a ms", xlim=(0, edges[-1]), ylim=(0, most_an_interval))
    right.set_title(f"{start_ms} to {end_ms} ms", fontsize=12)
    return figure, (
        f"Left: the pixels' {on} ON and {len(inside.on) - on} OFF events between {start_ms} and {end_ms} ms. "
        "Right: events a millisecond over the whole recording, with the window marked."
    )


def event_player(recordings: Sequence[Events], labels: Sequence[int]) -> Explorer:
    """A window of time to move over recordings; the first one of each digit is on offer."""
    labels = [int(label) for label in labels]
    first = {label: recordings[labels.index(label)] for label in sorted(set(labels))}
    edges = np.arange(0, LAST_MS + 50 + BIN_MS, BIN_MS)
    most = 1.1 * max(np.histogram(events.time_us / 1000, edges)[0].max() for events in first.values()) / BIN_MS

    def draw(digit: int, start: int, width: int) -> tuple[Figure, str]:
        figure, alt = draw_player(first[digit], start, width, most)
        return figure, f"Digit {digit}. {alt}"

    return Explorer(
        draw,
        digit=ipywidgets.Dropdown(options=list(first)),
        start=(20, 0, 290, 5, "start (ms)"),
        width=(30, 1, 50, "width (ms)"),
    )


def draw_surface(events: Events, time_ms: int, tau_ms: int) -> tuple[Figure, str]:
    """The time surfaces of ON and OFF events at a time."""
    surfaces = time_surface(events, 1000 * time_ms, 1000 * tau_ms).numpy()
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.9))
    for ax, surface, name in zip(axes, surfaces, ("ON", "OFF"), strict=True):
        ax.imshow(surface, vmin=0, vmax=1, cmap="viridis")
        ax.set(**PLACES)
        ax.set_title(f"{name}, mean {surface.mean():.2f}", fontsize=12)
    on, off = surfaces.mean((1, 2))
    return figure, (
        f"Time surfaces {time_ms} ms after the start with a time constant of {tau_ms} ms: bright pixels had an event "
        f"just now, dark ones long ago or never. Mean of ON {on:.2f}, of OFF {off:.2f}."
    )


def surface_explorer(events: Events) -> Explorer:
    """Time and time constant against the surfaces of a recording."""
    draw = partial(draw_surface, events)
    return Explorer(draw, time_ms=(70, 0, LAST_MS, 5, "time (ms)"), tau_ms=(20, 2, 150, 2, "τ (ms)"))
