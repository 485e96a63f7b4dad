"""Cost of imports."""

import gc
import subprocess
import sys

import pytest

from snnlab.process import freeze_imports

HEAVY = ("torch", "numba", "scipy", "sklearn", "pyarrow", "optuna", "distributed")


def test_the_web_server_imports_no_numeric_library():
    code = f"import sys, snnlab_app.server.serve; print([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_garbage_collection_is_off_while_importing_and_skips_the_imported():
    before = gc.get_freeze_count()
    with freeze_imports():
        assert not gc.isenabled()
        kept = [{} for _ in range(10_000)]
    assert gc.isenabled()
    # Some of what was frozen before has died meanwhile.
    assert gc.get_freeze_count() >= before + len(kept) // 2
    gc.unfreeze()


def test_garbage_collection_is_on_after_a_failed_import():
    with pytest.raises(ImportError), freeze_imports():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_a_training_begins_without_what_it_does_not_need(tmp_path):
    train = ["train", "--dataset", "digits", "--epochs", "1", "--hidden", "20"]
    code = (
        "import sys; from snnlab.commands.main import main;"
        f" main({[*train, '--out', str(tmp_path / 'run')]});"
        " print([n for n in ('pandas', 'scipy.ndimage', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
