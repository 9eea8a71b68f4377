"""MNIST, trained at rates and run on spikes for 30 steps of 1 ms, on all 10,000 test images.

The filter behind the neurons is chosen on the last 1,000 of the 5,000 images that are kept for validation. The test set
is read once, at the end. `Repairs` takes smaller networks and fewer images, from several seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from course_utils.data.digits import load_images
from course_utils.training.baselines import linear_accuracy
from course_utils.training.counting import Operations
from course_utils.training.experiment import Experiment
from course_utils.training.ledger import Record, versions
from course_utils.training.measuring import Split, measured, real

STEPS = 30
TAUS_MS = (2.0, 5.0)  # of the synapses
READOUT_MS = 100.0  # of the filter at the output


def first_digits(train: int, validation: int, test: int) -> Split:
    """MNIST's first images of each set as NengoDL takes them, float32 [count, 1, pixels], 0 to 1; then those to choose
    with."""
    sets = real("MNIST", *load_images("MNIST"))
    (x, y), (shown, labels) = (((one.images.float() / 255).flatten(1)[:, None], one.labels) for one in sets)
    end = train + validation
    return Split("MNIST", (x[:train], y[:train]), (x[train:end], y[train:end]), (shown[:test], labels[:test]))


class Trained(NamedTuple):
    """A network in both of its lives."""

    scores: Callable[[np.ndarray], np.ndarray]  # of images, at rates
    spiking: Callable[..., Any]  # of the synapses' time constant, or None, and a rate in Hz: for `run_nengo`
    losses: list[float]
    parameters: int


@dataclass(frozen=True)
class Route:
    """One way from rates to spikes, on all of MNIST."""

    layers: tuple[tuple[int, int], ...]  # channels and stride of each convolution
    epochs: int
    rate_hz: float  # that stands for an activation of 1
    train: Callable[["Route", np.ndarray, np.ndarray, int], Trained]  # (route, images, labels, seed)

    def record(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, choose the filter on validation, read the test set once."""
        from course_utils.exchange import nengodl  # loads TensorFlow, which takes seconds

        split = first_digits(55_000, 5000, 10_000)
        (x, y), (x_chosen, y_chosen), (shown, labels) = (
            (images.numpy(), labels.numpy()) for images, labels in (split.train, split.validation, split.test)
        )
        trained = self.train(self, x, y, seed)

        def ran(images: np.ndarray, tau_syn_ms: float) -> nengodl.NengoRun:
            network = trained.spiking(tau_syn_ms)
            return nengodl.run_nengo(network, images, STEPS, rate_hz=self.rate_hz, batch_size=100)

        def filtered(run: nengodl.NengoRun) -> np.ndarray:  # up to a factor
            return np.tensordot(np.exp(np.arange(1 - STEPS, 1) / READOUT_MS), run.outputs, 1)

        def right(answers: np.ndarray, labels: np.ndarray) -> float:
            return float((answers.argmax(1) == labels).mean())

        chosen = {tau: right(filtered(ran(x_chosen[-1000:], tau)), y_chosen[-1000:]) for tau in TAUS_MS}
        tau_syn_ms = max(chosen, key=chosen.get)
        run = ran(shown, tau_syn_ms)
        return self.recorded(
            split,
            trained,
            run,
            {"tau_syn_ms": tau_syn_ms, "tau_readout_ms": READOUT_MS},
            accuracy=right(filtered(run), labels),
            baseline={"name": "linear", "accuracy": linear_accuracy(split.train, split.test)},
            beside={f"validation, tau_syn {tau:g} ms": accuracy for tau, accuracy in chosen.items()}
            | {
                "rate network": right(trained.scores(shown), labels),
                "last step, not filtered at the output": right(run.outputs[-1], labels),
            },
            curve={"loss": [float(loss) for loss in trained.losses]},
        )

    def recorded(self, split: Split, trained: Trained, run: Any, config: dict[str, float], **fields: Any) -> Record:
        """The record of a run on the test images."""
        from course_utils.lessons.nengodl_conversion import models

        cost = models.cost(self.layers, split.test[0].numpy(), run.spikes, STEPS)
        emitted = float(sum(layer.sum() for layer in run.spikes))
        layers = [list(layer) for layer in self.layers]
        return measured(
            None,
            split,
            cost=Operations(emitted, cost.accumulates, cost.multiply_accumulates, cost.dense),
            lesson="nengodl_conversion",
            task="MNIST",
            config={"layers": layers, "epochs": self.epochs, "rate_hz": self.rate_hz} | config,
            parameters=trained.parameters,
            time_steps=STEPS,
            versions=versions("nengo", "nengo-dl", "tensorflow"),
            **fields,
        )


