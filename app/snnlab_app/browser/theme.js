// Light or dark, and the colour of words in plots.
/* global on_figure, figures */

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

// Words in plots: no single grey is readable on both backgrounds.
let ink = null
const TEXT_COLORS = ["major_label_text_color", "axis_label_text_color", "label_text_color"]
function write_in(figure) {
  if (ink === null) return
  for (const model of figure.references()) {
    const names = TEXT_COLORS.filter(name => name in model.properties)
    if (names.length) model.setv(Object.fromEntries(names.map(name => [name, ink])), {sync: false})
    if (model.type === "Text" && model.text_color?.value !== undefined) {
      model.setv({text_color: {value: ink}}, {sync: false})
    }
  }
}

on_figure.push(view => write_in(view.model))

function write_everywhere(colour) {
  ink = colour
  for (const {model} of figures.values()) write_in(model)
}
