"""The emulated chip: checks its input, seeds the noise and runs the kernels."""

from functools import cached_property
from numbers import Integral

import numpy as np
from numba import get_num_threads

from snnlab.arrays import as_arrays, cast_exact
from snnlab.chip.capmem import Circuits, Codes, circuits
from snnlab.chip.compiled import compiled
from snnlab.chip.die import Die
from snnlab.chip.kernels import layer as kernel
from snnlab.chip.kernels.arrays import PARTS, Clock, Loop, Neurons, Noise, Readout
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.chip.synapses import SynapseArray, padded
from snnlab.chip.threads import guarded
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events

run_layer = guarded(kernel.run_layer)


class Chip:
    """BrainScaleS-2 with one network mapped onto one die, at one setting.

    Holds no state between runs: same events, weights and trial give the same recording.
    codes : setting of the analog parameters, nominal by default
    correction : int64[circuit], what digital correction subtracts from each CADC channel
    labels_spike : whether the last layer has a threshold too; False for label neurons
    spec : constants of the chip, or of a variant with fewer bits
    Raises :class:`SnnlabError` for a correction of another shape or out of range.
    """

    def __init__(
        self,
        mapping: Mapping,
        die: Die | None = None,
        point: OperatingPoint | None = None,
        *,
        codes: Codes | None = None,
        correction: np.ndarray | None = None,
        labels_spike: bool = False,
        spec: ChipSpec = BRAINSCALES2,
    ):
        self.mapping = _a(Mapping, mapping)
        self.die = _a(Die, Die.draw() if die is None else die)
        self.point = _a(OperatingPoint, OperatingPoint() if point is None else point)
        self.spec = _a(ChipSpec, spec)
        self.codes = codes
        self.correction = _correction(correction, len(self.die.tau_mem))
        self.labels_spike = labels_spike
        self._layers = range(len(mapping.sizes) - 1)
        self._last_spiking = self._layers[-1] - (not labels_spike)

    def run(
        self,
        events: Events,
        weights_lsb: list[np.ndarray],
        *,
        trial: int = 0,
        read_hidden: bool = True,
        silent: tuple[np.ndarray, ...] = (),
    ) -> Recording:
        """Play a batch of spikes through the network.

        weights_lsb : int8[source, neuron] for each layer, of ``spec.weight_levels``, within ±63;
        lists and tensors of whole numbers are taken too. The sources of a recurrent layer are those
        before it, then its own neurons.
        trial : seed of the trial noise. Read noise and jitter follow the trial and a sample's id,
        whatever batch it is in; thresholds drift with the trial.
        read_hidden : whether hidden membranes are digitised too, as learning requires; otherwise
        they are recorded with 0 samples.
        silent : bool[neuron] of each hidden layer, neurons that may not fire in this run.
        Raises :class:`SnnlabError` when shapes, events or weights do not fit.
        """
        if not isinstance(events, Events):
            raise SnnlabError(f"events are {type(events).__name__}: the chip takes Events")
        if not isinstance(trial, Integral):
            raise SnnlabError(f"trial = {trial!r} is not allowed: a whole number, the noise's seed")
        weights_lsb = [_whole(weight) for weight in as_arrays(weights_lsb, "weights")]
        self._check(_checked(events), weights_lsb)
        synapses = [array.written(w) for array, w in zip(self._synapses, weights_lsb, strict=True)]
        silent = tuple(cast_exact(given, bool, "") for given in as_arrays(silent, "silent neurons"))
        self._check_silent(silent)
        events = events.until(self.point.window)  # later ones act on nothing
        source, spikes, cadc = events, [], []
        for layer in self._layers:
            read = self.point.samples if read_hidden or layer == self._layers[-1] else 0
            neurons = self._able(layer, silent[layer] if layer < len(silent) else None)
            noise = self._noise(layer, int(trial))
            *sent, samples = self._run_layer(layer, source, synapses[layer], neurons, noise, read)
            cadc.append(samples)
            if layer <= self._last_spiking:
                source = Events(*compact(*sent), self.mapping.sizes[layer + 1], events.ids)
                spikes.append(source)
        return Recording(
            events, tuple(spikes), tuple(cadc), self._corrections, self.spec, self.mapping.recurrent
        )

    def _run_layer(self, layer, events, synapses, neurons, noise, read):
        n = self.mapping.sizes[layer + 1]
        room = n * self.point.most_spikes if layer <= self._last_spiking else 0
        return run_layer(
            events.offsets, events.tick, events.channel, events.ids, synapses, neurons, self._clock,
            self._readouts[layer], noise, n, room, read, PARTS * get_num_threads(),
            self._loop(layer),
        )  # fmt: skip

    @cached_property
    def _clock(self):
        return Clock(self.point.substeps, self.point.samples, TICK / self.point.dt)

    def _loop(self, layer):
        """How the layer's spikes return to it; None if it is not recurrent."""
        if layer not in self.mapping.recurrent:
            return None
        return Loop(self.spec.loop_latency / self.point.dt, self.mapping.sizes[layer])

    def _noise(self, layer, trial):
        # Not the multiplier of the sample ids: else one trial would be the next one, an image on.
        key = trial * 0x2545F4914F6CDD1D + (layer + 1) * 0xD1B54A32D192ED03
        run_key = key + 0x9FB21C651E98DF25
        return Noise(
            self.point.threshold_drift, self.point.spike_jitter / TICK,
            np.uint64(key % 2**64), np.uint64(run_key % 2**64),
        )  # fmt: skip

    @cached_property
    def circuits(self) -> Circuits:
        """Physics of all circuits at this setting."""
        return circuits(self.die, self.codes)

    @cached_property
    def _neurons(self) -> list[Neurons]:
        return [self._constants(layer) for layer in self._layers]

    def _able(self, layer, silent):
        """The layer's neurons, with no threshold where they are to keep silent."""
        neurons = self._neurons[layer]
        if silent is None:
            return neurons
        threshold = neurons.threshold.copy()
        threshold[: len(silent)][silent] = np.inf
        return neurons._replace(threshold=threshold)

    def _own(self, layer):
        """Constants of each neuron's own circuit; those joined to it are switched off."""
        return self.mapping.circuits[layer][:, 0]

    def _constants(self, layer):
        own, point, dt, spec = self._own(layer), self.point, self.point.dt, self.spec
        at = self.circuits
        tau_mem = point.tau_mem * at.tau_mem[own]
        tau_exc, tau_inh = point.tau_syn * at.tau_syn[:, own]
        gap = 1.0 + (at.threshold_lsb[own] - at.leak_lsb[own]) / spec.gap_lsb
        spiking = (layer <= self._last_spiking) & ~self.die.dead[own]
        leak, reset = spec.rest_lsb + at.leak_lsb[own], spec.rest_lsb + at.reset_lsb[own]
        reset_over_leak = (reset - leak) / spec.gap_lsb
        full = np.ones(len(own))
        return Neurons(
            decay_mem=padded(np.exp(-dt / tau_mem)),
            decay_exc=padded(np.exp(-dt / tau_exc), 1.0),
            decay_inh=padded(np.exp(-dt / tau_inh), 1.0),
            rise_exc=padded(rise(tau_mem, tau_exc, dt) / dt),
            rise_inh=padded(rise(tau_mem, tau_inh, dt) / dt),
            threshold=padded(np.where(spiking, gap, np.inf), np.inf),
            reset=padded(reset_over_leak),
            start=padded(reset_over_leak if point.reset_first else 0.0 * full),
            low=padded(-leak / spec.gap_lsb),
            high=padded((spec.cadc_full_lsb - leak) / spec.gap_lsb),
            refractory=padded(point.tau_ref / dt * full),
        )

    @cached_property
    def _readouts(self) -> list[Readout]:
        return [self._channels(layer) for layer in self._layers]

    def _channels(self, layer):
        own, die, spec = self._own(layer), self.die, self.spec
        gain = die.cadc_gain[own]
        leak = gain * (spec.rest_lsb + self.circuits.leak_lsb[own])
        return Readout(
            rest=padded(leak + die.cadc_offset_lsb[own]),
            gain=padded(gain * spec.gap_lsb),
            correction=padded(self.correction[own]),
            noise=self.point.cadc_noise,
            low=spec.cadc_min_lsb,
            high=spec.cadc_max_lsb,
            lost=spec.cadc_step - 1,
        )

    @cached_property
    def _corrections(self):
        return tuple(self.correction[self._own(layer)] for layer in self._layers)

    @cached_property
    def _synapses(self) -> list[SynapseArray]:
        return [
            SynapseArray(
                self.die, self.circuits.gain, self.mapping, layer, self.point.dt, self.spec
            )
            for layer in self._layers
        ]

    def _check(self, events, weights_lsb):
        sizes = self.mapping.sizes
        shapes = [w.shape for w in weights_lsb]
        if shapes != list(self.mapping.shapes):
            raise SnnlabError(f"weights of shapes {shapes} do not fit network {self.mapping}")
        if events.n_channels != sizes[0]:
            raise SnnlabError(
                f"Events have {events.n_channels} channels, network {self.mapping} takes {sizes[0]}"
            )

    def _check_silent(self, silent):
        given = [(s.dtype.name, s.shape) for s in silent]
        if silent and given != [("bool", (n,)) for n in self.mapping.sizes[1:-1]]:
            shapes = ", ".join(f"{kind}{shape}" for kind, shape in given)
            raise SnnlabError(
                f"silent neurons of shapes {shapes} do not fit network {self.mapping}:"
                " give bool[neuron] for each hidden layer"
            )


