"""HDF5 read in a process of its own, as a damaged file can crash or hang the HDF5 library.

A reader is a module that runs as ``python -m READER FILE OUT``: its main calls :func:`serve`.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from snnlab.errors import SnnlabError
from snnlab.files import npz, write_whole

PYTHON = (sys.executable, "-P", "-m")
REFUSED = 3
"""Exit code of a reader if its standard error contains the reason."""


class Refused(Exception):
    """Error of a reader, with the reason why a file is refused."""


def read_arrays(reader: str, path: str | Path, what: str, seconds: float) -> dict[str, np.ndarray]:
    """Arrays that the module ``reader`` finds in a file, by name.

    Raises :class:`SnnlabError`, naming ``what``, for a file that the reader refuses, that crashes
    it, or that takes it longer than ``seconds``.
    """
    here = os.pathsep.join(folder or os.curdir for folder in sys.path)
    with TemporaryDirectory(prefix="snnlab-") as folder:
        out = Path(folder) / "arrays.npz"
        try:
            done = subprocess.run(
                [*PYTHON, reader, str(path), str(out)], capture_output=True, timeout=seconds,
                check=False, env={**os.environ, "PYTHONPATH": here, "PYTHONIOENCODING": "utf-8"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SnnlabError(f"{what}: damaged, not read in {seconds:g} s") from None
        if done.returncode == REFUSED:
            raise SnnlabError(f"{what}: {done.stderr.decode(errors='replace').strip()}")
        if done.returncode:
            raise SnnlabError(f"{what}: damaged, its reader died ({done.returncode})")
        with np.load(out, allow_pickle=False) as file:
            return {name: file[name][()] for name in file.files}


def serve(read: Callable[[str], dict[str, np.ndarray]], most_memory: int) -> None:
    """Main of a reader: write the arrays that ``read`` finds in FILE to OUT, or why it is refused.

    most_memory : limit of the process's address space in bytes, not on Windows.
    """
    path, out = sys.argv[1:3]
    limit_memory(most_memory)
    try:
        arrays = read(path)
    except Refused as error:
        _refuse(str(error))
    except Exception as error:  # h5py raises many kinds for files that are not HDF5, or damaged
        first = (str(error).splitlines() or [""])[0]
        _refuse(f"not a readable HDF5 file ({type(error).__name__}: {first})")
    write_whole(Path(out), npz(arrays))


def limit_memory(most: int) -> None:
    """Limit the address space of this process, as a file may declare arrays of any size."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = most if hard == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _refuse(reason):
    sys.stderr.write(reason + "\n")
    sys.exit(REFUSED)
