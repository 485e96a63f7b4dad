"""Classes that are lost in the first steps: ``python docs/classes/table.py`` prints the table of
docs/results.md.

With ``--train`` it first trains fifty seeds of three recipes on two data sets, each in the loop and
without mismatch and noise, an hour on one core, and writes classes.parquet. Trainings in that file
are not repeated, so it may be interrupted. Needs the extra ``notebooks`` and Fashion-MNIST.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from snnlab import Config, Trainer, load, recipe
from snnlab.chip.threads import use_threads
from snnlab.learn.health import find_lost

HERE = Path(__file__).parent
TABLE = HERE / "classes.parquet"
RECIPES, DATA = ("default", "best", "fashion-best"), ("mnist", "fashion-mnist")
CHIPS = {"in the loop": {}, "software": dict(Config.IDEAL)}
SEEDS = range(1, 51)
STEPS, TRAINING_IMAGES, TEST_IMAGES = 120, 6000, 500
"""Two passes through the first training images: a class that is lost by then stays so. The learning
rate follows the schedule of a hundred epochs."""


def train() -> None:
    """Add a row for each training that the table lacks, in order of seeds."""
    use_threads(1)
    torch.set_num_threads(1)
    rows = pq.read_table(TABLE).to_pylist() if TABLE.exists() else []
    done = {(row["recipe"], row["data"], row["chip"], row["seed"]) for row in rows}
    images = {name: load(name).first(TRAINING_IMAGES, TEST_IMAGES) for name in DATA}
    for seed, *case in product(SEEDS, RECIPES, DATA, CHIPS):
        if (*case, seed) not in done:
            rows.append(dict(zip(("recipe", "data", "chip"), case, strict=True), seed=seed))
            rows[-1]["lost"] = _count_lost(*case, seed, images)
            pq.write_table(pa.Table.from_pylist(rows), TABLE)


def _count_lost(name, data, chip, seed, images):
    turned = {"dataset": data, "seed": seed, "die_seed": seed, "epochs": 100, **CHIPS[chip]}
    trainer = Trainer(recipe(name).config(**turned), images[data])
    while trainer.step < STEPS:
        trainer.advance()
    return len(find_lost(trainer))


def main() -> None:
    """Train if asked to; then print how many seeds lost a class, of how many."""
    if "--train" in sys.argv[1:]:
        train()
    rows = pq.read_table(TABLE).to_pylist()
    for name, data in product(RECIPES, DATA):
        cells = []
        for chip in CHIPS:
            wanted = name, data, chip
            lost = [r["lost"] for r in rows if (r["recipe"], r["data"], r["chip"]) == wanted]
            cells.append(f"{np.count_nonzero(lost)} of {len(lost)}")
        sys.stdout.write(f"| {name} | {data} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
