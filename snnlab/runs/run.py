"""A run: one training as a folder of plain files.

``config.json``    settings, knobs turned during training, state, versions; schema in ``schema.py``
``metrics.parquet``, ``steps.parquet``    a row per epoch, a row per weight update
``weights.npz``, ``die.npz``, ``frames.npz``    the network, the chip, test images during training
``own_die.npz``    the die that was given to the trainer, if there was one
``checkpoint.npz``    where ``snnlab runs resume`` continues
``notes.json``, ``thumbnail.svg``    tags and a note by users, and a picture
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from filelock import FileLock, Timeout

from snnlab.chip.die import Die
from snnlab.config import Config
from snnlab.data import Dataset, load
from snnlab.data.catalogue import CATALOGUE, Tell
from snnlab.data.own.labelled import Look
from snnlab.errors import SnnlabError
from snnlab.files import load_npz
from snnlab.runs.provenance import fingerprint
from snnlab.runs.schema import (
    Change,
    EpochRecord,
    changes_of,
    epochs_of,
    old_epochs,
    read_notes,
    read_record,
    write_json,
)
from snnlab.runs.tables import read_table
from snnlab.text.spelling import did_you_mean

RUNS = Path("runs")
"""Default folder of runs."""
_RECORDS = "[!.]*/config.json"
MAX_NAME_LENGTH = 200
"""Characters of a run's name."""


