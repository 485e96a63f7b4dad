"""Where Optuna keeps a sweep: an SQLite file, a journal file, or any database it can open."""

import os
import sqlite3
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from snnlab.errors import SnnlabError
from snnlab.install import missing

SQLITE = b"SQLite format 3\0"
"""How every database file begins."""
PATIENCE = 10.0
"""Seconds to wait for another process that begins the same storage."""
BESIDE = ("-wal", "-shm", "-journal", ".lock")
"""How names go on of what SQLite and journals keep beside their file."""
IN_THE_WAY = ("already exists", "unique", "locked")
"""Parts of the databases' messages in that case."""


def optuna():
    """The library; raises :class:`SnnlabError` if it is missing."""
    try:
        import optuna
    except ImportError:
        raise missing("Optuna is", "sweep") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Names of metrics, joint TPE and journal files may change in a later Optuna: it is pinned.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna


def open_storage(where: str):
    """A storage: a database URL, a ``.journal`` file, or any other file as SQLite.

    Raises :class:`SnnlabError` if it cannot be opened.
    """
    library = optuna()
    with said(where):
        if "://" in where:
            return _beside_others(lambda: _database(where))
        path = Path(where)
        _check_ours(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".journal":
            return _journal(library, path)
        return _beside_others(lambda: _sqlite(path))


def load_study(name: str, where: str):
    """The Optuna study of a sweep, for reading; raises :class:`SnnlabError` if it is not there."""
    with said(where):
        try:
            return optuna().load_study(study_name=name, storage=open_storage(where))
        except KeyError:
            raise SnnlabError(f"sweep storage {where} holds no sweep {name!r}") from None


class Traces:
    """The files and folders that opening a storage adds; for those that it had already, nothing."""

    def __init__(self, where: str):
        self._where, path = where, None if "://" in where else Path(where)
        self._folders = [folder for folder in path.parents if not folder.exists()] if path else []
        self._path = path if path and not os.path.exists(path) else None
        self.new = self._path is not None

    def remove(self, storage=None) -> None:
        """Remove them, files only if they hold no study; ``storage`` is closed."""
        if hasattr(storage, "engine"):
            storage.remove_session()
            storage.engine.dispose()
        if self.new and os.path.exists(self._path) and self._is_empty():
            for end in ("", *BESIDE):
                with suppress(OSError):
                    self._path.with_name(f"{self._path.name}{end}").unlink()
        for folder in self._folders:
            with suppress(OSError):  # not empty
                folder.rmdir()

    def _is_empty(self):
        """Whether no study is there; asked of SQLite itself, for Optuna may have been interrupted
        while it began."""
        if self._path.suffix == ".journal":
            return not open_storage(self._where).get_all_studies()
        with closing(sqlite3.connect(self._path)) as connection:
            try:
                return connection.execute("SELECT 1 FROM studies").fetchone() is None
            except sqlite3.OperationalError as error:
                return "no such table" in str(error)


def _check_ours(path):
    """SQLite treats a short foreign file as an empty database and overwrites it."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        begins = file.read(len(SQLITE))
    if begins and not (begins[:1] == b"{" if path.suffix == ".journal" else begins == SQLITE):
        raise SnnlabError(
            f"sweep storage {path}: file is not the database of a sweep: give another one"
        )


def _journal(library, path):
    """A journal, which is read from its beginning; Optuna does not check what a line holds."""
    lock = _lock(library, path)
    _mend(path, lock)
    backend = library.storages.journal.JournalFileBackend(str(path), lock_obj=lock)
    try:
        return library.storages.JournalStorage(backend)
    except (AssertionError, AttributeError, LookupError, TypeError):
        raise SnnlabError(
            f"sweep storage {path} is damaged (a line in it is no entry of a journal): put back a"
            " copy of it, or give another file"
        ) from None


def _lock(library, path):
    """Of a journal; on Windows not everybody may make the link that Optuna's own lock is."""
    kinds = library.storages.journal
    kind = kinds.JournalFileOpenLock if os.name == "nt" else kinds.JournalFileSymlinkLock
    return kind(str(path))


def _mend(path, lock):
    """Cut off the half line that a full disk or a crash left at a journal's end: no entry yet."""
    if not path.exists():
        return
    lock.acquire()
    try:
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()


def _sqlite(path):
    """A file that SQLite writes ahead: one flush to disk for each change instead of four.

    For that it must have the file to itself, and does not wait for others.
    """
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    from sqlalchemy.engine import URL

    # SQLite's own URI in it: a plain path would end at a "?", and Optuna fills in what is in braces
    url = URL.create("sqlite", database=path.resolve().as_uri(), query={"uri": "true"})
    return _database(str(url), {"connect_args": {"timeout": 60}})


def _database(url, engine=None):
    """A storage whose connections are closed when it is garbage-collected or fails."""
    storage = (kind := optuna().storages.RDBStorage).__new__(kind)
    try:
        storage.__init__(url, engine_kwargs=engine)
    except BaseException:
        if hasattr(storage, "engine"):
            storage.engine.dispose()
        raise
    weakref.finalize(storage, _close, storage.scoped_session, storage.engine)
    return storage


def _close(session, engine):
    session.remove()
    engine.dispose()


def _beside_others(begin):
    """Do it again while another process is in its way, which begins the same storage just now."""
    from sqlalchemy.exc import SQLAlchemyError

    end = time.monotonic() + PATIENCE
    while True:
        try:
            return begin()
        except (SQLAlchemyError, sqlite3.Error) as error:
            if time.monotonic() > end or not any(word in str(error).lower() for word in IN_THE_WAY):
                raise
            time.sleep(0.2)


@contextmanager
def said(where: str) -> Iterator[None]:
    """An error of a storage as a :class:`SnnlabError` of one line."""
    library = optuna()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SnnlabError:
        raise
    except (
        library.exceptions.StorageInternalError,
        SQLAlchemyError,
        OSError,
        sqlite3.Error,
    ) as error:
        raise SnnlabError(
            f"sweep storage {where}: {_cause(error)}; its former content is kept"
        ) from None
    except (ImportError, RuntimeError, ValueError) as error:  # no driver, another version of Optuna
        raise SnnlabError(f"sweep storage {where}: {_cause(error)}") from None


def _cause(error):
    """The innermost reason: databases wrap it several times."""
    while (inner := getattr(error, "orig", None) or error.__cause__) is not None:
        error = inner
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
