"""User-supplied data in CSV files: the label column is found, other tables are refused."""

import io
import shutil
import threading
import zipfile

import numpy as np
import pytest
from own_pictures import IMAGES, LABELS, NAMES, SIDE, own, seen
from refusal import refused

from snnlab.data.own import csv_pixels
from snnlab.data.own.labelled import MAX_CLASSES
from snnlab.data.places import Place


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)


def rows(labels=LABELS, images=IMAGES):
    return [[str(k), *map(str, image.ravel())] for k, image in zip(labels, images, strict=True)]


def write(path, table, header=None, delimiter=",", end="\n"):
    lines = [*([header] if header else []), *table]
    path.write_text("".join(delimiter.join(line) + end for line in lines))
    return path


def test_a_file_is_read_block_by_block_by_nobody_but_the_caller(tmp_path, monkeypatch):
    """Arrow's own thread would read on, in the stream in which a fault is looked for."""
    readers = set()

    class Noted(io.BytesIO):
        def read(self, *size):
            readers.add(threading.get_ident())
            return super().read(*size)

    write(tmp_path / "a.csv", rows())
    whole = seen(own(tmp_path / "a.csv"))
    monkeypatch.setattr(csv_pixels, "_BLOCK", 10_000)
    monkeypatch.setattr(Place, "open", lambda place, _: Noted(place.path.read_bytes()))
    assert (tmp_path / "a.csv").stat().st_size > 3 * 10_000
    assert seen(own(tmp_path / "a.csv")) == whole
    table = rows()
    table[4].append("0")
    write(tmp_path / "a.csv", table)
    refused(lambda: own(tmp_path / "a.csv"), "line 5 has 786 columns")
    assert readers == {threading.get_ident()}
    write(tmp_path / "a.csv", [*rows(), ["9" * 50_000]])
    monkeypatch.setattr(csv_pixels, "MAX_LINE_BYTES", 20_000)
    refused(lambda: own(tmp_path / "a.csv"), "a line of more than 20,000 bytes, the most")


