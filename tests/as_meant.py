"""Every public function called as it is meant: the calls from which `tests.hostile` sets out.

Nothing is written down for each function. Scenes use the package as lessons do, and `recorded` keeps with what each
public function was called on the way.
"""

import copy
import inspect
import re
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import nir
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_utils.chips import brainscales, energy, loihi, virtual_chip, xylo
from course_utils.classroom import exercise, explorer, letters, painter, plots, questions, tables, votes
from course_utils.classroom.prediction import Prediction
from course_utils.data import download, events, files, packs, pictures, stripes, vehicles
from course_utils.data.locate import COURSE_ROOT
from course_utils.data.stripe_folder import StripeFolder, write_stripes
from course_utils.exchange import conversion, graphs, libraries, nir_files, platforms
from course_utils.lessons.deep_spiking_convnets import published
from course_utils.lessons.event_vision import models as event_models
from course_utils.lessons.hardware_quantization.strips import strips
from course_utils.lessons.ledger_and_next_steps import capstone, overview
from course_utils.lessons.li_readout import lost
from course_utils.lessons.rotation.models import RotationNet
from course_utils.lessons.spike_backprop import eventprop, rules
from course_utils.lessons.stripe_snn.checks import Patient
from course_utils.lessons.stripe_snn.tasks import PLAIN
from course_utils.lessons.surrogate_gradients.models import DeepLIF, error_norms
from course_utils.lessons.vehicles import front_end, running
from course_utils.lessons.vehicles import models as vehicle_models
from course_utils.spiking import convnets, decoders, encoders, layers, neurons, plasticity, stripe_networks, surrogates
from course_utils.spiking.li_readout import LIReadout
from course_utils.tools import machine, views
from course_utils.training import augment, baselines, checkpoint, counting, ledger, long_run, loop, plan
from course_utils.training.measuring import Split
from tests.chips.fifth import IMAGES, LABELS, fifth
from tests.classroom.test_exercises import EXERCISES

Call = dict[str, object]  # arguments by name; of a method with `self`
FOLDER = tempfile.TemporaryDirectory()  # what scenes write is read again by the calls
NOT_GIVEN = "_HAS_DEFAULT_FACTORY_CLASS"  # what a dataclass puts in the place of a default that it makes
MOST = 3  # calls of a function that are kept


def code_of(function: Callable) -> types.CodeType | None:
    """What runs when it is called; None for classes that add nothing to their parents."""
    if inspect.isclass(function):
        function = next((vars(function)[name] for name in ("__init__", "__new__") if name in vars(function)), None)
    return getattr(inspect.unwrap(function), "__code__", None) if function else None


@contextmanager
def recorded(functions: dict[str, Callable]) -> Iterator[dict[str, list[Call]]]:
    """Keeps copies of the arguments of these functions, whoever calls them in here."""
    names = {code: name for name, function in functions.items() if (code := code_of(function))}
    calls: dict[str, list[Call]] = {name: [] for name in functions}

    def look(frame: types.FrameType, event: str, _: object) -> None:
        if event != "call" or (name := names.get(frame.f_code)) is None or len(calls[name]) >= MOST:
            return
        sys.setprofile(None)
        try:
            calls[name].append(_arguments(frame, inspect.isclass(functions[name])))
        except Exception:  # what cannot be copied is met again elsewhere, or shows in the list of what was never called
            pass
        finally:
            sys.setprofile(look)

    sys.setprofile(look)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def _arguments(frame: types.FrameType, made: bool) -> Call:
    code = frame.f_code
    several = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    names = code.co_varnames[made : code.co_argcount + code.co_kwonlyargcount + several]  # not what is being made
    given = {name: frame.f_locals[name] for name in names}
    return {name: copied(value) for name, value in given.items() if type(value).__name__ != NOT_GIVEN}


def copied(value: object) -> object:
    """A copy; of what cannot be copied, such as a widget, the thing itself."""
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(copied, value))
    if type(value) is dict:
        return {name: copied(part) for name, part in value.items()}
    try:
        return copy.deepcopy(value)
    except Exception:
        return value.detach().clone().requires_grad_(value.requires_grad) if hasattr(value, "detach") else value


def calls(functions: dict[str, Callable]) -> dict[str, list[Call]]:
    """Some calls of each of these functions, by its name, where a scene or an exercise calls it."""
    with recorded(functions) as found:
        for one in EXERCISES.values():
            one(one.right)
        for scene in (
            a_class, a_lesson, pictures_of_it, data_at_hand, a_network, a_training, on_chips, elsewhere, lessons
        ):  # fmt: skip
            scene(Path(FOLDER.name))
    return found


# --- scenes -----------------------------------------------------------------------------------------------------------


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def a_class(_: Path) -> None:
    (key, asked), *_ = questions.questions_of(next((COURSE_ROOT / "notebooks").glob("*_li_readout.ipynb"))).items()
    room = votes.Room({key: asked}, "http://127.0.0.1:1")
    room.vote(room.join()["voter"], key, 1, 0)
    room.host("show", key)
    questions.beliefs([asked])
    predicted = Prediction("Why?", ["a", "b"], answer=0, because="So.", reveal=plt.figure(), alt="A line.")
    predicted.commit(1)
    predicted.hold()
    predicted.ask_again()
    predicted.reveal("a note")
    letters.letter_table("li_readout")


