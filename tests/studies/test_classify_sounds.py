"""From the command line: a training on spoken digits, a resumed one on a user's spikes, and sounds
that a stored run decides on.
"""

import csv
import json

import numpy as np
import pytest
from recordings import flat, recordings
from refusal import refused, refused_command
from sounds import digest, make_wavs, wav, word

import snnlab
from snnlab.chip import power
from snnlab.commands.main import main
from snnlab.data.published import spoken_digits
from snnlab.files import npz, write_whole
from snnlab.learn.trainer import Trainer
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, data_of
from snnlab.studies.classifier import Classifier

WAVS = make_wavs()
TEST = [name for name in sorted(WAVS) if int(name.split("_")[2][:-4]) < 5]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Recordings in a folder, as the data set, and a cache of their own."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "recordings").mkdir()
    for name, content in WAVS.items():
        (folder / "recordings" / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spoken_digits, "DIGEST", digest(WAVS))
        patch.setenv("SNNLAB_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def run(home):
    """A run that was trained from the command line on two digits."""
    arguments = ["--hidden", "20", "--epochs", "15", "--batch", "4", "--duration", "0.25",
                 "--readout", "sum", "--learning-rate", "5e-3", "--seed", "2"]  # fmt: skip
    folder = home / "run"
    done = main(["train", "--dataset", "spoken-digits", "--data-dir", str(home), "--out",
                 str(folder), *arguments])  # fmt: skip
    assert done == 0
    return Run.open(folder)


def test_a_training_from_the_command_line_learns(run, capsys):
    assert run.record["network"] == "70-20-10"
    assert run.epochs()[-1].test_accuracy > 0.9
    assert main(["runs", "show", str(run.folder)]) == 0
    assert "spoken-digits" in capsys.readouterr().out


def test_sounds_are_decided_on_as_in_the_runs_own_evaluation(run, home):
    trainer = Trainer(run.config, data_of(run, home))
    weights = np.load(run.folder / "weights.npz")
    trainer.network.load_weights([weights["layer_0"], weights["layer_1"]])
    (_, recording), = trainer.recordings()  # fmt: skip
    names = sorted(TEST, key=lambda name: name.split("_")[:2])
    decided = [d.label for d in snnlab.classify(run, [WAVS[name] for name in names])]
    by_trainer = [str(k) for k in trainer.scores(recording).argmax(1)]
    # Trial noise differs, as a sound's follows its content.
    assert np.mean([a == b for a, b in zip(decided, by_trainer, strict=True)]) >= 0.9
    right = [name[0] == label for name, label in zip(names, decided, strict=True)]
    assert np.mean(right) > 0.9


def test_a_decision_does_not_depend_on_what_is_decided_with_it(run):
    classifier = Classifier(run)
    heard = [classifier.read(WAVS[name]) for name in TEST[:4]]
    together = list(classifier.decide(heard))
    assert [next(classifier.decide([one])) for one in heard] == together


def test_time_and_energy_are_those_of_the_whole_sound(run):
    (decision,) = snnlab.classify(run, WAVS[TEST[0]])
    lasts = 0.25 / 2000.0
    assert 0.0 < decision.time <= lasts + 1.7e-6
    assert decision.energy == pytest.approx(power.estimation.PUBLISHED_POWER * lasts, rel=0.2)


def test_classify_prints_a_line_per_sound(run, home, capsys):
    assert main(["classify", str(run.folder), str(home / "recordings")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["sound", "class"]
    assert len(lines) == 1 + len(WAVS)


def test_classify_writes_a_table(run, home, tmp_path):
    given = home / "recordings" / TEST[0]
    assert main(["classify", str(run.folder), str(given), "--csv", str(tmp_path / "a.csv")]) == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["sound"] == str(given)
    assert row["class"] in "01"
    assert float(row["energy_uJ"]) > 0


def test_files_that_are_no_digit_are_one_line_each(run, tmp_path, capsys):
    contents = {
        "song.wav": b"ID3\x04" + bytes(500), "silence.wav": wav(np.zeros(8_000)),
        "speech.wav": wav(np.tile(word(), 200)), "text.wav": b"hello",
    }  # fmt: skip
    said = {"song.wav": "is an MP3 file", "silence.wav": "the sound is silent",
            "speech.wav": "holds 80.0 s of sound", "text.wav": "not a wav file"}  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        refused_command(capsys, "classify", run.folder, tmp_path / name, said=(name, said[name]))
    (tmp_path / "none").mkdir()
    refused_command(
        capsys, "classify", run.folder, tmp_path / "none", said=("there are no sounds in",)
    )


def test_a_run_tests_a_held_out_speaker_and_still_classifies(home):
    folder = home / "held-out"
    done = main(
        ["train", "--dataset", "spoken-digits", "--data-dir", str(home), "--out", str(folder),
         "--held-out", "4", "--hidden", "10", "--epochs", "1", "--duration", "0.2"]
    )  # fmt: skip
    assert done == 0
    assert json.loads((folder / "config.json").read_text())["settings"]["held_out"] == [4]
    assert len(snnlab.classify(folder, WAVS[TEST[0]])) == 1


def test_the_map_has_an_input_for_each_channel(tmp_path, capsys):
    write_whole(tmp_path / "mine.npz", npz({**flat(channels=30), "channels": np.array(30)}))
    mine = ["--dataset", "spikes", "--data-dir", str(tmp_path / "mine.npz")]
    for data, network in (
        (["--dataset", "spoken-digits"], "70-186-10"), (["--dataset", "shd"], "70-186-20"),
        (mine, "30-186-2"),
    ):  # fmt: skip
        assert main(["map", *data, "--hidden", "186"]) == 0
        assert capsys.readouterr().out.startswith(f"network {network}\n")


# ── a user's spikes ──


def test_a_training_on_a_users_spikes_is_resumed_where_they_are(tmp_path, capsys):
    write_whole(tmp_path / "mine.npz", npz(flat(n=40)))
    arguments = ["--dataset", "spikes", "--data-dir", str(tmp_path / "mine.npz")]
    settings = ["--hidden", "10", "--epochs", "2", "--batch", "8", "--duration", "0.1"]
    for name, changed in (("whole", []), ("cut", ["--epochs", "1"])):
        out = ["--out", str(tmp_path / name)]
        assert main(["train", *arguments, *out, *settings, *changed, "--schedule", "constant"]) == 0
    assert main(["runs", "resume", str(tmp_path / "cut"), "--epochs", "2"]) == 0
    a, b = (np.load(tmp_path / name / "weights.npz") for name in ("whole", "cut"))
    for layer in a.files:
        np.testing.assert_array_equal(a[layer], b[layer])
    run = Run.open(tmp_path / "cut")
    assert (run.place, run.look) == (str(tmp_path / "mine.npz"), None)
    refused(lambda: Classifier(run), "was trained on recorded spikes (spikes)")
    capsys.readouterr()
    assert main(["data", "spikes", "--data-dir", str(tmp_path / "mine.npz")]) == 0
    assert "32 training and 8 test recordings of 2 classes" in capsys.readouterr().out


def test_a_wrong_file_ends_a_training_before_it_begins(tmp_path, capsys):
    write_whole(tmp_path / "mine.npz", npz({**flat(), "labels": np.full(10, -1)}))
    refused_command(
        capsys, "train", "--dataset", "spikes", "--data-dir", tmp_path / "mine.npz", "--out",
        tmp_path / "run", said=("mine.npz", "labels range from -1"), folder=tmp_path,
    )  # fmt: skip
    refused_command(
        capsys, "train", "--dataset", "spikes", "--out", tmp_path / "run",
        said=("data set spikes is your own: give its path by --data-dir",), folder=tmp_path,
    )  # fmt: skip


def test_a_run_keeps_how_recordings_are_varied(tmp_path):
    """Resumed in the middle of an epoch with every variation, the weights are the same."""
    data = recordings(n=60)
    settings = {
        "hidden": [10], "batch": 7, "epochs": 2, "duration": 0.2, "dataset": "spikes",
        "shift": 1.0, "stretch": 0.1, "channel_noise": 1.0, "blend": 0.5,
    }  # fmt: skip
    whole = Trainer(snnlab.Config.checked(**settings), data)
    for _ in whole:
        pass
    recorder = Recorder(tmp_path / "run", Trainer(snnlab.Config.checked(**settings), data))
    for _ in range(3):
        recorder.advance()
    recorder.save()
    again = Recorder.resume(Run.open(tmp_path / "run"), data)
    while not again.trainer.finished:
        again.advance()
    for mine, theirs in zip(again.trainer.network.arrays(), whole.network.arrays(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
