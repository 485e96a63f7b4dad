"""Every tunable quantity, declared once.

Flags of the command line, controls of the dashboard, run records, links and documentation follow
from these declarations. One reads: default, bounds or choices, label, sentence; ``live`` if the
knob may change between two training steps, ``ideal`` for its value on an ideal chip, ``of`` if it
acts on images only, ``symbol`` as it is written in formulas. A class is a displayed group.
"""

from math import pi

from snnlab.chip.fabrication import SPREADS
from snnlab.chip.layout.mapping import MAX_INPUTS
from snnlab.chip.layout.partition import MAX_PARTS
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.config.base import Knobs
from snnlab.config.parameters import (
    choice,
    microseconds,
    number,
    numbers,
    percentage,
    strength,
    whole,
)
from snnlab.data.catalogue import CATALOGUE
from snnlab.model.gradients import AT_SPIKE, METHODS
from snnlab.model.readout import RULES as READOUTS
from snnlab.model.surrogates import SHAPES

# fmt: off


class Data(Knobs):
    """What is learnt, and how it becomes spikes."""

    dataset = choice(
        "mnist", list(CATALOGUE), "Data set",
        "Data set to learn. For your own: folder (a sub-folder of pictures per class, CSV, npz or"
        " zip), idx (idx files of any data set) and spikes (recorded spikes, HDF5 or npz).",
    )
    side = choice(
        16, [16, 28], "Image side",
        "Pixels on each side of an image: 28, as in MNIST and Fashion-MNIST, or scaled to 16; your"
        " own images are scaled to either.", of="images",
    )
    encoding = choice(
        "integrator", ["integrator", "linear"], "Latency encoding",
        "When a pixel sends its spike: when a leaky integrator that it drives would fire, as"
        " published, or after a time linear in its darkness.", of="images",
    )
    tau_in = microseconds(
        8e-6, 1e-6, 20e-6, "Latency time constant",
        "Time constant of the integrator, or delay of a black pixel in the linear encoding.",
        of="images", symbol="τ_in",
    )
    theta_in = number(
        0.1, 0.01, 0.9, "Brightness threshold",
        "Brightness below which a pixel sends no spike.", of="images", symbol="ϑ_in",
    )
    grid = choice(
        "clock", ["clock", "cadc"], "Input time grid",
        "Time grid of input spikes: the chip's clock of 8 ns, or 1.7 µs as in the paper's code.",
        of="images",
    )
    rotation = number(
        0.0, 0.0, 0.8, "Rotation",
        "Training images are turned by up to this angle, drawn again in every epoch.",
        unit="rad", shown="°", factor=180.0 / pi, live=True, of="images",
    )
    shift = number(
        0.0, 0.0, 4.0, "Shift",
        "Training images are shifted by up to this far along each axis, recordings by as many"
        " channels of the chip.", unit="px", live=True,
    )
    stretch = percentage(
        0.0, 0.5, "Stretch",
        "Training images are stretched or squeezed by up to this much along each axis, recordings"
        " in time.", live=True,
    )
    bend = number(
        0.0, 0.0, 4.0, "Bend",
        "Training images are bent smoothly, each point by up to this far along each axis.",
        unit="px", live=True, of="images",
    )
    mirror = percentage(
        0.0, 1.0, "Mirrored",
        "Share of training images whose left and right are swapped.", live=True, of="images",
    )
    split = choice(
        "official", ["official", "validation"], "Tested on",
        "What the test is made of: the data set's test set, or a tenth of its training images or"
        " recordings of each class, for choosing settings.",
    )


class Recordings(Knobs):
    """How sound and recorded spikes are played to the chip; without effect on images."""

    speedup = strength(
        2000.0, 500.0, 50_000.0, "Speedup",
        "Factor by which recordings are played to the chip faster than they were made.",
    )
    duration = number(
        0.6, 0.01, 20.0, "Duration heard",
        "Recorded time that is played to the chip: longer recordings are cut, shorter ones are"
        " followed by silence. Divided by the speedup it is the length of a run, at most 523 µs.",
        unit="s",
    )
    channel_noise = number(
        0.0, 0.0, 100.0, "Channel noise",
        "Standard deviation, in channels of the recording, by which each spike of a training"
        " recording is moved to another channel.", live=True,
    )
    blend = percentage(
        0.0, 1.0, "Blended",
        "Share of training recordings in which half of the spikes are replaced by half of those of"
        " another recording of the same class.", live=True,
    )
    held_out = numbers(
        [], (0, 10_000), (0, 1000), "Held-out speakers",
        "Speakers, by number, whose recordings are used for the test only; if none is given,"
        " --split decides.", example="0-3",
    )


