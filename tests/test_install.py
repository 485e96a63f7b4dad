"""Which distribution runs, and the command that adds an optional part to it."""

from importlib import metadata

import pytest

import snnlab
from snnlab import install


def test_the_version_is_that_of_the_installed_distribution():
    assert snnlab.__version__ == install.version() == metadata.version("snnlab-analog")


def test_sources_that_are_only_on_the_path_have_an_unknown_version(monkeypatch):
    monkeypatch.setattr(install, "DISTRIBUTION", "no-such-distribution")
    assert install.version() == "0+unknown"


@pytest.mark.parametrize(
    ("checkout", "command"),
    [(True, 'pip install -e ".[sweep]"'), (False, 'pip install "snnlab-analog[sweep]"')],
)
def test_the_hint_fits_how_snnlab_was_installed(monkeypatch, tmp_path, checkout, command):
    if checkout:
        (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(install, "PLACE", tmp_path / "snnlab")
    assert str(install.missing("Optuna is", "sweep")) == f"Optuna is not installed: {command}"


def test_no_message_or_page_leads_to_the_other_project_on_the_index():
    root = install.PLACE.parent
    pages = [root / "README.md", *root.glob("docs/*.md"), *root.glob("notebooks/*.ipynb")]
    code = [
        path
        for folder in ("snnlab", "app", "benchmarks")
        for path in root.rglob(f"{folder}/**/*.py")
    ]
    wrong = [
        path.name
        for path in (*pages, *code)
        if 'install "snnlab[' in (text := path.read_text("utf-8")) or "install snnlab\n" in text
    ]
    assert wrong == []
