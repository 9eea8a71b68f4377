"""What a network's operations cost by the usual convention, and when spikes are the cheaper way.

    CONVENTIONS["32-bit float"].energy_nj(counter.per_sample(len(images)))

The convention multiplies counted operations by what one takes on a chip of 45 nm at 0.9 V (M. Horowitz, "Computing's
energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9, https://doi.org/10.1109/ISSCC.2014.6757323).
It leaves out how data and spikes cross a chip, control, clocks, idle power, biases, pools and the sensor; memory and
the leak of the neurons enter if they are asked for. It compares networks. It does not predict what a meter shows.
"""

import copy
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.chips.virtual_chip import fold_pool, neuron_counts
from course_utils.classroom.tables import Table
from course_utils.data.require import guarded, require, require_whole
from course_utils.spiking.encoders import constant_current
from course_utils.spiking.li_readout import LIReadout
from course_utils.spiking.neurons import LIF
from course_utils.spiking.norse_cells import Activity, spike
from course_utils.spiking.ranges import above_0, at_least_0
from course_utils.training.counting import Operations

# As published. A cache gives 64 bits at an access; for DRAM a range is published, from 1.3 to 2.6 nJ.
PUBLISHED_PJ = {
    "add, 8-bit integer": 0.03,
    "add, 32-bit integer": 0.1,
    "add, 16-bit float": 0.4,
    "add, 32-bit float": 0.9,
    "multiply, 8-bit integer": 0.2,
    "multiply, 32-bit integer": 3.1,
    "multiply, 16-bit float": 1.1,
    "multiply, 32-bit float": 3.7,
    "access, cache of 8 KB": 10.0,
    "access, cache of 32 KB": 20.0,
    "access, cache of 1 MB": 100.0,
    "access, DRAM at least": 1300.0,
    "access, DRAM at most": 2600.0,
}

Leak = Literal["multiplied", "shifted", "physical"]
LEAKS = get_args(Leak)


@dataclass(frozen=True)
class Convention:
    """What an operation costs."""

    multiply_pj: float
    add_pj: float  # above 0
    access_pj: float = 0.0  # of one access to memory
    accesses_mac: int = 0  # of a multiply-accumulate: 1 if its weight is fetched and the sum stays in a register
    # Of an accumulate: 1 for its weight; 3 if its neuron's membrane is read and written, too, as it must be where a
    # spike may come at any time for any neuron.
    accesses_ac: int = 0

    def __post_init__(self):
        at_least_0("a number", **vars(self))
        above_0("an energy", add_pj=self.add_pj)

    @property
    def mac_pj(self) -> float:
        """Energy of a multiply-accumulate."""
        return self.multiply_pj + self.add_pj + self.accesses_mac * self.access_pj

    @property
    def ac_pj(self) -> float:
        """Energy of an accumulate: a spike's weight is only added."""
        return self.add_pj + self.accesses_ac * self.access_pj

    @property
    def break_even(self) -> float:
        """Spikes a connection, over the whole run, at which a spiking network costs what its twin without spikes does.

        The twin uses every weight once, for `mac_pj`. The spiking network uses it once a spike, for `ac_pj`. If every
        input spikes with the same rate, spikes a connection are T · rate.
        """
        return self.mac_pj / self.ac_pj

    def leak_pj(self, way: Leak) -> float:
        """A neuron's step: what current and membrane lose, and the current that is added to the membrane.

        Args:
            way: "multiplied": i ← λ_syn i and v ← v + (1 − λ_mem) (i − v), two multiplications, two additions;
                "shifted": i − (i ≫ a), v − (v ≫ b) + i, three additions, for whole numbers, and shifts that cost
                nothing; "physical": a capacitor leaks by itself.
        """
        require(way in LEAKS, "way", way, f"one of {', '.join(LEAKS)}")
        costs = {"multiplied": 2 * (self.multiply_pj + self.add_pj), "shifted": 3 * self.add_pj, "physical": 0.0}
        return costs[way]

    def energy_nj(self, operations: Operations) -> float:
        """Energy of a sample, zeros skipped and neurons left out, for its operations as `counting.OperationCounter`
        finds them; a record of the ledger has them, too."""
        counts = {field.name: getattr(operations, field.name) or 0.0 for field in fields(Operations)}
        at_least_0("a number", **counts)
        return (counts["accumulates"] * self.ac_pj + counts["multiply_accumulates"] * self.mac_pj) / 1000

    def dense_nj(self, macs: float) -> float:
        """Energy of a network without spikes, which multiplies by every weight, zeros or not."""
        at_least_0("a number", macs=macs)
        return macs * self.mac_pj / 1000

    def break_even_with(self, updates: float, macs: float, leak: Leak = "multiplied") -> float:
        """The break-even if neurons are computed, too: so many steps of them (`neuron_updates`) that leak in one of the
        ways of `leak_pj`, for a twin of so many multiply-accumulates, above 0. Below 0 they alone cost more than it."""
        above_0("a number", macs=macs)
        at_least_0("a number", updates=updates)
        return (self.mac_pj - self.leak_pj(leak) * updates / macs) / self.ac_pj


