"""What a class costs in memory: kernels after the set-up cell of a light and of a heavy lesson.

`python noxfile.py -s benchmark -- kernels` starts twenty of each, one after the other; `--count 4` fewer. A kernel's
memory is its proportional set size (PSS): pages that several kernels share are divided among them, so the sum over the
kernels is what the machine must have. Where less than 5 GB are left, no further one is started. Linux only.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

from jupyter_client import KernelManager

from course_utils.tools.views import LESSONS
from tests.notebook_cells import cells

TOPICS = "stripe_snn", "deep_spiking_convnets"
SPARE_MB = 5000  # a set-up cell takes up to 2.9 GB while it runs, and the machine is not ours alone


def pss_mb(pid: int) -> float:
    """Proportional set size of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1000


def available_mb() -> float:
    """Memory that can be had without swapping."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) / 1000


def set_up_kernels(topic: str, count: int) -> dict[str, object]:
    """Start kernels, run the lesson's set-up cell in each, and weigh all of them after each start."""
    code = "\n".join(cell.source for cell in cells(topic, "setup"))
    running, seconds, totals = [], [], []
    try:
        for number in range(count):
            if available_mb() < SPARE_MB:
                raise SystemExit(f"{number} kernels run; another would leave too little memory. Nothing is written.")
            begin = time.perf_counter()
            manager = KernelManager(kernel_name="python3")
            manager.start_kernel(cwd=str(LESSONS), env=os.environ | {"OMP_NUM_THREADS": "1"})
            running.append(manager)
            client = manager.blocking_client()
            client.start_channels()
            client.wait_for_ready(timeout=300)
            reply = client.execute_interactive(code, timeout=300, output_hook=lambda _: None)
            client.stop_channels()
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"the set-up cell of {topic} failed: {reply['content']['evalue']}")
            seconds.append(time.perf_counter() - begin)
            totals.append(sum(pss_mb(manager.provisioner.pid) for manager in running))
    finally:
        for manager in running:
            manager.shutdown_kernel(now=True)
    each = (totals[-1] - totals[0]) / (count - 1) if count > 1 else totals[0]
    return {
        "kernels": count,
        "first_mb": round(totals[0]),
        "all_mb": round(totals[-1]),
        "each_further_mb": round(each),
        "median_s": round(statistics.median(seconds), 1),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args(arguments)
    found = {}
    for topic in TOPICS:
        found[topic] = set_up_kernels(topic, options.count)
        print(topic, found[topic], flush=True)
    (options.to / "kernels.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
