"""Spiking neurons, encoders, gradients, layers, networks and STDP. Read this room to learn from it; begin at `neurons`.

The course has two equations of a membrane, and they differ in what a current does. In (A), v ← λ v + (1 − λ) i, a
constant current i ends at the potential i, whatever λ is: i is in units of the potential. In (B), v ← λ v + i, it ends
at i/(1 − λ): the weights take the factor 1 − λ. λ is the decay, the part of a potential that one step leaves.

Everywhere the order within a step is: the input arrives, the current and then the membrane integrate it, what is above
the threshold spikes, what has spiked is reset, the current decays. So an input can make a spike in its own step.

| who                                 | equation  | λ                | reset             | the error passes the reset  |
|-------------------------------------|-----------|------------------|-------------------|-----------------------------|
| `neurons.LI`                        | A         | exact or Euler   | none: no spikes   | –                           |
| `neurons.LIF`                       | A         | exact or Euler   | zero, or subtract | yes, with a `Surrogate`     |
| `encoders.ENCODING_NEURON`          | A         | Euler, 0.9       | zero              | no gradient: `heaviside`    |
| `gradients.lif`                     | A or B    | a number, 0 … 1  | zero, or subtract | yes                         |
| `layers`                            | B         | a number, 0 … 1  | zero              | yes                         |
| `blocks.SpikingAvgPool`             | B         | 1 (no leak)      | zero              | yes                         |
| `layers.LeakyReadout`               | B, over T | of the neurons   | none: no spikes   | –                           |
| `norse_cells.over_time`             | A         | Euler, 0.9       | zero              | yes                         |
| `recurrent.RecurrentLIF`            | A         | exact, learnable | zero, see below   | yes                         |
| `plasticity.WinnerTakeAll`          | A         | exact            | zero, of all      | no gradient: `heaviside`    |
| lesson room `surrogate_gradients`   | A         | exact            | subtract          | no                          |

Thresholds are 1 unless they are given; that of the pool is 0.75. A synaptic current i decays by a λ of its own where
there is one (`LI` and `LIF` with `tau_syn_ms`, cells of Norse, `gradients.lif`, `RecurrentLIF`); elsewhere i is the
input. `RecurrentLIF` applies the reset at the beginning of the next step, which gives the same spikes; its recurrent
input comes from the spikes of the step before. In `WinnerTakeAll` the spike of one neuron resets all of them.

An argument outside the range that its docstring gives is refused with a ValueError that names it, its value and what is
allowed.
"""
