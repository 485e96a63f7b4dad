"""What only the browser knows: when it has drawn, which keys were pressed; and its clipboard."""

from collections.abc import Callable
from time import monotonic

import param
from panel.custom import JSComponent

from snnlab_app.plots.theme import INK

KEYS = (" ", ".", "r", "s", "?")
GIVE_UP = 6.0
"""Seconds after which an answer is no longer waited for: the page may have been asleep."""
MOST_BUSY = 0.5
"""Share of the time that a page may spend on drawing; the slower it is, the less it is sent."""
LONGEST = 1.0
"""Seconds of drawing that are believed: what took longer was a page asleep or out of sight."""

_ESM = """
const typing = "input, textarea, select, [contenteditable=true], [role=textbox], [role=combobox]"
const own = typing + ", button, a, [role=button], [role=tab], [role=option], [role=slider]"

const figures = new Map()
// A figure that is laid out has its neighbours measured too, which may not have got that far.
const figure = Bokeh.Models.get("Plot").prototype.default_view.prototype
for (const name of ["_measure_layout", "_after_layout"]) {
  const usual = figure[name]
  figure[name] = function() {
    figures.set(this.model.id, this)
    if (this.layout) usual.call(this)
  }
}
const {remove} = figure
figure.remove = function() {
  if (figures.get(this.model.id) === this) figures.delete(this.model.id)
  remove.call(this)
}

// With every paint each axis and legend writes its place into a style sheet of its own, although it
// is where it was; each time the browser works out all styles of the page.
const {initialize} = figure
figure.initialize = function() {
  initialize.call(this)
  write_in(this.model)
  const sheet = Object.getPrototypeOf(this.style)
  if (Object.hasOwn(sheet, "_update")) sheet._update = function(css) {
    if (this.el.textContent !== css) this.el.textContent = css
  }
}

// A legend builds all its entries anew with every change of any curve's data: as many canvases as
// the square of their number, several times a second.
const legend = Bokeh.Models.get("Legend").prototype.default_view.prototype
const {render: redraw, _render_items: build} = legend
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

// Light or dark as the visitor chose here last, else as the system has it.
const night = window.matchMedia("(prefers-color-scheme: dark)")
const MINE = "snnlab theme"
function choice(chosen) {
  try {
    if (chosen !== undefined) localStorage.setItem(MINE, chosen ? "dark" : "light")
    return localStorage.getItem(MINE)
  } catch {  // a browser may forbid to keep anything
    return null
  }
}
function wear_night(page) {
  const mine = choice()
  page.data.dark_theme = mine === null ? night.matches : mine === "dark"
}

// Words in plots, which no single grey makes readable on both grounds.
let ink = null
const WRITTEN = ["major_label_text_color", "axis_label_text_color", "label_text_color"]
function write_in(figure) {
  if (ink === null) return
  for (const model of figure.references()) {
    const names = WRITTEN.filter(name => name in model.properties)
    if (names.length) model.setv(Object.fromEntries(names.map(name => [name, ink])), {sync: false})
    if (model.type === "Text" && model.text_color?.value !== undefined) {
      model.setv({text_color: {value: ink}}, {sync: false})
    }
  }
}

// A browser gives its clipboard to pages over HTTPS or on loopback only, and may refuse it there
// too. Then the text is shown, selected; the button copies the old way, which needs its own click.
const DIALOG = `<style>
  .snnlab-copy {
    background: var(--mui-palette-background-paper, Canvas); box-sizing: border-box;
    border: 1px solid rgba(124, 130, 140, 0.5); border-radius: 8px;
    color: var(--mui-palette-text-primary, CanvasText); font: 15px/1.5 system-ui, sans-serif;
    max-width: 720px; padding: 20px; width: calc(100vw - 32px);
  }
  .snnlab-copy::backdrop { background: rgba(0, 0, 0, 0.5) }
  .snnlab-copy h2 { font: 600 18px/1.4 system-ui, sans-serif; margin: 0 0 4px }
  .snnlab-copy p { margin: 0 0 12px }
  .snnlab-copy textarea {
    background: transparent; border: 1px solid rgba(124, 130, 140, 0.7); border-radius: 6px;
    box-sizing: border-box; color: inherit; display: block; field-sizing: content;
    font: 13px/1.5 ui-monospace, monospace; max-height: 50vh; min-height: 10em; overflow: auto;
    overflow-wrap: anywhere; padding: 10px; resize: none; white-space: pre-wrap; width: 100%;
  }
  .snnlab-copy div { display: flex; gap: 8px; justify-content: flex-end; margin-top: 12px }
  .snnlab-copy button {
    background: transparent; border: 1px solid currentColor; border-radius: 6px; color: inherit;
    cursor: pointer; font: 600 14px/1 system-ui, sans-serif; padding: 10px 16px;
  }
  .snnlab-copy :focus-visible { outline: 2px solid var(--mui-palette-primary-main, Highlight) }
</style>
<h2 id="snnlab-copy">Copy this text</h2>
<p></p>
<textarea readonly spellcheck="false" aria-label="Text to copy"></textarea>
<div><button>Copy</button><button>Close</button></div>`
function offer(text, copied) {
  const dialog = document.createElement("dialog")
  dialog.className = "snnlab-copy"
  dialog.setAttribute("aria-labelledby", "snnlab-copy")
  dialog.innerHTML = DIALOG
  const keys = /Mac|iP/.test(navigator.platform) ? "⌘C" : "Ctrl+C"
  dialog.querySelector("p").textContent =
    `The browser keeps its clipboard from this page: press ${keys} or Copy.`
  const area = dialog.querySelector("textarea")
  area.value = text
  const [copy, close] = dialog.querySelectorAll("button")
  copy.addEventListener("click", () => {
    area.select()
    if (!document.execCommand("copy")) return
    dialog.close()
    copied()
  })
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  area.focus()
  area.select()
}

// A connection that is lost in the middle of a message would take the next one for its other half;
// the page that it then asks for would be read without its arrays, and sent back as if it were new.
const watched = new WeakSet()
function mend_when_lost(page) {
  if (watched.has(page)) return
  watched.add(page)
  page.on_event("connection_lost", (_, event) => {
    const connection = event.connection.deref()
    if (!connection) return
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
}

export function render({model, view, el}) {
  el.style.display = "none"
  mend_when_lost(view.model.document)
  const laidOut = canvas =>
    (canvas.width !== 300 || canvas.height !== 150) && canvas.getClientRects().length > 0
  const standing = (node, found = new Set()) => {
    for (const inner of node.querySelectorAll("*")) {
      if (inner.tagName === "CANVAS" && laidOut(inner)) found.add(inner.getRootNode())
      if (inner.shadowRoot) standing(inner.shadowRoot, found)
    }
    return found.size
  }
  const answer = () => {
    const start = performance.now()
    requestAnimationFrame(() => setTimeout(() => {
      // Said, not set: what is set waits for a while for more to come.
      model.send_msg(["drawn", model.sent, (performance.now() - start) / 1000])
    }))
  }
  const wait = (tries, calm) => {
    if (tries === 0 || calm === 3) return answer()
    setTimeout(() => wait(tries - 1, standing(document) < model.figures ? 0 : calm + 1), 50)
  }
  model.on("sent", () => model.figures ? wait(100, 0) : answer())
  model.on("copied", async () => {
    const link = /^[a-z]*\\?/.test(model.text)
    const text = link ? new URL(model.text, location.href).href : model.text
    const copied = () => model.send_msg("copied")
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      return offer(text, copied)
    }
    copied()
  })
  model.on("drawn", async () => {
    const [id, kind, name] = model.picture
    const link = document.createElement("a")
    link.href = URL.createObjectURL(await figures.get(id).export(kind).to_blob())
    link.download = `${name}.${kind}`
    link.click()
    URL.revokeObjectURL(link.href)
  })
  model.narrow = window.innerWidth < 760
  model.send_msg("here")
  const inside = (event, what) =>
    event.composedPath().some(node => node.matches && node.matches(what))
  const press = event => {
    const key = event.key.toLowerCase()
    const undo = (event.ctrlKey || event.metaKey) && !event.altKey && "zy".includes(key)
    if (!undo && (event.ctrlKey || event.metaKey || event.altKey)) return
    const slides = event.composedPath()[0].type === "range"
    if (inside(event, key === " " ? own : typing) && !slides) return
    if (inside(event, "dialog, [role=dialog]")) return
    if (undo) {
      event.preventDefault()
      model.send_msg(key === "y" || event.shiftKey ? "redo" : "undo")
    } else if (model.keys.includes(key)) {
      if (event.repeat) return
      event.preventDefault()
      model.send_msg("key " + key)
    }
  }
  const page = view.model.document.roots().find(root => root.class_name === "Page")
  const follow = () => wear_night(page)
  const choose = event => {
    if (inside(event, "[aria-label='Toggle theme']")) setTimeout(() => choice(page.data.dark_theme))
  }
  const rewrite = () => {
    ink = model.ink[page.data.dark_theme ? "dark" : "light"]
    for (const {model} of figures.values()) write_in(model)
  }
  follow()
  rewrite()
  view.connect(page.data.properties.dark_theme.change, rewrite)
  const leave = event => event.persisted || navigator.sendBeacon("left", model.goodbye)
  night.addEventListener("change", follow)
  document.addEventListener("click", choose)
  document.addEventListener("keydown", press)
  window.addEventListener("pagehide", leave)
  model.on("remove", () => {
    night.removeEventListener("change", follow)
    document.removeEventListener("click", choose)
    document.removeEventListener("keydown", press)
    window.removeEventListener("pagehide", leave)
  })
}
"""


