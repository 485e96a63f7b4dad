"""What produced a run: commit, data, time."""

import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

import snnlab
from snnlab.data import Dataset
from snnlab.data.spikes.recorded import RecordedSpikes


@cache
def commit() -> str | None:
    """Commit of snnlab's sources, with ``-dirty`` if they differ from it; None if installed."""
    command = ("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    home = Path(snnlab.__file__).parents[1]
    if not (home / ".git").exists():
        return None
    try:
        done = subprocess.run(
            command, cwd=home, capture_output=True, encoding="utf-8", timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def fingerprint(dataset: Dataset | RecordedSpikes) -> int:
    """CRC of all inputs and labels, to tell whether two data sets are the same."""
    crc = 0
    for array in dataset.arrays():
        crc = crc32(np.ascontiguousarray(array), crc)
    return crc


def own(dataset: Dataset) -> dict:
    """Path and preparation of user-supplied data, as a run keeps them; empty for other data."""
    if dataset.own is None:
        return {}
    look = dataset.own.look
    return {**dataset.own._asdict(), "look": look and look._asdict()}


def now() -> str:
    """The time, to be sorted as text."""
    return datetime.now(UTC).isoformat(timespec="seconds")
