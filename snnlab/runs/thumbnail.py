"""A run as a small picture: the spikes of one image, and test accuracy over it."""

import numpy as np

from snnlab.runs.frames import Frames
from snnlab.runs.schema import EpochRecord

WIDTH, HEIGHT = 160, 90
HEAD = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'


def thumbnail(frames: Frames, epochs: list[EpochRecord]) -> str:
    """An SVG picture: hidden spikes of the newest frame over time, accuracy over epochs."""
    recording = frames.one(len(frames) - 1)
    last = max(
        recording.inputs.tick.max(initial=1), *(s.tick.max(initial=1) for s in recording.spikes)
    )
    first, dots = 0, []
    total = sum(layer.n_channels for layer in recording.spikes)
    for layer in recording.spikes:
        x = WIDTH * layer.tick / last
        y = HEIGHT * (first + layer.channel) / total
        dots += [f"M{a:.1f} {b:.1f}h1" for a, b in zip(x, y, strict=True)]
        first += layer.n_channels
    curve = np.array([epoch.test_accuracy for epoch in epochs])
    x = np.linspace(0, WIDTH, len(curve))
    line = " ".join(f"{a:.1f},{HEIGHT * (1 - b):.1f}" for a, b in zip(x, curve, strict=True))
    return (
        f'{HEAD}<path d="{"".join(dots)}" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#c33" stroke-width="2"/></svg>'
    )
