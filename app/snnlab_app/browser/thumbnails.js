// A list of small pictures, each a button that says its number, and one below it that plays its sound.
const STYLE = `
  ul { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; margin: 0; padding: 0 }
  li { display: flex; flex-direction: column }
  button {
    background: transparent; border: 1px solid transparent; border-radius: 8px; color: inherit;
    cursor: pointer; font: 12px/1.4 system-ui, sans-serif; padding: 5px; text-align: center;
  }
  button.play { border-color: rgba(124, 130, 140, 0.5); margin: 0 5px; padding: 3px }
  button:hover, button:focus-visible { border-color: currentColor }
  img { border-radius: 6px; display: block; height: 84px; image-rendering: pixelated; width: 84px }
  .sounds img { width: 132px }
  span { display: block; max-width: 132px; overflow-wrap: anywhere }`

const element = (tag, more) => Object.assign(document.createElement(tag), more)

export function render({model, el}) {
  const list = element("ul"), audio = element("audio", {preload: "auto"})
  el.append(element("style", {textContent: STYLE}), list, audio)
  let playing = null
  const mark = number => {
    playing = number
    for (const button of list.querySelectorAll(".play")) {
      button.textContent = Number(button.dataset.number) === number ? "■ Stop" : "▶ Play"
    }
  }
  const listen = number => {
    if (playing !== number) return model.send_msg(["listen", number])
    audio.pause()
    mark(null)
  }
  const item_of = ([number, name, caption, png]) => {
    const item = element("li")
    const button = element("button", {type: "button", title: name})
    button.setAttribute("aria-label", name)
    button.addEventListener("click", () => model.send_msg(["choose", number]))
    button.append(
      element("img", {alt: "", src: `data:image/png;base64,${png}`}), element("span", {textContent: caption}),
    )
    item.append(button)
    if (model.sounds) {
      const play = element("button", {type: "button", className: "play", textContent: "▶ Play"})
      play.dataset.number = number
      play.setAttribute("aria-label", `Play ${name}`)
      play.addEventListener("click", () => listen(number))
      item.append(play)
    }
    return item
  }
  const draw = () => {
    list.className = model.sounds ? "sounds" : ""
    list.replaceChildren(...model.pictures.map(item_of))
    mark(playing)
  }
  audio.addEventListener("ended", () => mark(null))
  model.on("msg:custom", async ({number, wav}) => {
    const before = audio.src
    audio.src = URL.createObjectURL(new Blob([wav], {type: "audio/wav"}))
    if (before) URL.revokeObjectURL(before)
    mark(number)
    try {
      await audio.play()
    } catch {
      mark(null)  // another one was asked for, or this machine has no way to play
    }
  })
  draw()
  model.on(["pictures", "sounds"], draw)
}
