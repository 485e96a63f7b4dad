"""The installed distribution, conflicts with others, and install commands of optional parts."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

import snnlab
from snnlab import install
from snnlab.commands.main import main


def test_the_version_is_the_installed_distributions():
    assert snnlab.__version__ == install.version() == metadata.version("snnlab-analog")


def test_sources_that_are_only_on_the_path_have_an_unknown_version(monkeypatch):
    monkeypatch.setattr(install, "DISTRIBUTION", "no-such-distribution")
    assert install.version() == "0+unknown"


@pytest.mark.parametrize(
    ("checkout", "command"),
    [(True, 'pip install -e ".[sweep]"'), (False, 'pip install "snnlab-analog[sweep]"')],
)
def test_the_install_command_suits_the_installation(monkeypatch, tmp_path, checkout, command):
    if checkout:
        (tmp_path / "pyproject.toml").write_text('[project]\nname = "snnlab-analog"\n')
    monkeypatch.setattr(install, "FOLDER", tmp_path / "snnlab")
    assert str(install.missing("Optuna is", "sweep")) == f"Optuna is not installed: {command}"


def test_no_message_or_page_installs_the_other_project():
    root = install.FOLDER.parent
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


def test_a_wheel_inside_another_project_is_not_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "FOLDER", tmp_path / "snnlab")
    for content in (b'[project]\nname = "theirs"\n', b"\xff\xfe"):
        (tmp_path / "pyproject.toml").write_bytes(content)
        assert not install.is_checkout()
    assert install.reinstall_command() == "pip install --force-reinstall --no-deps snnlab-analog"


def test_the_version_is_one_line_with_folder_and_python(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    python = ".".join(map(str, sys.version_info[:3]))
    said = f"snnlab {snnlab.__version__} from {install.FOLDER} (Python {python})\n"
    assert capsys.readouterr().out == said


def put(folder, name="snnlab", version="0.28.2", **origin):
    """The metadata of an installed distribution."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if origin:
        (info / "direct_url.json").write_text(json.dumps(origin))


STRANGER = "another distribution, snnlab (0.28.2), is installed in this environment"


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {"url": "file:///elsewhere", "dir_info": {"editable": True}},
        {"url": install.FOLDER.parent.as_uri(), "dir_info": {}},  # an old copy of this checkout
        {"url": "https://example.org/snnlab.whl", "archive_info": {}},
    ],
)
def test_every_command_warns_of_another_distribution_in_the_folder(
    monkeypatch, tmp_path, capsys, origin
):
    put(tmp_path, **origin)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["recipes"]) == 0
    out, error = capsys.readouterr()
    assert error == f"snnlab: {install.find_conflict()}\n"
    assert error.startswith(f"snnlab: {STRANGER}")
    assert error.endswith(f": pip uninstall snnlab, then {install.reinstall_command()}\n")
    assert STRANGER not in out


@pytest.mark.parametrize("how", ["pip", "setuptools of old", "not at all", "another name"])
def test_an_old_install_of_this_checkout_is_no_conflict(monkeypatch, tmp_path, capsys, how):
    here = tmp_path / "checkout"
    here.mkdir()
    (here / "pyproject.toml").write_text('[project]\nname = "snnlab-analog"\n')
    monkeypatch.setattr(install, "FOLDER", here / "snnlab")
    if how == "pip":
        put(tmp_path / "site", url=here.as_uri(), dir_info={"editable": True})
    elif how == "setuptools of old":
        put(here)
    elif how == "another name":
        put(tmp_path / "site", name="snnlab-extras")
    monkeypatch.syspath_prepend(here if how == "setuptools of old" else tmp_path / "site")
    assert main(["recipes"]) == 0
    assert capsys.readouterr().err == ""


def test_another_distribution_beside_an_installed_wheel_is_a_conflict(monkeypatch, tmp_path):
    put(tmp_path)
    monkeypatch.setattr(install, "FOLDER", tmp_path / "snnlab")
    monkeypatch.syspath_prepend(tmp_path)
    assert install.find_conflict().startswith(STRANGER)


def test_help_needs_no_library_of_the_doctor():
    code = "import sys, snnlab.commands.main as c; c._parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "numba", "snnlab.commands.doctor", "urllib.request", "webbrowser"}
    assert heavy.isdisjoint(done.stdout.split())
