"""Finished trainings on disk: one small JSON file each, found by the hash of its settings."""

import json
from contextlib import suppress
from pathlib import Path

from snnlab.errors import SnnlabError
from snnlab.files import write_whole
from snnlab.install import versions
from snnlab.reproduce.job import Job

NEEDED = {"settings", "result", "seconds", "versions"}


class Cache:
    """A folder of records, which are written atomically.

    Raises :class:`SnnlabError` if it is not a folder or cannot be written.
    """

    def __init__(self, folder: Path):
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise SnnlabError(f"cache {folder} is a file: give the name of a folder")
        self.folder = folder

    def get(self, job: Job) -> dict | None:
        """The record of a job, None if it is missing or damaged.

        A record made with other defaults counts as missing.
        """
        with suppress(OSError, ValueError, TypeError):
            record = json.loads(self._path(job).read_text("utf-8"))
            if isinstance(record, dict) and set(record) >= NEEDED:
                return record if job.matches(record["settings"]) else None
        return None

    def put(self, job: Job, outcome: dict) -> dict:
        """Store a job's result with its settings and versions; returns the record."""
        record = {**_head(job), **outcome, "versions": versions()}
        self._write(self._path(job), record)
        with suppress(OSError):
            self._path(job, "failed").unlink(missing_ok=True)
        return record

    def fail(self, job: Job, why: str) -> None:
        """Store why a job failed; its record remains missing."""
        self._write(self._path(job, "failed"), {**_head(job), "why": why, "versions": versions()})

    def failure(self, job: Job) -> str | None:
        """Why the last attempt at a job failed, None if it did not."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self._path(job, "failed").read_text("utf-8"))["why"])
        return None

    def _path(self, job, suffix="json"):
        return self.folder / f"{job.key}.{suffix}"

    def _write(self, path, content):
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda file: file.write(text.encode()))
        except OSError as error:
            raise SnnlabError(f"cache {self.folder} cannot be written: {error.strerror}") from None


def _head(job):
    return {"label": job.label, "kind": job.kind, "settings": job.settings,
            "measures": list(job.measures)}  # fmt: skip
