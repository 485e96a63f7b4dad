// Raster and membranes of a recording over time, with a cursor; what lies after it is faint.
/* global Sheet, write, sample_at, channels_of */
/* exported RasterPicture, MembranesPicture */

const LEFT = 58, RIGHT = 10, FOOT = 34, HEAD = 8
const FUTURE = 0.18  // opacity of what has not happened yet
const WAVE = 44  // height of a waveform
const MAX_NAMED = 12  // curves that all have a colour and a name; of more, only the highest do

class TimePlot {
  constructor(place) {
    this.sheet = new Sheet(place)
  }

  arrange(recording, head) {
    const {width, height} = this.sheet
    this.end = recording.end
    this.box = {x: LEFT, y: head, width: width - LEFT - RIGHT, height: height - head - FOOT}
  }

  x(time) {
    return this.box.x + time / this.end * this.box.width
  }

  // Time at a place of the pointer.
  time(x) {
    return (x - this.box.x) / this.box.width * this.end
  }

  axis(context, palette) {
    const {x, y, width, height} = this.box, foot = y + height
    context.strokeStyle = palette.ink
    context.lineWidth = 1
    context.globalAlpha = 0.6
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1)
    const step = [0.5, 1, 2, 5, 10, 20, 50].find(s => this.x(s) - this.x(0) > 34) ?? 100
    context.beginPath()
    for (let t = 0; t <= this.end + 1e-6; t += step) {
      context.moveTo(Math.round(this.x(t)) + 0.5, foot)
      context.lineTo(Math.round(this.x(t)) + 0.5, foot + 4)
    }
    context.stroke()
    context.globalAlpha = 1
    for (let t = 0; t <= this.end + 1e-6; t += step) {
      write(context, String(t), this.x(t), foot + 11, {size: 11, align: "center", colour: palette.ink})
    }
    write(context, "time (µs)", x + width / 2, foot + 25, {size: 11, align: "center", colour: palette.ink})
  }

  // The picture at a time: past, faint future, the decision and the cursor.
  draw(recording, network, palette, time) {
    const {sheet, box} = this, context = sheet.begin()
    const at = this.x(Math.min(time, this.end))
    const part = (from, to, alpha) => {
      context.save()
      context.beginPath()
      context.rect(from, 0, to - from, box.y + box.height)
      context.clip()
      context.globalAlpha = alpha
      sheet.paste(context)
      context.restore()
    }
    part(0, at, 1)
    if (at < sheet.width) part(at, sheet.width, FUTURE)
    sheet.paste(context, sheet.frame)
    const line = (x, colour, width) => {
      context.strokeStyle = colour
      context.lineWidth = width
      context.beginPath()
      context.moveTo(x, box.y)
      context.lineTo(x, box.y + box.height)
      context.stroke()
    }
    if (recording.decided >= 0 && time >= recording.decided) {
      const x = this.x(recording.decided), left = x > box.x + box.width - 60
      line(x, palette.decided, 2.5)
      write(context, "decided", left ? x - 5 : x + 5, box.y + 8,
        {size: 11, align: left ? "right" : "left", colour: palette.decided})
    }
    line(at, palette.cursor, 1.5)
  }
}

