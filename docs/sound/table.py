"""Spoken digits with and without recurrence: ``python docs/sound/table.py`` prints accuracies.

With ``--train`` it first does the trainings that digits.csv lacks, one after the other, half a
minute of one core each, and adds each as it ends. ``--only seeds`` or ``speakers`` does a part.
"""

import argparse
import csv
import sys
from pathlib import Path
from time import process_time

import numpy as np
import torch

from snnlab import Trainer, load, recipe
from snnlab.chip.threads import use_threads
from snnlab.learn.network import Network
from snnlab.model.topology import find_shapes
from snnlab.studies.gru import train_gru

RESULTS = Path(__file__).parent / "digits.csv"
FIELDS = ("network", "held_out", "seed", "accuracy", "spikes", "seconds")
NETWORKS = ("recurrent", "feed-forward", "shuffled", "GRU")
SEEDS, SPEAKERS = (1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5)
SIZES, EPOCHS_GRU = (70, 186, 10), 30
PARAMETERS = sum(a * b for a, b in find_shapes(SIZES, (0,)))
"""Weights of 70-186R-10, and the most that the GRU has."""
CELLS = {
    "seeds": [(name, "", seed) for name in NETWORKS for seed in SEEDS],
    "speakers": [
        (name, who, seed)
        for seed in SEEDS
        for name in NETWORKS
        if name != "shuffled"
        for who in SPEAKERS
    ],
}


def measure(network: str, held_out: int | str, seed: int, data, trained: dict) -> dict:
    """Accuracy on the test recordings after the last epoch, and hidden spikes of each.

    trained : weights of recurrent networks by seed, added and, to be shuffled, used.
    """
    base = "spoken-digits-forward" if network == "feed-forward" else "spoken-digits"
    changes = {"seed": seed, "die_seed": seed, "held_out": [] if held_out == "" else [held_out]}
    start = process_time()
    if network == "GRU":
        config = recipe("spoken-digits-forward").config(**changes, epochs=EPOCHS_GRU)
        found = {"accuracy": train_gru(config, data, PARAMETERS), "spikes": ""}
        return {**found, "seconds": round(process_time() - start, 1)}
    weights = None
    if network == "shuffled":
        if seed not in trained:
            measure("recurrent", held_out, seed, data, trained)
        shuffled = Network.of(trained[seed], recurrent=(0,))
        shuffled.shuffle_recurrent(seed)
        fresh = Trainer(recipe(base).config(**changes), data).network.arrays()
        weights = [np.concatenate([fresh[0][:70], shuffled.arrays()[0][70:]]), fresh[1]]
        changes["recurrent"] = "fixed"
        start = process_time()
    trainer = Trainer(recipe(base).config(**changes), data, weights)
    while not trainer.finished:
        last = trainer.advance()
    if network == "recurrent" and held_out == "":
        trained[seed] = trainer.network.arrays()
    found = {"accuracy": last.evaluation.accuracy, "spikes": round(last.evaluation.spikes, 1)}
    return {**found, "seconds": round(process_time() - start, 1)}


def train(parts: list[str]) -> None:
    """Do the trainings that are missing."""
    use_threads(1)
    torch.set_num_threads(1)
    data, trained = load("spoken-digits"), {}
    for part in parts:
        for network, held_out, seed in CELLS[part]:
            if (network, str(held_out), str(seed)) in known():
                continue
            found = measure(network, held_out, seed, data, trained)
            cell = {"network": network, "held_out": held_out, "seed": seed}
            new = not RESULTS.exists()
            with RESULTS.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, FIELDS)
                if new:
                    writer.writeheader()
                writer.writerow({**cell, **found})


def known() -> dict[tuple[str, str, str], dict]:
    """Rows by network, held-out speaker (empty for the official split) and seed."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(row["network"], row["held_out"], row["seed"]): row for row in rows}


def tables() -> str:
    """Both tables in Markdown, accuracies in %: by seed, mean ± standard deviation over seeds, and
    by speaker left out, each ± over seeds, the mean ± over speakers.
    """
    rows, lines = known(), []
    for head, columns in (
        ("seed and die", {str(seed): [("", str(seed))] for seed in SEEDS}),
        ("speaker left out", {str(w): [(str(w), str(s)) for s in SEEDS] for w in SPEAKERS}),
    ):
        lines += [f"| {head} | {' | '.join(columns)} | mean |", "|---" * (len(columns) + 2) + "|"]
        for network in NETWORKS:
            found = [
                [100 * float(rows[network, *c]["accuracy"]) for c in cells if (network, *c) in rows]
                for cells in columns.values()
            ]
            if any(found):
                shown = [_spread(values) for values in found]
                mean = _spread([np.mean(values) for values in found if values])
                lines.append(f"| {network} | {' | '.join(shown)} | **{mean}** |")
        lines.append("")
    return "\n".join(lines)


def _spread(values):
    """Mean and standard deviation, what there is of both."""
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def main() -> None:
    """Train what is missing, if asked, and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--only", choices=CELLS)
    arguments = parser.parse_args()
    if arguments.train:
        train([arguments.only] if arguments.only else list(CELLS))
    sys.stdout.write(tables())


if __name__ == "__main__":
    main()