@dataclass(frozen=True)
class Run:
    """A run on disk: ``record`` is its ``config.json`` in today's form."""

    folder: Path
    record: dict

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Read a run; raises :class:`SnnlabError` for a missing, foreign or newer one."""
        return cls(Path(folder), read_record(Path(folder)))

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.resolve().name

    @property
    def settings(self) -> dict:
        """Values of all knobs as last kept."""
        return self.record["settings"]

    @property
    def config(self) -> Config:
        """The settings, checked; raises :class:`SnnlabError` if they are invalid."""
        try:
            return Config.checked(**self.settings)
        except SnnlabError as error:
            raise SnnlabError(f"run {self.folder}: {error}") from None

    def own_die(self) -> Die | None:
        """The die given to its trainer, None if the knobs select its die.

        For ``Trainer(run.config, data, die=run.own_die())``. Raises :class:`SnnlabError` if
        its file is missing, damaged or another die's.
        """
        if not (wanted := self.record["own_die"]):
            return None
        die = Die.load(self.folder / "own_die.npz")
        if die.fingerprint != wanted:
            raise SnnlabError(
                f"run {self.folder} was trained on die {wanted}, own_die.npz holds"
                f" {die.fingerprint}: put back the file that the run was kept with"
            )
        return die

    @property
    def changes(self) -> list[Change]:
        """Knobs turned while it trained, in order."""
        return changes_of(self.record["changes"], self.folder)

    def settings_at(self, step: int) -> dict:
        """Settings in force after ``step`` steps: later changes undone."""
        settings = dict(self.settings)
        for change in reversed(self.changes):
            if change.step >= step:
                settings[change.knob] = change.before
        return settings

    @property
    def one(self) -> str:
        """What one of its inputs is called: "recording", or "image", also if that is unknown."""
        entry = CATALOGUE.get(str(self.settings.get("dataset")))
        return entry.one if entry else "image"

    @property
    def place(self) -> str | None:
        """Path of its data, if user-supplied."""
        place = self.record["own"].get("place")
        return place if isinstance(place, str) else None

    @property
    def look(self) -> Look | None:
        """How its pictures were prepared, if user-supplied; others are prepared in the same way.

        Raises :class:`SnnlabError` for a damaged record.
        """
        if self.record["own"].get("look") is None and CATALOGUE[self.config.dataset].recordings:
            return None
        if not self.record["own"]:
            return None
        try:
            return Look.of_record(self.record["own"]["look"])
        except (KeyError, TypeError, ValueError):
            raise SnnlabError(
                f"run {self.folder}: own.look in config.json does not hold"
                f" {', '.join(Look._fields)}: take another run"
            ) from None

    @property
    def state(self) -> str:
        """ "finished", or the number of epochs done."""
        if self.record["finished"]:
            return "finished"
        return f"{self.record['epochs_done']} of {self.settings.get('epochs', '?')} epochs"

    def epochs(self) -> list[EpochRecord]:
        """One record per epoch done; raises :class:`SnnlabError` for a damaged table."""
        path = self.folder / "metrics.parquet"
        if not path.exists():
            return old_epochs(self.folder)
        columns = read_table(path)
        rows = zip(*columns.values(), strict=True)
        return epochs_of([dict(zip(columns, row, strict=True)) for row in rows], path)

    def steps(self) -> dict[str, list]:
        """Loss, accuracy and spikes of every weight update, as columns; none in older runs."""
        path = self.folder / "steps.parquet"
        return read_table(path) if path.exists() else {}

    def notes(self) -> dict:
        """``tags``, a list of words, and ``note``, a text."""
        if not (self.folder / "notes.json").exists():
            return {"tags": [], "note": ""}
        return read_notes(self.folder)

    def annotate(self, note: str | None = None, tags: Iterable[str] | None = None) -> None:
        """Replace note or tags; raises :class:`SnnlabError` if they cannot be written."""
        notes = self.notes()
        if note is not None:
            notes["note"] = note
        if tags is not None:
            notes["tags"] = sorted(set(tags))
        try:
            write_json(self.folder / "notes.json", notes)
        except OSError as error:
            raise SnnlabError(
                f"run folder {self.folder} cannot be written: {error.strerror}"
            ) from None

    def remove(self) -> None:
        """Delete the folder, atomically for others who list runs.

        If the name is a link, only the link is removed. Raises :class:`SnnlabError` if the folder
        cannot be deleted, or another process trains the run.
        """
        try:
            if self.folder.is_symlink():
                self.folder.unlink()
                return
            with held(self.folder):
                pass
            gone = self.folder.resolve().with_name(f".{self.name}.{uuid4().hex}.gone")
            self.folder.resolve().rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise SnnlabError(f"run {self.folder} cannot be removed: {error.strerror}") from None

    def row(self) -> dict:
        """The run in one line of a table: name, state, tags, note, results, settings."""
        notes = self.notes()
        return {
            "run": self.name, "state": self.state, "created": self.record["created"],
            "tags": " ".join(notes["tags"]), "note": notes["note"],
            **self.record["summary"], **self.settings,
            **({"own_die": own} if (own := self.record["own_die"]) else {}),
        }  # fmt: skip


def list_runs(root: Path = RUNS) -> tuple[list[Run], list[str]]:
    """All runs in a folder by name, and one line for each that cannot be opened.

    A folder that is a run itself is one of them.
    """
    runs, complaints = [], []
    root = Path(root)
    for path in sorted({*root.glob("config.json"), *root.glob(_RECORDS)}):
        try:
            runs.append(Run.open(path.parent))
        except SnnlabError as error:
            complaints.append(str(error))
    return runs, complaints


def run_in(root: Path, name: str) -> Run:
    """The run of exactly this name in a folder, for names that come from elsewhere.

    Raises :class:`SnnlabError` if it does not exist or lies outside.
    """
    plain = name not in ("", ".", "..") and name[0] not in ".~" and not set(name) & set("/\\:\0")
    folder = Path(root) / name if plain and len(name) <= MAX_NAME_LENGTH else None
    if folder is None or folder.resolve().parent != Path(root).resolve():
        raise SnnlabError(f"no run {name[:MAX_NAME_LENGTH]!r} in {root}")
    return Run.open(folder)


def find_run(name: str, root: Path = RUNS) -> Run:
    """The run in this folder, or with this name or beginning of a name in ``root``.

    Raises :class:`SnnlabError` unless exactly one exists.
    """
    for folder in (Path(name), Path(root) / name):
        if _exists(folder / "config.json"):
            return Run.open(folder)
    found = sorted(path.parent for path in Path(root).glob(_RECORDS))
    found = [folder for folder in found if name and folder.name.startswith(str(name))]
    if len(found) == 1:
        return Run.open(found[0])
    if found:
        raise SnnlabError(f"run {name} could be {' or '.join(f.name for f in found)}: give more")
    known = [path.parent.name for path in Path(root).glob(_RECORDS)]
    raise SnnlabError(
        f"no run {name} here or in {root}: see snnlab runs list{did_you_mean(name, known)}"
    )


def folder_of(name: str | os.PathLike[str]) -> Path:
    """A folder or file as it is named, else that of the run of this name; raises as find_run."""
    path = Path(name)
    return path if _exists(path) else find_run(str(name)).folder


def _exists(path):
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def difference(runs: list[Run]) -> dict[str, list]:
    """Knobs and versions in which runs differ, with the value of each."""
    flat = [{**run.settings, **_flat(run)} for run in runs]
    names = dict.fromkeys(name for one in flat for name in one)
    values = {name: [one.get(name) for one in flat] for name in names}
    return {name: v for name, v in values.items() if any(x != v[0] for x in v)}


def _flat(run):
    versions = {f"{name} version": v for name, v in run.record["versions"].items()}
    turned = [f"{c.knob} → {c.after} at {c.step}" for c in run.changes]
    own = run.record["own_die"] or None
    return {
        "data": run.record["data"],
        "own die": own,
        **versions,
        "turned": "; ".join(turned) or None,
    }


def tidy_epochs(run: Run) -> list[dict]:
    """Rows of a run's epochs, for tables of many runs."""
    return [{"run": run.name, **asdict(epoch)} for epoch in run.epochs()]


