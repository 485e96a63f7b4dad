"""Faults of BokehJS: each in the library itself, and put right, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import bokeh
import pytest
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FreehandDrawTool
from bokeh.plotting import figure
from bokeh.resources import INLINE
from browsing import wait_for
from packaging.version import Version
from playwright.sync_api import Browser, Page

import snnlab_app.browser

pytestmark = pytest.mark.browser

FIXES = Path(snnlab_app.browser.__file__).with_name("bokeh_fixes.js").read_text("utf-8")
COUNTING = """() => {
  const legend = Bokeh.Models.get("Legend").prototype.default_view.prototype
  const build = legend._render_items
  window.built = 0
  legend._render_items = function() { window.built += 1; build.call(this) }
}"""
EMBED = """async item => {
  const [view] = Object.values(await Bokeh.embed.embed_item(item, "here")).flat()
  window.page = Bokeh.documents[0]
}"""
PARTS = """
  const parts = (view, found = new Set()) => {
    if (!view || found.has(view)) return found
    found.add(view)
    for (const child of [...(view.child_views ?? []), ...(view.children?.() ?? [])]) {
      parts(child, found)
    }
    return found
  }
  const views = [...Bokeh.index.roots].flatMap(root => [...parts(root)])
"""


@pytest.fixture(scope="module", params=["Bokeh by itself", "fixed"])
def bokeh_page(request, browser: Browser) -> Iterator[tuple[Page, bool]]:
    """A page with BokehJS, as it is or with the fixes, and which: to load one takes seconds."""
    with browser.new_context() as context:
        page = context.new_page()
        body = "<div id='here' style='width: 500px'></div>"
        page.set_content(f"<!DOCTYPE html><html><head>{INLINE.render()}</head><body>{body}</body>")
        page.wait_for_function("window.Bokeh?.Models !== undefined")
        page.evaluate(COUNTING)
        if request.param == "fixed":
            page.evaluate(f"() => {{ {FIXES}; window.fix_document = fix_document }}")
        yield page, request.param == "fixed"


@pytest.fixture
def page(bokeh_page) -> Iterator[Page]:
    """The page, with nothing on it."""
    page, _ = bokeh_page
    page.evaluate("window.built = 0")
    yield page
    page.evaluate("""() => {
      for (const view of [...Bokeh.index.roots]) view.remove()
      Bokeh.documents.length = 0
      document.getElementById("here").replaceChildren()
    }""")


@pytest.fixture
def fixed(bokeh_page) -> bool:
    """Whether BokehJS is put right on the page."""
    return bokeh_page[1]


@pytest.fixture
def drawn(page: Page, fixed) -> Page:
    """With a figure of two curves and a legend."""
    plot = figure(width=400, height=300)
    source = ColumnDataSource({"x": [0, 1], "a": [0, 1], "b": [1, 0]}, name="source")
    for name in "ab":
        plot.line("x", name, source=source, legend_label=f"curve {name}")
    page.evaluate(EMBED, json_item(plot))
    wait_for(page, lambda: page.evaluate("window.built") > 0, 20_000)
    page.wait_for_timeout(500)
    return page


def test_a_legend_is_built_again_with_every_change_of_data(drawn: Page, fixed):
    before = drawn.evaluate("window.built")
    for k in range(3):
        drawn.evaluate(
            """k => {
              const source = page.get_model_by_name("source")
              source.data = {x: [0, 1], a: [0, k], b: [k, 0]}
            }""",
            k,
        )
        drawn.wait_for_timeout(200)
    is_old = Version(bokeh.__version__) < Version("3.10")  # newer ones need no fix and get none
    assert (drawn.evaluate("window.built") > before) == (is_old and not fixed)


def test_what_is_hidden_is_laid_out_with_every_change(page: Page, fixed):
    hidden = figure(height=300, sizing_mode="stretch_width", name="hidden", visible=False)
    hidden.line([0, 1], [0, 1])
    shown = figure(width=400, height=300, name="shown")
    shown.line([0, 1], [0, 1])
    page.evaluate(EMBED, json_item(column(hidden, shown, sizing_mode="stretch_width")))
    page.wait_for_timeout(500)
    laid_out = page.evaluate(
        f"""async () => {{
          {PARTS}
          const view_of = name => views.find(view => view.model?.name === name)
          const hidden = view_of("hidden")
          let laid_out = 0
          const usual = hidden._after_layout
          hidden._after_layout = function() {{ laid_out += 1; usual.call(this) }}
          view_of("shown").model.height = 320
          await new Promise(done => setTimeout(done, 300))
          const before = laid_out
          hidden.model.visible = true
          await new Promise(done => setTimeout(done, 300))
          return [before, laid_out, hidden.frame.bbox.width]
        }}"""
    )
    assert (laid_out[0] > 0) != fixed
    assert laid_out[1] > laid_out[0]
    assert laid_out[2] > 400  # as wide as the page


def test_a_drag_that_begins_with_a_rest_is_lost(page: Page, fixed):
    pad = figure(width=300, height=300, tools="", toolbar_location=None)
    tool = FreehandDrawTool(renderers=[pad.multi_line(source=ColumnDataSource(name="strokes"))])
    pad.add_tools(tool)
    pad.toolbar.active_drag = tool
    page.evaluate(EMBED, json_item(pad))
    page.wait_for_timeout(500)
    box = page.locator(".bk-Figure").bounding_box()
    for rest in (0, 500):
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.wait_for_timeout(rest)
        page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
        page.mouse.up()
    strokes = page.evaluate("page.get_model_by_name('strokes').get_column('xs')?.length")
    assert strokes == (2 if fixed else 1)


def test_style_sheets_are_written_with_every_paint(drawn: Page, fixed):
    written = drawn.evaluate(
        f"""async () => {{
          {PARTS}
          let written = 0
          const watch = new MutationObserver(changes => written += changes.length)
          for (const {{position}} of views) {{
            if (position?.el) watch.observe(position.el, {{childList: true}})
          }}
          for (const view of views) if (view.model?.type === "Figure") view.request_paint()
          await new Promise(done => setTimeout(done, 500))
          return written
        }}"""
    )
    assert (written > 0) != fixed


def test_style_sheets_of_glyphs_are_written_with_every_change_of_data(drawn: Page, fixed):
    written = drawn.evaluate(
        f"""async () => {{
          {PARTS}
          const glyphs = views.filter(view => view.model?.type === "GlyphRenderer")
          let written = glyphs.length === 2 ? 0 : NaN
          const watch = new MutationObserver(changes => written += changes.length)
          const look = () => {{
            for (const {{position}} of glyphs) watch.observe(position.el, {{childList: true}})
          }}
          const source = page.get_model_by_name("source")
          for (const k of [3, 4]) {{
            source.data = {{x: [0, 1], a: [0, k], b: [k / 2, 1]}}
            await new Promise(done => setTimeout(done, 300))
            look()
          }}
          return written
        }}"""
    )
    assert (written > 0) != fixed, written


def test_styles_are_computed_with_every_paint(drawn: Page, fixed):
    asked = drawn.evaluate(
        f"""async () => {{
          {PARTS}
          const {{getComputedStyle: compute}} = window
          const paint = async () => {{
            let asked = 0
            window.getComputedStyle = (...of) => {{ asked++; return compute(...of) }}
            for (const view of views) if (view.model?.type === "Figure") view.request_paint()
            await new Promise(done => setTimeout(done, 500))
            window.getComputedStyle = compute
            return asked
          }}
          await paint()
          return await paint()
        }}"""
    )
    assert (asked > 20) != fixed, asked


@pytest.mark.parametrize("method", ["_measure_layout", "_after_layout"])
def test_a_figure_without_a_layout_cannot_be_measured(page: Page, fixed, method):
    failed = page.evaluate(
        """method => {
          const figure = Bokeh.Models.get("Plot").prototype.default_view.prototype
          const bare = Object.create(figure, {
            layout: {value: undefined}, model: {value: {id: "p1", attributes: {}}},
          })
          try { bare[method]() } catch (error) { return String(error) }
          return null
        }""",
        method,
    )
    assert (failed is not None) != fixed, failed


def test_a_model_of_the_server_is_sent_back_whole(drawn: Page, fixed):
    sent = drawn.evaluate(
        """fixed => {
          if (fixed) fix_document(page)
          const text = id => ({type: "object", name: "Div", id, attributes: {text: id}})
          page.apply_json_patch({events: [{kind: "RootAdded", model: {
            type: "object", name: "Column", id: "c", attributes: {children: [text("a"), text("b")]},
          }}]})
          const changes = []
          page.on_change(event => changes.push(event))
          const column = page.get_model_by_id("c")
          column.children = column.children.toReversed()
          return page.create_json_patch(changes).events[0].new
        }""",
        fixed,
    )
    assert (sent == [{"id": "b"}, {"id": "a"}]) == fixed, sent


def test_a_model_made_by_the_browser_is_still_sent_whole(drawn: Page, fixed):
    sent = drawn.evaluate(
        """fixed => {
          if (fixed) fix_document(page)
          const changes = []
          page.on_change(event => changes.push(event))
          page.add_root(new (Bokeh.Models.get("Div"))({text: "one"}))
          page.apply_json_patch({events: []})
          return page.create_json_patch(changes).events[0].model.type
        }""",
        fixed,
    )
    assert sent == "object"
