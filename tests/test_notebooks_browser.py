"""Notebooks in a real JupyterLab: run all, move a slider, and the plot changes."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from shutil import copy

import pytest
from conftest import free_port, until

DIST = Path(find_spec("panel").origin).parent / "dist"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.notebook]
BOOKS = Path(__file__).parent.parent / "notebooks"
QUIET = {"SNNLAB_FAST": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
CDN = re.compile("https://cdn.holoviz.org/panel/[^/]+/dist/(.*?)([?].*)?$")
"""Where Panel's style sheets come from in a notebook; a machine under test may have no network."""
LIVE = [
    "import panel as pn\nimport snnlab\n"
    "live = snnlab.dashboard(dataset='digits', epochs=1000, hidden=[40])\nlive",
    "echo = pn.pane.Markdown('nothing turned yet')\n"
    "tell = lambda event: setattr(echo, 'object', f'the kernel has beta {event.new:.3g}')\n"
    "live.config.param.watch(tell, 'beta')\necho",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab in a folder with copies of the notebooks; its address."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("01_one_neuron.ipynb", "03_a_picture.ipynb"):
        copy(BOOKS / name, folder)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**cell, "id": f"cell-{k}", "source": source} for k, source in enumerate(LIVE)]
    live = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "live.ipynb").write_text(json.dumps(live), "utf-8")
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--notebook-dir={folder}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    own["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
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
    page.route(CDN, lambda route: route.fulfill(path=DIST / CDN.match(route.request.url)[1]))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab[0]}/workspaces/{name[:2]}/tree/{name}?reset")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=240_000)
    return errors


def plot_state(page):
    """What the plots of the page show : numbers of all their columns."""
    return page.evaluate(
        """() => Object.values(Bokeh.index).flatMap(view => [...view.model.references()])
           .filter(model => model.type === 'ColumnDataSource')
           .map(model => Object.values(model.data).map(v => Array.from(v).join(',')))"""
    )


def pressed_and_drawn(page, handle, before):
    """One step of a slider; whether the plots are other ones within five seconds."""
    handle.press("ArrowRight")
    for _ in range(10):
        if plot_state(page) != before:
            return True
        page.wait_for_timeout(500)
    return False


@pytest.mark.parametrize(
    ("name", "label"), [("01_one_neuron.ipynb", "τ_mem (µs)"), ("03_a_picture.ipynb", "τ_in (µs)")]
)
def test_a_slider_moves_and_the_plot_changes(page, lab, name, label):
    errors = opened(page, lab, name)
    title = page.get_by_text(f"{label}:").first
    title.wait_for(state="attached", timeout=120_000)
    title.evaluate("element => element.scrollIntoView()")
    said, shown = title.inner_text(), plot_state(page)
    handle = page.locator(".noUi-handle").first
    handle.focus()
    until(lambda: pressed_and_drawn(page, handle, shown), 120)
    assert title.inner_text() != said
    assert not errors


def test_the_dashboard_inline_trains_in_the_kernel_and_its_knob_acts_there(page, lab):
    errors = opened(page, lab, "live.ipynb")
    page.get_by_role("button", name="Train").click(timeout=60_000)
    page.get_by_text(re.compile(r"running: step \d+")).wait_for(timeout=60_000)
    before = plot_state(page)
    until(lambda: plot_state(page) != before, 30)
    knob = page.locator(".noUi-handle").nth(1)  # mismatch, then the surrogate's steepness
    knob.focus()
    knob.press("PageUp")
    page.get_by_text(re.compile(r"the kernel has beta (?!10$)")).wait_for(timeout=60_000)
    assert not errors
