"""The written form of a run's ``config.json``, and how older forms are brought up to it."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from snnlab.errors import SnnlabError
from snnlab.files import write_whole

SCHEMA = 2
"""1: settings, versions and steps beside ``metrics.json``; 2: what can be resumed and compared."""

MOST_JSON = 16 * 2**20
"""Bytes of a JSON file; those of a run have kilobytes."""

UNKNOWN = MappingProxyType(
    {
        "network": "", "steps": 0, "data": "", "versions": {}, "created": "", "updated": "",
        "finished": False, "epochs_done": 0, "changes": [], "summary": {}, "commit": None,
    }
)  # fmt: skip
"""What a record says where an older snnlab wrote nothing."""


@dataclass(frozen=True)
class EpochRecord:
    """Means over one epoch of training, accuracies in 0…1, spikes per image, seconds of work.

    energy : J per image, power : W, latency : s; estimates for inference at the end of the epoch,
    NaN where an older run has none.
    """

    epoch: int
    loss: float
    train_accuracy: float
    train_spikes: float
    test_accuracy: float
    test_spikes: float
    seconds: float
    energy: float = float("nan")
    power: float = float("nan")
    latency: float = float("nan")


@dataclass(frozen=True)
class Change:
    """A knob turned after ``step`` steps."""

    step: int
    knob: str
    before: object
    after: object


def summarise(epochs: list[EpochRecord]) -> dict:
    """What a list of runs shows: the last epoch, the best accuracy and the time spent."""
    if not epochs:
        return {}
    last = epochs[-1]
    names = ("test_accuracy", "test_spikes", "energy", "power", "latency")
    # NaN is no JSON: what is not known is left out
    known = {name: v for name in names if (v := getattr(last, name)) == v}
    best = max(epoch.test_accuracy for epoch in epochs)
    return {**known, "best_accuracy": best, "seconds": sum(epoch.seconds for epoch in epochs)}


def read_record(folder: Path) -> dict:
    """``config.json`` of a run in today's form.

    Raises :class:`SnnlabError` for a missing, foreign or newer one.
    """
    record = read_json(folder, "config.json")
    try:
        if not isinstance(record["settings"], dict):
            raise TypeError
    except (KeyError, TypeError) as error:
        kind = type(error).__name__
        raise SnnlabError(f"run {folder}: config.json holds no settings ({kind})") from None
    schema = record.get("schema", 1)
    if not isinstance(schema, int) or schema < 1:
        raise SnnlabError(f"run {folder}: schema {schema!r} is none: give the folder of a run")
    if schema > SCHEMA:
        raise SnnlabError(
            f"run {folder} was kept by a newer snnlab (schema {schema}, this one knows up to"
            f" {SCHEMA}): update snnlab to open it"
        )
    return {**UNKNOWN, **record, **(_from_1(folder, record) if schema == 1 else {})}


def read_json(folder: Path, name: str):
    """What a JSON file of a run holds; raises :class:`SnnlabError` if it is missing or none."""
    try:
        with (folder / name).open("rb") as file:
            content = file.read(MOST_JSON + 1)
        if len(content) > MOST_JSON:
            raise SnnlabError(f"run {folder}: {name} has more than the {MOST_JSON:,} bytes read")
        return json.loads(content)
    except SnnlabError:
        raise
    except FileNotFoundError:
        raise SnnlabError(f"run {folder}: no {name} in it, give the folder of a run") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SnnlabError(
            f"run {folder}: {name} holds no settings ({type(error).__name__})"
        ) from None


def write_json(path: Path, value) -> None:
    """The file is whole or not there; raises OSError."""
    write_whole(path, lambda file: file.write(json.dumps(value, indent=2).encode()))


def old_epochs(folder: Path) -> list[EpochRecord]:
    """Epochs of a run of schema 1."""
    if not (folder / "metrics.json").exists():
        return []
    try:
        return [EpochRecord(**epoch) for epoch in read_json(folder, "metrics.json")]
    except TypeError as error:
        raise SnnlabError(f"run {folder}: metrics.json holds no epochs ({error})") from None


def _from_1(folder, record):
    epochs = old_epochs(folder)
    return {
        "schema": SCHEMA,
        "finished": len(epochs) >= record["settings"].get("epochs", 10),
        "epochs_done": len(epochs),
        "summary": summarise(epochs),
    }
