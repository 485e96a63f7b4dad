"""Faults of Panel, Bokeh and HoloViews in the pages themselves: each in the library itself, and put
right."""

import gc
import json
import subprocess
import sys
from types import SimpleNamespace

import bokeh
import holoviews as hv
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from bokeh.document.callbacks import invoke_with_curdoc
from bokeh.io import doc as current
from conftest import free_port
from packaging.version import Version
from panel.io import document
from panel.io.server import ComponentResourceHandler
from panel.io.state import set_curdoc
from panel.reactive import Syncable
from served import served

from snnlab_app import panel_fixes
from snnlab_app.panel_fixes import (
    LEAVES_PAGES,
    restoring_curdoc,
)

# ── callbacks that fail ──


@pytest.fixture
def pages(monkeypatch):
    """Returns the pages that are served, innermost last, as if nothing had failed yet."""
    if LEAVES_PAGES:
        monkeypatch.setattr(current, "_PATCHED_CURDOCS", stack := [])
        return lambda: stack
    return current._PATCHED_CURDOCS.get


def test_a_callback_that_fails_leaves_no_page_behind(pages, monkeypatch):
    if LEAVES_PAGES:
        monkeypatch.setattr(current, "patch_curdoc", restoring_curdoc(current.patch_curdoc))
    before = list(pages())
    served, outer = Document(), Document()
    with current.patch_curdoc(outer):
        with pytest.raises(ZeroDivisionError):
            invoke_with_curdoc(served, lambda: 1 / 0)
        assert current.curdoc() is outer
        assert invoke_with_curdoc(served, current.curdoc) is served
    assert list(pages()) == before


def test_only_bokeh_before_3_10_leaves_it(pages):
    """Newer ones need no fix and get none."""
    assert (Version(bokeh.__version__) < Version("3.10")) == LEAVES_PAGES
    before = list(pages())
    with pytest.raises(ZeroDivisionError):
        invoke_with_curdoc(Document(), lambda: 1 / 0)
    assert len(pages()) - len(before) == LEAVES_PAGES


# ── memory ──


def test_panel_by_itself_searches_all_memory_when_a_visitor_leaves(monkeypatch):
    searched = []
    monkeypatch.setattr(gc, "collect", lambda generation=2: searched.append(generation))
    monkeypatch.setattr(document, "_panel_last_cleanup", -1e9)
    document._garbage_collect()
    assert searched == [2]
    for few in (True, False):
        panel_fixes.collecting(lambda few=few: few)()
    assert searched == [2, 2, 1]


SERVED = """
import json, os, sys, time
import holoviews as hv, panel as pn, panel_material_ui as pmui
from bokeh.client import pull_session
from snnlab_app import panel_fixes

pn.extension(notifications=True)
found, pages = {}, []

def tied(page):
    hooks = page.callbacks._session_destroyed_callbacks
    return sum("Plot" in getattr(hook, "__qualname__", "") for hook in hooks)

def app():
    page = pn.state.curdoc
    panel_fixes.rendered(hv.Curve([1]), id)
    found["tied by the fix"] = tied(page)
    hv.renderer("bokeh").get_plot(hv.Curve([1]))
    found["tied by HoloViews"] = tied(page)
    pn.state.notifications.info("hello")
    pages.append(page)
    return pmui.Page(title="a page")

def kept():
    return sum(page in pages for _, _, page, _ in pn.state._views.values())

def until(condition):
    while not condition():
        time.sleep(0.05)

def come():
    try:
        return pull_session(url=f"http://localhost:{sys.argv[1]}/")
    except OSError:
        return None

server = pn.serve(
    app, port=int(sys.argv[1]), show=False, threaded=True, verbose=False,
    check_unused_sessions_milliseconds=50, unused_session_lifetime_milliseconds=50,
)
sessions = []
until(lambda: sessions.append(come()) or sessions[-1])
found["open"] = kept()
sessions[-1].close()
until(lambda: kept() < found["open"])
time.sleep(1)
found["kept by Panel"] = kept()
panel_fixes.free(pages[-1])
found["kept by the fix"] = kept()
print(json.dumps(found), flush=True)
os._exit(0)
"""


def test_what_libraries_by_themselves_keep_of_a_page_on_a_server():
    """HoloViews ties plots to the page; Panel keeps the page's area for notifications."""
    script = [sys.executable, "-W", "ignore", "-c", SERVED, str(free_port())]
    found = json.loads(subprocess.check_output(script, text=True, timeout=60))
    assert found == {
        "tied by the fix": 0, "tied by HoloViews": 1, "open": 2, "kept by Panel": 1,
        "kept by the fix": 0,
    }  # fmt: skip


def test_a_plot_that_belongs_to_no_page_shows_its_parts():
    seen = []
    figure = panel_fixes.rendered(hv.Curve([1, 2]), seen.append)
    (leaf,) = seen
    assert leaf.handles["source"].column_names == ["x", "y"]
    assert leaf.state is figure


# ── clicks and changes ──


def _scheduled(page):
    """Whether a click runs without the page's lock if it arrives while a change is waiting."""
    event = SimpleNamespace(event_name="button_click")
    pn.state._change_callbacks[page] = {}
    with set_curdoc(page):
        pn.widgets.Button()._server_event(page, event)
    (callback,) = page.session_callbacks
    return getattr(callback.callback, "nolock", False)


def test_panel_by_itself_handles_a_click_without_the_lock(monkeypatch):
    assert _scheduled(served())
    locked = pn.io.with_lock(Syncable._event_coroutine)
    monkeypatch.setattr(Syncable, "_event_coroutine", locked)
    assert not _scheduled(served())


def test_panel_by_itself_waits_for_a_browser_that_was_here_before():
    page, done = served(), []
    with set_curdoc(page):
        pn.state.onload(lambda: done.append(1))
    assert done == []
    panel_fixes.load(page)
    panel_fixes.load(page)
    assert done == [1]


def _sent(kind, monkeypatch):
    """Names of properties that a pane sets when its text changes."""
    pane, sent = kind("before"), []
    model = pane.get_root()
    monkeypatch.setattr(type(model), "update", lambda self, **names: sent.extend(names))
    monkeypatch.setattr(type(model), "__setattr__", lambda self, name, value: sent.append(name))
    pane._update(model.ref["id"], model)
    return sent


def test_panel_by_itself_sends_everything_when_a_text_changes(monkeypatch):
    with monkeypatch.context() as inner:
        assert len(_sent(pn.pane.HTML, inner)) > 5
    assert _sent(panel_fixes.Markup, monkeypatch) == ["text"]


def test_a_page_by_itself_mirrors_whether_the_server_is_busy():
    def mirrors(make):
        before = len(panel_fixes._watching_busy())
        page = make()
        more = len(panel_fixes._watching_busy()) - before
        return more, page.busy

    with set_curdoc(served()):
        assert mirrors(pmui.Page)[0] > 0
        assert mirrors(lambda: panel_fixes.without_busy(pmui.Page)) == (0, False)


# ── what browsers send ──


def test_panel_by_itself_imports_what_an_address_names():
    """``this`` prints a poem when it is imported."""
    sys.modules.pop("this", None)
    for kind, imported in ((panel_fixes.LoadedComponents, False), (ComponentResourceHandler, True)):
        handler = kind.__new__(kind)
        with pytest.raises(Exception, match="not found"):
            handler.parse_url_path("this/x/_css/y")
        assert ("this" in sys.modules) == imported
