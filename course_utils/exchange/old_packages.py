"""Packages that are older than what they stand on: names held in place while they are imported, and plain words if not.

`nengo_bridge` and `loihi` say what NengoDL and NengoLoihi need.
"""

import contextlib
import importlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from types import ModuleType


@contextlib.contextmanager
def holding(places: MutableMapping, values: Mapping) -> Iterator[None]:
    """These values at these names, for as long as this lasts."""
    before = {name: places[name] for name in values if name in places}
    places.update(values)
    try:
        yield
    finally:
        for name in values:
            places.pop(name, None)
        places.update(before)


def import_or_explain(name: str, library: str, tested: Mapping[str, str]) -> ModuleType:
    """The module of that name. If its import fails, nothing of it stays behind, and `does_not_fit` says why; `library`
    is what people call it, `tested` the packages and versions with which it is known to work."""
    try:
        return importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        for half in [loaded for loaded in sys.modules if loaded.partition(".")[0] == name]:
            del sys.modules[half]
        raise does_not_fit(library, error, tested) from error


def does_not_fit(library: str, error: Exception, tested: Mapping[str, str]) -> ImportError:
    """What to raise where a library and the installed packages do not fit together; see `import_or_explain`."""
    installed = []
    for package in tested:
        try:
            installed.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            installed.append(f"no {package}")
    *most, last = (f"{package} {version}" for package, version in tested.items())
    return ImportError(
        f"{library} does not fit the installed packages ({', '.join(installed)}): {error}. The course was tested with "
        f"{', '.join(most)} and {last}; requirements.lock holds these."
    )
