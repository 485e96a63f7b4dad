// The network: pixels, hidden neurons in their places on the chip, output neurons with their scores.
/* global Sheet, TRAVEL, FLASH, write, mix, latency, sample_at, thousands */
/* exported NetworkPicture */

const TALLER = 1.8  // height of a cochleagram, relative to its width, where there is room
const SEGMENT = 0.2  // of a connection, the length of a spike on its way

class NetworkPicture {
  constructor(place) {
    this.sheet = new Sheet(place)
    this.pixels = document.createElement("canvas")
  }

  // Places of everything for the present size.
  arrange(network) {
    const {width, height} = this.sheet
    const top = 20, foot = height >= 150 ? 16 : 2
    const room = height - top - foot
    const hidden = network.sizes.length - 2
    const roomy = width >= 420
    const gap = Math.max(12, Math.round(0.05 * width))
    const outputs = Math.round(Math.min(200, Math.max(62, (roomy ? 0.22 : 0.28) * width)))
    const image = Math.floor(Math.min(room, (roomy ? 0.26 : 0.3) * width))
    const tall = network.recordings ? Math.floor(Math.min(room, TALLER * image)) : image
    this.middle = top + room / 2
    this.image = {x: 6, y: Math.round(this.middle - tall / 2), size: image, tall}
    this.sizes = network.sizes
    this.inputs = network.sizes[0]
    this.side = Math.round(Math.sqrt(this.inputs))
    this.hears = network.recordings
    this.foot = height - foot / 2 - 1
    const left = 6 + image + gap, right = width - 6 - outputs - gap
    const each = (right - left - gap * (hidden - 1)) / hidden
    this.layers = network.places.slice(0, hidden).map((places, layer) =>
      this.block(places, network.sizes[layer + 1], left + layer * (each + gap), each, top, room, hidden > 1 ? 6 : 4))
    this.outputs = this.rows(network, width - 6 - outputs, outputs, top, room)
  }

  // Rectangles of a layer's neurons in a block as the chip has them.
  block(places, count, x, width, top, room, stretch) {
    let low = Infinity, high = 0
    for (let n = 0; n < count; n++) {
      low = Math.min(low, places[3 * n + 1])
      high = Math.max(high, places[3 * n + 1])
    }
    const wide = width / 32, rows = high - low + 1
    const tall = Math.min(room / rows, Math.max(5, stretch * wide))
    const y = top + (room - tall * rows) / 2
    const thin = wide < 2.5 ? 0.5 : 1
    const rects = new Float32Array(4 * count)
    for (let n = 0; n < count; n++) {
      rects[4 * n] = x + places[3 * n] * wide
      rects[4 * n + 1] = y + (places[3 * n + 1] - low) * tall
      rects[4 * n + 2] = Math.max(1.5, places[3 * n + 2] * wide - thin)
      rects[4 * n + 3] = Math.max(1.5, tall - thin)
    }
    return {rects, count, x, width, y, height: tall * rows}
  }

  // Rows of the output neurons, of which only those have names for which there is room.
  rows(network, x, width, top, room) {
    const count = network.classes.length
    const tall = Math.min(26, room / count), size = Math.min(13, Math.max(9, Math.floor(tall - 2)))
    const context = this.sheet.canvas.getContext("2d")
    context.font = `600 ${size}px system-ui, sans-serif`
    const longest = Math.max(...network.classes.map(name => context.measureText(name).width))
    const names = Math.min(0.62 * width, longest + 4)
    const dot = Math.max(1.5, Math.min(4, tall / 2 - 1))
    return {
      x, width, tall, size, names, dot, named: tall >= 10,
      y: k => top + (room - tall * count) / 2 + (k + 0.5) * tall,
      bar: x + 2 * dot + 6 + names,
    }
  }

  // Place of an input: its pixel, or the end of its row in a cochleagram, the lowest channel below.
  place_of(input) {
    const {image, side, inputs} = this
    if (this.hears) return [image.x + image.size, image.y + image.tall * (1 - (input + 0.5) / inputs)]
    const step = image.size / side
    return [image.x + (input % side + 0.5) * step, image.y + (Math.floor(input / side) + 0.5) * step]
  }

  // From where to where the spikes on a connection go.
  ends(layer, source, target) {
    const {image, layers, outputs} = this
    const middle = (block, n) => [
      block.rects[4 * n] + block.rects[4 * n + 2] / 2, block.rects[4 * n + 1] + block.rects[4 * n + 3] / 2,
    ]
    const own = source - this.sizes[layer]  // of a recurrent layer: one of its own neurons
    const from = own >= 0 ? middle(layers[layer], own)
      : layer === 0 ? this.place_of(source) : middle(layers[layer - 1], source)
    const to = layer === layers.length
      ? [outputs.x + outputs.dot, outputs.y(target)] : middle(layers[layer], target)
    return [...from, ...to]
  }

  // What stands still while a recording is played.
  prepare(recording, network, palette) {
    this.arrange(network)
    const {sheet, outputs} = this, context = sheet.clear(sheet.still)
    this.links = []
    context.lineWidth = 1
    for (const [layer, flat] of recording.links.entries()) {
      for (let k = 0; k < flat.length; k += 3) {
        const own = flat[k] - this.sizes[layer]
        const sender = own >= 0 ? recording.layers[layer + 1] : recording.layers[layer]
        const times = sender.by_channel.get(own >= 0 ? own : flat[k]) ?? []
        this.links.push({ends: this.ends(layer, flat[k], flat[k + 1]), times, excites: flat[k + 2] > 0})
      }
    }
    context.globalAlpha = palette.dark ? 0.16 : 0.12
    for (const excites of [true, false]) {
      context.strokeStyle = excites ? palette.excites : palette.inhibits
      context.beginPath()
      for (const {ends: [a, b, c, d], excites: its} of this.links) {
        if (its === excites) {
          context.moveTo(a, b)
          context.lineTo(c, d)
        }
      }
      context.stroke()
    }
    context.globalAlpha = palette.dark ? 0.3 : 0.22
    context.fillStyle = palette.input
    for (const {rects, count} of this.layers) {
      for (let n = 0; n < count; n++) context.fillRect(...rects.subarray(4 * n, 4 * n + 4))
    }
    context.globalAlpha = 1
    if (sheet.height >= 150) this.caption(context, network, palette)
    network.classes.forEach((name, k) => {
      if (!outputs.named) return
      const y = outputs.y(k)
      write(context, name, outputs.x + 2 * outputs.dot + 4, y,
        {size: outputs.size, colour: palette.ink, most: outputs.names})
    })
    this.pixels.width = this.hears ? recording.columns : this.side
    this.pixels.height = this.hears ? this.inputs : this.side
    this.dots = this.pixels.getContext("2d").createImageData(this.pixels.width, this.pixels.height)
    this.bytes = palette.latency.map(colour => [1, 3, 5].map(k => parseInt(colour.slice(k, k + 2), 16)))
  }

  caption(context, network, palette) {
    const {image, layers, outputs, foot, sheet} = this
    const look = {size: sheet.width < 420 ? 10 : 11, align: "center", colour: palette.ink}
    const short = sheet.width < 520
    const words = (count, long) => short ? long.split(" ").pop() : `${thousands(count)} ${long}`
    write(context, words(network.sizes[0], this.hears ? "channels" : "pixels"), image.x + image.size / 2, foot, look)
    layers.forEach(({x, width, count}, k) => {
      const name = layers.length > 1 ? `hidden ${k + 1}` : "hidden neurons"
      const text = short ? "hidden" : layers.length > 1 ? `${name}: ${count}` : `${count} ${name}`
      write(context, text, x + width / 2, foot, {...look, most: width + 20})
    })
    write(context, words(network.classes.length, short ? "outputs" : "output neurons"),
      outputs.x + outputs.width / 2, foot, look)
  }

  // The picture at a time; ``moves``: with spikes on their way and flashes.
  draw(recording, network, palette, time, moves) {
    const context = this.sheet.begin()
    this.sheet.paste(context)
    const flash = FLASH * network.pace
    if (this.hears) this.draw_sound(context, recording, network, palette, time)
    else this.draw_image(context, recording, palette, time, moves)
    this.draw_hidden(context, recording, palette, time, moves, flash)
    if (moves) this.draw_spikes(context, palette, time, TRAVEL * network.pace)
    this.draw_outputs(context, recording, network, palette, time)
    const clock = `${time.toFixed(1)} µs`
    write(context, clock, 6, 10, {size: 13, weight: 600, colour: palette.ink})
    // A loop that plays may be some steps behind what the page says of the newest recording.
    const after = Math.max(66, 16 + context.measureText(clock).width)
    write(context, `step ${recording.step}`, after, 10, {size: 11, colour: palette.ink})
  }

  draw_image(context, recording, palette, time, moves) {
    const {image, dots, side, bytes} = this, {firsts} = recording.layers[0], {data} = dots
    for (let n = 0; n < side * side; n++) {
      const since = time - firsts[n], at = 4 * n
      data[at + 3] = 255
      if (since < 0) {
        data[at] = data[at + 1] = data[at + 2] = 18 + 0.42 * recording.image[n]
        continue
      }
      const colour = bytes[Math.min(bytes.length - 1, Math.floor(firsts[n] / recording.end * bytes.length))]
      const flash = moves ? Math.exp(-since / FLASH) : 0
      for (let c = 0; c < 3; c++) data[at + c] = colour[c] + (255 - colour[c]) * flash
    }
    this.pixels.getContext("2d").putImageData(dots, 0, 0)
    context.imageSmoothingEnabled = false
    context.drawImage(this.pixels, image.x, image.y, image.size, image.size)
  }

  // A cochleagram, faint where it has not been heard yet, and the spikes of its channels so far.
  draw_sound(context, recording, network, palette, time) {
    const {image, dots, inputs} = this, {columns} = recording, {data} = dots
    const played = network.steps * network.period
    for (let n = 0; n < inputs * columns; n++) {
      const heard = (n % columns) * played / columns <= time
      const shade = (heard ? 0.75 : 0.22) * recording.image[n]
      data[4 * n] = 16 + 0.6 * shade
      data[4 * n + 1] = 18 + 0.8 * shade
      data[4 * n + 2] = 24 + 0.9 * shade
      data[4 * n + 3] = 255
    }
    this.pixels.getContext("2d").putImageData(dots, 0, 0)
    context.imageSmoothingEnabled = true
    context.drawImage(this.pixels, image.x, image.y, image.size, image.tall)
    const {at, who} = recording.layers[0]
    context.fillStyle = "#FFD54A"
    for (let s = 0; s < at.length; s++) {
      if (at[s] > time) continue
      context.fillRect(image.x + image.size * at[s] / played - 0.75, this.place_of(who[s])[1] - 0.75, 1.5, 1.5)
    }
    if (time < recording.end) {
      context.fillStyle = "#FFFFFF"
      context.fillRect(image.x + image.size * time / played - 0.5, image.y, 1, image.tall)
    }
  }

  draw_spikes(context, palette, time, travel) {
    context.lineWidth = 2
    context.lineCap = "round"
    for (const excites of [true, false]) {
      context.strokeStyle = excites ? palette.excites : palette.inhibits
      context.beginPath()
      for (const {ends: [a, b, c, d], times, excites: its} of this.links) {
        if (its !== excites) continue
        for (const start of times) {
          const head = (time - start) / travel
          if (head < 0 || head > 1 + SEGMENT) continue
          const front = Math.min(1, head), back = Math.max(0, head - SEGMENT)
          context.moveTo(a + (c - a) * back, b + (d - b) * back)
          context.lineTo(a + (c - a) * front, b + (d - b) * front)
        }
      }
      context.stroke()
    }
  }

  draw_hidden(context, recording, palette, time, moves, fades) {
    for (const [k, {rects, count}] of this.layers.entries()) {
      const {at, who, firsts} = recording.layers[k + 1]
      const last = new Float32Array(count).fill(-Infinity)
      for (let s = 0; s < at.length; s++) if (at[s] <= time) last[who[s]] = at[s]
      context.fillStyle = palette.hidden
      for (let n = 0; n < count; n++) {
        if (last[n] === -Infinity) continue
        const flash = moves ? Math.exp(-(time - last[n]) / fades) : 0
        const x = rects[4 * n], y = rects[4 * n + 1], wide = rects[4 * n + 2], tall = rects[4 * n + 3]
        if (!moves) context.fillStyle = latency(palette, firsts[n], recording.end)
        context.globalAlpha = moves ? 0.38 + 0.62 * flash : 1
        const grow = 1.5 * flash
        context.fillRect(x - grow, y - grow, wide + 2 * grow, tall + 2 * grow)
        if (flash > 0.5) {
          context.globalAlpha = 2 * flash - 1
          context.fillStyle = palette.flash
          context.fillRect(x, y, wide, tall)
          context.fillStyle = palette.hidden
        }
      }
    }
    context.globalAlpha = 1
  }

  draw_outputs(context, recording, network, palette, time) {
    const {outputs} = this, count = network.classes.length
    const sample = sample_at(time, network)
    const scores = recording.scores.subarray(sample * count, (sample + 1) * count)
    const decided = recording.decided >= 0 && time >= recording.decided
    const most = outputs.x + outputs.width - outputs.bar
    for (let k = 0; k < count; k++) {
      const y = outputs.y(k), wins = decided && k === recording.decision
      const tall = Math.max(1.5, outputs.tall - (outputs.tall > 8 ? 5 : 1))
      const share = Math.max(0, Math.min(1, scores[k] / network.highest_score))
      context.globalAlpha = 0.14
      context.fillStyle = palette.ink
      context.fillRect(outputs.bar, y - tall / 2, most, tall)
      context.globalAlpha = 1
      context.fillStyle = wins ? palette.decided : palette.label
      context.fillRect(outputs.bar, y - tall / 2, share * most, tall)
      context.globalAlpha = wins ? 1 : 0.25 + 0.75 * share
      context.beginPath()
      context.arc(outputs.x + outputs.dot, y, wins ? outputs.dot + 1 : outputs.dot, 0, 2 * Math.PI)
      context.fill()
      context.globalAlpha = 1
      if (!wins) continue
      context.strokeStyle = palette.decided
      context.lineWidth = 1.5
      context.strokeRect(outputs.x - 3, y - Math.max(outputs.tall, 8) / 2 + 0.5, outputs.width + 5,
        Math.max(outputs.tall, 8) - 1)
    }
    if (decided) this.name_winner(context, recording, network, palette)
  }

  name_winner(context, recording, network, palette) {
    const {decision, label} = recording
    const mark = label < 0 ? "" : label === decision ? " ✓" : ` ✗ (it is ${network.classes[label]})`
    write(context, `→ ${network.classes[decision]}${mark}`, this.sheet.width - 6, 10, {
      size: 13, weight: 600, align: "right", most: this.sheet.width - 80,
      colour: label >= 0 && label !== decision ? palette.wrong : palette.right,
    })
  }
}
