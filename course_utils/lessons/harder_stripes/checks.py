"""Lesson 08: checks of its exercises."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.verdict import NotYet, attempt, check
from course_utils.data import patches
from course_utils.spiking.stripe_networks import RecurrentLIF


@check
def check_label_of(label_of: Callable[[np.ndarray], np.ndarray]) -> str:
    """Labels from maps of evidence."""
    drawn = patches.make_patches(200, seed=1, settings=patches.HARD)
    maps = patches.evidence(drawn.images, patch=5, peaks=1, noise=0.3)
    with np.errstate(all="ignore"):
        labels = np.asarray(attempt(label_of, maps))
        if labels.shape != (200,):
            raise NotYet(
                f"For maps {maps.shape} you return the shape {labels.shape}; one label an image: (200,). "
                "Add up over the places, then compare the two orientations."
            )
        right = (labels == drawn.labels).mean()
        strong = np.array([[[-5.0, 3000.0]], [[-5.0, 2000.0]]])
        certain = np.asarray(label_of(np.stack([strong, strong[::-1]], axis=1)))  # two images
        faint = np.full((2, 1, 5, 5), -3.0)
        faint[0, 0, 0, 0], faint[1, 0] = 1.0, 0.0  # one place with e¹ and 24 with e⁻³ against 25 places with e⁰
        spread = np.asarray(label_of(faint))
    if right < 0.1:
        raise NotYet("Every answer is wrong: you take the less likely orientation. Map 0 is horizontal, label 0.")
    if certain.tolist() != [0, 1]:
        raise NotYet(
            "With an evidence of 3,000 your sum fails: exp(3000) is more than a float can hold, and infinity is not "
            "larger than infinity. `logsumexp` computes the logarithm of the sum without ever leaving the range."
        )
    if right < 0.95:
        raise NotYet(
            f"{right:.0%} are right. Do you add up the evidence itself? It is a logarithm; probabilities are added, "
            "and those are exp(evidence). A sum of logarithms would mean that there is a patch at every place."
        )
    if spread.tolist() != [1]:
        raise NotYet(
            "Right where one place stands out. But you keep only the best place. Where many places are a little likely "
            "and one is likely for the other orientation, all of them count: add up exp(evidence)."
        )
    return "Every place counts, and no number overflows."


@check
def check_anywhere(anywhere: Callable[[Tensor], Tensor]) -> str:
    """Whether a map spikes at any place, at every step."""
    hidden = (torch.rand(6, 3, 4, 7, 8, generator=torch.Generator().manual_seed(0)) > 0.99).float()
    found = attempt(anywhere, hidden)
    expected = hidden.amax((3, 4))
    if not isinstance(found, Tensor):
        raise NotYet(f"Return a tensor; you return {type(found).__name__}.")
    if found.shape == (3, 4):
        raise NotYet("Time is gone. The leaky integrators need every step; take the maximum over places only.")
    if found.shape in ((6, 3, 7, 8), (6, 3)):
        raise NotYet("You took the maximum over the maps. They look for different things and must stay apart.")
    if found.shape == (6, 3, 4, 7) or found.shape == (6, 3, 4, 8):
        raise NotYet("One axis of places is left. A place has a row and a column: `dim=(3, 4)`.")
    if found.shape != expected.shape:
        raise NotYet(f"The result has the shape {tuple(found.shape)}; [time, batch, map] is (6, 3, 4).")
    if torch.equal(found.float(), expected):
        return "One answer for all places, at every step."
    if torch.allclose(found.float(), hidden.sum((3, 4))):
        raise NotYet("That is how many places spike. 'Anywhere' is 1 whether one place spikes or ten: the maximum.")
    if torch.allclose(found.float(), hidden.mean((3, 4))):
        raise NotYet("The mean says what part of the map spikes. One small patch hardly moves it. Take the maximum.")
    raise NotYet("The shape is right, the values are not: 1 if any place of the map spikes at this step, else 0.")


@check
def check_controls(controls: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]) -> str:
    """Four ways to play films."""
    frames = np.random.default_rng(0).random((6, 20, 16, 16))
    before = frames.copy()
    played = attempt(controls, frames, np.random.default_rng(1))
    names = ("single frame", "bag of frames", "shuffled", "reversed")
    if not isinstance(played, dict) or set(played) != set(names):
        raise NotYet(f"Return a dictionary with the names {', '.join(names)}.")
    if not np.array_equal(frames, before):
        raise NotYet("You changed the frames that were handed in. Make copies; the next control needs the original.")
    for name, result in played.items():
        if result is ...:
            raise NotYet(f"{name!r} is still missing.")
        if np.shape(result) != frames.shape:
            raise NotYet(f"{name!r} has the shape {np.shape(result)}; it must be {frames.shape}. Repeat along axis 1.")
    if not np.allclose(played["single frame"], frames[:, 10:11]):
        raise NotYet("'single frame' must show frame number 10 of each trial at every step.")
    if np.allclose(played["bag of frames"], frames.mean(axis=0)):
        raise NotYet("You averaged over the trials (axis 0). The bag is the mean over time, axis 1, of each trial.")
    if not np.allclose(played["bag of frames"], frames.mean(axis=1, keepdims=True)):
        raise NotYet("'bag of frames' must show the mean over time, of each trial by itself, at every step.")
    backwards = played["reversed"]
    if np.array_equal(backwards, frames[..., ::-1]) or np.array_equal(backwards, frames[:, :, ::-1]):
        raise NotYet(
            "You mirrored the picture. A mirror also turns clockwise into counter-clockwise, so the accuracy would "
            "look right, but nothing would be said about time. Reverse axis 1."
        )
    if np.array_equal(backwards, frames[::-1]):
        raise NotYet("You reversed the order of the trials (axis 0), and their labels do not follow. Reverse axis 1.")
    if not np.array_equal(backwards, frames[:, ::-1]):
        raise NotYet("'reversed' must show the last frame first.")
    orders = [_order(frames[trial], played["shuffled"][trial]) for trial in range(len(frames))]
    if any(order is None for order in orders):
        raise NotYet(
            "'shuffled' does not hold each trial's own frames, each once. Shuffle within a trial, not among trials, "
            "and shuffle whole frames, not pixels."
        )
    if all(order == list(range(20)) for order in orders):
        raise NotYet("'shuffled' is still in order.")
    if len(set(map(tuple, orders))) == 1:
        raise NotYet(
            "All trials get the same new order. Then the order is strange, but it is still an order, and a network "
            "could learn it. Draw one for each trial."
        )
    return "Four ways to play a film. Three take the order away, one turns it round."


def _order(trial: np.ndarray, shuffled: np.ndarray) -> list[int] | None:
    """Which frame of the trial stands at each step; None if one is missing or strange."""
    equal = (shuffled[:, None] == trial[None]).all(axis=(2, 3))
    order = equal.argmax(axis=1).tolist()
    return order if equal.any(axis=1).all() and len(set(order)) == len(trial) else None


@check
def check_recurrent_step(recurrent_step: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> str:
    """One step of recurrent LIF neurons."""
    random = torch.Generator().manual_seed(0)
    drive, i, v = (torch.rand(4, 5, generator=random) for _ in range(3))
    s = (torch.rand(4, 5, generator=random) > 0.5).float()
    w_rec = torch.randn(5, 5, generator=random)
    i_next = 0.8 * i + drive + s @ w_rec.T
    v_next = 0.6 * v * (1 - s) + 0.4 * i_next
    answer = attempt(recurrent_step, drive, i, v, s, w_rec, 0.8, 0.6)
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        raise NotYet("Return three things: the current, the potential, the spikes.")
    current, potential, spikes = answer
    if torch.allclose(current, 0.8 * i + drive + s @ w_rec):
        raise NotYet(
            "`s @ w_rec` uses the weights *from* each neuron where those *to* it belong: synapses would run backwards. "
            "Row j of `w_rec` leads to neuron j: `s @ w_rec.T`."
        )
    if torch.allclose(current, 0.8 * i + drive):
        raise NotYet("The recurrent part is missing: the layer's own spikes of the step before, through `w_rec`.")
    if not torch.allclose(current, i_next):
        raise NotYet("The current is not λ_syn · i + drive + what the own spikes bring through `w_rec`.")
    if torch.allclose(potential, 0.6 * v + 0.4 * i_next):
        raise NotYet("The reset is missing. A neuron that spiked one step before begins again at 0: the factor 1 − s.")
    if torch.allclose(potential, 0.6 * v * (1 - s) + 0.4 * i):
        raise NotYet("You integrate the old current. In the formula, v_t takes the new i_t.")
    if torch.allclose(potential, 0.6 * v * (1 - s) + i_next):
        raise NotYet("The factor 1 − λ_mem is missing: without it a constant current would drive v beyond the current.")
    if not torch.allclose(potential, v_next):
        raise NotYet("The potential is not λ_mem · v · (1 − s) + (1 − λ_mem) · i, with the new i and the old s.")
    if not torch.equal(torch.as_tensor(spikes).float(), (v_next > 1).float()):
        raise NotYet("A neuron spikes (1) where the new potential is above 1, else it does not (0).")
    return f"One step of the layer that `{RecurrentLIF.__name__}` runs through a whole film."
