"""Tables as Parquet and CSV, by Apache Arrow, and as CSV for spreadsheets."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np

from snnlab.errors import SnnlabError
from snnlab.files import check_place, is_special, write_named, write_whole

Columns = dict[str, Sequence]
MAX_CELLS = 10_000_000
"""Limit on the values of a table that is read, reached by two thousand epochs of MNIST; one of
more is read if its file is as long, as that of a real training is."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a formula in a spreadsheet."""


def write_table(path: Path, columns: Columns, *, named: bool = False) -> None:
    """Write columns to ``path`` atomically: as CSV if its suffix is .csv, else as Parquet.

    named : whether the user gave the path, see :func:`~snnlab.files.write_named`. Raises OSError.
    """
    import pyarrow
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    table = pyarrow.table({name: _as_arrow(column) for name, column in columns.items()})
    write = arrow_csv.write_csv if path.suffix == ".csv" else parquet.write_table
    (write_named if named else write_whole)(path, lambda file: write(table, file))
    # Arrow keeps what it needed; a training writes a longer table every time.
    pyarrow.default_memory_pool().release_unused()


def _as_arrow(column):
    """Numbers as Arrow keeps them, which by itself would import pandas first, for 0.3 s."""
    import pyarrow

    values = np.asarray(column)
    if values.dtype.kind not in "if":
        return column  # text, what is true or false, or unknown
    kept = pyarrow.py_buffer(np.ascontiguousarray(values))
    return pyarrow.Array.from_buffers(
        pyarrow.from_numpy_dtype(values.dtype), len(values), [None, kept]
    )


def read_table(path: Path) -> dict[str, list]:
    """Columns of a Parquet file; raises :class:`SnnlabError` if it is missing or invalid, a device
    or a pipe."""
    from pyarrow import parquet

    try:
        if is_special(path):
            raise SnnlabError(f"table {path}: a device or a pipe, not a file: copy it to a file")
        with path.open("rb") as file:
            table = parquet.ParquetFile(file)
            _check(path, table)
            return table.read(use_threads=False).to_pydict()
    except FileNotFoundError:
        raise SnnlabError(f"table {path}: no such file") from None
    except SnnlabError:
        raise
    except Exception as error:  # pyarrow raises many kinds for damaged files
        raise SnnlabError(f"table {path}: not a Parquet file ({type(error).__name__})") from None


def _check(path, table):
    """Refuse a file that would expand to far more than it holds."""
    about, types = table.metadata, table.schema_arrow.types
    cells = about.num_rows * about.num_columns
    if cells > max(MAX_CELLS, path.stat().st_size):
        raise SnnlabError(
            f"table {path}: {cells:,} values in {path.stat().st_size:,} bytes, at most"
            f" {MAX_CELLS:,} are read"
        )
    if not all(any(is_kind(kind) for is_kind in _numbers()) for kind in types):
        raise SnnlabError(f"table {path}: columns of other than numbers")
    groups = [about.row_group(k) for k in range(about.num_row_groups)]
    codecs = {g.column(k).compression for g in groups for k in range(about.num_columns)}
    if not codecs <= {"SNAPPY", "UNCOMPRESSED"}:
        raise SnnlabError(f"table {path}: packed by {', '.join(sorted(codecs))}, expected SNAPPY")


def _numbers():
    from pyarrow import types

    return types.is_integer, types.is_floating, types.is_boolean, types.is_null


def columns_of(rows: list[dict]) -> Columns:
    """Rows as columns; what a row does not have is None."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def check_export(path: Path) -> None:
    """Raises :class:`SnnlabError` for a path to which no table can be written."""
    if Path(path).suffix not in (".csv", ".parquet"):
        raise SnnlabError(f"table {path}: end its name in .csv or .parquet")
    check_place(Path(path), "table")


def export_table(path: Path, columns: Columns) -> None:
    """Write a table; raises :class:`SnnlabError` if it is empty or cannot be written."""
    check_export(path)
    if not columns:
        raise SnnlabError(f"table {path}: there are no rows to write, nothing is kept yet")
    try:
        write_table(Path(path), columns, named=True)
    except OSError as error:
        raise SnnlabError(f"table {path} cannot be written: {error.strerror}") from None


def csv_of(header: Sequence[str], rows: Iterable[Sequence]) -> StringIO:
    """A table as CSV. Text that a spreadsheet would take for a formula gets an apostrophe."""
    file = StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(map(_harmless, row) for row in rows)
    file.seek(0)
    return file


def _harmless(cell):
    if not isinstance(cell, str) or not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell
