"""Pictures as rows of a CSV file: a label and the brightness of each pixel, as Kaggle has them."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from math import isqrt
from typing import BinaryIO, NamedTuple

import numpy as np

from snnlab.data.catalogue import Tell
from snnlab.data.own.labelled import MOST_CLASSES, Found, Labelled, words_or_numbers
from snnlab.data.own.places import Place, check_unpacked
from snnlab.errors import SnnlabError

HEADINGS = ("label", "labels", "class", "target")
"""Names of the column of labels that are no classes themselves: a line with one is a header."""
LABELS = (*HEADINGS, "y", "classes", "category", "digit", "number", "letter", "character",
          "symbol", "species", "kind", "type")  # fmt: skip
"""What the column is called that says what a picture shows."""
IGNORED = ("", "id", "index", "unnamed: 0", "image_id", "imageid")
LEAST_COUNTED = 17
"""Columns from which on numbers that count up are a header, not a picture of 2×2 or 3×3."""
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
    found, columns = _read(place, train, tell)
    if found is None:
        raise SnnlabError(f"{train}: no column of labels: call one “label”, or put it first")
    notes = [f"{train}: {columns.note}"] if columns.note else []
    tested = _read(place, test, tell, columns)[0] if test else None
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


def _read(place, name, tell, like=None):
    """Pictures and labels of one file, None if it has no labels, and its columns.

    like : columns of the file to train on, which say where the labels are if this does not.
    """
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
                return None, columns
            size = max(1, place.size(name))

            def report():
                if packed:
                    check_unpacked(stream.tell(), size, name)
                tell(f"reading {name}", min(1.0, raw.tell() / size))

            if columns.unsaid:
                last = like.is_last if like else _is_last(stream, columns, name, report)
                columns = columns.decided(last)
                stream.seek(0)
            return _table(stream, columns, name, report), columns
        except (OSError, EOFError, zlib.error) as error:
            raise SnnlabError(f"{name}: damaged ({type(error).__name__})") from None


def _first_line(stream: BinaryIO) -> str:
    line = stream.readline(MOST_IN_LINE)
    with suppress(UnicodeDecodeError):
        text = line.decode("utf-8-sig").strip("\r\n")
        if text.strip() and "\0" not in text and len(line) < MOST_IN_LINE:
            return text
    raise SnnlabError("no CSV file: give a line for each picture, label,pixel,pixel,…")


class _Columns(NamedTuple):
    """Where in a line the label stands, and where the pixels.

    unsaid : whether nothing but the numbers themselves can tell if the label is first or last
    note : how the label was found, if its name did not say it
    """

    delimiter: str
    header: bool
    label: int | None
    pixels: list[int]
    unsaid: bool = False
    note: str = ""

    @classmethod
    def of(cls, line: str, name: str) -> "_Columns":
        delimiter = max(",;\t ", key=line.count)
        cells = [cell.strip().strip("\"'").strip() for cell in line.split(delimiter)]
        header = _is_header(cells)
        columns = list(range(len(cells)))
        labels, unsaid, note = [], False, ""
        if header:
            columns = [k for k in columns if cells[k].lower() not in IGNORED]
            labels = [k for k in columns if cells[k].lower() in LABELS]
        if len(labels) > 1:
            raise SnnlabError(f"{name}: {len(labels)} columns of labels: leave one of them")
        if not labels and not _is_square(len(columns)):
            odd = _odd([cells[k] for k in columns], name) if header else None
            labels, unsaid = columns[odd or 0 :][:1], odd is None
            if odd is not None:
                note = f"the column “{cells[labels[0]]}” is taken as the labels"
        pixels = [k for k in columns if k not in labels]
        if not _is_square(len(pixels)) or len(pixels) > MOST_PIXELS:
            raise SnnlabError(
                f"{name}: {len(pixels):,} pixels in a line: give a square number of them, such as"
                " 784 for 28×28, and the label before them"
            )
        return cls(delimiter, header, labels[0] if labels else None, pixels, unsaid, note)

    @property
    def is_last(self) -> bool:
        """Whether the label comes after the pixels."""
        return self.label is not None and self.label > self.pixels[-1]

    def decided(self, last: bool) -> "_Columns":
        """Themselves with the label last or first, which nothing says."""
        first, *between = sorted([self.label, *self.pixels])
        label, pixels = (between[-1], [first, *between[:-1]]) if last else (first, between)
        which = "last" if last else "first"
        note = f"no column is called “label”, the {which} is taken as the labels"
        return self._replace(label=label, pixels=pixels, unsaid=False, note=note)


def _odd(cells, name) -> int | None:
    """The one column whose name is unlike all others: of ``pixel0``, …, ``digit`` the last.

    None if names tell nothing, as pandas' numbers do; raises if the label is none of them, and the
    first is a pixel.
    """
    kinds = [re.sub("[0-9]+", "#", cell.lower()) for cell in cells]
    often = Counter(kinds)
    single = [k for k, kind in enumerate(kinds) if often[kind] == 1]
    if len(single) == 1:
        return single[0]
    if often[kinds[0]] > 1 and set(kinds) != {"#"}:
        raise SnnlabError(
            f"{name}: no column is called “label”, and the first, “{cells[0]}”, is a pixel by its"
            " name: call the label's column “label”"
        )
    return None


def _is_header(cells):
    """Whether the first line names columns; pandas numbers them if they have no names."""
    if sum(map(_is_number, cells)) < len(cells) - 1 or set(map(str.lower, cells)) & {*HEADINGS}:
        return True
    counting = [str(k) for k in range(len(cells))]
    if len(cells) > 2 and cells[1:] == counting[1:]:
        return True
    others = (cells[1:], cells[:-1]) if len(cells) >= LEAST_COUNTED else ()
    return any(cells in (counting[:-1], counting[1:]) for cells in others)


def _is_last(stream: BinaryIO, columns: _Columns, name: str, report: Callable[[], None]) -> bool:
    """Whether the last column holds the labels and not the first, by all that is in both.

    The first does unless it holds what no label is: one value throughout, as a corner does, or
    numbers where the last has words. Raises :class:`SnnlabError` if it holds no labels otherwise.
    """
    import pyarrow as pa

    ends = columns.label, columns.pixels[-1]
    texts: tuple[set, set] = set(), set()
    for batch in _batches(stream, columns, dict.fromkeys(ends, pa.string()), name):
        for found, column in zip(texts, batch.columns, strict=True):
            found |= {text.strip() for text in column.unique().to_pylist()}
        report()
    first, last = texts
    if not all(map(_is_number, first)):  # pixels are numbers
        return False
    few = 2 <= len(last) <= MOST_CLASSES
    if few and (len(first) == 1 or not any(map(_is_number, last))):
        return _is_labels(last)
    if not _is_labels(first) or (len(first) > MOST_CLASSES and few and _is_labels(last)):
        raise SnnlabError(
            f"{name}: the first column holds no labels ({len(first):,} values, such as"
            f" {max(first, key=len)[:20]}): put the label first, or add a line of names with"
            " “label”"
        )
    return False


def _is_labels(texts):
    """Whether all of a column is whole numbers, or words."""
    numbers = [float(text) for text in texts if _is_number(text)]
    return not numbers or (len(numbers) == len(texts) and all(map(float.is_integer, numbers)))


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

    types = {columns.label: pa.string(), **dict.fromkeys(columns.pixels, pa.float32())}
    images, labels = [], []
    for batch in _batches(stream, columns, types, name):
        labels += batch.column(0).to_pylist()
        images.append(_narrow(np.column_stack([column.to_numpy(zero_copy_only=False)
                                               for column in batch.columns[1:]])))  # fmt: skip
        tell()
    if not labels:
        raise SnnlabError(f"{name}: no line with a picture")
    side = isqrt(len(columns.pixels))
    return Labelled(np.concatenate(images).reshape(-1, side, side), words_or_numbers(labels))


def _batches(stream, columns, types, name):
    """Some columns of the table, by their place and type in this order, a block at a time."""
    import pyarrow as pa
    from pyarrow import csv

    names = [f"c{k}" for k in range(_width(stream, columns))]
    wanted = {names[k]: kind for k, kind in types.items()}
    try:
        yield from csv.open_csv(
            stream,
            csv.ReadOptions(block_size=_BLOCK, column_names=names, skip_rows=int(columns.header)),
            csv.ParseOptions(delimiter=columns.delimiter),
            csv.ConvertOptions(column_types=wanted, include_columns=[*wanted]),
        )
    except pa.ArrowException as error:
        raise SnnlabError(f"{name}: {str(error).removeprefix('In ')}: give numbers") from None


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
