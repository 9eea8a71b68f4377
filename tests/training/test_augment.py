"""Images that are moved, turned, bent and mirrored at random, each by its key."""

from itertools import product

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from course_utils.data import keyed
from course_utils.training.augment import Varied, bipolar, displaced, flipped, shifted, warped

KEYS = keyed.keys(torch.arange(200), 0)


def test_shifted_images_are_the_same_pixels_elsewhere_and_flipped_ones_mirrored():
    images = torch.zeros(200, 1, 8, 8)
    images[:, 0, 3, 4] = 1
    found = shifted(images, KEYS).nonzero()[:, 2:] - torch.tensor([3, 4])
    assert len(found) == 200
    assert {*map(tuple, found.tolist())} == {*product(range(-2, 3), repeat=2)}
    images = torch.rand(200, 3, 4, 4)
    found = flipped(images, KEYS)
    mirrored = (found == images.flip(-1)).flatten(1).all(1)
    assert 70 < mirrored.sum() < 130
    assert torch.equal(found[~mirrored], images[~mirrored])


def test_turned_images_are_those_of_scipy():
    images = torch.rand(20, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    found = warped(images, KEYS[:20], degrees=30.0, zoom=0.2)
    shares = 2 * keyed.uniform(KEYS[:20], 2).double().numpy() - 1
    middle = np.full(2, 4.0)
    for image, result, (angle, scale) in zip(images, found, shares, strict=True):
        cos, sin = (1 + 0.2 * scale) * np.array([np.cos(np.radians(30 * angle)), np.sin(np.radians(30 * angle))])
        places = np.array([[cos, sin], [-sin, cos]])  # of (row, column); it says where a pixel comes from
        for channel, seen in zip(image, result, strict=True):
            true = ndimage.affine_transform(
                channel, places, middle - places @ middle, order=1, mode="grid-constant", output=np.float64
            )
            assert np.abs(seen.numpy() - true).max() < 1e-5
    assert torch.allclose(warped(images, KEYS[:20]), images, atol=1e-6), "images that may not turn stay as they are"


def test_bent_images_move_smoothly_by_the_pixels_asked_for():
    size, inner = 29, slice(5, 24)  # black comes in at the edge
    places = torch.arange(size, dtype=torch.float32).expand(1000, 1, size, size)
    keys = keyed.keys(torch.arange(1000))
    for image in (places, places.mT):  # its values are columns, or rows, so a change is a move
        moves = (warped(image, keys, bend=0.5) - image)[:, 0]
        at_points = moves[:, [7, 7, 21], [7, 21, 14]]
        assert abs(at_points.std() - 0.5) < 0.03 and abs(at_points.mean()) < 0.03
        assert moves[:, inner, inner].diff(dim=2).abs().max() < 0.5, "neighbours move alike"
    both = warped(places, keys, bend=0.5) - places, warped(places.mT, keys, bend=0.5) - places.mT
    assert abs(torch.corrcoef(torch.stack([move[:, 0, 7, 7] for move in both]))[0, 1]) < 0.1, "sideways and downwards"
    assert torch.equal(warped(places[:3], keys[:3], bend=0.5), warped(places, keys, bend=0.5)[:3]), "each by its key"


def test_bipolar_images_have_no_mean_and_stay_within_one():
    found = bipolar(torch.rand(5, 3, 8, 8) * torch.rand(5, 1, 1, 1))
    assert found.mean((1, 2, 3)).abs().max() < 1e-6
    assert torch.equal(found.abs().amax((1, 2, 3)), torch.ones(5))
    assert bipolar(torch.ones(1, 3, 8, 8)).abs().max() == 0


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


def test_varied_pictures_are_the_same_mirrored_and_moved_in_training_only() -> None:
    x = torch.rand(200, 1, 40, 64, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    kinds = set()
    for before, after in zip(x, Varied(nn.Identity())(x), strict=True):
        for mirrored, source in ((False, before), (True, before.flip(-1))):
            windows = nn.functional.pad(source, [3] * 4, mode="replicate").unfold(1, 40, 1).unfold(2, 64, 1)[0]
            same = (windows == after).flatten(2).all(2).nonzero()
            kinds |= {(mirrored, *place) for place in same.tolist()}
    assert [set(part) for part in zip(*kinds, strict=True)] == [{False, True}, set(range(7)), set(range(7))]
    model = Varied(nn.Identity(), mirror=False)
    assert not torch.equal(model(x), x) and torch.equal(model.eval()(x), x)
