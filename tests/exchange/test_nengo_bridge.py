"""NengoDL on today's TensorFlow, each in a process of its own: what is loaded first, and what is left behind."""

import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from course_utils.exchange import nengo_bridge

TORCH = """
import torch
w = torch.zeros(3, requires_grad=True)
((w - 1) ** 2).sum().backward()
torch.optim.SGD([w], 0.1).step()
assert torch.allclose(w, torch.full((3,), 0.2))
"""
NENGO_DL = """
from course_utils.exchange import nengo_bridge
before = {name: module for name, module in sys.modules.items() if name.startswith("keras")}
variables = dict(os.environ)
nengo_dl = nengo_bridge.load()
assert nengo_bridge.load() is nengo_dl
changed = {name for name in variables | dict(os.environ) if variables.get(name) != os.environ.get(name)}
assert not changed & set(nengo_bridge.QUIET), changed
assert not {name for name in nengo_bridge.TWINS if name in sys.modules and name not in before}
import nengo, tensorflow as tf
with nengo.Network(seed=0) as network:
    nengo_dl.configure_settings(stateful=False)
    node = nengo.Node(np.zeros(4))
    neurons = nengo.Ensemble(20, 1, neuron_type=nengo.RectifiedLinear()).neurons
    nengo.Connection(node, neurons, transform=nengo.Dense((20, 4), init=nengo_dl.dists.Glorot()), synapse=None)
    output = nengo.Node(size_in=2)
    nengo.Connection(neurons, output, transform=nengo.Dense((2, 20), init=nengo_dl.dists.Glorot()), synapse=None)
    probe = nengo.Probe(output)
x = np.random.default_rng(0).normal(size=(200, 1, 4)).astype(np.float32)
y = (x[..., :1] > 0).astype(np.float32)
with nengo_dl.Simulator(network, minibatch_size=50, seed=0, progress_bar=False) as simulator:
    simulator.compile(tf.optimizers.Adam(0.05), loss=tf.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = simulator.fit(x, y, epochs=8, verbose=0).history["loss"]
assert losses[-1] < 0.5 * losses[0], losses
"""


def run(*parts: str) -> subprocess.CompletedProcess:
    source = "import os, sys\nimport numpy as np\n" + "".join(textwrap.dedent(part) for part in parts)
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)


@pytest.mark.parametrize("parts", [(TORCH, NENGO_DL, TORCH), (NENGO_DL, TORCH)], ids=["torch first", "NengoDL first"])
def test_both_work_in_one_process_whichever_comes_first(parts: tuple[str, ...]):
    done = run(*parts)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no chatter"


def test_keras_3_is_left_alone():
    done = run(
        """
        import tensorflow as tf
        layer = tf.keras.layers.Dense(2)
        assert type(layer).__module__.startswith("keras.")
        from course_utils.exchange import nengo_bridge
        try:
            nengo_bridge.load()
        except ImportError as error:
            print(error)
        import keras
        assert keras.layers.Dense is type(layer)
        """
    )
    assert done.returncode == 0, done.stderr
    assert "Restart the kernel" in done.stdout


def test_a_version_that_no_longer_fits_is_named(monkeypatch: pytest.MonkeyPatch):
    of = {"Model": SimpleNamespace(__module__="tf_keras.src")}
    lazy = {
        name: SimpleNamespace(**{one: of["Model"] for one in nengo_bridge.LAZY.values()}) for name in nengo_bridge.LAZY
    }
    monkeypatch.setattr(nengo_bridge, "_torch_first", lambda: None)
    monkeypatch.setattr(nengo_bridge.importlib, "import_module", lambda name: SimpleNamespace(**lazy))
    monkeypatch.delitem(sys.modules, "nengo_dl", raising=False)
    with pytest.raises(ImportError, match=r"nengo-dl 3\.6\.0, tensorflow .*: .*Functional.* was tested with nengo-dl"):
        nengo_bridge.load()


def test_without_tensorflow(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(nengo_bridge.importlib, "import_module", missing)  # neither torch, so it is not needed
    monkeypatch.delitem(sys.modules, "nengo_dl", raising=False)
    with pytest.raises(ImportError, match="No module named 'tensorflow'"):
        nengo_bridge.load()
