"""What ``snnlab doctor`` reports, and what it calls a problem."""

import json
import os
import platform
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib import metadata

import numpy as np
import pytest
from test_install import put

from snnlab import install
from snnlab.chip import threads
from snnlab.commands import doctor
from snnlab.commands.doctor import examine
from snnlab.commands.main import main
from snnlab.data.catalogue import CATALOGUE


def test_an_installation_without_problems_is_described(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "no problems found"
    facts = dict(line.split(maxsplit=1) for line in lines if line.startswith("  "))
    assert facts["version"] == install.version()
    assert facts["place"].startswith(str(install.FOLDER))
    assert facts["Python"] == f"{platform.python_version()}, {sys.executable}"
    assert facts["numpy"] == np.__version__
    assert facts["threads"] == str(threads.most_threads())
    assert facts["dashboard"] == "present"
    assert set(CATALOGUE) < set(facts)


def test_json_holds_the_same(capsys):
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["problems"] == []
    assert facts["kernels"]["threading layer"] == threads.LAYER
    assert facts["libraries"].keys() >= {"torch", "numba", "numpy", "param", "pyarrow"}


def problem(*flags):
    """The only problem found."""
    (only,) = examine().problems
    assert "\n" not in only
    return only


def test_another_distribution_in_the_same_folder_is_a_problem(monkeypatch, tmp_path, capsys):
    put(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert problem() == install.find_conflict()
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"problem: {install.find_conflict()}"


def test_an_overwritten_file_is_named(monkeypatch, tmp_path):
    put(tmp_path, "snnlab-analog", "9.9")
    (tmp_path / "snnlab").mkdir()
    (tmp_path / "snnlab" / "__init__.py").write_bytes(b"theirs")
    (tmp_path / "snnlab" / "cli.py").write_bytes(b"ours")
    digest = urlsafe_b64encode(sha256(b"ours").digest()).decode().rstrip("=")
    names = ("__init__.py", "cli.py", "gone.py")
    (info,) = tmp_path.glob("*.dist-info")
    (info / "RECORD").write_text("".join(f"snnlab/{n},sha256={digest},4\n" for n in names))
    monkeypatch.syspath_prepend(tmp_path)
    assert doctor._changed_files() == ["snnlab/__init__.py", "snnlab/gone.py"]


def test_sources_without_an_installation_are_a_problem(monkeypatch):
    monkeypatch.setattr(install, "version", lambda: install.UNKNOWN_VERSION)
    assert problem().endswith("is not installed, only its sources are found: pip install -e .")


def test_a_missing_library_is_a_problem_but_a_missing_optional_part_is_not(monkeypatch):
    version = metadata.version

    def without(name):
        if name in ("pooch", "nir"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    assert problem() == "pooch is missing: pip install pooch"
    part = examine().sections["optional parts"]["exchange as NIR"]
    assert part == f"missing (nir): {install.install_command('nir')}"


def test_torch_for_another_numpy_is_a_problem(monkeypatch):
    import torch

    def refuse(tensor):
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch.Tensor, "numpy", refuse)
    assert "does not work with NumPy" in problem()


def test_a_library_that_rejects_another_is_a_problem(monkeypatch):
    import_module = doctor.importlib.import_module

    def refuse(name):
        if name == "pyarrow":
            raise ImportError("pyarrow requires NumPy 2.0 or newer, found 1.26.4\nat all")
        return import_module(name)

    monkeypatch.setattr(doctor.importlib, "import_module", refuse)
    assert problem() == (
        "pyarrow cannot be imported (pyarrow requires NumPy 2.0 or newer, found 1.26.4):"
        " install another version of it"
    )


@pytest.mark.parametrize(
    ("cuda", "said"),
    [(None, " (CPU)"), ("13.0", " (built for GPUs, 13.0, which snnlab never uses)")],
)
def test_the_build_of_torch_is_reported(monkeypatch, cuda, said):
    import torch

    monkeypatch.setattr(torch.version, "cuda", cuda)
    assert examine().sections["libraries"]["torch"] == metadata.version("torch") + said


def test_a_cache_that_cannot_be_written_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "file" / "cache"))
    assert problem().endswith("for data cannot be written: set SNNLAB_CACHE to one that can")
    assert examine().sections["data"]["cache"].endswith("(cannot be written)")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_cache_that_cannot_be_created_is_a_problem(monkeypatch):
    """Permissions do not stop root from writing."""
    monkeypatch.setenv("SNNLAB_CACHE", "/proc/nohome/cache")
    assert problem() == (
        "folder /proc/nohome/cache for data cannot be written: set SNNLAB_CACHE to one that can"
    )


