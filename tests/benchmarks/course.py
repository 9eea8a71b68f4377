"""How long a person waits: `python noxfile.py -s benchmark -- [imports] [redraws] [lessons] [steps] [peers] [kernels]`.

Seconds depend on the machine, so each figure also stands as a ratio to a fixed piece of work of the same run: a hundred
training steps of a plain convolutional network, timed just before. Written to `data/benchmarks/`, for a table. `steps`,
`peers` and `kernels` are described in files of their own. Without a name: imports, redraws and lessons.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from course_utils.tools.views import notebook
from tests.benchmarks import kernels, peers, step_cost
from tests.notebook_cells import TOPICS, cells

ROOT = Path(__file__).resolve().parents[2]
FIXED = """
import time, torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.Flatten(),
                    nn.Linear(2048, 10))
images, labels = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
optimizer = torch.optim.SGD(net.parameters(), 1e-2)
def steps(count):
    for _ in range(count):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
steps(10)
begin = time.perf_counter()
steps(100)
print(time.perf_counter() - begin)
"""
LIBRARIES = "import torch, norse.torch, matplotlib.pyplot"


def in_fresh_python(code: str) -> float:
    """What a program prints last, as a number."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    found = subprocess.run(command, cwd=ROOT / "notebooks", capture_output=True, text=True, check=True)
    return float(found.stdout.split()[-1])


def fixed_work_s() -> float:
    """Seconds of the fixed piece of work: the median of three."""
    return statistics.median(in_fresh_python(FIXED) for _ in range(3))


def cpu_seconds(code: str) -> float:
    """Processor time of a program in a new interpreter: the least of three."""
    timed = "import time\nbegin = time.process_time()\n" + code + "\nprint(time.process_time() - begin)"
    return min(in_fresh_python(timed) for _ in range(3))


def imports(topics: list[str]) -> dict[str, float]:
    """Processor time of each lesson's set-up cell, and of the libraries that most of them need."""
    taken = {LIBRARIES: cpu_seconds(LIBRARIES)}
    for topic in topics:
        source = "\n".join(cell.source for cell in cells(topic, "setup")).replace("%matplotlib inline", "")
        taken[topic] = cpu_seconds(source)
    return taken


def lessons(topics: list[str]) -> dict[str, float]:
    """Seconds of each lesson from the start of its kernel to its last cell."""
    taken = {}
    for topic in topics:
        lesson = nbformat.read(notebook(topic), as_version=4)
        with tempfile.TemporaryDirectory() as mine:
            client = NotebookClient(lesson, kernel_name="python3", resources={"metadata": {"path": ROOT / "notebooks"}})
            begin = time.perf_counter()
            client.execute(env=os.environ | {"COURSE_RESULTS": mine})
            taken[topic] = time.perf_counter() - begin
        print(f"{topic}: {taken[topic]:.0f} s", flush=True)
    return taken


def redraws(topics: list[str]) -> dict[str, float]:
    """Median seconds of a redraw in each lesson, in a browser; the browser's test moves every control."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "redraws.json")
        command = [sys.executable, "-m", "pytest", "-q", "tests/test_browser.py", "-k", "widgets_work"]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"COURSE_REDRAWS": str(file)}, check=True)
        found = json.loads(file.read_text(encoding="utf-8"))
    return {topic: statistics.median(found[topic]) / 1000 for topic in topics if topic in found}


MEASURES = {"imports": imports, "redraws": redraws, "lessons": lessons}
OTHERS = {"steps": step_cost.main, "peers": peers.main, "kernels": kernels.main}


def main(names: list[str]) -> None:
    """Measure, print and write."""
    for name in names or MEASURES:
        if name in OTHERS:
            OTHERS[name](["--to", str(ROOT / "data" / "benchmarks")])
            continue
        fixed = fixed_work_s()
        taken = MEASURES[name](TOPICS)
        figures = {key: {"seconds": round(s, 3), "ratio": round(s / fixed, 3)} for key, s in taken.items()}
        content = {"fixed_work_s": round(fixed, 3), "total_s": round(sum(taken.values()), 1), "figures": figures}
        file = ROOT / "data" / "benchmarks" / f"{name}.json"
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"{name}, the fixed piece of work took {fixed:.2f} s:")
        for key, figure in figures.items():
            print(f"  {key:44} {figure['seconds']:8.2f} s {figure['ratio']:8.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
