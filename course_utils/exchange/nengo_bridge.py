"""NengoDL 3.6 on today's TensorFlow, beside torch, in one environment.

    nengo_dl = nengo_bridge.load()

NengoDL is older than Keras 3. It looks for two things where Keras 2 had them, in `keras.engine.functional` and in
`keras.layers`. Keras 2 still exists, as the package `tf_keras`. So while NengoDL is being imported, and only then, the
names of the old places stand for their twins in `tf_keras`, and TensorFlow is told once to use it as `tf.keras`.

Torch goes first, see `_torch_first`. What is touched is put back: the modules of those names, the environment's
variables.
"""

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

from course_utils.exchange.old_packages import does_not_fit, holding, import_or_explain

TESTED = {"nengo-dl": "3.6.0", "tensorflow": "2.21.0", "tf-keras": "2.21.0"}
TWINS = {
    "keras": "tf_keras",
    "keras.engine": "tf_keras.src.engine",
    "keras.engine.functional": "tf_keras.src.engine.functional",
    "keras.layers": "tf_keras.src.layers",
}
NEEDED = {"keras.engine.functional": ("Functional", "_build_map"),
          "keras.layers": ("BatchNormalizationV1", "BatchNormalizationV2")}  # fmt: skip
# TensorFlow chooses its Keras where one of these is first used, each for itself.
LAZY = {"keras": "Model", "optimizers": "Optimizer", "losses": "Loss", "metrics": "Metric", "initializers": "Zeros"}
QUIET = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def load() -> ModuleType:
    """NengoDL, ready to use; the first call imports TensorFlow too, which takes seconds. Later calls cost nothing.

    Raises:
        ImportError: TensorFlow is already loaded and uses Keras 3, or these versions no longer fit together.
    """
    if (loaded := sys.modules.get("nengo_dl")) is not None:
        return loaded
    if "tensorflow" not in sys.modules:
        _torch_first()
    with holding(os.environ, QUIET), _silent():
        try:
            tensorflow = importlib.import_module("tensorflow")
            chosen = [getattr(getattr(tensorflow, name), of_it).__module__ for name, of_it in LAZY.items()]
            twins = {name: importlib.import_module(twin) for name, twin in TWINS.items()}
            for name, wanted in NEEDED.items():
                for attribute in wanted:
                    getattr(twins[name], attribute)
        except (ImportError, AttributeError) as error:
            raise does_not_fit("NengoDL", error, TESTED) from error
        if not all(module.startswith("tf_keras") for module in chosen):
            raise ImportError(
                "TensorFlow was loaded before NengoDL and has chosen Keras 3. Restart the kernel, and call "
                "nengo_bridge.load() before anything imports TensorFlow."
            )
        with holding(sys.modules, twins):
            nengo_dl = import_or_explain("nengo_dl", "NengoDL", TESTED)
    warnings.filterwarnings("ignore", "No GPU support detected", module="nengo_dl")  # at every simulator
    return nengo_dl


def _torch_first() -> None:
    """Torch looks for a graphics card and loads its compiler.

    TensorFlow and torch's compiler each bring LLVM. The second to come finds its options taken; TensorFlow bears that,
    torch's compiler ends the process, at the first optimizer that is made. And the search for a card that comes second
    warns of an error that is none.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("torch").cuda.is_available()
        importlib.import_module("triton")


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without warnings, and without what TensorFlow's C++ writes past Python to the error output."""
    sys.stderr.flush()
    error_output = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(error_output, 2)
        os.close(error_output)
        os.close(nowhere)
