"""Schema of a run's ``config.json``, and the conversion of older schemas."""

import json
from dataclasses import asdict, dataclass, field, make_dataclass
from pathlib import Path
from types import MappingProxyType

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.files import is_special, write_whole
from snnlab.quantities import EPOCH, SUMMARY, quantities

SCHEMA = 3
"""1: settings, versions and steps beside ``metrics.json``; 2: resumable, comparable runs; 3:
fingerprint of a die given to the trainer, empty for one that the knobs select."""

MAX_JSON_BYTES = 16 * 2**20
"""Bytes of a JSON file; those of a run have kilobytes."""

UNKNOWN = MappingProxyType(
    {
        "network": "", "steps": 0, "data": "", "versions": {}, "created": "", "updated": "",
        "finished": False, "epochs_done": 0, "changes": [], "summary": {}, "commit": None,
        "classes": [], "own": {}, "own_die": "", "given_weights": False,
    }
)  # fmt: skip
"""Values of entries that an older snnlab did not write."""
FORMER = MappingProxyType({"synaptic_limit": 8})
"""Settings of runs older than the knob, where these are not its default: synaptic inputs saturated
at 16 full-weight spikes of a neuron, which then had two circuits in nearly every run."""
_KINDS = {
    str: "text", int: "whole number", dict: "table", bool: "true or false", list: "list"
}  # fmt: skip


ALWAYS_KEPT = (
    "loss", "train_accuracy", "train_spikes", "test_accuracy", "test_spikes", "seconds",
)  # fmt: skip
"""Quantities that every run has for its epochs; later ones are NaN where an older run has none."""

EpochRecord = make_dataclass(
    "EpochRecord",
    [
        ("epoch", int),
        *((name, float) for name in ALWAYS_KEPT),
        *(
            (name, float, field(default=float("nan")))
            for name in quantities(EPOCH)
            if name not in ALWAYS_KEPT
        ),
    ],
    namespace={
        "__doc__": "One epoch of a training: its number and the quantities of EPOCH.",
        "__module__": __name__,
    },
    frozen=True,
)


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
    found = {
        **asdict(epochs[-1]),
        "best_accuracy": max(epoch.test_accuracy for epoch in epochs),
        "seconds": sum(epoch.seconds for epoch in epochs),
    }
    # JSON has no NaN: unknown quantities are left out
    return {name: found[name] for name in quantities(SUMMARY) if found[name] == found[name]}


def read_record(folder: Path) -> dict:
    """``config.json`` of a run in today's form.

    Raises :class:`SnnlabError` for a missing, foreign or newer one.
    """
    record = read_json(folder, "config.json")
    settings = record.get("settings") if isinstance(record, dict) else None
    if not isinstance(settings, dict):
        raise SnnlabError(
            f"run {folder}: config.json holds no settings ({type(settings).__name__})"
        )
    schema = record.get("schema", 1)
    if type(schema) is not int or schema < 1:
        raise SnnlabError(f"run {folder}: schema {schema!r} is invalid: give the folder of a run")
    if schema > SCHEMA:
        raise SnnlabError(
            f"run {folder} was kept by a newer snnlab (schema {schema}, this one knows up to"
            f" {SCHEMA}): update snnlab to open it"
        )
    whole = {**UNKNOWN, **record, **(_from_1(folder, record) if schema == 1 else {})}
    _check_kinds(folder, whole)
    whole["settings"] = {**FORMER, **settings}
    return whole


def _check_kinds(folder, record):
    """Whether each entry is of the kind of the default that stands for it."""
    for name, default in UNKNOWN.items():
        value, kind = record[name], type(default)
        if default is not None and type(value) is not kind:
            shown = str(value)[:40]
            raise SnnlabError(f"run {folder}: {name} = {shown} in config.json is no {_KINDS[kind]}")
    if record["commit"] is not None and not isinstance(record["commit"], str):
        raise SnnlabError(f"run {folder}: commit in config.json is not a text")
    for name, value in record["summary"].items():
        if type(value) not in (int, float):
            raise SnnlabError(f"run {folder}: {name} in its summary is not a number")


def changes_of(listed: list, folder: Path) -> list[Change]:
    """Changes of knobs listed in a record; raises :class:`SnnlabError` for anything else."""
    try:
        changes = [Change(**change) for change in listed]
        if all(type(c.step) is int and c.knob in Config.knobs() for c in changes):
            return changes
    except TypeError:
        pass
    raise SnnlabError(f"run {folder}: changes in config.json need step, knob, before, after")


def epochs_of(rows: list[dict], source: Path) -> list[EpochRecord]:
    """Rows of a table as epochs; raises :class:`SnnlabError` for other columns or no numbers."""
    try:
        epochs = [EpochRecord(**row) for row in rows]
    except TypeError as error:
        raise SnnlabError(f"{source} holds no epochs ({error})") from None
    if any(type(v) not in (int, float) for epoch in epochs for v in vars(epoch).values()):
        raise SnnlabError(f"{source} holds no epochs (something in it is not a number)")
    return epochs


def read_notes(folder: Path) -> dict:
    """``tags``, a list of words, and ``note``, a text; raises :class:`SnnlabError`."""
    notes = read_json(folder, "notes.json")
    tags, note = (notes.get(k) if isinstance(notes, dict) else None for k in ("tags", "note"))
    if (
        not isinstance(note, str)
        or not isinstance(tags, list)
        or not all(isinstance(tag, str) for tag in tags)
    ):
        raise SnnlabError(f"run {folder}: notes.json holds no tags and note: remove it")
    return {"tags": tags, "note": note}


def read_json(folder: Path, name: str):
    """What a JSON file of a run holds; raises :class:`SnnlabError` if it is missing or invalid, a
    device or a pipe."""
    try:
        if is_special(folder / name):
            raise SnnlabError(
                f"run {folder}: {name} is a device or a pipe, not a file: copy it to a file"
            )
        with (folder / name).open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
        if len(content) > MAX_JSON_BYTES:
            raise SnnlabError(
                f"run {folder}: {name} has more than the {MAX_JSON_BYTES:,} bytes read"
            )
        return json.loads(content)
    except SnnlabError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise SnnlabError(f"run {folder}: no {name} in it, give the folder of a run") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SnnlabError(
            f"run {folder}: {name} holds no settings ({type(error).__name__})"
        ) from None


def write_json(path: Path, value) -> None:
    """Write a JSON file atomically; raises OSError."""
    write_whole(path, lambda file: file.write(json.dumps(value, indent=2).encode()))


def old_epochs(folder: Path) -> list[EpochRecord]:
    """Epochs of a run of schema 1."""
    if not (folder / "metrics.json").exists():
        return []
    rows = read_json(folder, "metrics.json")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SnnlabError(f"run {folder}: metrics.json holds no epochs (no list of tables)")
    return epochs_of(rows, folder / "metrics.json")


def _from_1(folder, record):
    epochs, wanted = old_epochs(folder), record["settings"].get("epochs", 10)
    return {
        "schema": SCHEMA,
        "finished": isinstance(wanted, int) and len(epochs) >= wanted,
        "epochs_done": len(epochs),
        "summary": summarise(epochs),
    }
