// Who asks the system for less motion gets none: styles of components are in shadow roots, which a
// style of the page does not reach, so each gets a style sheet of its own.
const still = new CSSStyleSheet()
still.replaceSync(`@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important }
}`)

function keep_still(root) {
  if (!root.adoptedStyleSheets.includes(still)) root.adoptedStyleSheets.push(still)
  for (const node of root.querySelectorAll("*")) if (node.shadowRoot) keep_still(node.shadowRoot)
}

const {attachShadow} = Element.prototype
Element.prototype.attachShadow = function(options) {
  const root = attachShadow.call(this, options)
  root.adoptedStyleSheets = [still]
  return root
}
// Those from before are found once they are part of the page: when it lays out its figures.
