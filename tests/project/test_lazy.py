"""Packages offer their public names and import nothing before one is used."""

import pkgutil
import subprocess
import sys
from importlib import import_module

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
