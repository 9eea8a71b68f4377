"""Files of the NIR paper: graphs that other tools wrote, and what one LIF neuron did on other platforms.

Source: J. E. Pedersen et al., Nature Communications 15:8122 (2024), https://github.com/neuromorphs/NIR, folder `paper`
at commit 7232ada of 30 January 2026; BSD-3-Clause, © 2023 NIR Team.
"""

from pathlib import Path

import numpy as np

from course_utils.data.download import NotAvailable, download, verify
from course_utils.data.locate import DOWNLOADS
from course_utils.data.search import find

_AT = "neuromorphs/NIR", "7232ada6d30e1beea78b180a5135b1a3bb3d3bc0"
MIRRORS = "https://raw.githubusercontent.com/{}/{}/paper", "https://cdn.jsdelivr.net/gh/{}@{}/paper"
GRAPHS = {  # file: (its folder in the repository, SHA-256 sum)
    "lif_norse.nir": ("01_lif", "0dd9143ef624892d4a6461f474d93653a337b3490a62e23ec9ec5d18fde9b7b6"),
    "lif_rockpool.nir": ("01_lif", "f493a2cd00e20be6305acd7808faa1d4558993c91f3af43454bf637371e543d6"),
    "two_lif_neurons.nir": (
        "01_lif/debug_spike_representation",
        "806c7c1cfae72b5be92ce15a670f37014b82a5d4fba8a077efce46d193c21a82",
    ),
    "cnn_sinabs.nir": ("02_cnn", "e2fa55bda7aab5a772485e1b690358bcb825b303eca7dc426e3973937fcb5bcb"),
    "braille_noDelay_bias_zero.nir": ("03_rnn", "f1aab3ce74024e7feac508a03b04c58d483ee3a01e293dba4b53d0b519b8650e"),
}
# By what a trace is called here, the X of its lif_X.csv and its SHA-256 sum. The script beside SpiNNaker 2's ran the
# simulator of that chip's software (Brian2, in double precision); its line for the chip is commented out.
TRACES = {
    "exact, event by event": ("exact", "ae039c6359bb3c53adee01a8cb5a8ddc6c0bfed20c6984bd2b092740ab2680b1"),
    "Norse": ("norse", "300d80dc21d67137740722caefb6d9a2f267331bfe682051ed99ac41a9cd0448"),
    "snnTorch": ("snntorch", "6c1258f6a972ce9bf09ca0f4aacf8a457d38259df11613b22b442d21fa6bf5c1"),
    "Nengo": ("nengo", "64ee8b4ee323a3c8a03500455a5835225ec2fb10a1746dec4f1bdfbfb7fdb473"),
    "SpiNNaker 2's simulator": ("spinnaker2", "58be9f52cdc3a813e949e637aef0fae63a4ca8eb74be7a4a8276c4c4570709e7"),
    "Spyx": ("spyx", "f180386a5b92910b4f8b4361d363535cbcb4ba5bd6e453c2ddf6f82459e2d799"),
    "Lava, CPU, floating point": ("lava_cpu_float", "177a674e1ea10db5ed4047c34083242e7eeb8ef6681d34a27a23b1e011514aa5"),
    "Lava, CPU, whole numbers": ("lava_cpu_fixed", "4426b06b035ebab370ad74f812041f49140ac22d0a7baae389addee37541db7e"),
    "Loihi 2, the chip": ("lava_loihi_fixed", "8c721d7eed09623de92429c3eb8b0321f9b69c4ce759f0d8651940d976159081"),
    "Rockpool": ("rockpool", "6758dd745b59de8a309d85e3aaf12cdefc8612ecddf4cac79b2880defe9ca00b"),
    "sinabs": ("sinabs", "a891d016e51abfcbfb00e9f4f7ecbcb6191bd15f982b200335382e9ca15eb55d"),
}
FILES = GRAPHS | {f"lif_{name}.csv": ("01_lif", sha256) for name, sha256 in TRACES.values()}


def paper_files() -> dict[str, Path]:
    """Where the files are: in the data folders, else downloaded; empty, with one line that says so, if neither is so.
    A damaged file is refused by name."""
    found = {}
    for name, (folder, sha256) in FILES.items():
        here = find(f"nir_paper/{name}")
        try:
            urls = [f"{mirror.format(*_AT)}/{folder}/{name}" for mirror in MIRRORS]
            found[name] = verify(here, sha256) if here else download(urls, DOWNLOADS / "nir_paper" / name, sha256)
        except NotAvailable:
            print("The NIR paper's files are not in $COURSE_DATA or data/, and cannot be fetched now: without them.")
            return {}
    print(f"{len(found)} files of the NIR paper, in {found['lif_norse.nir'].parent.name}/")
    return found


def paper_traces(files: dict[str, Path]) -> dict[str, np.ndarray]:
    """By platform: input, membrane potential in the platform's own unit and spike, [1000 steps of 0.1 ms, 3]."""
    known = {called: files[f"lif_{name}.csv"] for called, (name, _) in TRACES.items() if f"lif_{name}.csv" in files}
    return {called: np.loadtxt(file, delimiter=",") for called, file in known.items()}
