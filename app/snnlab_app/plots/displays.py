"""The displays of the live screen: curves with their names at their ends, and knob marks."""

from collections.abc import Callable
from math import ceil

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper, MultiLine

from snnlab import plotting
from snnlab.chip.units import PHYSICAL, SCALES
from snnlab.plotting.training import between
from snnlab.quantities import COMPARISON, LIVE, quantities
from snnlab.text.numerals import group_digits
from snnlab_app.plots.annotations import EndNames, KnobMarks, frame_width
from snnlab_app.plots.live import LivePlot, pad_range
from snnlab_app.plots.template import template
from snnlab_app.plots.words import reword
from snnlab_app.session.snapshot import MAX_HELD_OUT

ZOOM_LEVELS = (0.0, 50.0, 80.0, 90.0, 95.0)
"""Lower ends of the accuracy axis, in %."""
ZOOM_ROOM = 0.22
"""Share of the zoomed axis that stays free below the curves."""
RECENT_SHARE = 0.3
"""Share of the steps, the newest, that the accuracy axis must show."""
DASHES = ("solid", "dashed")
"""Of membranes, in turn each time that the colours are used up."""
NAME_SHARE = 0.09
"""Share of the time axis for the names of membranes, beyond the time shown."""
MIN_POWER_SPAN = 0.04
"""Least reach of the power axis to either side of the power at the start, as a share of it."""
MIN_STEPS = 10.0
"""Least steps that the curves of a training have room for."""
SMOOTHED = 25
"""Points over which power is averaged, as the inputs of a batch change it more than learning."""
RECENT = 5
"""Batches over which other numbers of this moment are averaged."""
ACCURACY_NAMES, POWER_NAMES = 0.55, 0.85
"""Least room for the names at the ends of curves, relative to the length of the curves."""
BOLD_LETTER, MAX_ROOM, ROOM_STEP = 6.6, 0.6, 0.1
"""Pixels of a letter of a name, about; most of the axis that names may take, and steps in which
their room grows, so that curves do not tremble."""

_LIVE, _COMPARED = quantities(LIVE), quantities(COMPARISON)


def zoom(low: float, high: float, now: tuple[float, float]) -> tuple[float, float]:
    """The accuracy axis for recent values from ``low`` on, in %: zoomed once they are high.

    It keeps the present range while they lie in it and no narrower one fits.
    """
    fitting = [level for level in ZOOM_LEVELS if low >= level + ZOOM_ROOM * (100.0 - level)]
    level = fitting[-1] if fitting else 0.0
    if now[0] in ZOOM_LEVELS and level <= now[0] <= low:
        level = now[0]
    return level, 100.0 + 0.02 * (100.0 - level)


class MembranePlot(LivePlot):
    """Membrane traces of the curves ``names``, and a ``threshold`` where one is given."""

    def __init__(self, names: list[str], has_threshold: bool = False):
        super().__init__(template(plotting.membrane_axes, has_threshold))
        self._traces: dict[str, tuple[str, np.ndarray]] = {}
        self._threshold, self._quantity = None, SCALES[PHYSICAL].potential
        colors = plotting.TRACE_COLORS
        self._order = {name: k for k, name in enumerate(names)}
        self._lines = {dash: ColumnDataSource({"xs": [], "ys": [], "color": []}) for dash in DASHES}
        for dash, source in self._lines.items():
            line = MultiLine(
                xs="xs", ys="ys", line_color={"field": "color", "transform": mapper(colors)},
                line_width=2, line_dash=dash,
            )  # fmt: skip
            self.figure.add_glyph(source, line)
        self._ends = EndNames(
            self.figure, {name: colors[k % len(colors)] for k, name in enumerate(names)}
        )

    def enlarge(self, on):
        super().enlarge(on)
        self._ends.scale = self.scale

    def draw(
        self,
        traces: dict[str, tuple[str, np.ndarray]],
        quantity: str,
        threshold: tuple[str, float] | None = None,
    ) -> None:
        """Draw a trace for each curve, with the text at its end : float[step].

        quantity : what the traces are, with its unit; threshold : its name and value.
        """
        self.measure(quantity)
        end, ends = self.figure.x_range.end / (1 + NAME_SHARE), {}
        self._traces, self._threshold, self._quantity = traces, threshold, quantity
        if threshold:
            self.feed("threshold", np.array([0.0, end]), np.full(2, threshold[1]))
        lines = {dash: {"xs": [], "ys": [], "color": []} for dash in DASHES}
        for name, (text, trace) in traces.items():
            time, k = plotting.microseconds(len(trace)), self._order[name]
            inside, last = time < end, np.interp(end, time, trace)
            x, y = np.append(time[inside], end), np.append(trace[inside], last)
            dash, color = divmod(k, len(plotting.TRACE_COLORS))
            columns = lines[DASHES[dash % len(DASHES)]]
            for column, value in zip(columns.values(), (x, y, color), strict=True):
                column.append(value)
            self._following.see(name, x, y)
            ends[name] = end, float(last), text
        for dash, source in self._lines.items():
            source.data = lines[dash]
        self.settle()
        self._ends.write(ends)

    def table(self):
        """The whole traces, beyond what is shown."""
        named = [(text, trace) for text, trace in self._traces.values() if text]
        if self._threshold:
            name, value = self._threshold
            named.append((name, np.full(2, value)))
        return ["curve", "time (µs)", self._quantity], [
            (text, *point)
            for text, trace in named
            for point in zip(plotting.microseconds(len(trace)), trace, strict=True)
        ]