def published(multiply: str, add: str, memory: str | None = None, membranes: bool = False) -> Convention:
    """A convention of published figures.

    Args:
        multiply, add: kinds of number, "32-bit float" and the like.
        memory: where weights are fetched from, "cache of 8 KB" and the like; None leaves memory out.
        membranes: whether membranes are read from there and written back at every accumulate.
    """
    names = [f"multiply, {multiply}", f"add, {add}", *([f"access, {memory}"] if memory else [])]
    for name in names:
        if name not in PUBLISHED_PJ:
            raise ValueError(f"no figure was published for {name!r}; there are {', '.join(PUBLISHED_PJ)}")
    fetched = {} if memory is None else {"accesses_mac": 1, "accesses_ac": 3 if membranes else 1}
    return Convention(*(PUBLISHED_PJ[name] for name in names), **fetched)


CONVENTIONS = {
    "32-bit float": published("32-bit float", "32-bit float"),
    "8-bit integer": published("8-bit integer", "8-bit integer"),
    "8-bit, summed in 32 bits": published("8-bit integer", "32-bit integer"),
    "32-bit integer": published("32-bit integer", "32-bit integer"),
    "32-bit float, weights from 8 KB": published("32-bit float", "32-bit float", "cache of 8 KB"),
    "32-bit float, weights and membranes from 8 KB": published("32-bit float", "32-bit float", "cache of 8 KB", True),
    "32-bit float, weights from DRAM": published("32-bit float", "32-bit float", "DRAM at least"),
}


def convention_table() -> Table:
    """A row a convention: what operations cost, and the spikes a connection at which both networks cost the same."""
    return Table(
        ["convention", "multiply-accumulate (pJ)", "accumulate (pJ)", "break-even (spikes a connection)"],
        [(name, f"{c.mac_pj:g}", f"{c.ac_pj:g}", f"{c.break_even:.2f}") for name, c in CONVENTIONS.items()],
    )


class Twin(nn.Sequential):
    """The fifth model without time: the same convolution and readout, a ReLU in the place of the spikes. Its kernels
    begin without a mean, so that plain grey drives nothing, and six times as large as PyTorch draws them."""

    def __init__(self):
        pool = nn.AvgPool2d(2, stride=1, divisor_override=1)  # a sum
        super().__init__(nn.Conv2d(1, 2, 4), nn.ReLU(), pool, nn.Flatten(), nn.Linear(2 * 12 * 12, 2))
        with torch.no_grad():
            self[0].weight.sub_(self[0].weight.mean((1, 2, 3), keepdim=True)).mul_(6.0)
            nn.init.zeros_(self[0].bias)
            nn.init.zeros_(self[-1].weight)


def folded(model: LIReadout) -> LIReadout:
    """The same network with its sum pool inside the readout: a weight for each hidden neuron, as on the chip.

    What enters the readout is then spikes, 0 or 1, and costs additions only. Sums of four would have to be multiplied.
    """
    weight = fold_pool(model).detach()
    made = copy.deepcopy(model)
    made.pool = nn.Identity()
    made.linear = nn.Linear(weight.shape[1], weight.shape[0])
    made.linear.load_state_dict({"weight": weight, "bias": model.linear.bias})
    return made


