"""Training on a die of one's own: what acts on it, and that a run keeps it."""

from dataclasses import replace

import numpy as np
import pytest
from refusal import refused

from snnlab import Chip, Config, Die, Mapping, SnnlabError, Trainer, load
from snnlab.commands.main import main
from snnlab.learn.state import capture
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, difference, load_weights
from snnlab.runs.training import train
from snnlab.studies.convergence import converge
from snnlab.studies.stress import neuron_death

DIGITS = load("digits")
SMALL = {"dataset": "digits", "hidden": [20], "batch": 500, "epochs": 2, "seed": 3}
DRAWN = Die.draw(seed=9)
MINE = replace(DRAWN, tau_mem=DRAWN.tau_mem[::-1].copy()).with_faults(dead=[3, 5], leaky=[7])


def trainer(die=MINE, **changes):
    return Trainer(Config.checked(**{**SMALL, **changes}), DIGITS, die=die)


def differing(one, two):
    """Names of quantities in which two dies differ."""
    pairs = zip(one.arrays().items(), two.arrays().values(), strict=True)
    return {name for (name, a), b in pairs if not np.array_equal(a, b)}


def test_it_is_the_chips_die_whatever_die_the_knobs_name():
    mine = trainer(die_seed=4, dataset="digits")
    for preset in ("uncalibrated", "ideal"):
        mine.config.set("die", preset)
        assert differing(mine.chip.die, MINE) == set()


def test_a_drawn_die_trains_as_if_the_knobs_had_named_it():
    by_hand, by_knobs = trainer(DRAWN), trainer(None, die_seed=9)
    assert [p.loss for p in by_hand] == [p.loss for p in by_knobs]
    for name, array in capture(by_hand).items():
        np.testing.assert_array_equal(array, capture(by_knobs)[name])


def test_the_other_knobs_act_on_top():
    mine = trainer()
    mine.config.set("killed", [11])
    assert differing(mine.chip.die, MINE) == {"dead"}
    assert np.flatnonzero(mine.chip.die.dead).tolist() == [3, 5, 11]
    mine.config.set("killed", [])
    mine.config.set("stuck", 0.1)
    assert differing(mine.chip.die, MINE) == {"stuck"}
    mine.config.set("stuck", 0.0)
    mine.config.set("mismatch", 0.3)
    deep = mine.chip.die
    assert differing(deep, MINE) == {"tau_mem", "tau_syn", "threshold_lsb"}
    assert deep.gap[7] == pytest.approx(MINE.gap[7])  # its leak stays over its threshold
    mine.config.set("die_seed", 2)
    assert differing(mine.chip.die, deep) == {"tau_mem", "tau_syn", "threshold_lsb"}


def test_calibration_measures_it():
    mine = trainer(calibration="measured")
    after, before = mine.chip.circuits.tau_mem, MINE.tau_mem
    assert differing(mine.chip.die, MINE) == set()
    assert np.std(after) < 0.8 * np.std(before)


@pytest.mark.parametrize("seed", [1, 2])
def test_decalibrated_is_what_a_draw_with_sigma_is(seed):
    drawn = Die.draw("uncalibrated", sigma=0.1, seed=seed)
    plain = Die.draw("uncalibrated", seed=seed)
    deeper = plain.decalibrated(0.1, seed=seed)
    cut = 6  # in a draw both spreads are cut at once
    for name, array in deeper.arrays().items():
        wrong = ~np.isclose(array, drawn.arrays()[name])
        assert wrong.sum() <= cut, name
    assert plain.decalibrated(0.0) is plain
    assert plain.decalibrated({"tau_mem": 0.1}).gain is plain.gain


@pytest.mark.parametrize(
    ("die", "said"),
    [
        ("ideal", "a die of type str: give a Die"),
        (7, "a die of type int"),
        (Chip(Mapping((3, 2))), "a die of type Chip"),
        (replace(MINE, tau_mem=MINE.tau_mem[:9]), "die: tau_mem has shape (9,), expected (512,)"),
        (replace(MINE, gain=np.full((2, 512), np.nan)), "die: gain holds nan, expected 0.2 to 3"),
        (replace(MINE, leak_lsb=np.full(512, 300.0)), "die: leak_lsb holds 300, expected -255"),
        (replace(MINE, dead=np.full(512, 2)), "die: dead is int64, expected bool"),
        (replace(MINE, stuck=np.full(MINE.stuck.shape, 64)), "die: stuck holds 64, expected -1"),
        (replace(MINE, tau_syn=None), "die: tau_syn: this NoneType is not an array"),
    ],
)
def test_a_die_that_is_none(die, said):
    refused(lambda: trainer(die), said)