def _whole(weight):
    """Whole numbers as int8; floats are unchanged, as they may be in another unit."""
    return cast_exact(weight, np.int8, "weights") if weight.dtype.kind in "iu" else weight


def _a(kind, given):
    if not isinstance(given, kind):
        name = kind.__name__
        raise SnnlabError(f"Chip: {type(given).__name__} given where it takes a {name}, make one")
    return given


def _correction(given, n_circuits):
    """Correction subtracted from each channel, 0 by default : number[circuit]."""
    correction = np.zeros(n_circuits, np.int64) if given is None else np.asarray(given)
    if correction.shape != (n_circuits,) or correction.dtype.kind not in "iuf":
        raise SnnlabError(
            f"correction of shape {correction.shape} is {correction.dtype}: give one LSB value for"
            f" each of the {n_circuits} CADC channels"
        )
    wrong = np.flatnonzero(~(np.abs(correction) <= BRAINSCALES2.cadc_full_lsb))
    if len(wrong):
        raise SnnlabError(
            f"correction of CADC channel {wrong[0]} is {correction[wrong[0]]}, outside"
            f" ±{BRAINSCALES2.cadc_full_lsb} LSB: measure it again"
        )
    return correction


def rise(tau_mem, tau_syn, dt):
    """What a unit current decaying with tau_syn adds to a membrane within dt : s.

    The exact integral of exp(-(dt - s)/tau_mem) exp(-s/tau_syn) over s in 0…dt; its limit for equal
    time constants is dt exp(-dt/tau).
    """
    slow, rate = np.exp(-dt / tau_mem), 1.0 / tau_syn - 1.0 / tau_mem
    x = rate * dt
    small = np.abs(x) < 1e-6
    ratio = np.where(small, 1.0 - 0.5 * x, -np.expm1(-x) / np.where(small, 1.0, x))
    return dt * slow * ratio


