"""Bad input to any module of the room is refused: a sentence names the argument, its value and what is allowed."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from course_utils.lessons.harder_stripes.models import PatchNet
from course_utils.lessons.surrogate_gradients.models import DeepLIF, growth
from course_utils.spiking import decoders, encoders, timing
from course_utils.spiking.convnets import build, lenet5, vgg7
from course_utils.spiking.encoders import constant_current
from course_utils.spiking.gradients import Neuron
from course_utils.spiking.layers import HeldDropout
from course_utils.spiking.li_readout import LIReadout, awaken
from course_utils.spiking.neurons import LI, LIF, firing_rate
from course_utils.spiking.plasticity import Learned, PairSTDP, Traces, WinnerTakeAll, assign_labels, vote
from course_utils.spiking.spikes import heaviside
from course_utils.spiking.stripe_networks import FlatLIF, LeanConv, PoissonInput
from course_utils.spiking.surrogates import arctan, fast_sigmoid, triangle

NAN, INF = math.nan, math.inf
GREY = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(0))
PICTURES = torch.rand(6, 1, 16, 16)
ENCODERS = {
    "poisson": encoders.poisson,
    "regular": encoders.regular,
    "latency": timing.latency,
    "rank_order": timing.rank_order,
    "bipolar_poisson": encoders.bipolar_poisson,
    "constant_current": partial(constant_current, scale=20),
}
LAYER, SMALL = WinnerTakeAll(), lenet5(size=12)
LEARNED = LAYER.start(40, 2)
zeros, rand = torch.zeros, torch.rand
INTS = torch.zeros(3, dtype=int)

NEURONS = [
    *((LIF, {name: bad}, f"{name[:3]}.*_ms is {bad}.*above 0") for bad in (0, -1.0, NAN, INF)
      for name in ("tau_mem_ms", "tau_syn_ms")),
    *((LIF, {"dt_ms": bad}, f"dt_ms is {bad}; it must be a time above 0") for bad in (0, -1.0, NAN, INF)),
    *((LIF, {"threshold": bad}, f"threshold is {bad}; it must be above 0") for bad in (0.0, -1.0, NAN, INF)),
    *((LIF, {"refractory_ms": bad}, f"refractory_ms is {bad}; it must be a time, 0 or more") for bad in (-0.1, NAN)),
    (LIF, {"reset": "none"}, 'reset is \'none\'; it must be "zero" or "subtract"'),
    (LIF, {"update": "midpoint"}, 'update is \'midpoint\'; it must be "exact" or "euler"'),
    (firing_rate, {"current": torch.tensor([1.0, NAN])}, "current holds NaN"),
    *((partial(firing_rate, zeros(1)), {name: bad}, f"{name[:3]}.* is {bad}")
      for name, bad in (("tau_mem_ms", 0.0), ("threshold", 0.0), ("refractory_ms", -1.0))),
    *((Neuron, {"decay": bad}, f"decay is {bad}; it must be above 0 and at most 1") for bad in (0, -0.1, 1.1, NAN)),
    *((Neuron, {"threshold": bad}, f"threshold is {bad}; it must be above 0") for bad in (0, -1, INF, NAN)),
    *((partial(triangle, height=1.0), {"width": bad}, f"width is {bad}") for bad in (0.0, -1.0, INF, NAN)),
    (partial(triangle, 1.0), {"height": 0.0}, "height is 0"),
    (fast_sigmoid, {"slope": -1}, "slope is -1"),
    (arctan, {"alpha": 0}, "alpha is 0"),
]  # fmt: skip
CODES = [
    *((partial(encode, GREY), {"steps": bad}, f"steps is {bad}; .*1 or more") for encode in ENCODERS.values()
      for bad in (0, -3, 2.5, True, None)),
    *((partial(encode, torch.tensor([[0.5, bad]])), {"steps": 5}, "hold") for encode in ENCODERS.values()
      for bad in (NAN, INF, -INF)),
    *((partial(encode, torch.tensor([[0.5, bad]])), {"steps": 5}, r"hold -?\d\.1.* between 0 and 1")
      for encode in list(ENCODERS.values())[:4] for bad in (-0.1, 1.1)),
    (partial(encoders.bipolar_poisson, torch.tensor([-1.5])), {"steps": 5}, "between -1 and 1"),
    *((partial(constant_current, GREY, 5), {"scale": bad}, f"scale is {bad}") for bad in (-1, INF, NAN)),
    *((partial(decoders.decode_constant_current, GREY), {"scale": bad}, f"scale is {bad}")
      for bad in (-1, 0, INF, NAN)),
    *((partial(decoders.decode_constant_current, GREY, scale=20), {"neuron": LIF(**bad)}, "reset to zero, no synapse")
      for bad in ({"reset": "subtract"}, {"refractory_ms": 2}, {"tau_syn_ms": 5})),
    *((partial(encode, GREY, 5), {"threshold": bad}, f"threshold is {bad}")
      for encode in (timing.latency, timing.rank_order) for bad in (-0.1, 1.1, NAN)),
    (partial(timing.rank_order, GREY[0].flatten()), {"steps": 5}, r"\(42,\).*one sample"),
    (partial(decoders.decode_times, zeros(5, 3)), {"worth": torch.ones(4)}, r"worth has shape \(4,\).*\[5\]"),
    (partial(decoders.mean_by_step, zeros(5, 3)), {"values": zeros(2)}, "values have shape"),
]  # fmt: skip
NETWORKS = [
    (LIF().run, {"inputs": NAN * zeros(5, 2)}, "inputs holds NaN"),
    (LI().run, {"inputs": zeros(0, 3)}, r"inputs is 'torch.float32 \(0, 3\)'; it must be floating-point \[time, …\]"),
    (LIF().run, {"inputs": INTS}, "inputs is 'torch.int64"),
    (partial(constant_current, GREY, 5, scale=1.0), {"neuron": LI()}, "neuron is LI.*; it must be a LIF neuron"),
    (partial(encoders.poisson, INTS), {"steps": 5}, "dtype of probabilities is torch.int64; .*convert by"),
    (decoders.decode_constant_current, {"spikes": NAN * zeros(5, 3), "scale": 1.0}, "spikes holds NaN"),
    *((FlatLIF, {"steps": bad}, f"steps is {bad}") for bad in (0, 2.5)),
    *((FlatLIF, {"scale": bad}, f"scale is {bad}") for bad in (-1.0, INF, NAN)),
    *((partial(awaken, LIReadout(), PICTURES), {"gain": bad}, rf"gain is {bad}; it must be (above 0|a number)")
      for bad in (0, -1, NAN)),
    (LeanConv(PoissonInput(steps=0)), {"images": PICTURES}, "steps is 0"),
    (LeanConv(PoissonInput(gain=-1.0)), {"images": PICTURES}, "must lie between 0 and 1"),
    (LeanConv(PoissonInput()), {"images": NAN * PICTURES}, "images holds NaN"),
    (LeanConv(partial(constant_current, steps=0, scale=20.0)), {"images": PICTURES}, "steps is 0"),
    (LeanConv(partial(constant_current, steps=5, scale=INF)), {"images": PICTURES}, "scale is inf"),
    (LeanConv(), {"images": NAN * PICTURES}, "images holds NaN"),
    (LIReadout, {"readout": "median"}, "readout is 'median'; it must be one of maximum, last, mean, integral"),
    *((LIReadout, {"outputs": bad}, f"outputs is {bad}") for bad in (0, 3)),
    *((PatchNet, {"gain": bad}, f"gain is {bad}; it must be above 0") for bad in (0, -1)),
    (PatchNet, {"gain": NAN}, "gain is nan; it must be a number"),
    (PatchNet, {"pool": "mean"}, "pool is 'mean'; it must be one of maximum, sum, none"),
    (partial(DeepLIF, spike=heaviside), {"depth": 0}, "depth is 0"),
    (partial(DeepLIF, 2, heaviside), {"steps": 0}, "steps is 0"),
    (partial(DeepLIF, 2, heaviside), {"width": 0}, "width is 0"),
    (partial(DeepLIF, 2, heaviside), {"tau_mem_ms": -1}, "tau_ms is -1"),
    (growth, {"norms": [1.0]}, "number of norms is 1; it must be 2 or more"),
    *((HeldDropout, {"p": bad}, f"p is {bad}; it must be a probability") for bad in (-0.1, 1.0, NAN)),
    (partial(HeldDropout(0.5), zeros(2, 6, 3)), {"keys": torch.arange(5)}, r"keys have shape \(5,\); .* need \[6\]"),
    (partial(lenet5(size=12, dropout=0.2), rand(2, 1, 12, 12), 4), {"keys": torch.arange(3)}, r"2 samples need \[2\]"),
    (lenet5, {"size": 3}, "size is 3; it must be larger: 1×1 pixel is left for a pool of 2×2"),
    (vgg7, {"size": 16}, "size is 16; it must be larger: 1×1 pixel is left"),
    (lenet5, {"steps": 0}, "steps is 0; it must be a whole number"),
    (lenet5, {"size": 0}, "size is 0; it must be a whole number, 1 or more"),
    (lenet5, {"in_channels": 1.0}, "in_channels is 1.0; it must be a whole number"),
    (lenet5, {"classes": True}, "classes is True; it must be a whole number"),
    (lenet5, {"dropout": 1.0}, "p is 1.0; it must be a probability"),
    (build, {"name": "LeNet"}, "name is 'LeNet'; it must be one of LeNet5, StridedNet, VGG7"),
    *((SMALL, {"x": rand(shape), "steps": steps}, says) for shape, steps, says in (
        ((2, 1, 28, 28), 4, r"x has shape \(2, 1, 28, 28\); this network needs images \[batch, 1, 12, 12\]"),
        ((2, 3, 12, 12), 4, r"x has shape \(2, 3, 12, 12\)"),
        ((5, 2, 1, 12, 11), None, r"or spikes \[time, batch, 1, 12, 12\]"),
        ((2, 144), 4, r"x has shape \(2, 144\)"),
        *(((2, 1, 12, 12), bad, f"steps is {bad}; it must be a whole number, 1 or more") for bad in (0, 2.5, None)),
        ((0, 2, 1, 12, 12), None, "x has 0 time steps; it must have 1 or more"),
        ((5, 2, 1, 12, 12), 5, r"steps is 5; spikes \[time, batch, …\] have their own"),
    )),
]  # fmt: skip
LEARNING = [
    (PairSTDP, {"a_minus": NAN}, "a_minus is nan; it must be a finite change of weight"),
    (PairSTDP, {"tau_plus_ms": 0}, "tau_plus_ms is 0; it must be a time above 0"),
    (PairSTDP, {"dt_ms": INF}, "dt_ms is inf"),
    (PairSTDP().step, {"pre": zeros(2, 2), "post": zeros(2)}, r"pre has shape \(2, 2\)"),
    (PairSTDP().step, {"pre": zeros(2), "post": zeros(2), "traces": Traces(zeros(3), zeros(2))}, "pre .* its trace"),
    (WinnerTakeAll, {"threshold": 0}, "threshold is 0"),
    (WinnerTakeAll, {"theta_plus": -0.1}, "theta_plus is -0.1"),
    (WinnerTakeAll, {"tau_theta_ms": 0}, "tau_theta_ms is 0"),
    (WinnerTakeAll, {"total_weight": 0}, "total_weight is 0; it must be a sum of weights above 0"),
    (WinnerTakeAll, {"rule": PairSTDP(dt_ms=0.5)}, "dt_ms of the rule is 0.5; it must be that of the membrane"),
    (LAYER.start, {"inputs": 0, "neurons": 4}, "inputs is 0"),
    (LAYER.start, {"inputs": 31, "neurons": 4}, "inputs is 31; weights from 0 to 1 that sum to 16.0 need 32 or more"),
    (LAYER.start, {"inputs": 40, "neurons": True}, "neurons is True"),
    (LAYER.learn, {"spikes": zeros(5, 3), "learned": LEARNED}, r"\[time, inputs\] with 40"),
    (LAYER.learn, {"spikes": zeros(0, 40), "learned": LEARNED}, "spikes have shape"),
    (LAYER.respond, {"spikes": zeros(5, 40), "learned": LEARNED}, r"\[time, batch, inputs\]"),
    (assign_labels, {"counts": zeros(3, 2), "labels": INTS[:2]}, "one label an image"),
    (assign_labels, {"counts": zeros(3, 2), "labels": INTS}, r"labels is \[0\]; it must be 0 and 1, and both"),
    (assign_labels, {"counts": zeros(3, 2), "labels": INTS + 5}, r"labels is \[5\]; it must be 0 and 1"),
    (assign_labels, {"counts": NAN * zeros(3, 2), "labels": INTS}, "counts holds NaN"),
    (vote, {"counts": NAN * zeros(3, 2), "neuron_labels": INTS[:2]}, "counts holds NaN"),
    (LAYER.learn, {"spikes": zeros(5, 40), "learned": Learned(zeros(40, 2), zeros(2))}, "weights is 0.0"),
    (vote, {"counts": zeros(3, 2), "neuron_labels": INTS}, "neuron_labels .*one label a neuron"),
]


@pytest.mark.parametrize(("call", "arguments", "says"), [*NEURONS, *CODES, *NETWORKS, *LEARNING])
def test_bad_input_is_refused_by_name(call, arguments, says) -> None:
    with pytest.raises(ValueError, match=says):
        call(**arguments)


def test_numbers_of_numpy_are_as_good_as_pythons():
    made = [encoders.poisson(GREY, steps, torch.Generator().manual_seed(0)) for steps in (5, np.int64(5), np.uint8(5))]
    assert made[0].equal(made[1]) and made[0].equal(made[2])
    assert LIF(tau_mem_ms=np.float32(10.0), threshold=np.float64(1.0)).decay_mem == pytest.approx(LIF().decay_mem)