class RasterPicture extends TimePlot {
  prepare(recording, network, palette) {
    this.arrange(recording, HEAD)
    const {box, sheet} = this, context = sheet.clear(sheet.still), frame = sheet.clear(sheet.frame)
    this.axis(frame, palette)
    const hears = network.recordings, sounds = recording.wave.length > 0
    const weights = network.sizes.slice(0, -1).map((n, k) => k > 0 ? n : hears ? 1.5 * n : n / 2)
    const gap = 10, above = sounds ? WAVE + gap : 0
    const room = box.height - gap * (weights.length + 1) - above
    const whole = weights.reduce((a, b) => a + b)
    if (sounds) this.draw_wave(context, frame, recording, network, palette, box.y + gap)
    let top = box.y + gap + above
    recording.layers.forEach(({at, who, differs}, k) => {
      const height = room * weights[k] / whole, each = height / network.sizes[k]
      const tall = Math.max(hears ? 2 : 3, each), wide = hears ? 2 : 3
      const row = n => top + (hears && k === 0 ? network.sizes[0] - 1 - n : n) * each
      if (hears && k === 0) this.draw_picture(context, recording, network, palette, top, height)
      context.fillStyle = k === 0 ? palette.input : palette.hidden
      for (let s = 0; s < at.length; s++) {
        context.fillRect(this.x(at[s]) - wide / 2, row(who[s]), wide, tall)
      }
      if (differs && k > 0) {
        context.fillStyle = palette.differs
        const size = Math.max(4, tall)
        for (let s = 0; s < at.length; s++) {
          if (!differs[s]) continue
          context.fillRect(this.x(at[s]) - 2, top + (who[s] + 0.5) * each - size / 2, 4, size)
        }
      }
      const name = k === 0 ? "input" : recording.layers.length > 2 ? `hidden ${k}` : "hidden"
      write(frame, name, box.x - 6, top + height / 2, {size: 12, align: "right", colour: palette.ink})
      top += height + gap
    })
  }

  // The waveform of a recording.
  draw_wave(context, frame, recording, network, palette, top) {
    const {wave} = recording, columns = wave.length / 2, middle = top + WAVE / 2
    const wide = this.x(network.steps * network.period / columns) - this.x(0)
    context.fillStyle = palette.input
    for (let k = 0; k < columns; k++) {
      const [low, high] = [wave[2 * k], wave[2 * k + 1]].map(value => middle - value * WAVE / 2)
      const x = this.x(k * network.period * network.steps / columns)
      if (x < this.box.x + this.box.width && high < low) context.fillRect(x, high, wide, low - high)
    }
    write(frame, "sound", this.box.x - 6, middle, {size: 12, align: "right", colour: palette.ink})
  }

  // The cochleagram of a recording, behind its spikes.
  draw_picture(context, recording, network, palette, top, height) {
    const {image, columns} = recording, rows = image.length / columns
    const shades = document.createElement("canvas")
    shades.width = columns
    shades.height = rows
    const cells = shades.getContext("2d").createImageData(columns, rows)
    const [red, green, blue] = channels_of(palette.input)
    for (let n = 0; n < image.length; n++) {
      cells.data.set([red, green, blue, 190 * (image[n] / 255) ** 1.5], 4 * n)
    }
    shades.getContext("2d").putImageData(cells, 0, 0)
    context.save()
    context.beginPath()
    context.rect(this.box.x, top, this.box.width, height)
    context.clip()
    context.drawImage(shades, this.x(0), top, this.x(network.steps * network.period) - this.x(0), height)
    context.restore()
  }
}

class MembranesPicture extends TimePlot {
  // which : "traces" of the output neurons, or "hidden" of the busiest hidden ones.
  constructor(place, which) {
    super(place)
    this.which = which
  }

  curves(recording, network) {
    if (this.which === "hidden") return recording.busiest.map((n, k) => k ? String(n) : `neuron ${n}`)
    return network.classes
  }

