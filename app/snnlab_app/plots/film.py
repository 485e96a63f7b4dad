"""An animation of the last seconds of the Live view, drawn with Pillow without a browser.

On white, whatever the page's theme: it goes into slides and documents.
"""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from snnlab import plotting
from snnlab.errors import SnnlabError
from snnlab.quantities import LIVE, quantities
from snnlab_app.plots.axes import SCALE, Axes, draw_text
from snnlab_app.plots.recent import Moment
from snnlab_app.plots.words import reword
from snnlab_app.session.snapshot import IMAGES, Snapshot

POWER = quantities(LIVE)["activity"]
CELL_COLUMNS = 8
"""Columns of a CADC sample, so that the shown time ends near where it should."""

SIZE = 900, 560
MIN_MOMENTS = 3
MAX_BYTES = 2_000_000
COLORS = (64, 32, 16)
"""Sizes of the palette; the largest one within ``MAX_BYTES`` is used."""
NEARLY_WHITE = 249
"""Value of a channel above which a colour of the palette is made lighter: white must stay white."""
SHOWN_TIME = 15.0
"""End of the raster's time axis for images : µs; spikes end earlier."""
PAST = 2.0
"""Steps of the curves before the first moment, per step between the moments."""

KINDS = {
    "webp": {"lossless": True, "quality": 30, "method": 1},
    "gif": {"optimize": False, "disposal": 1},
}
"""Options of Pillow by kind of file."""


def animation(
    moments: list[Moment], newest: Snapshot, title: str, settings: str, kind: str = "webp"
) -> bytes:
    """The moments as "webp" or "gif", each shown as long as it was on the page.

    Raises :class:`~snnlab.errors.SnnlabError` if there are too few of them.
    """
    if len(moments) < MIN_MOMENTS:
        raise SnnlabError(
            "nothing has moved yet: press Train, and save the animation some seconds later"
        )
    film = Film(moments, newest, title, settings)
    pictures = [film.picture(moment) for moment in moments]
    shown = [max(20, round(1000 * moment.seconds)) for moment in moments]
    for colors in COLORS:
        data = _written(_reduced(pictures, colors), shown, kind)
        if len(data) <= MAX_BYTES:
            break
    return data


