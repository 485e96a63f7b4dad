"""Accuracy over the limit of the synaptic inputs: ``python docs/saturation/picture.py`` draws
saturation.png and prints the table of docs/emulator.md.

With ``--train`` it first trains the paper's two networks at six limits with three seeds each, a
quarter of an hour on one core, and writes saturation.parquet. Trainings in that file are not
repeated. Needs the extra ``notebooks`` and Fashion-MNIST.
"""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

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
RECIPES, SEEDS = {"paper": "MNIST", "paper-fashion": "Fashion-MNIST"}, (1, 2, 3)
LIMITS = (8, 12, 16, 24, 32, 1024)
"""Of one circuit; the neurons of these networks have two. The last is none."""
EPOCHS, TRAINING_IMAGES, HELD_OUT = 18, 20_000, 10_000
"""The first training images learn, 18 epochs instead of 100; the last of all are the test."""


def train() -> None:
    """Add a row for each training that the table lacks, after each one."""
    use_threads(1)
    torch.set_num_threads(1)
    rows = pq.read_table(TABLE).to_pylist() if TABLE.exists() else []
    done = {(row["recipe"], row["limit"], row["seed"]) for row in rows}
    data = {name: _shortened(load(recipe(name).config().dataset)) for name in RECIPES}
    for seed, name, limit in product(SEEDS, RECIPES, LIMITS):
        if (name, limit, seed) not in done:
            found = _train(data[name], name, limit, seed)
            rows.append({"recipe": name, "limit": limit, "seed": seed, **found})
            pq.write_table(pa.Table.from_pylist(rows), TABLE)


def _train(data, name, limit, seed):
    """What one training ends with; ``fallen`` : training accuracy below the best of an epoch."""
    turned = {"seed": seed, "die_seed": seed, "synaptic_limit": limit, "epochs": EPOCHS}
    trainer = Trainer(recipe(name).config(**turned), data)
    *_, last = trainer
    epochs = np.array(trainer.epoch_accuracy)
    found = measure_saturation(last.recording, trainer.weights_lsb(), trainer.point.tau_syn)
    return {
        "trained": epochs[-1], "fallen": epochs.max() - epochs[-1],
        "accuracy": last.evaluation.accuracy, "spikes": last.evaluation.spikes,
        "saturated": found.neurons,
    }  # fmt: skip


def _shortened(data):
    return replace(
        data,
        train_images=data.train_images[:TRAINING_IMAGES],
        train_labels=data.train_labels[:TRAINING_IMAGES],
        test_images=data.train_images[-HELD_OUT:],
        test_labels=data.train_labels[-HELD_OUT:],
    )


def spread(rows, name, limit, quantity) -> tuple[float, float, int]:
    """Mean and standard deviation over the seeds, in %, and their number."""
    mine = [r[quantity] for r in rows if (r["recipe"], r["limit"]) == (name, limit)]
    return 100 * float(np.mean(mine)), 100 * float(np.std(mine, ddof=1)), len(mine)


def main() -> None:
    """Train if asked to; then draw training accuracy over the limit and print the table."""
    if "--train" in sys.argv[1:]:
        train()
    rows, curves = pq.read_table(TABLE).to_pylist(), {}
    for name, shown in RECIPES.items():
        means = [spread(rows, name, limit, "trained")[0] for limit in LIMITS]
        curves[shown] = np.arange(len(LIMITS)), np.array(means)
    ticks = [(k, "none" if limit == LIMITS[-1] else str(limit)) for k, limit in enumerate(LIMITS)]
    axes = "limit of a synaptic input (full-weight spikes)", "training accuracy (%)"
    drawn = lines(curves, *axes, xticks=ticks)
    (HERE / "saturation.png").write_bytes(picture(drawn, 360))
    for (name, shown), limit in product(RECIPES.items(), LIMITS):
        cells = [
            f"{mean:.1f} ± {sd:.1f}"
            for mean, sd, _ in (
                spread(rows, name, limit, quantity)
                for quantity in ("trained", "fallen", "accuracy", "saturated")
            )
        ]
        n = spread(rows, name, limit, "trained")[2]
        limit = "none" if limit == LIMITS[-1] else limit
        sys.stdout.write(f"| {shown} | {limit} | {' | '.join(cells)} | {n} |\n")


if __name__ == "__main__":
    main()
