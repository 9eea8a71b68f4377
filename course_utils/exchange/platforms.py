"""Who else reads a NIR graph: which nodes each platform's own reader knows, and which ones of a graph are in its way.

Source: the table of supported primitives in NIR's documentation, generated from the readers' own sources
(https://github.com/neuromorphs/NIR, docs/source/supported_primitives.md, commit 7232ada of 30 January 2026), which
warns that it may not be entirely accurate. The rows of Norse and snnTorch are those of the installed 1.1.0 and 1.0.0.

A reader that knows a node may still refuse its parameters, and a chip has limits of its own: size, fan-in, bits. So an
empty list from `unknown_nodes` means: nothing is known to be in the way.
"""

from typing import NamedTuple

import nir

from course_utils.data.require import require


class Platform(NamedTuple):
    """A platform's reader of NIR.

    Attributes:
        reader: the package with the reader.
        nodes: the kinds of nodes that it reads, beside Input and Output.
    """

    reader: str
    nodes: frozenset[str]


PLATFORMS = {
    name: Platform(reader, frozenset(nodes.split()))
    for name, reader, nodes in (
        ("BrainScaleS-2", "hxtorch", "Linear CubaLI CubaLIF"),
        ("Xylo", "rockpool", "Affine Linear CubaLIF LI LIF"),
        ("Speck", "sinabs", "Conv1d Conv2d Flatten Affine IF LI LIF SumPool2d"),
        ("Loihi 2", "Lava", "Conv2d Flatten Affine Linear CubaLIF IF LIF SumPool2d"),
        ("SpiNNaker2", "py-spinnaker2", "Conv1d Conv2d Flatten Affine Linear CubaLIF IF LIF SumPool2d"),
        ("Nengo", "the converter among NIR's examples", "Affine LI LIF"),
        ("Norse", "norse", "Conv2d Flatten Affine Linear CubaLIF IF LIF SumPool2d"),
        ("snnTorch", "snntorch", "Conv2d Flatten Affine Linear CubaLIF IF LIF AvgPool2d"),
        ("Spyx", "spyx", "Conv1d Conv2d Delay Flatten Affine Linear Scale CubaLIF I IF LIF SumPool2d Threshold"),
    )
}

# What may stand in for a node, by the kind that a reader must know for it; "" for none. With τ_syn = dt a current lasts
# one step, under forward Euler only.
WAYS_ROUND = {
    "Affine": {"Linear": "Linear, if its bias is 0 everywhere"},
    "Linear": {"Affine": "Affine with a bias of 0"},
    "Conv2d": {"Linear": "Linear, as one large matrix", "Affine": "Affine, as one large matrix"},
    "Flatten": {"": "nothing, where layers are flat anyway"},
    "AvgPool2d": {"SumPool2d": "SumPool2d, and smaller weights behind it"},
    "SumPool2d": {"Conv2d": "Conv2d of ones with the same stride"},
    "LIF": {"CubaLIF": "CubaLIF with τ_syn = dt"},
    "LI": {"CubaLI": "CubaLI with τ_syn = dt", "LIF": "LIF, its threshold out of reach; record its potential"},
    "CubaLI": {"CubaLIF": "CubaLIF, its threshold out of reach; record its potential"},
}


class Obstacle(NamedTuple):
    """A node that a platform's reader does not know.

    Attributes:
        node: its name in the graph.
        kind: of the node.
        way_round: what the reader knows that may stand in its place; empty if the course knows nothing.
    """

    node: str
    kind: str
    way_round: str


def unknown_nodes(graph: nir.NIRGraph, platform: str) -> list[Obstacle]:
    """The nodes of a graph that the reader of one of `PLATFORMS` does not know, in the graph's order."""
    require(platform in PLATFORMS, "platform", platform, f"one of {', '.join(PLATFORMS)}")
    known = PLATFORMS[platform].nodes | {"Input", "Output"}
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    return [Obstacle(name, kind, _way_round(kind, known)) for name, kind in kinds.items() if kind not in known]


def _way_round(kind: str, known: frozenset[str]) -> str:
    return next((how for needed, how in WAYS_ROUND.get(kind, {}).items() if needed in known | {""}), "")


def platform_table(graph: nir.NIRGraph) -> list[tuple[str, str, str]]:
    """For each platform: its name, its reader, and the nodes in the way, or that nothing is known to be."""
    found = {name: ", ".join(f"{node} ({kind})" for node, kind, _ in unknown_nodes(graph, name)) for name in PLATFORMS}
    return [(name, PLATFORMS[name].reader, named or "nothing known") for name, named in found.items()]
