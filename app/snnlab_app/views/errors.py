"""Confusion matrix, and the images of each cell."""

import base64
from html import escape
from io import BytesIO

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from PIL import Image

from snnlab.plotting import views as plotting_views
from snnlab_app.plots import blank
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.views.base import View

PAGE = 12
NO_IMAGE = {"–": -1}
"""Options of the image menu when no image is available."""
_PICTURE = (
    '<figure style="margin: 0; text-align: center; font: 12px/1.4 system-ui">'
    '<img alt="{alt}" src="data:image/png;base64,{data}" style="width: 84px; height: 84px;'
    ' image-rendering: pixelated; border-radius: 6px"><figcaption>{caption}</figcaption></figure>'
)
_GRID = '<div style="display: flex; flex-wrap: wrap; gap: 12px">{}</div>'


class ErrorsView(View):
    """Confusion matrix, and the images of the tapped cell, the worst first."""

    name, title = "errors", "Errors"
    see = (
        "Every test image counted by what it shows and what the chip decides. The diagonal is"
        " right; the darker a cell beside it, the more often the two are confused."
    )
    attempt = "Tap a cell, page through its images, and look at one on the chip."
    matters = "Mistakes have reasons: most images of a dark cell look like both."

    def __init__(self, session):
        super().__init__(session)
        self._cell, self._page, self._classes = None, 0, blank.classes_of(session.config)
        self._label = pmui.Select(label="The image shows", sizing_mode="stretch_width")
        self._decision = pmui.Select(label="The chip decides", sizing_mode="stretch_width")
        self._images = pn.pane.HTML("", margin=12, sizing_mode="stretch_width")
        self._found = Text(polite=True)
        self._pages = pmui.Pagination(count=1, value=0, sizing_mode="stretch_width")
        self._pages.param.watch(self._turn_page, "value")
        self._which = pmui.Select(
            label="Look at one on the chip", options=NO_IMAGE, value=-1, sizing_mode="stretch_width"
        )
        self._look = pmui.Button(label="Show in Sample", icon="visibility", variant="outlined")
        self._plot, self._matrix = None, np.zeros((0, 0), int)
        self.visit = lambda index: None

    def wishes(self):
        return {"cell": self._cell, "page": self._page}

    def build(self):
        n = len(self._classes)
        options = {"any wrong": -1, **{name: k for k, name in enumerate(self._classes)}}
        for choice in (self._label, self._decision):
            choice.param.update(options=options, value=-1)
            choice.param.watch(self._chosen, "value")
        self._look.on_click(lambda _: self._which.value < 0 or self.visit(self._which.value))
        matrix = plotting_views.confusion_map(self._classes) * plotting_views.counts_text(n)
        self._plot = LivePlot(matrix, 520, follow="")
        self.plots = {"confusion matrix": self._plot}
        self._plot.figure.on_event(Tap, self._tapped)
        return [row(
            card("Confusion matrix of the test images", flex(440), self._plot.pane("confusion")),
            card(
                "Images", flex(380),
                pn.Row(self._label, self._decision, sizing_mode="stretch_width"),
                self._found, self._images, self._pages,
                pn.Row(self._which, self._look, sizing_mode="stretch_width"),
            ),
        )]  # fmt: skip

    def table(self, plot):
        rows = [
            (name, *row) for name, row in zip(self._classes, self._matrix.tolist(), strict=True)
        ]
        return ["the image shows", *(f"decided {name} (images)" for name in self._classes)], rows

    def _tapped(self, event):
        n = len(self._classes)
        label, decision = n - 1 - int(event.y // 1), int(event.x // 1)
        if 0 <= label < n and 0 <= decision < n:
            self._label.value, self._decision.value = label, decision

    def _chosen(self, _):
        label, decision = self._label.value, self._decision.value
        self._cell = None if label < 0 or decision < 0 else (label, decision)
        self._page = self._pages.value = 0
        self.look()

    def _turn_page(self, event):
        self._page = event.new or 0
        self.look()

    def show(self, snapshot):
        if snapshot.classes != self._classes:
            self._classes = snapshot.classes
            self._body.objects = self.build()
        picture, n = snapshot.picture, len(snapshot.classes)
        self._matrix = picture.matrix
        share = picture.matrix / picture.matrix.sum(axis=1, keepdims=True).clip(1)
        self._plot.feed_image("confusion", share[::-1])
        words = [str(count) if count else "" for count in picture.matrix.ravel()]
        colors = ["white" if s > 0.5 else "#7C828C" for s in share.ravel()]
        source = self._plot.source("counts")
        if source.data.get("text") != words:
            glyph = self._plot.glyphs["counts"]
            if glyph.text_color != "color":
                source.data = {**source.data, "text": words, "color": colors}
                glyph.text_color = "color"
            else:
                source.data = {**source.data, "text": words, "color": colors}
        wrong = picture.matrix.sum() - picture.matrix.trace()
        off = picture.matrix.copy()
        off[range(n), range(n)] = 0
        label, decision = divmod(int(off.argmax()), n)
        self.summary.say(
            f"{wrong:,} of {picture.known:,} test images asked are decided wrongly; most often"
            f" “{snapshot.classes[label]}” is taken for “{snapshot.classes[decision]}”"
            f" ({off.max()} times)."
        )
        self._show_images(picture)

    def _show_images(self, picture):
        names = self._classes
        what = "decided wrongly" if self._cell is None else (
            f"showing “{names[self._cell[0]]}” and decided “{names[self._cell[1]]}”"
        )  # fmt: skip
        self._found.say(f"{picture.found:,} images {what}, the worst first.")
        shown = [
            _PICTURE.format(
                alt=escape(f"test image {index}, “{names[label]}”, decided “{names[decision]}”"),
                data=_png(image),
                caption=escape(f"{index}: {names[label]} → {names[decision]}"),
            )
            for image, index, label, decision in zip(
                picture.images, picture.index, picture.label, picture.decision, strict=True
            )
        ]  # fmt: skip
        html = _GRID.format("".join(shown))
        if self._images.object != html:
            self._images.object = html
        self._pages.count = max(1, -(-picture.found // PAGE))
        options = {f"test image {index}": int(index) for index in picture.index} or NO_IMAGE
        if self._which.options != options:
            self._which.param.update(options=options, value=next(iter(options.values())))


def _png(image):
    file = BytesIO()
    Image.fromarray(image).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()
