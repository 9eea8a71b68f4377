"""Exercises of the lesson on rotation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.exercise import Exercise, attempt, tell, tensors


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
    again, other = (attempt(controls, frames, np.random.default_rng(seed)) for seed in (1, 2))
    names = ("single frame", "bag of frames", "shuffled", "reversed")
    is_complete = isinstance(played, dict) and set(played) == set(names)
    tell({f"Return a dictionary with the names {', '.join(names)}.": not is_complete})
    for name, result in played.items():
        shape = f"{name!r} has the shape {np.shape(result)}; it must be {frames.shape}. Repeat along axis 1."
        tell({f"{name!r} is still missing.": result is ..., shape: np.shape(result) != frames.shape})
    single, bag, shuffled, backwards = (np.asarray(played[name]) for name in names)
    orders = [_order(frames[trial], shuffled[trial]) for trial in range(len(frames))]
    tell({
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
        "The numbers come from elsewhere than `rng`: called twice with the same `rng` you shuffle differently, or with "
        "another one just the same. Use `rng.permutation`, so that a seed tells all.":
            np.array_equal(shuffled, other["shuffled"]) or not np.array_equal(shuffled, again["shuffled"]),
        "All trials get the same new order. Then the order is strange, but it is still an order, and a network could "
        "learn it. Draw one for each trial.": all(order == orders[0] for order in orders),
    })  # fmt: skip


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
        "still missing": {"shuffled": lambda *_: ...},
        "Repeat along axis 1": {"single_frame": lambda f, _: f[:, 10]},
        "frame number 10": {"single_frame": lambda f, _: np.repeat(f[:, :1], 20, axis=1)},
        "over the trials": {"bag_of_frames": lambda f, _: np.stack([f.mean(0)] * 6)},
        "of each trial by itself": {"bag_of_frames": lambda f, _: f},
        "You mirrored the picture": [{"reversed": lambda f, _: f[..., ::-1]}, {"reversed": lambda f, _: f[:, :, ::-1]}],
        "order of the trials": {"reversed": lambda f, _: f[::-1]},
        "the last frame first": {"reversed": lambda f, _: f},
        "own frames":
            [{"shuffled": lambda f, r: f[r.permutation(6)]}, {"shuffled": lambda f, r: r.permuted(f, axis=1)}],
        "still in order": {"shuffled": lambda f, _: f},
        "from elsewhere than `rng`": [
            {"shuffled": lambda f, _: np.stack([trial[np.random.permutation(20)] for trial in f])},  # noqa: NPY002
            {"shuffled": lambda f, _: _played(f, np.random.default_rng(5))["shuffled"]},
        ],
        "the same new order": {"shuffled": lambda f, r: f[:, r.permutation(20)]},
    },
    solved="Four ways to play a film. Three take the order away, one turns it round.",
)  # fmt: skip


def _decay(theta: Tensor, dt_ms: float, *, of: Callable = lambda tau_ms, dt_ms: torch.exp(-dt_ms / tau_ms)) -> Tensor:
    return of(theta.exp(), dt_ms)


check_decay = Exercise(
    right=_decay,
    cases=[(torch.tensor([0.0, 1.0, 2.0]), 1.0)],
    draw=lambda rng: (*tensors(rng.uniform(0.5, 4, size=5)), rng.uniform(0.2, 2)),
    wrong={
        "You take θ for τ itself. θ is the logarithm of τ: first `theta.exp()`.":
            lambda theta, dt_ms: _decay(theta.log(), dt_ms),
        "That is τ. The decay of a step is exp(−dt_ms/τ).": {"of": lambda tau_ms, dt_ms: tau_ms},
        "That is 1 − dt_ms/τ, Euler's step. The formula has the exponential, which stays above 0 for every τ.":
            {"of": lambda tau_ms, dt_ms: 1 - dt_ms / tau_ms},
        "The sign is missing: your decay is above 1, and the neuron would grow instead of forgetting.":
            {"of": lambda tau_ms, dt_ms: torch.exp(dt_ms / tau_ms)},
        "The fraction stands upside down: with a long τ a step must forget little.":
            {"of": lambda tau_ms, dt_ms: torch.exp(-tau_ms / dt_ms)},
        "The time step is missing. With another `dt_ms` the decay is another one.":
            {"of": lambda tau_ms, dt_ms: torch.exp(-1 / tau_ms)},
        "That is what a step loses, 1 − λ. λ is what is left.": lambda *given: 1 - _decay(*given),
    },
    solved="Whatever number θ is, τ is above 0, and λ lies between 0 and 1.",
    otherwise="τ is exp(θ), and λ is exp(−dt_ms/τ).",
)  # fmt: skip


def _recurrent_step(
    drive: Tensor, i: Tensor, v: Tensor, s: Tensor, w_rec: Tensor, decay_syn: float, decay_mem: float, *,
    slip: str = "", spikes: Callable = lambda v, old_v: v > 1,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """One step of recurrent LIF neurons, right or with a slip."""
    recurrent = {"backwards": s @ w_rec, "none": 0}.get(slip, s @ w_rec.T)
    current = decay_syn * i + drive + recurrent
    kept = decay_mem * v * (1 if slip in ("no reset", "reset at once") else 1 - s)
    new_v = kept + (1 if slip == "no factor" else 1 - decay_mem) * (i if slip == "old current" else current)
    spiking = spikes(new_v, v).float()
    return current, new_v * (1 - spiking) if slip in ("reset at once", "reset twice") else new_v, spiking


def _one_step(rng: np.random.Generator) -> tuple:
    """Arguments of a step of five neurons in four samples."""
    parts = [rng.random((4, 5)), rng.random((4, 5)), 2 * rng.random((4, 5)), 1.0 * rng.integers(2, size=(4, 5))]
    return *tensors(*parts, rng.normal(size=(5, 5))), rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.9)


check_recurrent_step = Exercise(
    right=_recurrent_step,
    draw=_one_step,
    wrong={
        "`s @ w_rec` uses the weights *from* each neuron where those *to* it belong: synapses would run backwards. Row "
        "j of `w_rec` leads to neuron j.": {"slip": "backwards"},
        "The recurrent part is missing: the layer's own spikes of the step before, through `w_rec`.": {"slip": "none"},
        "The reset is missing. A neuron that spiked one step before begins again at 0: the factor 1 − s.":
            {"slip": "no reset"},
        "You reset at once, in the step of the spike, as the lesson on the spiking neuron does. Here v_t is the "
        "potential before the reset: return it as it is. The factor 1 − s, with the spikes of the step before, resets "
        "it one step later.": [{"slip": "reset at once"}, {"slip": "reset twice"}],
        "You integrate the old current. In the formula, v_t takes the new i_t.": {"slip": "old current"},
        "The factor 1 − λ_mem is missing: without it a constant current would drive v beyond the current.":
            {"slip": "no factor"},
        "A neuron spikes (1) where the new potential is above 1, else it does not (0).":
            [{"spikes": lambda v, old_v: v <= 1}, {"spikes": lambda v, old_v: old_v > 1}],
    },
    tolerance=1e-4,
    solved="One step of the layer that `RecurrentLIF` runs through a whole film.",
    otherwise="Return the current λ_syn · i + drive + s · w_recᵀ, with it the potential "
    "λ_mem · v · (1 − s) + (1 − λ_mem) · i, and the spikes: 1 where the new potential is above 1.",
)  # fmt: skip
