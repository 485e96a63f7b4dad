"""Without torch: everything but a network as a function of torch works."""

import subprocess
import sys

import pytest

BLOCKED = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"


@pytest.fixture
def snnlab(tmp_path, monkeypatch):
    """Runs Python with these arguments where torch cannot be imported; returns what it printed."""
    (tmp_path / "torch.py").write_text(BLOCKED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(*arguments):
        ran = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


def test_it_trains_goes_on_classifies_and_exports(snnlab, tmp_path):
    run = ("-m", "snnlab")
    quick = ("--dataset", "digits", "--hidden", "20", "--epochs", "1", "--out", "run")
    assert "test" in snnlab(*run, "train", *quick)
    assert "test" in snnlab(*run, "runs", "resume", "run", "--epochs", "2")
    snnlab(*run, "export", "run", "net.nir")
    assert (tmp_path / "net.nir").stat().st_size > 10_000
    assert "threshold" in snnlab(*run, "gradients", "run")


def test_a_network_as_a_function_of_torch_says_what_it_needs(snnlab):
    said = snnlab("-c", (
        "from snnlab import SnnlabError\n"
        "from snnlab.learn.network import Network\n"
        "try: Network((4, 3, 2)).parameters()\n"
        "except SnnlabError as error: print(error)"
    ))  # fmt: skip
    assert "needs PyTorch, and Trainer(…) does without: pip install" in said


def test_a_training_loads_no_torch_though_it_is_there():
    code = (
        "import sys; from snnlab import Config, Trainer, load\n"
        "trainer = Trainer(Config.checked(dataset='digits', hidden=[20]), load('digits'))\n"
        "next(iter(trainer)); trainer.evaluate(); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
