"""Hostile values for every public function of the package; `tests.hostile` finds and calls them.

What a hostile value still gets through stands here, with the reason. What is not called at all stands there.
"""

from tests.hostile import modules, public, try_all

AUTOGRAD = "one operation inside the loop over time: whoever is called with it has looked at what comes in"
SPLIT = "takes a `Split`, which was drawn; `fit` refuses NaN in what is learned from"
ALLOWED = {
    "chips.virtual_chip.clipped": AUTOGRAD,
    "chips.virtual_chip.converted": AUTOGRAD,
    "chips.virtual_chip.euler": AUTOGRAD,
    "chips.virtual_chip.from_lsb": AUTOGRAD,
    "chips.virtual_chip.round_half_away": AUTOGRAD,
    "classroom.exercise.same": "says of anything whether it equals an answer, of NaN too",
    "classroom.votes.Room.": "answers requests, and raises what `Door` turns into the answer 400 or 404",
    "chips.xylo.IntegerLayer": "PyTorch's device meta has no numbers to look at",
    "chips.xylo.decrement": AUTOGRAD,
    "chips.xylo.one_step_later": AUTOGRAD,
    "chips.xylo.received": AUTOGRAD,
    "chips.xylo.stairs": AUTOGRAD,
    "data.stripes.choices": "draws what `make_stripes` has checked",
    "exchange.libraries.step": "one step of one layer: `run_network`, which calls it, names the layer that breaks off",
    "lessons.ledger_and_next_steps.overview.": "takes records, which are checked where they are read",
    "lessons.li_readout.lost.WithoutSlope": AUTOGRAD,
    "lessons.stripe_snn.tasks.share_right": SPLIT,
    "lessons.stripe_snn.tasks.Task.baseline": SPLIT,
    "lessons.surrogate_gradients.models.run_lif": AUTOGRAD,
    "spiking.gradients.": AUTOGRAD,
    "spiking.blocks.": "a layer inside a network, as those of `spiking.layers`",
    "spiking.layers.": "a layer inside a network, called at every batch; `fit` and the encoders look at what comes in",
    "spiking.convnets.": "a builder of networks: what does not fit breaks off where the layer is made",
    "spiking.staircase.StaircaseNeurons": AUTOGRAD,
    "spiking.surrogates.": AUTOGRAD,
    "spiking.spikes.heaviside": AUTOGRAD,
    "spiking.neurons.LIF.current_for": "in bfloat16 λ to the power of a small P is 1, and the current infinite",
    "spiking.neurons.LI.step": AUTOGRAD,
    "spiking.neurons.LIF.spike": AUTOGRAD,
    "spiking.neurons.LIF.step": AUTOGRAD,
    "spiking.plasticity.PairSTDP.": AUTOGRAD,
    "spiking.norse_cells.spike": AUTOGRAD,
    "spiking.row_conv.RowConv": "takes what PyTorch's Conv2d takes",
    "spiking.stripe_networks.PoissonInput": "PyTorch's protocol for the state of a module",
    "spiking.norse_cells.over_time": AUTOGRAD,
    "training.benchmarks.": "reads what is shipped, and takes no values",
    "training.long_run.LongRun.": SPLIT,
    "training.loop.plain": AUTOGRAD,
    "training.measuring.measured": SPLIT,
    "tools.machine.": "a check; `check` tells whatever it raises as a finding with its remedy",
}


def test_no_hostile_value_gets_an_obscure_error_or_a_plausible_number_and_none_hangs():
    seen = try_all(0, "course_utils.", most=60)
    left = {fault: example for fault, example in seen.faults.items() if not fault[0].startswith(tuple(ALLOWED))}
    assert not left, "\n".join(f"{name}: {kind}: {example}" for (name, kind), example in left.items())
    assert not seen.without_base, f"never called as meant: {seen.without_base}; write a scene in tests/as_meant.py"
    assert seen.functions > 500 and seen.calls >= 10_000, f"{seen.calls} calls of {seen.functions} functions"


def test_every_excuse_is_needed():
    names = {name for module in modules() for name, *_ in public(module)}
    assert not [part for part in ALLOWED if not any(name.startswith(part) for name in names)]
