"""Invalid arguments and links are refused in one line."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from refusal import check_line, refused

from snnlab.chip.capmem import Codes
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.threads import use_threads
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.images.drawing import from_picture, from_strokes
from snnlab.data.images.encoding import latency_encode
from snnlab.events import Events
from snnlab.learn.network import Network
from snnlab.learn.trainer import Trainer
from snnlab.recipes import recipe
from snnlab_app.controls.link import query, read
from snnlab_app.controls.upload import MAX_BYTES, read_upload

SETTINGS = [
    ("beta", None), ("beta", "10"), ("beta", True), ("beta", 10j), ("beta", [10.0]),
    ("beta", Decimal(10)), ("beta", Fraction(10)), ("beta", np.array([1.0, 2.0])),
    ("beta", torch.tensor([10.0])), ("beta", -0.0), ("beta", 10**400), ("beta", float("nan")),
    ("batch", True), ("batch", 10.0), ("batch", "10"), ("batch", 10**5000), ("batch", -(2**63)),
    ("seed", -1), ("seed", 2**32), ("seed", 1.0), ("tau_mem", 6), ("tau_mem", 6e-3),
    ("hidden", []), ("hidden", 246.0), ("hidden", "246"), ("hidden", (-246,)), ("hidden", [246.0]),
    ("hidden", [True]), ("hidden", [0]), ("hidden", [-5]), ("hidden", [None]), ("hidden", [[5]]),
    ("hidden", [10] * 9), ("hidden", {5}), ("hidden", [10**5000]), ("killed", [512]),
    ("killed", [-1]), ("killed", None), ("killed", range(513)), ("killed", [0] * 513),
    ("dataset", None), ("dataset", ""), ("dataset", "MNIST"), ("dataset", ["mnist"]),
    ("dataset", {}), ("dataset", "x" * 5000), ("dataset", "mnist\nrm -rf"), ("dataset", "\x1b[2J"),
    ("side", "16"), ("side", 20), ("side", None), ("side", [16]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), SETTINGS, ids=[f"{name} {k}" for k, (name, _) in enumerate(SETTINGS)]
)
def test_an_invalid_setting_is_refused(name, value):
    config = Config()
    before = config.values()
    refused(lambda: config.set(name, value), f"{name} = ", " is not allowed: ")
    assert config.values() == before


@pytest.mark.parametrize(
    "name", ["", "bate", "name", "param", "__class__", "values", "beta\n", None]
)
def test_an_unknown_setting_is_refused(name):
    refused(lambda: Config().set(name, 1), "is not a knob: there are dataset")
    refused(lambda: Config.read(name, "1"), "is not a knob: there are dataset")


def test_numpy_numbers_are_accepted():
    config = Config.checked(beta=np.float32(3), batch=np.int64(20), side=16.0)
    values = config.beta, config.batch, config.side
    assert [(v, type(v)) for v in values] == [(3.0, float), (20, int), (16, int)]


EVENTS = Events.from_ticks(np.array([[1, 2, 3]]), 100)
WEIGHTS = [np.full((3, 2), 9, np.int8)]
DIGITS = load("digits")


def trained(**changes):
    return Trainer(Config.checked(**{"dataset": "digits", **changes}), DIGITS)


def own(**changes):
    """A training on digits with some arrays replaced."""
    return Trainer(Config(dataset="digits"), replace(DIGITS, **changes))


PYTHON = {
    "no data set": (lambda: load("cifar"), "no data set 'cifar': choose one of mnist"),
    "a data set by a list": (lambda: load(["digits"]), "no data set ['digits']"),
    "no name of a data set": (lambda: load(None), "no data set None"),
    "images of an unavailable size": (lambda: load("digits", 28), "no images of 28×28"),
    "a size as a word": (lambda: load("digits", "16"), "no images of 16×16"),
    "no recipe": (lambda: recipe("nicest"), "recipe 'nicest' is unknown"),
    "a recipe with a bad change": (lambda: recipe("best").config(beta=-1), "beta = -1 is not"),
    "a network without layers": (lambda: Mapping(()), "every layer needs at least one neuron"),
    "a network of one layer": (lambda: Mapping((3,)), "every layer needs at least one neuron"),
    "an empty layer": (lambda: Mapping((3, 0, 2)), "every layer needs at least one neuron"),
    "a negative layer": (lambda: Mapping((3, -2)), "every layer needs at least one neuron"),
    "a fractional layer": (lambda: Mapping((3, 1.5)), "Network of (3, 1.5)", "whole numbers"),
    "a network of words": (lambda: Mapping(("3", "2")), "whole numbers"),
    "a network too large": (lambda: Mapping((256, 300, 10)), "needs 630 neuron circuits"),
    "too many inputs": (lambda: Mapping((8193, 1)), "a layer has 8193 inputs", "at most 8192"),
    "no chips": (lambda: Mapping((3, 2), chips=0), "chips = 0 is not allowed"),
    "half a chip": (lambda: Mapping((3, 2), chips=1.5), "chips = 1.5 is not allowed"),
    "an excluded circuit that does not exist": (
        lambda: Mapping((3, 2), excluded=[512]), "excluded circuit 512 does not exist",
    ),
    "all circuits excluded": (
        lambda: Mapping((3, 2), excluded=range(512)), "needs 2 neuron circuits",
    ),
    "no preset of dies": (lambda: Die.draw("perfect"), "die preset 'perfect' is unknown"),
    "mismatch below zero": (lambda: Die.draw(sigma=-0.1), "die mismatch -0.1 is outside"),
    "mismatch of nothing": (lambda: Die.draw(sigma={"colour": 0.1}), "'colour' is unknown"),
    "a mismatch as a word": (lambda: Die.draw(sigma="0.1"), "'0.1' is not a number"),
    "a negative die seed": (lambda: Die.draw(seed=-1), "die seed -1"),
    "a fractional die seed": (lambda: Die.draw(seed=1.5), "die seed 1.5"),
    "a dead circuit out of range": (lambda: Die.ideal().with_faults(dead=[512]), "circuit 512"),
    "a stuck weight too large": (
        lambda: Die.ideal().with_faults(stuck={(0, 0): 64}), "stuck weight 64 does not exist",
    ),
    "a rate of faults beyond one": (
        lambda: Die.ideal().with_random_faults(dead=1.1), "die rate of dead = 1.1",
    ),
    "codes of another shape": (lambda: Codes(np.zeros((8, 3), int)), "codes: int64(8, 3)"),
    "a time constant of words": (lambda: OperatingPoint(tau_mem="6e-6"), "tau_mem = 6e-6"),
    "negative noise": (lambda: OperatingPoint(cadc_noise=-1), "cadc_noise = -1"),
    "no samples": (lambda: OperatingPoint(samples=0), "samples = 0 is not allowed"),
    "samples of None": (lambda: OperatingPoint(samples=None), "samples = None"),
    "a time step as a word": (lambda: OperatingPoint().with_dt("1e-6"), "'1e-6' is not a number"),
    "events of another network": (
        lambda: Chip(Mapping((4, 2))).run(EVENTS, [np.zeros((4, 2), np.int8)]),
        "Events have 3 channels, network 4-2 takes 4",
    ),
    "no weights": (lambda: Chip(Mapping((3, 2))).run(EVENTS, []), "weights of shapes []"),
    "weights as floats": (
        lambda: Chip(Mapping((3, 2))).run(EVENTS, [np.zeros((3, 2))]), "float64", "int8 within ±63",
    ),
    "weights as lists": (
        lambda: Chip(Mapping((3, 2))).run(EVENTS, [[[1, 64]] * 3]), "weights of layer 0", "int8",
    ),
    "events that are an array": (
        lambda: Chip(Mapping((3, 2))).run(np.zeros((1, 3)), WEIGHTS), "events", "Events",
    ),
    "times of one axis": (lambda: Events.from_ticks(np.zeros(3), 10), "times of shape (3,)"),
    "times as words": (lambda: Events.from_ticks(np.array([["a"]]), 10), "times", "<U1"),
    "a window below zero": (lambda: Events.from_ticks(np.zeros((1, 1)), -1), "window of -1 ticks"),
    "too many ids": (
        lambda: Events.from_ticks(np.zeros((2, 1)), 9, np.zeros(3, np.uint64)).checked(), "3 ids",
    ),
    "images as floats": (
        lambda: latency_encode(np.zeros((1, 4)), 8e-6, 0.2, 100), "images are float64",
    ),
    "an unknown encoding": (
        lambda: latency_encode(np.zeros((1, 4), np.uint8), 8e-6, 0.2, 100, encoding="morse"),
        "latency encoding 'morse' is unknown: choose one of integrator, linear",
    ),
    "images as lists": (lambda: latency_encode([[256]], 8e-6, 0.2, 100), "images", "uint8"),
    "an encoding without time": (
        lambda: latency_encode(np.zeros((1, 4), np.uint8), 0.0, 0.2, 100), "tau_in = 0",
    ),
    "an encoding of NaN": (
        lambda: latency_encode(np.zeros((1, 4), np.uint8), np.nan, 0.2, 100), "tau_in = nan",
    ),
    "a threshold below zero": (
        lambda: latency_encode(np.zeros((1, 4), np.uint8), 8e-6, -0.2, 100), "theta_in = -0.2",
    ),
    "a window of no time": (
        lambda: latency_encode(np.zeros((1, 4), np.uint8), 8e-6, 0.2, 0), "window of 0 ticks",
    ),
    "weights of another network": (
        lambda: Network((4, 3)).load_weights([np.zeros((3, 4), np.float32)]), "(3, 4)",
    ),
    "weights that are NaN": (
        lambda: Network.of([np.full((4, 3), np.nan, np.float32)]), "hold 12 NaN or infinite",
    ),
    "weights of words": (lambda: Network.of([np.full((4, 3), "x")]), "weights of layer 0", "<U1"),
    "weights of no layers": (lambda: Network.of([]), "every layer needs at least one neuron"),
    "weights of three axes": (lambda: Network.of([np.zeros((2, 2, 2))]), "weights of layer 0"),
    "layers that do not fit": (
        lambda: Network.of([np.zeros((4, 3)), np.zeros((2, 2))]), "weights of layer 1",
    ),
    "a training too large": (lambda: trained(hidden=[300]), "needs 630 neuron circuits"),
    "a training from other weights": (
        lambda: Trainer(Config(dataset="digits"), DIGITS, [np.zeros((2, 2), np.float32)]),
        "1 weight matrices given",
    ),
    "a die by its name": (lambda: Chip(Mapping((3, 2)), "ideal"), "str given", "takes a Die"),
    "a network by its sizes": (lambda: Chip((3, 2)), "tuple given", "takes a Mapping"),
    "settings as a table": (
        lambda: Chip(Mapping((3, 2)), None, {}), "dict given", "takes a OperatingPoint",
    ),
    "a correction of words": (
        lambda: Chip(Mapping((3, 2)), correction=np.full(512, "x")), "correction of shape", "<U1",
    ),
    "a trial by name": (
        lambda: Chip(Mapping((3, 2))).run(EVENTS, WEIGHTS, trial="x"), "trial = 'x' is not allowed",
    ),
    "half a thread": (lambda: use_threads(1.5), "threads = 1.5 is not allowed"),
    "threads as a word": (lambda: use_threads("2"), "threads = 2 is not allowed"),
    "a dead circuit by name": (lambda: Die.ideal().with_faults(dead=["x"]), "circuit x is no"),
    "half a dead circuit": (lambda: Die.ideal().with_faults(dead=[1.5]), "circuit 1.5 is no whole"),
    "a rate as a word": (lambda: Die.ideal().with_random_faults(dead="x"), "die rate of dead = x"),
    "an excluded circuit by name": (lambda: Mapping((3, 2), excluded=["x"]), "excluded circuits"),
    "a recipe that is a list": (lambda: recipe([]), "recipe [] is unknown"),
    "a grid without a step": (lambda: EVENTS.on_grid(0.0), "time step dt = 0.0 s is out of range"),
    "a raster with a negative step": (lambda: EVENTS.to_dense(-1.0, 5), "step dt = -1.0 s"),
    "a training of a table": (lambda: Trainer({}, DIGITS), "Trainer of dict", "Config.checked"),
    "a training of a name": (lambda: Trainer(Config(), "digits"), "Trainer of Config and str"),
    "data without images": (
        lambda: own(train_images=DIGITS.train_images[:0]), "train_images are uint8(0, 16, 16)",
    ),
    "data as floats": (lambda: own(test_images=DIGITS.test_images / 255), "images are float64"),
    "data in rows": (
        lambda: own(test_images=DIGITS.test_images.reshape(-1, 256)), "test_images are uint8(",
    ),
    "data with too few labels": (
        lambda: own(train_labels=DIGITS.train_labels[:5]), "train_labels are", "each of the 1438",
    ),
    "data with names for labels": (
        lambda: own(test_labels=DIGITS.test_labels.astype(str)), "test_labels are <U3",
    ),
    "data with a class too many": (
        lambda: own(train_labels=DIGITS.train_labels + 1), "labels range from 1 to 10", "0 to 9",
    ),
    "data of two sizes": (
        lambda: own(test_images=DIGITS.test_images[:, 1:, 1:]), "test images (15, 15)",
    ),
    "an empty drawing": (lambda: from_strokes([], 16), "drawing of 0 points"),
    "a drawing with NaN": (
        lambda: from_strokes([np.array([[0.0, np.nan]])], 16), "coordinates that are not finite",
    ),
    "a drawing too long": (lambda: from_strokes([np.zeros((20_001, 2))], 16), "20001 points"),
    "a picture of one colour": (lambda: from_picture(np.full((9, 9), 7, np.uint8), 16), "colour"),
    "a picture without pixels": (lambda: from_picture(np.zeros((0, 9), np.uint8), 16), "(0, 9)"),
    "a picture in colour": (lambda: from_picture(np.zeros((9, 9, 3), np.uint8), 16), "(9, 9, 3)"),
}  # fmt: skip


@pytest.mark.parametrize(("attempt", "said"), [(v[0], v[1:]) for v in PYTHON.values()], ids=PYTHON)
def test_an_invalid_call_is_refused(attempt, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(attempt, *said, folder=tmp_path)


def png(size=(8, 8), kind="PNG", mode="L"):
    file = BytesIO()
    Image.new(mode, size, 255).save(file, kind)
    return file.getvalue()


PICTURES = {
    "nothing": (b"", "not a readable picture"),
    "text": (b"a digit", "not a readable picture: use PNG or JPEG"),
    "only a beginning": (png()[:20], "not a readable picture"),
    "cut in half": (png((200, 200), mode="RGB")[:-40], "not a readable picture"),
    "damaged": (png().replace(b"IDAT", b"IDAX"), "not a readable picture"),
    "a kind that is not read": (png(kind="TIFF"), "not a readable picture"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "not a readable picture"),
    "PDF": (b"%PDF-1.4\n%%EOF", "not a readable picture"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a readable picture"),
    "an archive": (b"PK\x05\x06" + bytes(18), "not a readable picture"),
    "a pickle": (b"\x80\x04K\x01.", "not a readable picture"),
    "a file too long": (bytes(MAX_BYTES + 1), "use one of", "at most"),
    "a bomb": (png((8000, 8000), mode="1"), "64,000,000 pixels"),
}


@pytest.mark.parametrize(("data", "said"), [(v[0], v[1:]) for v in PICTURES.values()], ids=PICTURES)
def test_an_invalid_picture_is_refused(data, said):
    refused(lambda: from_picture(read_upload(data), 16), *said)


LINKS = """
beta                       | beta= (a number from 0.1 to 200)
beta=                      | beta= (a number
beta=9999                  | beta=9999 (a number
beta=1e400                 | beta=1e400 (a number
beta=1_0                   | beta=1_0 (a number
beta=%D9%A1                | (a number
beta=10&beta=20            | beta=20 (given twice)
batch=1.5                  | batch=1.5 (a whole number from 1 to 10000)
batch=true                 | batch=true (a whole number
side=20                    | side=20 (one of 16, 28)
side=                      | side= (one of 16, 28)
dataset=../../etc          | dataset=../../etc (one of mnist
die=<img src=x onerror=y>  | (one of ideal
hidden=                    | hidden= (a list of whole numbers
hidden=-5                  | hidden=-5 (a list
hidden=0                   | hidden=0 (a list
hidden=1-2-3-4-5-6-7-8-9   | (a list of whole numbers from 1 to 8192, 8 at most
killed=512                 | killed=512 (a list of whole numbers from 0 to 511
killed=1,2                 | killed=1,2 (a list
name=x                     | name=x (no such knob)
param=x                    | param=x (no such knob)
__class__=x                | __class__=x (no such knob)
lr=0.1                     | lr=0.1 (no such knob)
=3                         | =3 (no such knob)
view=cellar                | view=cellar (one of live, chip)
view=                      | view= (one of live, chip)
view=live&view=chip        | view=chip (given twice)
lesson=hard                | lesson=hard (one of too-steep)
hide=walls                 | hide=walls (no such knob: walls
v=7                        | v=7 (one of 1)
seed=%00                   | seed=\\x00 (a whole number
seed=%0A1%1B[2J            | (a whole number
seed=%FF%FE                | (a whole number
die=YYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYY | Y… (one of ideal
"""
CASES = [line.rsplit("|", 1) for line in LINKS.strip("\n").splitlines()]


@pytest.mark.parametrize(("field", "expected"), CASES, ids=[case[0].strip() for case in CASES])
def test_an_invalid_part_of_a_link_is_named_and_ignored(field, expected):
    state = read(f"?mismatch=0.3&{field.strip()}&stretch=0.1", ("live", "chip"), ("too-steep",))
    (said,) = state.ignored
    check_line(said, expected.strip())
    assert (state.settings["mismatch"], state.settings["stretch"]) == (0.3, 0.1)
    config = Config.checked(**state.settings)
    assert read(query(config, "live"), ("live",), ()).settings == config.values()
