// A button that records one word from the microphone, and one that plays it.
//
// Samples come from an audio worklet as they are, without a codec, and become a wav file here. What
// is quiet before and after the word is cut off, so that a noisy room does not count as sound.
const QUIET_MS = 500  // after a word, until the recording ends
const KEPT_MS = 200  // of what is quiet, before and after the word
const SETTLE_MS = 60  // at the start, in which nothing counts
const FRAME_MS = 20  // in which loudness is measured
const OVER_NOISE = 3, LEAST_LEVEL = 0.001  // root mean square from which something is heard
const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([[samples]]) {
    if (samples) this.port.postMessage(samples.slice())
    return true
  }
})`
const INSTEAD = "or choose a wav file"
const REASONS = {
  NotAllowedError: "The browser does not let this page use the microphone: allow it beside the address"
    + ` and press again, ${INSTEAD}.`,
  NotFoundError: `No microphone was found: connect one and press again, ${INSTEAD}.`,
  NotReadableError: `The microphone cannot be read: another program may be using it. Close that, ${INSTEAD}.`,
}
const INSECURE = "Browsers give the microphone only to pages from this machine (localhost) or over https:"
  + ` open this page that way, ${INSTEAD}.`
const LACKING = `This browser cannot record sound: use a current Chrome, Edge, Firefox or Safari, ${INSTEAD}.`
const STALLED = `The microphone sends no sound: see whether it is muted, ${INSTEAD}.`
const STALL_MS = 20000  // in which sound must have come, or nothing is waited for any longer
const NOTHING = "Nothing was heard: speak louder or closer to the microphone, and press again."

const STYLE = `
  .microphone { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; font: 14px/1.4 system-ui, sans-serif }
  button {
    align-items: center; background: transparent; border: 1px solid rgba(124, 130, 140, 0.7); border-radius: 8px;
    color: inherit; cursor: pointer; display: inline-flex; font: 500 14px/1 system-ui, sans-serif; gap: 8px;
    height: 40px; padding: 0 14px;
  }
  button:hover { background: rgba(124, 130, 140, 0.18) }
  button:focus-visible { outline: 2px solid currentColor; outline-offset: 1px }
  button.speak { border-color: #0072B2; flex: 1 1 150px; justify-content: center }
  button.speak.on { background: #B3261E; border-color: #B3261E; color: #FFFFFF }
  button[disabled] { cursor: default; opacity: 0.5 }
  svg { fill: currentColor; height: 18px; width: 18px }
  .level { background: rgba(124, 130, 140, 0.25); border-radius: 4px; flex: 1 1 100%; height: 8px; overflow: hidden }
  .level div { background: #009E73; height: 100%; width: 0 }
  p { flex: 1 1 100%; margin: 0; min-height: 1.4em }
  p.trouble { border-left: 4px solid #D5402B; font-weight: 500; padding-left: 8px }
  @media (prefers-reduced-motion: no-preference) { .level div { transition: width 60ms linear } }
`
const ICON = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 14a3 3 0 0 0 3-3V5a3 3 0 0 0-6 0v6a3 3 0 0 0 3'
  + ' 3zm5-3a5 5 0 0 1-10 0H5a7 7 0 0 0 6 6.92V21h2v-3.08A7 7 0 0 0 19 11z"/></svg>'

const element = (tag, more = {}) => Object.assign(document.createElement(tag), more)

// Content of a wav file of 16 bits, mono.
function wav_of(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length))
  const text = (at, letters) => [...letters].forEach((c, k) => view.setUint8(at + k, c.charCodeAt(0)))
  text(0, "RIFF")
  view.setUint32(4, 36 + 2 * samples.length, true)
  text(8, "WAVEfmt ")
  for (const [at, value] of [[16, 16], [24, rate], [28, 2 * rate]]) view.setUint32(at, value, true)
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) view.setUint16(at, value, true)
  text(36, "data")
  view.setUint32(40, 2 * samples.length, true)
  samples.forEach((x, k) => view.setInt16(44 + 2 * k, Math.round(32767 * Math.max(-1, Math.min(1, x))), true))
  return new Uint8Array(view.buffer)
}

function base64(bytes) {
  let text = ""
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192))
  return btoa(text)
}

// Finds one word in samples as they come: where it begins, and when it is over.
//
// Something is heard where a frame is several times as loud as the quiet ones, a tenth of all.
class Word {
  constructor(rate) {
    this.rate = rate
    this.pieces = []
    this.length = this.measured = this.energy = 0  // samples, those of whole frames; of the present one
    this.frames = []  // level and end of each
  }

  get level() {
    return this.frames.at(-1)?.level ?? 0
  }

  add(piece) {
    this.pieces.push(piece)
    this.length += piece.length
    for (const x of piece) this.energy += x * x
    const samples = this.length - this.measured
    if (1000 * samples < FRAME_MS * this.rate) return
    this.frames.push({level: Math.sqrt(this.energy / samples), first: this.measured, last: this.length})
    this.measured = this.length
    this.energy = 0
  }

  // The frames in which something is heard; a microphone that is just switched on clicks.
  get loud() {
    const levels = this.frames.map(({level}) => level).filter(level => level > 1e-6).sort((a, b) => a - b)
    const noise = levels[Math.floor(0.1 * levels.length)] ?? 0
    const threshold = Math.max(LEAST_LEVEL, OVER_NOISE * noise)
    return this.frames.filter(({level, first}) => level > threshold && 1000 * first >= SETTLE_MS * this.rate)
  }

  get heard() {
    return this.loud.length > 0
  }

  get over() {
    const last = this.loud.at(-1)?.last
    return last !== undefined && 1000 * (this.length - last) >= QUIET_MS * this.rate
  }

  // The word with a little of what is around it.
  get samples() {
    const kept = Math.round(KEPT_MS * this.rate / 1000), loud = this.loud
    const whole = new Float32Array(this.length)
    let at = 0
    for (const piece of this.pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole.subarray(Math.max(0, loud[0].first - kept), Math.min(this.length, loud.at(-1).last + kept))
  }
}

// The microphone is opened last, when everything is ready to listen.
async function open_microphone() {
  if (!window.isSecureContext) throw new Error(INSECURE)
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) throw new Error(LACKING)
  const audio = new AudioContext(), rate = audio.sampleRate
  const url = URL.createObjectURL(new Blob([TAP], {type: "text/javascript"}))
  let stream = null
  const close = () => {
    for (const track of stream?.getTracks() ?? []) track.stop()
    audio.close()
  }
  try {
    await audio.audioWorklet.addModule(url)
    await audio.resume()
    const tap = new AudioWorkletNode(audio, "tap", {numberOfOutputs: 0})
    const raw = {echoCancellation: false, noiseSuppression: false, autoGainControl: false}
    stream = await navigator.mediaDevices.getUserMedia({audio: {channelCount: 1, ...raw}})
    audio.createMediaStreamSource(stream).connect(tap)
    return {port: tap.port, rate, close}
  } catch (error) {
    close()
    throw error
  } finally {
    URL.revokeObjectURL(url)
  }
}

export function render({model, el}) {
  const root = element("div", {className: "microphone"})
  const speak = element("button", {type: "button", className: "speak"})
  const play = element("button", {type: "button", textContent: "▶ Listen"})
  const words = element("p"), meter = element("div", {className: "level"}), bar = element("div")
  const player = element("audio", {preload: "auto"})
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", "Microphone")
  words.setAttribute("role", "status")
  meter.setAttribute("aria-hidden", "true")
  meter.append(bar)
  root.append(speak, play, meter, words, player)
  el.append(element("style", {textContent: STYLE}), root)
  let open = null, starting = false

  const say = (text, trouble = false) => {
    words.textContent = text
    words.classList.toggle("trouble", trouble)
  }
  const show = () => {
    speak.innerHTML = ICON
    speak.append(open ? "Stop" : model.label)
    speak.classList.toggle("on", open !== null)
    meter.hidden = open === null
    play.disabled = model.sound === ""
  }
  const stop = () => {
    if (!open) return null
    const {word} = open
    clearTimeout(open.end)
    open.close()
    open = null
    bar.style.width = "0"
    show()
    return word
  }
  const finish = () => {
    const word = stop()
    if (!word) return
    if (!word.heard) return say(word.level > 0 ? NOTHING : STALLED, true)
    say("The chip listens …")
    model.send_msg(["said", base64(wav_of(word.samples, word.rate))])
  }
  const start = async () => {
    starting = true
    say("Asking for the microphone …")
    try {
      open = await open_microphone()
    } catch (error) {
      const known = error.message === INSECURE || error.message === LACKING ? error.message : REASONS[error.name]
      return say(known ?? `The microphone did not start (${error.name}): press again, ${INSTEAD}.`, true)
    } finally {
      starting = false
    }
    open.word = new Word(open.rate)
    open.end = setTimeout(finish, STALL_MS)
    open.port.onmessage = ({data}) => {
      if (!open) return
      open.word.add(data)
      bar.style.width = `${Math.min(100, 400 * open.word.level)}%`
      // As samples come, not by the clock: a busy machine delivers them late.
      if (open.word.over || open.word.length >= model.seconds * open.rate) finish()
    }
    say("Speak now: one digit.")
    show()
  }
  speak.addEventListener("click", () => {
    if (open) finish()
    else if (!starting) start()
  })
  const load = () => {
    if (model.sound) player.src = `data:audio/wav;base64,${model.sound}`
    else player.removeAttribute("src")
    show()
  }
  play.addEventListener("click", async () => {
    player.currentTime = 0
    await player.play().catch(() => say("This browser does not play the sound.", true))
  })
  const answer = () => say(model.answer, model.trouble)
  load()
  answer()
  model.on("sound", load)
  model.on(["answer", "trouble", "answers"], answer)
  model.on("remove", stop)
}
