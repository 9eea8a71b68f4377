"""What an exercise answers: to any attempt, in five styles of the right one, and to each wrong one that it knows.

All exercises of the course are found by themselves, and so are the stubs and solutions of the lessons.
"""

import ast
import copy
import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from course_utils.classroom.exercise import Exercise, NotYet, Verdict, attempt, misfit, same, shown
from tests import notebook_cells as notebooks

EXERCISES = {
    f"{topic}: {name}": exercise
    for topic in notebooks.TOPICS
    for name, exercise in vars(importlib.import_module(f"course_utils.lessons.{topic}.checks")).items()
    if isinstance(exercise, Exercise)
}
FUNCTIONS = [name for name, exercise in EXERCISES.items() if callable(exercise.right)]


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The numeric parts of an answer, each changed; the rest as it is."""
    if isinstance(value, dict):
        return {key: mapped(part, change) for key, part in value.items()}
    if isinstance(value, tuple) or (isinstance(value, list) and any(isinstance(part, str) for part in value)):
        return tuple(mapped(part, change) for part in value)
    is_numeric = isinstance(value, bool | int | float | list | np.ndarray | np.generic | torch.Tensor)
    return change(value) if is_numeric else value


def as_array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def doubled(value: Any) -> Any:
    """In double precision, and an array where PyTorch's operations do not matter."""
    if isinstance(value, torch.Tensor):
        return value.double() if value.is_floating_point() else value
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def spoil(argument: Any) -> None:
    """Leave nothing of an argument, as a function may that works in place."""
    if isinstance(argument, torch.Tensor):
        argument.detach().fill_(0)
    elif isinstance(argument, np.ndarray) and argument.flags.writeable:
        argument[...] = 0


STYLES: dict[str, Callable[[Any], Any]] = {
    "torch": lambda value: value if isinstance(value, torch.Tensor) else torch.tensor(value),
    "NumPy": as_array,
    "loop": lambda value: as_array(value).tolist(),
    "in place": lambda value: copy.deepcopy(value.detach() if isinstance(value, torch.Tensor) else value),
    "float64": lambda value: mapped(value, doubled),
}


def in_style(right: Callable, style: str) -> Callable:
    """The right function as other people write it."""

    def answer(*arguments: Any) -> Any:
        found = mapped(right(*(map(doubled, arguments) if style == "float64" else arguments)), STYLES[style])
        if style == "in place":
            for argument in arguments:
                spoil(argument)
        return found

    return answer


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_right_answer_is_right_in_every_style(name: str, style: str) -> None:
    verdict = EXERCISES[name](in_style(EXERCISES[name].right, style))
    assert verdict, verdict
    assert verdict.message


@pytest.mark.parametrize(
    ("name", "message"), [(name, message) for name, exercise in EXERCISES.items() for message in exercise.wrong]
)
def test_a_wrong_answer_gets_its_misconception_named(name: str, message: str) -> None:
    for said, wrong in EXERCISES[name].mistakes:
        if said == message:
            verdict = EXERCISES[name](wrong)
            assert verdict.status == "not yet" and message in verdict.message, verdict


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_knows_what_may_go_wrong(name: str) -> None:
    exercise = EXERCISES[name]
    assert len(exercise.wrong) >= 2, name
    assert exercise.grade or exercise.draw or len(exercise.cases) > 3 or not callable(exercise.right), name
    if callable(exercise.right):
        assert exercise(lambda *_: ...).status == "not started"
        for useless in (lambda *_: None, lambda *_: 1 / 0, lambda *_: sum, lambda *_: "spike", lambda *_: float("nan")):
            assert exercise(useless).status == "not yet"
        if exercise.grade is None:
            case = exercise.cases[0] if exercise.cases else exercise.draw(np.random.default_rng(1))
            value = exercise.right(*copy.deepcopy(case))
            assert exercise(lambda *_: value).status == "not yet", "right for the first case, whatever goes in"


