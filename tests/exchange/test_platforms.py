"""Which nodes of a graph are in a platform's way."""

import inspect
import re

import nir
import numpy as np
import pytest

from course_utils.exchange import platforms
from course_utils.exchange.platforms import PLATFORMS, platform_table, unknown_nodes


def graph(*kinds: str) -> nir.NIRGraph:
    """A chain of such nodes over 4 channels of 4×4, or what fits behind them."""
    one = np.ones((4, 4, 4))
    flat = np.ones(64)
    made = {
        "Conv2d": nir.Conv2d((4, 4), np.ones((4, 4, 1, 1)), 1, 0, 1, 1, np.zeros(4)),
        "LIF": nir.LIF(tau=one, r=one, v_leak=0 * one, v_threshold=one),
        "Flatten": nir.Flatten({"input": np.array([4, 4, 4])}, 0, -1),
        "Linear": nir.Linear(np.ones((64, 64))),
        "Affine": nir.Affine(np.ones((64, 64)), np.zeros(64)),
        "CubaLIF": nir.CubaLIF(tau_syn=flat, tau_mem=flat, r=flat, v_leak=0 * flat, v_threshold=flat),
        "CubaLI": nir.CubaLI(tau_syn=flat, tau_mem=flat, r=flat, v_leak=0 * flat),
        "Threshold": nir.Threshold(flat),
    }
    return nir.NIRGraph.from_list(*(made[kind] for kind in kinds))


def test_brainscales_takes_linear_cubalif_cubali_only() -> None:
    assert unknown_nodes(graph("Linear", "CubaLIF", "Linear", "CubaLI"), "BrainScaleS-2") == []
    *_, found = unknown_nodes(graph("Conv2d", "LIF", "Flatten", "Affine", "CubaLIF"), "BrainScaleS-2")
    assert found.node == "affine" and "bias" in found.way_round


@pytest.mark.parametrize(
    ("platform", "kinds", "in_the_way"),
    [
        ("BrainScaleS-2", ["Conv2d", "LIF", "Flatten", "Affine", "CubaLIF"], {"Conv2d", "LIF", "Flatten", "Affine"}),
        ("Xylo", ["Conv2d", "LIF", "Flatten", "Affine"], {"Conv2d", "Flatten"}),
        ("Speck", ["Conv2d", "LIF", "Flatten", "Affine", "CubaLIF"], {"CubaLIF"}),
        ("Loihi 2", ["Conv2d", "LIF", "Flatten", "Linear", "CubaLIF", "CubaLI"], {"CubaLI"}),
        ("Spyx", ["Linear", "Threshold"], set()),
        ("snnTorch", ["Linear", "CubaLIF", "Threshold"], {"Threshold"}),
        ("Nengo", ["Linear"], {"Linear"}),
    ],
)
def test_names_what_is_in_the_way(platform, kinds, in_the_way) -> None:
    assert {obstacle.kind for obstacle in unknown_nodes(graph(*kinds), platform)} == in_the_way


def test_a_reader_is_not_a_chip() -> None:
    """sinabs reads LIF nodes; the chips that it drives have no leak. Xylo's mapper takes no bias."""
    net = graph("Conv2d", "LIF", "Flatten", "Affine")
    assert unknown_nodes(net, "Speck") == []
    (obstacle,) = unknown_nodes(net, "Speck", "chip")
    assert obstacle.node == "lif" and "another neuron" in obstacle.way_round
    assert "affine" in {obstacle.node for obstacle in unknown_nodes(net, "Xylo", "chip")}
    with pytest.raises(ValueError, match='"reader" for Norse: a simulator'):
        unknown_nodes(net, "Norse", "chip")
    with pytest.raises(ValueError, match=r"platform is 'TrueNorth'; it must be one of BrainScaleS-2, Xylo"):
        unknown_nodes(net, "TrueNorth")


def test_the_table_has_a_row_for_each_platform() -> None:
    rows = {name: row for name, *row in platform_table(graph("Linear", "CubaLIF"))}
    assert list(rows) == list(PLATFORMS)
    assert rows["BrainScaleS-2"][1:3] == ["nothing known", "nothing known"]
    assert "linear (Linear)" in rows["Speck"][1] and rows["Norse"][2] == "–"


def test_every_node_of_the_table_is_one_of_nir() -> None:
    kinds = set().union(*(platform.nodes for platform in PLATFORMS.values())) | set(platforms.WAYS_ROUND)
    assert all(issubclass(getattr(nir, kind), nir.NIRNode) for kind in kinds)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_way_round_is_one_that_the_platform_takes(platform: str) -> None:
    for known in filter(None, (PLATFORMS[platform].nodes, PLATFORMS[platform].chip)):
        for kind, ways in platforms.WAYS_ROUND.items():
            offered = platforms._way_round(kind, known | {"Input", "Output"})
            usable = [how for needed, how in ways.items() if needed in known or not needed]
            assert offered == next(iter(usable), "")


def test_the_rows_of_the_installed_libraries_are_what_their_readers_know() -> None:
    """Where a version knows more or less than the table says, the table is out of date."""
    from norse.torch.utils import import_nir as in_norse
    from snntorch import import_nir as in_snntorch

    known = set(re.findall(r"isinstance\(node, nir\.(\w+)\)", inspect.getsource(in_norse._import_norse_module)))
    assert known - {"NIRGraph"} == PLATFORMS["Norse"].nodes
    assert set(re.findall(r"nir\.(\w+): lambda", inspect.getsource(in_snntorch))) == PLATFORMS["snnTorch"].nodes
