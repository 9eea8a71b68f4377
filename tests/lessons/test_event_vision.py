"""Lesson 13: its exercises, its explorers, and the functions that it writes out."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.data import events, keyed, saccades
from course_utils.data.digits import small_digits
from course_utils.data.events import Events, frames_by_count
from course_utils.data.saccades import simulate_saccades
from course_utils.lessons.event_vision import checks, experiment, widgets
from course_utils.lessons.event_vision.models import ORDERS, EventNet, FramesFirst, displaced, event_net, in_order
from course_utils.tools.experiment import EXPERIMENTS
from course_utils.training import ledger
from course_utils.training.long_training import Plan
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "event_vision"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "taught", "exercise", "solution")


@pytest.fixture(scope="module")
def recorded() -> list[Events]:
    return simulate_saccades(small_digits()[0].images[:20])


@pytest.mark.parametrize("name", ["decode_event", "equal_counts", "surface_value"])
def test_stub_is_not_started_and_solution_is_solved(lesson: dict, name: str) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def bits(high: int = 16, middle: int = 8, mask: int = 0x7F, on=lambda b: b >> 7):
    return lambda f: (f[0], f[1], on(f[2]), (f[2] & mask) << high | f[3] << middle | f[4])


def by_step(step, channel=lambda some: 1 - some.on, swap: bool = False, add: bool = False):
    def made(some: Events, steps: int) -> torch.Tensor:
        y, x = (some.x, some.y) if swap else (some.y, some.x)
        index = [torch.as_tensor(np.asarray(part)).long() for part in (step(some, steps), channel(some), y, x)]
        return torch.zeros(steps, 2, 34, 34).index_put(index, torch.ones(len(some.x)), accumulate=add)

    return made


def number(some: Events, steps: int) -> np.ndarray:
    return np.arange(len(some.x)) * steps // len(some.x)


def last(times, now, tau, sign=-1, which=max):
    past = [time for time in times if time <= now]
    return math.exp(sign * (now - which(past)) / tau) if past else 0.0


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_decode_event, lambda f: (f[1], f[0], 1, 0), "exchanged"),
        (checks.check_decode_event, lambda f: (1, 2, 1, 0), "at x 10, y 20"),
        (checks.check_decode_event, bits(on=lambda b: b & 0x80), "shift it down"),
        (checks.check_decode_event, bits(on=lambda b: 0), "the event is ON"),
        (checks.check_decode_event, bits(mask=0xFF), "still in your time"),
        (checks.check_decode_event, lambda f: (*bits()(f)[:3], f[4] << 16 | f[3] << 8 | f[2] & 127), "wrong order"),
        (checks.check_decode_event, bits(15, 7), "eight bits"),
        (checks.check_decode_event, bits(0, 0), "66,051"),
        (checks.check_decode_event, lambda f: (*bits()(f)[:3], (f[2] & 127) + f[3] + f[4]), "without shifting"),
        (checks.check_decode_event, bits(mask=0), "Byte 2 is missing"),
        (checks.check_decode_event, bits(mask=0x0F), "Right for one event"),
        (checks.check_decode_event, lambda f: 3, "four numbers"),
        (checks.check_equal_counts, by_step(number, add=True), "A spike is 0 or 1"),
        (checks.check_equal_counts, lambda some, steps: events.frames(some, steps), "not its time"),
        (checks.check_equal_counts, by_step(number, swap=True), "[time, channel, y, x]"),
        (checks.check_equal_counts, by_step(number, channel=lambda some: some.on), "channel is 1 − on"),
        (checks.check_equal_counts, by_step(lambda s, n: (np.arange(len(s.x)) // 200).clip(max=n - 1)), "150 each"),
        (checks.check_equal_counts, by_step(lambda s, n: (np.arange(len(s.x)) // (len(s.x) // n)).clip(max=n - 1)),
         "comes last"),
        (checks.check_equal_counts, lambda some, steps: frames_by_count(some, steps)[0], "[4, 2, 34, 34]"),
        (checks.check_surface_value, lambda t, now, tau: last(t, now, tau, which=min), "first event"),
        (checks.check_surface_value, lambda t, now, tau: math.exp(-(now - max(t)) / tau), "of the future"),
        (checks.check_surface_value, lambda t, now, tau: last(t, now, tau, sign=1), "wrong"),
        (checks.check_surface_value, lambda t, now, tau: last(t, now, 1 / tau), "divided by it"),
        (checks.check_surface_value, lambda t, now, tau: sum(math.exp((x - now) / tau) for x in t if x <= now), "all"),
        (checks.check_surface_value, lambda t, now, tau: 0.5, "0.607"),
        (checks.check_surface_value, lambda t, now, tau: last([x for x in t if x < now], now, tau), "age 0"),
        (checks.check_surface_value, lambda t, now, tau: last(t, now, tau) if t and t[0] <= now else 1.0, "no event"),
    ],
)  # fmt: skip
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says: str) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message, verdict


def test_the_explorers_draw_at_every_corner(recorded: list[Events]) -> None:
    check_corners(widgets.pixel_explorer())
    check_corners(widgets.event_player(recorded, [0, 1] * 10))
    check_corners(widgets.surface_explorer(recorded[0]))


def test_the_explorers_say_what_they_show(recorded: list[Events]) -> None:
    figure, alt = widgets.draw_player(recorded[0], 100, 50, 50)
    inside = events.window(recorded[0], 100_000, 150_000)
    assert f"{inside.on.sum()} ON and {len(inside.on) - inside.on.sum()} OFF" in alt
    plt.close(figure)
    figure, alt = widgets.draw_pixel(0.0, 4, 0.2)
    assert "0 ON" in alt and "0 OFF" in alt
    plt.close(figure)


def test_the_lesson_computes_as_the_package_does(lesson: dict, recorded: list[Events]) -> None:
    data = events.encode(recorded[3])
    for mine, theirs in zip(lesson["decode"](data), events.decode(data), strict=True):
        assert np.array_equal(mine, theirs) and mine.dtype == theirs.dtype
    curve = np.log(widgets.light_curve(1.3, 5))
    assert lesson["pixel_events"](curve, 0.13) == widgets.pixel_events(curve, 0.13) != []
    assert lesson["CORNERS"] == saccades.CORNERS
    for time_us in (-10, 0, 1234, 99_999, 100_000, 250_000, 300_000, 400_000):
        assert np.allclose(lesson["position"](time_us), saccades.position(time_us), atol=1e-12)
    assert torch.equal(lesson["equal_counts_solution"](recorded[5], 7), frames_by_count(recorded[5], 7))


# --- the network and its controls -----------------------------------------------------------------------------------

FRAMES = torch.arange(6 * 5 * 2 * 34 * 34).view(6, 5, 2, 34, 34).float()
KEYS = keyed.keys(torch.arange(6), 0)


def test_orders_of_frames() -> None:
    assert torch.equal(in_order(FRAMES, "kept", KEYS), FRAMES)
    assert torch.equal(in_order(FRAMES, "reversed", KEYS)[:, 0], FRAMES[:, 4])
    shuffled = in_order(FRAMES, "shuffled", KEYS)
    assert torch.equal(shuffled.sort(1).values, FRAMES), "the same frames"
    orders = [tuple(one[:, 0, 0, 0].argsort().tolist()) for one in shuffled]
    assert len(set(orders)) > 3, "another order for each recording"
    assert torch.equal(in_order(FRAMES[2:3], "shuffled", KEYS[2:3])[0], shuffled[2])
    summed = in_order(FRAMES, "summed", KEYS)
    assert summed.shape == FRAMES.shape
    assert torch.allclose(summed.sum(1), FRAMES.sum(1)) and torch.equal(summed[:, 0], summed[:, 4])
    with pytest.raises(ValueError, match="must be one of kept, shuffled, reversed, summed"):
        in_order(FRAMES, "sorted", KEYS)
    assert ORDERS == ("kept", "shuffled", "reversed", "summed")


def test_displaced_frames_stay_spikes_and_move_together() -> None:
    frames = torch.zeros(50, 3, 2, 34, 34)
    frames[:, :, :, 14:20, 12:22] = 1
    keys = keyed.keys(torch.arange(50), 1)
    found = displaced(frames, keys)
    assert set(found.unique().tolist()) == {0, 1}
    assert torch.equal(found[:, 0], found[:, 2]) and torch.equal(found[:, :, 0], found[:, :, 1])
    assert torch.equal(displaced(frames, keys, turn=0, scale=0, shift=0), frames)
    area = found[:, 0, 0].sum((1, 2))
    assert 60 / 1.12**2 * 0.85 < area.min() < 55 < 66 < area.max() < 60 / 0.88**2 * 1.15
    rows = torch.arange(34.0)
    moved = displaced(frames, keys, turn=0, scale=0)[:, 0, 0]
    centres = (moved.sum(2) * rows).sum(1) / moved.sum((1, 2)) - 16.5
    assert centres.min() < -1 and centres.max() > 1 and centres.abs().max() <= 2
    assert torch.equal(displaced(frames[7:8], keys[7:8])[0], found[7])


def test_the_network_learns_from_a_few_recordings(recorded: list[Events]) -> None:
    spikes = torch.stack([events.frames(one, 4).to(torch.uint8) for one in recorded])
    labels = torch.arange(20) % 2
    model = FramesFirst(event_net(0))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    torch.manual_seed(0)
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(model(spikes), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    model.eval()
    assert torch.equal(model(spikes), model(spikes)), "nothing is displaced in use"


def test_a_seed_fixes_the_network() -> None:
    one, other, third = event_net(3), event_net(3), event_net(4)
    x = torch.ones(2, 1, 2, 34, 34)
    one.eval(), other.eval(), third.eval()
    assert torch.equal(one(x), other(x)) and not torch.equal(one(x), third(x))
    assert isinstance(one, EventNet) and one.neuron.leak == 0.8


# --- the recorded experiments ---------------------------------------------------------------------------------------


def one_event(place: int) -> Events:
    return Events(*np.array([[place % 34, place // 34, 1, 10]], np.int32).T)


@pytest.fixture
def thousand(monkeypatch: pytest.MonkeyPatch):
    """A set of which every recording can be told by the place of its only event; it holds more than is needed."""

    def part(count: int, first: int) -> events.Recordings:
        numbers = torch.arange(count).flip(0)
        return events.Recordings("invented", [one_event(first + int(n)) for n in numbers], numbers % 10, numbers)

    experiment._all_recordings.cache_clear()
    monkeypatch.setattr(experiment, "load_nmnist", lambda train, test: (part(1010, 0), part(103, 1000)))
    yield
    experiment._all_recordings.cache_clear()


@pytest.mark.usefixtures("thousand")
def test_five_folds_test_every_recording_once() -> None:
    tested = []
    for number in range(5):
        split = experiment.fold(number)
        train, test = (set(spikes.flatten(1).argmax(1).tolist()) for spikes, _ in (split.train, split.test))
        assert len(train) == 880 and len(test) == 220 and not train & test
        tested += test
    assert sorted(tested) == list(range(1100)), "the first 1,000 and the first 100, by their numbers"


def test_too_few_recordings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    few = events.Recordings("invented", [one_event(3)], torch.tensor([1]), torch.tensor([0]))
    with pytest.raises(ValueError, match="invented has 1 recordings; 1000 are needed"):
        experiment._first(few, 1000)


def halves(seed: int) -> experiment.Split:
    """Recordings whose events lie above or below, in all frames."""
    labels = torch.arange(60) % 2
    spikes = (torch.rand(60, 4, 2, 34, 34, generator=torch.Generator().manual_seed(seed)) < 0.03).to(torch.uint8)
    spikes[labels == 1, :, :, 20:30, 5:29] = 1
    spikes[labels == 0, :, :, 5:15, 5:29] = 1
    return experiment.Split("invented", (spikes[:40], labels[:40]), (spikes[40:], labels[40:]))


@pytest.mark.parametrize("order", ["kept", "summed"])
def test_a_run_from_end_to_end(order: str, tmp_path) -> None:
    run = experiment.Run("halves", halves, order, Plan(6, 10, 4e-3))
    record = run.record("small", 1)
    assert record.accuracy > 0.9 and record.baseline["accuracy"] > 0.9
    assert record.beside[f"test frames {order}"] == record.accuracy
    assert record.accumulates > 0
    share = record.multiply_accumulates / record.accumulates  # only the output weighs its spikes by their age
    assert (share < 0.02) == (order == "kept")
    assert record.data == {"source": "invented", "train": 40, "validation": 0, "test": 20}
    assert run.record("small", 1) == record, "a seed fixes a run"
    ledger.write(record, tmp_path)


def test_both_experiments_are_on_the_command() -> None:
    assert {"nmnist-cross-validation", "saccades"} <= set(EXPERIMENTS)
