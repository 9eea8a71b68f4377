"""Every explorer of every lesson draws at all corners of its controls. They are found by themselves."""

import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.classroom.explorer import Explorer
from course_utils.data.digits import small_digits
from course_utils.data.saccades import simulate_saccades
from tests.corners import check_corners
from tests.lessons import (
    test_ledger_and_next_steps,
    test_li_readout,
    test_nengodl_conversion,
    test_rotation,
    test_stdp,
    test_stripe_snn,
)
from tests.notebook_cells import TOPICS


def explorers() -> dict[str, Callable[..., Explorer]]:
    found = {}
    for topic in TOPICS:
        room = f"course_utils.lessons.{topic}"
        if importlib.util.find_spec(f"{room}.widgets") is None:  # not every lesson has explorers
            continue
        widgets = importlib.import_module(f"{room}.widgets")
        for name, made in vars(widgets).items():
            kind = getattr(made, "func", getattr(made, "__annotations__", {}).get("return"))  # a partial, or a function
            if inspect.isclass(kind) and issubclass(kind, Explorer) and not name.startswith("_"):
                found[f"{topic}: {name}"] = made
    return found


EXPLORERS = explorers()
SHOWN: dict[str, Callable[[], tuple[Any, ...]]] = {  # to those that show something from outside
    "event_vision: event_player": lambda: (simulate_saccades(small_digits()[0].images[:20]), [0, 1] * 10),
    "event_vision: surface_explorer": lambda: (simulate_saccades(small_digits()[0].images[:1])[0],),
    "ledger_and_next_steps: ledger_explorer": lambda: (test_ledger_and_next_steps.RESULTS,),
    "li_readout: player": lambda: (test_li_readout.recording(3), 0, 0),
    "mnist_cnn: convolution_explorer": lambda: (small_digits()[0].images[:3].numpy(),),
    "nengodl_conversion: accuracy_explorer": lambda: (test_nengodl_conversion.made_up_sweep(),),
    "rotation: film_player": lambda: (test_rotation.a_film(),),
    "stdp: receptive_field_explorer": lambda: (test_stdp.snapshots(), [0.7, 0.9, 1.0]),
    "stripe_snn: chart_explorer": lambda: (test_stripe_snn.charts(),),
    "stripe_snn: weak_spot_explorer": lambda: (test_stripe_snn.weak_spots(),),
}


@pytest.mark.parametrize("name", EXPLORERS)
def test_it_draws_at_every_corner_and_leaves_the_random_numbers_alone(name: str) -> None:
    shown = SHOWN.get(name, tuple)()
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    check_corners(EXPLORERS[name](*shown))
    if "error_explorer" not in name:  # which draws a network's weights, once
        assert torch.equal(torch.get_rng_state(), state), "a picture draws no number from the global generator"
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
