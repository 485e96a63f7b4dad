"""The loop learns: full data sets, through the command line, as a user would."""

from dataclasses import asdict

import numpy as np
import pytest
from conftest import real

from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.learn.trainer import Trainer
from snnlab.runs.run import Run
from snnlab.studies.convergence import study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def train(folder, dataset, *flags):
    real(dataset)
    assert main(["train", "--dataset", dataset, *flags, "--out", str(folder)]) == 0
    return [asdict(epoch) for epoch in Run.open(folder).epochs()]


@pytest.mark.parametrize(
    ("mismatch", "epochs", "at_least"), [("0", "7", 0.970), ("0.3", "5", 0.965)]
)
def test_mnist_is_learnt_in_a_few_epochs(mismatch, epochs, at_least, tmp_path):
    flags = ("--epochs", epochs, "--mismatch", mismatch)
    *_, last = train(tmp_path / "run", "mnist", *flags)
    assert last["test_accuracy"] >= at_least
    assert last["test_spikes"] < 100  # bursts that are not unlearnt make it 140 and more


def test_fashion_mnist_is_learnt_in_ten_epochs(tmp_path):
    epochs = train(tmp_path / "run", "fashion-mnist", "--epochs", "10")
    assert epochs[-1]["test_accuracy"] >= 0.850


def test_yin_yang_is_learnt_by_its_recipe(tmp_path):
    assert main(["train", "--recipe", "yin-yang", "--out", str(tmp_path / "run")]) == 0
    *_, last = Run.open(tmp_path / "run").epochs()
    assert last.test_accuracy >= 0.91, "a linear classifier: 66.5 %"


def test_full_size_mnist_is_learnt_in_parts(tmp_path):
    flags = ("--side", "28", "--hidden", "256", "--chips", "4")
    epochs = train(tmp_path / "run", "mnist", *flags, "--epochs", "2")
    assert epochs[-1]["test_accuracy"] >= 0.96


def test_one_and_two_threads_give_the_same_weights(tmp_path):
    """After a whole epoch, bit for bit."""
    kept = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        train(folder, "mnist", "--epochs", "1", "--threads", threads)
        kept.append(np.load(folder / "weights.npz", allow_pickle=False))
    one, two = kept
    for layer in one.files:
        assert one[layer].tobytes() == two[layer].tobytes()


def test_a_calibrated_die_learns_as_well_as_the_preset():
    """Five dies each, one epoch: the means differ by no more than their scatter explains."""
    kinds = {
        "preset": {"die": "calibrated"},
        "measured": {"die": "uncalibrated", "calibration": "measured"},
    }
    accuracy = {name: [] for name in kinds}
    for seed in range(1, 6):
        for name, changes in kinds.items():
            config = Config.checked(dataset="mnist", epochs=1, seed=seed, die_seed=seed, **changes)
            *_, last = Trainer(config, real("mnist"))
            accuracy[name].append(last.evaluation.accuracy)
    preset, measured = accuracy.values()
    scatter = np.sqrt((np.var(preset, ddof=1) + np.var(measured, ddof=1)) / len(preset))
    # 99.9 % of Student's t with 8 degrees of freedom
    assert abs(np.mean(preset) - np.mean(measured)) < 4.5 * scatter + 0.001


def test_half_the_step_of_the_emulation_changes_little(tmp_path):
    """A trained network, from the default step of 425 ns to 212 ns, and to the finest of 53 ns."""
    train(tmp_path / "run", "mnist", "--epochs", "2")
    at = {row.substeps: row for row in study(tmp_path / "run")}
    assert at[4].accuracy > 0.95
    assert 20 < at[4].spikes < 60
    for finer in (8, 32):
        assert abs(at[finer].accuracy - at[4].accuracy) <= 1e-3
        assert abs(at[finer].spikes / at[4].spikes - 1) <= 0.01
