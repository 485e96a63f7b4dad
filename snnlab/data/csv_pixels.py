"""Pictures as rows of a CSV file: a label and the brightness of each pixel, as Kaggle has them."""

import gzip
import re
import zlib
from contextlib import suppress
from math import isqrt
from typing import BinaryIO

import numpy as np

from snnlab.data.catalogue import Tell
from snnlab.data.labelled import Found, Labelled, words_or_numbers
from snnlab.data.places import Place, check_unpacked
from snnlab.errors import SnnlabError

LABELS = ("label", "labels", "class", "target", "y")
"""What the column is called that says what a picture shows."""
IGNORED = ("", "id", "index", "unnamed: 0")
MOST_BYTES = 2**31
MOST_IN_LINE = 2**23
MOST_PIXELS = 512 * 512
_BLOCK = 2**24  # bytes that are read at a time, longer than any line
_GZIP = b"\x1f\x8b"


def read(place: Place, names: list[str], tell: Tell) -> Found:
    """Pictures of a CSV file, or of one to train on and one to test on.

    Raises :class:`SnnlabError` for what is no such table, naming file and cure.
    """
    train, test = chosen(names, "CSV file")
    found, notes = _read(place, train, tell), []
    if found is None:
        raise SnnlabError(f"{train}: no column of labels: call one “label”, or put it first")
    tested = _read(place, test, tell) if test else None
    if test and tested is None:
        notes.append(f"{test} has no labels and is not used")
    return Found(found, tested, notes=tuple(notes))


def chosen(names: list[str], what: str) -> tuple[str, str | None]:
    """Of files, the one to train on and the one to test on, by what they are called."""
    words = {name: set(re.findall("[a-z]+", name.rsplit("/", 1)[-1].lower())) for name in names}
    train = [name for name in names if words[name] & {"train", "training"}]
    test = [name for name in names if words[name] & {"test", "testing"}]
    if len(names) == 1:
        return names[0], None
    if len(train) != 1 or len(test) > 1:
        shown = ", ".join(names[:4])
        raise SnnlabError(f"{len(names)} times a {what} ({shown}): give one, or train and test")
    return train[0], test[0] if test else None


def _read(place, name, tell):
    """Pictures and labels of one file; None if it has no labels."""
    with place.open(name) as raw:
        if place.size(name) > MOST_BYTES:
            raise SnnlabError(f"{name}: more than the {MOST_BYTES:,} bytes that are read")
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            columns = _Columns.of(_first_line(stream), name)
            stream.seek(0)
            if columns.label is None:
                return None
            size = max(1, place.size(name))

            def report():
                if packed:
                    check_unpacked(stream.tell(), size, name)
                tell(f"reading {name}", min(1.0, raw.tell() / size))

            return _table(stream, columns, name, report)
        except (OSError, EOFError, zlib.error) as error:
            raise SnnlabError(f"{name}: damaged ({type(error).__name__})") from None


def _first_line(stream: BinaryIO) -> str:
    line = stream.readline(MOST_IN_LINE)
    with suppress(UnicodeDecodeError):
        text = line.decode("utf-8-sig").strip("\r\n")
        if text.strip() and "\0" not in text and len(line) < MOST_IN_LINE:
            return text
    raise SnnlabError("no CSV file: give a line for each picture, label,pixel,pixel,…")


class _Columns:
    """Where in a line the label stands, and where the pixels."""

    def __init__(self, delimiter: str, header: bool, label: int | None, pixels: list[int]):
        self.delimiter, self.header, self.label, self.pixels = delimiter, header, label, pixels

    @classmethod
    def of(cls, line: str, name: str) -> "_Columns":
        delimiter = max(",;\t ", key=line.count)
        cells = [cell.strip().strip("\"'").strip() for cell in line.split(delimiter)]
        header = _is_header(cells)
        columns = list(range(len(cells)))
        if header:
            columns = [k for k in columns if cells[k].lower() not in IGNORED]
            labels = [k for k in columns if cells[k].lower() in LABELS]
        else:
            labels = []
        if len(labels) > 1:
            raise SnnlabError(f"{name}: {len(labels)} columns of labels: leave one of them")
        if not labels and not _is_square(len(columns)):
            labels = columns[:1]
        pixels = [k for k in columns if k not in labels]
        if not _is_square(len(pixels)) or len(pixels) > MOST_PIXELS:
            raise SnnlabError(
                f"{name}: {len(pixels):,} pixels in a line: give a square number of them, such as"
                " 784 for 28×28, and the label before them"
            )
        return cls(delimiter, header, labels[0] if labels else None, pixels)


def _is_header(cells):
    """Whether the first line names columns; pandas numbers them if they have no names."""
    if sum(map(_is_number, cells)) < len(cells) - 1 or set(map(str.lower, cells)) & {*LABELS[:-1]}:
        return True
    counting = [str(k) for k in range(len(cells))]
    return len(cells) > 2 and cells[1:] == counting[1:]


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_square(n):
    return n > 1 and isqrt(n) ** 2 == n


def _table(stream, columns, name, tell):
    """Images numbers[row, side, side] and labels, read bit by bit."""
    import pyarrow as pa
    from pyarrow import csv

    known = [f"c{k}" for k in range(max([columns.label, *columns.pixels]) + 1)]
    types = dict.fromkeys((known[k] for k in columns.pixels), pa.float32())
    label, pixels = known[columns.label], [known[k] for k in columns.pixels]
    names = [*known, *(f"c{k}" for k in range(len(known), _width(stream, columns)))]
    images, labels = [], []
    try:
        batches = csv.open_csv(
            stream,
            csv.ReadOptions(block_size=_BLOCK, column_names=names, skip_rows=int(columns.header)),
            csv.ParseOptions(delimiter=columns.delimiter),
            csv.ConvertOptions(
                column_types={**types, label: pa.string()}, include_columns=[label, *pixels]
            ),
        )
        for batch in batches:
            labels += batch.column(0).to_pylist()
            images.append(_narrow(np.column_stack([column.to_numpy(zero_copy_only=False)
                                                   for column in batch.columns[1:]])))  # fmt: skip
            tell()
    except pa.ArrowException as error:
        raise SnnlabError(f"{name}: {str(error).removeprefix('In ')}: give numbers") from None
    if not labels:
        raise SnnlabError(f"{name}: no line with a picture")
    side = isqrt(len(pixels))
    return Labelled(np.concatenate(images).reshape(-1, side, side), words_or_numbers(labels))


def _width(stream, columns):
    """Columns of the first line, the stream being at its start then as now."""
    width = stream.readline(MOST_IN_LINE).decode("utf-8", "replace").count(columns.delimiter) + 1
    stream.seek(0)
    return width


def _narrow(numbers):
    """Whole numbers of a byte as such: a quarter of the memory."""
    with np.errstate(invalid="ignore"):
        small = numbers.astype(np.uint8)
    return small if (small == numbers).all() else numbers
