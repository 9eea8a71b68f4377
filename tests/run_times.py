"""Adds up what each notebook takes under nbval, prints it, and fails the run where a lesson's ceiling is broken."""

import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest

CEILING_S = defaultdict(lambda: 150, {"00": 60, "01": 60, "02": 240, "04": 60, "15": 240, "18": 60})


def printed_run_time_s(path: Path) -> int:
    """The run time that a lesson prints in its first cell."""
    return int(re.search(r"measured run time: (\d+) s", nbformat.read(path, as_version=4).cells[0].source)[1])


class RunTimes:
    def __init__(self) -> None:
        self.seconds: dict[Path, float] = defaultdict(float)

    def over(self) -> list[Path]:
        return [path for path, seconds in self.seconds.items() if seconds > CEILING_S[path.stem[:2]]]

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = Path(report.nodeid.partition("::")[0])
        if path.suffix == ".ipynb":
            self.seconds[path] += report.duration

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.over() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.seconds:
            terminalreporter.section("run times of the lessons")
        for path, seconds in sorted(self.seconds.items()):
            verdict = "OVER ITS CEILING" if path in self.over() else "ok"
            terminalreporter.write_line(
                f"{path.stem:24s} {seconds:4.0f} s, printed {printed_run_time_s(path):4d} s, "
                f"ceiling {CEILING_S[path.stem[:2]]:4d} s: {verdict}"
            )
