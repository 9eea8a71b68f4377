"""The lesson on spike encoders: its explorers, and the functions that it writes out."""

import torch

from course_utils.spiking import encoders

SOLVED = True


def test_the_encoders_of_the_lesson_are_those_of_the_package(lesson) -> None:
    for seed in range(3):
        values = torch.randint(0, 256, (4, 5, 6), generator=torch.Generator().manual_seed(seed)) / 255
        for steps in (1, 2, 50, 70):
            for name in ("poisson", "bipolar_poisson_solution"):
                by_hand = lesson[name](values, steps, torch.Generator().manual_seed(seed))
                packaged = getattr(encoders, name.removesuffix("_solution"))
                assert torch.equal(by_hand, packaged(values, steps, torch.Generator().manual_seed(seed)))
            assert torch.equal(lesson["regular"](values, steps), encoders.regular(values, steps))
            image, worth = lesson["latency"](values[0], steps), torch.linspace(1, 0, steps)
            assert torch.allclose(lesson["decode_solution"](image, worth), encoders.decode_times(image, worth))
            for name in ("latency", "rank_order"):
                for threshold in (0, 0.01, 0.5):
                    by_hand = lesson[name](values, steps, threshold=threshold)
                    assert torch.equal(by_hand, getattr(encoders, name)(values, steps, threshold=threshold))
            for scale in (0, 2.5, 20):
                by_hand = lesson["constant_current"](values, steps, scale=scale)
                assert torch.equal(by_hand, encoders.constant_current(values, steps, scale=scale))
