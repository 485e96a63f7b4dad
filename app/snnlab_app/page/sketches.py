"""Small drawings of what settings do, made from the settings themselves: no measured result."""

from collections.abc import Callable
from math import cos, log10, sin

from snnlab.chip.fabrication import SPREADS
from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.model.surrogates import SHAPES

WIDTH, HEIGHT = 120, 60
_HEAD = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
_STANDARD_NORMAL = (
    0.3, -1.2, 0.8, -0.1, 1.6, -0.7, 0.5, -1.7, 1.1, 0.0, -0.4, 0.9, -1.0, 0.2, 1.3, -0.5,
)  # fmt: skip
"""A fixed sample: the same settings give the same picture."""


def sketch(settings: dict) -> str:
    """An SVG of the most telling of these settings; of the network if none is turned."""
    usual = Config().values()
    turned = [name for name in _DRAWINGS if settings.get(name, usual[name]) != usual[name]]
    values = {**usual, **settings}
    if CATALOGUE[values["dataset"]].recordings:
        return f"{_HEAD}{_sound()}</svg>"
    return f"{_HEAD}{_DRAWINGS[turned[0]](values) if turned else _network(values)}</svg>"


def _mismatch(values):
    """Thresholds of circuits, with the spread that mismatch and die give them."""
    relative = max(values["mismatch"], SPREADS[values["die"]].get("tau_mem", (0.0,))[0])
    bars = []
    for k, deviation in enumerate(_STANDARD_NORMAL):
        height = min(54.0, max(4.0, 30.0 * (1.0 + relative * deviation)))
        bars.append(_rectangle(6 + 6.8 * k, 58 - height, 4.5, height, "var(--accent)"))
    return "".join(bars) + _line([(2, 28), (118, 28)], dash="3 3")


