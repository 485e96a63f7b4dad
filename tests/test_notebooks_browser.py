"""Notebooks in a real JupyterLab: run all, move a slider, and the plot changes."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from shutil import copy

import pytest
from conftest import free_port, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.notebook]
BOOKS = Path(__file__).parent.parent / "notebooks"
QUIET = {"SNNLAB_FAST": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
LIVE = """
import snnlab
live = snnlab.dashboard(dataset="digits", epochs=1000, hidden=[40])
live
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab in a folder with copies of the notebooks; its address."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("01_one_neuron.ipynb", "03_a_picture.ipynb"):
        copy(BOOKS / name, folder)
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--notebook-dir={folder}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env={**os.environ, **QUIET, **own}, stdout=log, stderr=log, cwd=folder
        )
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/api") or server.poll(), 90)
            assert server.poll() is None, (folder / "log").read_text()
            yield f"http://127.0.0.1:{port}/lab", folder
        finally:
            server.terminate()
            server.wait(timeout=30)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def opened(page, lab, name):
    """The notebook in a page of its own, all cells run; errors of the console are gathered."""
    errors = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab[0]}/workspaces/{name[:2]}/tree/{name}?reset")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    until(lambda: "Idle" in page.locator(".jp-Notebook-ExecutionIndicator").first.get_attribute(
        "data-status").title(), 60)  # fmt: skip
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    return errors


def plot_state(page):
    """What the plot under the sliders shows : numbers of its first curve."""
    return page.evaluate(
        """() => Object.values(Bokeh.index).flatMap(view => [...view.model.references()])
           .filter(model => model.type === 'ColumnDataSource' && model.data.y)
           .map(model => Array.from(model.data.y).slice(0, 400).join(','))"""
    )


@pytest.mark.parametrize(
    ("name", "label"), [("01_one_neuron.ipynb", "τ_mem (µs)"), ("03_a_picture.ipynb", "τ_in (µs)")]
)
def test_a_slider_moves_and_the_plot_changes(page, lab, name, label):
    errors = opened(page, lab, name)
    title = page.get_by_text(f"{label}:").first
    title.wait_for(timeout=120_000)
    title.scroll_into_view_if_needed()
    said, shown = title.inner_text(), plot_state(page)
    handle = page.locator(".noUi-handle").first
    handle.focus()
    for _ in range(6):
        handle.press("ArrowRight")
    until(lambda: title.inner_text() != said, 20)
    until(lambda: plot_state(page) != shown, 30)
    assert not errors
