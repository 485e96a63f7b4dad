// The 512 circuits of the chip in their two rows, as its floor plan has them.
/* global Sheet, FLASH, write, latency, sample_at */
/* exported CircuitsPicture */

const COLUMNS = 256

class CircuitsPicture {
  constructor(place) {
    this.sheet = new Sheet(place)
  }

  // Place of a circuit: along the first row, and back along the second.
  place(circuit) {
    const row = circuit < COLUMNS ? 0 : 1
    const column = row === 0 ? circuit : 2 * COLUMNS - 1 - circuit
    return [this.x + column * this.wide, this.y + row * (this.tall + 3)]
  }

  prepare(recording, network, palette) {
    const {sheet} = this, {width, height} = sheet, context = sheet.clear(sheet.still)
    const names = width >= 520 ? 104 : 6
    this.x = names
    this.wide = (width - names - 8) / COLUMNS
    this.y = 22
    this.tall = Math.floor((height - this.y - 24) / 2)
    const {layer} = network.circuits
    this.colours = Array.from({length: network.sizes.length - 1}, (_, k) =>
      k === network.sizes.length - 2 ? palette.label : palette.hidden)
    for (let c = 0; c < 2 * COLUMNS; c++) {
      const [x, y] = this.place(c)
      context.globalAlpha = layer[c] < 0 ? 0.12 : 0.28
      context.fillStyle = layer[c] < 0 ? palette.input : this.colours[layer[c]]
      context.fillRect(x, y, Math.max(0.8, this.wide - 0.6), this.tall)
    }
    context.globalAlpha = 1
    context.strokeStyle = palette.differs
    context.lineWidth = 2
    context.beginPath()
    for (const circuit of network.dead) {
      const [x, y] = this.place(circuit), middle = x + this.wide / 2
      context.moveTo(middle, y)
      context.lineTo(middle, y + this.tall)
    }
    context.stroke()
    const look = {size: 12, align: "right", colour: palette.ink}
    if (names > 100) {
      write(context, "circuits 0–255", names - 8, this.y + this.tall / 2, look)
      write(context, "511–256", names - 8, this.y + 3 + 1.5 * this.tall, look)
    }
    const foot = {size: 11, colour: palette.ink}
    const layers = `hidden neurons blue, output neurons orange, free grey${network.dead.length ? ", dead red" : ""}`
    write(context, layers, names, height - 9, {...foot, most: width - names})
  }

  draw(recording, network, palette, time, moves) {
    const context = this.sheet.begin()
    this.sheet.paste(context)
    const {layer, neuron} = network.circuits
    const outputs = network.sizes.length - 2, count = network.classes.length
    const sample = sample_at(time, network)
    const decided = recording.decided >= 0 && time >= recording.decided
    const last = recording.layers.slice(1).map(({at, who, firsts}) => {
      const times = new Float32Array(firsts.length).fill(-Infinity)
      for (let s = 0; s < at.length; s++) if (at[s] <= time) times[who[s]] = at[s]
      return times
    })
    for (let c = 0; c < 2 * COLUMNS; c++) {
      if (layer[c] < 0) continue
      let share
      if (layer[c] === outputs) {
        const score = recording.scores[sample * count + neuron[c]] / network.highest_score
        share = Math.max(0, Math.min(1, score))
        context.fillStyle = decided && neuron[c] === recording.decision ? palette.decided : palette.label
      } else {
        const since = time - last[layer[c]][neuron[c]]
        if (since === Infinity) continue
        share = moves ? 0.3 + 0.7 * Math.exp(-since / (FLASH * network.pace)) : 1
        context.fillStyle = moves ? palette.hidden
          : latency(palette, recording.layers[layer[c] + 1].firsts[neuron[c]], recording.end)
      }
      const [x, y] = this.place(c)
      context.globalAlpha = share
      context.fillRect(x, y, Math.max(1, this.wide - 0.4), this.tall)
    }
    context.globalAlpha = 1
    const colour = palette.ink
    write(context, `${time.toFixed(1)} µs`, this.x, 10, {size: 13, weight: 600, colour})
    if (decided) {
      write(context, `decided: ${network.classes[recording.decision]}`, this.sheet.width - 8, 10,
        {size: 13, weight: 600, align: "right", colour: palette.right, most: 200})
    }
  }
}
