"""The live dashboard inside a notebook: one line, and training runs in the notebook's kernel."""

import atexit

import numpy as np
import panel as pn

from snnlab import plotting
from snnlab.config import Config, PhysicalNumber
from snnlab.errors import SnnlabError
from snnlab.text.spelling import did_you_mean
from snnlab_app.controls.knobs import ends, label, move, round_step, shown, steps, stored
from snnlab_app.notebook.notebook import interactive, later
from snnlab_app.plots.displays import newest_test
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.words import reword
from snnlab_app.session.control import STARTED, State, toggles
from snnlab_app.session.local import Session

LOOK_EVERY = 500
"""Milliseconds between two looks at the session: a notebook draws slower than a page."""
KNOBS = ("mismatch", "beta", "rho_burst", "learning_rate")
"""Knobs that may turn while it trains, unless others are asked for."""


class Inline:
    """Play, pause, some knobs, and plots of one training in this process.

    ``config`` is the training's own: a slider changes it, and so does
    ``session.turn(name, value)`` in the next cell.
    """

    def __init__(self, session: Session, knobs: tuple[str, ...] = KNOBS):
        self.session, self.config = session, session.config
        self.knobs = {
            name: _slider(name, shown(name, getattr(self.config, name))) for name in knobs
        }
        for name, slider in self.knobs.items():
            slider.param.watch(lambda event, name=name: self._turned(name, event.new), "value")
        self._play = pn.widgets.Button(label="Train", color="primary", width=90)
        self._play.on_click(lambda _: session.toggle())
        self._status = pn.widgets.StaticText(value="starting", width=480)
        self.plots = {
            "accuracy": LivePlot(plotting.accuracy_curve(*_nothing()), 240, follow="x"),
            "spikes": LivePlot(_spikes(), 240, follow="xy"),
        }
        self._panes = [plot.pane(name) for name, plot in self.plots.items()]
        self.panel = pn.Column(
            pn.Row(self._play, self._status),
            pn.FlexBox(*self.knobs.values()),
            *self._panes,
            sizing_mode="stretch_width",
        )
        self._seen, self._clock = None, None
        atexit.register(self.close)  # a kernel must not end under a thread that computes

    @property
    def state(self) -> State:
        """What the session is doing."""
        return self.session.state

    def close(self) -> None:
        """End the training and stop looking at it."""
        if self._clock is not None:
            self._clock.stop()
        atexit.unregister(self.close)
        self.session.close()

    def refresh(self) -> None:
        """Draw the newest snapshot, if there is one."""
        session = self.session
        snapshot = session.snapshot
        self._play.label = toggles(session.state)
        self._status.value = _describe(session)
        for name, slider in self.knobs.items():
            move(slider, name, self._value(name))
        if snapshot is not self._seen:
            self._seen = snapshot
            self._draw(snapshot)

    def _draw(self, s):
        accuracy, spikes = self.plots["accuracy"], self.plots["spikes"]
        accuracy.feed("batches", s.history["step"], 100 * s.history["accuracy"])
        for line in ("test line", "test"):
            accuracy.feed(line, s.tests["step"], 100 * s.tests["accuracy"])
        spikes.feed("spikes", s.history["step"], s.history["spikes"])
        pn.io.push_notebook(*self._panes)

    def _value(self, name):
        return shown(name, getattr(self.config, name))

    def _turned(self, name, value):
        if value != self._value(name):
            later(lambda: self.session.turn(name, stored(name, value)))

    def _repr_mimebundle_(self, include=None, exclude=None):
        if self._clock is None:
            self._clock = pn.state.add_periodic_callback(self.refresh, period=LOOK_EVERY)
        return self.panel._repr_mimebundle_(include, exclude)


def dashboard(
    config: Config | None = None, *, knobs: tuple[str, ...] = KNOBS, **settings
) -> Inline:
    """The live dashboard for a notebook's cell, already loading its data.

    config : or ``settings`` of one by name; knobs : names of those to have sliders.
    Raises :class:`~snnlab.errors.SnnlabError` for a setting that is not allowed, and for a knob
    that cannot have a slider.
    """
    _check_knobs(knobs)
    interactive()
    return Inline(Session(config or Config.checked(**settings)).start(), knobs)


def _check_knobs(names):
    live = [name for name in Config.knobs() if name in Config.LIVE]
    known = [name for name in live if isinstance(Config.param[name], PhysicalNumber)]
    for name in names:
        if name not in known:
            meant = did_you_mean(name, known)
            raise SnnlabError(
                f"knob {name!r} cannot have a slider: give some of {', '.join(known)}{meant}"
            )


def _slider(name, value):
    """A slider whose every position is a value that is stored and shown as it is."""
    knob = Config.param[name]
    if knob.log:
        return pn.widgets.DiscreteSlider(label=label(name), value=value, **steps(name, value))
    low, high = ends(knob)
    return pn.widgets.FloatSlider(
        label=label(name), start=low, end=high, step=round_step(high - low), value=value,
        format="0[.]0000",
    )  # fmt: skip


def _nothing():
    """A history without steps, and tests without any."""
    empty = {name: [] for name in ("step", "accuracy", "spikes")}
    return tuple({name: np.array(values) for name, values in empty.items()} for _ in range(2))


def _spikes():
    return plotting.curve(_nothing()[0], "spikes", "hidden spikes / input", plotting.HIDDEN_COLOR)


def _describe(session):
    s, notice = session.snapshot, f"; {session.notice}" * bool(session.notice)
    if session.state not in STARTED or s is None:
        return session.message + notice
    tested, which = newest_test(s)
    return reword(
        f"{session.state}: step {s.step}, accuracy {tested:.1%} {which},"
        f" {s.history['spikes'][-1]:.1f} hidden spikes per image{notice}",
        s.kind,
    )