def _reduced(pictures, colors):
    """Pictures in the colours that most pixels of one of them have; white stays white."""
    sample = pictures[len(pictures) // 2].quantize(colors, dither=Image.Dither.NONE)
    palette = np.array(sample.getpalette())
    palette[palette > NEARLY_WHITE] = 255
    sample.putpalette(palette.tolist())
    return [picture.quantize(palette=sample, dither=Image.Dither.NONE) for picture in pictures]


def _written(pictures, shown, kind):
    file, (first, *others) = BytesIO(), pictures
    first.save(
        file, kind, save_all=True, append_images=others, duration=shown, loop=0, **KINDS[kind]
    )
    return file.getvalue()


SPIKES = {"input": (plotting.INPUT_COLOR, 1.5), "hidden": (plotting.HIDDEN_COLOR, 2.0)}
"""Colour of a layer's spikes, and half their width : pixels."""


class Film:
    """The ground that all pictures share, and what moves on it."""

    def __init__(self, moments: list[Moment], newest: Snapshot, title: str, settings: str):
        self._newest = newest
        first, last = moments[0].step, moments[-1].step
        start = max(0.0, first - PAST * max(last - first, 20))
        recording = moments[0].frame.recording
        time = 1e6 * recording.duration
        self._shown = min(SHOWN_TIME, time) if newest.kind == IMAGES else time
        self._rows = len(plotting.raster_cells(recording))
        self._ticks = plotting.raster_ticks(recording)
        steps = start, max(last, start + 1)
        traces = np.concatenate([moment.frame.label_traces for moment in moments])
        curves, held = _percent(newest.history), _percent(newest.held_out)
        left = newest.transferred["step"], 100 * newest.transferred["left"]
        self._curves = [
            (curves, plotting.TRAIN_COLOR, 1.5, 0), (held, plotting.TEST_COLOR, 2.5, 3),
            (left, plotting.ORANGE, 1.5, 4),
        ]  # fmt: skip
        self._power = newest.history["step"], POWER.shown(newest.history["activity"])
        shown = [values for curve, *_ in self._curves if len(values := _within(curve, start))]
        low = min((values.min() for values in shown), default=0.0)
        self._raster = Axes((70, 82, 540, 330), (0, self._shown), (0, self._rows))
        self._traces = Axes((600, 82, 880, 330), (0, time), _padded(traces))
        self._accuracy = Axes((70, 386, 540, 508), steps, (10 * np.floor(0.1 * low), 101))
        self._activity = Axes((600, 386, 880, 508), steps, _padded(_within(self._power, start)))
        self._ground = Image.new("RGB", (SCALE * SIZE[0], SCALE * SIZE[1]), "white")
        pen = ImageDraw.Draw(self._ground)
        draw_text(pen, (20, 26), title, 16)
        draw_text(pen, (20, SIZE[1] - 10), settings, 10, "#5A606A", width=SIZE[0] - 40)
        for axes, name, unit in (
            (self._raster, "Raster", "time (µs)"), (self._traces, "Output membranes", "time (µs)"),
            (self._accuracy, reword("Accuracy (%): batches, held-out test images", newest.kind),
             "step"),
            (self._activity, f"Power by activity ({POWER.unit}, est.)", "step"),
        ):  # fmt: skip
            axes.draw_frame(pen, name, unit, rows=self._ticks if axes is self._raster else None)
        for mark in newest.marks:
            for axes in (self._accuracy, self._activity):
                axes.mark(pen, mark.step, mark.text if axes is self._accuracy else "")

    def picture(self, moment: Moment) -> Image.Image:
        """The picture of a moment : RGB."""
        picture = self._ground.copy()
        pen, frame = ImageDraw.Draw(picture), moment.frame
        draw_text(pen, (SIZE[0] - 20, 26), _decision(frame), 13, anchor="rs")
        draw_text(pen, (20, 48), moment.numbers, 12, width=SIZE[0] - 40)
        self._draw_raster(picture, pen, frame.recording)
        self._draw_traces(pen, frame)
        for curve, color, width, dots in self._curves:
            self._accuracy.line(pen, *_until(curve, moment.step), color, width, dots)
        self._activity.line(pen, *_until(self._power, moment.step), plotting.GREEN, 2.0)
        return picture.reduce(SCALE)

    def _draw_raster(self, picture, pen, recording):
        cells = np.repeat(plotting.output_cells(recording), CELL_COLUMNS, axis=1)
        time = 1e6 * recording.duration
        columns = round(cells.shape[1] * self._shown / time)
        height = len(cells) * plotting.LABEL_ROWS
        self._raster.paste(picture, PALETTE[cells[::-1, :columns]], height)
        for layer, points in plotting.spike_points(recording).items():
            self._raster.squares(pen, *points, *SPIKES[layer])

    def _draw_traces(self, pen, frame):
        time = plotting.microseconds(len(frame.label_traces))
        classes = list(self._newest.classes)
        for k in sorted(range(len(classes)), key=lambda k: classes[k] == frame.decision):
            chosen = classes[k] == frame.decision
            color = plotting.TRACE_COLORS[k % len(plotting.TRACE_COLORS)]
            self._traces.line(pen, time, frame.label_traces[:, k], color, 3.5 if chosen else 1.2)
            if chosen:
                self._traces.name(pen, time, frame.label_traces[:, k], classes[k], color)


def _decision(frame):
    shown = reword(f"image “{frame.label}”", frame.kind)
    if frame.label is None:
        shown = "drawn image" if frame.kind == IMAGES else "own recording"
    return f"{shown}, decision “{frame.decision}”"


def _percent(curves):
    return curves["step"], 100 * curves["accuracy"]


def _within(curve, start):
    x, y = curve
    chosen = y[x >= start]
    return chosen[np.isfinite(chosen)]


def _until(curve, step):
    x, y = curve
    end = np.searchsorted(x, step, side="right")
    return x[:end], y[:end]


def _padded(values):
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _palette() -> np.ndarray:
    """Colours of the raster's cells on white : uint8[value, channel]."""
    rgba = [f"{color}ff"[1:9] for color in plotting.raster_palette()]
    values = np.array([[int(c[k : k + 2], 16) for k in (0, 2, 4, 6)] for c in rgba], float)
    share = values[:, 3:] / 255
    return np.rint(values[:, :3] * share + 255 * (1 - share)).astype(np.uint8)


PALETTE = _palette()
