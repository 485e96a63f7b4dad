"""Every tunable quantity, declared once.

Command line flags, dashboard controls, run records and documentation are generated from
:class:`Config`: its defaults, bounds, units and one-sentence docs stand nowhere else.
"""

import re
from contextlib import suppress
from math import pi
from typing import ClassVar

import numpy as np
import param

from snnlab.chip.die import Die
from snnlab.chip.fabrication import SPREADS
from snnlab.chip.layout.mapping import MOST_INPUTS
from snnlab.chip.layout.partition import MOST_PARTS
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.errors import SnnlabError
from snnlab.readout import RULES as READOUTS
from snnlab.surrogates import SHAPES
from snnlab.text.numerals import cure, number
from snnlab.text.spelling import did_you_mean

MOST_SHOWN = 100
"""Characters of a value that an error quotes."""
_EXAMPLES = {"hidden": "246 or 120-120", "killed": "3-17"}


class Quantity(param.Number):
    """A number with a physical unit.

    unit : what the value is stored in, SI; shown : unit people read it in; factor : shown / stored;
    log : whether a control should step through it logarithmically.
    """

    __slots__ = ["factor", "log", "shown", "unit"]
    _slot_defaults: ClassVar = {
        **param.Number._slot_defaults,
        "unit": "",
        "shown": "",
        "factor": 1.0,
        "log": False,
    }

    def __init__(self, default=param.Undefined, *, unit="", shown="", factor=1.0, log=False, **kw):
        super().__init__(default, **kw)
        self.unit, self.shown, self.factor, self.log = unit, shown or unit, factor, log


class Numbers(param.List):
    """A list of whole numbers, each ``within`` two ends, both included."""

    __slots__ = ["within"]
    _slot_defaults: ClassVar = {**param.List._slot_defaults, "within": (0, 2**32 - 1)}

    def __init__(self, default=param.Undefined, *, within, **kw):
        self.within = within
        super().__init__(default, item_type=int, **kw)

    def _validate(self, val):
        super()._validate(val)
        low, high = self.within
        if any(isinstance(item, bool) or not low <= item <= high for item in val):
            raise ValueError(f"{val} goes beyond {low} to {high}")


def _microseconds(default, low, high, label, doc):
    return Quantity(
        default, bounds=(low, high), unit="s", shown="µs", factor=1e6, label=label, doc=doc
    )


def _share(default, high, label, doc):
    """Of 1, read in %."""
    return Quantity(default, bounds=(0.0, high), shown="%", factor=100.0, label=label, doc=doc)


def _strength(default, low, high, label, doc):
    """Stepped through by factors."""
    return Quantity(default, bounds=(low, high), log=True, label=label, doc=doc)


def _refused(name, value, allowed):
    with suppress(ValueError):  # a whole number of more digits than Python writes
        value = str(value)
    shown = value if isinstance(value, str) else "a number of thousands of digits"
    cut = shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "…"
    return SnnlabError(f"{name} = {cut} is not allowed: {allowed}")