def by_relu(route: Route, images: np.ndarray, labels: np.ndarray, seed: int) -> Trained:
    """Keras ReLUs, run as spiking ReLUs with a firing-rate scale."""
    from course_utils.exchange import nengodl
    from course_utils.lessons.nengodl_conversion import models

    model = models.relu_network(route.layers, seed=seed)
    losses = models.train_relu(model, images, labels, epochs=route.epochs)
    return Trained(
        lambda x: model.predict(x.reshape(-1, *models.IMAGE), verbose=0, batch_size=500),
        lambda tau, hz=route.rate_hz: nengodl.to_spiking_relu(model, rate_hz=hz, tau_syn_ms=tau),
        losses,
        model.count_params(),
    )


def by_soft_lif(route: Route, images: np.ndarray, labels: np.ndarray, seed: int) -> Trained:
    """SoftLIF at rates in NengoDL, run as LIF."""
    from course_utils.exchange import nengodl
    from course_utils.lessons.nengodl_conversion import models

    network = models.soft_lif_network(route.layers, rate_hz=route.rate_hz, seed=seed)
    losses = models.train_soft_lif(network, images, labels, epochs=route.epochs, seed=seed)

    def scores(x: np.ndarray) -> np.ndarray:
        network.become("SoftLIF", route.rate_hz)
        return nengodl.run_nengo(network, x, 1, rate_hz=route.rate_hz).outputs[-1]

    def spiking(tau_syn_ms: float | None, hz: float = route.rate_hz) -> Any:
        network.become("LIF", hz, tau_syn_ms)
        return network

    weights = sum(np.size(c.transform.init) for c in network.net.all_connections)
    return Trained(scores, spiking, losses, weights + sum(e.n_neurons for e in network.ensembles))


@dataclass(frozen=True)
class Repairs(Route):
    """What is right before each repair and after all of them: 10,000 images to learn from, 500 for the test."""

    as_it_is_hz: float  # the rate of the conversion that is not repaired
    tau_syn_ms: float  # of the synapses

    def record(self, seed: int, checkpoint: Path | None = None) -> Record:
        """Train, run with and without the repairs; nothing is chosen."""
        from course_utils.exchange import nengodl
        from course_utils.lessons.nengodl_conversion import checks

        split = first_digits(10_000, 0, 500)
        (x, y), (shown, labels) = ((images.numpy(), labels.numpy()) for images, labels in (split.train, split.test))
        trained = self.train(self, x, y, seed)

        def right(classes: np.ndarray) -> float:
            return float((classes == labels).mean())

        at_rates = right(trained.scores(shown).argmax(1))
        as_it_is, scaled, mended = (
            nengodl.run_nengo(trained.spiking(tau, hz), shown, STEPS, rate_hz=hz)
            for tau, hz in ((None, self.as_it_is_hz), (None, self.rate_hz), (self.tau_syn_ms, self.rate_hz))
        )
        count, voltage, filtered = checks.read_out(mended.outputs)
        means = np.stack([x[y == digit].mean((0, 1)) for digit in range(10)])
        return self.recorded(
            split,
            trained,
            mended,
            {"tau_syn_ms": self.tau_syn_ms, "tau_readout_ms": 20.0},
            accuracy=right(filtered),
            baseline={
                "name": "nearest class mean",
                "accuracy": right(((shown - means) ** 2).sum(2).argmin(1)),
            },
            beside={
                "rate network": at_rates,
                "as it is": right(as_it_is.outputs[-1].argmax(1)),
                "no synapse, last step": right(scaled.outputs[-1].argmax(1)),
                "no synapse, filtered": right(checks.read_out(scaled.outputs)[2]),
                "by count": right(count),
                "by voltage": right(voltage),
                "one reading unlike another": float(((count != filtered) | (voltage != filtered)).mean()),
            },
        )


EXPERIMENTS = [
    Experiment(
        "nengodl-repairs",
        "10,000 digits trained at rates, run on spikes as it is and repaired",
        {
            "ReLU, run as spiking ReLU": Repairs(((16, 2), (32, 2)), 6, 400.0, by_relu, 1.0, 2.0).record,
            "SoftLIF, run as LIF": Repairs(((12, 2), (24, 2)), 4, 250.0, by_soft_lif, 250.0, 5.0).record,
        },
        (1, 2, 3),
    ),
    Experiment(
        "mnist-nengodl",
        "MNIST trained at rates on 55,000 images, run on spikes for 30 steps",
        {"ReLU, run as spiking ReLU": Route(((24, 1), (48, 2), (96, 2)), 8, 250.0, by_relu).record},
        (0,),
    ),
]
