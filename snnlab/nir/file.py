"""NIR files: written atomically, read in a separate process with limits."""

from io import BytesIO
from pathlib import Path

import nir
import numpy as np

from snnlab.data.hdf5 import read_arrays
from snnlab.errors import SnnlabError
from snnlab.files import write_named

READER = "snnlab.nir.reader"
READER_SECONDS = 20.0
"""Time limit of the reader; it needs a fraction of a second."""


def write_nir(path: str | Path, graph: nir.NIRGraph) -> None:
    """Write or replace a NIR file atomically.

    Raises :class:`SnnlabError` if the file cannot be written.
    """
    buffer = BytesIO()
    nir.write(buffer, graph)
    try:
        write_named(Path(path), lambda file: file.write(buffer.getbuffer()))
    except OSError as error:
        raise SnnlabError(f"NIR file {path} cannot be written: {error.strerror}") from None


def read_nir(path: str | Path) -> nir.NIRGraph:
    """The graph in a NIR file.

    Raises :class:`SnnlabError` for a missing, foreign, damaged or oversized file.
    """
    if not Path(path).is_file():
        raise SnnlabError(f"NIR file {path}: no such file")
    return graph_of(read_arrays(READER, path, f"NIR file {path}", READER_SECONDS), path)


def graph_of(arrays: dict[str, np.ndarray], path: str | Path) -> nir.NIRGraph:
    """The graph of the file at ``path``, built from its arrays by their paths in the file.

    Raises :class:`SnnlabError` if they do not form a valid graph.
    """
    try:
        tree = _tree(arrays).get("node")
    except (AttributeError, TypeError, IndexError):
        raise SnnlabError(f"NIR file {path}: an array where it has a group too") from None
    kind = tree.get("type") if isinstance(tree, dict) else "no node"
    if not isinstance(kind, str) or kind != "NIRGraph":
        raise SnnlabError(f"NIR file {path}: holds {kind}, expected a NIRGraph")
    return _node(tree, path)


def _node(tree, path, name=None):
    """A node; for a graph including its nodes.

    nir's own check of shapes is skipped: it refuses batch axes and scalar parameters, which
    :mod:`snnlab.nir.chain` supports.
    """
    kind = tree.get("type") if isinstance(tree, dict) else None
    try:
        if kind != "NIRGraph":
            return nir.dict2NIRNode(tree)
        nodes = {inner: _node(node, path, inner) for inner, node in tree["nodes"].items()}
        edges = [(str(source), str(target)) for source, target in tree["edges"]]
        return nir.NIRGraph(nodes, edges, tree.get("metadata", {}), type_check=False)
    except SnnlabError:
        raise
    except Exception as error:  # nir raises many kinds for invalid nodes
        first = (str(error).splitlines() or [""])[0]
        where = f", node {name!r} of type {kind}" if name else ""
        raise SnnlabError(
            f"NIR file {path}: not a valid NIR graph{where} ({type(error).__name__}: {first})"
        ) from None


def _tree(arrays):
    """Nested dictionaries of the arrays, the input of nir's constructors."""
    tree = {}
    for name, value in arrays.items():
        *groups, last = name.split("/")[1:]
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = value.tolist() if value.dtype.kind == "U" else value
    return tree
