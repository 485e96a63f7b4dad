"""Figures of a result: throughput against the amount of work, and accuracy over time."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window

from matplotlib import pyplot as plt

COLORS = {"inference": "#0072B2", "training step": "#D55E00"}
"""Distinguishable with colour blindness."""
STYLE = {"svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False}


def draw(folder: Path, rows: list[dict]) -> list[Path]:
    """Draw SVG files of the rows; figures whose rows are missing are skipped."""
    by_key = {row["key"]: row for row in rows}
    scaling = [row for key, row in by_key.items() if key.startswith("scaling-")]
    drawn = []
    with plt.rc_context(STYLE):
        if scaling:
            drawn.append(_save(_throughput(scaling), folder / "throughput.svg"))
        curve = by_key.get("time-to-accuracy", {}).get("details")
        if curve:
            drawn.append(_save(_accuracy(curve), folder / "time-to-accuracy.svg"))
    return drawn


def _throughput(rows):
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), sharey=True, layout="constrained")
    for ax, row in zip(axes.flat, rows, strict=False):
        details = row["details"]
        for task, rate in details["images_per_core_s"].items():
            ax.loglog(details["amounts"], rate, "o-", color=COLORS[task], label=task)
        ax.set_xlabel(row["key"].removeprefix("scaling-").replace("-", " "))
        ax.set_xticks(details["amounts"], labels=map(str, details["amounts"]))
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    for ax in axes[:, 0]:
        ax.set_ylabel("images/s on one core (CPU time)")
    axes.flat[0].legend(frameon=False)
    return figure


def _accuracy(curve):
    figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
    ax.plot(curve["seconds"], [100 * a for a in curve["accuracy"]], "o-", color=COLORS["inference"])
    ax.axhline(97.6, color="0.5", linestyle="--", label="the chip, 97.6 %")
    ax.set_xlabel("seconds since the start")
    ax.set_ylabel("test accuracy (%)")
    ax.legend(frameon=False)
    return figure


def _save(figure, path):
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
