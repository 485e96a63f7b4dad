"""A peer in its own process.

``python -m snnlab_bench.peers.worker PEER PROBLEM.npz THREADS`` reads lines ``task repeats`` from
standard input and answers each with the time of one run : s, as a line of JSON.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

from snnlab_bench.harness import timed
from snnlab_bench.peers.networks import PEERS, loss

COMPILED = " compiled"
"""Suffix of a peer's name that selects torch.compile."""


class Tasks:
    """The tasks of a peer.

    problem : npz with weights ``w0``, ``w1`` float32[input, neuron], ``decay``, ``jump``; spikes
    uint8[step, image, channel] ``train``, ``small``, ``large``, ``check``; ``labels`` int64[image].
    """

    def __init__(self, name: str, problem: Path):
        with np.load(problem, allow_pickle=False) as file:
            given = {key: file[key] for key in file.files}
        weights = [torch.from_numpy(given[key]) for key in ("w0", "w1")]
        self.model = PEERS[name.removesuffix(COMPILED)](
            weights, float(given["decay"]), float(given["jump"])
        )
        self._forward = torch.compile(self.model) if name.endswith(COMPILED) else self.model
        self.spikes = {
            key: torch.from_numpy(given[key]).float()
            for key in ("train", "small", "large", "check")
        }
        self._labels = torch.from_numpy(given["labels"])
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=0.0)
        self._answers = problem.with_name(f"{name}.npz")

    def step(self):
        """Forward pass, backward pass and Adam on one batch."""
        self._optimizer.zero_grad()
        traces, spikes = self._forward(self.spikes["train"])
        loss(traces, spikes, self._labels, self.model.hidden.weight).backward()
        self._optimizer.step()

    @torch.no_grad()
    def infer(self, key):
        """Predicted class of each image."""
        return self._forward(self.spikes[key])[0].amax(0).argmax(1)

    @torch.no_grad()
    def check(self):
        """Save spike counts and predictions for comparison."""
        traces, spikes = self._forward(self.spikes["check"])
        np.savez(
            self._answers, counts=spikes.sum(0).numpy(), answers=traces.amax(0).argmax(1).numpy()
        )

    def work(self, task):
        """The function of a task."""
        return {"step": self.step, "check": self.check}.get(task, lambda: self.infer(task))


def main(name: str, problem: str, threads: str) -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not be mistaken for an answer
    torch.set_num_threads(int(threads))
    tasks = Tasks(name, Path(problem))
    print("ready", file=answers)
    for line in sys.stdin:
        task, repeats = line.split()
        print(json.dumps(timed(tasks.work(task), int(repeats))()), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
