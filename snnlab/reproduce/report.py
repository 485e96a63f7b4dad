"""The output of a reproduction: a page with table and figures, and all records as Parquet."""

import os
from errno import EACCES, ENOTDIR
from importlib.util import find_spec
from pathlib import Path

from snnlab.errors import SnnlabError
from snnlab.files import write_whole
from snnlab.install import missing, versions
from snnlab.recipes import recipe
from snnlab.reproduce.records import Records
from snnlab.reproduce.rows import table
from snnlab.text.tables import markdown

PAGE, FOLDER = "results.md", "results"
BEGIN, END = "<!-- snnlab reproduce: begin -->", "<!-- snnlab reproduce: end -->"
"""Markers of the generated part; text outside them is preserved."""
SMALL = (
    "**A small version, to see that everything runs: two epochs on 8×8 digits. Its numbers say"
    " nothing about MNIST and Fashion-MNIST.**"
)
TITLE = "# The paper's results on the emulated chip\n"
NEEDED = ("holoviews", "matplotlib")


def check() -> None:
    """Raises :class:`SnnlabError` if libraries that write the results are not installed."""
    if not all(find_spec(name) for name in NEEDED):
        raise missing("what draws the figures is", "reproduce")


def check_out(out: Path) -> Path:
    """Path of the page that :func:`write` will write, checked before long work begins.

    Raises :class:`SnnlabError` if the folder cannot be written or the page cannot be updated.
    """
    page, there = out / PAGE, next(p for p in (out, *out.parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = os.strerror(EACCES if there.is_dir() else ENOTDIR)
        raise SnnlabError(f"results {out} cannot be written: {why}")
    _inserted("", page)
    return page


def write(records: Records, out: Path, command: str) -> Path:
    """Write page, figures and Parquet below ``out``; returns the page.

    Text around the generated part is preserved. Raises :class:`SnnlabError` if the folder
    cannot be written, or the page has no place for it: then nothing is written.
    """
    from snnlab.reproduce.figures import figures

    page = out / PAGE
    try:
        made = figures(records)
        text = _inserted(_text(records, made, command), page)
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        _parquet(records.flat(), out / FOLDER / "trainings.parquet")
        for figure in made:
            _draw(figure, out / FOLDER)
        write_whole(page, lambda file: file.write(text.encode()))
    except OSError as error:
        raise SnnlabError(f"results {out} cannot be written: {error.strerror}") from None
    return page


def _inserted(generated, page):
    """The page with its generated part replaced, or a new one."""
    block = f"{BEGIN}\n{generated}\n{END}"
    old = _read(page) if page.exists() else f"{TITLE}\n{BEGIN}{END}\n"
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SnnlabError(f"page {page} has no lines {BEGIN} and {END}: add them or move the page")
    return head + block + tail


def _read(page):
    try:
        return page.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a text in UTF-8"
        raise SnnlabError(f"page {page} cannot be read: {why}") from None


def _text(records, made, command):
    parts = [
        "Made by a command, which anyone can run:", f"```\n{command}\n```",
        "Mean ± sd of the test accuracy after the last epoch, in %, unless said otherwise. Every"
        " seed has a die of its own, of the same number. Test images were used for nothing but"
        " these figures.", SMALL if records.quick else "",
        table(records),
        *(f"![{one.caption}]({FOLDER}/{one.name}.svg)\n\n{one.caption}" for one in made),
        _failures(records), _trainings(records), _versions(records),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _failures(records):
    if not records.failures:
        return "No training failed." if any(map(records.of, records.trainings)) else ""
    lines = [f"- {label}: {why}" for label, why in records.failures.items()]
    return "\n".join(("## Failed", "", *lines))


def _trainings(records):
    """The trainings with their recipes, changed settings and accuracies."""
    head = ("training", "recipe", "changed", "epochs", "seeds", "accuracy (%)")
    rows = [_training(training, records) for training in records.trainings.values()]
    return f"## Trainings\n\n{markdown(head, rows, right=(3, 5))}"


def _training(training, records):
    used = recipe(training.recipe)
    changed = training.changes if training.ann is None else {"network": "ReLU"}
    changed = {"network": "float, steps of 1.7 µs"} if training.software else changed
    turned = ", ".join(f"{name} = {value}" for name, value in changed.items())
    sample = records.sample(training.name, "accuracy")
    return (
        training.name, f"{used.name} {used.version}", turned, training.epochs,
        _numbers(training.seeds), sample.text(2) if sample else "–",
    )  # fmt: skip


def _numbers(seeds):
    consecutive = len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}–{seeds[-1]}" if consecutive else ", ".join(map(str, seeds))


def _versions(records):
    """Versions of the libraries that computed the records; several sets if they differ."""
    used = {tuple(sorted(found.items())) for found in records.versions()} or {
        tuple(sorted(versions().items()))
    }
    sets = (", ".join(f"{name} {number}" for name, number in one) for one in sorted(used))
    return "Versions: " + "; ".join(sets) + "."


def _draw(figure, folder):
    from snnlab.plotting import compared, save

    for suffix in ("svg", "png"):
        element = compared(figure.series, figure.xlabel, figure.ylabel, "matplotlib")
        save(element, folder / f"{figure.name}.{suffix}")


def _parquet(rows, path):
    """Write one row for each training and seed; without rows, delete an earlier file."""
    import pyarrow
    from pyarrow import parquet

    if not rows:
        path.unlink(missing_ok=True)
        return
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    arrays = pyarrow.table(columns)
    write_whole(path, lambda file: parquet.write_table(arrays, file))
