"""A trained network on other dies, and with neurons that died."""

import numpy as np
import pytest

from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run
from snnlab.runs.tables import read_table
from snnlab.seeding import stream
from snnlab.studies.stress import neuron_death, robustness, transfer, without


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that has learnt the digits on die 7."""
    config = Config.checked(
        dataset="digits", hidden=[60], epochs=3, die_seed=7, mismatch=0.2, learning_rate=5e-3
    )
    folder = tmp_path_factory.mktemp("robust") / "run"
    recorder = Recorder(folder, Trainer(config, load("digits")))
    while not recorder.trainer.finished:
        recorder.advance()
    return Run.open(folder)


def test_on_its_own_die_it_is_as_good_as_trained(run):
    table = robustness(run, n_dies=2, sigmas=(0.2, 0.5), workers=0)
    assert (table["sigma"], table["die_seed"]) == ([0.2, 0.2, 0.5, 0.5], [7, 8, 7, 8])
    trained = run.record["summary"]["test_accuracy"]
    accuracy = table["accuracy"]
    assert accuracy[0] == trained, "with the noise of its own last test"
    assert accuracy[0] > accuracy[1] > accuracy[3], "a foreign die costs, a worse one more"


def test_training_in_the_loop_adapts_to_a_foreign_die(run):
    as_is = robustness(run, n_dies=2, sigmas=(0.5,), workers=0)["accuracy"][1]
    adapted = robustness(run, n_dies=2, sigmas=(0.5,), epochs=2, workers=0)["accuracy"][1]
    assert adapted > as_is + 0.1


def test_what_is_trained_on_a_die_serves_best_there(run):
    table = transfer(run, n_dies=2, workers=0)
    assert list(zip(table["trained_on"], table["tested_on"], strict=True)) == [
        (7, 7), (7, 8), (8, 7), (8, 8),
    ]  # fmt: skip
    matrix = np.reshape(table["accuracy"], (2, 2))
    assert matrix[0, 0] > matrix[0, 1]
    assert matrix[1, 1] > matrix[1, 0]


def test_dying_neurons_cost_accuracy_and_spikes(run):
    table = neuron_death(run, shares=(0.0, 0.5, 1.0), draws=2, workers=0)
    accuracy, spikes = (np.reshape(table[name], (3, 2)) for name in ("accuracy", "spikes"))
    trained = run.record["summary"]["test_accuracy"]
    assert accuracy[0, 0] == accuracy[0, 1] == trained, "nobody dies in either draw"
    assert accuracy[1, 0] != accuracy[1, 1], "others die in another draw"
    assert (np.diff(accuracy.mean(axis=1)) < 0).all()
    assert (np.diff(spikes.mean(axis=1)) < 0).all()
    assert accuracy[2].mean() < 0.2, "no hidden neuron, no more than chance"


def test_on_one_chip_silent_neurons_are_dead_circuits():
    config = Config.checked(
        dataset="digits", hidden=[60, 40], epochs=2, learning_rate=5e-3, killed=[3, 70]
    )
    trainer = Trainer(config, load("digits"))
    *_, _ = trainer
    for share, draw in ((0.0, 0), (0.3, 0), (0.3, 1)):
        found = without(trainer, share, draw)
        own = np.concatenate([circuits[:, 0] for circuits in trainer.mapping.circuits[:-1]])
        order = stream(config.seed, "silenced", draw).permutation(own)
        trainer.config.set("killed", sorted({3, 70, *order[: round(share * 100)].tolist()}))
        assert found == trainer.evaluate(), "as published"
        trainer.config.set("killed", [3, 70])


def test_as_many_neurons_are_silent_in_a_network_of_several_parts():
    config = Config.checked(dataset="digits", hidden=[300], chips=2, die="ideal")
    trainer = Trainer(config, load("digits"), [np.full((256, 300), 0.1), np.zeros((300, 10))])
    assert trainer.mapping.n_parts == 2
    all_of_them, half = (without(trainer, share, 0).spikes for share in (0.0, 0.5))
    assert half == pytest.approx(all_of_them / 2, rel=0.02), "all neurons have the same weights"
    assert without(trainer, 1.0, 0).spikes == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: robustness(run, n_dies=0), "n_dies = 0 is not allowed"),
        (
            lambda run: robustness(run, n_dies=10**9),
            "n_dies = 1000000000 is not allowed: 1 to 1000",
        ),
        (lambda run: robustness(run, epochs=-1), "epochs = -1 is not allowed: 0 to 1000"),
        (lambda run: robustness(run, sigmas=(0.7,)), "mismatch = 0.7 is not allowed"),
        (lambda run: neuron_death(run, shares=(1.5,)), "share of silent neurons = 1.5"),
        (lambda run: neuron_death(run, draws=0), "draws = 0 is not allowed"),
        (lambda run: neuron_death(run, draws=2.5), "draws = 2.5 is not allowed"),
        (lambda run: neuron_death(run, ()), r"shares = \(\) is not allowed: give numbers"),
        (lambda run: robustness(run, "2", (0.0,)), "n_dies = 2 is not allowed"),
        (lambda run: robustness(run, 1, 0.2), "sigmas = 0.2 is not allowed: give numbers"),
    ],
)
def test_what_cannot_be_tested_is_said(run, call, said):
    with pytest.raises(SnnlabError, match=said):
        call(run)


COMMANDS = {
    "robustness": (("--dies", 2, "--sigmas", "0.2,0.5"), robustness,
                   {"n_dies": 2, "sigmas": (0.2, 0.5)}),
    "transfer": (("--dies", 2), transfer, {"n_dies": 2}),
    "neuron-death": (("--shares", "0,0.5", "--draws", 2), neuron_death,
                     {"shares": (0.0, 0.5), "draws": 2}),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_tells_and_writes_what_the_call_returns(run, command, capsys, tmp_path):
    flags, study, options = COMMANDS[command]
    out = tmp_path / "table.parquet"
    told = [command, run.folder, *flags, "--workers", 0, "--export", out]
    assert main([str(argument) for argument in told]) == 0
    table = study(run, workers=0, **options)
    assert read_table(out) == table
    printed = capsys.readouterr().out
    if command == "transfer":
        for accuracy in table["accuracy"]:
            assert f"{accuracy:.2%}" in printed
        return
    first, last = np.reshape(table["accuracy"], (2, 2))
    lines = printed.splitlines()[1:]
    for line, found in zip(lines, (first, last), strict=True):
        shares = [f"{v:.2%}" for v in (found.mean(), found.min(), found.max())]
        assert line.split()[1:4] == shares


def test_every_test_that_ended_is_told(run):
    told = []
    neuron_death(run, shares=(0.0, 1.0), draws=1, workers=0, tell=lambda *said: told.append(said))
    assert told == [("1 of 2 tests", 0.5), ("2 of 2 tests", 1.0)]