  // The lowest and the highest value of this recording, and of the one beside it.
  range(recording, network) {
    const values = [recording, recording.twin, recording.beside].filter(Boolean).map(r => r[this.which])
    let low = Infinity, high = -Infinity
    for (const value of values.flatMap(array => array ? [...array] : [])) {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
    if (this.which === "hidden") high = Math.max(high, network.threshold)
    if (!(high > low)) return [0, network.highest_score]
    const margin = 0.06 * (high - low)
    return [low - margin, high + margin]
  }

  prepare(recording, network, palette) {
    this.arrange(recording, 24)
    const {box, sheet} = this, context = sheet.clear(sheet.still), frame = sheet.clear(sheet.frame)
    this.axis(frame, palette)
    const names = this.curves(recording, network), values = recording[this.which], count = names.length
    const [low, high] = this.range(recording, network)
    const y = value => box.y + (high - value) / (high - low) * box.height
    const last = (network.steps - 1) * count
    const best = [...names.keys()].sort((a, b) => recording.scores[last + b] - recording.scores[last + a])
    const all = count <= MAX_NAMED || this.which === "hidden"
    const shown = all ? [...names.keys()] : best.slice(0, 6).sort((a, b) => a - b)
    context.save()
    context.beginPath()
    context.rect(box.x, box.y, box.width, box.height)
    context.clip()
    const trace = k => {
      context.beginPath()
      for (let s = 0; s < network.steps; s++) context.lineTo(this.x(s * network.period), y(values[s * count + k]))
      context.stroke()
    }
    context.lineJoin = "round"
    if (!all) {
      context.lineWidth = 1
      context.strokeStyle = palette.input
      for (let k = 0; k < count; k++) if (!shown.includes(k)) trace(k)
    }
    context.lineWidth = 2
    for (const k of shown) {
      this.style(context, palette, k, shown)
      trace(k)
    }
    context.setLineDash([])
    context.restore()
    this.threshold(frame, network, palette, y)
    this.scale(frame, network, palette, low, high, y)
    this.key(frame, names, shown, recording, palette)
  }

  style(context, palette, k, shown) {
    const place = shown.length > MAX_NAMED || shown[shown.length - 1] >= MAX_NAMED ? shown.indexOf(k) : k
    context.strokeStyle = palette.traces[place % palette.traces.length]
    context.setLineDash(Math.floor(place / palette.traces.length) % 2 ? [6, 4] : [])
  }

  threshold(context, network, palette, y) {
    if (this.which !== "hidden") return
    const {box} = this, at = y(network.threshold)
    context.strokeStyle = palette.input
    context.lineWidth = 1.5
    context.setLineDash([2, 3])
    context.beginPath()
    context.moveTo(box.x, at)
    context.lineTo(box.x + box.width, at)
    context.stroke()
    context.setLineDash([])
    const above = at - 14 > box.y ? at - 8 : at + 8
    write(context, network.threshold_name, box.x + box.width - 4, above, {size: 11, align: "right", colour: palette.ink})
  }

  scale(context, network, palette, low, high, y) {
    const {box} = this, rough = (high - low) / Math.max(2, box.height / 40)
    const unit = 10 ** Math.floor(Math.log10(rough))
    const step = [1, 2, 5, 10].map(k => k * unit).find(k => k >= rough)
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), zero = (0).toFixed(decimals)
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      const text = value.toFixed(decimals)
      write(context, Number(text) ? text : zero, box.x - 6, y(value), {size: 11, align: "right", colour: palette.ink})
    }
    context.save()
    context.translate(11, box.y + box.height / 2)
    context.rotate(-Math.PI / 2)
    write(context, network.potential, 0, 0, {size: 11, align: "center", colour: palette.ink, most: box.height + 30})
    context.restore()
  }

  // Names above the plot, each behind a piece of its curve.
  key(context, names, shown, recording, palette) {
    const {box} = this, room = box.width + RIGHT
    const wins = k => this.which === "traces" && k === recording.decision
    const widths = shown.map(k => {
      context.font = `${wins(k) ? 700 : 400} 12px system-ui, sans-serif`
      return context.measureText(names[k]).width
    })
    const words = widths.reduce((a, b) => a + b, 0)
    const [dash, gap] = words + 22 * shown.length <= room ? [10, 9] : [7, 3]
    let x = box.x
    for (const [place, k] of shown.entries()) {
      const wide = dash + 3 + widths[place] + gap
      if (x + wide - gap > box.x + room) break
      this.style(context, palette, k, shown)
      context.lineWidth = 2.5
      context.beginPath()
      context.moveTo(x, 12)
      context.lineTo(x + dash, 12)
      context.stroke()
      context.setLineDash([])
      write(context, names[k], x + dash + 3, 12, {size: 12, weight: wins(k) ? 700 : 400, colour: palette.ink})
      x += wide
    }
  }
}
