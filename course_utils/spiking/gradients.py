"""A layer of neurons over all time steps in one function, forwards and backwards (a lesson derives the way back).

    i_t = λ_syn i_(t−1) + input_t    with a synapse; else the current is the input
    u_t = λ v_(t−1) + i_t            or, scaled, u_t = v_(t−1) + (1 − λ)(i_t − v_(t−1))
    s_t = 1 where u_t > V_th         spike
    v_t = u_t (1 − s_t)              reset to zero; by subtraction v_t = u_t − V_th s_t

On the way back a surrogate's slope σ′ stands in for that of the spike, and the error passes the reset: for δ, the error
of u, it says δ_t = e_t σ′_t + λ δ_(t+1) (1 − s_t − u_t σ′_t), by subtraction … (1 − V_th σ′_t). No graph of steps is
kept. The spikes are those of `neurons`, of Norse and of snnTorch, and so are the gradients; tests hold them equal. The
other rules for this neuron, as papers print and run them, are in `lessons.spike_backprop.rules`.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_utils.data.require import require
from course_utils.spiking.neurons import heaviside
from course_utils.spiking.ranges import above_0
from course_utils.spiking.surrogates import Surrogate

PART = 2**18  # neurons that are run together


@dataclass(frozen=True)
class Neuron:
    """What all neurons of a network share.

    Attributes:
        decay: λ, what one step leaves of a potential, above 0, at most 1 (1: no leak, an IF neuron). Or a tensor that
            broadcasts to a step's inputs; it may be learned.
        threshold: V_th, above 0. None: a neuron without spikes, whose potential is its output.
        spike: its slope counts only in backpropagation through time.
        corrected: whether the rules of Lee et al. correct for the leak. Without it they treat every neuron as IF.
        decay_syn: λ of the synaptic current, as `decay`. None: the input is the current.
        scaled: whether the current is scaled by 1 − λ; else the weights take that factor.
        reset: "zero" or "subtract", see `neurons.LIF`.
    """

    decay: float | Tensor = 0.9
    threshold: float | None = 1.0
    spike: Surrogate = field(default=Surrogate(), repr=False)
    corrected: bool = True
    decay_syn: float | Tensor | None = None
    scaled: bool = False
    reset: Literal["zero", "subtract"] = "zero"

    def __post_init__(self):
        for name, value in (("decay", self.decay), ("decay_syn", self.decay_syn)):
            fits = value is None or bool(torch.as_tensor((value > 0) & (value <= 1)).all())
            require(fits, name, value, "above 0 and at most 1")
        if self.threshold is not None:
            above_0(threshold=self.threshold)
        require(self.reset in ("zero", "subtract"), "reset", self.reset, '"zero" or "subtract"')


class Fired(NamedTuple):
    """What the neurons of a layer did, [time, batch, …] each: spikes s, and potentials u before the reset."""

    s: Tensor
    u: Tensor


class Ran(NamedTuple):
    """What neurons sent on, [time, batch, …]: spikes, or potentials if they have none; and their state afterwards,
    [batch, …]: potential v, and synaptic current i as the next step finds it (None without a synapse)."""

    outputs: Tensor
    v: Tensor
    i: Tensor | None


def run(inputs: Tensor, neuron: Neuron, v: Tensor | None = None, i: Tensor | None = None) -> Ran:
    """Runs neurons through inputs [time, batch, …]; differentiable in inputs, state and both decays.

    Args:
        inputs: floating-point. What is constant may be expanded over time: then one step is all that is kept of it.
        neuron: what all of them are.
        v, i: potential and synaptic current to begin with, [batch, …]; None: at rest.
    """
    for name, state in {"v": v, "i": i}.items():
        if state is not None and state.shape != inputs.shape[1:]:
            raise ValueError(f"{name} has shape {tuple(state.shape)}; it must be {tuple(inputs.shape[1:])}")
    require(i is None or neuron.decay_syn is not None, "i", "given", "None for neurons without a synapse")
    return Ran(*_Neurons.apply(inputs, neuron.decay, neuron.decay_syn, v, i, neuron))


def lif(currents: Tensor, neuron: Neuron) -> Tensor:
    """Spikes of LIF neurons for currents [time, batch, …], from rest; differentiable through all time steps."""
    return run(currents, neuron).outputs


@torch.no_grad()
def spikes_and_potentials(currents: Tensor, neuron: Neuron) -> Fired:
    """Runs neurons without a synapse from rest through currents [time, batch, …]."""
    s, u = torch.empty_like(currents), torch.empty_like(currents)
    _walk(currents, neuron, torch.zeros_like(u[0]), None, u, s, u)
    return Fired(s, u)


def _walk(
    inputs: Tensor, neuron: Neuron, v: Tensor, i: Tensor | None, u: Tensor, s: Tensor, currents: Tensor, *, known=False
) -> Tensor:
    """All steps of neurons, in place; returns v after the last, which without spikes is the last of u.

    Overwrites v and i with the state, u with potentials before the reset, `currents` with those of a synapse, s with
    spikes unless they are `known`. What need not be kept is one step that is expanded over time. A step rounds as
    Norse's does: v + (1 − λ)(i − v), i − (1 − λ_syn) i. Large tensors cost more to allocate than to compute.
    """
    rows = zip(inputs.unbind(), u.unbind(), s.unbind(), currents.unbind(), strict=True)
    for now, potential, fired, current in rows:
        if i is not None:
            now = torch.add(i, now, out=current)
            torch.mul(now, neuron.decay_syn - 1, out=i).add_(now)
        if neuron.scaled:
            torch.sub(now, v, out=potential).mul_(1 - neuron.decay).add_(v)
        elif isinstance(neuron.decay, Tensor):
            torch.addcmul(now, v, neuron.decay, out=potential)
        else:
            torch.add(now, v, alpha=neuron.decay, out=potential)
        if neuron.threshold is None:
            v = potential
            continue
        if not known and neuron.spike.value is heaviside:
            torch.gt(potential, neuron.threshold, out=fired)  # the same in one go
        elif not known:
            fired.copy_(neuron.spike.value(potential - neuron.threshold))
        _reset(potential, fired, neuron, out=v)
    return v


def _reset(u: Tensor, s: Tensor, neuron: Neuron, out: Tensor | None = None) -> Tensor:
    """The potential that is left of u."""
    if neuron.threshold is None:
        return u
    if neuron.reset == "zero":
        return torch.addcmul(u, u, s, value=-1, out=out)  # u (1 − s)
    return torch.add(u, s, alpha=-neuron.threshold, out=out)


class _Neurons(torch.autograd.Function):
    """Spikes and potentials are kept. Where inputs are expanded over time (less room) or a decay is learned (its
    gradient needs them), the inputs are kept and potentials are computed again."""

    @staticmethod
    def forward(ctx, inputs, decay, decay_syn, v, i, neuron):
        ctx.set_materialize_grads(False)
        outputs = _empty(inputs)
        again = neuron.threshold is None or inputs.stride(0) == 0 or any(ctx.needs_input_grad[1:3])
        u = None if again or not any(ctx.needs_input_grad) else _empty(inputs)
        kept, decays = inputs if u is None else u, (a for a in (decay, decay_syn) if isinstance(a, Tensor))
        ctx.neuron, ctx.known = neuron, u is not None
        ctx.save_for_backward(kept, outputs, v, i, *decays)
        v, i = _begin(inputs, neuron, v, i)
        for part in _parts(inputs, neuron):
            now, out, last, current = inputs[:, part], outputs[:, part], v[part], None if i is None else i[part]
            one, other = (torch.empty_like(last).expand_as(now) for _ in range(2))
            potentials = out if neuron.threshold is None else one if u is None else u[:, part]
            last.copy_(_walk(now, neuron, last, current, potentials, out, other))
        return outputs, v, i

    @staticmethod
    @once_differentiable
    def backward(ctx, error, error_v, error_i):
        neuron, (kept, s, v, i, *_) = ctx.neuron, ctx.saved_tensors
        errors, learned = _empty(kept), any(ctx.needs_input_grad[1:3])
        begin, found = _begin(kept, neuron, v, i), []
        for part in _parts(kept, neuron):
            over_time = (a if a is None else a[:, part] for a in (errors, kept, s, error))
            once = (a if a is None else a[part] for a in (*begin, error_v, error_i))
            found.append(_back(neuron, learned, ctx.known, *over_time, *once))
        found = [a[0] if len(a) == 1 or a[0] is None else torch.cat(a) for a in zip(*found, strict=True)]
        for place, given in enumerate((neuron.decay, neuron.decay_syn)):
            found[place] = found[place].sum_to_size(given.shape) if isinstance(given, Tensor) else None
        needed = zip(found, ctx.needs_input_grad[1:5], strict=True)
        return errors, *(error if needs else None for error, needs in needed), None


def _back(
    neuron: Neuron,
    learned: bool,
    known: bool,
    errors: Tensor,
    kept: Tensor,
    s: Tensor,
    error: Tensor | None,
    v: Tensor,
    i: Tensor | None,
    error_v: Tensor | None,
    error_i: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """All steps from the last to the first; `kept` are potentials if they are `known`, else inputs. Writes the errors
    of the inputs, and returns those of both decays, one for each neuron, and those of the state in the beginning."""
    decay, fires = neuron.decay, neuron.threshold is not None
    x, by_spike, *delta = (torch.empty_like(v) for _ in range(4))
    direct = i is None and not neuron.scaled  # the error of u is that of the input
    nothing = v.new_zeros(()).expand_as(v)
    u = kept if known else errors  # what is found takes the place of the potentials, from the last step to the first
    currents = kept if i is None else _empty(kept) if learned else x.expand_as(u)
    if not known and (fires or learned):
        _walk(kept, neuron, v.clone(), i, u, s, currents, known=True)
    by_decay, by_decay_syn = (torch.zeros_like(v) if learned else nothing for _ in range(2))
    later, factor = nothing if error_v is None else error_v, 1.0  # their product is the error of v after the step
    later_i = error_i  # of i after the step
    for t in reversed(range(len(u))):
        e = nothing if error is None else error[t]
        now = errors[t] if direct else delta[t % 2]
        if not fires:
            torch.add(e, later, alpha=factor, out=now)
        else:
            slope = neuron.spike.slope(torch.sub(u[t], neuron.threshold, out=x))
            if neuron.reset == "zero":
                torch.addcmul(e, later, u[t], value=-factor, out=by_spike).mul_(slope)
                later = torch.addcmul(later, later, s[t], value=-1, out=x)
            else:
                torch.add(e, later, alpha=-factor * neuron.threshold, out=by_spike).mul_(slope)
            torch.add(by_spike, later, alpha=factor, out=now)
        if learned:
            before = _reset(u[t - 1], s[t - 1], neuron) if t else v
            by_decay.addcmul_(now, before - currents[t] if neuron.scaled else before)
        if not direct:
            torch.mul(now, 1 - decay if neuron.scaled else 1, out=errors[t])
        if later_i is not None and learned:
            by_decay_syn.addcmul_(later_i, currents[t])
        if later_i is not None:
            errors[t].add_(later_i * neuron.decay_syn)
        later_i = None if i is None else errors[t]
        later, factor = (now * decay, 1.0) if isinstance(decay, Tensor) else (now, decay)
    return by_decay, by_decay_syn, later * factor, None if later_i is None else later_i.clone()


def _parts(inputs: Tensor, neuron: Neuron) -> list:
    """Indices of parts of a batch so small that what one operation writes the next one finds in the processor's cache:
    that takes a third off the way back. One part where nothing is gained, or where a decay may differ in the batch."""
    together = any(isinstance(a, Tensor) for a in (neuron.decay, neuron.decay_syn))
    if together or inputs.dim() < 2 or inputs.is_cuda or inputs[0].numel() <= PART:
        return [...]
    size = max(1, PART * inputs.shape[1] // inputs[0].numel())
    return [slice(begin, begin + size) for begin in range(0, inputs.shape[1], size)]


def _begin(inputs: Tensor, neuron: Neuron, v: Tensor | None, i: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A state of one's own, which lies in memory as the inputs of a step do."""
    v, i = (torch.zeros_like(inputs[0]) if a is None else torch.empty_like(inputs[0]).copy_(a) for a in (v, i))
    return v, None if neuron.decay_syn is None else i


def _empty(inputs: Tensor) -> Tensor:
    """Steps that lie in memory as those of the inputs do, one after the other even where the inputs are one step that
    is expanded over time."""
    step = torch.empty_like(inputs[0])
    return step.new_empty_strided(inputs.shape, (step.numel(), *step.stride()))
