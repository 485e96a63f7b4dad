"""Dies on disk, and the dies that are refused."""

import pickle
from dataclasses import fields

import numpy as np
import pytest

from snnlab.chip.die import Die
from snnlab.chip.fabrication import (
    SPREADS,
)
from snnlab.errors import SnnlabError

FAULTS = ("dead", "stuck")
QUANTITIES = tuple(SPREADS["calibrated"])


# On disk


@pytest.fixture
def saved(tmp_path):
    """A die, and the file it was saved to."""
    die = Die.draw("uncalibrated", sigma=0.5, seed=6)
    die = die.with_random_faults(dead=0.1, leaky=0.1, stuck=0.1)
    die.save(tmp_path / "die.npz")
    return die, tmp_path / "die.npz"


def test_a_saved_die_is_the_same_die(saved):
    die, path = saved
    again = Die.load(path)
    assert die.truncated > 0
    for field in fields(Die):
        mine, theirs = getattr(die, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(mine, theirs)
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype


def test_arrays_are_what_makes_a_die_again(saved):
    die, _ = saved
    assert set(die.arrays()) == {*QUANTITIES, *FAULTS}
    again = Die(**die.arrays(), truncated=die.truncated)
    assert all((getattr(again, name) == getattr(die, name)).all() for name in die.arrays())


def test_a_die_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(SnnlabError, match=r"die .* cannot be written: No such file"):
        Die.ideal().save(tmp_path / "nowhere" / "die.npz")


def rewritten(path, **changes):
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"gain": np.ones((2, 256))}, r"gain has shape \(2, 256\), expected \(2, 512\)"),
        ({"truncated": np.zeros(3, int)}, r"truncated has shape \(3,\)"),
        ({"tau_mem": np.full(512, np.nan)}, "tau_mem holds NaN, infinity or non-numeric"),
        ({"tau_syn": np.full((2, 512), np.inf)}, "tau_syn holds NaN, infinity or non-numeric"),
        ({"dead": np.full(512, "no")}, "dead holds NaN, infinity or non-numeric"),
        ({"stuck": None}, r"not an npz file of .*stuck.* \(KeyError\)"),
        ({"leak_lsb": np.array([None] * 512)}, "leak_lsb holds NaN, infinity or non-numeric"),
        ({"dead": np.zeros(512)}, "dead is float64, expected bool"),
        ({"dead": np.zeros(512, np.uint8)}, "dead is uint8, expected bool"),
        ({"tau_mem": np.full(512, -1.0)}, r"tau_mem holds -1, expected 0\.2 to 3"),
        ({"tau_mem": np.full(512, 100.0)}, r"tau_mem holds 100, expected 0\.2 to 3"),
        ({"stuck": np.full((256, 512), 64, np.int8)}, "stuck holds 64, expected -1 to 63"),
        ({"leak_lsb": np.full(512, 1e6)}, r"leak_lsb holds 1e\+06, expected -255 to 255"),
    ],
)
def test_a_damaged_die_is_one_error(saved, changes, complaint):
    _, path = saved
    rewritten(path, **changes)
    with pytest.raises(SnnlabError, match=rf"^die .*die\.npz: .*{complaint}") as error:
        Die.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip file", pickle.dumps({"tau_mem": 1}), b"PK\x03\x04" + b"\0" * 40, None],
    ids=["empty", "text", "pickle", "half a zip", "missing"],
)
def test_what_is_no_die_is_one_error(content, tmp_path):
    path = tmp_path / "die.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SnnlabError, match=r"^die .*die\.npz: (not an npz file|no such file)"):
        Die.load(path)


def test_a_single_array_is_no_die(tmp_path):
    np.save(tmp_path / "die.npy", np.ones(512))
    with pytest.raises(SnnlabError, match=r"^die .*die\.npy: not an npz file"):
        Die.load(tmp_path / "die.npy")


# What is refused


def test_unknown_presets_are_named():
    with pytest.raises(
        SnnlabError, match=r"die preset 'broken' is unknown: use one of .*calibrated"
    ):
        Die.draw("broken")


def test_unknown_quantities_are_named():
    with pytest.raises(SnnlabError, match=r"die mismatch of 'gain' is unknown: use one of tau_mem"):
        Die.draw(sigma={"gain": 0.1})


@pytest.mark.parametrize("sigma", [-0.1, 0.51, np.nan])
@pytest.mark.parametrize("name", [None, "gap"])
def test_impossible_mismatch_is_named(sigma, name):
    with pytest.raises(SnnlabError, match=rf"die mismatch {sigma} is outside 0 to 0\.5"):
        Die.draw(sigma={name: sigma} if name else sigma)
