"""An independent oracle: Brian2 integrates the same circuits, exactly and in steps of 4 ns.

Brian2 is told physics only: time constants, thresholds, resets, rails and the jump of each synapse.
The emulator's propagators, its steps and its kernels it never sees.
"""

from typing import NamedTuple

import brian2
import numpy as np
import pytest
from builders import WINDOW, quiet, random_weights

from snnlab.chip import constants as c
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.events import TICK, Events

IMAGES, INPUTS, N = 4, 64, c.N_CIRCUITS
STEP = 4e-9
"""Of Brian2: half a tick, and 1/425 of the CADC period, so that both lie on its grid."""
CIRCUIT = """
du/dt = -u / tau_mem + exc - inh : 1 (unless refractory)
dexc/dt = -exc / tau_exc : Hz
dinh/dt = -inh / tau_inh : Hz
tau_mem : second (constant)
tau_exc : second (constant)
tau_inh : second (constant)
threshold : 1 (constant)
reset : 1 (constant)
ground : 1 (constant)
supply : 1 (constant)
most : Hz (constant)
"""


class Case(NamedTuple):
    """Input and weights int8[input, neuron] for a die with 30 % mismatch, and its spec."""

    die: Die
    events: Events
    weight: np.ndarray
    spec: ChipSpec = BRAINSCALES2

    def chip(self, substeps=4):
        mapping = Mapping((INPUTS, N))
        point = quiet(substeps=substeps)
        return Chip(mapping, self.die, point, labels_spike=True, spec=self.spec)


class Outcome(NamedTuple):
    """Spike times in s of each neuron of each image; CADC samples in LSB [image, sample, neuron],
    of Brian2's membranes unrounded.
    """

    times: list[np.ndarray]
    cadc: np.ndarray


class Comparison(NamedTuple):
    """The emulator against Brian2, for every neuron of every image.

    count : bool[neuron], as many spikes; match : and each within one step of the emulator;
    late : float[spike], where the count agrees, in s; off : float[neuron, sample] in LSB.
    """

    count: np.ndarray
    match: np.ndarray
    late: np.ndarray
    off: np.ndarray


def case(rate, mean, spread, seed=1) -> Case:
    """Random input: each line fires once with probability ``rate``, anywhere in the window."""
    rng = np.random.default_rng(seed)
    ticks = rng.integers(1, WINDOW, (IMAGES, INPUTS))
    events = Events.from_ticks(np.where(rng.random(ticks.shape) < rate, ticks, WINDOW), WINDOW)
    (weight,) = random_weights(rng, (INPUTS, N), spread=spread, mean=mean)
    return Case(Die.draw("calibrated", sigma=0.3, seed=seed), events, weight)


def brian(case: Case) -> Outcome:
    """All images side by side, each on 512 neurons of its own."""
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = STEP * brian2.second
    chip, second = case.chip(), brian2.second
    neurons = circuits(chip)
    # An event sent at t acts from the end of the step that begins at t.
    line = case.events.owner * INPUTS + case.events.channel
    sent = (case.events.tick * TICK - STEP) * second
    source = brian2.SpikeGeneratorGroup(IMAGES * INPUTS, line, sent)
    synapses = [connected(source, neurons, chip, case.weight, k) for k in range(2)]
    fired = brian2.SpikeMonitor(neurons)
    trace = brian2.StateMonitor(neurons, "u", record=True, dt=c.DT_CADC * second)
    network = brian2.Network(source, neurons, *synapses, fired, trace)
    network.run(chip.point.samples * c.DT_CADC * second, namespace={})
    # A spike is seen at the end of the step in which it happened: somewhere in its middle.
    times = per_neuron(np.asarray(fired.i), np.asarray(fired.t) + STEP / 2)
    return Outcome(times, digitised(chip, np.asarray(trace.u).reshape(IMAGES, N, -1)))


def digitised(chip, membrane):
    """What the chip's CADC shows of membranes [image, neuron, sample], but for its rounding."""
    lsb = c.REST_LSB + chip.circuits.leak_lsb + c.GAP_LSB * membrane.transpose(0, 2, 1)
    lsb = chip.die.cadc_gain * lsb + chip.die.cadc_offset_lsb
    return np.clip(lsb, c.CADC_MIN_LSB, c.CADC_MAX_LSB)


def circuits(chip):
    """The 512 circuits once for every image; potentials in thresholds above leak."""
    at, point, second = chip.circuits, chip.point, brian2.second
    neurons = brian2.NeuronGroup(
        IMAGES * N, CIRCUIT, threshold="u >= threshold", reset="u = reset",
        refractory=point.tau_ref * second, method="exact",
    )  # fmt: skip
    neurons.tau_mem = np.tile(point.tau_mem * at.tau_mem, IMAGES) * second
    neurons.tau_exc = np.tile(point.tau_syn * at.tau_syn[0], IMAGES) * second
    neurons.tau_inh = np.tile(point.tau_syn * at.tau_syn[1], IMAGES) * second
    neurons.threshold = np.tile(1 + (at.threshold_lsb - at.leak_lsb) / c.GAP_LSB, IMAGES)
    neurons.reset = np.tile((at.reset_lsb - at.leak_lsb) / c.GAP_LSB, IMAGES)
    leak = np.tile(c.REST_LSB + at.leak_lsb, IMAGES)
    neurons.ground = (0 - leak) / c.GAP_LSB
    neurons.supply = (c.CADC_FULL_LSB - leak) / c.GAP_LSB
    neurons.most = chip.spec.synaptic_limit * c.WEIGHT_MAX_LSB * CURRENT_PER_LSB * brian2.Hz
    neurons.run_regularly("u = clip(u, ground, supply)", when="after_groups")
    currents = "exc = clip(exc, 0*Hz, most); inh = clip(inh, 0*Hz, most)"
    neurons.run_regularly(currents, when="after_synapses")
    return neurons


