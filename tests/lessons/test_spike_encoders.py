"""The lesson on spike encoders: its explorers, and the functions that it writes out."""

import pytest
import torch

from course_utils.spiking import decoders, encoders, timing

SOLVED = True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [1, 2, 50, 70])
def test_the_encoders_of_the_lesson_are_those_of_the_package(lesson, seed, steps) -> None:
    values = torch.randint(0, 256, (4, 5, 6), generator=torch.Generator().manual_seed(seed)) / 255
    noise = torch.Generator().manual_seed(seed)
    tried = [("poisson", (noise,), {}), ("bipolar_poisson", (noise,), {}), ("regular", (), {})]
    tried += [(name, (), {"threshold": least}) for name in ("latency", "rank_order") for least in (0, 0.01, 0.5)]
    tried += [("constant_current", (), {"scale": scale}) for scale in (0, 2.5, 20)]
    for name, more, options in tried:
        by_hand = lesson.get(f"{name}_solution", lesson.get(name))
        mine = by_hand(values, steps, *(generator.clone_state() for generator in more), **options)
        packaged = getattr(timing if name in ("latency", "rank_order") else encoders, name)
        assert torch.equal(mine, packaged(values, steps, *more, **options)), (name, options)
    image, worth = lesson["latency"](values[0], steps), torch.linspace(1, 0, steps)
    assert torch.allclose(lesson["decode_solution"](image, worth), decoders.decode_times(image, worth))
