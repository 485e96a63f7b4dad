// One image on the chip, played: which recording is shown, at which time, and when it is drawn.
/* global unpack, same_image, NetworkPicture, CircuitsPicture, RasterPicture, MembranesPicture, Transport,
   STYLE, write */

const LOOP_SECONDS = 7
const REST_SECONDS = 1.6  // at the end of a loop
const SETTLED_MS = 700  // after which no other recording is to be expected
const WIDE = 620  // pixels from which on pictures stand side by side, as on a projector
const GAP = 20  // ms until the next picture is asked for: every second one of a screen with 60 a second
const still = window.matchMedia("(prefers-reduced-motion: reduce)")
const at_night = window.matchMedia("(prefers-color-scheme: dark)")

class Player {
  constructor(model, view, el) {
    this.model = model
    this.full = model.mode === "full"
    this.newest = this.shown = null
    this.time = this.rest = this.asked = 0
    this.last = null  // when it was drawn last, while it moves
    this.playing = this.frozen = false
    this.page = view.model.document?.roots().find(root => root.class_name === "Page")
    this.root = document.createElement("div")
    this.root.className = `replay ${model.mode}`
    el.append(Object.assign(document.createElement("style"), {textContent: STYLE}), this.root)
    this.build()
    this.visible = false
    this.seen = new IntersectionObserver(entries => {
      this.visible = entries[entries.length - 1].isIntersecting
      this.wake()
    })
    this.seen.observe(this.root)
    this.sized = new ResizeObserver(() => this.refit())
    this.sized.observe(this.root)
    this.recolour = () => {
      this.stale = true
      this.wake()
    }
    still.addEventListener("change", this.recolour)
    at_night.addEventListener("change", this.recolour)
    if (this.page) view.connect(this.page.data.properties.dark_theme.change, this.recolour)
    model.on("recording", () => this.receive())
    model.on("remove", () => this.stop())
    this.receive()
  }

  stop() {
    this.seen.disconnect()
    this.sized.disconnect()
    cancelAnimationFrame(this.asked)
    clearTimeout(this.next)
    clearTimeout(this.due)
    this.ended = true
    still.removeEventListener("change", this.recolour)
    at_night.removeEventListener("change", this.recolour)
  }

  // ── the places ──

  build() {
    const {mode} = this.model
    this.parts = {}
    if (!this.full) {
      const name = mode === "network" ? "Network" : "Circuits"
      const Picture = mode === "network" ? NetworkPicture : CircuitsPicture
      this.part(Picture, name, "network")
      this.say("words unseen")
      return
    }
    this.part(NetworkPicture, "Network", "network")
    this.part(RasterPicture, "Raster", "raster")
    this.part(RasterPicture, "Raster of the ideal twin", "raster", true)
    const row = Object.assign(document.createElement("div"), {className: "transport"})
    row.setAttribute("role", "group")
    row.setAttribute("aria-label", "Replay")
    this.root.append(row)
    this.transport = new Transport(row, {
      play: () => this.toggle(), step: way => this.step(way), seek: time => this.seek(time),
      follow: () => this.follow(),
    })
    this.part(MembranesPicture, "Output membranes", "outputs", false, "traces")
    this.part(MembranesPicture, "Output membranes of the ideal twin", "outputs", true, "traces")
    this.part(MembranesPicture, "Hidden membranes", "hidden", false, "hidden")
    this.say("words").setAttribute("role", "status")
    for (const name of ["Raster", "Raster of the ideal twin"]) this.scrub_by_pointer(this.parts[name])
  }

  say(className) {
    this.words = Object.assign(document.createElement("p"), {className})
    this.root.append(this.words)
    return this.words
  }

