"""Files of the NIR paper: graphs that other tools wrote, and what one LIF neuron did on other platforms.

Source: J. E. Pedersen et al., Nature Communications 15:8122 (2024), https://github.com/neuromorphs/NIR, folder `paper`
at commit 7232ada of 30 January 2026; BSD-3-Clause, © 2023 NIR Team.
"""

from pathlib import Path

import numpy as np

from course_utils.data.download import NotAvailable, download, verify
from course_utils.data.locate import DOWNLOADS, find

_AT = "neuromorphs/NIR", "7232ada6d30e1beea78b180a5135b1a3bb3d3bc0"
MIRRORS = "https://raw.githubusercontent.com/{}/{}/paper", "https://cdn.jsdelivr.net/gh/{}@{}/paper"
GRAPHS = {  # file: (its folder in the repository, MD5 sum)
    "lif_norse.nir": ("01_lif", "6a768d3a3d9cd4e26e148532f9370c01"),
    "lif_rockpool.nir": ("01_lif", "02070470245873771c1d445db6787782"),
    "two_lif_neurons.nir": ("01_lif/debug_spike_representation", "257bbe22423f0c8b4c49dd013baf82f0"),
    "cnn_sinabs.nir": ("02_cnn", "b57bbc9d11e5781e9d6a8c8b63b36e9d"),
    "braille_noDelay_bias_zero.nir": ("03_rnn", "4413b1739f4f47f33968f4eb215e9a43"),
}
# What a trace is called here, by its file. The script beside SpiNNaker 2's ran the simulator of that chip's software
# (Brian2, in double precision); its line for the chip is commented out.
TRACES = {
    "lif_exact.csv": ("exact, event by event", "7fe472c9eb36220cd4d78deaa79aaadf"),
    "lif_norse.csv": ("Norse", "de1f5d45e5f06ae2746d5ef1be8fe5d6"),
    "lif_snntorch.csv": ("snnTorch", "dcc38353fb8b5c2cc09599cf1030a0af"),
    "lif_nengo.csv": ("Nengo", "a698a3858efe95f21ba8abc236be3200"),
    "lif_spinnaker2.csv": ("SpiNNaker 2's simulator", "f0ec828125a9df31585aaf950c9650f8"),
    "lif_spyx.csv": ("Spyx", "c916c43b4738a7105637663532708a0e"),
    "lif_lava_cpu_float.csv": ("Lava, CPU, floating point", "7044885c6b235dcf0eecb2702cbda126"),
    "lif_lava_cpu_fixed.csv": ("Lava, CPU, whole numbers", "1e8e700bd84b3e7f264df8d69f70593a"),
    "lif_lava_loihi_fixed.csv": ("Loihi 2, the chip", "ad2d1371a7762395fcb1a189cc77d627"),
    "lif_rockpool.csv": ("Rockpool", "0da4f6cf46c1d4f82fb70902e41ee25e"),
    "lif_sinabs.csv": ("sinabs", "f060a8a859e7fd26540e833f4cc50cc3"),
}
FILES = GRAPHS | {name: ("01_lif", md5) for name, (_, md5) in TRACES.items()}


def paper_files() -> dict[str, Path]:
    """Where the files are: in the data folders, else downloaded; empty, with one line that says so, if neither is so.

    Raises:
        ValueError: a file is damaged; it is named.
    """
    found = {}
    for name, (folder, md5) in FILES.items():
        here = find(f"nir_paper/{name}")
        try:
            urls = [f"{mirror.format(*_AT)}/{folder}/{name}" for mirror in MIRRORS]
            found[name] = verify(here, md5) if here else download(urls, DOWNLOADS / "nir_paper" / name, md5)
        except NotAvailable:
            print("The NIR paper's files are not in $COURSE_DATA or data/, and cannot be fetched now: without them.")
            return {}
    print(f"{len(found)} files of the NIR paper, in {found['lif_norse.nir'].parent.name}/")
    return found


def paper_traces(files: dict[str, Path]) -> dict[str, np.ndarray]:
    """By platform: input, membrane potential in the platform's own unit and spike, [1000 steps of 0.1 ms, 3]."""
    return {TRACES[name][0]: np.loadtxt(files[name], delimiter=",") for name in TRACES if name in files}