def _checked(events):
    """The events, checked; their own method says what is wrong, the kernel whether anything is."""
    arrays = events.offsets, events.tick, events.channel, events.ids
    if [a.dtype for a in arrays] != _KINDS or any(a.ndim != 1 for a in arrays):
        return events.checked()
    return events if are_valid(*arrays, events.n_channels) else events.checked()


_KINDS = [np.dtype(name) for name in ("int64", "uint16", "uint16", "uint64")]


@guarded
@compiled(nogil=True)
def are_valid(offsets, tick, channel, ids, n_channels):
    """Whether the arrays of :class:`Events` agree: what :meth:`Events.checked` checks, at once."""
    n = tick.shape[0]
    if offsets.shape[0] != ids.shape[0] + 1 or offsets[0] != 0 or offsets[-1] != n:
        return False
    for b in range(ids.shape[0]):
        if not 0 <= offsets[b] <= offsets[b + 1] <= n:
            return False
    if channel.shape[0] != n:
        return False
    highest = np.uint16(0)
    for k in range(n):
        highest = max(highest, channel[k])
    falls = np.int64(0)  # ticks that follow a later one, also from input to input
    for k in range(1, n):
        falls += np.int64(tick[k] < tick[k - 1])
    for b in range(1, ids.shape[0]):
        first = offsets[b]
        if 0 < first < offsets[b + 1]:
            falls -= np.int64(tick[first] < tick[first - 1])
    return falls == 0 and (n == 0 or highest < n_channels)


@guarded
@compiled(nogil=True)
def compact(counts, tick, channel):
    """Spikes of all images end to end: offsets int64[image + 1], tick and channel uint16[spike].

    counts : int64[image]; tick, channel : uint16[image, room], as :func:`run_layer` writes them.
    """
    n_images = counts.shape[0]
    offsets = np.zeros(n_images + 1, np.int64)
    for b in range(n_images):
        offsets[b + 1] = offsets[b] + counts[b]
    flat_tick = np.empty(offsets[n_images], np.uint16)
    flat_channel = np.empty(offsets[n_images], np.uint16)
    for b in range(n_images):
        for k in range(counts[b]):  # a slice to a slice would compile a second longer
            flat_tick[offsets[b] + k] = tick[b, k]
            flat_channel[offsets[b] + k] = channel[b, k]
    return offsets, flat_tick, flat_channel