  part(Picture, name, kind, twin = false, ...more) {
    const box = Object.assign(document.createElement("div"), {className: `${kind}-part`})
    const title = document.createElement("h3")
    const place = Object.assign(document.createElement("div"), {className: `place for-${kind}`})
    place.setAttribute("role", "figure")
    place.setAttribute("aria-label", name)
    if (this.full) {
      box.append(title, place)
      this.root.append(box)
    } else this.root.append(place)
    title.textContent = name
    this.parts[name] = {picture: new Picture(place, ...more), box, title, twin, name}
  }

  scrub_by_pointer({picture}) {
    const {canvas} = picture.sheet
    const move = event => this.seek(picture.time(event.clientX - canvas.getBoundingClientRect().left))
    canvas.addEventListener("pointerdown", event => {
      if (!this.shown) return
      canvas.setPointerCapture(event.pointerId)
      move(event)
    })
    canvas.addEventListener("pointermove", event => canvas.hasPointerCapture(event.pointerId) && move(event))
  }

  refit() {
    if (this.full) {
      this.root.classList.toggle("wide", this.root.clientWidth >= WIDE)
    }
    this.stale = true
    this.draw()
  }

  // ── recordings ──

  receive() {
    const packed = this.model.recording
    if (!packed || !packed.counts) return this.wake()
    this.network = this.model.network
    const before = this.newest
    this.newest = packed
    const other = before !== null && !same_image(before, packed)
    const another_network = this.shown && this.shown.network !== this.network
    if (this.shown === null || other || another_network) {
      this.take()
      this.frozen = this.frozen && this.playing
      if (this.full && packed.own && this.network.recordings && !this.calm && before !== null) {
        this.playing = this.frozen = true  // what was said is replayed at once
      }
      this.restart()
    } else if (Boolean(packed.twin) !== Boolean(this.shown.twin)) {
      this.take()  // the visitor has asked for it
      this.time = Math.min(this.time, this.shown.end)
    } else if (this.full && !this.frozen) {
      this.take()
      this.time = this.shown.end
    } else if (!this.full) this.take_in_time()
    this.wake()
  }

  // A loop takes a recording after which no other came, so that it is the newest on a page at rest.
  // Without motion: new recordings as seldom as loops would begin, the last one in any case.
  take_in_time() {
    const next_loop = this.taken + 1000 * (REST_SECONDS + LOOP_SECONDS) - performance.now()
    clearTimeout(this.due)
    this.due = setTimeout(() => {
      if (this.ended) return
      this.take()
      if (this.calm) this.time = this.shown.end
      this.wake()
    }, this.calm ? Math.max(0, next_loop) : SETTLED_MS)
  }

  take() {
    this.shown = {...unpack(this.newest, this.network), network: this.network}
    if (this.shown.twin) {
      const {twin} = this.shown
      const end = Math.max(this.shown.end, twin.end)
      this.shown.end = twin.end = end
      twin.beside = this.shown
    }
    this.taken = performance.now()
    this.stale = true
    if (this.words.textContent !== this.shown.words) this.words.textContent = this.shown.words
    if (this.full) {
      this.transport.offer(this.network.pace)
      this.arrange()
    }
  }

  arrange() {
    const {twin} = this.shown
    this.root.classList.toggle("alone", !twin)
    for (const {box, twin: of_twin, name} of Object.values(this.parts)) {
      box.hidden = of_twin ? !twin : Boolean(twin) && name === "Hidden membranes"
    }
    this.parts.Raster.title.textContent = twin ? "Raster on this die" : "Raster"
    this.parts["Output membranes"].title.textContent = twin ? "Output membranes on this die" : "Output membranes"
  }

  restart() {
    this.rest = 0
    this.time = this.calm || (this.full && !this.playing) ? this.shown.end : 0
  }

  // ── the visitor's hand ──

  toggle() {
    if (!this.shown) return
    this.playing = !this.playing
    this.frozen = true
    if (this.playing && this.time >= this.shown.end - 1e-6) this.time = 0
    this.last = null
    this.wake()
  }

  step(way) {
    if (!this.shown) return
    const {period} = this.shown.network, sample = this.time / period
    this.seek((way > 0 ? Math.floor(sample + 1e-3) + 1 : Math.ceil(sample - 1e-3) - 1) * period)
  }