def connected(source, neurons, chip, weight, k):
    """Excitatory (k = 0) or inhibitory (k = 1) synapses, each with its own jump."""
    i, j = np.nonzero(weight < 0 if k else weight > 0)
    gain = chip.circuits.gain[k, j] * chip.die.synapse_gain[2 * i + k, j]
    jump = CURRENT_PER_LSB * gain * np.abs(weight[i, j].astype(int))
    synapses = brian2.Synapses(
        source, neurons, "jump : Hz (constant)", on_pre=f"{'inh' if k else 'exc'} += jump"
    )
    image = np.arange(IMAGES)[:, None]
    synapses.connect(i=(image * INPUTS + i).ravel(), j=(image * N + j).ravel())
    synapses.jump = np.tile(jump, IMAGES) * brian2.Hz
    return synapses


def emulated(case: Case, substeps: int) -> Outcome:
    recording = case.chip(substeps).run(case.events, [case.weight])
    (spikes,) = recording.spikes
    # A time stamp is the tick that a spike fell into.
    times = per_neuron(spikes.owner * N + spikes.channel, (spikes.tick + 0.5) * TICK)
    return Outcome(times, recording.cadc[0])


def per_neuron(owner, time):
    """Times of each owner, in order."""
    order = np.lexsort((time, owner))
    counts = np.bincount(owner, minlength=IMAGES * N)
    return np.split(time[order], np.cumsum(counts)[:-1])


def compared(case, oracle, substeps) -> Comparison:
    got, dt = emulated(case, substeps), c.DT_CADC / substeps
    late = [
        ours - theirs if len(ours) == len(theirs) else None
        for ours, theirs in zip(got.times, oracle.times, strict=True)
    ]
    return Comparison(
        count=np.array([x is not None for x in late]),
        match=np.array([x is not None and (np.abs(x) <= dt).all() for x in late]),
        late=np.concatenate([x for x in late if x is not None]),
        off=(got.cadc - oracle.cadc).transpose(0, 2, 1).reshape(IMAGES * N, -1),
    )


def rms(values):
    return np.sqrt(np.mean(values**2))


def activity(oracle):
    """Spikes per neuron and image."""
    return np.mean([len(times) for times in oracle.times])


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]


@pytest.fixture(scope="module", params=SEEDS, ids="die {}".format)
def sparse(request):
    """As active as a trained network: 0.08 spikes per neuron are 20 per image of 246."""
    this = case(rate=0.5, mean=0.0, spread=15.0, seed=request.param)
    return this, brian(this)


@pytest.fixture(scope="module")
def busy():
    """Five times as active, with bursts."""
    this = case(rate=0.8, mean=2.0, spread=15.0)
    return this, brian(this)


def test_at_the_default_step_spikes_and_membranes_are_brian2s(sparse):
    """The exceptions, one neuron in a thousand, graze their threshold."""
    run = compared(*sparse, substeps=4)
    assert 0.04 < activity(sparse[1]) < 0.1
    assert run.match.mean() >= 0.99
    assert rms(run.off[run.match]) <= 0.5


def test_at_the_default_step_a_busy_chip_spikes_alike(busy):
    """Its membranes have exceptions too: a spike that comes nanoseconds to the other side of a CADC
    sample turns this sample from threshold to reset."""
    run = compared(*busy, substeps=4)
    assert 0.3 < activity(busy[1]) < 0.5
    assert max(map(len, busy[1].times)) >= 5
    assert run.match.mean() >= 0.99
    assert np.quantile(np.abs(run.off), 0.995) <= 0.5 + 0.29


def test_saturated_inputs_are_brian2s(busy):
    """Where two full-weight spikes saturate an input: the busy chip fires differently."""
    this = busy[0]._replace(spec=ChipSpec(synaptic_limit=2))
    oracle = brian(this)
    run = compared(this, oracle, substeps=32)
    assert run.count.mean() >= 0.999
    assert rms(run.off[run.match]) <= 0.5
    changed = [len(a) != len(b) for a, b in zip(oracle.times, busy[1].times, strict=True)]
    assert np.mean(changed) > 0.02


def test_at_a_fine_step_everything_is_brian2s(busy):
    """Steps of 53 ns, no neuron left out; rounding to 8 bits alone is an RMS of 0.29 LSB."""
    run = compared(*busy, substeps=32)
    assert run.count.mean() >= 0.999
    assert np.quantile(np.abs(run.late), 0.99) <= c.DT_CADC / 32
    assert rms(run.off) <= 0.5


def test_spike_times_converge_to_brian2s(busy):
    """Second order: half the step, a quarter of the error, down to the tick of 8 ns."""
    two, four, eight = (np.median(np.abs(compared(*busy, n).late)) for n in (2, 4, 8))
    assert two / four > 3.0
    assert two / eight > 6.0
