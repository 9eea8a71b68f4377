"""Who else takes a NIR graph: which nodes each platform's reader knows, and which of them its chip can do.

Two things: a reader turns nodes into objects of its own package, often a simulator's; the chip's backend then has to
place them. sinabs, for one, reads LIF nodes (their time constant in steps, not in seconds), but the chips that it
drives have no leak.

Sources. Readers: the table of supported primitives in NIR's documentation, generated from the readers' own sources
(https://github.com/neuromorphs/NIR, docs/source/supported_primitives.md, commit 7232ada of 30 January 2026), which
warns that it may not be entirely accurate; the rows of Norse and snnTorch are those of the installed 1.1.0 and 1.0.0.
Backends: hxtorch (its reader builds what runs on the chip, see `chips.brainscales`); sinabs (sinabs/nir.py and
sinabs/backend/dynapcnn of https://github.com/synsense/sinabs, commit 904eb89 of 4 February 2026); rockpool 3.1.0
(devices/xylo/syns61201). Those of Loihi 2 and SpiNNaker2 were not read.

A reader that knows a node may still refuse its parameters, and a chip has limits of its own: size, fan-in, bits. So an
empty list from `unknown_nodes` means: nothing is known to be in the way.
"""

from typing import Literal, NamedTuple

import nir

from course_utils.data.require import require

Side = Literal["reader", "chip"]


class Platform(NamedTuple):
    """A platform that takes NIR."""

    reader: str  # the package with the reader
    nodes: frozenset[str]  # the kinds of nodes that it reads, beside Input and Output
    chip: frozenset[str] | None  # those that its chip's backend can do; None: no chip, or not read for this course
    note: str  # what to know of the backend


BRAINSCALES, XYLO, SPECK = "Linear CubaLI CubaLIF", "Linear CubaLIF", "Conv2d Flatten Affine IF SumPool2d"
DENSE = "Flatten Affine Linear CubaLIF IF LIF"
SIMULATOR, NOT_READ = "a simulator", "backend not read for this course"
PLATFORMS = {
    name: Platform(reader, frozenset(nodes.split()), chip and frozenset(chip.split()), note)
    for name, reader, nodes, chip, note in (
        ("BrainScaleS-2", "hxtorch", BRAINSCALES, BRAINSCALES, "what it reads runs on the chip"),
        ("Xylo", "rockpool", f"Affine LI LIF {XYLO}", XYLO, "no bias; a synapse on all; 16 inputs"),
        ("Speck", "sinabs", f"Conv1d LI LIF {SPECK}", SPECK, "no leak; τ of LIF is read in steps; 8-bit weights"),
        ("Loihi 2", "Lava", f"Conv2d SumPool2d {DENSE}", None, NOT_READ),
        ("SpiNNaker2", "py-spinnaker2", f"Conv1d Conv2d SumPool2d {DENSE}", None, NOT_READ),
        ("Nengo", "the converter among NIR's examples", "Affine LI LIF", None, SIMULATOR),
        ("Norse", "norse", f"Conv2d SumPool2d {DENSE}", None, SIMULATOR),
        ("snnTorch", "snntorch", f"Conv2d AvgPool2d {DENSE}", None, f"{SIMULATOR}; of an IF it makes a leaky neuron"),
        ("Spyx", "spyx", f"Conv1d Conv2d Delay Scale I SumPool2d Threshold {DENSE}", None, SIMULATOR),
    )
}

# What may stand in for a node, by the kind that must be known for it; "" for none. With τ_syn = dt a current lasts one
# step, under forward Euler only.
WAYS_ROUND = {
    "Affine": {"Linear": "Linear, if its bias is 0 everywhere"},
    "Linear": {"Affine": "Affine with a bias of 0"},
    "Conv2d": {"Linear": "Linear, as one large matrix", "Affine": "Affine, as one large matrix"},
    "Flatten": {"": "nothing, where layers are flat anyway"},
    "AvgPool2d": {"SumPool2d": "SumPool2d, and smaller weights behind it"},
    "SumPool2d": {"Conv2d": "Conv2d of ones with the same stride"},
    "LIF": {"CubaLIF": "CubaLIF with τ_syn = dt", "IF": "IF, trained as such: without a leak it is another neuron"},
    "LI": {"CubaLI": "CubaLI with τ_syn = dt", "LIF": "LIF, its threshold out of reach; record its potential"},
    "CubaLI": {"CubaLIF": "CubaLIF, its threshold out of reach; record its potential"},
    "CubaLIF": {"IF": "IF, trained as such: without synapse and leak it is another neuron"},
}


class Obstacle(NamedTuple):
    """A node that a platform's reader does not know, or its chip cannot do."""

    node: str  # its name in the graph
    kind: str  # of the node
    way_round: str  # what is known there that may stand in its place; empty if the course knows nothing


def unknown_nodes(graph: nir.NIRGraph, platform: str, side: Side = "reader") -> list[Obstacle]:
    """The nodes of a graph that the reader of one of `PLATFORMS` does not know, or its chip cannot do, in order.

    A chip whose backend is not known is refused.
    """
    require(platform in PLATFORMS, "platform", platform, f"one of {', '.join(PLATFORMS)}")
    require(side in ("reader", "chip"), "side", side, '"reader" or "chip"')
    known = PLATFORMS[platform].nodes if side == "reader" else PLATFORMS[platform].chip
    require(known is not None, "side", side, f'"reader" for {platform}: {PLATFORMS[platform].note}')
    known |= {"Input", "Output"}
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    return [Obstacle(name, kind, _way_round(kind, known)) for name, kind in kinds.items() if kind not in known]


def _way_round(kind: str, known: frozenset[str]) -> str:
    return next((how for needed, how in WAYS_ROUND.get(kind, {}).items() if needed in known | {""}), "")


def platform_table(graph: nir.NIRGraph) -> list[tuple[str, str, str, str, str]]:
    """For each platform: its name, its reader, what that does not read, what its chip cannot do, and a note."""
    rows = []
    for name, platform in PLATFORMS.items():
        sides = ("reader",) if platform.chip is None else ("reader", "chip")
        named = [", ".join(f"{node} ({kind})" for node, kind, _ in unknown_nodes(graph, name, side)) for side in sides]
        told = [names or "nothing known" for names in named] + ["–"] * (2 - len(sides))
        rows.append((name, platform.reader, *told, platform.note))
    return rows
