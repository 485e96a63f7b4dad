// The browser's own dialog element, filled by the server. While it is open the page behind it is
// inert: Tab stays inside, Escape closes it, and the focus returns to what had it before.
// (In the dialog of panel-material-ui 0.16 Escape does nothing once the focus is on one of its
// buttons, each of which is a component in a shadow tree of its own.)
const STYLE = `
  .snnlab-dialog {
    --accent: var(--mui-palette-primary-main, #0072b2);
    background: var(--mui-palette-background-paper, Canvas); box-sizing: border-box;
    border: 1px solid rgba(124, 130, 140, 0.5); border-radius: 8px;
    color: var(--mui-palette-text-primary, CanvasText); font: 15px/1.5 system-ui, sans-serif;
    max-height: calc(100dvh - 32px); max-width: 640px; overflow: auto; overscroll-behavior: contain;
    padding: 0 20px 20px; width: calc(100vw - 32px);
  }
  .snnlab-dialog.wide { max-width: 1080px }
  .snnlab-dialog::backdrop { background: rgba(0, 0, 0, 0.5) }
  .snnlab-dialog .top {
    align-items: center; background: inherit; display: flex; justify-content: space-between;
    padding: 12px 0 8px; position: sticky; top: 0; z-index: 1;
  }
  .snnlab-dialog h2 { font: 600 20px/1.3 system-ui, sans-serif; margin: 0 }
  .snnlab-dialog h3 { font: 600 15px/1.4 system-ui, sans-serif; margin: 14px 0 6px }
  .snnlab-dialog p { margin: 0 0 10px; white-space: pre-line }
  .snnlab-dialog .buttons { display: flex; gap: 8px; justify-content: flex-end; margin-top: 12px }
  .snnlab-dialog button {
    background: transparent; border: 1px solid rgba(124, 130, 140, 0.6); border-radius: 8px;
    color: inherit; cursor: pointer; font: 600 14px/1.3 system-ui, sans-serif; padding: 9px 16px;
  }
  .snnlab-dialog .buttons.first { flex-wrap: wrap; justify-content: flex-start; margin-top: 0 }
  .snnlab-dialog table { border-collapse: collapse; width: 100% }
  .snnlab-dialog tr + tr { border-top: 1px solid rgba(124, 130, 140, 0.25) }
  .snnlab-dialog th { font-weight: 400; text-align: left; width: 100% }
  .snnlab-dialog td { padding: 4px 0 4px 6px }
  .snnlab-dialog td button { padding: 6px 12px }
  .snnlab-dialog button:disabled { cursor: default; opacity: 0.45 }
  .snnlab-dialog button.first {
    background: var(--accent); border-color: var(--accent);
    color: var(--mui-palette-primary-contrastText, white);
  }
  .snnlab-dialog .top button { border: none; font-size: 22px; line-height: 1; padding: 8px 12px }
  .snnlab-dialog button:hover:not(:disabled) { border-color: currentColor }
  .snnlab-dialog :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
  .snnlab-dialog ul {
    display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 230px), 1fr));
    list-style: none; margin: 0; padding: 0;
  }
  .snnlab-dialog li { display: flex }
  .snnlab-dialog li button {
    align-content: start; align-items: center; display: grid; flex: 1; font-weight: 400;
    gap: 6px 12px; grid-template-columns: 84px 1fr; padding: 10px 12px; text-align: left;
  }
  .snnlab-dialog li svg { height: 42px; width: 84px }
  .snnlab-dialog li b { font-size: 15px; font-weight: 600 }
  .snnlab-dialog li span { font-size: 13px; grid-column: 1 / -1; line-height: 1.35; opacity: 0.85 }
  .snnlab-dialog ul.plain button { grid-template-columns: 1fr }`

// How often each dialog has been opened, by its key: it may be asked to before it is rendered, and
// is rendered again, but not opened, after a lost connection.
const opened = new Map()

export function render({model, el}) {
  el.style.display = "none"
  const dialog = document.createElement("dialog")
  dialog.setAttribute("aria-labelledby", `snnlab-${model.key}`)
  dialog.innerHTML = `<style>${STYLE}</style><div class="top"><h2 id="snnlab-${model.key}"></h2>
    <button aria-label="Close" data-close>×</button></div><div></div>`
  const [title, content] = [dialog.querySelector("h2"), dialog.querySelector(".top + div")]
  const fill = () => {
    const pressed = dialog.open && document.activeElement?.dataset.press
    dialog.className = "snnlab-dialog" + (model.wide ? " wide" : "")
    title.textContent = model.heading
    content.innerHTML = model.content  // the server has escaped the texts
    if (pressed) {
      const again = content.querySelector(`[data-press="${CSS.escape(pressed)}"]:not(:disabled)`)
      const other = again ?? content.querySelector("button:not(:disabled)")
      other?.focus()
    }
  }
  const refill = () => dialog.open && fill()
  const open = () => {
    opened.set(model.key, model.shown)
    fill()
    if (dialog.open) return
    dialog.showModal()
    dialog.scrollTop = 0
    const first = content.querySelector("[autofocus], button:not(:disabled)")
    first?.focus()
  }
  dialog.addEventListener("click", event => {
    const button = event.target.closest("button")
    if (button?.dataset.close !== undefined) dialog.close()
    if (button?.dataset.press !== undefined) model.send_msg(button.dataset.press)
  })
  dialog.addEventListener("close", () => content.replaceChildren())
  dialog.addEventListener("mousedown", event => {
    const {left, right, top, bottom} = dialog.getBoundingClientRect()
    const {clientX: x, clientY: y} = event
    if (x < left || x > right || y < top || y > bottom) dialog.close()
  })
  document.body.append(dialog)
  if (model.shown > (opened.get(model.key) ?? 0)) open()
  model.on("shown", open)
  model.on("heading", refill)
  model.on("content", refill)
  model.on("remove", () => dialog.remove())
}