def mapper(colors: list[str]) -> LinearColorMapper:
    """Colours by number; as a palette the page can make them lighter where it is dark."""
    return LinearColorMapper(palette=list(colors), low=0, high=max(len(colors) - 1, 1))


def reach_on(
    low: float, high: float, now: tuple[float, float], **free: float
) -> tuple[float, float]:
    """A range of steps: ten at least, as there are no parts of a step."""
    return pad_range(low, max(high, MIN_STEPS), now, **free)


class NamedCurves(LivePlot):
    """Curves over the steps with a name at each end, and with marks of turned knobs."""

    def __init__(
        self, element, colors: dict[str, str], pad: Callable, room: float, texts: bool = False
    ):
        super().__init__(element, follow="xy", pads={"x": reach_on, "y": pad}, right=room)
        self._least_room, self._ends = room, {}
        self.names = EndNames(self.figure, colors)
        self.marks = KnobMarks(self.figure, texts)
        self.figure.on_change("inner_width", self._laid_out)

    def enlarge(self, on):
        super().enlarge(on)
        self.names.scale = self.marks.scale = self.scale
        self._again()

    def _laid_out(self, attr, old, new):
        """Written after this call, as a change within it would not be sent."""
        if page := self.figure.document:
            page.add_next_tick_callback(self._again)

    def _again(self):
        self.name(self._ends)
        self.marks.show_again()

    def name(self, ends: dict[str, tuple[float, float, str]]) -> None:
        """Write the names at the ends of the curves, with room for the longest."""
        self._ends = ends
        longest = max((len(text) for *_, text in ends.values()), default=0)
        share = min(self.scale * BOLD_LETTER * (longest + 1) / frame_width(self.figure), MAX_ROOM)
        room = ROOM_STEP * ceil(share / (1.0 - share) / ROOM_STEP)
        self.leave_free(max(self._least_room * self.scale, room))
        self.settle()
        self.names.write(ends)


class AccuracyPlot(NamedCurves):
    """Accuracy of batches and of test images, in the loop and out of it, with knob marks."""

    def __init__(self):
        colors = {
            "held out": plotting.TEST_COLOR, "batches": plotting.TRAIN_COLOR,
            "left out": plotting.ORANGE,
        }  # fmt: skip
        super().__init__(
            template(plotting.learning_curve), colors, zoom, ACCURACY_NAMES, texts=True
        )

    def draw(self, s) -> None:
        """Draw the curves of a snapshot."""
        batches = s.history["step"], 100 * s.history["accuracy"]
        held = {name: 100 * values for name, values in s.held_out.items()}
        held_step, left_step = s.held_out["step"], s.transferred["step"]
        left = 100 * s.transferred["left"]
        self.feed("batches", *batches)
        self.feed("held out", held_step, held["accuracy"])
        self.feed("left out", left_step, left)
        self.feed("test", s.tests["step"], 100 * s.tests["accuracy"])
        self.write("range", *between(held_step, held["low"], held["high"]))
        inside = np.interp(left_step, held_step, held["accuracy"]) if len(left_step) else left
        self.write("gap", *between(left_step, inside, left))
        recent = (1.0 - RECENT_SHARE) * s.step
        self.limit(recent)
        self.settle()
        self.marks.show(s.marks)
        ends = {
            "batches": (batches[1][-RECENT:], "batch", _LIVE["accuracy"]),
            "held out": (held["accuracy"][-1:], "test", _LIVE["held_out"]),
            "left out": (left[-1:], "no learning", _LIVE["held_out"]),
        }
        self.name({
            label: (s.step, y[-1], f"{name} {quantity.format(np.mean(y) / quantity.factor)}")
            for label, (y, name, quantity) in ends.items() if len(y)
        })  # fmt: skip


class PowerPlot(NamedCurves):
    """Power by activity, against that at the start of the training."""

    def __init__(self):
        colors = {"activity": plotting.GREEN, "start": plotting.GREY}
        super().__init__(template(plotting.power_curve), colors, pad_range, POWER_NAMES)

    def draw(self, s) -> None:
        """Draw the curve of a snapshot."""
        step, shown = s.history["step"], _LIVE["activity"].shown
        if not len(step):
            return
        batches = shown(s.history["activity"])
        means = smooth(batches, SMOOTHED)
        start, ends = shown(s.activity_at_start), step[[0, -1]]
        self.feed("activity", step, means)
        self.write("batches", step, batches)
        margin = MIN_POWER_SPAN * start * np.array([-1, 1])
        self.feed("start", ends, np.full(2, start))
        self.see("room", ends, start + margin)
        self.write("gap", *between(step, means, np.full(len(step), start)))
        self.marks.show(s.marks)
        self.name({
            "activity": (ends[1], means[-1], _LIVE["activity"].format(activity(s)[0])),
            "start": (ends[1], start, "at start"),
        })  # fmt: skip


