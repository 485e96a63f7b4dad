// The browser's part of the bridge: answers when a page is drawn, passes keys on, copies and saves.
/* global figures, fix_document, night, choice, apply_theme, write_everywhere, offer, keep_still */
/* global give, picture_of */

const typing = "input, textarea, select, [contenteditable=true], [role=textbox], [role=combobox]"
const own = typing + ", button, a, [role=button], [role=tab], [role=option], [role=slider]"

export function render({model, view, el}) {
  el.style.display = "none"
  fix_document(view.model.document)
  const page = view.model.document.roots().find(root => root.class_name === "Page")
  const laidOut = canvas =>
    (canvas.width !== 300 || canvas.height !== 150) && canvas.getClientRects().length > 0
  const count_figures = (node, found = new Set()) => {
    for (const inner of node.querySelectorAll("*")) {
      if (inner.tagName === "CANVAS" && laidOut(inner)) found.add(inner.getRootNode())
      if (inner.shadowRoot) count_figures(inner.shadowRoot, found)
    }
    return found.size
  }
  const answer = () => {
    const start = performance.now()
    requestAnimationFrame(() => setTimeout(() => {
      // A message, not a property: changes of properties wait for more of them.
      model.send_msg(["drawn", model.sent, (performance.now() - start) / 1000])
    }))
  }
  const wait = (tries, calm) => {
    if (tries === 0 || calm === 3) return answer()
    setTimeout(() => wait(tries - 1, count_figures(document) < model.figures ? 0 : calm + 1), 50)
  }
  model.on("sent", () => {
    if (!model.figures) return answer()
    keep_still(document)
    wait(100, 0)
  })
  model.on("copied", async () => {
    const link = /^[a-z]*\?/.test(model.text)
    const text = link ? new URL(model.text, location.href).href : model.text
    const copied = () => model.send_msg("copied")
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      return offer(text, copied)
    }
    copied()
  })
  const file = {
    bytes: ({data, type}) => new Blob([data], {type}),
    figure: ({id, kind}) => figures.get(id).export(kind).to_blob(),
    view: ({link, settings, ...order}) => {
      const small = [settings, new URL(link, location.href).href]
      return picture_of({...order, small}, page.data.dark_theme)
    },
  }
  model.on("msg:custom", async order => {
    try {
      give(await file[order.file](order), order.name)
    } catch (error) {
      model.send_msg(["not saved", `${order.name} could not be saved: ${error.message}`])
    }
  })
  const narrow = window.matchMedia("(max-width: 899px)")
  const measure = () => { model.narrow = narrow.matches }
  measure()
  narrow.addEventListener("change", measure)
  // Only once all is laid out: a component loses changes that come while it begins. A page that
  // finds its server again is not said to be laid out.
  let is_here = false
  const say_here = () => {
    if (!is_here) model.send_msg("here")
    is_here = true
  }
  const {document: whole} = view.model
  if (!whole.is_idle) view.connect(whole.idle, say_here)
  setTimeout(say_here, whole.is_idle ? 0 : 2000)
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
      if (key !== "escape") event.preventDefault() // which closes menus and bubbles, too
      model.send_msg("key " + key)
    }
  }
  const follow = () => apply_theme(page)
  const choose = event => {
    if (inside(event, "[aria-label='Toggle theme']")) setTimeout(() => choice(page.data.dark_theme))
  }
  const rewrite = () => {
    const dark = page.data.dark_theme
    write_everywhere(model.ink[dark ? "dark" : "light"], dark)
  }
  follow()
  rewrite()
  view.connect(page.data.properties.dark_theme.change, rewrite)
  const say = what => navigator.sendBeacon("left", `${what} ${model.goodbye}`)
  const leave = () => say("leaves")
  const hide = event => say(event.persisted ? "stays" : "left")
  night.addEventListener("change", follow)
  document.addEventListener("click", choose)
  document.addEventListener("keydown", press)
  window.addEventListener("beforeunload", leave)
  window.addEventListener("pagehide", hide)
  model.on("remove", () => {
    narrow.removeEventListener("change", measure)
    night.removeEventListener("change", follow)
    document.removeEventListener("click", choose)
    document.removeEventListener("keydown", press)
    window.removeEventListener("beforeunload", leave)
    window.removeEventListener("pagehide", hide)
  })
}
