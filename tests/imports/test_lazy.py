"""Packages offer their public names and import nothing before one is used."""

import ast
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PACKAGES = ("snnlab", "snnlab.nir", "snnlab.runs", "snnlab.studies", "snnlab.sweeps")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_no_module_takes_its_place(package):
    module = import_module(package)
    modules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    assert not modules & set(module.__all__)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name
    assert dir(module) == module.__all__
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_alone_imports_no_library(package):
    code = f"import sys, {package}; print({{'torch', 'numba', 'numpy'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_stub_names_what_the_package_offers(package):
    """A type checker cannot follow ``__getattr__``: it reads ``__init__.pyi`` instead."""
    module = import_module(package)
    stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text("utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    named = {alias.asname: (node.module, alias.name) for node in imports for alias in node.names}
    assert sorted(named) == module.__all__
    for name, (home, original) in named.items():
        assert getattr(import_module(home), original) is getattr(module, name)
