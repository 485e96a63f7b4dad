"""Accuracy over weight bits and CADC bits: ``python docs/bits/picture.py`` draws bits.png.

With ``--train`` it first trains 5 × 5 chips with five seeds each, some minutes on one core, and
writes bits.parquet. Needs the extra ``notebooks``.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from snnlab import Config, Trainer, load
from snnlab.chip.threads import use_threads
from snnlab.plotting.static import picture
from snnlab.plotting.teaching import lines

HERE = Path(__file__).parent
WEIGHT_BITS, CADC_BITS, SEEDS = (2, 3, 4, 5, 6), (3, 4, 5, 6, 8), (1, 2, 3, 4, 5)
EPOCHS, TRAINING_IMAGES, TEST_IMAGES = 4, 5000, 2000
"""MNIST's first images on the default network, 256-246-10."""


def train() -> None:
    """Write test accuracy and hidden spikes per image at the end of each training."""
    use_threads(1)
    torch.set_num_threads(1)
    data, rows = load("mnist").first(TRAINING_IMAGES, TEST_IMAGES), []
    for weight_bits, cadc_bits, seed in product(WEIGHT_BITS, CADC_BITS, SEEDS):
        bits = {"weight_bits": weight_bits, "cadc_bits": cadc_bits}
        *_, last = Trainer(Config.checked(epochs=EPOCHS, seed=seed, die_seed=seed, **bits), data)
        found = {"accuracy": last.evaluation.accuracy, "spikes": last.evaluation.spikes}
        rows.append({**bits, "seed": seed, **found})
    pq.write_table(pa.Table.from_pylist(rows), HERE / "bits.parquet")


def summary() -> dict[tuple[int, int], tuple[float, float]]:
    """Mean and standard deviation of the accuracy over the seeds, in %, by weight and CADC bits."""
    rows = pq.read_table(HERE / "bits.parquet").to_pylist()
    found = {}
    for bits in product(WEIGHT_BITS, CADC_BITS):
        mine = [r["accuracy"] for r in rows if (r["weight_bits"], r["cadc_bits"]) == bits]
        found[bits] = 100 * float(np.mean(mine)), 100 * float(np.std(mine, ddof=1))
    return found


def main() -> None:
    """Draw one line over the weight bits for each number of CADC bits, and print the table.

    Two bits learn nothing and are left out of the picture.
    """
    if "--train" in sys.argv[1:]:
        train()
    found, drawn_bits = summary(), WEIGHT_BITS[1:]
    curves = {
        f"CADC: {cadc} bits": (
            np.array(drawn_bits), np.array([found[weight, cadc][0] for weight in drawn_bits])
        )
        for cadc in CADC_BITS
    }  # fmt: skip
    ticks = [(bits, str(bits)) for bits in drawn_bits]
    drawn = lines(curves, "weight bits", "test accuracy (%)", xticks=ticks)
    (HERE / "bits.png").write_bytes(picture(drawn, 360))
    for weight in WEIGHT_BITS:
        cells = (f"{mean:.1f} ± {sd:.1f}" for mean, sd in (found[weight, c] for c in CADC_BITS))
        sys.stdout.write(f"| {weight} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