def data_of(run: Run, data_dir: str | None = None, tell: Tell | None = None) -> Dataset:
    """The data set of a run; a user-supplied one from its former path unless ``data_dir`` is given.

    Raises what :func:`snnlab.load` raises, and :class:`SnnlabError` for other data.
    """
    config = run.config
    dataset = load(config.dataset, config.side, data_dir=data_dir or run.place, progress=tell)
    if run.record.get("data_crc32") is not None:  # none in older runs
        check_data(run, dataset, config)
    return dataset


def check_data(run: Run, dataset: Dataset, config: Config) -> None:
    """Raises :class:`SnnlabError` unless the run was trained on these data, with these settings."""
    if run.record.get("data_crc32") != fingerprint(dataset.checked().arranged(config)):
        raise SnnlabError(
            f"run {run.folder} was trained on other {run.one}s than {dataset.name} from"
            f" {dataset.origin}: give --data-dir with its data ({run.record['data']})"
        )


def load_config(folder: Path) -> Config:
    """Settings of a run; raises :class:`SnnlabError` for a missing or foreign folder."""
    return Run.open(folder).config


def load_weights(path: Path) -> list[np.ndarray]:
    """Weights of a run folder or of an ``npz`` file with ``layer_0``, ``layer_1``, …

    Raises :class:`SnnlabError` for a missing, unreadable or foreign file.
    """
    path = Path(path)
    path = path / "weights.npz" if os.path.isdir(path) else path  # False for what is no name
    arrays = load_npz(path, "weights", content := "layer_0, layer_1, …")
    weights = [arrays.get(f"layer_{k}") for k in range(len(arrays))]
    if any(weight is None for weight in weights):
        found = ", ".join(sorted(arrays))
        raise SnnlabError(f"weights {path}: not an npz file of {content}, it holds {found}")
    for layer, weight in enumerate(weights):
        if weight.ndim != 2 or not np.issubdtype(weight.dtype, np.floating):
            raise SnnlabError(
                f"weights {path}: layer_{layer} is {weight.dtype} of shape {weight.shape},"
                " expected float[input, neuron]"
            )
    return weights


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """No other process trains this run meanwhile; :class:`SnnlabError` if one does.

    Some shared file systems have no locks: there nothing is kept from anybody.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SnnlabError(
            f"run {folder} is being trained by another process: stop that one, or wait for its end"
        ) from None
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows removes no open file
                os.unlink(lock.lock_file)
            lock.release()
