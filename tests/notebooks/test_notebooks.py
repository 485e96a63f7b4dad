"""What holds for every notebook before it is run: form, size, and names that a user may import."""

import ast
import json
import re
from functools import partial
from importlib import import_module
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from snnlab import Config, Trainer, load

BOOKS = sorted(Path(__file__).parents[2].joinpath("notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
MOST_LINES = 15


@pytest.fixture(params=BOOKS, ids=lambda path: path.stem)
def book(request):
    return json.loads(request.param.read_text("utf-8"))


def source(cell):
    return "".join(cell["source"])


def code(book):
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def test_there_are_ten():
    assert [path.name[:2] for path in BOOKS] == [f"{n:02d}" for n in range(1, 11)]


def test_no_outputs_and_stable_metadata(book):
    assert book["metadata"] == METADATA
    assert all(cell["metadata"] == {} for cell in book["cells"])
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code(book))
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)


def test_opens_with_what_and_how_long_and_ends_with_exercises_and_reading(book):
    first, last = source(book["cells"][0]), source(book["cells"][-1])
    assert first.startswith("# ")
    assert "**You will learn**" in first
    assert "**It takes**" in first
    assert last.index("## Exercises") < last.index("<details>") < last.index("## Further reading")
    assert any("failure first" in source(cell).lower() for cell in book["cells"])


def test_cells_are_short(book):
    long = [cell["id"] for cell in code(book) if source(cell).count("\n") >= MOST_LINES]
    assert not long


def imported(book):
    """Names out of snnlab that a notebook imports, as (module, name)."""
    for cell in code(book):
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "snnlab":
                yield from ((node.module, alias.name) for alias in node.names)
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names if "snnlab" in alias.name)


def test_imports_public_names_that_exist(book):
    names = list(imported(book))
    assert names
    for module, name in names:
        assert not any(part.startswith("_") for part in (*module.split("."), name))
        if module != "snnlab.plotting.static":  # needs IPython, which only notebooks have
            assert hasattr(import_module(module), name or "__all__")


def test_nothing_private_is_touched(book):
    for cell in code(book):
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.Attribute):
                own = node.attr.startswith("__") and node.attr.endswith("__")
                assert own or not node.attr.startswith("_"), node.attr


def test_every_plot_has_its_still_picture(book):
    assert sum(source(cell).count("show(") for cell in code(book)) >= 3


def test_links_between_notebooks_lead_somewhere(book):
    names = {path.name for path in BOOKS}
    for cell in book["cells"]:
        for part in source(cell).split("](")[1:]:
            target = part.split(")")[0]
            assert not target.endswith(".ipynb") or target in names, target


# What single notebooks show and say


def code_of(number):
    return code(json.loads(BOOKS[number - 1].read_text("utf-8")))


def namespace(number, last):
    """Names that a notebook's cells define up to one of them, and the figures they show."""
    cells = code_of(number)
    figures, names = [], {}
    for cell in cells[: [cell["id"] for cell in cells].index(last) + 1]:
        text = source(cell).replace("\ninteractive()", "")
        exec(compile(text, cell["id"], "exec"), names)
        if "show" in names:
            names["show"] = lambda element, *_, **__: figures.append(element)
    return names, figures


def test_the_membrane_of_notebook_1_falls_where_the_chip_fires():
    names, figures = namespace(1, "01-21")
    names["show"] = lambda element, **_: figures.append(element)
    asked = source(next(c for c in code_of(1) if c["id"] == "01-23"))
    exec(asked, names)
    drawn = {leaf.label: leaf.columns() for leaf in figures[-1]}
    time, membrane = drawn["ideal membrane"]["x"], drawn["ideal membrane"]["y"]
    falls = time[1:][np.diff(membrane) < -0.5]
    assert len(falls) > 3
    np.testing.assert_allclose(drawn["spikes"]["x"], falls, atol=0.2)


def test_no_line_of_notebook_4s_first_figure_lies_under_another():
    _, (figure, *_) = namespace(4, "04-03")
    lines = [
        leaf.columns()["y"] for leaf in figure if leaf.label and type(leaf).__name__ == "Curve"
    ]
    same = [np.isclose(a[: len(b)], b[: len(a)]).mean() for a, b in combinations(lines, 2)]
    assert max(same) < 0.1
    assert "true gradient of the loss" in [leaf.label for leaf in figure]


def test_the_solution_of_notebook_5_trains_for_the_epoch_that_its_exercise_names():
    names = {"np": np, "Trainer": Trainer, "Config": partial(Config, hidden=[10], batch=500)}
    cell = next(c for c in code_of(5) if c["id"] == "05-03")
    names |= {"digits": lambda *_: load("digits"), "FAST": True}
    exec(source(cell), names)
    last = source(json.loads(BOOKS[4].read_text("utf-8"))["cells"][-1])
    assert "3. Continue training for one epoch" in last
    solution = re.search(r"3\. `(train\(.*?\))`", last).group(1)
    tests, trainer = eval(solution, {**names, "weights": None})
    assert len(tests) == trainer.epoch == 1
