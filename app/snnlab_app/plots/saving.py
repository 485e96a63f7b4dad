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
READY, BUSY = "Save", "Making the animation …"
ANIMATIONS = {"webp": "WebP", "gif": "GIF"} if features.check("webp") else {"gif": "GIF"}
"""Kinds of animation that this machine writes; a browser shows each."""


class Saves(Protocol):
    """The dialog in which a visitor chooses what to save."""

    def open(self, whole: dict[str, Callable], figures: dict[str, dict[str, Callable]]) -> None:
        """Offer what is to be saved of the view as a whole, and of its figures by kind of file."""


class Page(Protocol):
    """What a page does for the views that it shows. ``bridge`` : to its browser."""

    bridge: object
    saves: Saves

    def describe(self, snapshot: Snapshot | None) -> dict[str, str]:
        """``settings`` that differ from the defaults, and the ``link`` to all of them."""

    def run_soon(self, act: Callable[[], None]) -> None:
        """Run a call while the page is locked; may be called from any thread."""


class Saving:
    """A button under a view; ``page`` is set by the page that shows it."""

    page: Page

    def __init__(self, view):
        self._view, self._recent, self._busy = view, Recent(), False
        self._button = pmui.Button(
            label=READY, icon="save_alt", variant="text", color="default", margin=(2, 8)
        )
        self._button.on_click(lambda _: self._open())

    def panel(self, in_line: bool = False) -> pmui.Button:
        """The button; ``in_line`` : no higher than a line of text, and not on a phone."""
        if in_line:
            self._button.param.update(
                sx=TINY, margin=0, height=24, css_classes=["on-desk"], align="center"
            )
        return self._button

    def offer(self) -> None:
        """Hide the button if there is nothing to save; an animation that is made holds it."""
        self._button.param.update(
            visible=bool(self._view.plots) or self._view.has_pictures,
            label=BUSY if self._busy else READY, disabled=self._busy,
        )  # fmt: skip

    def see(self, snapshot: Snapshot) -> None:
        """Keep what the view shows now, for an animation of it."""
        if self._view.has_animation:
            self._recent.see(snapshot)

    def _open(self):
        whole = {"Whole view (PNG)": self.save_view}
        if self._view.has_animation:
            whole |= {
                f"Animation of the last {KEPT_SECONDS:.0f} s ({name})": partial(
                    self.save_animation, kind
                )
                for kind, name in ANIMATIONS.items()
            }
        figures = {
            sentence(name): {
                "png": partial(self._save_figure, name, "png"),
                "svg": partial(self._save_figure, name, "svg"),
                "csv": partial(self._save_data, name),
            }
            for name in self._view.plots
        }
        self.page.saves.open(whole, figures)

    def save_view(self) -> None:
        """Give the visitor one picture of the whole view."""
        view, snapshot = self._view, self._view.session.snapshot
        self.page.bridge.save_view(
            [(plot.figure.id, sentence(view.caption(name))) for name, plot in view.plots.items()],
            self._name(), title=self._title(snapshot),
            numbers=[numbers_line(snapshot)] if snapshot else [], **self.page.describe(snapshot),
        )  # fmt: skip

    def save_animation(self, kind: str = "webp") -> None:
        """Give the visitor an animation of the last seconds, of kind "webp" or "gif"."""
        if self._busy:
            return
        self._busy = True
        self.offer()
        newest = self._recent.newest
        title, settings = self._title(newest), self.page.describe(newest)["settings"]
        job = _DRAWING.submit(film.animation, self._recent.moments(), newest, title, settings, kind)
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

    def _title(self, snapshot):
        config = self._view.session.config
        dataset = snapshot.settings["dataset"] if snapshot else config.dataset
        return f"snnlab · {self._view.title} · {dataset}"

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
