"""Images as rows of a CSV file: a label and the brightness of each pixel, as on Kaggle."""

import csv
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
from snnlab.data.own.labelled import MAX_CLASSES, Found, Labelled, parse_labels
from snnlab.data.places import Place, check_unpacked
from snnlab.errors import SnnlabError

HEADINGS = ("label", "labels", "class", "target")
"""Names of the label column that cannot be class names: a first line with one is a header."""
LABELS = (*HEADINGS, "y", "classes", "category", "digit", "number", "letter", "character",
          "symbol", "species", "kind", "type")  # fmt: skip
"""Usual names of the label column."""
IGNORED = ("", "id", "index", "unnamed: 0", "image_id", "imageid")
MIN_COUNTED_COLUMNS = 17
"""Fewest columns for which counting numbers are a header and not an image of 2×2 or 3×3 pixels."""
MAX_BYTES = 2**31
MAX_LINE_BYTES = 2**23
MAX_BLANK_LINES = 1000
"""Before the first line with content."""
MAX_PIXELS = 512 * 512
_BLOCK = 2**24  # bytes read at a time
_GZIP = b"\x1f\x8b"


def read(place: Place, names: list[str], tell: Tell) -> Found:
    """Images of a CSV file, or of one for training and one for the test.

    Raises :class:`SnnlabError`, naming file and cure, for a file that is not such a table.
    """
    train, test = choose_parts(names)
    found, columns = _read(place, train, tell)
    if found is None:
        raise SnnlabError(f"{train}: no column of labels: name one “label”, or put it first")
    notes = [f"{train}: {columns.note}"] if columns.note else []
    tested = _read(place, test, tell, columns)[0] if test else None
    if test and tested is None:
        notes.append(f"{test} has no labels and is not used")
    return Found(found, tested, notes=tuple(notes))


def choose_parts(names: list[str]) -> tuple[str, str | None]:
    """The file for training and the one for the test, by their names."""
    words = {name: set(re.findall("[a-z]+", name.rsplit("/", 1)[-1].lower())) for name in names}
    train = [name for name in names if words[name] & {"train", "training"}]
    test = [name for name in names if words[name] & {"test", "testing"}]
    if len(names) == 1:
        return names[0], None
    if len(train) != 1 or len(test) > 1:
        shown = ", ".join(names[:4])
        raise SnnlabError(f"{len(names)} CSV files ({shown}): give one, or a train and a test file")
    return train[0], test[0] if test else None


def _read(place, name, tell, like=None):
    """Images and labels of one file (None if it has no labels), and its columns.

    like : columns of the training file, which settle where the labels are if this file does not.
    """
    with place.open(name) as raw:
        if (size := place.size(name)) > MAX_BYTES:
            raise SnnlabError(f"{name}: more than {MAX_BYTES:,} bytes, the most allowed")
        is_gzip = raw.read(2) == _GZIP
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if is_gzip else raw

        def report():
            if is_gzip:
                check_unpacked(stream.tell(), size, name)
            tell(f"reading {name}", min(1.0, raw.tell() / max(1, size)))

        try:
            columns = _Columns.of(*_first_line(stream, name), name)
            if columns.label is None:
                return None, columns
            if columns.is_ambiguous:
                last = like.is_last if like else _is_last(stream, columns, name, report)
                columns = columns.resolved(last)
            return _table(stream, columns, name, report), columns
        except (OSError, EOFError, zlib.error) as error:
            raise SnnlabError(f"{name}: damaged ({type(error).__name__})") from None


def _first_line(stream: BinaryIO, name: str) -> tuple[str, int]:
    """The first line that is not blank, and the number of blank ones before it."""
    line, blank = stream.readline(MAX_LINE_BYTES), 0
    while line and not line.strip() and blank < MAX_BLANK_LINES:
        line, blank = stream.readline(MAX_LINE_BYTES), blank + 1
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SnnlabError(f"{name}: is UTF-16: save it as UTF-8")
    if line.strip() and b"\0" not in line and len(line) < MAX_LINE_BYTES:
        with suppress(UnicodeDecodeError):
            return line.decode("utf-8-sig").strip("\r\n"), blank
        if any(line.count(mark) > 1 for mark in (b",", b";", b"\t")):
            raise SnnlabError(f"{name}: line {blank + 1} is not UTF-8: save it as UTF-8")
    raise SnnlabError("not a CSV file: give one line per image, label,pixel,pixel,…")


