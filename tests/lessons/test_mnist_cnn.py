"""Lesson 02: its exercises and its explorer."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.mnist_cnn import checks, widgets
from course_utils.training import ledger
from tests import notebook_cells as lessons
from tests.corners import check_corners

LESSON = "mnist_cnn"


@pytest.fixture(scope="module")
def lesson() -> dict:
    return lessons.run_cells(LESSON, "setup", "exercise", "solution")


@pytest.mark.parametrize("name", ["map_size", "convolve", "parameters"])
def test_stub_is_not_started_and_solution_is_solved(lesson, name) -> None:
    check = getattr(checks, f"check_{name}")
    assert check(lesson[name]).status == "not started"
    assert check(lesson[f"{name}_solution"]).status == "solved"


def slide(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    return nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]


@pytest.mark.parametrize(
    ("check", "wrong", "says"),
    [
        (checks.check_map_size, lambda n, k, s, p: (n + 2 * p - k) // s, "Count the places"),
        (checks.check_map_size, lambda n, k, s, p: n, "You keep the size"),
        (checks.check_map_size, lambda n, k, s, p: n // k, "as if the windows did not overlap"),
        (checks.check_map_size, lambda n, k, s, p: (n + p - k) // s + 1, "You count it once"),
        (checks.check_map_size, lambda n, k, s, p: (n + 2 * p - k) / s + 1, "round down"),
        (checks.check_map_size, lambda n, k, s, p: (n + 2 * p - k + 1) // s, "divide first, then count it"),
        (checks.check_map_size, lambda n, k, s, p: n + 2 * p - k + 1, "leave out the stride"),
        (checks.check_map_size, lambda n, k, s, p: (n - k) // s + 1, "leave out the padding"),
        (checks.check_map_size, lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "round down"),
        (checks.check_convolve, lambda image, kernel: slide(image, kernel).relu(), "the values are not"),
        (checks.check_parameters, lambda i, o, k: i * o * k * k, "a bias"),
        (checks.check_parameters, lambda i, o, k: o * k * k + o, "*each* input map"),
        (checks.check_parameters, lambda i, o, k: i * o * k + o, "5×5 weights, not 5"),
        (checks.check_parameters, lambda i, o, k: i * o * k * k + i, "one bias for each output map"),
        (checks.check_convolve, lambda image, kernel: slide(image, kernel.flip(0, 1)), "You flip the kernel"),
        (checks.check_convolve, lambda image, kernel: slide(image, kernel) / kernel.numel(), "Add them up"),
        (checks.check_convolve, lambda image, kernel: image, "as large as the image"),
        (checks.check_convolve, lambda image, kernel: slide(image, kernel).T, "lies on its side"),
        (checks.check_convolve, lambda image, kernel: slide(image, kernel).tolist(), "return a tensor"),
    ],
)
def test_a_wrong_answer_gets_its_misconception_named(check, wrong, says) -> None:
    verdict = check(wrong)
    assert verdict.status == "not yet" and says in verdict.message


def test_explorer_draws_at_every_corner(lesson) -> None:
    check_corners(widgets.convolution_explorer(lesson["digits_train"].images[:3].numpy()))


@pytest.mark.parametrize("kernel", widgets.KERNELS)
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 4)])
def test_explorer_computes_what_pytorch_computes(kernel, stride, padding) -> None:
    image, weights = np.random.default_rng(0).random((28, 28)), np.array(widgets.KERNELS[kernel], dtype=float)
    expected = nn.functional.conv2d(
        torch.from_numpy(image)[None, None], torch.from_numpy(weights)[None, None], stride=stride, padding=padding
    )
    assert np.allclose(widgets.feature_map(image, weights, stride, padding), expected[0, 0].numpy())


def test_the_committed_results_are_those_of_the_real_sets() -> None:
    told = "".join(output.get("text", "") for cell in lessons.cells(LESSON, "setup") for output in cell.outputs)
    assert "60,000 training and 10,000 test images" in told
    recorded = {(record.task, record.data["source"]) for record in ledger.read(LESSON, ledger.SHIPPED)}
    assert recorded == {("MNIST", "MNIST"), ("Fashion-MNIST", "FashionMNIST")}