def a_lesson(folder: Path) -> None:
    notebook = nbformat.read(views.notebook("li_readout"), 4)
    for view in (views.student, views.instructor, views.slides, views.committed, views.class_minutes):
        view(notebook)
    machine.examine("Python", machine.python)
    machine.package("numpy")
    overview.objective_table([overview.read_lesson("08_li_readout", notebook)])
    records = ledger.read()[:6]
    overview.missing([overview.read_lesson("08_li_readout", notebook)], records)
    found = overview.results(records)
    overview.result_table(found)
    overview.by_task(found)
    found[0].cost(next(iter(overview.COSTS)))
    ledger.write(records[0], folder)
    ledger.table(records)
    ledger.runs_table(next(iter(ledger.experiments())))
    published.own(next(iter(published.TABLES)))
    published.printed(next(iter(published.TABLES)))


def pictures_of_it(_: Path) -> None:
    figure, axes = plt.subplots(1, 2)
    plots.membrane_trace(np.arange(5), np.arange(5.0), np.arange(5) > 3, axes[0], threshold=4.0)
    plots.raster(np.eye(4), axes[1])
    plots.learning_curves({"one": loop.History([1.0, 0.5], [0.5, 0.9])}, axes)
    plots.image_grid([np.eye(4)] * 3, ["a", "b", "c"], columns=2)
    strips({"one": [0.1, 0.2]}, axes[1])
    plots.matrix(np.eye(2), axes[1], written=".1f")
    figure.canvas.draw()
    painter.label_place(axes[0].xaxis)
    plots.to_png(figure)
    plots.show(figure, "Two axes.")
    shown = explorer.Explorer(lambda x: (plt.subplots(figsize=(1, 1))[0], f"A picture of {x}."), x=(1, 0, 3))
    shown._repr_mimebundle_()
    exercise.Exercise(right=lambda x: 2 * x, cases=[(3.0,)]).choose(lambda x: x + x)
    tables.Table(["a"], [[1]])


def data_at_hand(folder: Path) -> None:
    found = events.decode(bytes([5, 6, 0x80, 0, 9, 7, 8, 0, 1, 9]))
    events.encode(found)
    events.frames(found, 3)
    events.frames_by_count(found, 2)
    events.time_surface(found, 300, 100.0)
    drawn = stripes.make_stripes(4, 0)
    write_stripes(folder / "set", drawn)
    (folder / "set").rename(folder / "written")  # so that it can be written again
    path = next((folder / "written").glob("*.png"))
    pictures.grey("a.png", pictures.picture("a.png", files.read_bytes(path)))
    pack = packs.Pack(folder / "written")
    list(pack.placed(re.compile(r".*"), "files"))
    StripeFolder(folder / "written")[0]
    download.verify(path, download.sha256_of(path))
    list(pack.contents(pack.names[:1]))
    vehicles.shaped(Image.new("L", (60, 40), 90))
    vehicles.from_files([path, path], [0, 1])
    vehicles.split(vehicles.draw_vehicles(20), 0, validation=4, test=4)


def a_network(_: Path) -> None:
    x = rand(6, 5)
    rule = plasticity.WinnerTakeAll()
    learned = rule.start(40, 3, torch.Generator().manual_seed(0))
    spikes = (rand(20, 40) < 0.4).float()
    rule.learn(spikes, learned)
    counts = torch.tensor([[1.0, 0.0, 3.0], [0.0, 2.0, 1.0]])
    plasticity.vote(counts, plasticity.assign_labels(counts, torch.tensor([1, 0])))
    spike = surrogates.fast_sigmoid(10.0)
    spike(x)
    neurons.LIF().spike(x)
    neurons.LIF().run(x * 20)
    decoders.mean_by_step(encoders.poisson(rand(3, 4), 5), rand(3, 4))
    model = LIReadout()
    model.lif = lost.WithoutSlope(model.lif)
    lost.gradient_lengths(model, rand(2, 1, 16, 16), torch.tensor([0, 1]))
    stripe_networks.PoissonInput(0).set_extra_state(stripe_networks.PoissonInput(1).get_extra_state())
    network, pictures = convnets.build("LeNet5", in_channels=1, size=28), rand(2, 1, 28, 28)
    network.watch(pictures, 2)
    network = convnets.Builder(in_channels=1, size=6, classes=2).whitened(8).dense(4).readout()
    convnets.whiten(network, rand(50, 1, 6, 6))
    layers.LeakyReadout(4, 3, decay=0.9, gain=2.0)(rand(5, 2, 4))


