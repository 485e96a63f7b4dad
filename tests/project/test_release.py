"""The wheel: its content, that it runs on its own, and the owner of its name on the index."""

import zipfile

import pytest
import release
from release import Unfit, check_name

from snnlab.install import version


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return release.build(tmp_path_factory.mktemp("release"))[1]


@pytest.mark.slow
def test_the_wheel_contains_the_source_tree_of_the_sdist(wheel):
    held, sources = release.content(wheel), release.sources()
    assert sorted(held) == sorted(sources)
    assert held == sources
    assert {"snnlab/recipes.toml", "snnlab_bench/results/0.1.0.json"} < held.keys()


def test_the_wheel_is_tried_with_each_kind_of_command():
    first = [line.split()[:2] for line in release.first_commands()]
    assert first[:-1] == [["snnlab", name] for name in ("train", "reproduce", "sweep", "app")]
    assert first[-1] == ['snnlab.dashboard(dataset="digits")']


def publish(index, version, *names, project="snnlab_analog"):
    """Add a wheel to the index."""
    info = f"{project}-{version}.dist-info"
    described = {
        "METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(index / f"{project}-{version}-py3-none-any.whl", "w") as made:
        for name in names:
            made.writestr(name, "")
        for name, text in described.items():
            made.writestr(f"{info}/{name}", text)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that replaces the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    publish(folder, "1.0", project=release.CONTROL)
    return folder


OURS = ("snnlab/__init__.py", "snnlab_app/__init__.py", "snnlab_bench/__init__.py")


@pytest.mark.slow
def test_an_unused_name_is_free(index, tmp_path):
    assert check_name(tmp_path) == "snnlab-analog: nobody has the name"


def test_our_own_name_is_ours(index, tmp_path):
    publish(index, "0.0.1", *OURS)
    assert check_name(tmp_path).startswith("snnlab-analog: ours on the index")


@pytest.mark.parametrize(
    "names",
    [
        ("other.py",),
        *(pytest.param(n, marks=pytest.mark.slow) for n in ((), ("snnlab/__init__.py",))),
    ],
)
def test_the_name_of_another_project_is_refused(index, tmp_path, names):
    publish(index, "3.0", *names)
    with pytest.raises(Unfit, match="on the index is another project"):
        check_name(tmp_path)


@pytest.mark.slow
def test_a_published_version_is_refused(index, tmp_path):
    publish(index, version(), *OURS)
    with pytest.raises(Unfit, match="already on the index: raise the version"):
        check_name(tmp_path)


@pytest.mark.slow
def test_a_name_with_sources_but_no_wheel_is_refused(index, tmp_path):
    (index / "snnlab_analog-1.0.tar.gz").write_bytes(b"anything")
    with pytest.raises(Unfit, match="no wheel: it is not ours"):
        check_name(tmp_path)


def test_an_index_that_does_not_answer_is_an_error(index, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(Unfit, match="the package index does not answer"):
        check_name(tmp_path)
