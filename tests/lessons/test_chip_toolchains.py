"""The lesson on the tools of real chips: what it writes out is what the package offers."""

import torch

from course_utils.chips import xylo
from course_utils.lessons.chip_toolchains import checks


def test_the_lesson_adds_whole_numbers_as_the_package_does(lesson) -> None:
    left_after = checks.check_leaked.right
    arriving = torch.randint(-6, 7, (100,), generator=torch.Generator().manual_seed(3))
    for threshold, a, b, most in ((90, 1, 2, 31), (30, 2, 3, 2)):
        layer = xylo.IntegerLayer(torch.tensor([[25]]), *(torch.tensor([n]) for n in (threshold, a, b)), most)
        wanted = layer.run(arriving[:, None, None])[0].flatten().tolist()
        assert lesson["whole_number_neuron"]((25 * arriving).tolist(), threshold, a, b, most, left_after) == wanted
        assert max(wanted) > 0
