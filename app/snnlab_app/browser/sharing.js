// Files for the visitor, and the picture of a whole view: what is drawn on the page, in its places,
// below a title and above words.
/* global figures */
/* exported give, picture_of */

const FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"
const EDGE = 20, LINE = 17, MAX_PIXELS = 8192
const LIGHT = ["#FFFFFF", "#1B1F24", "#5A606A"], DARK = ["#121212", "#FFFFFF", "#A7ADB7"]

function give(blob, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

const is_visible = box => box.width > 0 && box.height > 0

// Elements below a node, in shadow trees too; what is inside of those in ``skipped`` is left out.
function* elements(node, skipped = new Set()) {
  for (const inner of [...node.shadowRoot?.children ?? [], ...node.children]) {
    if (skipped.has(inner)) continue
    yield inner
    yield* elements(inner, skipped)
  }
}

// Figures by Bokeh are exported with their axes; any other canvas in a named region is taken as it is.
async function parts_of(titles) {
  const parts = [], exported = new Set([...figures.values()].map(view => view.el))
  for (const [id, title] of titles) {
    const view = figures.get(id), box = view?.el.getBoundingClientRect()
    if (!view || !is_visible(box)) continue
    const image = await createImageBitmap(await view.export("png").to_blob())
    parts.push({box, title: view.el.getAttribute("aria-label") ?? title, image})
  }
  for (const region of elements(document, exported)) {
    if (region.getAttribute("role") !== "figure") continue
    for (const image of elements(region, exported)) {
      const box = image.getBoundingClientRect()
      if (image.tagName !== "CANVAS" || !is_visible(box)) continue
      parts.push({box, title: region.getAttribute("aria-label") ?? "", image})
    }
  }
  return parts
}

// A text in lines of at most this width; a word that is longer, such as a link, is cut anywhere.
function wrap(pen, text, width) {
  const lines = [""], fits = line => pen.measureText(line).width <= width
  for (const word of text.split(/(?<= )/)) {
    if (!fits(lines.at(-1) + word) && fits(word)) lines.push("")
    for (const letter of word) {
      if (!fits(lines.at(-1) + letter)) lines.push("")
      lines[lines.length - 1] += letter
    }
  }
  return lines
}

function write(pen, lines, top, font, colour, step) {
  pen.font = font
  pen.fillStyle = colour
  for (const [k, line] of lines.entries()) pen.fillText(line, EDGE, top + k * step)
  return top + lines.length * step
}

// titles : [id, title] of the figures; title and numbers go above them, small texts below.
async function picture_of({titles, title, numbers, small}, is_dark) {
  const parts = await parts_of(titles)
  if (parts.length === 0) throw new Error("nothing is drawn yet")
  const left = Math.min(...parts.map(part => part.box.left))
  const top = Math.min(...parts.map(part => part.box.top))
  const wide = Math.max(...parts.map(part => part.box.right)) - left
  const high = Math.max(...parts.map(part => part.box.bottom)) - top
  const width = Math.max(wide, 560) + 2 * EDGE
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d")
  const fonts = {title: `600 18px ${FONT}`, numbers: `14px ${FONT}`, small: `11px ${FONT}`}
  const folded = (font, texts) => {
    pen.font = font
    return texts.flatMap(text => wrap(pen, text, width - 2 * EDGE))
  }
  const above = folded(fonts.numbers, numbers), below = folded(fonts.small, small)
  const first = EDGE + 26 + above.length * 20 + 26
  const height = first + high + 18 + below.length * LINE + EDGE
  const scale = Math.min(Math.max(window.devicePixelRatio, 1), MAX_PIXELS / Math.max(width, height))
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  pen.scale(scale, scale)
  const [ground, ink, faint] = is_dark ? DARK : LIGHT
  pen.fillStyle = ground
  pen.fillRect(0, 0, width, height)
  pen.textBaseline = "top"
  const y = write(pen, [title], EDGE, fonts.title, ink, 26)
  write(pen, above, y, fonts.numbers, ink, 20)
  pen.font = `600 12px ${FONT}`
  for (const {box, title, image} of parts) {
    const x = EDGE + box.left - left, y = first + box.top - top
    pen.drawImage(image, x, y, box.width, box.height)
    pen.fillStyle = faint
    pen.fillText(title, x + 4, y - 16)
  }
  write(pen, below, first + high + 18, fonts.small, faint, LINE)
  return new Promise(resolve => canvas.toBlob(resolve, "image/png"))
}
