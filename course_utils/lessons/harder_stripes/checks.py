"""Exercises of the lesson on harder stripes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from course_utils.classroom.exercise import Exercise, NotYet, attempt


def _maps(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Evidence as 40 images have it: about −5 everywhere, much more at one place of one of the two maps."""
    maps = rng.normal(-5, 3, size=(2, 40, 12, 12))
    maps[rng.integers(2, size=40), range(40), rng.integers(12, size=40), rng.integers(12, size=40)] += 20
    return (maps,)


def _overflowing() -> np.ndarray:
    """Two images with an evidence whose exponential is more than a float can hold."""
    strong = np.array([[[-5.0, 3000.0]], [[-5.0, 2000.0]]])
    return np.stack([strong, strong[::-1]], axis=1)


def _faint() -> np.ndarray:
    """One place with e¹ and 24 with e⁻³ against 25 places with e⁰, once for each orientation."""
    one, many = np.full((5, 5), -3.0), np.zeros((5, 5))
    one[0, 0] = 1
    return np.array([[one, many], [many, one]])


def _summed(maps: np.ndarray) -> np.ndarray:
    """Sums of exp(evidence) that overflow in silence, [2, images]."""
    with np.errstate(over="ignore"):
        return np.exp(maps).sum((2, 3))


check_label_of = Exercise(
    right=lambda maps: logsumexp(maps, axis=(2, 3)).argmax(axis=0),
    cases=[(_overflowing(),), (_faint(),)],
    draw=_maps,
    wrong={
        "Every answer is wrong: you take the less likely orientation. Map 0 is horizontal, label 0.":
            lambda maps: logsumexp(maps, axis=(2, 3)).argmin(axis=0),
        "With an evidence of 3,000 your sum fails: exp(3000) is more than a float can hold, and infinity is not larger "
        "than infinity. `logsumexp` computes the logarithm of the sum without ever leaving the range.":
            [lambda maps: _summed(maps).argmax(axis=0), lambda maps: _summed(maps)[1] >= _summed(maps)[0]],
        "Do you add up the evidence itself? It is a logarithm; probabilities are added, and those are exp(evidence). A "
        "sum of logarithms would mean a patch at every place.": lambda maps: maps.sum((2, 3)).argmax(axis=0),
        "You keep only the best place. Where many places are a little likely and one is likely for the other "
        "orientation, all of them count: add up exp(evidence).": lambda maps: maps.max((2, 3)).argmax(axis=0),
        "Compare the two orientations: one label for each image.": lambda maps: logsumexp(maps, axis=(2, 3)),
    },
    solved="Every place counts, and no number overflows.",
    otherwise="Add up exp(evidence) over the places, then compare the two orientations.",
)


def _hidden(rng: np.random.Generator) -> tuple[Tensor]:
    """Rare spikes, [time, batch, map, row, column]."""
    return ((torch.tensor(rng.random((6, 3, 4, 7, 8))) > 0.97).float(),)


check_anywhere = Exercise(
    right=lambda hidden: hidden.amax((3, 4)),
    draw=_hidden,
    wrong={
        "Time is gone. The leaky integrators need every step; take the maximum over places only.":
            lambda hidden: hidden.amax((0, 3, 4)),
        "You took the maximum over the maps. They look for different things and must stay apart.":
            [lambda hidden: hidden.amax(2), lambda hidden: hidden.amax((2, 3, 4))],
        "One axis of places is left. A place has a row and a column.":
            [lambda hidden: hidden.amax(4), lambda hidden: hidden.amax(3)],
        "That is how many places spike. 'Anywhere' is 1 whether one place spikes or ten: the maximum.":
            lambda hidden: hidden.sum((3, 4)),
        "The mean says what part of the map spikes. One small patch hardly moves it. Take the maximum.":
            lambda hidden: hidden.mean((3, 4)),
        "That tells whether all places spike. Return whether any does.": lambda hidden: hidden.amin((3, 4)),
    },
    solved="One answer for all places, at every step.",
    otherwise="1 if any place of the map spikes at this step, else 0.",
)


def _played(frames: np.ndarray, rng: np.random.Generator, **others: Callable[..., Any]) -> dict[str, Any]:
    """The four ways to play films, some of them played otherwise."""
    return {
        "single frame": np.repeat(frames[:, 10:11], 20, axis=1),
        "bag of frames": np.repeat(frames.mean(axis=1, keepdims=True), 20, axis=1),
        "shuffled": np.stack([trial[rng.permutation(20)] for trial in frames]),
        "reversed": frames[:, ::-1].copy(),
    } | {name.replace("_", " "): play(frames, rng) for name, play in others.items()}