def smooth(values: np.ndarray, window: int = 9) -> np.ndarray:
    """Moving average over each value and up to ``window`` − 1 before it."""
    total = np.cumsum(np.insert(np.asarray(values, float), 0, 0.0))
    end = np.arange(1, len(total))
    start = np.maximum(end - window, 0)
    return (total[end] - total[start]) / (end - start)


def change(now: float, before: float) -> str:
    """A relative change in words: "−38 %", "×2.4" from doubling on; empty where unknown."""
    if not before > 0 or not np.isfinite(now):
        return ""
    ratio = now / before
    if ratio >= 2:
        return f"×{ratio:.1f}"
    percent = round(100 * (ratio - 1))
    return f"{'+' if percent > 0 else '−' if percent < 0 else '±'}{abs(percent)} %"


def activity(s) -> tuple[float, str]:
    """Power by activity of the newest batches : W, and how it has changed, in words."""
    newest = float(np.mean(s.history["activity"][-SMOOTHED:]))
    since_start = change(newest, s.activity_at_start)
    return newest, _since_change(s, "activity") or (
        f"{since_start} since start" if since_start else ""
    )


def numbers(s) -> dict[str, tuple[str, str]]:
    """The numbers of a snapshot by name: each as text with its unit, and a note on it."""
    recent = {name: np.mean(values[-RECENT:]) for name, values in s.history.items()}
    power, changed = activity(s)
    return {
        "Test accuracy": _test_accuracy(s.held_out),
        "Batch accuracy": (_LIVE["accuracy"].format(recent["accuracy"]), ""),
        "Hidden spikes / image": (
            _LIVE["spikes"].format(recent["spikes"]), _since_change(s, "spikes"),
        ),
        "Power by activity (est.)": (
            _LIVE["activity"].format(power),
            changed.partition(" since step")[0],  # which the number before says
        ),
        "Emulated images/s": (f"{s.images_per_second:,.0f}", ""),
    }  # fmt: skip


def numbers_line(s) -> str:
    """The numbers of a snapshot in one line of text, with its step."""
    named = (f"{reword(name, s.kind)} {text}" for name, (text, _) in numbers(s).items() if text)
    return "   ".join((f"step {group_digits(s.step)}", *named))


def _since_change(s, name):
    """How a quantity has changed since the newest mark, where a setting was changed; empty until a
    batch has run with it."""
    if not s.marks:
        return ""
    step = s.marks[-1].step
    earlier = s.history["step"] <= step
    before, after = (s.history[name][which][-SMOOTHED:] for which in (earlier, ~earlier))
    words = change(np.mean(after), np.mean(before)) if len(before) and len(after) else ""
    return f"{words} since step {group_digits(step)}" if words else ""


def _test_accuracy(held):
    """The newest accuracy on test images, with its 95 % interval."""
    if not len(held["step"]):
        return "", ""
    low, high = 100 * held["low"][-1], 100 * held["high"][-1]
    return _LIVE["held_out"].format(held["accuracy"][-1]), f"{low:.0f}–{high:.0f}"


def images_of_test(s) -> int:
    """How many images the newest test is of; 0 for all of them.

    It is of the held-out ones until the first epoch has ended, as the full test was before the
    training, and once a setting was turned after the last full test.
    """
    tested = _last_full(s)
    is_old = s.step and (not tested or (s.marks and s.marks[-1].step >= tested))
    return min(MAX_HELD_OUT, s.test_inputs) if is_old and len(s.held_out["accuracy"]) else 0


def _last_full(s):
    """The step of the last test on all images."""
    return s.tests["step"][-1:].max(initial=0)


def newest_test(s) -> tuple[float, str]:
    """Accuracy of the newest test, 0 to 1, and in words on which images, and when if earlier."""
    if images := images_of_test(s):
        return float(s.held_out["accuracy"][-1]), f"on {images} test images"
    tested = _last_full(s)
    when = f" at step {group_digits(int(tested))}" if 0 < tested < s.step else ""
    return s.test_accuracy, f"on the full test set{when}"


def accuracy_of(tested: float, images: int) -> str:
    """An accuracy of that many images, 0 for all, with the digits that it has."""
    return _LIVE["held_out"].format(tested) if images else _COMPARED["test_accuracy"].format(tested)


def tested(s) -> str:
    """What the line of test accuracy and its points are measured on, in words."""
    some, every = min(MAX_HELD_OUT, s.test_inputs), s.test_inputs
    points = f"; dots: all {group_digits(every)}" if some < every else ""
    return f"line: {some} test images, 95 % band{points}"


def gap(s) -> str:
    """What the loop has repaired since the chip changed, in words; empty before."""
    left = s.transferred["left"]
    if not len(left):
        return ""
    points = 100 * (s.held_out["accuracy"][-1] - left[-1])
    return f"{points:+.0f} points by learning since the chip changed".replace("-", "−")