  seek(time) {
    if (!this.shown) return
    this.playing = false
    this.frozen = true
    this.time = Math.min(this.shown.end, Math.max(0, time))
    this.wake()
  }

  follow() {
    this.playing = this.frozen = false
    this.take()
    this.time = this.shown.end
    this.transport.play.focus()
    this.wake()
  }

  // ── time and pictures ──

  get calm() {
    return still.matches
  }

  get loops() {
    return !this.full && !this.calm
  }

  wake() {
    if (this.asked || !this.visible || this.ended) return
    this.asked = requestAnimationFrame(now => {
      this.asked = 0
      this.tick(now)
    })
  }

  tick(now) {
    if (this.ended || !this.visible) {
      this.last = null
      return
    }
    const moves = this.shown && (this.loops || this.playing)
    const seconds = this.last === null ? 0 : Math.min(0.25, (now - this.last) / 1000)
    this.last = moves ? now : null
    const waits = moves && this.loops && this.time >= this.end_of_play
    if (moves) this.advance(seconds)
    if (!waits || this.stale || this.time === 0) this.draw()
    clearTimeout(this.next)
    if (this.shown && (this.loops || this.playing)) {
      this.next = setTimeout(() => this.wake(), GAP)
    }
  }

  // Where the play ends: a loop leaves out what comes after the last hidden spike.
  get end_of_play() {
    return this.loops ? this.shown.loop_end : this.shown.end
  }

  advance(seconds) {
    const end = this.end_of_play
    if (this.time >= end) {
      this.rest += seconds
      if (this.full) this.playing = false
      else if (this.rest > REST_SECONDS) {
        this.take()
        this.rest = this.time = 0
      }
      return
    }
    this.time = Math.min(end, this.time + seconds * (this.full ? this.transport.speed : end / LOOP_SECONDS))
    if (this.full && this.time >= end) this.playing = false
  }

  get palette() {
    const {colours} = this.model
    const dark = this.page ? this.page.data.dark_theme : at_night.matches
    return {
      ...colours, ...colours[dark ? "dark" : "light"], dark, cursor: dark ? "#E8EAED" : "#1F2328",
      flash: dark ? "#FFFFFF" : "#00304D", right: dark ? "#3DCB9F" : "#00694D",
      wrong: dark ? "#F08A3C" : "#A84300",
    }
  }

  draw() {
    const {shown} = this
    const pictures = Object.values(this.parts).filter(({box}) => !box.hidden)
    if (!shown) {
      for (const {picture: {sheet}} of pictures) {
        if (sheet.measure() || this.stale) this.wait_in(sheet)
      }
      this.stale = false
      return
    }
    if (this.stale || !this.colours) this.colours = this.palette
    const {colours: palette} = this, {network} = shown
    this.root.style.setProperty("--colour", palette.hidden)
    const moves = this.full ? this.playing || this.time < shown.end : this.loops
    const time = this.calm && this.playing ? Math.floor(this.time / network.period) * network.period : this.time
    for (const {picture, twin} of pictures) {
      const recording = twin ? shown.twin : shown
      const resized = picture.sheet.measure()
      if (!picture.sheet.shown) continue
      if (this.stale || resized) picture.prepare(recording, network, palette)
      picture.draw(recording, network, palette, time, moves && !this.calm)
      picture.sheet.canvas.step = shown.step
    }
    this.stale = false
    this.transport?.show({
      time: this.time, end: shown.end, playing: this.playing, frozen: this.frozen, step: shown.step,
    })
  }

  wait_in(sheet) {
    if (!sheet.shown) return
    write(sheet.begin(), this.model.waiting, sheet.width / 2, sheet.height / 2,
      {size: 14, align: "center", colour: this.palette.ink, most: sheet.width - 10})
  }
}

export function render({model, view, el}) {
  new Player(model, view, el)
}
