"""Gradients of one batch by several methods: neuron by neuron, and over a training."""

import holoviews as hv
import numpy as np

from snnlab.plotting.studies import Series, compared


def over_neurons(
    spikes: np.ndarray, cosine: dict[str, np.ndarray], backend: str = "bokeh"
) -> hv.Overlay:
    """Cosine of each neuron's gradient with that of the method that trains, over its activity.

    spikes : float64[neuron], per image; cosine : float64[neuron] by name of a method, NaN where a
    gradient is zero: such neurons are left out. backend : see :func:`~.studies.compared`.
    """
    series = []
    for name, values in cosine.items():
        there = np.isfinite(values)
        series.append(Series(name, spikes[there], values[there], line=False))
    return compared(series, "spikes per image", "cosine with the training's gradient", backend)


def over_training(
    step: np.ndarray, values: dict[str, np.ndarray], ylabel: str, backend: str = "bokeh"
) -> hv.Overlay:
    """A measure of each method over the weight updates.

    step : int64[moment]; values : float64[moment] by name of a method, NaN where undefined.
    """
    series = [
        Series(name, step[np.isfinite(found)], found[np.isfinite(found)])
        for name, found in values.items()
    ]
    return compared(series, "step", ylabel, backend)
