"""Trainings that are killed, and "Run All" that is interrupted."""

import os
import queue
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_client import KernelManager

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
import sys, torch
from pathlib import Path
from torch import nn
from course_utils.training.loop import fit
torch.manual_seed(0)
x = torch.rand(256, 20)
y = (x.sum(1) > 10).long()
model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 2))
print("begins", flush=True)
history = fit(model, (x, y), (x, y), epochs=60, learning_rate=0.01, seed=3, batch_size=8, checkpoint=Path(sys.argv[1]))
print(history.loss[-1], history.accuracy, sum(p.double().sum().item() for p in model.parameters()))
"""
KILLS = int(os.environ.get("COURSE_KILLS", "3"))


def start(file: Path) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", TRAINING, str(file)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_training_that_is_killed_at_any_moment_ends_with_the_same_numbers(tmp_path: Path):
    """Killed when the checkpoint was written so often; the next call goes on from it."""
    expected = start(tmp_path / "whole.safetensors").communicate()[0].splitlines()[-1]
    rng, file, killed = random.Random(0), tmp_path / "parts.safetensors", 0
    for _ in range(KILLS):
        process = start(file)
        assert process.stdout.readline() == "begins\n"
        writings, seen = rng.randrange(8), None
        while writings > 0 and process.poll() is None:
            time.sleep(rng.uniform(0, 0.01))
            now = file.stat().st_mtime_ns if file.exists() else None
            writings, seen = writings - (now != seen), now
        process.kill()
        killed += process.wait() == -signal.SIGKILL if sys.platform != "win32" else 1
        process.stdout.close()
    assert killed, "none had been fast enough to end by itself"
    assert start(file).communicate()[0].splitlines()[-1] == expected
    assert {path.name for path in tmp_path.iterdir() if not path.name.endswith(".part")} == {
        "whole.safetensors",
        "parts.safetensors",
    }


def test_run_all_stops_at_an_interrupted_training_and_says_so_in_one_line(tmp_path: Path):
    cells = [
        TRAINING.replace("epochs=60", "epochs=100000").replace("Path(sys.argv[1])", "None"),
        "print('the next cell ran')",
    ]
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path), env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=240)
        asked = [client.execute(cell, stop_on_error=True) for cell in cells]
        printed, error = "", None
        while True:
            message = client.get_iopub_msg(timeout=240)
            mine, kind = message["parent_header"].get("msg_id") == asked[0], message["msg_type"]
            if kind == "stream" and message["content"]["name"] == "stdout":
                printed += message["content"]["text"]
            if kind == "display_data" and mine and "begins" in printed:  # the progress bar
                time.sleep(0.5)
                manager.interrupt_kernel()
            if kind == "error":
                error = message["content"]
                break
        replies = {}
        while not replies.keys() >= set(asked):
            reply = client.get_shell_msg(timeout=240)
            replies[reply["parent_header"]["msg_id"]] = reply["content"].get("status")
        assert [replies[one] for one in asked] == ["error", "aborted"]
        (line,) = error["traceback"]
        assert line.startswith("Interrupted in epoch ") and "nothing is recorded" in line
        client.execute("print(len(model))")  # the model is kept
        while True:
            message = client.get_iopub_msg(timeout=240)
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed += message["content"]["text"]
                break
        assert "the next cell ran" not in printed and printed.endswith("3\n")
    except queue.Empty:
        pytest.fail("the kernel says nothing")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
