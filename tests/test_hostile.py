"""Hostile values for every public function of the rooms that lessons teach from; `tests.hostile` finds and calls them.

What a hostile value still gets through stands here, with the reason.
"""

import pytest

from tests.hostile import try_all

ROOMS = ("spiking", "data", "training", "exchange", "chips")
AUTOGRAD = "one operation inside the loop over time: whoever is called with it has looked at what comes in"
ALLOWED = {
    "chips.virtual_chip.euler": AUTOGRAD,
    "chips.virtual_chip.from_lsb": AUTOGRAD,
    "chips.virtual_chip.round_half_away": AUTOGRAD,
    "chips.xylo.decrement": AUTOGRAD,
    "chips.xylo.one_step_later": AUTOGRAD,
    "chips.xylo.received": AUTOGRAD,
    "chips.xylo.stairs": AUTOGRAD,
    "exchange.libraries.step": "one step of one layer: `run_network`, which calls it, names the layer that breaks off",
    "spiking.gradients.": AUTOGRAD,
    "spiking.blocks.": "as `spiking.layers`",
    "spiking.layers.": "a layer inside a network, called at every batch; `fit` and the encoders look at what comes in",
    "spiking.convnets.": "a builder of networks: what does not fit breaks off where the layer is made",
    "spiking.staircase.StaircaseNeurons": AUTOGRAD,
    "spiking.surrogates.": AUTOGRAD,
    "spiking.spikes.heaviside": AUTOGRAD,
    "spiking.neurons.LIF.current_for": "in bfloat16 λ to the power of a small P is 1, and the current infinite",
    "spiking.neurons.LI.step": AUTOGRAD,
    "spiking.neurons.LIF.step": AUTOGRAD,
    "spiking.plasticity.PairSTDP.": AUTOGRAD,
    "spiking.norse_cells.spike": AUTOGRAD,
    "spiking.row_conv.RowConv": "takes what PyTorch's Conv2d takes",
    "spiking.stripe_networks.PoissonInput": "PyTorch's protocol for the state of a module",
    "spiking.norse_cells.over_time": AUTOGRAD,
    "training.benchmarks.": "reads what is shipped, and takes no values",
    "training.loop.plain": AUTOGRAD,
}


@pytest.mark.parametrize("seed", [0, 1])  # other shapes and values to begin with; 10,000 calls together
def test_no_hostile_value_gets_an_obscure_error_or_a_plausible_number_and_none_hangs(seed: int):
    seen = try_all(seed, *(f"course_utils.{room}" for room in ROOMS), most=120)
    left = {fault: example for fault, example in seen.faults.items() if not fault[0].startswith(tuple(ALLOWED))}
    assert not left, "\n".join(f"{name}: {kind}: {example}" for (name, kind), example in left.items())
    assert seen.functions > 150 and seen.calls >= 5_000, f"{seen.calls} calls of {seen.functions} functions"