def _dead(values):
    """Neurons, of which this share is dark."""
    columns, rows = 12, 5
    dark = round(values["dead"] * columns * rows)
    order = sorted(range(columns * rows), key=lambda k: k * 37 % (columns * rows))
    return "".join(
        _dot(10 + k % columns * 9, 10 + k // columns * 10, 3.2, filled=place >= dark)
        for place, k in enumerate(order)
    )


def _weight_bits(values):
    """Written weights over wanted weights: a staircase with as many steps as there are levels."""
    top = 2 ** values["weight_bits"] - 1
    stairs = [(2 + 116 * x / 232, 57 - 54 * round(x / 232 * top) / top) for x in range(233)]
    return _line([(2, 57), (118, 3)], dash="3 3") + _line(stairs, "var(--accent)")


def _grid(values):
    """Input spikes on the grid of the converter."""
    lines = "".join(_line([(x, 4), (x, 56)], dash="2 3") for x in range(12, 120, 24))
    dots = [(12, 10), (12, 22), (36, 16), (36, 34), (36, 46), (60, 28), (60, 40), (84, 52)]
    return lines + "".join(_dot(x, y, 3.2) for x, y in dots)


def _turned_digits(values):
    """A digit, turned by the largest angle either way."""
    shape = [(-10, -16), (10, -16), (-3, 18)]
    angle = values["rotation"]
    return "".join(
        _line([_turn(x, y, by * angle, 24 + 36 * (by + 1)) for x, y in shape], "var(--accent)", 4)
        for by in (-1, 0, 1)
    )


def _penalty(values):
    """Bursts of spikes: those after the first are penalised, and the paler the more so."""
    strength = values["rho_burst"]
    left = min(0.8, max(0.12, -log10(max(strength, 1e-6)) / 4))
    drawn = []
    for row, count in enumerate((5, 3, 6, 2)):
        x, y = 14 + 9 * row, 9 + 14 * row
        drawn.append(_dot(x, y, 3.4))
        drawn += [_dot(x + 12 * k, y, 3.4, opacity=left) for k in range(1, count)]
    return "".join(drawn)


def _times(values):
    """Spikes, and the way that the gradient would move each in time."""
    drawn = []
    for row, starts in enumerate(((16, 62), (34, 84), (26, 70))):
        for k, x in enumerate(starts):
            y, to = 12 + 18 * row, 14 if (row + k) % 2 else -10
            tip = [(x + 0.6 * to, y - 3), (x + to, y), (x + 0.6 * to, y + 3)]
            drawn += [_dot(x, y, 3.4), _line([(x, y), (x + to, y)]), _line(tip)]
    return "".join(drawn)


def _readout(values):
    """A membrane trace: its maximum decides, or the area below it, the later part for less."""
    trace = [(4 + 2 * t, 54 - 46 * (t / 22) ** 2 * 2.7183 ** (2 - t / 11)) for t in range(57)]
    if values["readout"] == "fading":
        parts = [
            _line([(x, 54), (x, y)], opacity=0.7 * (1 - t / 57)) for t, (x, y) in enumerate(trace)
        ]
        return "".join(parts) + _line(trace, "var(--accent)")
    if values["readout"] == "sum":
        area = [(4, 54), *trace, (116, 54)]
        return _line(area, "none", fill="var(--accent)", opacity=0.4) + _line(
            trace, "var(--accent)"
        )
    return _line(trace, "var(--accent)")


def _window(values):
    """How long an image lasts, of the usual time."""
    share = values["samples"] / Config().samples
    whole = _rectangle(4, 24, 112, 12, "currentColor", opacity=0.2)
    ticks = "".join(_line([(4 + 112 * k / 4, 40), (4 + 112 * k / 4, 46)]) for k in range(5))
    return whole + _rectangle(4, 24, 112 * share, 12, "var(--accent)") + ticks


def _surrogate(values):
    """The surrogate derivative between leak and twice the threshold."""
    shape, beta = SHAPES[values["surrogate"]], values["beta"]
    curve = [(4 + 112 * k / 224, 56 - 50 * shape(k / 112, beta)) for k in range(225)]
    return _line([(60, 4), (60, 58)], dash="3 3") + _line(curve, "var(--accent)")


def _network(values):
    """Layers, their height by the number of neurons."""
    sizes = (values["side"] ** 2, *values["hidden"], 10)
    x = [14 + 92 * k / (len(sizes) - 1) for k in range(len(sizes))]
    half = [max(5.0, 27.0 * (size / max(sizes)) ** 0.5) for size in sizes]
    drawn = []
    for k in range(len(sizes) - 1):
        ends = [(x[k], 30 - half[k]), (x[k + 1], 30 - half[k + 1])]
        ends += [(x[k + 1], 30 + half[k + 1]), (x[k], 30 + half[k])]
        drawn.append(_line(ends, "none", fill="currentColor", opacity=0.15))
    return "".join(drawn) + "".join(
        _rectangle(a - 4, 30 - h, 8, 2 * h, "var(--accent)") for a, h in zip(x, half, strict=True)
    )


def _data(values):
    """What the images show."""
    if values["dataset"] == "fashion-mnist":
        shirt = [(38, 12), (52, 6), (60, 11), (68, 6), (82, 12), (94, 26), (84, 32), (78, 26)]
        shirt += [(78, 56), (42, 56), (42, 26), (36, 32), (26, 26), (38, 12)]
        return _line(shirt, "var(--accent)", fill="var(--accent)", opacity=0.8)
    rows = ("0011100", "0100010", "0000010", "0001100", "0000010", "0100010", "0011100")
    return "".join(
        _rectangle(34 + 7.4 * k, 4 + 7.4 * j, 6.6, 6.6, "var(--accent)")
        for j, row in enumerate(rows)
        for k, pixel in enumerate(row)
        if pixel == "1"
    )


def _sound():
    """A waveform of two syllables."""
    drawn = []
    for k in range(28):
        swing = abs(sin(0.23 * k + 0.2)) * (0.55 + 0.45 * abs(sin(1.9 * k)))
        drawn.append(_rectangle(4 + 4 * k, 30 - 26 * swing, 2.4, 52 * swing, "var(--accent)"))
    return "".join(drawn)


_DRAWINGS: dict[str, Callable[[dict], str]] = {
    "mismatch": _mismatch, "die": _mismatch, "dead": _dead, "weight_bits": _weight_bits,
    "grid": _grid, "rotation": _turned_digits, "gradient": _times, "rho_burst": _penalty,
    "readout": _readout,
    "samples": _window, "beta": _surrogate, "hidden": _network, "dataset": _data,
}  # fmt: skip
"""Drawings by the setting that they show, the most telling first."""


def _turn(x, y, angle, centre):
    return centre + x * cos(angle) - y * sin(angle), 30 + x * sin(angle) + y * cos(angle)


def _line(points, stroke="currentColor", width=2.0, *, dash="", fill="none", opacity=1.0):
    path = " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<polyline points="{path}" fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"'
        f' stroke-linejoin="round" opacity="{opacity:g}"{dashed}/>'
    )


def _rectangle(x, y, width, height, fill, opacity=1.0):
    return (
        f'<rect x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" rx="1"'
        f' fill="{fill}" opacity="{opacity:g}"/>'
    )


def _dot(x, y, radius, *, filled=True, opacity=1.0):
    look = 'fill="var(--accent)"' if filled else 'fill="none" stroke="currentColor"'
    return f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{radius:g}" {look} opacity="{opacity:.2g}"/>'
