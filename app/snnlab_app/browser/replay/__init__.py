"""One image on the chip, played in the browser: the network, its raster and its membranes.

A recording is sent once, as compact arrays; everything that moves is drawn on canvases there, with
no round trip to the server. The .js files in this folder are its part in the browser.
"""

from pathlib import Path

import param
from bokeh.palettes import Viridis256
from panel.custom import JSComponent

from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.units import PHYSICAL
from snnlab.plotting import look
from snnlab_app.browser.replay import packing
from snnlab_app.plots.theme import INK, LIGHTER, THEME

SCRIPTS = ("drawing.js", "network.js", "circuits.js", "plots.js", "transport.js", "replay.js")
"""Files of the browser's part, in this order: together they are one module."""
NETWORK, FULL, CIRCUITS = MODES = ("network", "full", "circuits")
LATENCY = [Viridis256[-1 - k] for k in range(0, 256, 15)]
"""Colours of spike times, the earliest first."""
COLOURS = {
    "light": {
        "ink": INK["light"], "input": look.INPUT_COLOR, "hidden": look.HIDDEN_COLOR,
        "label": look.LABEL_COLOR, "traces": list(look.TRACE_COLORS),
    },
    "dark": {
        "ink": INK["dark"], "input": "#B4B9C2",
        "hidden": THEME["dark"]["palette"]["primary"]["main"], "label": look.LABEL_COLOR,
        "traces": [LIGHTER.get(color.lower(), color) for color in look.TRACE_COLORS],
    },
    "excites": look.SKY, "inhibits": look.VERMILION, "differs": look.VERMILION,
    "decided": look.GREEN, "latency": LATENCY,
}  # fmt: skip
"""Colours by meaning, as in all plots; those that depend on the background by its name."""


class Replay(JSComponent):
    """Draws recordings of one image after the other.

    mode : "network" plays the network alone, in a loop; "full" adds raster, membranes and a bar to
    play, scrub and step, and holds a recording still while it is used; "circuits" plays the 512
    circuits of the chip in their two rows, in a loop.

    The network: pixels on the left, which flash when they send their spike and keep the colour of
    its time, or the cochleagram of a recording, which appears as it is heard; hidden neurons in the
    middle in their places on the chip (:func:`packing.places`); the output neurons on the right,
    each with a bar of its score so far. Moving segments are spikes on the strongest connections
    between neurons that fire; that each takes 0.7 µs to arrive is for the eye, the chip is faster.
    A loop that plays takes the newest recording when it begins again, when no other follows, or at
    once if that is of another image.

    A recording lasts longer than an image and is played as much faster; one of the visitor's own is
    played at once in mode "full".

    Each canvas counts the pictures drawn on it in its property ``frames``; ``step`` is that of the
    recording on it.
    """

    mode = param.Selector(default=NETWORK, objects=list(MODES), doc="What is drawn.")
    network = param.Dict({}, doc="What stays from recording to recording.")
    recording = param.Dict({}, doc="The newest recording.")
    colours = param.Dict(COLOURS, doc="Colours by meaning.")
    waiting = param.String("Loading the network…", doc="Shown before there is a recording.")

    _esm = "\n".join((Path(__file__).parent / name).read_text("utf-8") for name in SCRIPTS)

    def __init__(self, **params):
        super().__init__(**params)
        self._network = self._recording = None

    def show(
        self,
        frame,
        classes: tuple[str, ...],
        mapping: Mapping | None = None,
        *,
        units: str = PHYSICAL,
        step: int = 0,
        words: str = "",
        twin=None,
        dead: tuple[int, ...] = (),
    ) -> None:
        """Give it a :class:`~snnlab_app.session.snapshot.Frame` to play.

        mapping : places of the neurons, by default those of a network on as many chips as it needs
        step : weight updates before it was recorded; words : a summary; twin : Frame of the same
        image on another die, drawn beside it in mode "full"; dead : circuits that are dead.
        """
        if self._recording != (new := (frame, twin, units, step, words)):
            self._send_network(frame, classes, mapping, units, dead)
            packed = packing.pack_recording(frame, classes, units)
            packed |= {"step": step, "words": words}
            if self.mode == FULL:
                packed |= packing.pack_hidden(frame, units)
            if twin is not None:
                other = packing.pack_recording(twin, classes, units)
                other["differs"] = packing.pack_differing(twin.recording, frame.recording)
                packed["differs"] = packing.pack_differing(frame.recording, twin.recording)
                packed["twin"] = other
            self._recording = new
            self.recording = packed

    def _send_network(self, frame, classes, mapping, units, dead):
        recording = frame.recording
        hidden = [layer.n_channels for layer in recording.spikes]
        sizes = recording.inputs.n_channels, *hidden, recording.cadc[-1].shape[2]
        key = (
            classes, sizes, mapping, units, frame.readout, dead, recording.cadc[-1].shape[1],
            frame.kind, recording.recurrent,
        )  # fmt: skip
        if key != self._network:
            self._network = key
            placed = mapping or Mapping(sizes, 64, recurrent=recording.recurrent)
            self.network = {
                **packing.pack_network(
                    recording, classes, placed, units, frame.readout, frame.kind
                ),
                "dead": list(map(int, dead)),
            }
