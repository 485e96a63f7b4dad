"""The documentation agrees with the code: the table of knobs and the public reference."""

import ast
import importlib.util
import json
import re
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

import snnlab
from snnlab.config import Config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
DIRECTIVE = re.compile(r"^\.\. auto(\w+):: (\S+)\n((?:   :.*\n)*)", re.MULTILINE)


def knobs_page():
    spec = importlib.util.spec_from_file_location("knobs_page", ROOT / "docs" / "knobs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


def test_the_table_of_knobs_is_up_to_date():
    written = (ROOT / "docs" / "knobs.md").read_text("utf-8")
    assert written == knobs_page(), "out of date: python docs/knobs.py"


def test_every_knob_has_a_row():
    rows = [line for line in knobs_page().splitlines() if "<br>`--" in line]
    assert len(rows) == len(Config.knobs())
    live = sum("| live |" in row for row in rows)
    assert live == len(Config.LIVE)


def documented():
    """Objects that the reference documents, as (module, name)."""
    for kind, target, options in DIRECTIVE.findall((ROOT / "docs/reference.md").read_text("utf-8")):
        if kind != "module":
            yield tuple(target.rsplit(".", 1))
            continue
        listed = re.search(r":members:(.*)", options).group(1).strip()
        module = import_module(target)
        imported = ":imported-members:" in options
        names = listed.split(", ") if listed else getattr(module, "__all__", vars(module))
        yield from (
            (target, name)
            for name in names
            if listed or imported or getattr(vars(module).get(name), "__module__", "") == target
        )


def code_blocks():
    for page in PAGES:
        yield from re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for book in NOTEBOOKS:
        cells = json.loads(book.read_text("utf-8"))["cells"]
        yield from ("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def used():
    """Imports of snnlab in README, docs and notebooks, as (module, name)."""
    nodes = chain.from_iterable(ast.walk(ast.parse(block)) for block in code_blocks())
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "snnlab":
            yield from ((node.module, alias.name) for alias in node.names)


def test_every_name_in_the_reference_exists():
    missing = [f"{m}.{n}" for m, n in documented() if not hasattr(import_module(m), n)]
    assert missing == []


@pytest.mark.parametrize("name", snnlab.__all__)
def test_every_name_of_the_package_is_in_the_reference(name):
    assert id(getattr(snnlab, name)) in {id(getattr(import_module(m), n)) for m, n in documented()}


def test_everything_imported_in_pages_and_notebooks_is_in_the_reference():
    known = {id(getattr(import_module(m), n)) for m, n in documented()}
    modules = {m for m, _ in documented()}
    unknown = []
    for module, name in sorted(set(used())):
        found = getattr(import_module(module), name, None)
        plain = not callable(found)  # a constant or a module stands in its module's text
        if not (
            id(found) in known or (plain and module in modules) or f"{module}.{name}" in modules
        ):
            unknown.append(f"{module}.{name}")
    assert unknown == []


def relative_links(page):
    """Targets of the links and pictures of a Markdown page that lie in the repository."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|mailto:", target):
            yield target


def anchors(page):
    """Names that the headings of a page can be linked by."""
    for heading in re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob(".github/*.md"))],
    ids=lambda page: page.name,
)
def test_links_lead_to_files_and_headings_that_exist(page):
    broken = []
    for target in relative_links(page):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if name.startswith("notebooks/"):  # the site has a copy
            file = ROOT / name
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_page_of_the_site_is_in_its_contents():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = set(re.findall(r"^([\w/-]+)$", index, re.MULTILINE))
    pages = {page.stem for page in ROOT.glob("docs/*.md")} - {"index"}
    assert listed == pages | {f"notebooks/{book.stem}" for book in NOTEBOOKS}


QUAINT = re.compile(r"\b([Aa]n[e]w|[Ss]o m[a]ny|[Aa]m[i]ss)\b|\b(are|is) n[o]ne\b")
"""Words that our pages and docstrings do without; spelled so that this line is not one of them."""


def test_our_english_is_plain():
    rooms = ("snnlab", "app", "benchmarks", "tests", "docs", "notebooks")
    written = [
        *ROOT.glob("*.md"),
        *(path for room in rooms for path in (ROOT / room).rglob("*")
          if path.suffix in (".py", ".md", ".toml", ".js", ".ipynb")),
    ]  # fmt: skip
    assert len(written) > 500
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in written
        for match in QUAINT.finditer(path.read_text("utf-8"))
    ]
    assert not found
