"""Names in examples exist, and paths may be str or Path."""

import ast
import json
import re
from importlib import import_module
from pathlib import Path

import holoviews as hv
import numpy as np
import pytest
from refusal import refused

import snnlab
from snnlab import Die, load, plotting
from snnlab.config import Config
from snnlab.learn.trainer import Trainer
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, find_run, list_runs, load_weights, run_in
from snnlab.runs.tables import export_table

ROOT = Path(__file__).parents[2]


def examples():
    """Python code of all pages and notebooks, with the file name."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"```(?:python|pycon)\n(.*?)```", page.read_text("utf-8"), re.S):
            yield page.name, re.sub(r"^(>>> |\.\.\. )", "", block, flags=re.M)
    for book in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(book.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield book.name, re.sub(r"^\s*[%!].*$", "pass", "".join(cell["source"]), flags=re.M)


def imported(code):
    """Module and name of each import of ours, and attributes of ``snnlab`` itself."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0].startswith("snn"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "snnlab"]
            yield from ((name, "__name__") for name in names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "snnlab":
            yield "snnlab", node.attr


def test_every_name_in_the_examples_exists():
    found = {(page, *one) for page, code in examples() for one in imported(code)}
    assert len(found) > 30
    missing = [
        (page, module, name) for page, module, name in sorted(found)
        if not hasattr(import_module(module), name) and not _is_module(f"{module}.{name}")
    ]  # fmt: skip
    assert missing == []


def _is_module(name):
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def test_every_name_of_the_package_exists():
    assert [name for name in (*snnlab.__all__, "__version__") if not hasattr(snnlab, name)] == []
    assert [name for name in plotting.__all__ if not hasattr(plotting, name)] == []


ELEMENT = plotting.compared(
    [plotting.Series("a", np.arange(3), np.arange(3), np.ones(3))], "x", "y", "matplotlib"
)
BEGINNINGS = {
    "png": b"\x89PNG", "PNG": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "jpg": b"\xff\xd8",
    "webp": b"RIFF",
}  # fmt: skip


@pytest.mark.parametrize("place", [str, Path])
@pytest.mark.parametrize("ending", BEGINNINGS)
def test_a_figure_is_saved_to_str_or_path(ending, place, tmp_path):
    for name in "ab":
        plotting.save(ELEMENT, place(tmp_path / f"{name}.{ending}"))
    one, other = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    assert one.startswith(BEGINNINGS[ending])
    assert one == other
    assert len(list(tmp_path.iterdir())) == 2


def test_a_figure_has_the_colours_of_its_element(tmp_path):
    steps = {"step": np.arange(3), "accuracy": np.arange(3) / 3}
    plotting.save(plotting.accuracy_curve(steps, steps), str(tmp_path / "curve.svg"))
    text = (tmp_path / "curve.svg").read_text()
    assert plotting.TRAIN_COLOR.lower() in text
    assert plotting.TEST_COLOR.lower() in text


@pytest.mark.parametrize(
    "element", [hv.Curve([1, 2]), hv.Area([1, 2]), hv.Curve([1, 2]) * hv.Area([1, 2])]
)
def test_user_defined_elements_are_saved(element, tmp_path):
    plotting.save(element, str(tmp_path / "own.png"))
    assert (tmp_path / "own.png").read_bytes().startswith(BEGINNINGS["png"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("r", "end its name in .png, .svg or .pdf"), ("r.html", "end its name in .png"),
        ("no/r.png", "cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_an_invalid_path_of_a_figure_is_refused(name, said, tmp_path):
    refused(lambda: plotting.save(ELEMENT, str(tmp_path / name)), "picture", said, folder=tmp_path)


@pytest.mark.parametrize("place", [str, Path])
def test_paths_are_str_or_path(place, tmp_path):
    config = Config.checked(dataset="digits", hidden=[5], batch=1438, epochs=1)
    folder = place(tmp_path / "run")
    Recorder(folder, Trainer(config, load("digits")))
    assert Run.open(folder).name == find_run(folder).name == "run"
    assert run_in(place(tmp_path), "run").name == list_runs(place(tmp_path))[0][0].name
    assert find_run(place("ru"), place(tmp_path)).name == "run"
    for weights in (folder, place(tmp_path / "run" / "weights.npz")):
        assert load_weights(weights)[0].shape == (256, 5)
    Die.draw(seed=1).save(place(tmp_path / "die.npz"))
    assert Die.load(place(tmp_path / "die.npz")).fingerprint == Die.draw(seed=1).fingerprint
    export_table(place(tmp_path / "rows.csv"), {"a": [1]})
    assert (tmp_path / "rows.csv").read_text() == '"a"\n1\n'
