// What the pictures share: recordings as the browser keeps them, canvases, colours, words.
/* exported unpack, Sheet, mix, write, fit, thousands, channels_of, FONT, TRAVEL, FLASH */

const FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"
const MAX_RATIO = 2
const TRAVEL = 0.7  // µs that a spike of an image is seen on its way
const FLASH = 0.9  // µs until a flash has faded to a third
const MIN_LOOP = 13  // µs that a loop plays at least
const MIN_END = 15  // µs that are shown at least, if they were recorded
// All of these are longer for recordings, by the pace of the network.

// BokehJS's arrays cannot be sliced: as plain ones, of the same memory.
const KINDS = {
  image: Uint8Array, ticks: Uint16Array, channels: Uint16Array, differs: Uint8Array,
  traces: Float32Array, scores: Float32Array, hidden: Float32Array, wave: Float32Array,
}
function plain(packed) {
  const found = {...packed}
  for (const [name, Kind] of Object.entries(KINDS)) {
    const given = packed[name]
    if (given) found[name] = new Kind(given.buffer, given.byteOffset, given.length)
  }
  return found
}

// Arrays of one recording, by layer, with times in µs.
function unpack(given, network) {
  const packed = plain(given), {counts, ticks, channels, tick} = packed
  const layers = []
  let first = 0, last_spike = 0
  for (const [k, count] of counts.entries()) {
    const at = Float32Array.from(ticks.subarray(first, first + count), t => t * tick)
    const who = channels.subarray(first, first + count)
    const differs = packed.differs?.subarray(first, first + count) ?? null
    const firsts = new Float32Array(network.sizes[k]).fill(Infinity)
    const by_channel = new Map()
    for (let s = 0; s < count; s++) {
      if (at[s] < firsts[who[s]]) firsts[who[s]] = at[s]
      if (!by_channel.has(who[s])) by_channel.set(who[s], [])
      by_channel.get(who[s]).push(at[s])
      if (at[s] > last_spike) last_spike = at[s]
    }
    layers.push({at, who, differs, firsts, by_channel})
    first += count
  }
  const duration = network.steps * network.period
  const {pace} = network, rest = 2 * Math.sqrt(pace)
  const whole = Math.max(MIN_END, last_spike + rest, packed.decided + rest) / network.period
  const fired = layers.slice(1).flatMap(layer => [...layer.at])
  return {
    ...packed, layers,
    end: Math.min(duration, Math.ceil(whole - 1e-6) * network.period),
    loop_end: Math.min(duration, fired.reduce(
      (end, t) => Math.max(end, t + pace), Math.max(MIN_LOOP, packed.decided + 1.5 * pace),
    )),
    twin: packed.twin ? unpack(packed.twin, network) : null,
  }
}

const same_image = (one, other) =>
  one !== null && other !== null && one.label === other.label &&
  one.image.length === other.image.length && one.image.every((v, k) => v === other.image[k])

// Index of the newest CADC sample at a time.
const sample_at = (time, network) =>
  Math.max(0, Math.min(network.steps - 1, Math.floor(time / network.period + 1e-6)))

// A canvas as large as its place, with others for what stands still: a ground, and a frame over it.
class Sheet {
  constructor(place) {
    this.canvas = document.createElement("canvas")
    this.canvas.style.cssText = "display: block; width: 100%; height: 100%"
    this.canvas.frames = 0
    this.still = document.createElement("canvas")
    this.frame = document.createElement("canvas")
    this.place = place
    this.width = this.height = 0
    place.append(this.canvas)
  }

  // Take on the size of the place; says whether that is a new one.
  measure() {
    const ratio = Math.min(MAX_RATIO, window.devicePixelRatio || 1)
    const width = Math.round(this.place.clientWidth), height = Math.round(this.place.clientHeight)
    if (width === this.width && height === this.height && ratio === this.ratio) return false
    Object.assign(this, {width, height, ratio})
    for (const canvas of [this.canvas, this.still, this.frame]) {
      canvas.width = Math.round(width * ratio)
      canvas.height = Math.round(height * ratio)
    }
    return true
  }

  get shown() {
    return this.width > 20 && this.height > 20
  }

  // A context in CSS pixels on a cleared canvas.
  clear(canvas) {
    const context = canvas.getContext("2d")
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, canvas.width, canvas.height)
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0)
    return context
  }

  begin() {
    this.canvas.frames += 1
    return this.clear(this.canvas)
  }

  paste(context, canvas = this.still) {
    context.drawImage(canvas, 0, 0, this.width, this.height)
  }
}

const channels_of = colour => [1, 3, 5].map(k => parseInt(colour.slice(k, k + 2), 16))

// A colour between two, the second with this share.
function mix(one, other, share) {
  const [a, b] = [channels_of(one), channels_of(other)]
  return `rgb(${a.map((v, k) => Math.round(v + (b[k] - v) * share)).join(" ")})`
}

// Colour of a spike time.
function latency(colours, time, end) {
  const {length} = colours.latency
  return colours.latency[Math.min(length - 1, Math.max(0, Math.floor(time / end * length)))]
}

function write(context, text, x, y, {size = 12, weight = 400, align = "left", colour, most} = {}) {
  context.font = `${weight} ${size}px ${FONT}`
  context.textAlign = align
  context.textBaseline = "middle"
  if (colour) context.fillStyle = colour
  context.fillText(most ? fit(context, text, most) : text, x, y)
}

// A text, shortened to a width of at most `most` pixels.
function fit(context, text, most) {
  if (context.measureText(text).width <= most) return text
  let length = text.length - 1
  while (length > 1 && context.measureText(text.slice(0, length) + "…").width > most) length--
  return text.slice(0, length) + "…"
}

const thousands = number => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f")
