"""A die: one draw of the fixed pattern of mismatch."""

from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import numpy as np

from snnlab.arrays import cast_exact
from snnlab.chip.constants import GAP_LSB, N_CIRCUITS, SYNAPSES_PER_CIRCUIT
from snnlab.chip.fabrication import PHYSICAL, decalibrate, fabricate
from snnlab.errors import SnnlabError
from snnlab.files import npz, read_npz, write_whole
from snnlab.seeding import stream

LEAKY_LSB = -10.0
"""Threshold above leak of a circuit whose leak lies over its threshold: it fires by itself."""
WORKS = -1
"""Value of ``stuck`` for a synapse that can be written."""
LSB_RANGE = (-255.0, 255.0)
RANGES = MappingProxyType({"dead": (0, 1), "stuck": (WORKS, 63)})
"""Values that a file may hold; quantities not named here are in LSB or relative to nominal."""


@dataclass(frozen=True, eq=False)
class Die:
    """Fixed-pattern mismatch of 512 neuron circuits and their synapses, at nominal settings.

    Drawn (:meth:`draw`), changed (:meth:`with_faults`, ``dataclasses.replace``) or your own; see
    ``Trainer(config, data, die=…)`` and ``Chip(mapping, die)``.

    Relative to nominal: ``tau_mem`` float64[circuit]; ``tau_syn`` and ``gain`` (synaptic)
    float64[2, circuit], excitatory then inhibitory; ``synapse_gain`` float64[row, circuit], rows of
    excitatory synapses even, of inhibitory odd; ``cadc_gain`` float64[circuit].
    Deviations from nominal in CADC LSB, float64[circuit]: ``leak_lsb``, ``reset_lsb``,
    ``threshold_lsb``, ``cadc_offset_lsb``.
    ``steepness`` float64[setting, circuit]: of physics over each 10-bit code, relative.
    Faults: ``dead`` bool[circuit] never fires; ``stuck`` int8[row, circuit] is the weight that a
    synapse always has, −1 where it can be written.
    ``truncated`` counts the values that were cut to the physical range.
    """

    tau_mem: np.ndarray
    tau_syn: np.ndarray
    gain: np.ndarray
    leak_lsb: np.ndarray
    reset_lsb: np.ndarray
    threshold_lsb: np.ndarray
    cadc_gain: np.ndarray
    cadc_offset_lsb: np.ndarray
    steepness: np.ndarray
    synapse_gain: np.ndarray
    dead: np.ndarray
    stuck: np.ndarray
    truncated: int = 0

    @classmethod
    def draw(
        cls, preset: str = "calibrated", *, sigma: float | dict[str, float] = 0.0, seed: int = 0
    ) -> "Die":
        """Fabricate a die: "ideal", "calibrated" or "uncalibrated".

        ``sigma`` is the paper's decalibration of time constants and threshold, 0 to 0.5, on top of
        the preset; ``{"tau_mem": 0.2}`` decalibrates single quantities of ``DECALIBRATED``. One
        seed is one fixed pattern, which ``sigma`` scales. Raises :class:`SnnlabError` for an
        unknown preset or quantity or a sigma out of range.
        """
        return cls(**fabricate(preset, sigma, seed), **_faultless())

    @classmethod
    def ideal(cls) -> "Die":
        """A die without mismatch: every circuit is nominal."""
        return cls.draw("ideal")

    @property
    def gap(self) -> np.ndarray:
        """Threshold − leak, relative to nominal : float64[circuit]."""
        return 1.0 + (self.threshold_lsb - self.leak_lsb) / GAP_LSB

    def decalibrated(self, sigma: float | dict[str, float], *, seed: int = 0) -> "Die":
        """The same die with ``sigma`` of :meth:`draw` on top, drawn by ``seed``."""
        if sigma == 0.0:
            return self
        changed = decalibrate(self.arrays(), sigma, seed)
        return replace(self, **{**changed, "truncated": self.truncated + changed["truncated"]})

    def with_faults(
        self, *, dead=(), leaky=(), stuck: dict[tuple[int, int], int] | None = None
    ) -> "Die":
        """The same die with circuits that never fire, circuits whose leak lies over their
        threshold, and synapses ``{(row, circuit): weight 0…63}`` that cannot be written.

        Raises :class:`SnnlabError` for a circuit, row or weight that does not exist.
        """
        died, values, threshold = self.dead.copy(), self.stuck.copy(), self.threshold_lsb.copy()
        died[_existing("circuit", dead, N_CIRCUITS)] = True
        leaky = _existing("circuit", leaky, N_CIRCUITS)
        threshold[leaky] = self.leak_lsb[leaky] - GAP_LSB + LEAKY_LSB
        for (row, circuit), weight in (stuck or {}).items():
            _existing("row", [row], SYNAPSES_PER_CIRCUIT)
            _existing("circuit", [circuit], N_CIRCUITS)
            _existing("stuck weight", [weight], 64)
            values[row, circuit] = weight
        return replace(self, dead=died, stuck=values, threshold_lsb=threshold)

    def with_random_faults(
        self, *, dead: float = 0.0, leaky: float = 0.0, stuck: float = 0.0, seed: int = 0
    ) -> "Die":
        """The same die with faults drawn at these rates, 0 to 1.

        One seed is one order of faults: a higher rate adds to those of a lower one.

        Raises :class:`SnnlabError` for a rate out of range.
        """
        for name, rate in (("dead", dead), ("leaky", leaky), ("stuck", stuck)):
            if not isinstance(rate, Real) or not 0.0 <= rate <= 1.0:
                raise SnnlabError(f"die rate of {name} = {rate} is outside 0 to 1")
        below = {
            name: stream(seed, "faults", name).random(shape)
            for name, shape in (
                ("dead", N_CIRCUITS), ("leaky", N_CIRCUITS), ("stuck", self.stuck.shape)
            )
        }  # fmt: skip
        faulty = self.with_faults(
            dead=np.flatnonzero(below["dead"] < dead), leaky=np.flatnonzero(below["leaky"] < leaky)
        )
        weights = stream(seed, "faults", "weights").integers(0, 64, self.stuck.shape, np.int8)
        return replace(faulty, stuck=np.where(below["stuck"] < stuck, weights, self.stuck))

    def arrays(self) -> dict[str, np.ndarray]:
        """All quantities by name, for saving."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "truncated"
        }

    def checked(self) -> "Die":
        """The same die with arrays of these kinds, converted from lists, tensors or other numbers.

        Raises :class:`SnnlabError` for another shape, NaN, values of another kind or out of range.
        """
        arrays = {}
        for name, expected in Die.ideal().arrays().items():
            given = cast_exact(getattr(self, name), expected.dtype, f"die: {name}")
            if given.shape != expected.shape:
                raise SnnlabError(f"die: {name} has shape {given.shape}, expected {expected.shape}")
            _check("die", name, given, expected.dtype)
            arrays[name] = given
        return replace(self, **arrays)

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that almost certainly differ between dies."""
        crc = 0
        for array in self.arrays().values():
            crc = crc32(np.ascontiguousarray(array), crc)
        return f"{crc:08x}"

    def packed(self) -> dict[str, np.ndarray]:
        """All arrays of its file, by name."""
        return {**self.arrays(), "truncated": np.array(self.truncated)}

    def save(self, path: Path) -> None:
        """Write it to an ``npz`` file; raises :class:`SnnlabError` if it cannot be written."""
        try:
            write_whole(Path(path), npz(self.packed()))
        except OSError as error:
            raise SnnlabError(f"die {path} cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, path: Path) -> "Die":
        """Read what :meth:`save` wrote.

        Raises :class:`SnnlabError` for a missing or foreign file, another size, NaN or infinity,
        values of another kind or out of range.
        """
        ideal = Die.ideal().arrays()
        shapes = {name: array.shape for name, array in ideal.items()}
        try:
            arrays = read_npz(Path(path), "die", {**shapes, "truncated": ()})
            for name, expected in ideal.items():
                _check(f"die {path}", name, arrays[name], expected.dtype)
            if type(cut := arrays["truncated"]) is not int or cut < 0:
                raise SnnlabError(f"die {path}: truncated is {cut}, expected a count")
        except SnnlabError as error:
            raise SnnlabError(f"{error}; draw and save the die again") from None
        return cls(**arrays)


def _check(what, name, array, dtype):
    """Raise an error for an array of another kind or out of range."""
    low, high = RANGES.get(name, LSB_RANGE if name.endswith("_lsb") else PHYSICAL)
    if array.dtype != dtype:
        raise SnnlabError(f"{what}: {name} is {array.dtype}, expected {dtype}")
    wrong = array[~((array >= low) & (array <= high))]  # NaN too
    if wrong.size:
        raise SnnlabError(f"{what}: {name} holds {wrong[0]:g}, expected {low:g} to {high:g}")


def _existing(what, numbers, most):
    """Numbers as an index array; an error if one does not exist."""
    index = np.asarray(list(numbers))
    if index.size and index.dtype.kind not in "iu":
        raise SnnlabError(f"{what} {index.flat[0]} is no whole number: there are 0 to {most - 1}")
    index = index.astype(np.int64)
    if index.size and not (index.min() >= 0 and index.max() < most):
        wrong = index[(index < 0) | (index >= most)][0]
        raise SnnlabError(f"{what} {wrong} does not exist: there are 0 to {most - 1}")
    return index


def _faultless():
    return {
        "dead": np.zeros(N_CIRCUITS, bool),
        "stuck": np.full((SYNAPSES_PER_CIRCUIT, N_CIRCUITS), WORKS, np.int8),
    }