PIXELS = [f"pixel{k}" for k in range(SIDE**2)]
TABLES = {
    "Kaggle's": lambda p: write(p, rows(), ["label", *PIXELS]),
    "without a header": lambda p: write(p, rows()),
    "pandas', without names": lambda p: write(p, rows(), [str(k) for k in range(SIDE**2 + 1)]),
    "label last": lambda p: write(p, [r[1:] + r[:1] for r in rows()], [*PIXELS, "Class"]),
    "with an index": lambda p: write(
        p, [[str(k), *r] for k, r in enumerate(rows())], ["", "label", *PIXELS]
    ),
    "semicolons": lambda p: write(p, rows(), ["label", *PIXELS], ";", "\r\n"),
    "tabs": lambda p: write(p, rows(), None, "\t"),
    "byte order mark": lambda p: write(p, rows(), ["\ufefflabel", *PIXELS]),
    "in quotes": lambda p: write(p, rows(), [f'"{name}"' for name in ("label", *PIXELS)]),
    "labels as floats": lambda p: write(p, rows(LABELS.astype(float)), ["label", *PIXELS]),
    "MNIST's in CSV": lambda p: write(
        p, rows(), ["label", *(f"{r}x{c}" for r in range(28) for c in range(28))]
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_common_csv_files(tmp_path, kind):
    data = own(TABLES[kind](tmp_path / "a.csv"))
    assert data.classes == ("0", "1", "2")
    expected = sorted((str(k), i.tobytes()) for i, k in zip(IMAGES, LABELS, strict=True))
    assert seen(data) == expected


LAST = [row[1:] + row[:1] for row in rows()]
CORNER = [["0", *row[2:], row[0]] for row in rows()]
WORDS_LAST = [[*row[1:], NAMES[int(row[0])]] for row in rows()]
UNKNOWN_NAMES = {
    "digit last": (LAST, [*PIXELS, "digit"], "a fifth of each"),
    "an unknown name last": (LAST, [*PIXELS, "Was es ist"], "“Was es ist”"),
    "an unknown name in the middle": (
        [[*row[1:9], row[0], *row[9:]] for row in rows()], [*PIXELS[:8], "glyph", *PIXELS[8:]],
        "“glyph”",
    ),
    "rows and columns": (
        LAST, [*(f"{r}x{c}" for r in range(28) for c in range(28)), "glyph"], "“glyph”"
    ),
    "letters and numbers": (
        LAST, [*(f"{chr(65 + r)}{c}" for r in range(28) for c in range(28)), "glyph"], "“glyph”"
    ),
    "numbered pixels, from 0": (LAST, [*map(str, range(784)), "glyph"], "“glyph”"),
    "numbered pixels, from 1": (LAST, [*map(str, range(1, 785)), "glyph"], "“glyph”"),
    "numbered pixels after the label": (rows(), ["glyph", *map(str, range(784))], "“glyph”"),
    "no header": (rows(), None, "the first is taken"),
    "no header, last, a corner that is always dark": (CORNER, None, "the last is taken"),
    "pandas' numbers, last": (CORNER, [*map(str, range(785))], "the last is taken"),
    "no header, words last": (WORDS_LAST, None, "the last is taken"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNKNOWN_NAMES)
def test_the_label_column_is_found_without_a_known_name(tmp_path, kind):
    table, header, said = UNKNOWN_NAMES[kind]
    data = own(write(tmp_path / "a.csv", table, header))
    images = IMAGES.copy()
    if table is CORNER:
        images[:, 0, 0] = 0
    names = NAMES if table is WORDS_LAST else ("0", "1", "2")
    assert data.classes == names
    expected = sorted((names[k], i.tobytes()) for k, i in zip(LABELS, images, strict=True))
    assert seen(data) == expected
    assert said in data.own.notes[0]


def test_a_test_file_has_its_label_where_the_training_file_has(tmp_path):
    """Its few lines alone would be ambiguous."""
    write(tmp_path / "train.csv", CORNER)
    few = [[str(k), *row[1:-1], "1"] for k, row in enumerate(CORNER[:3])]
    write(tmp_path / "test.csv", few)
    data = own(tmp_path)
    assert data.test_labels.tolist() == [1, 1, 1]
    assert data.test_images[:, 0, 0].tolist() == [0, 1, 2]


def test_words_as_labels(tmp_path):
    data = own(write(tmp_path / "a.csv", rows([NAMES[k] for k in LABELS])))
    assert data.classes == NAMES


def test_a_label_may_end_in_a_nul_character(tmp_path):
    words = [("ape", "bee", "bee\0")[k] for k in LABELS]
    data = own(write(tmp_path / "a.csv", rows(words)))
    assert data.classes == ("ape", "bee", r"bee\x00")
    assert len(data.train_labels) + len(data.test_labels) == 60


def test_train_and_test_csv_in_a_folder_or_a_zip(tmp_path):
    write(tmp_path / "fashion_train.csv", rows(), ["label", *PIXELS])
    write(tmp_path / "fashion_test.csv", rows(LABELS[:6], IMAGES[:6]), ["label", *PIXELS])
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    data = own(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (60, 6)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tmp_path.glob("*.csv"):
            archive.write(path, path.name)
    assert seen(own(tmp_path / "all.zip")) == seen(data)


def test_a_test_csv_without_labels_is_not_used(tmp_path):
    write(tmp_path / "train.csv", rows(), ["label", *PIXELS])
    write(tmp_path / "test.csv", [row[1:] for row in rows()], PIXELS)
    data = own(tmp_path)
    assert "test.csv has no labels and is not used" in data.own.notes
    assert len(data.train_labels) == 48


BAD_TABLES = {
    "words as pixels": (
        lambda p: write(p, [["1", *["dark"] * 16], *rows()[:1]]),
        "line 2 has 785 columns, 17 expected",
    ),
    "a word among pixels": (
        lambda p: write(p, [*rows(), [*rows()[0][:-1], "dark"]]),
        "line 61 has “dark” for a pixel: give numbers",
    ),
    "a line too short": (
        lambda p: write(p, [*rows(), rows()[0][:-1]]), "line 61 has 784 columns, 785 expected"
    ),
    "a line too short after a header": (
        lambda p: write(p, [*rows(), rows()[0][:-1]], ["label", *PIXELS]),
        "line 62 has 784 columns, 785 expected",
    ),
    "Latin-1": (
        lambda p: p.write_bytes(
            write(p, rows(["é" if k == 2 else "e" for k in range(60)])).read_text().encode("latin1")
        ) and p,
        "line 3 is not UTF-8: save it as UTF-8",
    ),
    "a header in Latin-1": (
        lambda p: p.write_bytes(b"class,p\xe9,p,p,p\n1,2,3,4,5\n") and p,
        "line 1 is not UTF-8: save it as UTF-8",
    ),
    "UTF-16": (
        lambda p: p.write_bytes(write(p, rows()).read_text().encode("utf-16")) and p,
        "is UTF-16: save it as UTF-8",
    ),
    "no labels": (lambda p: write(p, [row[1:] for row in rows()], PIXELS), "no column of labels"),
    "no square": (lambda p: write(p, [["1", "2", "3", "4", "5", "6"]] * 5), "5 pixels in a line"),
    "an empty pixel": (lambda p: write(p, [*rows(), [*rows()[0][:-1], ""]]), "a pixel is empty"),
    "names that are all of pixels": (
        lambda p: write(p, rows(), [f"p{k}" for k in range(785)]), "name the label's column “label”"
    ),
    "two names that are no pixels'": (
        lambda p: write(p, LAST, [*PIXELS[:-1], "who", "what"]), "name the label's column “label”"
    ),
    "fractions before the label": (
        lambda p: write(p, [[str(k / 7), *row[2:], row[0]] for k, row in enumerate(rows())]),
        "put the label first",
    ),
    "numbers of lines before the label": (
        lambda p: write(
            p, [[str(k), *["0"] * 15, str(k % 3)] for k in range(MAX_CLASSES + 1)]
        ),
        "put the label first",
    ),
    "a line without label": (
        lambda p: write(p, [*rows(), ["", *rows()[0][1:]]], ["label", *PIXELS]),
        "image 60 (from 0) has no label: remove it or label it",
    ),
    "nothing but a header": (lambda p: write(p, [], ["label", *PIXELS]), "no images: give"),
    "nothing": (lambda p: p.write_bytes(b"") * 0 or p, "not a CSV file"),
    "bytes": (lambda p: p.write_bytes(bytes(range(256))) * 0 or p, "not a CSV file"),
    "as many classes as lines": (
        lambda p: write(p, [[str(k), *["0", "9"] * 8] for k in range(MAX_CLASSES + 1)]),
        f"{MAX_CLASSES + 1} classes, the chip has 512 neuron circuits",
    ),
}  # fmt: skip


@pytest.mark.parametrize("header", [None, "named"])
def test_blank_lines_are_skipped(tmp_path, header):
    path = write(tmp_path / "a.csv", rows(), header and ["label", *PIXELS])
    expected = seen(own(path))
    lines = path.read_text().splitlines()
    path.write_text("\n \n\n" + "\n\n".join(lines) + "\n\n")
    assert seen(own(path)) == expected


OTHER_FILES = {
    "a.npy": (lambda p: np.save(p, np.arange(9)), "is one NumPy array: save images and labels"),
    "a.h5": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "is HDF5: save", "spikes"),
    "a.zip": (lambda p: p.write_bytes(b"PK\3\4" + bytes(99)), "damaged or incomplete zip file"),
    "a.tar.gz": (
        lambda p: shutil.make_archive(str(p)[:-7], "gztar", p.parent, "x"),
        "a tar archive",
    ),
    "a.tar": (lambda p: shutil.make_archive(str(p)[:-4], "tar", p.parent, "x"), "give a zip"),
    "a.pkl": (lambda p: p.write_bytes(b"\x80\x04]." + bytes(9)), "a pickle, which is never read"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_of_other_kinds_are_named_with_the_cure(tmp_path, name):
    make, *said = OTHER_FILES[name]
    (tmp_path / "x").mkdir()
    make(tmp_path / name)
    refused(lambda: own(tmp_path / name), "data set folder: ", name, *said)


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_other_tables_are_refused(tmp_path, kind):
    make, said = BAD_TABLES[kind]
    path = make(tmp_path / "a.csv")
    refused(lambda: own(path), "data set folder: ", str(path), said)
