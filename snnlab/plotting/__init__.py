"""Recordings, curves and studies as HoloViews elements: the one definition of every plot.

The dashboard renders an element once and then writes into its sources, notebooks display it,
``save`` draws it into a file. The dashboard finds leaf elements by their labels. Imports ``chip``:
its functions take arrays and recordings, not runs.
"""

from snnlab.plotting.decision import accuracy_over_time, decision_times
from snnlab.plotting.look import (
    BLUE,
    GREEN,
    GREY,
    HIDDEN_COLOR,
    INPUT_COLOR,
    LABEL_COLOR,
    ORANGE,
    PART_COLORS,
    PURPLE,
    SKY,
    TEST_COLOR,
    TRACE_COLORS,
    TRAIN_COLOR,
    VERMILION,
    YELLOW,
)
from snnlab.plotting.power import power_split
from snnlab.plotting.raster import (
    CLEAR,
    COLUMNS,
    GAP_ROWS,
    LABEL_ROWS,
    membrane_axes,
    membranes,
    microseconds,
    output_cells,
    output_row,
    raster,
    raster_cells,
    raster_palette,
    raster_ticks,
    sizes_of,
    spike_points,
    spike_raster,
)
from snnlab.plotting.sound import sound_raster, wave_outline
from snnlab.plotting.studies import Series, check_picture, compared, save
from snnlab.plotting.training import accuracy_curve, curve, learning_curve, power_curve

__all__ = [
    "BLUE", "CLEAR", "COLUMNS", "GAP_ROWS", "GREEN", "GREY", "HIDDEN_COLOR", "INPUT_COLOR",
    "LABEL_COLOR", "LABEL_ROWS", "ORANGE", "PART_COLORS", "PURPLE", "SKY", "TEST_COLOR",
    "TRACE_COLORS", "TRAIN_COLOR", "VERMILION", "YELLOW", "Series", "accuracy_curve",
    "accuracy_over_time", "check_picture", "compared", "curve", "decision_times", "learning_curve",
    "membrane_axes", "membranes", "microseconds", "output_cells", "output_row",
    "power_curve", "power_split", "raster", "raster_cells", "raster_palette", "raster_ticks",
    "save", "sizes_of", "sound_raster", "spike_points", "spike_raster", "wave_outline",
]  # fmt: skip