class Chip(Knobs):
    """The chip, and the network on it."""

    hidden = numbers(
        [246], (1, MAX_INPUTS), (1, 8), "Hidden neurons",
        "Neurons in each hidden layer.", example="246 or 120-120",
    )
    recurrent = choice(
        "none", ["none", "trained", "fixed"], "Recurrence",
        "Whether hidden neurons send their spikes back to all neurons of their layer, through"
        " weights that are trained or that keep their initial values.",
    )
    chips = whole(
        1, 1, MAX_PARTS, "Chips or runs",
        "Largest number of chips, or of successive runs on one chip, that the network may take.",
    )
    die = choice(
        "calibrated", list(SPREADS), "Die",
        "State of the circuits: all nominal, calibrated in advance, or as fabricated.",
        live=True, ideal="ideal",
    )
    die_seed = whole(
        1, 0, 2**32 - 1, "Die number",
        "Seed of the die: each number is another chip of the same wafer.", live=True,
    )
    mismatch = percentage(
        0.0, 0.5, "Mismatch",
        "How much circuits differ: relative spread of time constants and thresholds, in addition"
        " to the die's own.", live=True, ideal=0.0, symbol="σ_d",
    )
    dead = percentage(
        0.0, 0.9, "Dead neurons",
        "Share of neuron circuits that never fire.", live=True, ideal=0.0,
    )
    stuck = percentage(
        0.0, 0.5, "Stuck synapses",
        "Share of synapses whose weight cannot be written.", live=True, ideal=0.0,
    )
    killed = numbers(
        [], (0, BRAINSCALES2.n_circuits - 1), (0, BRAINSCALES2.n_circuits), "Killed circuits",
        "Neuron circuits disabled by hand, by number. Of the circuits joined to a neuron the first"
        " fires: it silences the neuron, the others and those of labels only count as dead.",
        live=True, ideal=[], example="3-17",
    )
    calibration = choice(
        "as drawn", ["as drawn", "measured"], "Calibration",
        "Whether the die is used as drawn, or every circuit is first measured and calibrated.",
        live=True, ideal="as drawn",
    )
    cadc_noise = number(
        OperatingPoint.cadc_noise, 0.0, 10.0, "CADC read noise",
        "Read noise of the membrane converter (CADC), per sample.",
        unit="LSB", live=True, ideal=0.0,
    )
    threshold_drift = percentage(
        OperatingPoint.threshold_drift, 0.2, "Threshold drift",
        "Relative spread of each threshold from run to run.", live=True, ideal=0.0,
    )
    spike_jitter = number(
        OperatingPoint.spike_jitter, 0.0, 1e-6, "Spike jitter",
        "Standard deviation of spike times.",
        unit="s", shown="ns", factor=1e9, live=True, ideal=0.0,
    )
    weight_bits = whole(
        BRAINSCALES2.weight_bits, *ChipSpec.LIMITS["weight_bits"], "Weight bits",
        "Bits of a weight without its sign: fewer bits are coarser steps over the same range.",
        live=True,
    )
    cadc_bits = whole(
        BRAINSCALES2.cadc_bits, *ChipSpec.LIMITS["cadc_bits"], "CADC bits",
        "Bits of the membrane converter: fewer bits are coarser steps over the same range.",
        live=True,
    )
    synaptic_limit = whole(
        BRAINSCALES2.synaptic_limit, *ChipSpec.LIMITS["synaptic_limit"], "Synaptic limit",
        "Simultaneous full-weight spikes that saturate a synaptic input of a circuit; a neuron of"
        " two circuits carries twice as many. An estimate; 1024 means no limit.", live=True,
    )
    tau_mem = microseconds(
        OperatingPoint.tau_mem, 1e-6, 20e-6, "Membrane time constant",
        "Time in which a neuron's potential falls to 37 % on its way back to rest.",
        symbol="τ_mem",
    )
    tau_syn = microseconds(
        OperatingPoint.tau_syn, 1e-6, 20e-6, "Synaptic time constant",
        "Time in which the current that a spike sends falls to 37 %.", symbol="τ_syn",
    )
    tau_ref = microseconds(
        OperatingPoint.tau_ref, 40e-9, 32e-6, "Refractory period",
        "Time for which a neuron is held at its reset potential after a spike.", symbol="τ_ref",
    )
    samples = whole(
        OperatingPoint.samples, 2, 100, "CADC samples",
        "Converter samples per image, one every 1.7 µs: the time that an image takes. Recordings"
        " take the duration heard.", of="images",
    )
    substeps = whole(
        4, 1, 64, "Steps per CADC period",
        "Steps of the emulation within one converter period of 1.7 µs.",
    )


