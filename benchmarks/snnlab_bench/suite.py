"""All sections of the table, in order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from snnlab.chip.threads import most_threads, use_threads
from snnlab.errors import SnnlabError
from snnlab.install import version
from snnlab.text.spelling import did_you_mean
from snnlab_bench import machine, report
from snnlab_bench.harness import Row
from snnlab_bench.network import Trained
from snnlab_bench.peers import against as against_peers
from snnlab_bench.sections import (
    breakdown,
    cores,
    learning,
    real_time,
    recordings,
    resources,
    scaling,
)

Rows = Callable[[Trained, int, bool], Iterator[Row]]
SECTIONS: dict[str, Rows] = {
    "real-time": real_time.rows,
    "peers": against_peers.rows,
    "learning": learning.rows,
    "scaling": scaling.rows,
    "threads": cores.rows,
    "memory": resources.memory,
    "recordings": recordings.rows,
    "start": resources.start,
}
LONG = {"learning"}
"""Sections that are measured in a full run only."""
PROFILE = "breakdown"
NAMES = (*SECTIONS, PROFILE)


def run(out: Path, *, only: str | None, full: bool, threads: int) -> None:
    """Measure, print row by row, and write JSON and plots to ``out``.

    only : sections of ``NAMES``, separated by commas; all if None
    full : include the long sections and measure more rounds
    Raises :class:`SnnlabError` for an unknown section or too many threads.
    """
    wanted = _select(only, full)
    if out.exists() and not out.is_dir():
        raise SnnlabError(f"results cannot be written to {out}: it is a file, give a folder")
    threads = min(threads, most_threads())
    use_threads(threads)
    torch.set_num_threads(1)  # as in snnlab train
    trained, last, rows, shares = Trained(), report.last_release(), [], []
    _ = trained.weights
    about = machine.description(threads)
    print(report.head(about, last))
    for name in [name for name in SECTIONS if name in wanted]:
        shares.append(machine.core_share(threads))
        for row in SECTIONS[name](trained, threads, full):
            rows.append(row)
            print(report.line(row, last), flush=True)
    found = breakdown.measure(trained, threads) if PROFILE in wanted else {}
    for row in breakdown.rows(found) if found else ():
        rows.append(row)
        print(report.line(row, last), flush=True)
    print(f"\n{breakdown.describe(found)}" if found else "")
    about["core_share"] = float(np.median([*shares, machine.core_share(threads)]))
    print(f"busy loops got {about['core_share']:.0%} of the cores (median over this run)")
    result = {"version": version(), "machine": about, "breakdown": found}
    _keep(out, result, rows)


def _select(only, full):
    if only is None:
        return {name for name in NAMES if full or name not in LONG}
    wanted = set(only.split(","))
    unknown = wanted - set(NAMES)
    if unknown:
        meant = did_you_mean(min(unknown), NAMES)
        raise SnnlabError(
            f"no section {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}{meant}"
        )
    return wanted


def _keep(out, result, rows):
    path = report.write(out, result, rows)
    from snnlab_bench.plots import draw  # matplotlib takes a second

    kept = [path, *draw(out, [{"key": r.key, "details": r.details} for r in rows])]
    print("written:", ", ".join(map(str, kept)))