# --- the lessons --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", notebooks.TOPICS)
def test_every_stub_is_not_started_and_every_solution_solves(topic: str) -> None:
    namespace = notebooks.run_cells(topic, "setup", "exercise")
    stubs = dict(namespace)
    for cell in notebooks.cells(topic, "taught"):  # what is computed there needs data; solutions need functions only
        functions = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
        exec(compile(ast.Module(functions, []), f"{topic}, {cell.id}", "exec"), namespace)
    for cell in notebooks.cells(topic, "solution"):
        if "check_capstone" in cell.source:  # trains for minutes; the lesson itself is a test that runs it
            continue
        exec(compile(cell.source, f"{topic}, {cell.id}", "exec"), namespace)  # its last line asserts that it is right
    called = [
        call
        for cell in notebooks.cells(topic, "exercise")
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("checks.check_")
    ]
    assert len(called) == len(notebooks.cells(topic, "solution"))
    for call in called:
        verdict = eval(ast.unparse(call), stubs)
        assert verdict.status == "not started", ast.unparse(call)


# --- one exercise, every kind of attempt --------------------------------------------------------------------------

check_sum = Exercise(
    right=lambda spikes: spikes.sum(0),
    cases=[(torch.tensor([[1.0, 0, 0], [1, 1, 0]]),)],
    draw=lambda rng: (torch.tensor(rng.normal(size=(5, 2))),),
    wrong={"That is the mean.": lambda spikes: spikes.mean(0)},
    solved="Summed over time.",
    otherwise="Axis 0 is time.",
)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (..., "not started", "Replace the dots"),
        (lambda x: ..., "not started", "Replace the dots"),
        (lambda x: (..., ...), "not started", "Replace the dots"),
        (lambda x: {"a": ...}, "not started", "Replace the dots"),
        (3, "not yet", "by its name and without brackets"),
        (lambda x: x.sum(0), "solved", "Summed over time"),
        (lambda x: x.cumsum_(0)[-1], "solved", "Summed"),
        (lambda x: x.sum(0).half(), "solved", "Summed"),
        (lambda x: (x * torch.ones(1, requires_grad=True)).sum(0), "solved", "Summed"),
        (lambda x: x.sum(0)[None], "not yet", "Return a torch tensor of the shape [3]; yours has the shape [1, 3]."),
        (lambda x: 3.0, "not yet", "yours is one number"),
        (lambda x: x.sum, "not yet", "`sum()`, with brackets"),
        (lambda x: [x.cumsum_(0)].clear(), "not yet", "in place and return nothing"),
        (lambda x: None, "not yet", "return statement"),
        (lambda x: x, "not yet", "Return a torch tensor of the shape [3]"),
        (lambda x: torch.zeros(x.shape[1]), "not yet", "you return [0, 0, 0]; right is [2, 1, 0]. Axis 0 is time."),
        (lambda x: x.mean(0), "not yet", "That is the mean."),
        (lambda x: (x > 0).sum(0), "not yet", "Right for some cases, but for"),
        (lambda x: x / "2", "not yet", "Your code stopped with TypeError"),
        (lambda: 1, "not yet", "Your code stopped with TypeError"),
    ],
)
def test_a_check_answers_every_attempt(answer, status: str, says: str) -> None:
    verdict = check_sum(answer)
    assert isinstance(verdict, Verdict) and verdict.status == status and says in verdict.message, verdict
    assert bool(verdict) == (status == "solved") and repr(verdict) == f"{status.capitalize()}: {verdict.message}"


def test_the_argument_as_it_came_one_number_for_all_and_what_is_not_refused_are_told() -> None:
    check_negative = Exercise(right=lambda x: -x, cases=[(2.0,), (3.0,)], solved="So.")
    assert "`x` as it came in" in check_negative(lambda x: x).message
    assert "Do you use your argument?" in check_negative(lambda x: 5).message
    check_root = Exercise(right=lambda x: np.emath.sqrt(x) if x >= 0 else int("no"), cases=[(4,), (-1,)], solved="So.")
    assert check_root(lambda x: int("no") if x < 0 else x**0.5)
    assert "right is a ValueError" in check_root(lambda x: abs(x) ** 0.5).message


