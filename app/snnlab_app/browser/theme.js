// Light or dark, and the colour of words in plots.
/* global on_figure, figures, LIGHTER */

// Light or dark as the visitor chose here last, else as the system has it.
const night = window.matchMedia("(prefers-color-scheme: dark)")
const THEME_KEY = "snnlab theme"
function choice(chosen) {
  try {
    if (chosen !== undefined) localStorage.setItem(THEME_KEY, chosen ? "dark" : "light")
    return localStorage.getItem(THEME_KEY)
  } catch {  // a browser may forbid storage
    return null
  }
}
function apply_theme(page) {
  const mine = choice()
  page.data.dark_theme = mine === null ? night.matches : mine === "dark"
}

// Blue points and lines are lighter on a dark ground, where they would hardly be seen.
const DARKER = Object.fromEntries(Object.entries(LIGHTER).map(([a, b]) => [b, a]))
const CLEAR = "#00000000"
const COLORS = ["line_color", "fill_color", "hatch_color", "text_color"]
function recolour(figure) {
  const other = is_dark ? LIGHTER : DARKER
  for (const model of figure.references()) {
    const changed = {}
    for (const name of COLORS) {
      if (!(name in model.properties)) continue
      const now = model[name], value = now?.value ?? now
      const then = typeof value === "string" ? other[value.toLowerCase()] : undefined
      if (then !== undefined) changed[name] = now?.value === undefined ? then : {value: then}
    }
    if (model.type === "LinearColorMapper" && model.palette.length <= 16) {
      const css = color => "#" + (color >>> 0).toString(16).padStart(8, "0").slice(0, 6)
      const written = model.palette.map(c => typeof c === "number" ? css(c) : c.toLowerCase())
      changed.palette = written.map(c => other[c] ?? c)
    } else if (model.type === "LinearColorMapper" && model.palette[0] === CLEAR) {  // of a raster
      changed.palette = model.palette.map(c => other[String(c).toLowerCase()] ?? c)
    }
    if (Object.keys(changed).length) model.setv(changed, {sync: false})
  }
}

// Words in plots: no single grey is readable on both backgrounds.
let ink = null, is_dark = false
const TEXT_COLORS = ["major_label_text_color", "axis_label_text_color", "label_text_color"]
function write_in(figure) {
  if (ink === null) return
  recolour(figure)
  for (const model of figure.references()) {
    const names = TEXT_COLORS.filter(name => name in model.properties)
    if (names.length) model.setv(Object.fromEntries(names.map(name => [name, ink])), {sync: false})
    if (model.type === "Text" && model.text_color?.value !== undefined) {
      model.setv({text_color: {value: ink}}, {sync: false})
    }
  }
}

on_figure.push(view => write_in(view.model))

function write_everywhere(colour, dark) {
  ink = colour
  is_dark = dark
  for (const {model} of figures.values()) write_in(model)
}