class Learning(Knobs):
    """How the weights are trained."""

    gradient = choice(
        "surrogate", list(METHODS), "Gradient",
        "How the gradient passes a spike: by a surrogate derivative at the recorded membrane, or by"
        " how weights shift the spike's time in the ideal model (EventProp).", live=True,
    )
    beta = strength(
        10.0, 0.1, 200.0, "Surrogate steepness",
        "Steepness of the surrogate derivative.", live=True, symbol="β",
    )
    surrogate = choice(
        "superspike", list(SHAPES), "Surrogate",
        "Shape of the surrogate derivative, which stands in for the derivative of a spike.",
        live=True,
    )
    at_spike = choice(
        "threshold", list(AT_SPIKE), "Surrogate at a spike",
        "Potential at which the surrogate is evaluated for a spike: the threshold, the converter's"
        " last sample before it, or what the rising membrane would have reached at the next one.",
        live=True,
    )
    returned = percentage(
        1.0, 1.0, "Gradient through recurrence",
        "Share of a surrogate gradient that passes back through recurrent spikes: with 100 % it is"
        " complete and may grow with every sample, with 0 nothing passes back through the loop.",
        live=True,
    )
    rho_burst = strength(
        5e-4, 0.0, 1.0, "Burst regularisation",
        "Strength of the penalty on bursts of spikes.", live=True, symbol="ρ_b",
    )
    rho_silent = strength(
        0.0, 0.0, 1000.0, "Silence regularisation",
        "Strength of the penalty on hidden neurons that hardly ever fire.", live=True, symbol="ρ_s",
    )
    least_spikes = number(
        0.05, 0.0, 5.0, "Least activity",
        "Spikes per image below which a hidden neuron counts as silent.", live=True,
    )
    rho_weight = strength(
        0.1, 0.0, 100.0, "Weight regularisation",
        "Strength of the penalty on large hidden weights.", live=True, symbol="ρ_w",
    )
    rho_readout = strength(
        0.0, 0.0, 1.0, "Readout regularisation",
        "Strength of the penalty on high label potentials.", live=True, symbol="ρ_a",
    )
    readout = choice(
        "maximum", list(READOUTS), "Readout",
        "Score of a label: its highest potential, the sum of its potential (below rest counted as a"
        " tenth), the same sum with weights that fall by a factor e in 8.5 µs, or the last sample.",
    )
    logit_gain = strength(
        10.0, 0.1, 100.0, "Logit gain",
        "Factor on the scores of labels before the softmax: the higher, the sooner the network is"
        " confident.", live=True,
    )
    label_smoothing = percentage(
        0.0, 0.9, "Label smoothing",
        "Share of each target's probability that is spread evenly over all classes.", live=True,
    )
    dropout = percentage(
        0.0, 0.9, "Dropout",
        "Share of hidden neurons silenced in training, drawn again for every batch.", live=True,
    )
    learning_rate = strength(1e-3, 0.0, 0.1, "Learning rate", "Step size of Adam.", live=True)
    schedule = choice(
        "cosine", ["cosine", "exponential", "constant"], "Learning-rate schedule",
        "Course of the learning rate: a cosine to zero at the last epoch, 3 % less each epoch, or"
        " constant.",
    )
    batch = whole(100, 1, 10_000, "Batch size", "Images per weight update.")
    epochs = whole(10, 1, 10_000, "Epochs", "Passes through the training images.", live=True)
    seed = whole(
        1, 0, 2**32 - 1, "Seed",
        "Seed of initial weights, order of images and trial noise.",
    )


class Config(Data, Recordings, Chip, Learning):
    """All settings of one training.

    Wherever a knob is set, numbers of NumPy become Python's own, and an array or tuple a list;
    raises :class:`SnnlabError` for a value that is not allowed.
    """