class _Columns(NamedTuple):
    """Positions of label and pixels in a line.

    before : number of lines before the first image
    width : number of columns
    is_ambiguous : whether only the values can tell if the label is the first or the last column
    note : how the label was found, if not by its name
    """

    delimiter: str
    before: int
    width: int
    label: int | None
    pixels: list[int]
    is_ambiguous: bool = False
    note: str = ""

    @classmethod
    def of(cls, line: str, blank: int, name: str) -> "_Columns":
        """Columns by the first line of a file, after ``blank`` blank ones."""
        delimiter = max(",;\t ", key=line.count)
        cells = [cell.strip().strip("\"'").strip() for cell in line.split(delimiter)]
        header = _is_header(cells)
        columns = list(range(len(cells)))
        labels, is_ambiguous, note = [], False, ""
        if header:
            columns = [k for k in columns if cells[k].lower() not in IGNORED]
            labels = [k for k in columns if cells[k].lower() in LABELS]
        if len(labels) > 1:
            raise SnnlabError(f"{name}: {len(labels)} columns of labels: keep one of them")
        if not labels and not _is_square(len(columns)):
            odd = _find_odd([cells[k] for k in columns], name) if header else None
            labels, is_ambiguous = columns[odd or 0 :][:1], odd is None
            if odd is not None:
                note = f"the column “{cells[labels[0]]}” is taken as the labels"
        pixels = [k for k in columns if k not in labels]
        if not _is_square(len(pixels)) or len(pixels) > MAX_PIXELS:
            raise SnnlabError(
                f"{name}: {len(pixels):,} pixels in a line: give a square number, such as 784 for"
                " 28×28, after the label"
            )
        label = labels[0] if labels else None
        return cls(delimiter, blank + header, len(cells), label, pixels, is_ambiguous, note)

    @property
    def is_last(self) -> bool:
        """Whether the label comes after the pixels."""
        return self.label is not None and self.label > self.pixels[-1]

    def resolved(self, last: bool) -> "_Columns":
        """Ambiguous columns, with the last or the first taken as the label."""
        first, *between = sorted([self.label, *self.pixels])
        label, pixels = (between[-1], [first, *between[:-1]]) if last else (first, between)
        which = "last" if last else "first"
        note = f"no column is named “label”, the {which} is taken as the labels"
        return self._replace(label=label, pixels=pixels, is_ambiguous=False, note=note)


def _find_odd(cells, name) -> int | None:
    """Index of the one column whose name differs from the others, e.g. ``digit`` after ``pixel0``…

    None if the names do not tell, as the numbers that pandas writes. Raises :class:`SnnlabError` if
    they show that the first column is a pixel but not which one is the label.
    """
    kinds = [re.sub("[0-9]+", "#", cell.lower()) for cell in cells]
    often = Counter(kinds)
    single = [k for k, kind in enumerate(kinds) if often[kind] == 1]
    if len(single) == 1:
        return single[0]
    if often[kinds[0]] > 1 and set(kinds) != {"#"}:
        raise SnnlabError(
            f"{name}: no column is named “label”, and the first, “{cells[0]}”, is a pixel by its"
            " name: name the label's column “label”"
        )
    return None


def _is_header(cells):
    """Whether the first line names columns; pandas numbers columns without names."""
    if sum(map(_is_number, cells)) < len(cells) - 1 or set(map(str.lower, cells)) & {*HEADINGS}:
        return True
    counting = [str(k) for k in range(len(cells))]
    if len(cells) > 2 and cells[1:] == counting[1:]:
        return True
    others = (cells[1:], cells[:-1]) if len(cells) >= MIN_COUNTED_COLUMNS else ()
    return any(cells in (counting[:-1], counting[1:]) for cells in others)