def _grade_controls(controls: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]) -> None:
    frames = np.random.default_rng(0).random((6, 20, 16, 16))
    played = attempt(controls, frames, np.random.default_rng(1))
    names = ("single frame", "bag of frames", "shuffled", "reversed")
    if not isinstance(played, dict) or set(played) != set(names):
        raise NotYet(f"Return a dictionary with the names {', '.join(names)}.")
    for name, result in played.items():
        if result is ...:
            raise NotYet(f"{name!r} is still missing.")
        if np.shape(result) != frames.shape:
            raise NotYet(f"{name!r} has the shape {np.shape(result)}; it must be {frames.shape}. Repeat along axis 1.")
    single, bag, shuffled, backwards = (np.asarray(played[name]) for name in names)
    orders = [_order(frames[trial], shuffled[trial]) for trial in range(len(frames))]
    faults = {
        "'single frame' must show frame number 10 of each trial at every step.":
            not np.allclose(single, frames[:, 10:11]),
        "You averaged over the trials (axis 0). The bag is the mean over time, axis 1, of each trial.":
            np.allclose(bag, frames.mean(axis=0)),
        "'bag of frames' must show the mean over time, of each trial by itself, at every step.":
            not np.allclose(bag, frames.mean(axis=1, keepdims=True)),
        "You mirrored the picture. A mirror also turns clockwise into counter-clockwise, so the accuracy would look "
        "right, but nothing would be said about time. Reverse axis 1.":
            np.allclose(backwards, frames[..., ::-1]) or np.allclose(backwards, frames[:, :, ::-1]),
        "You reversed the order of the trials (axis 0), and their labels do not follow. Reverse axis 1.":
            np.allclose(backwards, frames[::-1]),
        "'reversed' must show the last frame first.": not np.allclose(backwards, frames[:, ::-1]),
        "'shuffled' does not hold each trial's own frames, each once. Shuffle within a trial, not among trials, and "
        "shuffle whole frames, not pixels.": None in orders,
        "'shuffled' is still in order.": orders == [list(range(20))] * len(frames),
        "All trials get the same new order. Then the order is strange, but it is still an order, and a network could "
        "learn it. Draw one for each trial.": all(order == orders[0] for order in orders),
    }
    for message, seen in faults.items():
        if seen:
            raise NotYet(message)


def _order(trial: np.ndarray, shuffled: np.ndarray) -> list[int] | None:
    """Which frame of the trial stands at each step; None if one is missing or strange."""
    equal = np.isclose(shuffled[:, None], trial[None]).all(axis=(2, 3))
    order = equal.argmax(axis=1).tolist()
    return order if equal.any(axis=1).all() and len(set(order)) == len(trial) else None


check_controls = Exercise(
    right=_played,
    grade=_grade_controls,
    wrong={
        "Return a dictionary": lambda frames, rng: {},
        "still missing": partial(_played, shuffled=lambda *_: ...),
        "Repeat along axis 1": partial(_played, single_frame=lambda f, _: f[:, 10]),
        "frame number 10": partial(_played, single_frame=lambda f, _: np.repeat(f[:, :1], 20, axis=1)),
        "over the trials": partial(_played, bag_of_frames=lambda f, _: np.stack([f.mean(0)] * 6)),
        "of each trial by itself": partial(_played, bag_of_frames=lambda f, _: f),
        "You mirrored the picture": [
            partial(_played, reversed=lambda f, _: f[..., ::-1]),
            partial(_played, reversed=lambda f, _: f[:, :, ::-1]),
        ],
        "order of the trials": partial(_played, reversed=lambda f, _: f[::-1]),
        "the last frame first": partial(_played, reversed=lambda f, _: f),
        "own frames": [
            partial(_played, shuffled=lambda f, r: f[r.permutation(6)]),
            partial(_played, shuffled=lambda f, r: r.permuted(f, axis=1)),
        ],
        "still in order": partial(_played, shuffled=lambda f, _: f),
        "the same new order": partial(_played, shuffled=lambda f, r: f[:, r.permutation(20)]),
    },
    solved="Four ways to play a film. Three take the order away, one turns it round.",
)


def _recurrent_step(
    drive: Tensor, i: Tensor, v: Tensor, s: Tensor, w_rec: Tensor, decay_syn: float, decay_mem: float, *, slip: str = ""
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of recurrent LIF neurons, right or with a slip."""
    recurrent = {"backwards": s @ w_rec, "none": 0}.get(slip, s @ w_rec.T)
    current = decay_syn * i + drive + recurrent
    kept = decay_mem * v * (1 if slip == "no reset" else 1 - s)
    v = kept + (1 if slip == "no factor" else 1 - decay_mem) * (i if slip == "old current" else current)
    return current, v, (v > 1).float()


def _one_step(rng: np.random.Generator) -> tuple:
    """Arguments of a step of five neurons in four samples."""
    drive, i, v = (torch.tensor(rng.random((4, 5))).float() for _ in range(3))
    s, w_rec = torch.tensor(rng.integers(2, size=(4, 5))).float(), torch.tensor(rng.normal(size=(5, 5))).float()
    return drive, i, 2 * v, s, w_rec, rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.9)


check_recurrent_step = Exercise(
    right=_recurrent_step,
    draw=_one_step,
    wrong={
        "`s @ w_rec` uses the weights *from* each neuron where those *to* it belong: synapses would run backwards. Row "
        "j of `w_rec` leads to neuron j.": partial(_recurrent_step, slip="backwards"),
        "The recurrent part is missing: the layer's own spikes of the step before, through `w_rec`.":
            partial(_recurrent_step, slip="none"),
        "The reset is missing. A neuron that spiked one step before begins again at 0: the factor 1 − s.":
            partial(_recurrent_step, slip="no reset"),
        "You integrate the old current. In the formula, v_t takes the new i_t.":
            partial(_recurrent_step, slip="old current"),
        "The factor 1 − λ_mem is missing: without it a constant current would drive v beyond the current.":
            partial(_recurrent_step, slip="no factor"),
        "A neuron spikes (1) where the new potential is above 1, else it does not (0).": [
            lambda *given: (*_recurrent_step(*given)[:2], 1 - _recurrent_step(*given)[2]),
            lambda drive, i, v, *others: (*_recurrent_step(drive, i, v, *others)[:2], (v > 1).float()),
        ],
    },
    tolerance=1e-4,
    solved="One step of the layer that `RecurrentLIF` runs through a whole film.",
    otherwise="Return the current λ_syn · i + drive + s · w_recᵀ, with it the potential "
    "λ_mem · v · (1 − s) + (1 − λ_mem) · i, and the spikes: 1 where the new potential is above 1.",
)
