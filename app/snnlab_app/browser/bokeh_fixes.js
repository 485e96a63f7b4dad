// Faults of BokehJS, put right in its prototypes; tests/app/browser/test_bokeh_fixes.py shows each of
// them in the library itself. A fix is left out, with a warning, where a newer BokehJS has no such
// method any more.
/* global Bokeh */
/* exported on_figure, fix_document */

const EXAMINED = ["3.7", "3.8", "3.9", "3.10"]  // versions in which the faults were found

function fix(name, parts, apply) {
  const version = Bokeh.version.split(".").slice(0, 2).join(".")
  const known = parts.every(part => typeof part === "function")
  if (known) apply()
  if (known && EXAMINED.includes(version)) return
  console.warn(`snnlab: ${name} was not examined with BokehJS ${version}, ${known ? "" : "not "}fixed`)
}

function is_older(major, minor) {
  const [its_major, its_minor] = Bokeh.version.split(".").map(Number)
  return its_major < major || (its_major === major && its_minor < minor)
}

const views = name => Bokeh.Models.get(name).prototype.default_view.prototype

// Views of all figures by the id of their model, and what is done with each new one.
const figures = new Map()
const on_figure = []
const figure = views("Plot")
const {initialize, remove} = figure
figure.initialize = function() {
  initialize.call(this)
  for (const act of on_figure) act(this)
}
figure.remove = function() {
  if (figures.get(this.model.id) === this) figures.delete(this.model.id)
  remove.call(this)
}

// A figure that is laid out has its neighbours measured too, which may not have a layout yet.
for (const name of ["_measure_layout", "_after_layout"]) {
  const usual = figure[name]
  fix("a figure without a layout", [usual], () => {
    figure[name] = function() {
      figures.set(this.model.id, this)
      if (this.layout) usual.call(this)
    }
  })
}

// Whatever changes, all of a page is laid out again, its hidden views with all their figures as well:
// the more views there were, the longer it takes to open one. What is hidden is laid out once, as
// figures need a layout, and again when it is shown.
let box = views("Column")
while (box && !Object.hasOwn(box, "layoutable_views")) box = Object.getPrototypeOf(box)
const inside = box && Object.getOwnPropertyDescriptor(box, "layoutable_views").get
const done = box && box.after_layout
fix("the layout of what is hidden", [inside, done], () => {
  const laid_out = new WeakSet()
  box.after_layout = function() {
    laid_out.add(this)
    done.call(this)
  }
  Object.defineProperty(box, "layoutable_views", {
    configurable: true,
    get() {
      return inside.call(this).filter(view => view.model.visible || !laid_out.has(view))
    },
  })
})

// With every paint each axis and legend writes its place into a style sheet of its own, although
// nothing moved; each time the browser computes all styles of the page again.
on_figure.push(view => {
  const sheet = Object.getPrototypeOf(view.style)
  if (Object.hasOwn(sheet, "_update") && !sheet.keeps) {
    sheet.keeps = true
    sheet._update = function(css) {
      if (this.el.textContent !== css) this.el.textContent = css
    }
  }
})

// A mouse or finger that rests for a third of a second before it moves begins a "press", and the drag
// that follows does nothing: who thinks before drawing draws nothing. No display has a use for presses.
const canvas = views("Canvas")
const {initialize: make_canvas} = canvas
canvas.initialize = function() {
  make_canvas.call(this)
  const gestures = this.ui_event_bus.ui_gestures
  fix("a drag that begins with a rest", [gestures?._start_timeout], () => {
    gestures._start_timeout = () => {}
  })
}

// The empty element of a glyph follows what the glyph draws: each new picture is a new style sheet.
const glyph = views("GlyphRenderer")
fix("the places of glyphs", [glyph.update_position], () => {
  glyph.update_position = function() { this.position.replace(":host { display: none; }") }
})

// With every paint each line, area and text asks the browser for its colours, widths and fonts as
// variables of style sheets, for which it computes the styles of the page; this page sets none of
// them, and each is asked for once.
on_figure.push(view => {
  let [kind] = view.visuals
  while (kind && !Object.hasOwn(kind, "_get_css_value")) kind = Object.getPrototypeOf(kind)
  if (!kind || kind.keeps) return
  const {_get_css_value: read} = kind
  kind.keeps = true
  kind._get_css_value = function(name) {
    this.css_values ??= {}
    return this.css_values[name] ??= read.call(this, name)
  }
})

// A legend rebuilds all its entries with every change of any curve's data: as many canvases as the
// square of their number, several times a second. BokehJS 3.10 does not.
const legend = views("Legend")
const {render: redraw, _render_items: build} = legend
if (is_older(3, 10)) fix("a legend that is built with every change", [redraw, build], () => {
  legend.render = function() {
    this.built = null
    redraw.call(this)
  }
  legend._render_items = function() {
    const seen = JSON.stringify(this.labels.map(({item, label}) =>
      [item.id, label, item.visible, item.renderers.map(r => [r.visible, r.muted])]))
    if (seen === this.built) return
    this.built = seen
    build.call(this)
  }
})

// Ids of the models that a message of the server brings.
function brought(value, found = new Set()) {
  if (Array.isArray(value)) {
    for (const inner of value) brought(inner, found)
  } else if (value !== null && typeof value === "object" && !ArrayBuffer.isView(value)) {
    if (value.type === "object" && "id" in value) found.add(value.id)
    for (const inner of Object.values(value)) brought(inner, found)
  }
  return found
}

// A model that came from the server counts as new to it, and is sent back whole with the next
// change; the server logs "reference already known".
function fix_echo(page) {
  const {_apply_json_patch: apply} = page
  fix("models that are sent back", [apply], () => {
    page._apply_json_patch = function(patch, buffers) {
      apply.call(this, patch, buffers)
      const known = brought(patch.events)
      for (const model of this._new_models) if (known.has(model.id)) this._new_models.delete(model)
    }
  })
}

// A connection that is lost in the middle of a message would take the next one for its other half;
// the page that it then asks for would be read without its arrays, and sent back as if it were new.
function fix_reconnection(page) {
  page.on_event("connection_lost", (_, event) => {
    const connection = event.connection.deref()
    if (!connection) return
    fix("a page that comes back", [connection._pull_doc_json, connection._repull_session_doc], () => {
      connection._receiver._current_consumer = connection._receiver._HEADER
      connection._repull_session_doc = async (resolve, reject) => {
        try {
          const {doc_json, buffers} = await connection._pull_doc_json()
          const {add_root} = page
          page.add_root = root => add_root.call(page, root, {sync: false})
          page.constructor.from_json(doc_json, [], buffers).destructively_move(page)
          page._new_models.clear()
          resolve(connection.session)
        } catch (error) {
          reject(error)
        } finally {
          delete page.add_root
        }
      }
    })
  })
}

const fixed = new WeakSet()
function fix_document(page) {
  if (fixed.has(page)) return
  fixed.add(page)
  fix_echo(page)
  fix_reconnection(page)
}
