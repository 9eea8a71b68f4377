"""What the table of the room says of its neurons: where a current ends, how the reset works, who passes the error."""

import norse.torch as norse
import pytest
import torch

from course_utils.lessons.surrogate_gradients.models import run_lif
from course_utils.spiking.gradients import Neuron, lif, spikes_and_potentials
from course_utils.spiking.neurons import LI, LIF
from course_utils.spiking.norse_cells import over_time
from course_utils.spiking.recurrent import RecurrentLIF
from course_utils.spiking.spikes import heaviside
from course_utils.spiking.surrogates import Surrogate

POTENTIALS = {
    "LI": (LI().run, 1.0),
    "LIF": (lambda x: LIF().run(x).v, 1.0),
    "gradients": (lambda x: spikes_and_potentials(x, Neuron(decay=0.8)).u, 1 / (1 - 0.8)),
    "deep": (lambda x: run_lif(x, heaviside, 0.8).u, 1.0),
    "Norse": (lambda x: over_time(norse.LICell(), x.float()).double(), 1 / (1 - 0.8)),  # of the synaptic current
}


@pytest.mark.parametrize("name", POTENTIALS)
def test_where_a_constant_current_ends(name) -> None:
    run, factor = POTENTIALS[name]
    assert run(torch.full((400, 1, 1), 0.1, dtype=torch.float64))[-1].item() == pytest.approx(0.1 * factor, rel=1e-4)


RECURRENT = RecurrentLIF(1, recurrent=False, learnable=False).double()
RECURRENT.log_tau_syn.fill_(-10.0)  # nothing is left of a current
TRAINS = {  # spikes; what one step would leave of the error if nothing passed the reset; whether something does
    "LIF, zero": (lambda x: LIF(spike=Surrogate()).run(x).spikes, 0.0, True),
    "LIF, subtract": (lambda x: LIF(spike=Surrogate(), reset="subtract").run(x).spikes, LIF().decay_mem, True),
    "gradients": (lambda x: lif(x / 10, Neuron()), 0.0, True),
    "recurrent": (lambda x: RECURRENT(x[:, None])[:, 0], 0.0, True),
    "Norse": (lambda x: over_time(norse.LIFBoxCell(), x), 0.0, True),
    "deep": (lambda x: run_lif(x, Surrogate(), 0.9).spikes, 0.9, False),
}


@pytest.mark.parametrize("name", TRAINS)
def test_who_lets_the_error_pass_the_reset(name) -> None:
    run, without, passes = TRAINS[name]
    x = torch.tensor([[15.0], [4.0]], dtype=torch.float64, requires_grad=True)
    spikes = run(x)
    assert spikes.flatten().tolist() == [1, 0], "the first input makes a spike in its own step"
    first, second = torch.autograd.grad(spikes[1].sum(), x)[0].flatten().tolist()
    assert (first / second == pytest.approx(without, abs=1e-9)) == (not passes)
