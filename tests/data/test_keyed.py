"""Random numbers keyed by sample."""

import pytest
import torch

from course_utils.data.keyed import keys, uniform


def test_numbers_do_not_depend_on_the_company():
    together = uniform(keys(torch.arange(100), 0, 3), 5, 7)
    alone = torch.cat([uniform(keys(torch.tensor([sample]), 0, 3), 5, 7) for sample in range(100)])
    assert torch.equal(together, alone)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(uniform(keys(order, 0, 3), 5, 7), together[order])


def test_numbers_are_uniform_and_unrelated():
    drawn = uniform(keys(torch.arange(1000), 0, 0), 1000)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = torch.histc(drawn, 100, 0, 1)
    chi2 = ((counts - 10_000) ** 2 / 10_000).sum()
    assert 40 < chi2 < 180  # 99 degrees of freedom
    for one, other in ((drawn[:-1], drawn[1:]), (drawn[:, :-1], drawn[:, 1:])):  # neighbours: samples, places
        assert abs(torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1]) < 0.004  # 4 standard errors


@pytest.mark.parametrize("others", [(1, 0), (0, 1), (0, 0, 0), ()])
def test_every_part_of_a_key_matters(others: tuple[int, ...]):
    samples = torch.arange(50)
    one, other = uniform(keys(samples, 0, 0), 200), uniform(keys(samples, *others), 200)
    assert abs(torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1]) < 0.04


def test_a_result_recorded_today_can_be_had_again_tomorrow():
    drawn = uniform(keys(torch.tensor([2**61]), 7, 1), 2)[0]
    assert drawn.tolist() == pytest.approx([0.8874928, 0.2648213], abs=1e-6)


def test_all_keys_differ():
    assert len(torch.cat([keys(torch.arange(10_000), 0, epoch) for epoch in range(10)]).unique()) == 100_000
