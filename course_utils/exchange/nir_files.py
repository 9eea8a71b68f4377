"""NIR graphs in files: written whole or not at all, and refused by byte or node."""

import contextlib
import io
import os
import re
from pathlib import Path

import h5py
import nir

from course_utils.data.files import writing
from course_utils.exchange.graphs import SUPPORTED_NODES, chain, check_name


def write_nir(path: str | os.PathLike, graph: nir.NIRGraph) -> Path:
    """Write a graph to a .nir file; nothing of it is lost. A file of this name is replaced when the new one is whole.

    Raises:
        ValueError: a node lacks what a file needs, or has a name that no file can hold; it is named.
        CannotWrite: the folder cannot be written; the old file is as it was.
    """
    path = Path(path)
    for name, node in graph.nodes.items():
        check_name(name)
        for field, value in node.to_dict().items():
            if value is None:
                raise ValueError(f"node {name!r} ({type(node).__name__}) has no {field}; a file cannot be without it")
        try:  # each for itself, for the errors of nir.write do not name the node
            nir.write(io.BytesIO(), nir.NIRGraph({name: node}, [], type_check=False))
        except (TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"node {name!r} ({type(node).__name__}) cannot be written: {error}") from error
    with writing(path) as part:
        nir.write(part, graph)
    return path


def read_nir(path: str | os.PathLike) -> nir.NIRGraph:
    """A graph from a .nir file, its nodes in the order of a run.

    Raises:
        ValueError: the file is cut off, damaged or no NIR file, or holds a node that is not supported; the message
            names the file, and the byte or the node.
        FileNotFoundError: there is none.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path.name}")
    where = "its head"
    try:
        with h5py.File(path) as file:
            for name, node in file["node/nodes"].items():
                where = f"node {name!r}"
                if (kind := node["type"][()].decode()) not in (*SUPPORTED_NODES, "Input", "Output"):
                    raise ValueError(f"it is {kind}; supported are {', '.join(SUPPORTED_NODES)}")
            where = "its graph"
        try:
            graph = nir.read(path)
        except ValueError as error:  # nodes that do not fit each other: `from_nir` says which, or that it is harmless
            if "Type inference" not in str(error):
                raise
            graph = nir.read(path, type_check=False)
    except Exception as error:  # h5py and nir raise whatever they stumble over
        cut = re.search(r"eof = (\d+).*stored_eof = (\d+)", str(error))
        why = f"it ends at byte {cut[1]} of {cut[2]}" if cut else f"{where}: {error or type(error).__name__}"
        raise ValueError(f"{path.name} cannot be read as NIR: {why}") from error
    with contextlib.suppress(ValueError):  # a file sorts the nodes by name
        graph.nodes = {name: graph.nodes[name] for name in chain(graph)} | graph.nodes
    return graph
