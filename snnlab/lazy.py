"""Packages whose public names are imported on first use, so that importing the package is fast."""

from collections.abc import Callable
from importlib import import_module


def lazy(package: str, homes: dict[str, str]) -> tuple[Callable, Callable, list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    homes : module that defines each public name. A name must differ from the modules of the
    package: an imported module would take its place.
    """
    names = sorted(homes)

    def find(name: str):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return find, lambda: names, names
