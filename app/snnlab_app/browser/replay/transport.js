// The bar below the raster: play, step by one CADC sample, scrub, speed, and back to the newest.
/* global thousands */
/* exported Transport, STYLE */

const SPEEDS = [0.1, 0.5, 1, 2, 5]  // µs a second, of images; of recordings ten times as much
const USUAL_SPEED = 2

const STYLE = `
  .replay { box-sizing: border-box; color: inherit; height: 100%; position: relative; width: 100% }
  .replay .place { min-width: 0; overflow: hidden; position: relative }
  .replay.network .place, .replay.circuits .place { inset: 0; position: absolute }
  .replay.full { display: grid; gap: 4px 16px; grid-template-columns: minmax(0, 1fr); height: auto }
  .replay h3 { font: 600 14px/1.4 system-ui, sans-serif; margin: 6px 4px 0; padding: 0 }
  .replay [hidden] { display: none !important }
  .replay.full .for-network { height: 300px }
  .replay.full .for-raster { cursor: ew-resize; height: 300px; touch-action: pan-y }
  .replay.full .for-hidden, .replay.full .for-outputs { height: 210px }
  .replay.wide { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) }
  .replay.wide .transport, .replay.wide .words { grid-column: 1 / -1 }
  .replay.wide:not(.alone) .network-part { grid-column: 1 / -1 }
  .replay.wide:not(.alone) .for-network { height: 240px }
  @media (max-height: 800px) {
    .replay.wide .for-raster, .replay.wide.alone .for-network { height: 250px }
    .replay.wide:not(.alone) .for-network { height: 190px }
    .replay.wide .for-hidden, .replay.wide .for-outputs { height: 180px }
  }
  .replay .unseen { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width: 1px }
  .replay.full .words { font: 14px/1.45 system-ui, sans-serif; margin: 4px }
  .replay .transport {
    align-items: center; display: flex; flex-wrap: wrap; font: 14px/1.3 system-ui, sans-serif;
    gap: 6px 8px; padding: 2px 4px 4px;
  }
  .replay .transport input { accent-color: var(--colour); flex: 1 1 160px; height: 32px; margin: 0; min-width: 120px }
  .replay .transport output { font-variant-numeric: tabular-nums; font-weight: 600; min-width: 62px; text-align: right }
  .replay button, .replay select {
    background: transparent; border: 1px solid rgba(124, 130, 140, 0.7); border-radius: 6px;
    box-sizing: border-box; color: inherit; font: 500 14px/1 system-ui, sans-serif; height: 34px;
    min-width: 36px; padding: 0 10px;
  }
  .replay select option { background: Canvas; color: CanvasText }
  .replay button { cursor: pointer }
  .replay button:hover { background: rgba(124, 130, 140, 0.18) }
  .replay button.play { border-color: var(--colour); min-width: 84px }
  .replay :focus-visible { outline: 2px solid var(--colour); outline-offset: 1px }
  .replay .source { align-items: center; display: inline-flex; flex-wrap: wrap; gap: 4px 8px; min-height: 34px }
`

class Transport {
  // acts : play(), step(±1), seek(time), follow(), each called by the visitor's hand.
  constructor(place, acts) {
    this.row = place
    this.play = this.button("Play", () => acts.play())
    this.play.classList.add("play")
    this.back = this.button("◂", () => acts.step(-1), "Previous sample")
    this.forth = this.button("▸", () => acts.step(1), "Next sample")
    this.slider = Object.assign(document.createElement("input"), {type: "range", min: 0, step: 0.01})
    this.slider.setAttribute("aria-label", "Time (µs)")
    this.slider.addEventListener("input", () => acts.seek(this.slider.valueAsNumber))
    this.slider.addEventListener("keydown", event => {
      const way = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1}[event.key]
      if (!way) return
      event.preventDefault()
      acts.step(way)
    })
    this.clock = document.createElement("output")
    this.speed_choice = document.createElement("select")
    this.speed_choice.setAttribute("aria-label", "Speed")
    this.speed_choice.title = "Microseconds of the chip that are played per second"
    this.offer(1)
    this.which = document.createElement("span")
    this.follow = this.button("Follow live", () => acts.follow())
    const source = Object.assign(document.createElement("span"), {className: "source"})
    source.append(this.which, this.follow)
    this.row.append(this.play, this.back, this.slider, this.forth, this.clock, this.speed_choice, source)
  }

  button(text, act, name) {
    const button = Object.assign(document.createElement("button"), {type: "button", textContent: text})
    if (name) button.setAttribute("aria-label", name)
    button.addEventListener("click", act)
    return button
  }

  // Speeds for inputs that last longer than an image by this factor.
  offer(pace) {
    const times = pace < 3 ? 1 : 10, kept = this.speed_choice.selectedIndex
    if (this.times === times) return
    this.times = times
    this.speed_choice.replaceChildren(...SPEEDS.map(speed => new Option(`${speed * times} µs/s`, speed * times)))
    this.speed_choice.selectedIndex = kept < 0 ? SPEEDS.indexOf(USUAL_SPEED) : kept
  }

  get speed() {
    return Number(this.speed_choice.value)
  }

  show({time, end, playing, frozen, step}) {
    const words = {
      play: playing ? "Pause playback" : "Play",
      clock: `${time.toFixed(1)} µs`,
      which: frozen ? `Replay of step ${thousands(step)}` : `Live, step ${thousands(step)}`,
    }
    for (const [name, text] of Object.entries(words)) {
      if (this[name].textContent !== text) this[name].textContent = text
    }
    if (this.slider.max !== String(end)) this.slider.max = String(end)
    if (Math.abs(this.slider.valueAsNumber - time) > 0.004) this.slider.value = String(time)
    this.slider.setAttribute("aria-valuetext", words.clock)
    this.follow.hidden = !frozen
  }
}
