"""NIR graphs in files: written whole or not at all, and refused by byte or node.

HDF5 keeps no sum of what a file holds, and a weight in which a bit was turned is a weight. So a file of the course
begins with 512 bytes of text, which HDF5 leaves to the user and readers skip: they say the SHA-256 sum of the rest.
"""

import contextlib
import hashlib
import io
import os
import re
from pathlib import Path

import h5py
import nir

from course_utils.data.files import exists, read_bytes, writing
from course_utils.exchange.graphs import SUPPORTED_NODES, chain, check_name

HDF5 = b"\x89HDF\r\n\x1a\n"  # how a file begins that holds no text
TEXT_BYTES = 512


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
    whole = io.BytesIO()
    nir.write(whole, graph)
    with writing(path) as part:
        part.write_bytes(_text_for(whole.getvalue()) + whole.getvalue())
    return path


def _text_for(content: bytes) -> bytes:
    """What a file of this content begins with."""
    text = f"NIR, {TEXT_BYTES} + {len(content)} bytes, these of the SHA-256 sum {hashlib.sha256(content).hexdigest()}\n"
    return text.encode().ljust(TEXT_BYTES, b"\0")


def _check_sum(data: bytes) -> None:
    """Refuse an altered file before HDF5 looks at it, which does not find an end in some."""
    if data.startswith((HDF5, _text_for(data[TEXT_BYTES:]))):
        return
    noted = re.match(rb"NIR, (\d+) \+ (\d+) ", data)
    if noted and len(data) < (whole := int(noted[1]) + int(noted[2])):
        raise ValueError(f"it ends at byte {len(data)} of {whole}")
    raise ValueError("it is no NIR file, or was altered after it was written: its SHA-256 sum is another")


def read_nir(path: str | os.PathLike) -> nir.NIRGraph:
    """A graph from a .nir file, its nodes in the order of a run.

    Raises:
        ValueError: the file cannot be read, is cut off, altered or no NIR file, or holds a node that is not supported;
            the message names the file, and the byte or the node. An altered number is seen in files of `write_nir`.
        FileNotFoundError: there is none.
    """
    path = Path(path)
    if not exists(path):
        raise FileNotFoundError(f"there is no file {path.name}")
    data, where = read_bytes(path), ""
    try:
        _check_sum(data)
        where = "its head: "
        with h5py.File(io.BytesIO(data)) as file:
            for name, node in file["node/nodes"].items():
                where = f"node {name!r}: "
                if (kind := node["type"][()].decode()) not in (*SUPPORTED_NODES, "Input", "Output"):
                    raise ValueError(f"it is {kind}; supported are {', '.join(SUPPORTED_NODES)}")
            where = "its graph: "
        try:
            graph = nir.read(io.BytesIO(data))
        except ValueError as error:  # nodes that do not fit each other: `from_nir` says which, or that it is harmless
            if "Type inference" not in str(error):
                raise
            graph = nir.read(io.BytesIO(data), type_check=False)
    except Exception as error:  # h5py and nir raise whatever they stumble over
        cut = re.search(r"eof = (\d+).*stored_eof = (\d+)", str(error))
        why = f"it ends at byte {cut[1]} of {cut[2]}" if cut else f"{where}{error or type(error).__name__}"
        raise ValueError(f"{path.name} cannot be read as NIR: {why}") from error
    with contextlib.suppress(ValueError):  # a file sorts the nodes by name
        graph.nodes = {name: graph.nodes[name] for name in chain(graph)} | graph.nodes
    return graph
