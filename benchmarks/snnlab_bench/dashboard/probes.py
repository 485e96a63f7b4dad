"""What a browser says about a page: places of elements, pixels of canvases, long tasks."""

import re
from statistics import quantiles

from playwright.sync_api import Error, Locator, Page

DISPLAYS = ("Raster", "Output membranes", "Accuracy", "Power")
"""Figures of the Live view that must be visible at once; a phone may show the hidden membranes."""
KNOBS = ("Mismatch", "Burst regularisation", "Surrogate steepness")

# Elements at any depth of shadow trees.
DEEP = """
  const deep = function*(node) {
    for (const inner of [...node.shadowRoot?.children ?? [], ...node.children]) {
      yield inner; yield* deep(inner);
    }
  };
  const canvases = node => [...deep(node)].filter(inner =>
    inner.tagName === "CANVAS" && inner.width * inner.height > 3000 && inner.checkVisibility());
  const area = canvas => canvas.width * canvas.height;
  const largest = node => canvases(node).reduce((a, b) => area(a) >= area(b) ? a : b);
  const pixels = canvas => {
    const look = canvas.getContext("2d"), {width, height} = canvas;
    return look.getImageData(0, 0, width, height).data;
  };
  const hash = canvas => {
    const now = pixels(canvas);
    let sum = 0;
    for (let k = 0; k < now.length; k += 52) sum = (31 * sum + now[k]) | 0;
    return sum;
  };
"""
# Share of nine points of an element that can be seen: in the window, and not covered.
SEEN = """element => {
  const {left, top, width, height} = element.getBoundingClientRect(), at = [0.04, 0.5, 0.96];
  const top_at = (x, y) => {
    let found = document.elementFromPoint(x, y), inner;
    while ((inner = found?.shadowRoot?.elementFromPoint(x, y)) && inner !== found) found = inner;
    return found;
  };
  const is_inside = node => {
    while (node && node !== element) node = node.assignedSlot ?? node.parentNode ?? node.host;
    return node === element;
  };
  let seen = 0;
  for (const x of at) {
    for (const y of at) seen += is_inside(top_at(left + x * width, top + y * height));
  }
  return width * height > 0 ? seen / 9 : 0;
}"""
# Changes per second of the largest canvas in an element, for ``milliseconds``; looks at every
# ``stride``-th frame.
CHANGES = (
    "async (element, [milliseconds, stride]) => {"
    + DEEP
    + """
  const canvas = largest(element), start = performance.now();
  let last = hash(canvas), changes = 0, looks = 0;
  while (performance.now() - start < milliseconds) {
    await new Promise(requestAnimationFrame);
    if (++looks % stride) continue;
    const now = hash(canvas);
    if (now !== last) { changes++; last = now; }
  }
  return 1000 * changes / (performance.now() - start);
}"""
)
# Clicks a button; milliseconds until its text has changed.
CLICK = """async button => {
  const before = button.textContent, start = performance.now();
  button.click();
  while (button.textContent === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
# Clicks an element; milliseconds until a display changes.
CLICK_AND_MOVE = (
    "async (button, element) => {"
    + DEEP
    + """
  const canvas = largest(element), before = hash(canvas), start = performance.now();
  button.click();
  while (hash(canvas) === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
)
# Clicks a tab; milliseconds until a canvas that was not visible before has something drawn, or
# until a button of the name ``label`` is visible.
CLICK_AND_FILL = (
    "async (tab, label) => {"
    + DEEP
    + """
  const before = new Set(canvases(document)), start = performance.now();
  const is_filled = () => {
    if (label) return [...deep(document)].some(inner =>
      inner.tagName === "BUTTON" && inner.textContent.endsWith(label) && inner.checkVisibility());
    return canvases(document).some(canvas => {
      if (before.has(canvas)) return false;
      const now = pixels(canvas);
      let drawn = 0;
      for (let k = 3; k < now.length; k += 52) drawn += now[k] > 0;
      return drawn > 0.01 * now.length / 52;
    });
  };
  tab.click();
  while (!is_filled() && performance.now() - start < 30000) {
    await new Promise(resolve => setTimeout(resolve, 40));
  }
  return performance.now() - start;
}"""
)
LONG_TASKS = """() => {
  window.longTasks = [];
  new PerformanceObserver(list => window.longTasks.push(...list.getEntries().map(e => e.duration)))
    .observe({type: "longtask"});
}"""


def display(page: Page, name: str) -> Locator:
    """A display of the Live view by its name."""
    return page.get_by_role("figure", name=name, exact=True)


def displays_in_sight(page: Page) -> list[str]:
    """What of the four displays and the three knobs is not fully in sight, without scrolling."""
    missing = []
    for name in DISPLAYS:
        places = [name, "Hidden membranes"] if name == "Output membranes" else [name]
        if not any(_in_sight(page, display(page, place), 0.85) for place in places):
            missing.append(name)
    knobs = {name: page.get_by_role("slider", name=re.compile(name)) for name in KNOBS}
    return missing + [name for name, knob in knobs.items() if not _in_sight(page, knob, 0.0)]


def _in_sight(page, place, share):
    if place.count() == 0 or (box := place.first.bounding_box()) is None:
        return False
    size = page.viewport_size
    return (
        min(box["x"], box["y"]) >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] + box["height"] <= size["height"]
        and place.first.evaluate(SEEN) >= share
    )


def changes_per_second(place: Locator, seconds: float, stride: int = 2) -> float:
    """How often the pixels of a display change."""
    return place.first.evaluate(CHANGES, [1000 * seconds, stride])


def click_times(button: Locator, clicks: int) -> tuple[float, float]:
    """Median and 95th percentile of the time until a button shows that it was clicked : ms."""
    handle = button.element_handle()
    times = [handle.evaluate(CLICK) for _ in range(clicks)]
    shares = quantiles(times, n=20)
    return shares[9], shares[-1]


def count_violations(page: Page) -> dict[str, int] | None:
    """Elements that violate a rule of axe-core, by rule; None where axe is not installed."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        return None
    found = Axe().run(page).response["violations"]
    return {rule["id"]: len(rule["nodes"]) for rule in found}


def steps(page: Page) -> int:
    """Weight updates so far, as the page says."""
    for _ in range(20):
        try:
            said = page.get_by_text(re.compile(r"^(running|paused): step")).first.inner_text()
            return int(re.search(r"step ([\d,]+)", said)[1].replace(",", ""))
        except Error:  # replaced while it was read
            continue
    raise SystemExit("the page says no step")
