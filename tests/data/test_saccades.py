"""The simulated event camera: what moves, what is sent, and that it is the same every time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import saccades
from course_utils.data.digits import small_digits
from course_utils.data.download import NotAvailable
from course_utils.data.events import SACCADES_US, SIZE, Events, Recordings, check_events, frames
from course_utils.data.saccades import (
    CORNERS,
    MEASURED,
    Camera,
    light,
    load_event_digits,
    measured_position,
    moved,
    position,
    simulate_saccades,
)

QUIET = Camera(noise_hz=0, spread=0)
DIGITS = small_digits()[0].images[:12]


def test_three_saccades_along_a_closed_path_without_jumps():
    stops = [position(third * SACCADES_US / 3) for third in range(4)]
    assert np.allclose(stops, CORNERS)
    assert stops[0] == stops[3]
    way = np.array([position(time_us) for time_us in range(0, SACCADES_US + 1, 500)])
    step = np.linalg.norm(np.diff(way, axis=0), axis=1)
    assert step.max() < 0.07
    speed = step.reshape(3, -1)
    assert (speed[:, [0, -1]] < 0.001).all(), "it rests at the corners"
    assert (abs(speed.argmax(1) - 100) < 3).all(), "it is fastest midway"
    assert position(-5) == position(0)
    assert np.allclose(position(2 * SACCADES_US), position(SACCADES_US))


def test_the_measured_path_is_near_the_triangle_and_another_one():
    for number, place in enumerate(MEASURED):
        assert measured_position(10_000 * number) == pytest.approx(place)
    assert measured_position(-5) == MEASURED[0] and measured_position(10**6) == MEASURED[-1]
    assert measured_position(45_000) == pytest.approx(np.mean(MEASURED[4:6], axis=0))
    ways = np.array([(measured_position(time_us), position(time_us)) for time_us in range(0, SACCADES_US, 1000)])
    apart = np.linalg.norm(ways[:, 0] - ways[:, 1], axis=1)
    assert 0.3 < apart.max() < 1.8
    straight, bent = (simulate_saccades(DIGITS, camera=QUIET, path=path) for path in (position, measured_position))
    assert not same(straight, bent)
    assert same(straight, simulate_saccades(DIGITS, camera=QUIET)), "the triangle if nothing is said"


def test_an_image_moved_by_whole_pixels_is_the_image_elsewhere():
    seen = light(DIGITS, Camera(blur=0, dark_digits=False, ambient=1))
    found = moved(seen, 4.0, 2.0) - 1
    assert torch.allclose(found[:, 2:30, 4:32], DIGITS / 255, atol=1e-6)
    assert found.sum().item() == pytest.approx((DIGITS / 255).sum().item(), rel=1e-5)
    halfway = moved(seen, 3.5, 2.0)
    assert torch.allclose(halfway, (moved(seen, 3.0, 2.0) + moved(seen, 4.0, 2.0)) / 2)
    assert torch.allclose(moved(seen, 3.0, 1.25), moved(seen, 3.0, 1.0).lerp(moved(seen, 3.0, 2.0), 0.25))


def test_light_of_dark_and_bright_digits_and_of_small_images():
    dark, bright = (light(DIGITS, Camera(ambient=0.5, dark_digits=kind)) for kind in (True, False))
    assert torch.allclose(dark + bright, torch.full_like(dark, 2.0))
    assert dark.min() >= 0.5
    assert torch.equal(dark, light(DIGITS.double() / 255, Camera(ambient=0.5)))
    seen = light(torch.full((1, 8, 8), 255, dtype=torch.uint8), Camera(blur=0, dark_digits=False, ambient=1))
    rows, columns = (moved(seen, 0, 0)[0] > 1).nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 17, 10, 17), "in the middle of 28 pixels"


@pytest.mark.parametrize("dark", [True, False])
def test_events_add_up_to_the_change_of_the_logarithm(dark: bool):
    """What a pixel has sent, times the threshold, is what its logarithm changed by, to one threshold."""
    camera = replace(QUIET, dark_digits=dark)
    seen = light(DIGITS, camera)
    for events, one in zip(simulate_saccades(DIGITS, camera=camera), seen, strict=True):
        for until_us in (50_001, 100_002, 201_000):
            sent = signed(events, until_us) * camera.threshold
            change = (moved(one[None], *position(until_us)) / moved(one[None], *position(0))).log()[0].numpy()
            assert abs(sent - change).max() < 2.02 * camera.threshold  # its memory at the start is within a threshold


def signed(events: Events, until_us: int) -> np.ndarray:
    """ON minus OFF of every pixel before a time."""
    found = np.zeros((SIZE, SIZE))
    early = events.time_us < until_us
    np.add.at(found, (events.y[early], events.x[early]), 2 * events.on[early] - 1)
    return found


def test_where_a_dark_digit_goes_it_becomes_darker():
    block = torch.zeros(1, 28, 28)
    block[:, 10:18, 10:18] = 1
    for dark, sign in ((True, -1), (False, 1)):
        (events,) = simulate_saccades(block, camera=replace(QUIET, dark_digits=dark))
        change = signed(events, SACCADES_US // 3)  # the first saccade goes down
        assert (np.sign(change[20, 13]), np.sign(change[12, 13])) == (sign, -sign)


def test_a_digit_at_rest_sends_nothing_but_noise():
    black = torch.zeros(50, 28, 28)
    assert all(len(events.x) == 0 for events in simulate_saccades(black, camera=QUIET))
    noisy = simulate_saccades(black, camera=Camera(noise_hz=3))
    expected = 3 * SIZE**2 * 0.3
    counts = np.array([len(events.x) for events in noisy])
    assert abs(counts.mean() - expected) < 4 * (expected / 50) ** 0.5
    assert 0.5 < counts.var() / expected < 1.6, "a Poisson process"
    together = np.concatenate(noisy, axis=1)
    assert abs(together[2].mean() - 0.5) < 0.01
    assert abs(together[3].mean() / SACCADES_US - 0.5) < 0.01
    assert set(together[0]) == set(together[1]) == set(range(SIZE))


@given(st.integers(0, 1000), st.sampled_from([1000, 3000, 10_000]), st.floats(0.05, 0.6))
def test_every_recording_is_one_that_a_file_could_hold(seed: int, step_us: int, threshold: float):
    camera = Camera(step_us=step_us, threshold=threshold)
    for events in simulate_saccades(DIGITS[:2], seed=seed, camera=camera):
        check_events(events)
        assert events.time_us.max() < SACCADES_US
        assert all(part.dtype == np.int32 for part in events)


def test_a_seed_fixes_a_recording_wherever_its_image_stands():
    all_at_once = simulate_saccades(DIGITS, seed=5)
    alone, other = (simulate_saccades(DIGITS[7:8], seed=seed, samples=torch.tensor([7])) for seed in (5, 6))
    assert same(all_at_once, simulate_saccades(DIGITS, seed=5, batch_size=5))
    assert same(all_at_once[7:8], alone) and not same(other, alone)
    assert simulate_saccades(DIGITS[:0]) == []


def same(some: list[Events], others: list[Events]) -> bool:
    return all(all(map(np.array_equal, one, other)) for one, other in zip(some, others, strict=True))


def test_smaller_time_steps_change_little():
    coarse, fine = (simulate_saccades(DIGITS, camera=replace(QUIET, step_us=step)) for step in (3000, 500))
    for one, other in zip(coarse, fine, strict=True):
        assert len(one.x) == pytest.approx(len(other.x), rel=0.02)
        a, b = (frames(events, 10).flatten().numpy() for events in (one, other))
        assert np.corrcoef(a, b)[0, 1] > 0.9


def test_real_recordings_come_first_and_small_digits_last(monkeypatch: pytest.MonkeyPatch, capsys):
    def missing(train: int, test: int) -> None:
        raise NotAvailable("not here")

    part = Recordings("N-MNIST", [], *[torch.zeros(0, dtype=torch.int64)] * 2)
    monkeypatch.setattr(saccades, "load_nmnist", lambda train, test: (part, part))
    monkeypatch.setattr(saccades, "load_images", lambda name: small_digits())
    assert load_event_digits() == (part, part)
    assert capsys.readouterr().out.startswith("N-MNIST: 0 training")
    assert load_event_digits(3, 2, simulated=True)[0].source.startswith("simulated")
    monkeypatch.setattr(saccades, "load_nmnist", missing)
    train, test = load_event_digits(30, 20)
    assert "No N-MNIST here" in capsys.readouterr().out
    assert train.source == "simulated saccades over digits8x8"
    assert (len(train.events), len(test.events), len(train.labels)) == (30, 20, 30)
    assert 1000 < np.mean([len(events.x) for events in train.events]) < 9000
    again, _ = load_event_digits(10, 5)
    assert same(train.events[:10], again.events)
