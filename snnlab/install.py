"""How snnlab is installed: its version, and the command that adds an optional part.

On the package index the name ``snnlab`` belongs to another project; this one is published as
``snnlab-analog``. Every message that tells a user what to install gets its command from here.
"""

import json
import platform
from importlib import metadata
from pathlib import Path

from snnlab.errors import SnnlabError

DISTRIBUTION, OTHERS = "snnlab-analog", "snnlab"
"""This project's name on the package index, and the other project's that installs as ours does."""
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


def described() -> str:
    """Version, place and Python in one line."""
    return f"snnlab {version()} from {PLACE} (Python {platform.python_version()})"


def is_checkout() -> bool:
    """Whether snnlab runs from a checkout of its sources rather than from an installed wheel."""
    try:
        project = (PLACE.parent / "pyproject.toml").read_text("utf-8")
    except (OSError, ValueError):
        return False
    return f'name = "{DISTRIBUTION}"' in project  # a wheel may lie in somebody's project folder


def install_command(extra: str) -> str:
    """The command that installs an optional part, e.g. ``pip install -e ".[sweep]"``."""
    if is_checkout():
        return f'pip install -e ".[{extra}]"'
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def reinstall_command() -> str:
    """The command that puts snnlab's own files back."""
    if is_checkout():
        return "pip install -e ."
    return f"pip install --force-reinstall --no-deps {DISTRIBUTION}"


def intruder() -> str | None:
    """One line on a distribution that writes into snnlab's folder, with the cure; None without one.

    It is the other project of the import name, or an install of this one from before its name
    changed, unless that leads to the very checkout that runs.
    """
    try:
        other = metadata.distribution(OTHERS)
    except metadata.PackageNotFoundError:
        return None
    if is_checkout() and _leads_here(other):
        return None
    return (
        f"another distribution, named {OTHERS} ({other.version}), lies in this environment and"
        f" replaces files of {DISTRIBUTION}: pip uninstall {OTHERS}, then {reinstall_command()}"
    )


def _leads_here(distribution):
    """Whether it is an install of this checkout, by pip or by setuptools of old."""
    if Path(distribution.locate_file("")) == PLACE.parent:
        return True
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        return origin["dir_info"]["editable"] and origin["url"] == PLACE.parent.as_uri()
    except (ValueError, KeyError, TypeError):
        return False


def missing(what: str, extra: str) -> SnnlabError:
    """The error that says that an optional part is missing and how to install it.

    what : subject and verb, e.g. "Optuna is" or "the benchmarks are"
    """
    return SnnlabError(f"{what} not installed: {install_command(extra)}")
