"""The installation: version, and the commands that install optional parts.

On the package index the name ``snnlab`` belongs to another project; this one is published as
``snnlab-analog``. Every message with an install command gets it from here.
"""

import json
import platform
from importlib import metadata
from pathlib import Path

from snnlab.errors import SnnlabError

DISTRIBUTION, NAMESAKE = "snnlab-analog", "snnlab"
"""This project's name on the package index, and that of the other project with our import name."""
UNKNOWN_VERSION = "0+unknown"
FOLDER = Path(__file__).parent
"""Folder of the running package."""
NUMERIC_LIBRARIES = ("numpy", "numba")
"""Libraries that results depend on."""


def version() -> str:
    """Version of the installed distribution, ``0+unknown`` if it is not installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # the sources are on the path but not installed
        return UNKNOWN_VERSION


def versions() -> dict[str, str]:
    """Versions of Python, snnlab and the libraries that results depend on, by name."""
    libraries = {name: metadata.version(name) for name in NUMERIC_LIBRARIES}
    return {"python": platform.python_version(), "snnlab": version(), **libraries}


def describe() -> str:
    """Version of snnlab, its folder and the version of Python, in one line."""
    return f"snnlab {version()} from {FOLDER} (Python {platform.python_version()})"


def is_checkout() -> bool:
    """Whether snnlab runs from a checkout of its sources rather than from an installed wheel."""
    try:
        project = (FOLDER.parent / "pyproject.toml").read_text("utf-8")
    except (OSError, ValueError):
        return False
    return f'name = "{DISTRIBUTION}"' in project  # a wheel may be installed inside another project


def install_command(extra: str) -> str:
    """The command that installs an optional part, e.g. ``pip install -e ".[sweep]"``."""
    if is_checkout():
        return f'pip install -e ".[{extra}]"'
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def reinstall_command() -> str:
    """The command that restores snnlab's own files."""
    if is_checkout():
        return "pip install -e ."
    return f"pip install --force-reinstall --no-deps {DISTRIBUTION}"


def find_conflict() -> str | None:
    """A warning, with its cure, if another distribution writes into snnlab's folder; else None.

    That is the other project with our import name, or an install of this one under its former name,
    unless that points to the running checkout.
    """
    try:
        other = metadata.distribution(NAMESAKE)
    except metadata.PackageNotFoundError:
        return None
    if is_checkout() and _leads_here(other):
        return None
    return (
        f"another distribution, {NAMESAKE} ({other.version}), is installed in this environment and"
        f" overwrites files of {DISTRIBUTION}: pip uninstall {NAMESAKE}, then {reinstall_command()}"
    )


def _leads_here(distribution):
    """Whether it is an install of this checkout, by pip or by an old setuptools."""
    if Path(distribution.locate_file("")) == FOLDER.parent:
        return True
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        return origin["dir_info"]["editable"] and origin["url"] == FOLDER.parent.as_uri()
    except (ValueError, KeyError, TypeError):
        return False


def missing(what: str, extra: str) -> SnnlabError:
    """The error that an optional part is not installed, with the command that installs it.

    what : subject and verb, e.g. "Optuna is" or "the benchmarks are"
    """
    return SnnlabError(f"{what} not installed: {install_command(extra)}")
