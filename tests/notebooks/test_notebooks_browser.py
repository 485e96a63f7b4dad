"""Notebooks in a real JupyterLab: run all, move a slider, and the plot changes."""

import json
import re
from pathlib import Path
from shutil import copy

import pytest
from conftest import until
from jupyterlabs import jupyterlab

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.notebook]
BOOKS = Path(__file__).parents[2] / "notebooks"
SAID = re.compile(r"(running|paused): step \d+")
LIVE = [
    "import panel as pn\nimport snnlab\n"
    "live = snnlab.dashboard(dataset='digits', epochs=1000, hidden=[40])\nlive",
    "echo = pn.widgets.StaticText(value='nothing turned yet')\n"
    "tell = lambda event: setattr(echo, 'value', f'the kernel has beta {event.new:.3g}')\n"
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
    with jupyterlab(folder) as address:
        yield f"{address}/lab", folder


def opened(page, lab, name):
    """The notebook in a page of its own, all cells run; errors of the console are gathered."""
    errors = []
    page.route(re.compile("^https?://(?!127.0.0.1)"), lambda route: route.abort())  # no network
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab[0]}/workspaces/{name[:2]}/tree/{name}?reset")
    page.locator(".jp-Notebook").wait_for(timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for(timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=240_000)
    return errors


def plot_state(page):
    """What the plots of the page show : numbers of all their columns."""
    return page.evaluate(
        """() => Object.values(Bokeh.index).flatMap(view => [...view.model.references()])
           .filter(model => model.type === 'ColumnDataSource')
           .map(model => Object.values(model.data).map(v => Array.from(v).join(',')))"""
    )


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
    handle.press("ArrowRight")
    until(lambda: plot_state(page) != shown, 30)
    assert title.inner_text() != said
    assert not errors


def step_told(page):
    return int(re.search(r"step (\d+)", page.get_by_text(SAID).inner_text())[1])


def test_the_dashboard_inline_obeys_its_knob_and_its_buttons(page, lab):
    errors = opened(page, lab, "live.ipynb")
    page.get_by_role("button", name="Train").click(timeout=120_000)
    page.get_by_text(re.compile(r"running: step \d+")).wait_for(timeout=120_000)
    before = plot_state(page)
    until(lambda: plot_state(page) != before, 30)
    knob = page.locator(".noUi-handle").nth(1)  # mismatch, then the surrogate's steepness
    knob.focus()
    knob.press("ArrowRight")
    page.get_by_text("the kernel has beta 20").wait_for(timeout=120_000)
    before = step_told(page)
    until(lambda: step_told(page) > before, 30)
    page.get_by_role("button", name="Pause").click()
    page.get_by_text(re.compile(r"paused: step \d+")).wait_for(timeout=120_000)
    before = step_told(page)
    page.wait_for_timeout(3000)
    assert step_told(page) == before
    page.get_by_role("button", name="Train").click()
    until(lambda: step_told(page) > before, 30)
    assert page.get_by_text("the kernel has beta 20").is_visible()
    assert not errors
