"""Every tunable quantity, declared once.

Command line flags, dashboard controls, run records and documentation are generated from
:class:`Config`: its defaults, bounds, units and one-sentence docs are declared here only.
"""

from math import pi
from types import MappingProxyType
from typing import ClassVar

import param

from snnlab.chip.fabrication import SPREADS
from snnlab.chip.layout.mapping import MAX_INPUTS
from snnlab.chip.layout.partition import MAX_PARTS
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.config.base import Knobs
from snnlab.config.parameters import (
    Numbers,
    PhysicalNumber,
    microseconds,
    percentage,
    strength,
)
from snnlab.data.catalogue import CATALOGUE
from snnlab.model.gradients import AT_SPIKE, METHODS
from snnlab.model.readout import RULES as READOUTS
from snnlab.model.surrogates import SHAPES


class Config(Knobs):
    """All settings of one training.

    Wherever a knob is set, numbers of NumPy become Python's own, and an array or tuple a list;
    raises :class:`SnnlabError` for a value that is not allowed.
    """

    dataset = param.Selector(
        default="mnist",
        objects=list(CATALOGUE),
        label="Data set",
        doc="Data set to learn; of your own are folder (a sub-folder of pictures per class, CSV,"
        " npz or zip), idx (idx files of any data set) and spikes (recorded spikes, HDF5 or npz).",
    )
    side = param.Selector(
        default=16,
        objects=[16, 28],
        label="Image side",
        doc="Pixels on each side of an image, scaled to 16 or as MNIST and Fashion-MNIST come; data"
        " of your own are scaled to either.",
    )
    encoding = param.Selector(
        default="integrator",
        objects=["integrator", "linear"],
        label="Latency code",
        doc="When a pixel's spike is sent: when a leaky integrator that it drives would fire, as"
        " published, or linear in its darkness.",
    )
    tau_in = microseconds(
        8e-6, 1e-6, 20e-6, "Latency code τ_in",
        "Time constant of the integrator; delay of a black pixel in the linear code.",
    )  # fmt: skip
    grid = param.Selector(
        default="clock",
        objects=["clock", "cadc"],
        label="Input time grid",
        doc="Grid of input spikes: the chip's 8 ns clock, or as in the released code 1.7 µs.",
    )
    theta_in = PhysicalNumber(
        0.1,
        bounds=(0.01, 0.9),
        label="Darkest pixel ϑ_in",
        doc="Brightness below which a pixel sends no spike.",
    )
    rotation = PhysicalNumber(
        0.0,
        bounds=(0.0, 0.8),
        unit="rad",
        shown="°",
        factor=180.0 / pi,
        label="Rotation",
        doc="Training images are turned by up to this angle, drawn again in every epoch.",
    )
    shift = PhysicalNumber(
        0.0,
        bounds=(0.0, 4.0),
        unit="px",
        label="Shift",
        doc="Training images are shifted by up to this far along each axis, recordings by as many"
        " channels of the chip.",
    )
    stretch = percentage(
        0.0,
        0.5,
        "Stretch",
        "Training images are stretched or squeezed by up to this much along each axis, recordings"
        " in time.",
    )
    bend = PhysicalNumber(
        0.0,
        bounds=(0.0, 4.0),
        unit="px",
        label="Bend",
        doc="Training images are bent smoothly, each point by up to this far along each axis.",
    )
    mirror = percentage(
        0.0,
        1.0,
        "Mirrored",
        "Share of training images whose left and right are swapped.",
    )

    speedup = strength(
        2000.0, 500.0, 50_000.0, "Speedup",
        "Factor by which recordings are played to the chip faster than they were made.",
    )  # fmt: skip
    duration = PhysicalNumber(
        0.6,
        bounds=(0.01, 20.0),
        unit="s",
        label="Duration heard",
        doc="Recorded time that is played to the chip: what comes later is not heard, and shorter"
        " recordings are followed by silence. Divided by the speedup it is the length of a run, at"
        " most 523 µs.",
    )
    channel_noise = PhysicalNumber(
        0.0,
        bounds=(0.0, 100.0),
        label="Channel noise",
        doc="Each spike of a training recording moves to another channel, by this standard"
        " deviation in channels of the recording.",
    )
    blend = percentage(
        0.0,
        1.0,
        "Blended",
        "Share of training recordings of which half the spikes are replaced by half of those of"
        " another recording of the same class.",
    )
    split = param.Selector(
        default="official",
        objects=["official", "validation"],
        label="Test recordings",
        doc="What recordings are tested on: the data set's test set, or a tenth of its training"
        " recordings, to choose settings by.",
    )
    held_out = Numbers(
        default=[],
        within=(0, 10_000),
        bounds=(0, 1000),
        label="Held-out speakers",
        doc="Speakers, by number, whose recordings are tested on and never learned; none for the"
        " split above.",
    )

    hidden = Numbers(
        default=[246],
        within=(1, MAX_INPUTS),
        bounds=(1, 8),
        label="Hidden neurons",
        doc="Neurons in each hidden layer.",
    )
    recurrent = param.Selector(
        default="none",
        objects=["none", "trained", "fixed"],
        label="Recurrence",
        doc="Whether the spikes of hidden neurons return to all neurons of their layer, through"
        " weights that are trained, or that stay as they were at the start.",
    )
    chips = param.Integer(
        1,
        bounds=(1, MAX_PARTS),
        label="Chips or runs",
        doc="Chips, or runs one after the other, that the network may take.",
    )
    die = param.Selector(
        default="calibrated",
        objects=list(SPREADS),
        label="Die",
        doc="How well the circuits were set before training.",
    )
    dead = percentage(0.0, 0.9, "Dead neurons", "Share of neuron circuits that never fire.")
    stuck = percentage(
        0.0, 0.5, "Stuck synapses", "Share of synapses whose weight cannot be written."
    )
    killed = Numbers(
        default=[],
        within=(0, BRAINSCALES2.n_circuits - 1),
        bounds=(0, BRAINSCALES2.n_circuits),
        label="Killed circuits",
        doc="Neuron circuits that shall never fire, by number.",
    )
    calibration = param.Selector(
        default="as drawn",
        objects=["as drawn", "measured"],
        label="Calibration",
        doc="Whether the die is used as drawn, or every circuit is measured and set first.",
    )
    die_seed = param.Integer(
        1, bounds=(0, 2**32 - 1), label="Die number", doc="Which die comes off the wafer."
    )
    mismatch = percentage(
        0.0,
        0.5,
        "Mismatch σ_d",
        "How much circuits differ from one another: relative spread of time constants and"
        " thresholds on top of the die's.",
    )
    cadc_noise = PhysicalNumber(
        OperatingPoint.cadc_noise,
        bounds=(0.0, 10.0),
        unit="LSB",
        label="CADC read noise",
        doc="Read noise of the membrane converter, per sample.",
    )
    threshold_drift = percentage(
        OperatingPoint.threshold_drift,
        0.2,
        "Threshold drift",
        "Drift of thresholds from run to run, as relative spread.",
    )
    spike_jitter = PhysicalNumber(
        OperatingPoint.spike_jitter,
        bounds=(0.0, 1e-6),
        unit="s",
        shown="ns",
        factor=1e9,
        label="Spike jitter",
        doc="Jitter of spike times.",
    )
    weight_bits = param.Integer(
        BRAINSCALES2.weight_bits,
        bounds=ChipSpec.LIMITS["weight_bits"],
        label="Weight bits",
        doc="Bits of a weight beside its sign: fewer make its steps coarser, the range stays.",
    )
    cadc_bits = param.Integer(
        BRAINSCALES2.cadc_bits,
        bounds=ChipSpec.LIMITS["cadc_bits"],
        label="CADC bits",
        doc="Bits of the membrane converter: fewer drop the lowest of its 8, the range stays.",
    )
    synaptic_limit = param.Integer(
        BRAINSCALES2.synaptic_limit,
        bounds=ChipSpec.LIMITS["synaptic_limit"],
        label="Synaptic limit",
        doc="Full-weight spikes at once that saturate a synaptic input of a circuit; a neuron of"
        " two circuits carries twice as many. Estimate; 1024 is none.",
    )
    tau_mem = microseconds(OperatingPoint.tau_mem, 1e-6, 20e-6, "τ_mem", "Membrane time constant.")
    tau_syn = microseconds(OperatingPoint.tau_syn, 1e-6, 20e-6, "τ_syn", "Synaptic time constant.")
    tau_ref = microseconds(OperatingPoint.tau_ref, 40e-9, 32e-6, "τ_ref", "Refractory period.")
    samples = param.Integer(
        OperatingPoint.samples,
        bounds=(2, 100),
        label="CADC samples",
        doc="Converter samples per image, one every 1.7 µs: how long an image lasts. Recordings"
        " last for the duration heard.",
    )
    substeps = param.Integer(
        4,
        bounds=(1, 64),
        label="Steps per CADC period",
        doc="Steps of the emulation within one converter period of 1.7 µs.",
    )

    gradient = param.Selector(
        default="surrogate",
        objects=list(METHODS),
        label="Gradient",
        doc="Where the gradient of a spike comes from: a surrogate derivative of the recorded"
        " membranes, or its time, as the ideal model has it (EventProp).",
    )
    beta = strength(
        10.0, 0.1, 200.0, "Surrogate steepness β", "Steepness of the surrogate derivative."
    )
    surrogate = param.Selector(
        default="superspike",
        objects=list(SHAPES),
        label="Surrogate",
        doc="Shape of the surrogate derivative, which stands in for the derivative of a spike.",
    )
    at_spike = param.Selector(
        default="threshold",
        objects=list(AT_SPIKE),
        label="Surrogate at a spike",
        doc="Potential at which the surrogate is evaluated after a spike: the threshold, that of"
        " the converter sample before, or as far above it as the climb would have led by the next.",
    )
    returned = percentage(
        1.0, 1.0, "Gradient through recurrence",
        "Share of a surrogate gradient that passes back through returning spikes: with all of it"
        " the gradient is exact and may grow with every sample, with none it is local.",
    )  # fmt: skip
    rho_burst = strength(
        5e-4, 0.0, 1.0, "Burst regularisation ρ_b", "Strength of the penalty on bursts of spikes."
    )
    rho_silent = strength(
        0.0,
        0.0,
        1000.0,
        "Silence regularisation ρ_s",
        "Strength of the penalty on hidden neurons that hardly ever fire.",
    )
    least_spikes = PhysicalNumber(
        0.05,
        bounds=(0.0, 5.0),
        label="Least activity",
        doc="Spikes per image below which a hidden neuron counts as silent.",
    )
    rho_weight = strength(
        0.1,
        0.0,
        100.0,
        "Weight regularisation ρ_w",
        "Strength of the penalty on large hidden weights.",
    )
    rho_readout = strength(
        0.0,
        0.0,
        1.0,
        "Readout regularisation ρ_a",
        "Strength of the penalty on high label potentials.",
    )
    readout = param.Selector(
        default="maximum",
        objects=list(READOUTS),
        label="Readout",
        doc="What decides: a label's highest potential, its sum above rest less a tenth of that"
        " below, the same with weights that fall by a factor e in 8.5 µs, or its last sample.",
    )
    logit_gain = strength(10.0, 0.1, 100.0, "Logit gain", "Scale from readout to logits.")
    label_smoothing = percentage(
        0.0, 0.9, "Label smoothing", "Share of each label's certainty spread evenly over all."
    )
    dropout = percentage(
        0.0, 0.9, "Dropout", "Share of hidden neurons silenced in training, drawn again each batch."
    )
    learning_rate = strength(1e-3, 0.0, 0.1, "Learning rate", "Step size of Adam.")
    schedule = param.Selector(
        default="cosine",
        objects=["cosine", "exponential", "constant"],
        label="Learning-rate schedule",
        doc="How the learning rate falls: to zero at the last epoch, by 3 % an epoch, or not.",
    )
    batch = param.Integer(
        100, bounds=(1, 10_000), label="Batch size", doc="Images per weight update."
    )
    epochs = param.Integer(10, bounds=(1, 10_000), doc="Passes through the training images.")
    seed = param.Integer(
        1, bounds=(0, 2**32 - 1), doc="Seed of initial weights, order of images and trial noise."
    )

    GROUPS: ClassVar = {
        "Data": (
            "dataset", "side", "encoding", "tau_in", "theta_in", "grid", "rotation", "shift",
            "stretch", "bend", "mirror",
        ),
        "Recordings": (
            "speedup", "duration", "channel_noise", "blend", "split", "held_out",
        ),
        "Chip": (
            "hidden", "recurrent", "chips", "die", "die_seed", "mismatch", "dead", "stuck",
            "killed", "calibration", "cadc_noise", "threshold_drift", "spike_jitter", "weight_bits",
            "cadc_bits", "synaptic_limit", "tau_mem", "tau_syn", "tau_ref", "samples", "substeps",
        ),
        "Learning": (
            "gradient", "beta", "surrogate", "at_spike", "returned", "rho_burst", "rho_silent",
            "least_spikes", "rho_weight", "rho_readout", "readout", "logit_gain",
            "label_smoothing", "dropout", "learning_rate", "schedule", "batch", "epochs", "seed",
        ),
    }  # fmt: skip

    OF_IMAGES = frozenset(
        {"side", "encoding", "tau_in", "theta_in", "grid", "rotation", "bend", "mirror", "samples"}
    )
    """Knobs without effect on recordings, as those of the group Recordings have none on images."""

    LIVE = frozenset(
        {
            "beta", "at_spike", "rho_burst", "rho_weight", "rho_readout", "learning_rate",
            "mismatch", "cadc_noise", "threshold_drift", "spike_jitter", "die", "die_seed",
            "calibration", "dead", "stuck", "killed", "epochs", "logit_gain", "label_smoothing",
            "dropout", "rotation", "shift", "stretch", "bend", "mirror", "rho_silent",
            "least_spikes", "surrogate", "weight_bits", "cadc_bits", "synaptic_limit", "gradient",
            "channel_noise", "blend", "returned",
        }
    )  # fmt: skip
    """Knobs that may change between two training steps; the others require a new training."""

    IDEAL: ClassVar = MappingProxyType(
        {
            "die": "ideal", "mismatch": 0.0, "dead": 0.0, "stuck": 0.0, "killed": [],
            "calibration": "as drawn", "cadc_noise": 0.0, "threshold_drift": 0.0,
            "spike_jitter": 0.0,
        }
    )  # fmt: skip
    """Knobs of the ideal twin of every chip: no mismatch, no faults, no noise."""
