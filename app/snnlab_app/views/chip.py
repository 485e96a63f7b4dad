"""Floor plan of the chip: circuits, written synaptic weights, and unused resources."""

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap

from snnlab.chip.layout.floor import circuit_at, laid_out
from snnlab.chip.units import QUANTITIES, counterpart
from snnlab.plotting import views as plotting_views
from snnlab.text.numerals import group_digits
from snnlab_app.browser.replay import CIRCUITS, Replay
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.template import template
from snnlab_app.views.base import View

_BUDGET = (
    '<div style="font: 13px/1.5 system-ui; margin-bottom: 8px"><div>{name}: {words}'
    '</div><div role="meter" aria-label="{name} used" aria-valuemin="0"'
    ' aria-valuemax="{all}" aria-valuenow="{used}" style="height: 8px; border-radius: 4px;'
    ' background: rgba(124, 130, 140, 0.3)"><div style="width: {share:.1f}%; height: 8px;'
    ' border-radius: 4px; background: #0072B2"></div></div></div>'
)
_MEASURE = (
    "Press Recalibrate to measure every circuit here and set its codes; the spreads before and"
    " after will be shown."
)
_UNMEASURED = {
    "calibrated": f"This die came calibrated. {_MEASURE}",
    "uncalibrated": f"This die is not calibrated. {_MEASURE}",
    "ideal": "The circuits of the ideal twin are equal: there is nothing to calibrate.",
}
"""Of a die that was not measured here, by the knob ``die``."""
_WAITING = "Loading the chip…"


