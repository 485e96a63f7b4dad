"""The surrogate over the membranes of a batch, and one training step, stage by stage."""

from html import escape
from time import monotonic

import numpy as np
import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.model.gradients import EVENTPROP, TITLES
from snnlab.plotting import views as plotting_views
from snnlab_app.panel_fixes import Markup
from snnlab_app.plots.cards import Text, Tiles, card, flex, retitle, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.template import template
from snnlab_app.views.base import View

STAGE_SECONDS = 1.2
"""Seconds for which each stage is highlighted."""
_SURROGATE = "Surrogate backward"
STAGES = (
    ("Encode", "Pixels become spikes: the brighter, the earlier."),
    ("Forward on the chip", "The imperfect circuits integrate and fire."),
    ("Loss", "The output neuron with the highest score decides; the loss measures its error."),
    ("Injection", "Measured spikes and potentials replace those of the ideal model."),
    (_SURROGATE, "A spike has no derivative; a smooth surrogate replaces it."),
    (
        "Adam and rounding",
        "Float weights change a little; rounded weights change only when they cross a step.",
    ),
    ("Write", "The new weights go to the synapses."),
)
_BY_TIMES = (
    "EventProp backward", "The gradient follows the times of the spikes, backwards in time."
)  # fmt: skip
"""What takes the place of the surrogate with EventProp."""
_OVER, _ALONE = "Surrogate over the membranes of this batch", "Membranes of this batch"
_WITHOUT = "EventProp uses no surrogate: neurons that fire learn, at any potential."
"""What stands above and below the membranes, with a surrogate and without."""
_LEFT, _RIGHT = "text-align: left; padding: 0 8px 0 0", "text-align: right; padding: 0 0 0 10px"
_LEGEND = (
    "Agreement: of the predicted slopes of the chip's loss with those measured on the chip, its"
    " weights moved by one LSB in 16 random directions (±0.25 by chance). Gain: predicted over"
    " measured."
)
_UNASKED = (
    '<p style="font: 14px/1.45 system-ui; margin: 0">What would a surrogate say that counts a spike'
    " for the potential before it, for the threshold, or for the overshoot after it? What would"
    " EventProp say? And what does the chip do when its weights move?</p>"
)
_STAGE = (
    '<li{current} style="display: flex; gap: 12px; padding: 8px 12px; margin: 4px 0;'
    " border-radius: 8px; border-left: 4px solid {edge}; background: {ground};"
    ' font: 14px/1.45 system-ui">'
    '<span style="font-weight: 600; flex: 0 0 min(13em, 34%)">{number}. {name}</span>'
    "<span>{text}</span></li>"
)


