"""Random numbers that belong to a sample, not to the moment or the process that draws them.

A generator gives its numbers in the order in which it is asked: split a batch over two machines and every image gets
others. Here a number depends on a key alone, such as (seed, epoch, number of the image), and on its own place. The
mixing function is SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014).
"""

import math

import torch
from torch import Tensor

from course_utils.data.require import guarded, require

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # as a signed number, which is what torch has; products wrap round in either case
_FIRST, _SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64


def _mixed(x: Tensor) -> Tensor:
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)  # torch keeps the sign; SplitMix64 does not


@guarded
def keys(samples: Tensor, *parts: int) -> Tensor:
    """A key for each sample, int64 [batch], from the numbers of the samples in their set, int64 [batch].

    `parts` are what else the numbers shall depend on: seed, epoch, which layer.
    """
    require(samples.dtype == torch.int64, "dtype of samples", samples.dtype, "int64, for they are numbers of samples")
    key = _mixed((samples + 1) * _GOLDEN)
    for part in parts:
        key = _mixed(key + torch.tensor(part + 1) * _GOLDEN)
    return key


@guarded
def uniform(key: Tensor, *shape: int) -> Tensor:
    """Numbers from 0 up to but without 1, float32 [batch, *shape], for keys [batch]."""
    place = torch.arange(1, math.prod(shape) + 1, device=key.device) * _GOLDEN
    bits = _shifted(_mixed(key[:, None] + place), 40)  # 24 bits are what a float32 holds
    return (bits.to(torch.float32) / 2**24).view(len(key), *shape)
