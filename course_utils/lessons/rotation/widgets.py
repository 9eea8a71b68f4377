"""Stripes that turn, and a player of a network that watches them."""

from dataclasses import dataclass
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from course_utils.classroom.explorer import Explorer
from course_utils.classroom.plots import BLUE, ORANGE, matrix
from course_utils.data.rotation import TURNS, turned_stripes
from course_utils.data.stripes import photograph

SIZE, FRAMES, NOISE = 16, 20, 0.2  # of the explorer's trials
GREYS = (0, 75)  # of a picture, from black to white; noise may go beyond


def draw_turn(start_deg: int, sweep_deg: int, turn: str, peaks: int, step: int) -> tuple[Figure, str]:
    """One frame of turning stripes, and the angle of all frames with this one marked."""
    direction = 1 if turn == TURNS[0] else -1
    angles_deg = start_deg + direction * np.linspace(0, sweep_deg, FRAMES)
    frame = photograph(turned_stripes(SIZE, peaks, angles_deg[step]), NOISE, np.random.default_rng(step))
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2), width_ratios=(1, 1.6))
    matrix(frame, left, vmin=GREYS[0], vmax=GREYS[1])
    left.set_title(f"frame {step}")
    right.plot(np.arange(FRAMES), angles_deg, ".-", color=BLUE)
    right.plot(step, angles_deg[step], "o", mfc="none", mec=ORANGE, mew=2, ms=12)
    right.set(ylabel="angle (°, clockwise)", ylim=(-210, 570), yticks=[-180, 0, 180, 360, 540])
    right.set(xlabel="frame", xlim=(-1, FRAMES), title=f"{turn}, {sweep_deg}°")
    right.xaxis.get_major_locator().set_params(integer=True)
    return figure, (
        f"Frame {step} of stripes that turn {turn} by {sweep_deg} degrees from {start_deg} degrees, now at "
        f"{angles_deg[step]:.0f} degrees."
    )


turn_explorer = partial(
    Explorer, draw_turn, start_deg=(30, 0, 360, 10), sweep_deg=(120, 10, 179), turn=TURNS, peaks=(2, 1, 5),
    step=(0, 0, FRAMES - 1),
)  # fmt: skip


@dataclass(frozen=True)
class Film:
    """Trials, and what a network with one output neuron made of them, played both ways. All must fit (ValueError)."""

    frames: np.ndarray  # grey levels, [trial, time, size, size]
    labels: np.ndarray  # 0 clockwise, 1 counter-clockwise, [trial]
    hidden: np.ndarray  # spikes of the hidden neurons, [direction of play, time, trial, neurons]
    potentials: np.ndarray  # of the output neuron, [direction of play, time, trial]

    def __post_init__(self):
        trials, steps = self.frames.shape[:2]
        if len(self.labels) != trials or {a.shape[:3] for a in (self.hidden, self.potentials)} != {(2, steps, trials)}:
            raise ValueError(
                f"frames hold {trials} trials of {steps} steps; labels have the shape {self.labels.shape}, hidden "
                f"{self.hidden.shape}, potentials {self.potentials.shape}"
            )


def draw_film(film: Film, trial: int, step: int, backwards: bool) -> tuple[Figure, str]:
    """A frame, the hidden spikes up to it, the output's potential up to it, and the answer so far."""
    way = int(backwards)
    order = film.frames[trial][::-1] if backwards else film.frames[trial]
    truth = TURNS[film.labels[trial] ^ way]
    v = film.potentials[way, :, trial]
    said = TURNS[int(v[: step + 1].sum() > 0)]
    verdict = "right" if said == truth else "wrong"

    figure, axes = plt.subplot_mosaic("ps;pt", figsize=(8, 4.2), width_ratios=(1, 1.7))
    matrix(order[step], axes["p"], vmin=GREYS[0], vmax=GREYS[1])
    axes["p"].set_title(f"turns {truth}")
    when, who = np.nonzero(film.hidden[way, : step + 1, trial])
    axes["s"].plot(when, who, "|", color=BLUE, ms=4)
    neurons = film.hidden.shape[-1]
    axes["s"].set(xlim=(-0.5, len(v) - 0.5), ylim=(neurons, -1), ylabel="neuron", xticklabels=[])
    trace, reach = axes["t"], 1.1 * np.abs(film.potentials).max()
    trace.axhline(0, color="gray", lw=0.8)
    trace.plot(np.arange(step + 1), v[: step + 1], ".-", color=ORANGE)
    trace.set(xlim=(-0.5, len(v) - 0.5), ylim=(-reach, reach), xlabel="frame", ylabel="output $v$")
    trace.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(f"frame {step}: the mean so far says {said} ({verdict})", fontsize=12)
    played = "backwards" if backwards else "forwards"
    return figure, (
        f"Trial {trial} played {played}, frame {step}: it turns {truth}; the output's mean so far says {said}, which "
        f"is {verdict}."
    )


def film_player(film: Film) -> Explorer:
    """Scrub through the trials of a film, forwards and backwards."""
    trials, steps = film.frames.shape[:2]
    backwards = ipywidgets.Checkbox(False, description="play backwards")
    step = (steps - 1, 0, steps - 1)
    return Explorer(partial(draw_film, film), trial=(0, 0, trials - 1), step=step, backwards=backwards)