class ChipView(View):
    """Floor plan with weights and circuits, resource use, weight histogram, calibration."""

    name, title = "chip", "Chip"
    see = (
        "The die from above. In the middle its 512 neuron circuits in two rows, coloured by the"
        " quantity you choose; above and below the synapses of each, as written now: blue excites,"
        " red inhibits, yellow is clipped at ±63, clear is zero. A neuron joins one"
        " circuit for every 128 inputs: two for 16×16 pixels. Above it, the circuits flash as the"
        " watched image passes through them in slow motion."
    )
    attempt = "Tap a circuit to kill it while it trains; swap the chip; recalibrate."
    matters = (
        "No two circuits are equal. The pattern is fixed for a die, and the network learns it."
    )
    figures = 2
    drawings = ((plotting_views.floor_plan,), (plotting_views.code_histogram,))

    def __init__(self, session):
        super().__init__(session)
        self._quantity = pmui.Select(
            label="Colour circuits by", options=list(QUANTITIES[self.units]),
            value=QUANTITIES[self.units][0], sizing_mode="stretch_width",
        )  # fmt: skip
        self._quantity.param.watch(
            lambda event: event.new == self._announced or self.look(), "value"
        )
        self._announced = None
        self._budget = pn.pane.HTML("", margin=12, sizing_mode="stretch_width")
        self._codes_text, self._tapped_text = Text(), Text(polite=True)
        self._calibration = pn.Column(sizing_mode="stretch_width")
        self._replay = Replay(
            mode=CIRCUITS, waiting=_WAITING, height=120, sizing_mode="stretch_width",
            margin=(2, 12, 8, 12),
        )  # fmt: skip
        self._picture, self._spreads = None, None
        self.summary.say(_WAITING)
        self.kill = lambda circuit: None

    def wishes(self):
        return {"quantity": self._quantity.value}

    def look(self):
        names = list(QUANTITIES[self.units])
        if self._quantity.options != names:
            value = counterpart(self._quantity.value, self.units)
            self._quantity.param.update(options=names, value=value)
        super().look()

    def _tell(self, quantity, units):
        """Show the quantity that the watched visitor chose."""
        if quantity != self._quantity.value:
            self._announced = quantity
            self._quantity.param.update(options=list(QUANTITIES[units]), value=quantity)
            self._announced = None

    def build(self):
        floor, codes = (template(*each) for each in self.drawings)
        self._floor = LivePlot(floor, 600, follow="")
        self._floor.feed_image("circuits", np.full((2, 256), np.nan))  # nothing is known yet
        self._floor.keep_in_frame()
        self._floor.figure.on_event(Tap, self._tap)
        self._codes = LivePlot(codes, 220, follow="y")
        self.plots = {"circuits": self._floor, "weight codes": self._codes}
        self._spreads = None
        self._play(self.session.snapshot)  # what another view has had recorded
        watched = self.words("The watched image on the chip")
        return [row(card(watched, flex(320), self._replay)), row(
            card("The chip from above", flex(560, 3), self._quantity, self._floor.pane("floor"),
                 self._tapped_text),
            pn.Column(
                card("Weights", {}, self._codes.pane("codes"), self._codes_text),
                card("Budget", {}, self._budget),
                card("Calibration", {}, self._calibration),
                styles=flex(320), margin=0,
            ),
        )]  # fmt: skip

    def table(self, plot):
        if plot != "circuits" or not self._picture:
            return super().table(plot)
        p = self._picture
        columns = np.arange(len(p.values)), p.layer, p.neuron, p.dead.astype(int), p.values
        return ["circuit", "layer", "neuron", "dead", p.quantity], zip(*columns, strict=True)

    def _tap(self, event):
        low, high = plotting_views.STRIP
        if low <= event.y < high and 0 <= event.x < 256:
            row_ = 0 if event.y >= (low + high) / 2 else 1
            self.kill(self._firing(circuit_at(row_, int(event.x))))

    def _firing(self, circuit):
        """The circuit by which the neuron of this one fires: the first of those joined to it."""
        p = self._picture
        if p is None or p.neuron[circuit] < 0:
            return circuit
        joined = (p.layer == p.layer[circuit]) & (p.neuron == p.neuron[circuit])
        return int(np.flatnonzero(joined)[0])

    def show(self, snapshot):
        picture = self._picture = snapshot.picture
        if self.watches:
            self._tell(picture.quantity, snapshot.units)
        values = np.where(picture.dead, np.nan, picture.values)
        self._play(snapshot, np.flatnonzero(picture.dead))
        self._show_floor(picture, values)
        self._show_codes(picture.codes, picture.spec.weight_step)
        self._show_budget(picture.budget)
        self._show_calibration(picture.calibration, snapshot.settings["die"])
        dead, spec = np.flatnonzero(picture.dead), picture.spec
        spread = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
        mean = float(np.nanmean(values)) if np.isfinite(values).any() else 0.0
        unit = " LSB" if "LSB" in picture.quantity else ""
        self.summary.say(
            f"{picture.quantity}: mean {mean:.3g}{unit}, std. dev. {spread:.2g}{unit} over the"
            f" circuits; {len(dead)} of {len(values)} circuits dead."
            f" Weights have {spec.weight_bits} bits and a sign, the CADC {spec.cadc_bits} bits."
            f" In the newest batch {picture.saturated.describe()}."
        )
        self._tapped_text.say(
            "Tap a neuron to kill the circuit by which it fires, again to revive it."
            + (f" Dead: {', '.join(map(str, dead[:16]))}{' …' if len(dead) > 16 else ''}."
               if len(dead) else "")
        )  # fmt: skip

    def _play(self, snapshot, dead=()):
        if snapshot and snapshot.frame:
            self._replay.show(
                snapshot.frame, snapshot.classes, units=snapshot.units, step=snapshot.step,
                dead=tuple(map(int, dead)),
            )  # fmt: skip

    def _show_floor(self, picture, values):
        upper, lower = plotting_views.weight_cells(picture.weights)
        # The row of synapses nearest to the circuits is drawn nearest to them.
        self._floor.feed_image("upper weights", upper)
        self._floor.feed_image("lower weights", lower[::-1])
        plan = laid_out(values.astype(np.float32))[::-1]
        self._floor.feed_image("circuits", plan)
        finite = values[np.isfinite(values)]
        if len(finite):
            low, high = np.percentile(finite, [1, 99])
            mapper = self._floor.glyphs["circuits"].color_mapper
            ends = float(low), float(high) if high > low else float(low) + 1.0
            if (mapper.low, mapper.high) != ends:
                mapper.update(low=ends[0], high=ends[1])

    def _show_codes(self, codes, step):
        source = self._codes.source("codes")
        top = next(name for name in source.column_names if name not in ("left", "right"))
        source.data = {**source.data, top: codes}
        self._codes.see("codes", np.array([-63, 63]), np.append(codes, 0))
        whole, clipped, zero = codes.sum(), codes[[0, -1]].sum(), codes[63]
        self._codes_text.say(
            f"{group_digits(int(whole))} signed weights in steps of {step:.3g} LSB:"
            f" {100 * zero / whole:.1f} % zero, {group_digits(int(clipped))} clipped at ±63"
            f" ({100 * clipped / whole:.2f} %)."
        )

    def _show_budget(self, budget):
        html = "".join(
            _BUDGET.format(
                name=name,
                used=used,
                all=all_,
                share=100 * used / all_,
                words=f"{group_digits(used)} of {group_digits(all_)} used,"
                f" {group_digits(all_ - used)} left",
            )
            for name, (used, all_) in budget.items()
        )
        if html != self._budget.object:
            self._budget.object = html

    def _show_calibration(self, spreads, die):
        if (spreads, die) == self._spreads:
            return
        self._spreads = spreads, die
        words = Text()
        if spreads is None:
            words.say("Measuring every circuit …")
            self._calibration.objects = [words]
            return
        if not spreads:
            words.say(_UNMEASURED[die])
            self._calibration.objects = [words]
            return
        plot = LivePlot(plotting_views.calibration_spreads(spreads), 260, follow="")
        before, after = spreads["threshold"]
        words.say(f"Thresholds: std. dev. {before:.1f} LSB before, {after:.1f} LSB after.")
        self._calibration.objects = [plot.pane("calibration"), words]
