"""Description of the machine, and reference loops that measure its limits."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from numba import njit, prange

from snnlab.chip.threads import LAYER
from snnlab_bench.harness import interleaved, timed

PACKAGES = ("snnlab-analog", "numba", "numpy", "torch", "snntorch", "norse", "spikingjelly")
WIDTH, SHARE_STEPS = 256, 1_000_000


def description(threads: int) -> dict:
    """Processor, memory, system and versions of this machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "layer": LAYER,
        "memory_gb": round(_memory() / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def core_share(threads: int) -> float:
    """Fraction of the cores that ``threads`` busy loops get; 1 on an idle machine."""
    arrays = reference_arrays(threads)
    shared_loop(*arrays, 1)
    took = timed(lambda: shared_loop(*arrays, SHARE_STEPS))()
    return took.cpu / took.wall / threads


@njit(fastmath={"contract", "nsz"}, nogil=True)
def reference_loop(u, decay, drive, low, high, steps):
    """A leaky, clipped step of all elements, many times: the reference for other loops."""
    for _ in range(steps):
        for j in range(u.shape[0]):
            u[j] = min(max(decay[j] * u[j] + drive[j], low[j]), high[j])
    return u[0]


@njit(fastmath={"contract", "nsz"}, nogil=True)
def row_loop(out, table, order):
    """Sum of a table's rows in a given order: measures the bandwidth of its cache level."""
    for k in order:
        for j in range(out.shape[0]):
            out[j] += table[k, j]
    return out[0]


@njit(parallel=True, nogil=True)
def shared_loop(u, decay, drive, low, high, steps):
    """The reference loop on every thread, without shared data. u : float32[task, element]."""
    for k in prange(u.shape[0]):
        reference_loop(u[k], decay, drive, low, high, steps)


def reference_arrays(*shape: int) -> tuple[np.ndarray, ...]:
    """Arguments of :func:`reference_loop` except ``steps``, with u of the given shape."""
    full = np.ones(WIDTH, np.float32)
    u = np.zeros((*shape, WIDTH), np.float32)
    return u, np.float32(0.9) * full, np.float32(0.1) * full, -full, full


def limits() -> dict[str, float]:
    """Limits of one core, per second of its time: operations of a matrix product and of the
    reference loop in L1, and bytes from L1, L2 and memory."""
    torch.set_num_threads(1)
    rng, square = np.random.default_rng(0), torch.rand(768, 768)
    arrays, steps = reference_arrays(), 20_000
    table, order = np.ones((WIDTH, WIDTH), np.float32), rng.integers(0, WIDTH, 20_000)
    big = [np.ones(2**23, np.float32) for _ in range(2)]
    times = interleaved(
        {
            "product": timed(lambda: square @ square),
            "steps": timed(lambda: reference_loop(*arrays, steps)),
            "rows": timed(lambda: row_loop(np.zeros(WIDTH, np.float32), table, order)),
            "copy": timed(lambda: np.copyto(*big)),
        },
        seconds=3.0,
    )
    best = {name: float(t.cpu.min()) for name, t in times.items()}
    return {
        "product_ops": 2 * 768**3 / best["product"],
        "loop_ops": 4 * WIDTH * steps / best["steps"],
        "l1_bytes": 24 * WIDTH * steps / best["steps"],
        "l2_bytes": 4 * WIDTH * len(order) / best["rows"],
        "memory_bytes": 8 * 2**23 / best["copy"],
    }


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "unknown")


def _memory():
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
