"""Potentials and circuits in two units: physical units and raw chip codes.

Membranes are read by an 8-bit converter, circuits are set by 10-bit codes. In physical units a
membrane is 0 at its first sample and 1 at the nominal threshold, and a circuit's quantity relative
to nominal or in LSB; in codes both are the chip's own numbers.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from snnlab.chip.capmem import Circuits, Codes
from snnlab.chip.constants import GAP_LSB, REST_LSB
from snnlab.chip.recording import Recording

PHYSICAL, CODES = UNITS = ("physical", "codes")


class Scale(NamedTuple):
    """How potentials are shown: axis label, threshold and its name, axis label of the readout, and
    upper end of the usual range."""

    potential: str
    threshold: float
    named: str
    readout: str
    high: float


SCALES = MappingProxyType(
    {
        PHYSICAL: Scale("potential (ϑ = 1)", 1.0, "threshold", "readout (ϑ = 1)", 1.6),
        CODES: Scale(
            "CADC sample (LSB)", REST_LSB + GAP_LSB, "nominal ϑ", "readout (LSB)", 1.6 * GAP_LSB
        ),
    }
)


def membranes(recording: Recording, layer: int, units: str) -> np.ndarray:
    """Membranes of a layer : float32[image, step, neuron].

    In codes the samples as the converter gave them, the offset of each channel with them.
    """
    if units == CODES:
        return recording.cadc[layer].astype(np.float32)
    return recording.traces(layer)


def risen(recording: Recording) -> np.ndarray:
    """Label traces above their first samples, the readout : float32[image, step, label], LSB."""
    return recording.traces(-1) * np.float32(GAP_LSB)


# ── quantities of circuits ──


class _Quantity(NamedTuple):
    """A quantity of circuits in physical units, and the setting whose code moves it."""

    value: Callable[[Circuits], np.ndarray]
    setting: str


_SET = {
    "threshold − leak (LSB)": _Quantity(
        lambda at: GAP_LSB + at.threshold_lsb - at.leak_lsb, "threshold"
    ),
    "τ_mem (relative)": _Quantity(lambda at: at.tau_mem, "tau_mem"),
    "τ_syn excitatory (relative)": _Quantity(lambda at: at.tau_syn[0], "tau_syn_exc"),
    "τ_syn inhibitory (relative)": _Quantity(lambda at: at.tau_syn[1], "tau_syn_inh"),
    "gain excitatory (relative)": _Quantity(lambda at: at.gain[0], "gain_exc"),
    "gain inhibitory (relative)": _Quantity(lambda at: at.gain[1], "gain_inh"),
    "leak (LSB off target)": _Quantity(lambda at: at.leak_lsb, "leak"),
    "reset (LSB off target)": _Quantity(lambda at: at.reset_lsb, "reset"),
    "threshold (LSB off target)": _Quantity(lambda at: at.threshold_lsb, "threshold"),
}
_CODES = {
    "threshold (10-bit code)": "threshold",
    "τ_mem (10-bit code)": "tau_mem",
    "τ_syn excitatory (10-bit code)": "tau_syn_exc",
    "τ_syn inhibitory (10-bit code)": "tau_syn_inh",
    "gain excitatory (10-bit code)": "gain_exc",
    "gain inhibitory (10-bit code)": "gain_inh",
    "leak (10-bit code)": "leak",
    "reset (10-bit code)": "reset",
}


def of_circuits(name: str, at: Circuits, codes: Codes | None) -> np.ndarray:
    """A quantity of circuits as they are set now : number[circuit].

    codes : the setting, nominal by default: a die that is used as drawn.
    """
    if name in _CODES:
        return (codes or Codes.nominal())[_CODES[name]]
    return _SET[name].value(at)


# ── quantities of neurons ──


def _spikes(recording):
    """Spikes per image of every neuron that fires, NaN of the labels."""
    counts = [layer.count_by_channel().mean(axis=0) for layer in recording.spikes]
    return [*counts, np.full(recording.cadc[-1].shape[2], np.nan)]


def _highest(units):
    """Mean highest potential."""
    return lambda recording: [
        membranes(recording, layer, units).max(axis=1).mean(axis=0)
        for layer in range(len(recording.cadc))
    ]


def _saturated(recording):
    """Share of CADC samples at the converter's ends."""
    return [recording.saturated(k).mean(axis=(0, 1)) for k in range(len(recording.cadc))]


_HIGHEST = {
    PHYSICAL: "highest potential (ϑ = 1), measured",
    CODES: "highest CADC sample (LSB), measured",
}
_MEASURED = {
    "spikes / image, measured": _spikes,
    _HIGHEST[PHYSICAL]: _highest(PHYSICAL),
    _HIGHEST[CODES]: _highest(CODES),
    "saturated samples, measured": _saturated,
}


def of_neurons(name: str, recording: Recording) -> list[np.ndarray]:
    """A quantity of neurons in a batch : float[neuron] by layer."""
    return _MEASURED[name](recording)


# ── names ──


def _named(units):
    other = _HIGHEST[CODES if units == PHYSICAL else PHYSICAL]
    return (*(_SET if units == PHYSICAL else _CODES), *(m for m in _MEASURED if m != other))


QUANTITIES = MappingProxyType({units: _named(units) for units in UNITS})
"""Names of all quantities, in menu order."""


def is_measured(name: str) -> bool:
    """Whether the quantity is of neurons, not of circuits."""
    return name in _MEASURED


def counterpart(name: str, units: str) -> str:
    """The quantity in ``units`` that corresponds to ``name``, which may be in others."""
    if name in QUANTITIES[units]:
        return name
    if name in _HIGHEST.values():
        return _HIGHEST[units]
    if units == CODES:
        setting = _SET[name].setting
        return next(code for code, moved in _CODES.items() if moved == setting)
    return next(known for known, q in _SET.items() if q.setting == _CODES[name])