def test_a_missing_library_is_named_once(monkeypatch):
    monkeypatch.setattr(doctor, "_is_installed", lambda name: name != "distributed")
    facts = examine().sections["optional parts"]
    lacking = {part: fact.count("distributed") for part, fact in facts.items()}
    assert set(lacking.values()) == {0, 1}, lacking


@pytest.mark.parametrize(
    "layer", ["bogus", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tbb", "TBB"))]
)
def test_a_missing_threading_layer_is_a_warning(layer):
    code = """
import sys
from importlib import abc
class Without(abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.endswith("tbbpool"):
            raise ImportError(name)
sys.meta_path.insert(0, Without())
import numba
from snnlab.chip import threads
threads.use_threads(1)  # starts the layer
print(numba.threading_layer() == threads.LAYER)
from snnlab.commands.doctor import examine
print(*examine().problems, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "NUMBA_THREADING_LAYER": layer},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (warning,) = done.stderr.splitlines()
    assert done.stdout.splitlines() == ["True", warning]
    known = layer.lower() == "tbb"
    assert warning.startswith(
        f"threading layer {layer.lower()} (NUMBA_THREADING_LAYER)"
        f" {'is not installed' if known else 'is unknown'}, "
    )
    assert warning.endswith(
        ": unset the variable, or pip install tbb" if known else
        ": unset the variable, or name one of"
        " omp, tbb, workqueue, default, safe, threadsafe, forksafe"
    )  # fmt: skip


def test_a_cache_that_does_not_exist_yet_is_no_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "new" / "cache"))
    assert examine().problems == []
    assert examine().sections["data"]["cache"] == f"{tmp_path}/new/cache (is made when needed)"
    assert list(tmp_path.iterdir()) == []


def test_data_sets_are_found_only_in_the_given_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    for folder, names in (("cache/mnist", ("mnist",)), ("mine/fashion-mnist", ("fashion-mnist",))):
        (tmp_path / folder).mkdir(parents=True)
        for file in CATALOGUE[names[0]].files:
            (tmp_path / folder / file.name).touch()
    found = examine().sections["data"]
    assert found["mnist"] == f"folder {tmp_path}/cache/mnist"
    assert found["digits"] == "comes with snnlab and its libraries"
    assert found["folder"] == found["idx"] == "yours: --data-dir"
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "mine"))
    found = examine().sections["data"]
    assert (found["mnist"], found["fashion-mnist"]) == (
        "not in SNNLAB_DATA", f"folder {tmp_path}/mine/fashion-mnist",
    )  # fmt: skip
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "nowhere"))
    assert problem() == (f"SNNLAB_DATA names {tmp_path}/nowhere, not a folder: correct or unset it")


def test_a_failing_check_does_not_hide_the_others(monkeypatch):
    def broken(problems):
        raise OSError("no such device\nat all")

    monkeypatch.setattr(doctor, "_kernels", broken)
    report = examine()
    assert report.problems == ["kernels: OSError: no such device"]
    assert report.sections["data"]


def test_no_writable_folder_for_kernels_is_a_problem(tmp_path):
    code = """
from numba.core import caching
caching.CacheImpl._locator_classes = []
from snnlab.commands.doctor import examine
print(*examine().problems, sep="\\n")
"""
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "no folder for compiled kernels is writable: set NUMBA_CACHE_DIR to one that is"
    ]