def a_training(folder: Path) -> None:
    images, keys = rand(4, 3, 8, 8), torch.arange(4)
    augment.shifted(images, keys)
    augment.warped(images, keys, degrees=10.0)
    augment.displaced(rand(4, 2, 2, 8, 8), keys)
    train = rand(64, 5), torch.arange(64) % 2
    baselines.linear_accuracy(train, train)
    model = nn.Linear(5, 2)
    how = {"epochs": 2, "learning_rate": 0.1, "seed": 0, "batch_size": 16}
    loop.fit(model, train, train, checkpoint=folder / "a.safetensors", **how)
    with counting.OperationCounter(model) as counter:
        model(train[0])
    counter.per_sample(64)
    optimizer = torch.optim.Adam(model.parameters())
    kept = checkpoint.Checkpoint(folder / "b.safetensors", model, optimizer, {"loss": []}, {})
    kept.keep()
    kept.recall()
    split = Split("drawn", *[(rand(20, 1, 8, 8, seed=seed), torch.arange(20) % 2) for seed in range(3)])
    run = long_run.LongRun(
        "li_readout", "stripes", lambda seed: split, lambda seed: tiny_network(), 2, plan.Plan(1, 10, 0.1), NoAugment()
    )
    run.record(0)


class NoAugment:
    """Images as they are stored."""

    def __call__(self, images: Tensor, keys: Tensor, learning: bool) -> Tensor:
        return images


def tiny_network() -> layers.OverTime:
    builder = convnets.Builder(in_channels=1, size=8, classes=2)
    return builder.conv(4).pool().block(4).residual((4, 3, 1)).mean().dense(6).readout()


def on_chips(_: Path) -> None:
    model = fifth(encode=partial(encoders.constant_current, steps=3, scale=20.0))
    images, labels = IMAGES[:4], LABELS[:4]
    activity = model.activity(images)
    energy.published("32-bit float", "32-bit float")
    energy.accumulates_by_step(model, activity)
    energy.anytime(model, images, labels)
    priced = energy.Priced(model, 1e-3)
    priced.loss(priced(images), labels)
    loihi.VirtualLoihi(model)(images)
    virtual_chip.rates_of(model.lif)
    chip = virtual_chip.VirtualChip(model)
    chip.inject("hidden", rand(5))
    network = xylo.XyloNet()
    columns = xylo.columns(images)
    with torch.no_grad():
        network(images)
    ran = xylo.run_integers(xylo.quantized(network), columns)
    xylo.operations(network, columns, ran)
    graph = brainscales.stripe_graph(model)
    brainscales.obstacles(graph)
    platforms.platform_table(graph)


def elsewhere(folder: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)).eval()
    images = rand(4, 1, 8, 8)
    converted = conversion.convert(net, images)
    ran = converted.run(conversion.constant_input(images, 4))
    conversion.accuracy_by_step(ran.potentials, torch.arange(4) % 3)
    converted(conversion.constant_input(images, 4))
    libraries.Kind(*libraries.WITHOUT_LEAK)
    platforms.Platform(*next(iter(platforms.PLATFORMS.values())))
    running.cost_of_run(converted, conversion.constant_input(images, 4))
    running.firing_rate_scale(net, images)
    lif = nir.LIF(*(np.full(4, value) for value in (0.01, 1.0, 0.0, 1.0)), v_reset=np.zeros(4))
    graph = nir.NIRGraph.from_list(nir.Affine(np.eye(4), np.zeros(4)), lif)
    graph = nir_files.read_nir(nir_files.write_nir(folder / "a.nir", graph))
    for library in ("norse", "snntorch", "hand"):
        graphs.to_nir(graphs.from_nir(graph, library, dt_s=1e-3), input_shape=(4,), dt_s=1e-3)


def lessons(_: Path) -> None:
    RotationNet()(rand(2, 1, 6, 16, 16))
    membrane = eventprop.Membrane(10.0, 5.0, 1.0)
    response = eventprop.respond(np.array([5.0, 2.0]), [np.array([3.0]), np.array([1.0, 4.0])], 30.0, membrane)
    eventprop.gradient(response, np.ones(len(response.times_ms)), membrane, 2)
    rule = rules.Rule(*next(iter(rules.TWINS.values())))
    net = rules.SpikingNet(nn.Linear(4, 5), nn.Linear(5, 3), rule=rule)
    x, labels = (rand(6, 2, 4) < 0.5).float(), torch.tensor([0, 2])
    rules.all_gradients(net, x, labels)
    rules.audit(net, rule, x, labels)
    split = replace(PLAIN).draw(0, 20, 10, 10)
    PLAIN.baseline(split)
    PLAIN.beside(nn.Linear(1, 1), split)
    Patient("no bias", {})
    deep = DeepLIF(2, surrogates.triangle(1.0, 1.0), width=8)
    pictures = rand(4, 64)
    deep.awaken(pictures)
    deep(pictures)
    error_norms(deep, pictures, torch.arange(4))
    filters = front_end.bank()
    values = front_end.coefficients(rand(2, 28, 28), filters)
    front_end.reconstruct(values, filters, 50)
    vehicle_models.layers(nn.ReLU)
    capstone.computes(partial(encoders.constant_current, steps=3, scale=20.0), rand(2, 1, 16, 16))
    capstone.kept_network("for any chip")
    frames = rand(2, 4, 2, 34, 34)
    event_models.FramesFirst(event_models.event_net(0))(frames)
    running.run_over_time(tiny_network(), rand(2, 1, 8, 8), 3)
