"""Is this machine ready for the course? One line a check: OK and what was found, or FAIL and what to do about it.

A check is a function without arguments. It returns what it found, in words, or None where there is nothing to say. It
raises `NotReady` if something has to be done. Any other exception becomes a FAIL too: checking never stops half-way.
Nothing is downloaded; at most the folders data/ and data/results are made.
"""

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from course_utils.data import locate, search
from course_utils.data.download import sha256_of
from course_utils.data.files import CannotWrite, try_to_write

LOCK = locate.COURSE_ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13")
FREE_DISK_GB = 2  # more than all downloads of the course together
MEMORY_GB = 4
SHIPPED_STRIPES = 200
DOWNLOAD_MB = {"MNIST": 12, "FashionMNIST": 31}

# What is imported to see whether a package works. None: only its version is read here, since it is loaded through a
# bridge where it is needed, and TensorFlow takes seconds.
PACKAGES: dict[str, str | None] = {
    **{name: name for name in ("jupyterlab", "ipywidgets", "matplotlib", "nbval", "torch", "torchvision")},
    "norse": "norse.torch",
    **{name: name for name in ("snntorch", "nengo", "nir", "nirtorch")},
    "scikit-learn": "sklearn",
    **dict.fromkeys(("nengo-dl", "tensorflow", "tf-keras")),
}
INSTALL_AGAIN = "run `python noxfile.py -s lab` again in the course's folder"
ASK = "copy this line and ask your supervisor, or open an issue"

Check = Callable[[], str | None]


class NotReady(Exception):
    """Something has to be done first: what is the case, and the remedy."""


class Finding(NamedTuple):
    """The answer of one check; `remedy` is empty if it is OK."""

    name: str
    ok: bool
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{'OK' if self.ok else 'FAIL':<4} {self.name:<14} {self.found}"
        return f"{line} → {self.remedy}" if self.remedy else line


def examine(name: str, check: Check) -> Finding | None:
    """Run one check without ever failing; warnings that it causes are not shown. None if it has nothing to say."""
    try:  # several packages warn while they are imported, and set filters, which are as they were at the end
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("ignore")
            found = check()
    except NotReady as problem:
        return Finding(name, False, *problem.args)
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {' '.join(str(error).split())}", ASK)
    return None if found is None else Finding(name, True, found)


def check(groups: Mapping[str, Mapping[str, Check]] | None = None) -> list[Finding]:
    """Examine machine, packages and data, or other checks by heading and name; print each line when it is known."""
    begin = time.perf_counter()
    findings = []
    for heading, checks in (all_checks() if groups is None else groups).items():
        print(f"\n{heading}" if findings else heading, flush=True)
        for name, one in checks.items():
            if (finding := examine(name, one)) is not None:
                print(finding, flush=True)
                findings.append(finding)
    failed = [finding.name for finding in findings if not finding.ok]
    seconds = f"in {time.perf_counter() - begin:.0f} s"
    if failed:
        print(f"\n{len(failed)} of {len(findings)} checks FAIL ({', '.join(failed)}), {seconds}.")
    else:
        print(f"\nAll {len(findings)} checks are OK, {seconds}.")
    return findings


def all_checks() -> dict[str, dict[str, Check]]:
    """The checks of the course, by heading and name."""
    return {
        "Machine": {
            "Python": python,
            "cores": lambda: f"{_cores()} for this notebook",
            "memory": memory,
            "free disk": free_disk,
        },
        "Packages (the first imports take some seconds)": {name: partial(package, name) for name in PACKAGES},
        "PyTorch on this machine": {"threads": threads, "GPU": gpu},
        "Data": {
            "COURSE_DATA": course_data,
            **{name: partial(images, name) for name in DOWNLOAD_MB},
            "data/stripes": shipped_stripes,
            "data/": partial(writable, locate.DOWNLOADS),
            "data/results/": partial(writable, locate.DOWNLOADS / "results"),
        },
    }


def python() -> str:
    """Python is a version that the lock was made for."""
    found = platform.python_version()
    if "{}.{}".format(*sys.version_info) not in PYTHONS:
        wanted = f"{', '.join(PYTHONS[:-1])} or {PYTHONS[-1]}"
        raise NotReady(f"{found}, where the course needs {wanted}", f"{INSTALL_AGAIN} with one of these")
    return found


def memory() -> str | None:
    """The machine's memory, where the platform tells it without a further package (Windows does not)."""
    try:
        size_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None
    if size_gb < MEMORY_GB:
        remedy = "keep one notebook open at a time (Kernel → Shut Down All Kernels…), or take a larger machine"
        raise NotReady(f"{size_gb:.1f} GB, where {MEMORY_GB} GB are advised", remedy)
    return f"{size_gb:.0f} GB"


