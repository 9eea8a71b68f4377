"""The lesson on convolutional networks: its explorer and its results."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.mnist_cnn import widgets
from course_utils.training import ledger
from tests import notebook_cells as notebooks


@pytest.mark.parametrize("kernel", widgets.KERNELS)
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 4)])
def test_explorer_computes_what_pytorch_computes(kernel, stride, padding) -> None:
    image, weights = np.random.default_rng(0).random((28, 28)), np.array(widgets.KERNELS[kernel], dtype=float)
    pair = torch.from_numpy(image)[None, None], torch.from_numpy(weights)[None, None]
    expected = nn.functional.conv2d(*pair, stride=stride, padding=padding)[0, 0].numpy()
    assert np.allclose(widgets.feature_map(image, weights, stride, padding), expected)


def test_the_committed_results_are_those_of_the_real_sets() -> None:
    told = "".join(output.get("text", "") for cell in notebooks.cells("mnist_cnn", "setup") for output in cell.outputs)
    assert "60,000 training and 10,000 test images" in told
    recorded = {(record.task, record.data["source"]) for record in ledger.read("mnist_cnn", ledger.SHIPPED)}
    assert recorded == {("MNIST", "MNIST"), ("Fashion-MNIST", "FashionMNIST")}
