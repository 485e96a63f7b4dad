"""No source runs what it is given, and what is installed is what was tested."""

import ast
from importlib import metadata
from pathlib import Path

import audit
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from snnlab.errors import SnnlabError
from snnlab.files import load_npz, read_npz
from snnlab.install import DISTRIBUTION
from snnlab.runs.run import load_weights

HERE = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("snnlab", "app", "benchmarks") for path in (HERE / folder).rglob("*.py")
)


# ── nothing from outside is run ──


FORBIDDEN = {
    "eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "cPickle.load", "dill.load", "dill.loads", "joblib.load", "marshal.load", "marshal.loads",
    "shelve.open", "yaml.load", "yaml.unsafe_load", "pandas.read_pickle", "pd.read_pickle",
    "subprocess.getoutput", "subprocess.getstatusoutput", "torch.load", "torch.hub.load",
    "ctypes.CDLL", "__import__", "input", "tempfile.mktemp",
}  # fmt: skip
UNPICKLER = HERE / "snnlab/data/published/wheel.py"
"""The one unpickler: of a file whose checksum is known, and it can build arrays and no more."""


def complaints(path):
    """What a source does that it must not, with its line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {word.arg: word.value for word in node.keywords}
            if name in FORBIDDEN:
                yield f"{name}, line {node.lineno}"
            if "shell" in given and ast.unparse(given["shell"]) != "False":
                yield f"a shell, line {node.lineno}"
            if "allow_pickle" in given and ast.unparse(given["allow_pickle"]) != "False":
                yield f"allow_pickle, line {node.lineno}"
            if name in ("np.load", "numpy.load") and "allow_pickle" not in given:
                yield f"np.load without allow_pickle=False, line {node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            for name in {"pickle", "dill", "shelve", "marshal", "yaml", "joblib"} & set(names):
                if path != UNPICKLER:
                    yield f"import of {name}, line {node.lineno}"


def test_there_are_sources_to_look_at():
    assert len(SOURCES) > 100
    assert UNPICKLER in SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HERE)))
def test_no_source_runs_what_it_is_given(path):
    assert list(complaints(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        "eval(x)", "os.system(x)", "pickle.load(f)", "np.load(f)", "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=given)", "subprocess.run(x, shell=True)", "torch.load(f)",
        "yaml.load(f)", "import pickle", "from pickle import load",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(tmp_path, code):
    (tmp_path / "bad.py").write_text(f"import os\n{code}\n")
    assert len(list(complaints(tmp_path / "bad.py"))) == 1


def test_a_run_with_a_pickle_inside_is_refused_unread(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap()], object)
    for name in ("weights", "frames", "die"):
        np.savez(tmp_path / f"{name}.npz", layer_0=trap, step=trap, tau_mem=trap)
    for read in (
        lambda: load_weights(tmp_path / "weights.npz"),
        lambda: load_npz(tmp_path / "frames.npz", "frames", "step"),
        lambda: read_npz(tmp_path / "die.npz", "die", {"tau_mem": (1,)}),
    ):
        with pytest.raises(SnnlabError, match="non-numeric values"):
            read()
    assert not (tmp_path / "sprung").exists()


# ── what is installed is what was tested ──


def test_every_installed_package_is_pinned():
    """But for what someone has installed besides."""
    pinned = audit.pins(audit.CONSTRAINTS.read_text())
    found, wanted = audit.installed(), needed()
    assert audit.unpinned({k: v for k, v in found.items() if k in wanted}, pinned) == []
    assert len(wanted) > 60


def needed():
    """Everything that snnlab and its extras for the dashboard and the tests ask for, in the end."""
    waiting, seen = [(DISTRIBUTION, ("app", "test"))], set()
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or ():
            wanted = Requirement(text)
            holds = wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in (*extras, "")
            )
            inner = canonicalize_name(wanted.name)
            if holds and inner == DISTRIBUTION:
                waiting.append((inner, tuple(wanted.extras)))
            elif holds and inner not in seen:
                seen.add(inner)
                waiting.append((inner, tuple(wanted.extras)))
    return seen - audit.TOOLS


def test_the_audit_says_what_is_not_as_pinned():
    pinned = audit.pins('a==1.0\n# b\nC_d==2.0; python_version >= "3"\ne==3; python_version < "3"')
    assert pinned == {"a": "1.0", "c-d": "2.0"}
    found = {"a": "1.0+cpu", "c-d": "2.1", "f": "1"}
    assert audit.unpinned(found, pinned) == ["c-d 2.1: pinned to 2.0", "f 1: not pinned"]
