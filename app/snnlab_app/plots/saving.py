"""Saving what a view shows: its picture, an animation, single figures and their data.

Pictures are drawn by the browser, which has them; animations by one thread of the server, one at a
time, from what was shown in the last seconds.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from re import sub
from typing import Protocol

import panel_material_ui as pmui
from PIL import features

from snnlab.errors import SnnlabError
from snnlab.runs.tables import csv_of
from snnlab_app.plots import film
from snnlab_app.plots.displays import numbers_line
from snnlab_app.plots.recent import KEPT_SECONDS, Recent
from snnlab_app.plots.theme import TINY
from snnlab_app.session.snapshot import Snapshot

_DRAWING = ThreadPoolExecutor(1, thread_name_prefix="snnlab-animation")
PLAIN = {"border": "none", "background": "transparent"}
"""Style of the menu's frame."""
IN_LINE = {
    **PLAIN, "& .MuiButton-root": TINY,
    "& .MuiToolbar-root": {"minHeight": "0 !important", "height": "26px"},
}  # fmt: skip
"""Style of a menu that is no higher than a line of text."""
READY, BUSY = "Save", "Making the animation …"
ANIMATIONS = {"webp": "WebP", "gif": "GIF"} if features.check("webp") else {"gif": "GIF"}
"""Kinds of animation that this machine writes; a browser shows each."""


class Page(Protocol):
    """What a page does for the views that it shows. ``bridge`` : to its browser."""

    bridge: object

    def describe(self) -> dict[str, str]:
        """``settings`` that differ from the defaults, and the ``link`` to all of them."""

    def run_soon(self, act: Callable[[], None]) -> None:
        """Run a call while the page is locked; may be called from any thread."""


class Saving:
    """One menu under a view; ``page`` is set by the page that shows it."""

    page: Page

    def __init__(self, view):
        self._view, self._recent, self._busy = view, Recent(), False
        self._menu = pmui.MenuBar(variant="outlined", sx=PLAIN, margin=(2, 5))
        self._acts: dict[str, Callable[[], None]] = {}
        # Items that come back from the page have lost all but what it shows.
        self._menu.on_click(lambda item: self._acts[item["label"]]())

    def panel(self, in_line: bool = False) -> pmui.MenuBar:
        """The menu; ``in_line`` : no higher than a line of text, and not on a phone."""
        if in_line:
            self._menu.param.update(sx=IN_LINE, margin=0, css_classes=["on-desk"], align="center")
        return self._menu

    def offer(self) -> None:
        """Offer the view's current figures; hide the menu if there is nothing to save."""
        self._menu.visible = bool(self._view.plots) or self._view.has_pictures
        label = BUSY if self._busy else READY
        menu = {"label": label, "icon": "save_alt", "disabled": self._busy, "items": self._items()}
        self._menu.items = [menu]

    def see(self, snapshot: Snapshot) -> None:
        """Keep what the view shows now, for an animation of it."""
        if self._view.has_animation:
            self._recent.see(snapshot)

    def _items(self):
        items = [self._item("Whole view (PNG)", "image", self.save_view)]
        if self._view.has_animation:
            items += [
                self._item(
                    f"Animation of the last {KEPT_SECONDS:.0f} s ({name})", "movie",
                    partial(self.save_animation, kind),
                )
                for kind, name in ANIMATIONS.items()
            ]  # fmt: skip
        return [*items, None, *(self._figure(name) for name in self._view.plots)]

    def _figure(self, name):
        """A figure's own menu."""
        title = sentence(name)
        items = [
            self._item(f"{title} as PNG", "image", partial(self._save_figure, name, "png")),
            self._item(f"{title} as SVG", "polyline", partial(self._save_figure, name, "svg")),
            self._item(f"{title}, data (CSV)", "table_rows", partial(self._save_data, name)),
        ]
        return {"label": title, "items": items}

    def _item(self, label, icon, act):
        self._acts[label] = act
        return {"label": label, "icon": icon}

    def save_view(self) -> None:
        """Give the visitor one picture of the whole view."""
        view, snapshot = self._view, self._view.session.snapshot
        self.page.bridge.save_view(
            [(plot.figure.id, sentence(name)) for name, plot in view.plots.items()],
            self._name(), title=self._title,
            numbers=[numbers_line(snapshot)] if snapshot else [], **self.page.describe(),
        )  # fmt: skip

    def save_animation(self, kind: str = "webp") -> None:
        """Give the visitor an animation of the last seconds, of kind "webp" or "gif"."""
        if self._busy:
            return
        self._busy = True
        self.offer()
        settings = self.page.describe()["settings"]
        job = _DRAWING.submit(
            film.animation, self._recent.moments(), self._recent.newest, self._title, settings, kind
        )
        job.add_done_callback(lambda job: self.page.run_soon(partial(self._deliver, job, kind)))

    def _deliver(self, job, kind):
        self._busy = False
        self.offer()
        try:
            self.page.bridge.deliver(job.result(), kind, self._name("animation"))
        except SnnlabError as error:
            self.page.bridge.complain(str(error))
        except Exception as error:  # whatever it was, the visitor must hear of it
            self.page.bridge.complain(
                f"the animation could not be made: {type(error).__name__}: {error}"
            )

    @property
    def _title(self):
        config = self._view.session.config
        return f"snnlab · {self._view.title} · {config.dataset}"

    def _name(self, part=""):
        """Name of a file, of letters, digits and dashes only."""
        words = f"snnlab-{self._view.name}-{part}".lower()
        return sub(r"[^a-z0-9]+", "-", words).strip("-")

    def _save_figure(self, name, kind):
        self.page.bridge.save(self._view.plots[name].figure.id, kind, self._name(name))

    def _save_data(self, name):
        table = csv_of(*self._view.table(name)).getvalue()
        self.page.bridge.deliver(table.encode("utf-8"), "csv", self._name(name))


def sentence(name: str) -> str:
    """A name with its first letter large."""
    return name[:1].upper() + name[1:]