class Bridge(JSComponent):
    """An invisible part of the page."""

    sent = param.Integer(0, doc="Pictures sent to the page.")
    figures = param.Integer(0, doc="Figures that must stand before the page may say so.")
    narrow = param.Boolean(False, doc="Whether the screen is that of a phone.")
    ink = param.Dict(INK, doc="Colour of words in plots, by ground.")
    keys = param.List(list(KEYS), doc="Keys that act.")
    goodbye = param.String("", doc="What to say when the tab is closed.")
    text = param.String("", doc='What is to go to the clipboard; "?…" and "page?…" as a link.')
    copied = param.Integer(0, doc="Rises with each text to copy.")

    picture = param.List([], doc="Id of a figure, kind and name of the file to save it as.")
    drawn = param.Integer(0, doc="Rises with each figure to save.")

    _esm = _ESM

    def __init__(self, **params):
        super().__init__(**params)
        self._acts: dict[str, Callable[[], None]] = {}
        self._sent_at = self._free_at = 0.0
        self._drawn = 0

    def when(self, message: str, act: Callable[[], None]) -> None:
        """Do something when the browser says so: "key r", "undo", "copied", …"""
        self._acts[message] = act

    def _handle_msg(self, msg):
        match msg:
            case ["drawn", int(sent), int(seconds) | float(seconds)]:
                self._drawn = sent
                self._free_at = self._sent_at + min(LONGEST, seconds) / MOST_BUSY
            case str() if msg in self._acts:
                self._acts[msg]()

    def copy(self, text: str) -> None:
        """Put a text onto the clipboard of the visitor, or show it to be copied by hand."""
        self.param.update(text=text, copied=self.copied + 1)

    def save(self, figure: str, kind: str, name: str) -> None:
        """Give the visitor a figure, by its id, as a file of kind "png" or "svg"."""
        self.param.update(picture=[figure, kind, name], drawn=self.drawn + 1)

    @property
    def ready(self) -> bool:
        """Whether the page has drawn what it was sent, and has had time for something else."""
        waiting = self._drawn < self.sent and monotonic() - self._sent_at < GIVE_UP
        return not waiting and monotonic() >= self._free_at

    def send(self, figures: int = 0) -> None:
        """Ask to be told when everything sent so far is drawn, and that many figures stand.

        A figure that is fed before it stands breaks.
        """
        self._sent_at = monotonic()
        self.param.update(figures=figures, sent=self.sent + 1)
