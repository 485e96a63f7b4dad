"""The surrogate over the membranes of a batch, and one training step, stage by stage."""

from html import escape
from time import monotonic

import numpy as np
import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.plotting import views as plotting_views
from snnlab.quantities import STEP, quantities
from snnlab_app.plots.cards import Text, Tiles, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.template import template
from snnlab_app.views.base import View

STAGE_SECONDS = 1.2
"""Seconds for which each stage is highlighted."""
STAGES = (
    ("Encode", "Pixels become spikes: the brighter, the earlier."),
    ("Forward on the chip", "The imperfect circuits integrate and fire."),
    ("Loss", "The output neuron with the highest potential decides; the loss measures its error."),
    ("Injection", "Measured spikes and potentials replace those of the ideal model."),
    ("Surrogate backward", "A spike has no derivative; a smooth surrogate replaces it."),
    (
        "Adam and rounding",
        "Float weights change a little; rounded weights change only when they cross a step.",
    ),
    ("Write", "The new weights go to the synapses."),
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
        " Green: where it is at least a tenth of its peak."
    )
    attempt = (
        "Move the steepness β to both ends, choose another surrogate, then take one step in slow"
        " motion."
    )
    matters = (
        "A neuron learns only where the red curve overlaps the blue distribution: if it is too"
        " steep, hardly any neuron receives gradient; if too flat, all receive the same."
    )

    drawings = ((plotting_views.reach,),)

    def __init__(self, session):
        super().__init__(session)
        self._tiles, self._words = Tiles(), Text()
        self._warning = pmui.Alert(severity="warning", visible=False, sizing_mode="stretch_width")
        self._stages = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 12))
        self._slow = pmui.Button(label="Step in slow motion", icon="slow_motion_video")
        self._slow.on_click(lambda _: session.narrate())
        self._picture = None
        self._numbers, self._begun = (), None

    def build(self):
        self._plot = LivePlot(template(*self.drawings[0]), 380, follow="")
        self.plots = {"surrogate": self._plot}
        self._light(None)
        self._words.say(self.matters)
        return [
            row(self._warning),
            row(
                card("Surrogate over the membranes of this batch", flex(480),
                     self._plot.pane("reach"), self._words),
                pn.Column(self._tiles.panel(), styles=flex(260, 0.5), margin=0),
            ),
            row(card("One training step in slow motion", {"flex": "1 1 100%"}, self._slow,
                     self._stages)),
        ]  # fmt: skip

    def table(self, plot):
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
        self._plot.feed("surrogate", fine, slope)
        area = self._plot.source("membranes")
        _fill(area, middle[shown], height[shown])
        _fill(self._plot.source("reached"), fine, np.where(slope >= 0.1, slope, 0.0))
        share = f"{100 * picture.reached:.0f} %"
        self._tiles.show({
            "Neurons receiving gradient": share,
            Config.param.surrogate.label: surrogate.shape,
            Config.param.beta.label: f"{surrogate.beta:g}",
            **{title: _newest(snapshot.history, name) for title, name in (
                ("Hidden spikes / image", "spikes"), ("Batch accuracy", "accuracy"),
            )},
        })  # fmt: skip
        self._warning.param.update(title=picture.trouble or "", visible=bool(picture.trouble))
        self.summary.say(
            f"{share} of the neurons receive gradient from an image at β = {surrogate.beta:g},"
            f" {surrogate.shape}. {picture.verdict}".rstrip()
        )
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
            text = f"{meaning} {numbers[name]}." if past and name in numbers else meaning
            items.append(_STAGE.format(
                current=' aria-current="step"' * now, number=k + 1, name=name, text=escape(text),
                edge="#0072B2" if past else "rgba(124, 130, 140, 0.4)",
                ground="rgba(0, 114, 178, 0.16)" if now else "transparent",
            ))  # fmt: skip
        html = f'<ol style="list-style: none; padding: 0; margin: 0">{"".join(items)}</ol>'
        if html != self._stages.object:
            self._stages.object = html


def _newest(history, name):
    """Mean of a quantity over the newest batches, as text."""
    return quantities(STEP)[name].format(float(np.mean(history[name][-5:])))


def _fill(source, x, y):
    """Update an area, which is drawn as a patch along its upper and lower edge."""
    names = source.column_names[:2]
    source.data = dict(
        zip(names, (np.concatenate([x, x[::-1]]), np.append(y, np.zeros(len(x)))), strict=True)
    )