class LearnView(View):
    """The surrogate over this batch's membranes, and the stages of a step."""

    name, title = "learn", "Learn"
    see = (
        "Light blue: distribution of the hidden membrane potentials in the newest batch. Red: the"
        " surrogate derivative, which scales the gradient that a neuron receives at this potential."
        " Green: where it is at least a tenth of its peak. EventProp does without it."
    )
    attempt = (
        "Move Surrogate steepness (β) to both ends, choose another surrogate, then take one"
        " step in slow motion."
    )
    matters = (
        "A neuron learns only where the surrogate overlaps the distribution of potentials: if"
        " it is too steep, hardly any neuron receives gradient; if too flat, it does not select."
    )

    drawings = ((plotting_views.reach,), (plotting_views.gradient_cosines, TITLES))

    def __init__(self, session):
        super().__init__(session)
        self._tiles, self._words = Tiles(), Text()
        self._warning = pmui.Alert(severity="warning", visible=False, sizing_mode="stretch_width")
        self._stages = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 12))
        self._slow = pmui.Button(label="Step in slow motion", icon="slow_motion_video")
        self._slow.on_click(lambda _: session.narrate())
        self._compare = pmui.Button(label="Compare gradients now", icon="compare_arrows")
        self._compare.on_click(self._wish)
        self._table = Markup(_UNASKED, sizing_mode="stretch_width", margin=(2, 12))
        self._comparison = 0
        self._picture = None
        self._numbers, self._begun, self._drawn = (), None, None

    @property
    def figures(self):
        return 2 if self._drawn else 1  # gradients are drawn once they were compared

    def build(self):
        self._plot = LivePlot(template(*self.drawings[0]), 380, follow="")
        self._cosines = LivePlot(template(*self.drawings[1]), 320, follow="x")
        self._drawn = None
        axis = self._cosines.figure.xaxis[0]
        axis.axis_label = self.words(axis.axis_label)
        self._gradients = self._cosines.pane("gradients")
        self._gradients.visible = False
        self.plots = {"surrogate": self._plot}
        self._light(None)
        self._card = card(_OVER, flex(480), self._plot.pane("reach"), self._words)
        return [
            row(self._warning),
            row(
                self._card,
                pn.Column(self._tiles.panel(), styles=flex(260, 0.5), margin=0),
            ),
            row(card("Gradients side by side", flex(480), self._compare,
                     self._gradients),
                card("Where they point, and what the chip does", flex(380), self._table)),
            row(card("One training step in slow motion", {"flex": "1 1 100%"}, self._slow,
                     self._stages)),
        ]  # fmt: skip

    def wishes(self):
        return {"comparison": self._comparison}

    def _wish(self, _):
        self._comparison += 1
        self.look()

    def _draw_gradients(self, found):
        if found is None or found is self._drawn:
            return
        if self._drawn is None:
            self._gradients.visible = True
            self.plots["gradients"] = self._cosines
            self._cosines.enlarge(self._large)
            self._cosines.fit(self.narrow)
            self.saving.offer()
        self._drawn = found
        for title, cosine in zip(TITLES, found.cosine, strict=True):
            there = np.isfinite(cosine)
            self._cosines.feed(title, found.spikes[there], cosine[there])
        self._table.object = _tabulate(found)

    def table(self, plot):
        if plot != "surrogate":
            return super().table(plot)
        if not self._picture:
            return super().table(plot)
        edges, share, surrogate = (
            self._picture.edges, self._picture.share, self._picture.surrogate
        )  # fmt: skip
        middle = (edges[1:] + edges[:-1]) / 2
        header = ["membrane potential (leak 0, threshold 1)", "share of samples", "surrogate"]
        return header, zip(middle, share, surrogate.derivative(middle), strict=True)

    def show(self, snapshot):
        picture = self._picture = snapshot.picture
        surrogate = picture.surrogate
        middle = (picture.edges[1:] + picture.edges[:-1]) / 2
        shown = (middle > -1.3) & (middle < 2.3)
        fine = np.linspace(-1.3, 2.3, 721)
        slope = surrogate.derivative(fine)
        height = picture.share / max(picture.share.max(), 1e-12)
        exact = picture.method == EVENTPROP
        retitle(self._card, _ALONE if exact else _OVER)
        self._words.say(_WITHOUT if exact else self.matters)
        self._plot.feed("surrogate", fine, np.full_like(slope, np.nan) if exact else slope)
        area = self._plot.source("membranes")
        _fill(area, middle[shown], height[shown])
        _fill(
            self._plot.source("reached"), fine, np.where((slope >= 0.1) & (not exact), slope, 0.0)
        )
        share = f"{100 * picture.reached:.0f} %"
        shape = f"{surrogate.shape}, β\xa0=\xa0{surrogate.beta:g}"
        self._tiles.show({
            "Neurons receiving gradient": share,
            "Neurons with saturated input": f"{100 * picture.saturated.neurons:.1f} %",
            "Hidden CADC samples saturated": f"{100 * picture.saturated.samples:.0f} %",
            **({} if exact else {Config.param.surrogate.label: shape}),
        })  # fmt: skip
        self._warning.param.update(
            title=self.words(picture.trouble or ""), visible=bool(picture.trouble)
        )
        self.summary.say(self.words(
            f"{share} of the neurons receive gradient from an image"
            f" {_how(picture.method, surrogate)}."
            + f" {picture.verdict}" * (not picture.trouble)  # which stands in its box
        ))  # fmt: skip
        self._draw_gradients(picture.gradients)
        if picture.stages != self._numbers:
            self._numbers, self._begun = picture.stages, monotonic()

    @property
    def moves(self):
        return self._begun is not None

    def tick(self):
        if self._begun is not None:
            lit = int((monotonic() - self._begun) / STAGE_SECONDS)
            self._light(lit)
            if lit >= len(STAGES):
                self._begun = None

    def _light(self, lit):
        """Show the stages up to ``lit`` with their numbers, and highlight that one."""
        numbers = dict(self._numbers)
        items = []
        for k, (name, meaning) in enumerate(STAGES):
            now, past = lit == k, lit is not None and k <= lit
            title = name
            if name == _SURROGATE and self.session.config.gradient == EVENTPROP:
                title, meaning = _BY_TIMES
            text = f"{meaning} {numbers[name]}." if past and name in numbers else meaning
            text = self.words(text)
            items.append(_STAGE.format(
                current=' aria-current="step"' * now, number=k + 1, name=title, text=escape(text),
                edge="#0072B2" if past else "rgba(124, 130, 140, 0.4)",
                ground="rgba(0, 114, 178, 0.16)" if now else "transparent",
            ))  # fmt: skip
        html = f'<ol style="list-style: none; padding: 0; margin: 0">{"".join(items)}</ol>'
        if html != self._stages.object:
            self._stages.object = html


def _how(method, surrogate):
    if method == EVENTPROP:
        return "by EventProp: those that fire"
    return f"at β = {surrogate.beta:g}, {surrogate.shape}"


def _tabulate(found):
    """The comparison of gradients as an HTML table."""
    head = ("", "cosine", "neurons reached", "agreement", "gain")
    lines, last = [], None
    for layer, method, cosine, reached, agreement, gain in found.rows:
        if layer != last:
            lines.append(
                f'<tr><th scope="row" colspan="5" style="{_LEFT}">{escape(layer)}</th></tr>'
            )
            last = layer
        name = f"{method} (trains)" if method == TITLES[found.trained_by] else method
        numbers = (_number(cosine, "+.2f"), f"{100 * reached:.0f} %", _number(agreement, "+.2f"),
                   _number(gain, ".2f"))  # fmt: skip
        cells = "".join(f'<td style="{_RIGHT}">{text}</td>' for text in numbers)
        lines.append(f'<tr><td style="{_LEFT}">{escape(name)}</td>{cells}</tr>')
    titles = "".join(f'<th scope="col" style="{_RIGHT}">{text}</th>' for text in head)
    return (
        f'<table style="font: 13px/1.5 system-ui; border-collapse: collapse"><caption'
        f' style="{_LEFT}">Step {found.step}. {_LEGEND}</caption><tr>{titles}</tr>'
        f"{''.join(lines)}</table>"
    )


def _number(value, form):
    return f"{value:{form}}" if np.isfinite(value) else "–"


def _fill(source, x, y):
    """Update an area, which is drawn as a patch along its upper and lower edge."""
    names = source.column_names[:2]
    source.data = dict(
        zip(names, (np.concatenate([x, x[::-1]]), np.append(y, np.zeros(len(x)))), strict=True)
    )
