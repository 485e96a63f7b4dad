"""Lists, tensors and arrays of other types are converted if no value changes."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import torch
from refusal import refused

from snnlab import (
    Chip,
    Config,
    Events,
    Mapping,
    Network,
    OperatingPoint,
    SnnlabError,
    Trainer,
    load,
)
from snnlab.arrays import as_array

DIGITS = load("digits")
IMAGES, LABELS = DIGITS.train_images, DIGITS.train_labels
ARRAY_LIKES = {
    "list": lambda given: given.tolist(),
    "tuple": lambda given: tuple(map(tuple, given)) if given.ndim == 2 else tuple(given),
    "tensor": torch.tensor,
    "int64": lambda given: given.astype(np.int64),
    "float": lambda given: given.astype(float),
}
each_kind = pytest.mark.parametrize("kind", ARRAY_LIKES.values(), ids=ARRAY_LIKES)


def same(one, two):
    np.testing.assert_array_equal(one, two)
    return one.dtype == two.dtype


@each_kind
def test_pictures_and_labels(kind):
    given = replace(DIGITS, train_images=kind(IMAGES[:9]), train_labels=kind(LABELS[:9])).checked()
    assert same(given.train_images, IMAGES[:9])
    assert given.train_labels.dtype.kind in "iu"
    assert given.train_labels.tolist() == LABELS[:9].tolist()
    trainer = Trainer(Config(dataset="digits"), given)
    assert trainer.advance().labels.tolist() != []


@pytest.mark.parametrize("kind", [pd.Series, pd.Categorical])
def test_labels_of_a_table(kind):
    assert replace(DIGITS, train_labels=kind(LABELS)).checked().train_labels.tolist() == [*LABELS]


def test_true_is_bright():
    given = replace(DIGITS, test_images=torch.tensor(DIGITS.test_images > 99)).checked()
    assert same(given.test_images, np.where(DIGITS.test_images > 99, 255, 0).astype(np.uint8))


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("train_images", torch.tensor(IMAGES) / 255, "float32(1438, 16, 16)"),
        ("train_images", IMAGES + 0.5, "train_images are float64"),
        ("train_images", IMAGES.astype(int) - 1, "train_images are int64"),
        ("train_images", [[[1, 2], [3]]], "train_images: this list is not an array"),
        ("train_labels", LABELS + 0.5, "train_labels are float64"),
        ("train_labels", np.eye(10)[LABELS], "train_labels are int64(1438, 10)"),
        ("test_labels", None, "test_labels: this NoneType is not an array"),
        ("classes", 10, "classes = 10, give one name per class"),
    ],
)
def test_data_that_would_change_are_refused(part, value, said):
    refused(lambda: replace(DIGITS, **{part: value}).checked(), "data set digits: ", said)


def test_class_names_of_any_type_become_strings():
    assert replace(DIGITS, classes=range(10)).classes == tuple("0123456789")


EVENTS = Events(
    np.array([0, 2, 3]), np.array([1, 5, 2], np.uint16), np.array([0, 2, 1], np.uint16), 3,
    np.array([7, 8], np.uint64),
)  # fmt: skip


@each_kind
def test_events(kind):
    given = Events(*(kind(v) if isinstance(v, np.ndarray) else v for v in vars(EVENTS).values()))
    for field in fields(given.checked()):
        assert same(np.asarray(getattr(given, field.name)), np.asarray(getattr(EVENTS, field.name)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tick": [1, 2.5, 3]}, "Events.tick is float64 from 1.0 to 3.0"),
        ({"channel": [0, -1, 0]}, "Events.channel is int64 from -1"),
        ({"ids": [-1, 0]}, "Events.ids are int64: give uint64"),
        ({"tick": ["a", "b", "c"]}, "Events.tick is <U1"),
        ({"offsets": [[0], [1, 2]]}, "Events.offsets: this list is not an array"),
    ],
)
def test_events_that_would_change_are_refused(change, said):
    refused(lambda: replace(EVENTS, **change).checked(), said)


@each_kind
def test_times(kind):
    times = np.array([[1, 2, 9], [5, 4, 3]])
    given, expected = Events.from_ticks(kind(times), 8), Events.from_ticks(times, 8)
    assert same(given.tick, expected.tick)
    assert same(given.channel, expected.channel)


LSB = [np.array([[60, -9], [60, 63], [50, 8]], np.int8), np.array([[9], [-63]], np.int8)]
CHIP = Chip(Mapping((3, 2, 1)))


@each_kind
def test_weights_on_the_chip(kind):
    weights = list(map(kind, LSB))
    if kind is ARRAY_LIKES["float"]:  # may be in another unit
        refused(lambda: CHIP.run(EVENTS, weights), "layer 0: float64 from -9.0 to 63.0", "int8")
        return
    silent = kind(np.array([True, False]))
    given = CHIP.run(EVENTS, weights, trial=np.int64(10**9), silent=[silent])
    expected = CHIP.run(EVENTS, LSB, trial=10**9, silent=(np.array([True, False]),))
    assert same(given.cadc[1], expected.cadc[1])
    assert same(given.spikes[0].tick, expected.spikes[0].tick)


@each_kind
def test_weights_to_start_from(kind):
    network = Network.of([kind(w) for w in LSB])
    for mine, given in zip(network.arrays(), LSB, strict=True):
        assert same(mine, given.astype(np.float32))
    again = Network.of(network.parameters())  # tensors with gradients
    assert same(again.arrays()[0], network.arrays()[0])


@pytest.mark.parametrize("weights", ["runs/a", 5, {"layer_0": LSB[0]}, None])
@pytest.mark.parametrize("take", [Network.of, lambda weights: CHIP.run(EVENTS, weights)])
def test_weights_that_are_not_a_list_are_refused(take, weights):
    refused(lambda: take(weights), f"weights are a {type(weights).__name__}: give a list")


@pytest.mark.parametrize("weights", [[np.zeros(3)], [np.float32(1)]])
def test_weights_with_too_few_axes_are_refused(weights):
    refused(lambda: Network.of(weights), "every layer needs at least one neuron")


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("hidden", (100, 50), [100, 50]), ("hidden", 100, [100]), ("hidden", np.int64(9), [9]),
        ("hidden", np.array([100, 50]), [100, 50]), ("hidden", torch.tensor([5]), [5]),
        ("hidden", [np.int32(7), 8], [7, 8]), ("killed", range(3), [0, 1, 2]),
        ("killed", np.arange(2), [0, 1]), ("killed", (), []), ("batch", np.uint8(20), 20),
        ("beta", np.float32(3), 3.0), ("side", np.int64(28), 28),
    ],
)  # fmt: skip
def test_knobs_hold_python_values_however_they_are_set(name, given, value):
    configs = Config(**{name: given}), Config.checked(**{name: given}), Config()
    setattr(configs[2], name, given)
    for found in (getattr(config, name) for config in configs):
        assert (found, type(found)) == (value, type(value))
        assert not isinstance(found, list) or {int} >= set(map(type, found))


def test_a_knob_copies_a_list():
    config = Config(hidden=(given := [5]))
    given.append(6)
    assert config.hidden == [5]


def test_a_knob_set_by_assignment_is_checked():
    config = Config()
    for turn in (lambda: Config(batch="many"), lambda: setattr(config, "batch", "many")):
        refused(turn, "batch = many is not allowed: a whole number from 1 to 10000")
    assert config.batch == 100


def test_an_operating_point_holds_python_numbers():
    point = OperatingPoint(tau_mem=np.float64(6e-6), samples=np.int64(9), substeps=4.0)
    assert (point, type(point.tau_mem)) == (OperatingPoint(samples=9), float)
    assert (type(point.samples), type(point.substeps)) == (int, int)


def test_other_types_are_refused():
    with pytest.raises(SnnlabError, match="picture: this set is not an array"):
        as_array({1, 2}, "picture")
