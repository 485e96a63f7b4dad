"""Confusion matrix, and the images of each cell."""

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap

from snnlab.plotting import views as plotting_views
from snnlab.text.numerals import group_digits
from snnlab_app.browser.thumbnails import Thumbnails
from snnlab_app.plots import blank
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.template import template
from snnlab_app.views.base import View
from snnlab_app.views.frames import png_of

PAGE = 12
ANY = "any wrong"


class ErrorsView(View):
    """Confusion matrix, and the images of the tapped cell, the worst first."""

    name, title = "errors", "Errors"
    see = (
        "Every test image, counted by what it shows and what the chip decides. Blue, on the"
        " diagonal: right. Red: wrong; the stronger, the more often the two are confused."
    )
    attempt = "Click a red cell, then one of its images to open it in Sample."
    matters = "Mistakes have reasons: most images of a strongly red cell look like both classes."

    drawings = ((plotting_views.confusion_map, tuple("0123456789")),)

    def __init__(self, session):
        super().__init__(session)
        self._cell, self._page, self._classes = None, 0, blank.classes_of(session.config)
        self._label = pmui.Select(label="The image shows", sizing_mode="stretch_width")
        self._decision = pmui.Select(label="The chip decides", sizing_mode="stretch_width")
        self._images = Thumbnails(
            lambda index: self.visit(index), self._play, margin=(4, 10),
            sizing_mode="stretch_width",
        )  # fmt: skip
        self._wavs: dict[int, bytes] = {}
        self._found = Text(polite=True)
        self._pages = pmui.Pagination(count=1, value=0, sizing_mode="stretch_width")
        self._pages.param.watch(self._turn_page, "value")
        self._plot, self._matrix = None, np.zeros((0, 0), int)
        self.visit = lambda index: None

    def wishes(self):
        return {"cell": self._cell, "page": self._page}

    def build(self):
        self._label.label = self.words("The image shows")
        options = {ANY: -1, **{name: k for k, name in enumerate(self._classes)}}
        for choice in (self._label, self._decision):
            choice.param.update(options=options, value=-1)
            choice.param.watch(self._chosen, "value")
        matrix = template(plotting_views.confusion_map, self._classes)
        self._plot = LivePlot(matrix, 520, follow="")
        self._plot.keep_in_frame()
        self._plot.measure(self.words("the image shows"))
        # White in both schemes: what has a column of colours keeps it.
        self._plot.glyphs["right"].text_color = "color"
        self.plots = {"confusion matrix": self._plot}
        self._plot.figure.on_event(Tap, self._tapped)
        return [row(
            card(self.words("Confusion matrix of the test images"), flex(440),
                 self._plot.pane("confusion")),
            card(
                self.words("Images"), flex(380),
                pn.Row(self._label, self._decision, sizing_mode="stretch_width"),
                self._found, self._images, self._pages,
            ),
        )]  # fmt: skip

    def table(self, plot):
        rows = [
            (name, *row) for name, row in zip(self._classes, self._matrix.tolist(), strict=True)
        ]
        columns = ["the image shows", *(f"decided {name} (images)" for name in self._classes)]
        return list(map(self.words, columns)), rows

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
        cells = plotting_views.confusion_cells(picture.matrix)
        self._plot.feed_image("confusion", cells[::-1])
        diagonal = np.eye(n, dtype=bool)
        self._write("right", picture.matrix * diagonal)
        self._write("wrong", picture.matrix * ~diagonal)
        self.summary.say(self.words(self._in_words(picture)))
        self._show_images(picture)

    def _play(self, index):
        """Let the visitor hear a recording of those shown."""
        if index in self._wavs:
            self._images.play(index, self._wavs[index])

    def _write(self, label, counts):
        words = [str(count) if count else "" for count in counts.ravel()]
        source = self._plot.source(label)
        if source.data.get("text") != words:
            source.data = {**source.data, "text": words, "color": ["white"] * len(words)}

    def _in_words(self, picture):
        matrix, names = picture.matrix, self._classes
        wrong = matrix.sum() - matrix.trace()
        words = f"{group_digits(wrong)} of {group_digits(picture.known)} test images misclassified"
        off = matrix - np.diag(matrix.diagonal())
        if not off.any():
            return words + "."
        label, decision = divmod(int(off.argmax()), len(names))
        often = "once" if off.max() == 1 else f"{off.max()} times"
        return f"{words}; most often {names[label]} taken for {names[decision]} ({often})."

    def _show_images(self, picture):
        names = self._classes
        what = "misclassified" if self._cell is None else (
            f"of {names[self._cell[0]]} classified as {names[self._cell[1]]}"
        )  # fmt: skip
        self._found.say(
            self.words(f"{group_digits(picture.found)} images {what}, the worst first.")
        )
        index = picture.index.tolist()
        self._wavs |= dict(zip(index, picture.wavs, strict=bool(picture.wavs)))
        shown = [
            [
                index,
                self.words(f"test image {index}: ") + f"{names[label]} "
                + ("classified correctly" if label == decision else f"taken for {names[decision]}"),
                f"{names[label]} → {names[decision]}",
                png_of(image),
            ]
            for image, index, label, decision in zip(
                picture.images, index, picture.label, picture.decision, strict=True
            )
        ]  # fmt: skip
        if self._images.pictures != shown:
            self._images.param.update(pictures=shown, sounds=bool(picture.wavs))
        self._pages.count = count = max(1, -(-picture.found // PAGE))
        if self._page >= count and not self.watches:  # fewer than before: the last page there is
            self._pages.value = count - 1