def test_values_are_judged_before_refusals_and_slips_may_stop_with_an_error() -> None:
    check_root = Exercise(
        right=lambda x: math.sqrt(x),
        cases=[(4.0,), (9.0,), (-1.0,)],
        wrong={
            "That is half of it.": lambda x: x / 2,
            "Right, but the root of −1 is no number.": lambda x: abs(x) ** 0.5,
            "You subtract.": lambda x: x - 2 if x == 4 else x.root(),
            "A number has no root of its own.": lambda x: x.root(),
        },
    )
    assert check_root(lambda x: x / 2 if x > 0 else None).message == "That is half of it."
    assert check_root(lambda x: abs(x) ** 0.5).message == "Right, but the root of −1 is no number."
    assert check_root(lambda x: 2 if x == 4 else 9).message == "You subtract."
    assert check_root(lambda x: x.root()).message == "A number has no root of its own."
    assert "'float' object has no attribute 'sqrt'" in check_root(lambda x: x.sqrt()).message


def test_later_cells_get_what_is_right_and_an_interruption_is_no_answer() -> None:
    def mine(x):
        return x.sum(dim=0)

    assert check_sum.choose(mine).__wrapped__ is mine
    assert check_sum.choose(lambda x: x) is check_sum.right
    with pytest.raises(KeyboardInterrupt):
        check_sum(Mock(side_effect=KeyboardInterrupt))


def test_a_right_answer_that_works_in_place_leaves_the_data_of_the_lesson_alone() -> None:
    def halved(parts, scale):
        for part in parts:
            part *= scale
        return parts[0]

    check = Exercise(right=lambda parts, scale: parts[0] * scale, cases=[([torch.ones(2), np.ones(2)], 0.5)])
    halved = check.choose(halved)
    ours = [torch.ones(2, requires_grad=True), np.ones(2)]
    halved(parts=ours, scale=0.5).sum().backward()
    assert ours[0].tolist() == ours[1].tolist() == [1, 1] and ours[0].grad.tolist() == [0.5, 0.5]
    model = torch.nn.Linear(1, 1)
    trained = Exercise(right=lambda model: model.bias.fill_(1), grade=lambda answer: "").choose(
        lambda model: torch.nn.init.zeros_(model.bias)
    )
    trained(model)
    assert model.bias.item() == 0, "a model is there to be changed"


def test_a_word_counts_in_small_letters_and_in_american_spelling() -> None:
    check = Exercise(
        right={"A": "normalisation", "B": "forgotten reset"}, wrong={"Not B.": {"A": "normalisation", "B": "?"}}
    )
    assert check({"A": "Normalization ", "B": "Forgotten reset"})
    assert "'forgotten' is none of these" in check({"A": "normalisation", "B": "forgotten"}).message


def test_an_attempt_is_turned_into_what_is_needed_once() -> None:
    needed = torch.zeros(2, 2)
    got = attempt(lambda: [[1, 2], [3, 4]], like=needed)
    assert got.dtype == needed.dtype and got.tolist() == [[1, 2], [3, 4]]
    assert attempt(lambda: np.float32(2), like=1.0) == 2.0
    with pytest.raises(NotYet, match="shape \\[2, 2\\]"):
        attempt(lambda: [1, 2], like=needed)


@pytest.mark.parametrize(
    ("found", "wanted", "is_same"),
    [
        *[(1, True, True), (np.int64(3), 3, True), ([1, 2], torch.tensor([1, 2]), True), (torch.ones(1, 1), 1, True)],
        *[([1, "a"], (1, "a"), True), (["b", "a"], {"a", "b"}, True)],
        *[("3", 3, False), ([[1, 2]], [1, 2], False), (float("nan"), 1.0, False), (3, "3", False), (1, (1,), False)],
    ],
)
def test_the_value_counts_not_the_form(found, wanted, is_same: bool) -> None:
    assert same(found, wanted) == is_same and isinstance(shown(found), str)
    assert misfit(found, wanted) == "" or not is_same


def test_a_verdict_shows_a_mark_beside_its_words() -> None:
    texts = [Verdict(status, "So.")._repr_markdown_() for status in ("not started", "not yet", "solved")]
    assert texts == ["○ **Not started.** So.", "✗ **Not yet.** So.", "✓ **Solved.** So."]
    assert inspect.signature(Exercise).parameters["right"].default is inspect.Parameter.empty
