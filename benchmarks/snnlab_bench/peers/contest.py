"""Peers as contenders, each in its own process."""

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.learn.gradient.model import IdealModel
from snnlab_bench.harness import Contender, Seconds
from snnlab_bench.network import Trained

SMALL, LARGE, CHECKED = 100, 1000, 1000
"""Batch sizes of training and small inference, of large inference; number of images compared."""


class PeerError(RuntimeError):
    """A peer is not installed or does not run; the message is the reason in one line."""


class Peer:
    """A library in its own process.

    Its threads sleep while waiting, as snnlab's do; spinning threads would slow down the others.
    """

    def __init__(self, name: str, problem: Path, threads: int):
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe would fill up
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "snnlab_bench.peers.worker", name, problem,
             str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip
        try:
            self._answer()
        except PeerError:
            self.close()
            raise

    def task(self, task: str, repeats: int = 1) -> Contender:
        """The task as a contender."""

        def contender():
            self._process.stdin.write(f"{task} {repeats}\n")
            self._process.stdin.flush()
            return Seconds(*json.loads(self._answer()))

        return contender

    def _answer(self):
        line = self._process.stdout.readline()
        if line:
            return line
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        raise PeerError(f"{self.name} does not run: {said[-1] if said else 'no message'}")

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self._errors.close()


@contextmanager
def peers(trained: Trained, names: list[str], threads: int):
    """Running peers by name, errors of the others by name, and the folder of their results."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        problem = Path(folder) / "problem.npz"
        np.savez(problem, **_problem(trained))
        running, missing = {}, {}
        for name in names:
            try:
                running[name] = Peer(name, problem, threads)
                stack.callback(running[name].close)
            except PeerError as error:
                missing[name] = str(error)
        yield running, missing, Path(folder)


def _problem(trained):
    """Input of the workers; weights are rounded as on the chip."""
    scaled = zip(trained.weights_lsb, trained.network.scales(), strict=True)
    w0, w1 = (w.astype(np.float32) / np.float32(scale) for w, scale in scaled)
    small = trained.images(SMALL)
    return {
        "w0": w0,
        "w1": w1,
        "decay": np.exp(-BRAINSCALES2.dt_cadc / OperatingPoint.tau_mem),
        "jump": IdealModel(OperatingPoint.tau_mem, OperatingPoint.tau_syn).psp(
            BRAINSCALES2.dt_cadc
        ),
        "labels": trained.dataset.test_labels[:SMALL].astype(np.int64),
        "train": _dense(small, BRAINSCALES2.training_samples),
        "small": _dense(small, BRAINSCALES2.inference_samples),
        "large": _dense(trained.images(LARGE), BRAINSCALES2.inference_samples),
        "check": _dense(trained.images(CHECKED), BRAINSCALES2.training_samples),
    }


def _dense(events, steps):
    return np.ascontiguousarray(events.to_dense(BRAINSCALES2.dt_cadc, steps).transpose(1, 0, 2))
