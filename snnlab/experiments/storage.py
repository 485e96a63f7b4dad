"""Where Optuna keeps a sweep: an SQLite file, a journal file, or any database it can open."""

import os
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from snnlab.errors import SnnlabError

SQLITE = b"SQLite format 3\0"
"""How every database file begins."""


def optuna():
    """The library; raises :class:`SnnlabError` if it is missing."""
    try:
        import optuna
    except ImportError:
        raise SnnlabError('Optuna is not installed: pip install "snnlab[sweep]"') from None
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
            return _database(where)
        path = Path(where)
        _check_ours(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".journal":
            _mend(library, path)
            backend = library.storages.journal.JournalFileBackend(str(path))
            return library.storages.JournalStorage(backend)
        _ahead(path)
        return _database(f"sqlite:///{path.resolve()}", {"connect_args": {"timeout": 60}})


def _check_ours(path):
    """SQLite takes a short file that is none for an empty one, and overwrites it."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        begins = file.read(len(SQLITE))
    if begins and not (begins[:1] == b"{" if path.suffix == ".journal" else begins == SQLITE):
        raise SnnlabError(
            f"sweep storage {path}: file is not a database, nor begun by a sweep: give another one"
        )


def _mend(library, path):
    """Cut off the half line that a full disk or a crash left at a journal's end: no entry yet."""
    if not path.exists():
        return
    lock = library.storages.journal.JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()


def _ahead(path):
    """Have SQLite write ahead: one flush to disk for each change instead of four."""
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _database(url, engine=None):
    """Optuna's tables in a database; another process may be about to make them too."""
    from sqlalchemy.exc import SQLAlchemyError

    for _ in range(10):
        try:
            return optuna().storages.RDBStorage(url, engine_kwargs=engine)
        except SQLAlchemyError as error:
            if not any(word in str(error).lower() for word in ("already exists", "unique")):
                raise
            time.sleep(0.5)
    return optuna().storages.RDBStorage(url, engine_kwargs=engine)


@contextmanager
def said(where: str) -> Iterator[None]:
    """What a storage complains of, in one line as a :class:`SnnlabError`."""
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
            f"sweep storage {where}: {_cause(error)}; what it held is still there"
        ) from None
    except (ImportError, RuntimeError, ValueError) as error:  # no driver, another version of Optuna
        raise SnnlabError(f"sweep storage {where}: {_cause(error)}") from None


def _cause(error):
    """The innermost reason: databases wrap it several times."""
    while (inner := getattr(error, "orig", None) or error.__cause__) is not None:
        error = inner
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
