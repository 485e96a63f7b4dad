// A browser gives its clipboard to pages over HTTPS or on loopback only, and may refuse it there
// too. Then a dialog shows the text, selected; its button copies with execCommand, which works in a
// click only.
const DIALOG = `<style>
  .snnlab-copy {
    background: var(--mui-palette-background-paper, Canvas); box-sizing: border-box;
    border: 1px solid rgba(124, 130, 140, 0.5); border-radius: 8px;
    color: var(--mui-palette-text-primary, CanvasText); font: 15px/1.5 system-ui, sans-serif;
    max-width: 720px; padding: 20px; width: calc(100vw - 32px);
  }
  .snnlab-copy::backdrop { background: rgba(0, 0, 0, 0.5) }
  .snnlab-copy h2 { font: 600 18px/1.4 system-ui, sans-serif; margin: 0 0 4px }
  .snnlab-copy p { margin: 0 0 12px }
  .snnlab-copy textarea {
    background: transparent; border: 1px solid rgba(124, 130, 140, 0.7); border-radius: 6px;
    box-sizing: border-box; color: inherit; display: block; field-sizing: content;
    font: 13px/1.5 ui-monospace, monospace; max-height: 50vh; min-height: 10em; overflow: auto;
    overflow-wrap: anywhere; padding: 10px; resize: none; white-space: pre-wrap; width: 100%;
  }
  .snnlab-copy div { display: flex; gap: 8px; justify-content: flex-end; margin-top: 12px }
  .snnlab-copy button {
    background: transparent; border: 1px solid currentColor; border-radius: 6px; color: inherit;
    cursor: pointer; font: 600 14px/1 system-ui, sans-serif; padding: 10px 16px;
  }
  .snnlab-copy :focus-visible { outline: 2px solid var(--mui-palette-primary-main, Highlight) }
</style>
<h2 id="snnlab-copy">Copy this text</h2>
<p></p>
<textarea readonly spellcheck="false" aria-label="Text to copy"></textarea>
<div><button>Copy</button><button>Close</button></div>`
function offer(text, copied) {
  const dialog = document.createElement("dialog")
  dialog.className = "snnlab-copy"
  dialog.setAttribute("aria-labelledby", "snnlab-copy")
  dialog.innerHTML = DIALOG
  const keys = /Mac|iP/.test(navigator.platform) ? "⌘C" : "Ctrl+C"
  dialog.querySelector("p").textContent =
    `The browser does not give this page its clipboard: press ${keys} or Copy.`
  const area = dialog.querySelector("textarea")
  area.value = text
  const [copy, close] = dialog.querySelectorAll("button")
  copy.addEventListener("click", () => {
    area.select()
    if (!document.execCommand("copy")) return
    dialog.close()
    copied()
  })
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  area.focus()
  area.select()
}
