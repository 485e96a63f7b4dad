"""Draw the committed sweep: ``python docs/sweeps/picture.py`` writes beta-rho.png.

Needs the extra ``notebooks``.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from snnlab.plotting.static import picture
from snnlab.plotting.teaching import lines

HERE = Path(__file__).parent


def main() -> None:
    """Accuracy over spikes: a line over β for each ρ_b, and what no other trial beats in both."""
    trials = pq.read_table(HERE / "beta-rho.parquet").to_pylist()
    curves = {}
    for rho in sorted({trial["rho_burst"] for trial in trials}):
        line = sorted((t for t in trials if t["rho_burst"] == rho), key=lambda t: t["beta"])
        curves[f"ρ_b = {rho:.1g}"] = _points(line)
    dots = list(curves)
    curves["front"] = _points(front(trials))
    drawn = lines(
        curves, "hidden spikes per image", "test accuracy (%)", dots=dots, dashed=["front"]
    )
    (HERE / "beta-rho.png").write_bytes(picture(drawn, 360))


def front(trials: list[dict]) -> list[dict]:
    """Trials that no other beats in accuracy and in spikes, by spikes."""
    best, found = -1.0, []
    for trial in sorted(trials, key=lambda t: (t["spikes"], -t["accuracy"])):
        if trial["accuracy"] > best:
            best = trial["accuracy"]
            found.append(trial)
    return found


def _points(trials):
    return (
        np.array([trial["spikes"] for trial in trials]),
        100 * np.array([trial["accuracy"] for trial in trials]),
    )


if __name__ == "__main__":
    main()
