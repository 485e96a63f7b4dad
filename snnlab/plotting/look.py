"""Colours and frame shared by all plots."""

import holoviews as hv

hv.extension("bokeh", logo=False, inline=True)  # inline scripts, for notebooks without a network

# Okabe and Ito's colours, distinguishable with any colour vision; one meaning each, in all views.
BLUE, ORANGE, GREEN, SKY = "#0072B2", "#E69F00", "#009E73", "#56B4E9"
VERMILION, PURPLE, YELLOW, GREY = "#D55E00", "#CC79A7", "#F0E442", "#8A8F98"
INPUT_COLOR, HIDDEN_COLOR, LABEL_COLOR = GREY, BLUE, ORANGE
TRAIN_COLOR, TEST_COLOR = BLUE, VERMILION
PART_COLORS = {
    "static": GREY, "synaptic": SKY, "spikes": BLUE, "readout": ORANGE, "links": PURPLE,
}  # fmt: skip
"""Parts of the chip's power, the static one at the bottom."""
TRACE_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

LOOK = {"responsive": True, "title": "", "toolbar": "above"}
CURVE = {**LOOK, "xlabel": "step"}
