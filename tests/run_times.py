"""Adds up what each notebook takes under nbval and prints it. A slow machine is no fault: only a hang fails."""

import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest


def printed_run_time_s(path: Path) -> int:
    """The run time that a lesson prints in its first cell."""
    return int(re.search(r"measured run time: (\d+) s", nbformat.read(path, as_version=4).cells[0].source)[1])


class RunTimes:
    """A plug-in of pytest."""

    def __init__(self) -> None:
        self.seconds: dict[Path, float] = defaultdict(float)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = Path(report.nodeid.partition("::")[0])
        if path.suffix == ".ipynb":
            self.seconds[path] += report.duration

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.seconds:
            terminalreporter.section("run times of the lessons")
        for path, seconds in sorted(self.seconds.items()):
            printed = printed_run_time_s(terminalreporter.config.rootpath / path)
            terminalreporter.write_line(f"{path.stem:26} {seconds:4.0f} s, printed {printed:4} s")
