// A list of small pictures, each a button that says its number.
const STYLE = `
  ul { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; margin: 0; padding: 0 }
  button {
    background: transparent; border: 1px solid transparent; border-radius: 8px; color: inherit;
    cursor: pointer; font: 12px/1.4 system-ui, sans-serif; padding: 5px; text-align: center;
  }
  button:hover, button:focus-visible { border-color: currentColor }
  img { border-radius: 6px; display: block; height: 84px; image-rendering: pixelated; width: 84px }
  span { display: block; max-width: 84px; overflow-wrap: anywhere }`

export function render({model, el}) {
  const style = document.createElement("style"), list = document.createElement("ul")
  style.textContent = STYLE
  el.append(style, list)
  const draw = () => list.replaceChildren(...model.pictures.map(([index, name, caption, png]) => {
    const item = document.createElement("li"), button = document.createElement("button")
    const image = document.createElement("img"), words = document.createElement("span")
    button.type = "button"
    button.setAttribute("aria-label", name)
    button.title = name
    button.addEventListener("click", () => model.send_msg(index))
    image.alt = ""
    image.src = `data:image/png;base64,${png}`
    words.textContent = caption
    button.append(image, words)
    item.append(button)
    return item
  }))
  draw()
  model.on("pictures", draw)
}