@guarded
def accumulates_by_step(model: LIReadout, activity: Activity) -> Tensor:
    """Synaptic operations of a run at every step, [time, batch]; differentiable, so that training can lower them.

    Each spike of a pixel meets a weight for each filter and each window around it; each hidden spike meets one for each
    output. The pool, which must be a sum, is folded into the readout: `OperationCounter` counts the same on
    `folded(model)`.
    """
    if isinstance(model.pool, nn.MaxPool2d):
        raise ValueError("the model's pool is a maximum; it must be a sum, which folds into the readout")
    filters, _, *kernel = model.conv.weight.shape
    ones = activity.hidden.new_ones
    windows = functional.conv_transpose2d(ones(1, 1, *activity.hidden.shape[-2:]), ones(1, 1, *kernel))
    entering = (activity.inputs * windows * filters).flatten(2).sum(2)
    return entering + activity.hidden.flatten(2).sum(2) * model.linear.out_features


def connections(model: LIReadout) -> int:
    """Weights that a picture meets in the folded network: multiply-accumulates of its twin, 6,084 for two filters."""
    return neuron_counts(model)["hidden"] * (model.conv.weight[0].numel() + model.linear.out_features)


def neuron_updates(model: LIReadout, steps: int) -> int:
    """Steps of hidden and output neurons in a run; the neurons of the pixels belong to the sensor."""
    require_whole(steps=(steps, 1))
    return steps * sum(neuron_counts(model).values())


class Anytime(NamedTuple):
    """What is known and spent when a run is stopped after each of its steps, [time] each."""

    accuracy: Tensor  # of the readout up to then
    accumulates: Tensor  # a sample, up to then


@guarded
@torch.no_grad()
def anytime(model: LIReadout, images: Tensor, labels: Tensor) -> Anytime:
    """One run tells of all stops: the readout at step t knows the steps up to t only. Labels [batch], a whole number
    for each image."""
    if len(images) == 0 or labels.shape != images.shape[:1]:
        raise ValueError(f"there are {len(images)} images but labels {list(labels.shape)}; each needs one")
    activity = model.activity(images)
    spent = accumulates_by_step(model, activity).mean(1).cumsum(0)
    stops = range(1, len(activity.readout) + 1)
    right = [(model.scores(activity.readout[:stop]).argmax(1) == labels).double().mean() for stop in stops]
    return Anytime(torch.stack(right), spent)


LEARNING_PIXEL = LIF(tau_mem_ms=10.0, dt_ms=1.0, update="euler", spike=spike)


class TunedInput(nn.Module):
    """Pixels drive neurons of their own with scale · (gain · pixel − offset); gain and offset are learned.

    With gain 1 and offset 0 it is `encoders.constant_current`. A sensor can do this before anything is computed.

    Args:
        scale: current of a white pixel to begin with, in units of the threshold.
        steps: number of time steps.
    """

    def __init__(self, scale: float, steps: int):
        super().__init__()
        at_least_0("a finite current", scale=scale)
        require_whole(steps=(steps, 1))
        self.scale, self.steps = scale, steps
        self.gain = nn.Parameter(torch.ones(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        values = self.gain * images - self.offset
        return constant_current(values, self.steps, scale=self.scale, neuron=LEARNING_PIXEL)

    def told(self) -> dict[str, float]:
        """Gain and offset that were learned, rounded, for the settings of a record."""
        return {"gain": round(self.gain.item(), 4), "offset": round(self.offset.item(), 4)}


class Priced(nn.Module):
    """A model in training that pays for its operations: loss = cross-entropy + price · spikes a connection.

        priced = Priced(model, price=0.5)
        fit(priced, train, validation, loss=priced.loss, …)

    Args:
        model: with a sum pool; it is what is trained.
        price: of one spike a connection, in nats; 0 or more.
    """

    def __init__(self, model: LIReadout, price: float):
        super().__init__()
        at_least_0("a number", price=price)
        self.model, self.price = model, price

    @guarded
    def forward(self, images: Tensor) -> Tensor:
        activity = self.model.activity(images)
        self.spikes_a_connection = accumulates_by_step(self.model, activity).sum(0).mean() / connections(self.model)
        return self.model.scores(activity.readout)

    @guarded
    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy and price of the batch that has just been run."""
        return functional.cross_entropy(scores, labels) + self.price * self.spikes_a_connection
