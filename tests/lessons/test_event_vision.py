"""Event vision: its exercises, its explorers, and the functions that the lesson writes out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_utils.data import events, keyed, saccades
from course_utils.data.digits import ImageSet, small_digits
from course_utils.data.events import Events, frames_by_count
from course_utils.data.saccades import simulate_saccades
from course_utils.lessons.event_vision import experiment, experiment_simulated, widgets
from course_utils.lessons.event_vision.models import ORDERS, FramesFirst, event_net, in_order
from course_utils.training import ledger
from course_utils.training.measuring import Split
from course_utils.training.plan import Plan

SOLVED = True


@pytest.fixture(scope="module")
def recorded() -> list[Events]:
    return simulate_saccades(small_digits()[0].images[:20])


def test_the_explorers_say_what_they_show(recorded: list[Events]) -> None:
    _, alt = widgets.draw_player(recorded[0], 100, 50, 50)
    inside = events.window(recorded[0], 100_000, 150_000)
    assert f"{inside.on.sum()} ON and {len(inside.on) - inside.on.sum()} OFF" in alt
    _, alt = widgets.draw_pixel(0.0, 4, 0.2)
    assert "0 ON" in alt and "0 OFF" in alt


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
    assert one.neuron.decay == 0.8


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
    with pytest.raises(ValueError, match="recordings of invented is 1; it must be 1000 or more"):
        experiment.first(few, 1000)


def halves(seed: int) -> Split:
    """Recordings whose events lie above or below, in all frames."""
    labels = torch.arange(60) % 2
    spikes = (torch.rand(60, 4, 2, 34, 34, generator=torch.Generator().manual_seed(seed)) < 0.03).to(torch.uint8)
    spikes[labels == 1, :, :, 20:30, 5:29] = 1
    spikes[labels == 0, :, :, 5:15, 5:29] = 1
    return Split("invented", *((spikes[at], labels[at]) for at in (slice(40), slice(0), slice(40, 60))))


@pytest.mark.parametrize("order", ["kept", "summed"])
def test_a_run_from_end_to_end(order: str, tmp_path) -> None:
    run = experiment.event_run(halves, Plan(6, 10, 4e-3), order, steps=4)
    record = run.record(1)
    assert record.accuracy > 0.9 and record.baseline["accuracy"] > 0.9
    assert record.beside[f"test frames {order}"] == record.accuracy and len(record.beside) == 4
    assert record.accumulates > 0
    share = record.multiply_accumulates / record.accumulates  # only the output weighs its spikes by their age
    assert (share < 0.02) == (order == "kept")
    assert record.data == {"source": "invented", "train": 40, "validation": 0, "test": 20}
    again = run.record(1)
    assert (again.curve, again.beside) == (record.curve, record.beside), "a seed fixes a run"
    ledger.write(replace(record, model="small"), tmp_path)


# --- what a simulator is worth --------------------------------------------------------------------------------------


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """MNIST with few digits, of which some were recorded, and plans of a few updates."""
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    images, labels = small_digits()[0].images[:400], small_digits()[0].labels[:400]
    images[350] = images[2]  # a digit that stands in the set twice
    images[351] = images[390]  # one that equals a recorded digit of the test set
    sets = ImageSet("MNIST", images[:360], labels[:360]), ImageSet("MNIST", images[360:], labels[360:])
    parts = [
        events.Recordings("N-MNIST", simulate_saccades(some.images[:count]), some.labels[:count], torch.arange(count))
        for some, count in zip(sets, (60, 35), strict=True)
    ]
    monkeypatch.setattr(experiment_simulated, "load_images", lambda name: sets)
    for module in (experiment, experiment_simulated):
        monkeypatch.setattr(module, "load_nmnist", lambda train, test: parts)
    monkeypatch.setattr(experiment_simulated, "first", lambda recordings, count: recordings)
    monkeypatch.setattr(experiment_simulated, "SIMULATION", Plan(1, 100, 5e-3))
    both = experiment.frames_of(parts[0].events), parts[0].labels
    split = Split("real", *(tuple(one[at] for one in both) for at in (slice(40), slice(0), slice(40, None))))
    monkeypatch.setattr(experiment_simulated, "fold", lambda seed: split)
    caches = experiment_simulated.simulated, experiment_simulated.after_simulation
    for cached in caches:
        cached.cache_clear()
    yield sets, parts
    for cached in caches:
        cached.cache_clear()


def test_no_recorded_digit_is_simulated(little, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by its number nor by its image: what the camera was shown is compared with all that was recorded."""
    shown, record = [], experiment_simulated.recorded

    def watched(images: torch.Tensor, *how, **named) -> torch.Tensor:
        shown.append(images)
        return record(images, *how, **named)

    monkeypatch.setattr(experiment_simulated, "recorded", watched)
    (frames, labels), (unseen, _) = experiment_simulated.simulated()
    (train, test), (some, others) = little
    learned = {image.numpy().tobytes() for image in shown[0]}
    real = [*train.images[some.numbers], *test.images[others.numbers]]
    assert not learned & {image.numpy().tobytes() for image in real}
    assert len(frames) == len(labels) == len(shown[0]) == 360 - 60 - 2, "350 and 351 look like recorded ones"
    assert len(unseen) == 40 - 35
    again = experiment_simulated.simulated.__wrapped__()[0][0]
    assert torch.equal(again, frames), "kept in a file"


def test_each_chunk_has_its_camera() -> None:
    images = small_digits()[0].images[:3]
    found = experiment_simulated.recorded(images, torch.arange(3), 7)
    camera, path = experiment_simulated.any_camera(7)
    assert torch.equal(found, experiment.frames_of(simulate_saccades(images, seed=7, camera=camera, path=path)))
    cameras = {experiment_simulated.any_camera(chunk)[0] for chunk in range(5)}
    assert len(cameras) == 5 and experiment_simulated.any_camera(7)[0] == camera


@pytest.mark.usefixtures("little")
def test_real_recordings_come_after_the_simulation() -> None:
    alone = experiment_simulated.EXPERIMENTS[0].runs["simulation only"](1, None)
    assert alone.data["train"] == 298 and alone.data["test"] == 20 and 0 <= alone.beside["simulated digits"] <= 1
    weights, history = experiment_simulated.after_simulation()
    assert alone.curve["loss"] == history.loss
    for seed in (0, 4):
        begun = experiment_simulated.begun(seed).state_dict()
        assert all(torch.equal(begun[name], weights[name]) for name in weights), "every fold begins with the same"
    assert not all(
        torch.equal(value, weights[name]) for name, value in experiment_simulated.NETWORK(0).state_dict().items()
    )
    experiment_simulated.after_simulation.cache_clear()
    again, _ = experiment_simulated.after_simulation()
    assert all(torch.equal(again[name], weights[name]) for name in weights), "an interrupted experiment goes on"
    assert len(experiment_simulated.few(17, 0).train[1]) == 17