def _plain(knob, value):
    """A value of Python's own types, as records and links hold them; raises TypeError for others.

    A choice becomes the one that it equals, and truth is no number.
    """
    if isinstance(knob, param.List):
        return _listed(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a scalar of numpy, torch
        value = value.item()
    if isinstance(knob, param.Selector):
        return next((choice for choice in knob.objects if choice == value), value)
    if isinstance(knob, param.Number) and type(value) not in (int, float):
        raise TypeError(value)
    return value


def _listed(value):
    """A list of a list, tuple, range, array, tensor or single whole number."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if type(value) is int:
        return [value]
    if not isinstance(value, list | tuple | range):
        raise TypeError(value)
    return [item.item() if isinstance(item, np.generic) else item for item in value]


class Config(param.Parameterized):
    """All settings of one training.

    Wherever a knob is turned, numbers of NumPy become Python's own, and an array or tuple a list;
    raises :class:`SnnlabError` for a value that is not allowed.
    """

    dataset = param.Selector(
        default="mnist",
        objects=["mnist", "fashion-mnist", "digits", "yin-yang", "folder", "idx"],
        label="Data set",
        doc="Data set to learn; of your own are folder (a sub-folder of pictures per class, CSV,"
        " npz or zip) and idx (idx files of any data set).",
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
    tau_in = _microseconds(
        8e-6, 1e-6, 20e-6, "Latency code τ_in",
        "Time constant of the integrator; delay of a black pixel in the linear code.",
    )  # fmt: skip
    grid = param.Selector(
        default="clock",
        objects=["clock", "cadc"],
        label="Input time grid",
        doc="Grid of input spikes: the chip's 8 ns clock, or as in the released code 1.7 µs.",
    )
    theta_in = Quantity(
        0.1,
        bounds=(0.01, 0.9),
        label="Darkest pixel ϑ_in",
        doc="Brightness below which a pixel sends no spike.",
    )
    rotation = Quantity(
        0.0,
        bounds=(0.0, 0.8),
        unit="rad",
        shown="°",
        factor=180.0 / pi,
        label="Rotation",
        doc="Training images are turned by up to this angle, drawn again in every epoch.",
    )
    shift = Quantity(
        0.0,
        bounds=(0.0, 4.0),
        unit="px",
        label="Shift",
        doc="Training images are shifted by up to this far along each axis.",
    )
    stretch = _share(
        0.0,
        0.5,
        "Stretch",
        "Training images are stretched or squeezed by up to this much along each axis.",
    )
    bend = Quantity(
        0.0,
        bounds=(0.0, 4.0),
        unit="px",
        label="Bend",
        doc="Training images are bent smoothly, each point by up to this far along each axis.",
    )
    mirror = _share(
        0.0,
        1.0,
        "Mirrored",
        "Share of training images whose left and right are swapped.",
    )

    hidden = Numbers(
        default=[246],
        within=(1, MOST_INPUTS),
        bounds=(1, 8),
        label="Hidden neurons",
        doc="Neurons in each hidden layer.",
    )
    chips = param.Integer(
        1,
        bounds=(1, MOST_PARTS),
        label="Chips or runs",
        doc="Chips, or runs one after the other, that the network may take.",
    )
    die = param.Selector(
        default="calibrated",
        objects=list(SPREADS),
        label="Die",
        doc="How well the circuits were set before training.",
    )
    dead = _share(0.0, 0.9, "Dead neurons", "Share of neuron circuits that never fire.")
    stuck = _share(0.0, 0.5, "Stuck synapses", "Share of synapses whose weight cannot be written.")
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
    mismatch = _share(
        0.0,
        0.5,
        "Mismatch σ_d",
        "How much circuits differ from one another: relative spread of time constants and"
        " thresholds on top of the die's.",
    )
    cadc_noise = Quantity(
        OperatingPoint.cadc_noise,
        bounds=(0.0, 10.0),
        unit="LSB",
        label="CADC read noise",
        doc="Read noise of the membrane converter, per sample.",
    )
    threshold_drift = _share(
        OperatingPoint.threshold_drift,
        0.2,
        "Threshold drift",
        "Drift of thresholds from run to run, as relative spread.",
    )
    spike_jitter = Quantity(
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
    tau_mem = _microseconds(OperatingPoint.tau_mem, 1e-6, 20e-6, "τ_mem", "Membrane time constant.")
    tau_syn = _microseconds(OperatingPoint.tau_syn, 1e-6, 20e-6, "τ_syn", "Synaptic time constant.")
    tau_ref = _microseconds(OperatingPoint.tau_ref, 40e-9, 32e-6, "τ_ref", "Refractory period.")
    samples = param.Integer(
        OperatingPoint.samples,
        bounds=(2, 100),
        label="CADC samples",
        doc="Converter samples per image, one every 1.7 µs: how long an image lasts.",
    )
    substeps = param.Integer(
        4,
        bounds=(1, 64),
        label="Steps per CADC period",
        doc="Steps of the emulation within one converter period of 1.7 µs.",
    )

    beta = _strength(
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
        objects=["threshold", "overshoot"],
        label="Surrogate at a spike",
        doc="Potential at which the surrogate is evaluated after a spike: the threshold, or as far"
        " above it as the climb would have led by the next converter sample.",
    )
    rho_burst = _strength(
        5e-4, 0.0, 1.0, "Burst regularisation ρ_b", "Strength of the penalty on bursts of spikes."
    )
    rho_silent = _strength(
        0.0,
        0.0,
        1000.0,
        "Silence regularisation ρ_s",
        "Strength of the penalty on hidden neurons that hardly ever fire.",
    )
    least_spikes = Quantity(
        0.05,
        bounds=(0.0, 5.0),
        label="Least activity",
        doc="Spikes per image below which a hidden neuron counts as silent.",
    )
    rho_weight = _strength(
        0.1,
        0.0,
        100.0,
        "Weight regularisation ρ_w",
        "Strength of the penalty on large hidden weights.",
    )
    rho_readout = _strength(
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
        doc="What decides: a label's highest potential, its sum above rest, or its last sample.",
    )
    logit_gain = _strength(10.0, 0.1, 100.0, "Logit gain", "Scale from readout to logits.")
    label_smoothing = _share(
        0.0,
        0.9,
        "Label smoothing",
        "Share of each label's certainty that is spread evenly over all labels.",
    )
    dropout = _share(
        0.0,
        0.9,
        "Dropout",
        "Share of hidden neurons silenced while training, drawn again for every batch.",
    )
    learning_rate = _strength(1e-3, 0.0, 0.1, "Learning rate", "Step size of Adam.")
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
        "Chip": (
            "hidden", "chips", "die", "die_seed", "mismatch", "dead", "stuck", "killed",
            "calibration", "cadc_noise", "threshold_drift", "spike_jitter", "weight_bits",
            "cadc_bits", "tau_mem", "tau_syn", "tau_ref", "samples", "substeps",
        ),
        "Learning": (
            "beta", "surrogate", "at_spike", "rho_burst", "rho_silent", "least_spikes",
            "rho_weight", "rho_readout", "readout", "logit_gain", "label_smoothing", "dropout",
            "learning_rate", "schedule", "batch", "epochs", "seed",
        ),
    }  # fmt: skip

    GROUP_OF: ClassVar = {name: group for group, names in GROUPS.items() for name in names}

    LIVE = frozenset(
        {
            "beta", "at_spike", "rho_burst", "rho_weight", "rho_readout", "learning_rate",
            "mismatch", "cadc_noise", "threshold_drift", "spike_jitter", "die", "die_seed",
            "calibration", "dead", "stuck", "killed", "epochs", "logit_gain", "label_smoothing",
            "dropout", "rotation", "shift", "stretch", "bend", "mirror", "rho_silent",
            "least_spikes", "surrogate", "weight_bits", "cadc_bits",
        }
    )  # fmt: skip
    """Knobs that may turn between two training steps; the others need a new training."""

    @classmethod
    def checked(cls, **values) -> "Config":
        """A configuration, or a :class:`SnnlabError` that names knob, value and limits."""
        config = cls()
        for name, value in values.items():
            config.set(name, value)
        return config

    def set(self, name: str, value) -> None:
        """Turn one knob; raises :class:`SnnlabError` when the value is not allowed."""
        self._knob(name)
        setattr(self, name, value)

    def __setattr__(self, name, value):
        if name not in self.GROUP_OF:
            super().__setattr__(name, value)
            return
        try:
            super().__setattr__(name, _plain(self.param[name], value))
        except (ValueError, TypeError):
            if isinstance(value, Die):
                raise SnnlabError(
                    f"{name} = a Die is not allowed: {self.allowed(name)}; for one of your own"
                    " write Trainer(config, data, die=…)"
                ) from None
            meant = self.meant(name, value) or self._typed(name, value)
            raise _refused(name, value, self.allowed(name) + meant) from None

    def _typed(self, name, value):
        """The end of a message on a text where its numbers would be taken."""
        if isinstance(value, str) and not isinstance(self.param[name], param.Selector):
            with suppress(SnnlabError):
                return f"; give {self.read(name, value)}, not text"
        return ""

    @classmethod
    def _knob(cls, name):
        if name not in cls.knobs():
            known = cls.knobs()
            meant = did_you_mean(name, known)
            raise SnnlabError(f"{name!r} is not a knob: there are {', '.join(known)}{meant}")
        return cls.param[name]

    @classmethod
    def read(cls, name: str, text: str):
        """A value written as text, of the knob's type; raises :class:`SnnlabError` if it is none.

        Whether the knob takes it is for :meth:`set` to say.
        """
        knob = cls._knob(name)
        try:
            if isinstance(knob, param.Selector):
                return {str(choice): choice for choice in knob.objects}.get(text, text)
            if isinstance(knob, param.List):
                return [number(part, int) for part in text.split("-")] if text else []
            return number(text, int if isinstance(knob, param.Integer) else float)
        except ValueError:
            raise _refused(name, text, cls.allowed(name) + cls.meant(name, text)) from None

    @classmethod
    def knobs(cls) -> tuple[str, ...]:
        """Names of all knobs, in the order of their groups."""
        return tuple(name for group in cls.GROUPS.values() for name in group)

    @classmethod
    def allowed(cls, name: str) -> str:
        """What values a knob takes, in words."""
        knob = cls.param[name]
        if isinstance(knob, param.Selector):
            return "one of " + ", ".join(map(str, knob.objects))
        if isinstance(knob, param.List):
            (low, high), (_, most) = knob.within, knob.bounds
            kind = f"a list of whole numbers from {low} to {high}, {most} at most"
            return f"{kind}, such as {_EXAMPLES[name]}"
        low, high = knob.bounds
        kind = "a whole number" if isinstance(knob, param.Integer) else "a number"
        unit = f" {knob.unit}" if getattr(knob, "unit", "") else ""
        return f"{kind} from {low:.10g} to {high:.10g}{unit}"

    @classmethod
    def meant(cls, name: str, value) -> str:
        """What was probably meant by a value that is not allowed, as the end of a message."""
        knob = cls.param[name]
        if not isinstance(value, str):
            return ""
        if isinstance(knob, param.List):
            is_list = re.fullmatch(r"[\s\d,;x×()\[\]]*\d[\s\d,;x×()\[\]]*", value)
            return f"; write {'-'.join(re.findall(r'[0-9]+', value))}" if is_list else ""
        if isinstance(knob, param.Selector):
            return did_you_mean(value, knob.objects)
        kind = int if isinstance(knob, param.Integer) else float
        percent = 1.0 / knob.factor if getattr(knob, "shown", "") == "%" else None
        return cure(value, kind, knob.bounds, percent)

    def values(self) -> dict:
        """All settings by name, plain numbers, strings and lists."""
        return {name: getattr(self, name) for name in self.knobs()}
