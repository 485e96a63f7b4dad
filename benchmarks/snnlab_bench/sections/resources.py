"""Memory, compilation time and start time, each measured in a new process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from snnlab_bench.harness import Row, Spread
from snnlab_bench.network import Trained

STEP_MB, GROWTH_MB = 300.0, 10.0
COMPILE_S, START_S = 15.0, 0.1
STARTS = 3


def memory(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Memory of one large step, and its growth over many steps."""
    took = probe("memory", 1000)
    yield row(
        "memory-step", "memory of a step with 1000 images", [took["mb"]], STEP_MB, "MB",
        f" above {took['baseline_mb']:.0f} MB",
    )  # fmt: skip
    steps = 10_000 if full else 500
    took = probe("growth", steps)
    yield row(
        "memory-growth", f"growth of memory over {steps:,} steps", [took["mb"]], GROWTH_MB, "MB",
        f" above {took['baseline_mb']:.0f} MB",
    )  # fmt: skip


def start(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Start time with an empty and with a filled cache of kernels."""
    with tempfile.TemporaryDirectory() as cache:
        first = probe("start", 0, NUMBA_CACHE_DIR=cache)["seconds"]
        later = [probe("start", 0, NUMBA_CACHE_DIR=cache)["seconds"] for _ in range(STARTS)]
    yield row("compilation", "first compilation of the kernels", [first], COMPILE_S, "s")
    yield row("start", "loading the compiled kernels", later, START_S, "s")


def row(key: str, what: str, values: list[float], limit: float, unit: str, base: str = "") -> Row:
    """A row of measured values against an upper limit."""
    ratio = Spread.of([value / limit for value in values])
    measured = ratio.median * limit
    shown = f"{measured:.0f}" if measured >= 10 else f"{measured:.2g}"
    figures = f"{shown} {unit}{base} against {limit:g} {unit}"
    return Row(key, what, ratio, 1.0, figures, at_most=True, details={unit.lower(): measured})


def probe(name: str, amount: int, **environment: str) -> dict[str, float]:
    """What a function of :mod:`~snnlab_bench.sections.probe` measures, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "snnlab_bench.sections.probe", name, str(amount)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)
