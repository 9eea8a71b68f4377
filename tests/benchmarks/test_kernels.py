"""The memory of a class, as the instructor's page prints it, is what was measured."""

import json

from course_utils.data.locate import COURSE_ROOT


def test_the_table_of_memory_is_the_record() -> None:
    record = json.loads((COURSE_ROOT / "data/benchmarks/kernels.json").read_text(encoding="utf-8"))
    page = (COURSE_ROOT / "docs/teaching.md").read_text(encoding="utf-8")
    for number, found in zip(("06", "13"), record.values(), strict=True):
        measured = found["kernels"] == 20
        twenty = found["all_mb"] if measured else found["first_mb"] + 19 * found["each_further_mb"]
        row = next(line for line in page.splitlines() if line.startswith(f"| {number}, "))
        assert row.split(" | ")[1:] == [
            str(found["kernels"]),
            f"{found['first_mb']} MB",
            f"{found['each_further_mb']} MB",
            f"{twenty / 1000:.1f} GB, {'measured' if measured else 'calculated'} |",
        ]