def _is_last(stream: BinaryIO, columns: _Columns, name: str, report: Callable[[], None]) -> bool:
    """Whether the labels are in the last column and not in the first, by the values of both.

    They are in the first unless its values cannot be labels: a single value, as in a dark corner,
    or numbers where the last column has words. Raises :class:`SnnlabError` if the first column then
    holds neither words nor a few whole numbers.
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
    few = 2 <= len(last) <= MAX_CLASSES
    if few and (len(first) == 1 or not any(map(_is_number, last))):
        return _is_labels(last)
    if not _is_labels(first) or (len(first) > MAX_CLASSES and few and _is_labels(last)):
        raise SnnlabError(
            f"{name}: the first column does not hold labels ({len(first):,} values, such as"
            f" {max(first, key=len)[:20]}): put the label first, or add a header with “label”"
        )
    return False


def _is_labels(texts):
    """Whether values are all whole numbers, or all words."""
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


def _table(stream, columns, name, report):
    """Images : numbers[row, side, side] and labels, read block by block."""
    import pyarrow as pa

    types = {columns.label: pa.string(), **dict.fromkeys(columns.pixels, pa.float32())}
    images, labels = [], []
    for batch in _batches(stream, columns, types, name):
        first, *pixels = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
        labels += first.tolist()
        images.append(_narrow(np.column_stack(pixels)))
        report()
    if not labels:
        raise SnnlabError(f"{name}: no images: give one line per image")
    side = isqrt(len(columns.pixels))
    return Labelled(np.concatenate(images).reshape(-1, side, side), parse_labels(labels))


def _batches(stream, columns, types, name):
    """The columns in ``types``, by index and in this order, a block of the whole file at a time."""
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

    names = [f"c{k}" for k in range(columns.width)]
    wanted = {names[k]: kind for k, kind in types.items()}
    how = (
        ReadOptions(block_size=2 * _BLOCK, column_names=names),
        ParseOptions(delimiter=columns.delimiter),
        ConvertOptions(column_types=wanted, include_columns=[*wanted]),
    )
    try:
        for block in _blocks(stream, columns.before, name):
            yield from read_csv(pa.BufferReader(block), *how).to_batches()
    except pa.ArrowException as error:
        why = _find_fault(stream, columns, str(error)) or f"{error}: give numbers"
        raise SnnlabError(f"{name}: {why}") from None


def _blocks(stream, before, name):
    """Whole lines without the first ones, many at a time.

    Arrow gets no stream of Python's to read by itself: it would read ahead in a thread, and go on
    while the fault is looked for in the same stream, or after the interpreter has ended.
    """
    stream.seek(0)
    for _ in range(before):
        stream.readline(MAX_LINE_BYTES)
    rest = b""
    while read := stream.read(_BLOCK):
        lines, end, rest = (rest + read).rpartition(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise SnnlabError(f"{name}: a line of more than {MAX_LINE_BYTES:,} bytes, the most")
        if lines.strip():
            yield lines + end
    if rest.strip():
        yield rest


def _find_fault(stream, columns, said):
    """The first line that cannot be read, and the cure; None if it is not found.

    said : the message of pyarrow, which names a value but not its line
    """
    match = re.search("invalid value '(.*)'", said)
    value, mark = match and match[1], columns.delimiter
    stream.seek(0)
    for n, raw in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), 1):
        try:
            line = raw.decode("utf-8-sig").strip("\r\n")
        except UnicodeDecodeError:
            return f"line {n} is not UTF-8: save it as UTF-8"
        if n <= columns.before or not line:
            continue
        cells = next(csv.reader([line], delimiter=mark)) if '"' in line else line.split(mark)
        if len(cells) != columns.width:
            return f"line {n} has {len(cells):,} columns, {columns.width:,} expected"
        if value is not None and value in [cells[k].strip() for k in columns.pixels]:
            return f"line {n} has “{value[:20]}” for a pixel: give numbers, such as 0.5"
    return None


def _narrow(numbers):
    """As uint8 if that changes no value, for a quarter of the memory."""
    with np.errstate(invalid="ignore"):
        small = numbers.astype(np.uint8)
    return small if (small == numbers).all() else numbers