def test_a_die_of_lists_is_a_die():
    listed = replace(MINE, tau_mem=MINE.tau_mem.tolist(), dead=MINE.dead.astype(int).tolist())
    assert differing(trainer(listed).chip.die, MINE) == set()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: Config(die=MINE),
        lambda: Config.checked(die=MINE),
        lambda: setattr(trainer(), "chip", Chip(Mapping((256, 20, 10)), MINE)),
    ],
)
def test_the_ways_that_do_not_lead_there_name_the_one_that_does(attempt):
    refused(attempt, "Trainer(config, data, die=…)")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run of three steps on a die of one's own."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    recorder = Recorder(folder, trainer())
    for _ in range(4):
        recorder.advance()
    recorder.save()
    return recorder


def test_a_run_keeps_it_and_goes_on_to_the_bit(kept):
    run = Run.open(kept.folder)
    assert differing(run.own_die(), MINE) == set()
    assert run.own_die().fingerprint == MINE.fingerprint == run.record["own_die"]
    whole, resumed = trainer(), Recorder.resume(run, DIGITS)
    expected = list(whole)
    while not resumed.trainer.finished:
        last = resumed.advance()
    assert (last.loss, last.evaluation) == (expected[-1].loss, expected[-1].evaluation)
    for name, array in capture(whole).items():
        np.testing.assert_array_equal(array, capture(resumed.trainer)[name])


def test_studies_of_a_run_use_it(kept):
    run, weights = Run.open(kept.folder), load_weights(kept.folder)
    again = Trainer(run.config, DIGITS, weights, run.own_die())
    again.step = run.record["steps"]  # its noise is that of the last test
    expected = again.evaluate()
    (row,) = converge(run.config, DIGITS, weights, (4,), run.own_die(), again.step)
    assert (row.accuracy, row.spikes) == (expected.accuracy, expected.spikes)
    table = neuron_death(run, (0.0,), 1, workers=0)
    assert table["accuracy"] == [expected.accuracy]
    assert table["spikes"] == [expected.spikes]


def test_it_is_told_and_compared(kept, tmp_path, capsys):
    run, other = Run.open(kept.folder), tmp_path / "other"
    Recorder(other, trainer(None))
    assert main(["runs", "--root", str(kept.folder.parent), "show", "mine"]) == 0
    assert f"on a die of its own, {MINE.fingerprint}" in capsys.readouterr().out
    assert difference([run, Run.open(other)])["own die"] == [MINE.fingerprint, None]
    assert run.row()["own_die"] == MINE.fingerprint
    assert "own_die" not in Run.open(other).row()
    assert Run.open(other).own_die() is None
    assert not (other / "own_die.npz").exists()


@pytest.mark.parametrize("damage", ["missing", "another", "text"])
def test_a_run_that_lost_it_says_so(kept, tmp_path, damage):
    run = Run.open(kept.folder)
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in run.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if damage == "missing":
        (folder / "own_die.npz").unlink()
    elif damage == "another":
        DRAWN.save(folder / "own_die.npz")
    else:
        (folder / "own_die.npz").write_text("a die")
    refused(lambda: Recorder.resume(Run.open(folder), DIGITS), "own_die.npz", folder=folder)


def test_train_takes_it(tmp_path):
    config = Config.checked(**{**SMALL, "batch": 1000, "epochs": 1})
    assert train(config, str(tmp_path / "run"), die=MINE)
    assert differing(Run.open(str(tmp_path / "run")).own_die(), MINE) == set()
    with pytest.raises(SnnlabError, match="a die of type str"):
        train(config, tmp_path / "none", die="ideal")
    assert not (tmp_path / "none").exists()
