"""Images become spikes: the paper's time-to-first-spike latency code."""

import numpy as np

from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events


def latency(intensity: np.ndarray, tau_in: float, theta_in: float) -> np.ndarray:
    """Spike time of each pixel : s, infinite where it stays silent.

    ``t = tau_in ln(x / (x - theta_in))`` is when a leaky integrator with threshold ``theta_in``
    driven by a constant x fires (Cramer et al. 2022). At ``x = theta_in`` it is approached only
    asymptotically: no spike.

    intensity : float[...] in 0…1.
    """
    x = np.asarray(intensity, np.float64)
    fires = x > theta_in
    times = np.full(x.shape, np.inf)
    times[fires] = tau_in * np.log(x[fires] / (x[fires] - theta_in))
    return times


def latency_encode(
    images: np.ndarray,
    tau_in: float,
    theta_in: float,
    window: int,
    ids: np.ndarray | None = None,
) -> Events:
    """Images to at most one spike per pixel.

    images : uint8[image, ...]; tau_in : s; theta_in : of full brightness; window : ticks of 8 ns,
    later spikes are dropped. Raises :class:`SnnlabError` for anything but 8-bit images.
    """
    if images.dtype != np.uint8:
        raise SnnlabError(f"images are {images.dtype}: the encoder takes uint8, 0 to 255")
    # An 8-bit pixel has 256 latencies, so the formula is evaluated once per brightness.
    ticks = latency(np.arange(256) / 255.0, tau_in, theta_in) / TICK
    table = np.minimum(np.rint(np.minimum(ticks, window)), window).astype(np.uint16)
    return Events.from_ticks(table[images.reshape(len(images), -1)], window, ids)
