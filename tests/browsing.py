"""The page as a person uses it: what to press, what it shows, a line that can be cut."""

import re
import socket
from contextlib import suppress
from threading import Thread

from playwright.sync_api import expect

PLOTS = (
    "Raster", "Hidden membranes", "Output membranes", "Accuracy", "Power", "Network",
)  # fmt: skip
"""Figures of the live screen by their names."""


def figure(page, name):
    """What the page shows of one figure, as pixels."""
    canvas = page.get_by_role("figure", name=name, exact=True).locator("canvas").first
    return canvas.evaluate("canvas => canvas.toDataURL()")


def tile(page, name):
    """The number shown under a name."""
    text = page.get_by_role("group", name=name, exact=True).inner_text()
    return float(re.search(r"[\d.,]+", text.split("\n")[-1]).group().replace(",", ""))


def play(page):
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()


def pause(page):
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text(re.compile("^paused: step"))).to_be_visible()


def steps(page):
    """Weight updates so far, as the page says."""
    said = page.get_by_text(re.compile(r"^(running|paused): step")).first.inner_text()
    return int(re.search(r"step ([\d,]+)", said)[1].replace(",", ""))


def wait_for(page, condition, milliseconds=180_000):
    for _ in range(milliseconds // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen in time")


def tab(page, name):
    """Open a view, and wait until it is the only one in sight."""
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.locator(f".view.{name.lower()}")).to_be_visible()
    expect(page.locator(".view:visible")).to_have_count(1)


def canvas(page, k=0):
    """Pixels of the k-th figure shown."""
    shown = page.locator(".bk-Figure:visible").nth(k).locator("canvas").first
    return shown.evaluate("canvas => canvas.toDataURL()")


# Whether nothing is drawn on a canvas.
BLANK = """canvas => {
  const {width, height} = canvas
  return canvas.getContext("2d").getImageData(0, 0, width, height).data.every(value => value === 0)
}"""


def blank(page):
    """Numbers of the figures in sight on which nothing is drawn."""
    figures = page.locator(".bk-Figure").locator("visible=true").all()
    return [k for k, figure in enumerate(figures) if figure.locator("canvas").first.evaluate(BLANK)]


def press(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()


def save(page, entry):
    """Name and bytes of the file that a button of the dialog Save gives."""
    press(page, "Save")
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name=entry, exact=True).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def choose(page, name):
    """Choose an entry of the menu, which may name its key as well."""
    press(page, "Menu")
    entry, seen = page.get_by_role("menuitem", name=re.compile(rf"^{re.escape(name)}( \(|$)")), []
    # A click on a menu that still grows may begin on one entry and end on another: it is lost.
    wait_for(page, lambda: seen.append(entry.bounding_box()) or seen[-4:] == 4 * seen[-1:])
    entry.click()


def start_over(page, screen):
    """Close what tests have opened, and begin a new training with all defaults on view Live."""
    for other in page.context.pages:
        if other != page:
            other.close()
    page.set_viewport_size(screen)
    for _ in range(2):
        page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for group in page.locator("[aria-expanded=true]").locator("visible=true").all():
        group.click()
    choose(page, "Start over with defaults")
    tab(page, "Live")
    says(page, "^Ready · ").to_be_visible()
    wait_for(page, lambda: tile(page, "Test accuracy") < 35)
    page.evaluate("document.activeElement.blur()")  # as on a page just loaded
    seen = []  # a snapshot that is still under way must not be taken for the answer to a test
    wait_for(page, lambda: seen.append(figure(page, "Raster")) or seen[-3:] == 3 * seen[-1:])


def slider(page, name):
    return page.get_by_role("slider", name=re.compile(re.escape(name)))


def says(page, pattern):
    # Of texts that several views have, the one that is shown.
    return expect(page.get_by_text(re.compile(pattern)).locator("visible=true").first)


class Relay:
    """Passes bytes on between a browser and a server, until it is cut."""

    def __init__(self, port):
        self._target, self._open = port, []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with suppress(OSError):
            while True:
                self._connect(self._door.accept()[0])

    def _connect(self, near):
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # the server has ended before the page
            near.close()
            return
        self._open += [near, far]
        for source, sink in ((near, far), (far, near)):
            Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):  # or a thread that reads from it would keep it open
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self):
        """Every connection there is; new ones are let through."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self):
        self._door.close()
        self.cut()