def free_disk(folder: Path = locate.COURSE_ROOT, least_gb: float = FREE_DISK_GB) -> str:
    """There is room for the downloads."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < least_gb:
        raise NotReady(f"{free_gb:.1f} GB, where downloads may need {least_gb} GB", "delete what you no longer need")
    return f"{free_gb:.0f} GB"


def package(name: str, module: str | None = None, lock: Path = LOCK) -> str:
    """The version is the one that the lock names, and the package (or this module of it) can be imported."""
    pin = re.search(rf"^{re.escape(name)}==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if pin is None:
        raise NotReady(f"has no version in {lock.name}", "get the course's files again; the lock is not whole")
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise NotReady("is not installed in this notebook's Python", INSTALL_AGAIN) from None
    if version.partition("+")[0] != pin[1]:  # 2.15.0+cpu is a build of 2.15.0
        raise NotReady(f"{version} is installed, {lock.name} has {pin[1]}", INSTALL_AGAIN)
    module = module or PACKAGES.get(name)
    if module is None:
        return f"{version} (loaded by the lesson on NengoDL)"
    try:
        importlib.import_module(module)
    except Exception as error:
        raise NotReady(f"{version} does not import ({type(error).__name__}: {error})", INSTALL_AGAIN) from error
    return version


def threads() -> str:
    """PyTorch uses no more threads than there are cores."""
    import torch

    if (count := torch.get_num_threads()) > _cores():
        remedy = f"set the environment variable OMP_NUM_THREADS to {_cores()}, then start JupyterLab again"
        raise NotReady(f"{count} on {_cores()} cores, which makes PyTorch slower", remedy)
    return str(count)


def gpu() -> str:
    """The graphics card, if there is one. None is needed."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none found; no lesson needs one"


def course_data() -> str:
    """`$COURSE_DATA` names a folder, or is not set."""
    try:
        folders = search.data_folders()
    except ValueError as error:
        found, _, remedy = str(error).rpartition(". ")
        raise NotReady(found, f"{remedy} Then start JupyterLab again") from None
    return "not set; data is looked for in data/" if len(folders) == 1 else "set; it is searched before data/"


def images(name: str) -> str:
    """MNIST or Fashion-MNIST: where its four files are, and that they are undamaged. Missing files are no fault."""
    from course_utils.data.digits import FILES as files
    from course_utils.data.digits import SHA256

    try:
        found = {file: search.find(Path(name) / "raw" / file) for file in files}
    except ValueError as error:
        raise NotReady(f"cannot be looked for ({error})", "see the line COURSE_DATA") from None
    there = {file: path for file, path in found.items() if path is not None}
    for file, sha256 in zip(files, SHA256[name], strict=True):
        if file in there and sha256_of(there[file]) != sha256:
            remedy = "delete this file; the lesson that needs it fetches it again"
            raise NotReady(f"{_place(there[file])}{name}/raw/{file} is damaged", remedy)
    if len(there) < len(files):
        state = f"{len(there)} of {len(files)} files here" if there else "not here yet"
        return f"{state}; the lesson that needs it downloads it ({DOWNLOAD_MB[name]} MB), or uses scikit-learn's digits"
    return "found in " + " and ".join(sorted({_place(path) for path in there.values()}))


def shipped_stripes(folder: Path = locate.DOWNLOADS / "stripes") -> str:
    """The stripe images that come with the course are all there and can be read."""
    from course_utils.data.stripe_folder import StripeFolder

    restored = f"`git restore data/{folder.name}`, or copy it from a fresh download of the course"
    remedy = f"it is part of the course: {restored}"
    if not folder.is_dir():
        raise NotReady("is missing", remedy)
    try:
        count = len([image for image in StripeFolder(folder)])
    except (OSError, ValueError) as error:
        raise NotReady(str(error).replace(str(folder), f"data/{folder.name}"), remedy) from None
    if count != SHIPPED_STRIPES:
        raise NotReady(f"{count} images, where the course ships {SHIPPED_STRIPES}", remedy)
    return f"{count} images"


def writable(folder: Path) -> str:
    """A file can be made in this folder, which is made if it is missing."""
    try:
        try_to_write(folder)
    except CannotWrite as error:
        remedy = "give yourself the right to write there, or copy the course into a folder of your own"
        if folder.is_file():
            remedy = f"move the file {folder.name} away: a folder belongs there"
        raise NotReady(f"cannot be written ({error.__cause__.strerror})", remedy) from None
    return "can be written"


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _place(path: Path) -> str:
    """The data folder that a file lies in, by the name that the student knows."""
    return "data/" if path.is_relative_to(locate.DOWNLOADS) else "$COURSE_DATA/"
