"""``snnlab classify``: a stored run decides on picture files, one of spoken digits on wav files."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob, has_magic
from math import isfinite
from pathlib import Path

from snnlab.commands.flags import filled
from snnlab.errors import SnnlabError, plain
from snnlab.files import check_place, write_named
from snnlab.text.tables import aligned

STANDARD_INPUT = STANDARD_OUTPUT = "-"
FAILED = 2
PROGRESS_INTERVAL = 20
"""Files between two updates of the progress bar."""


def add_classify(commands) -> None:
    """Add the command to a parser's commands."""
    text = "classify pictures or sounds with a run: class, potential, time and energy of each"
    parser = commands.add_parser("classify", help=text, description=text)
    parser.set_defaults(command=_classify, prints=True)
    parser.add_argument("run", type=filled, metavar="RUN", help="folder or name of a run")
    text = "picture files, or wav files for a run on spoken digits; folders of them, patterns such"
    text += " as '*.png', or - for standard input"
    parser.add_argument("files", type=filled, nargs="+", metavar="FILE", help=text)
    text = "write a row per file with all potentials to a file, or - for standard output"
    parser.add_argument("--csv", type=filled, metavar="FILE", help=text)
    text = "use pictures unchanged (default: only those of the data set's size)"
    parser.add_argument("--as-is", action=argparse.BooleanOptionalAction, help=text)


def _classify(arguments):
    from snnlab.runs.run import find_run

    run = find_run(arguments.run)
    if arguments.csv not in (None, STANDARD_OUTPUT):
        check_place(Path(arguments.csv), "table")
    from snnlab.studies.classifier import Classifier  # numba takes a second
    from snnlab.text.progress import Bar

    classifier = Classifier(run)
    found, names, inputs, unread = [], [], [], []
    for given in arguments.files:
        with _named(given, unread):
            found += _find_files(given, classifier.kind)
    with Bar() as bar:
        for k, name in enumerate(found):
            if k % PROGRESS_INTERVAL == 0:
                bar.tell(f"{classifier.kind} {k + 1} of {len(found)}", k / len(found))
            with _named(name, unread):
                source = sys.stdin.buffer.read() if name == STANDARD_INPUT else name
                inputs.append(classifier.read(source, arguments.as_is))
                names.append("standard input" if name == STANDARD_INPUT else name)
    if inputs:
        rows = list(zip(names, classifier.decide(inputs), strict=True))
        _write(rows, classifier, arguments.csv)
    return FAILED if unread else 0


@contextmanager
def _named(name, unread) -> Iterator[None]:
    """Classify one file; an error is printed and does not stop the others."""
    from tqdm import tqdm

    try:
        yield
    except SnnlabError as error:
        unread.append(name)
        where = "" if plain(name) in str(error) else f"{plain(name)}: "
        tqdm.write(f"snnlab: {where}{error}", file=sys.stderr)


def _find_files(name, kind) -> list[str]:
    """The file itself, or the sorted pictures or sounds of a folder or pattern."""
    from snnlab.data.own.labelled import natural_key

    found = [name]
    if os.path.isdir(name):  # False for an invalid name
        found = [str(path) for path in Path(name).rglob("*") if _looks_like(kind, path)]
    elif has_magic(name) and not os.path.lexists(name):
        found = glob(name, recursive=True)
    if not found:
        raise SnnlabError(f"there are no {kind}s in {name}: give files, folders or patterns")
    return sorted(found, key=natural_key)


def _looks_like(kind, path):
    from snnlab.data.own.class_folders import SUFFIXES

    pictures = {*SUFFIXES, ".heic", ".heif", ".svg"}
    known = path.suffix.lower() in ({".wav"} if kind == "sound" else pictures)
    return known and not path.name.startswith(".") and path.is_file()


def _write(rows, classifier, to):
    from snnlab.runs.tables import csv_of

    if to is None:
        print(aligned([(classifier.kind, *HEAD), *(_line(*row) for row in rows)]))
        return
    head = [classifier.kind, *COLUMNS, *(f"potential {name}" for name in classifier.classes)]
    content = csv_of(head, (_cells(*row) for row in rows)).getvalue().replace("\r\n", "\n")
    if to == STANDARD_OUTPUT:
        print(content, end="")
        return
    try:
        write_named(Path(to), lambda file: file.write(content.encode()))
    except OSError as error:
        raise SnnlabError(f"table {to} cannot be written: {error.strerror}") from None


HEAD = ("class", "potential", "second", "after µs", "hidden spikes", "about µJ")
COLUMNS = (
    "class", "potential", "second class", "second potential", "time_us",
    "hidden_spikes", "energy_uJ", "energy_low_uJ", "energy_high_uJ",
)  # fmt: skip
"""Columns of the CSV between the name and the potentials of all classes."""


def _line(name, decision):
    (_, potential), (second, below) = decision.ranking[:2]
    after = f"{1e6 * decision.time:.1f}" if isfinite(decision.time) else "never"
    return (
        name, decision.label, f"{potential:.2f}", f"{second} {below:.2f}", after, decision.spikes,
        f"{1e6 * decision.energy:.2f}",
    )  # fmt: skip


def _cells(name, decision):
    (_, potential), (second, below) = decision.ranking[:2]
    after = round(1e6 * decision.time, 3) if isfinite(decision.time) else None
    energies = (decision.energy, *decision.energy_range)
    potentials = (potential, below, *decision.potentials.values())
    potential, below, *every = (round(v, 4) for v in potentials)
    return (
        name, decision.label, potential, second, below, after, decision.spikes,
        *(round(1e6 * joule, 4) for joule in energies), *every,
    )  # fmt: skip
