"""Results side by side, and what a lesson says of itself."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.lessons.ledger_and_next_steps import overview
from course_utils.lessons.ledger_and_next_steps.overview import (
    COSTS,
    NUMBERS,
    Result,
    front,
    missing,
    read_lesson,
    results,
)
from course_utils.training.ledger import Record

ANN = Record(
    lesson="mnist_cnn", task="MNIST", model="MLP", seed=0, config={}, parameters=1000, dense=4000,
    data={"source": "MNIST", "train": 100, "validation": 10, "test": 200},
    accuracy=0.9, baseline={"name": "nearest mean", "accuracy": 0.8}, multiply_accumulates=1000,
)  # fmt: skip
SNN = replace(
    ANN, lesson="deep_spiking_convnets", model="SNN", accuracy=0.95, multiply_accumulates=100, accumulates=2000,
    spikes=30.0, time_steps=8,
)  # fmt: skip
CHIP = replace(SNN, lesson="hardware_quantization", model="chip", bits=6)

# --- results --------------------------------------------------------------------------------------------------------


def test_seeds_become_one_result_and_everything_else_another():
    runs = [replace(SNN, seed=seed, accuracy=accuracy) for seed, accuracy in ((1, 0.8), (0, 0.9), (2, 1.0))]
    other = [replace(SNN, experiment="deep"), replace(SNN, data=SNN.data | {"source": "digits8x8"})]
    found = results([*runs, *other, ANN])
    assert [len(result.records) for result in found] == [1, 3, 1, 1]
    together = found[1]
    assert together.accuracy == pytest.approx(0.9) and together.interval == (0.8, 1.0)
    assert [record.seed for record in together.records] == [0, 1, 2]
    assert Result((ANN,)).interval == ANN.accuracy_interval
    assert together.name == f"{NUMBERS[SNN.lesson]} · SNN" and Result((replace(ANN, lesson="x"),)).name == "x · MLP"


def test_costs_by_hand():
    found = Result((SNN,))
    assert {name: found.cost(name) for name in COSTS} == {
        "synaptic operations a sample": 2100,
        "operations a sample, no zero skipped": 4000,
        "spikes a sample": 30,
        "energy estimate a sample (nJ)": pytest.approx((100 * 4.6 + 2000 * 0.9) / 1000),
        "time steps until the answer": 8,
        "parameters": 1000,
        "bits of all weights": 32_000,
    }


@pytest.mark.parametrize(("record", "kind"), [(ANN, "without spikes"), (SNN, "spiking"), (CHIP, "on a chip")])
def test_the_kind_of_a_network(record, kind):
    assert Result((record,)).kind == kind


def test_tasks_are_sorted_by_their_cheapest_network_and_experiments_stand_alone():
    cheap = replace(SNN, task="stripes", accumulates=1, multiply_accumulates=0)
    dear = replace(SNN, task="stripes", model="dear", accumulates=1e9)
    tasks = overview.by_task(results([SNN, ANN, cheap, dear, replace(cheap, experiment="chips")]))
    assert list(tasks) == ["stripes", "stripes (chips)", "MNIST"]
    assert len(tasks["stripes"]) == len(tasks["MNIST"]) == 2


def test_the_table_has_all_columns_and_says_what_is_not_there():
    table = overview.result_table(results([ANN, SNN, replace(SNN, model="uncounted", spikes=0.0)]))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert rows[0] == {
        "lesson": NUMBERS["mnist_cnn"], "task": "MNIST", "data": "MNIST, 200 tested", "network": "MLP",
        "accuracy": "90.00%", "95 % interval": "85.1% to 93.4%", "baseline": "80.0% (nearest mean)", "spikes": "–",
        "operations": "1,000", "steps": "–", "parameters": "1,000", "bits": "32", "energy estimate": "4.6 nJ",
    }  # fmt: skip
    assert rows[1]["spikes"] == "30" and rows[1]["steps"] == "8"
    assert rows[2]["spikes"] == "not counted"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_holds_the_best_and_the_cheapest_and_beats_the_rest(points):
    costs, accuracies = zip(*points, strict=True)
    kept = [point for point, free in zip(points, front(costs, accuracies), strict=True) if free]
    assert any(a == max(accuracies) for _, a in kept) and any(c == min(costs) for c, _ in kept)
    for c, a in kept:
        assert all(other == (c, a) or (other[0] > c) or (other[1] < a) for other in points)
    for point in set(points) - set(kept):
        assert any(c <= point[0] and a >= point[1] and (c, a) != point for c, a in kept)


def test_costs_without_their_accuracies_are_refused():
    with pytest.raises(ValueError, match="number of accuracies is 1; it must be 2"):
        front([1, 2], [0.5])


# --- lessons --------------------------------------------------------------------------------------------------------

FIRST = "# 99 · Test\n\nAfter this lesson you can\n\n1. **read** a thing,\n2. **write**\n   another.\n\n**Time:** long"


def lesson_of(name: str, first: str = FIRST, code: str = "pass") -> overview.Lesson:
    cells = [nbformat.v4.new_markdown_cell(first), nbformat.v4.new_code_cell(code)]
    return read_lesson(name, nbformat.v4.new_notebook(cells=cells))


def test_a_lesson_is_read_from_its_first_cell():
    lesson = lesson_of("99_test", code="ledger.write(record)")
    assert lesson.title == "99 · Test" and lesson.objectives == ("**read** a thing", "**write** another")
    assert lesson.writes_records and not lesson_of("99_test").writes_records


@pytest.mark.parametrize("first", ["# 99 · Test\n\nnothing", "1. **read**"])
def test_a_first_cell_without_its_parts_is_named(first):
    with pytest.raises(ValueError, match=r"first cell of 99_test is .*; it must be one with a title and numbered"):
        lesson_of("99_test", first)


def test_a_lesson_whose_records_are_missing_is_named_whatever_its_number():
    lessons = [lesson_of(f"77_{topic}", code="ledger.write(r)") for topic in (ANN.lesson, CHIP.lesson)]
    assert missing(lessons, [ANN]) == [f"77_{CHIP.lesson}"]
    assert missing(lessons, [ANN, CHIP]) == []
    assert missing([lesson_of("77_neuron")], []) == []


def test_objectives_are_linked_where_the_notebook_is(tmp_path: Path):
    (tmp_path / "98_here.ipynb").touch()
    table = overview.objective_table([lesson_of("98_here"), lesson_of("99_away")], tmp_path)
    assert [row[0] for row in table.rows] == ["[99 · Test](98_here.ipynb)", "99 · Test"]
    assert table.rows[0][1] == "**read** a thing; **write** another"
