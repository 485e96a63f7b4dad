"""How snnlab is installed: its version, and the command that adds an optional part.

On the package index the name ``snnlab`` belongs to another project; this one is published as
``snnlab-analog``. Every message that tells a user what to install gets its command from here.
"""

import platform
from importlib import metadata
from pathlib import Path

from snnlab.errors import SnnlabError

DISTRIBUTION = "snnlab-analog"
UNKNOWN_VERSION = "0+unknown"
PLACE = Path(__file__).parent
"""Folder of the package that runs."""
NUMERIC_LIBRARIES = ("numpy", "numba", "torch")
"""Those that results depend on."""


def version() -> str:
    """Version of the installed distribution, ``0+unknown`` if it is not installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # the sources are only on the path
        return UNKNOWN_VERSION


def versions() -> dict[str, str]:
    """Versions of Python, snnlab and the libraries that results depend on, by name."""
    libraries = {name: metadata.version(name) for name in NUMERIC_LIBRARIES}
    return {"python": platform.python_version(), "snnlab": version(), **libraries}


def is_checkout() -> bool:
    """Whether snnlab runs from a checkout of its sources rather than from an installed wheel."""
    return (PLACE.parent / "pyproject.toml").is_file()


def install_command(extra: str) -> str:
    """The command that installs an optional part, e.g. ``pip install -e ".[sweep]"``."""
    if is_checkout():
        return f'pip install -e ".[{extra}]"'
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def missing(what: str, extra: str) -> SnnlabError:
    """The error that says that an optional part is missing and how to install it.

    what : subject and verb, e.g. "Optuna is" or "the benchmarks are"
    """
    return SnnlabError(f"{what} not installed: {install_command(extra)}")
