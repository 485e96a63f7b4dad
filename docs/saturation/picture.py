"""Accuracy over the limit of the synaptic inputs: ``python docs/saturation/picture.py`` draws
saturation.png and prints the table of docs/emulator.md.

With ``--train`` it first trains the paper's networks at six limits with three seeds each, half an
hour on one core, and writes saturation.parquet. Trainings in that file are not repeated. Needs the
extra ``notebooks`` and Fashion-MNIST.
"""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from snnlab import Trainer, load, recipe
from snnlab.chip.saturation import measure_saturation
from snnlab.chip.threads import use_threads
from snnlab.plotting.static import picture
from snnlab.plotting.teaching import lines

HERE = Path(__file__).parent
TABLE = HERE / "saturation.parquet"


class Case(NamedTuple):
    """A recipe, what is changed of it, and how it is shortened: the paper has 60,000 images and 100
    epochs."""

    recipe: str
    changes: dict
    images: int
    epochs: int


CASES = {
    "Fashion-MNIST, at the threshold": Case("paper-fashion", {"at_spike": "threshold"}, 50_000, 12),
    "MNIST": Case("paper", {}, 20_000, 18),
    "Fashion-MNIST": Case("paper-fashion", {}, 20_000, 18),
}
SEEDS = (1, 2, 3)
LIMITS = (8, 12, 16, 24, 32, 1024)
"""Of one circuit; the neurons of these networks have two. The last stands for no limit."""
HELD_OUT = 10_000
"""The last training images, which test."""
QUANTITIES = ("trained", "fallen", "accuracy", "saturated")


def train() -> None:
    """Add a row for each training that the table lacks, after each one."""
    use_threads(1)
    torch.set_num_threads(1)
    rows = pq.read_table(TABLE).to_pylist() if TABLE.exists() else []
    done = {(row["case"], row["limit"], row["seed"]) for row in rows}
    data = {name: _shortened(case) for name, case in CASES.items()}
    for name, seed, limit in product(CASES, SEEDS, LIMITS):
        if (name, limit, seed) not in done:
            found = _train(CASES[name], data[name], limit, seed)
            rows.append({"case": name, "limit": limit, "seed": seed, **found})
            pq.write_table(pa.Table.from_pylist(rows), TABLE)


def _train(case, data, limit, seed):
    """What one training ends with; ``fallen`` : training accuracy below the best of an epoch."""
    turned = {"seed": seed, "die_seed": seed, "synaptic_limit": limit, "epochs": case.epochs}
    trainer = Trainer(recipe(case.recipe).config(**turned, **case.changes), data)
    *_, last = trainer
    epochs = np.array(trainer.epoch_accuracy)
    found = measure_saturation(last.recording, trainer.weights_lsb(), trainer.point.tau_syn)
    return {
        "trained": epochs[-1], "fallen": epochs.max() - epochs[-1],
        "accuracy": last.evaluation.accuracy, "spikes": last.evaluation.spikes,
        "saturated": found.neurons,
    }  # fmt: skip


def _shortened(case):
    data = load(recipe(case.recipe).config().dataset)
    return replace(
        data,
        train_images=data.train_images[: case.images],
        train_labels=data.train_labels[: case.images],
        test_images=data.train_images[-HELD_OUT:],
        test_labels=data.train_labels[-HELD_OUT:],
    )


def percent(rows, name, limit, quantity) -> np.ndarray:
    """A quantity of every seed that was trained, in % : float64[seed]."""
    mine = [r[quantity] for r in rows if (r["case"], r["limit"]) == (name, limit)]
    return 100 * np.array(mine)


def main() -> None:
    """Train if asked to; then draw training accuracy over the limit and print the table."""
    if "--train" in sys.argv[1:]:
        train()
    rows, curves = pq.read_table(TABLE).to_pylist(), {}
    for name in CASES:
        means = [percent(rows, name, limit, "trained").mean() for limit in LIMITS]
        curves[name] = np.arange(len(LIMITS)), np.array(means)
    ticks = [(k, "none" if limit == LIMITS[-1] else str(limit)) for k, limit in enumerate(LIMITS)]
    axes = "limit of a synaptic input (full-weight spikes)", "training accuracy (%)"
    drawn = lines(curves, *axes, xticks=ticks)
    (HERE / "saturation.png").write_bytes(picture(drawn, 360))
    for name, (limit, shown) in product(CASES, zip(LIMITS, (t for _, t in ticks), strict=True)):
        cells = [
            f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"
            for values in (percent(rows, name, limit, quantity) for quantity in QUANTITIES)
        ]
        sys.stdout.write(f"| {name} | {shown} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
