"""``snnlab runs``: runs listed, shown, compared, resumed, annotated, exported, removed."""

import argparse
import zipfile
from pathlib import Path

from snnlab.commands.flags import add_tensorboard, filled, place, whole
from snnlab.config import Config
from snnlab.errors import SnnlabError, plain
from snnlab.files import write_named
from snnlab.quantities import EPOCH, RUN_LIST, quantities
from snnlab.runs.query import format_cell, select_rows
from snnlab.text.tables import aligned

INTERRUPTED = 130
RUNS = Path("runs")
_ROOT = {"type": place, "metavar": "DIR", "help": "folder of runs (default: runs)"}
MAX_COMPARED_RUNS = 6
"""Largest number of runs in one comparison."""


def add_runs(commands) -> None:
    """Add the command and its subcommands to a parser's commands."""
    runs = commands.add_parser("runs", help="list, show, diff, resume, note, export or remove runs")
    runs.add_argument("--root", default=RUNS, **_ROOT)
    what = runs.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listing = _add(what, "list", _list, "a table of all runs", (
        ("folders", {"nargs": "*", "type": place, "metavar": "DIR",
                     "help": "runs, or other folders of runs, to list"}),
        ("--where", {"action": "append", "default": [], "metavar": "X",
                     "help": "only runs with e.g. beta>=10, dataset=mnist, tags=good"}),
        ("--sort", {"type": filled, "metavar": "NAME",
                    "help": "order by a result, best last, or by a knob"}),
    ))  # fmt: skip
    showing = _add(what, "show", _show, "all about one run", (_RUN,))
    diff = _add(what, "diff", _diff, f"how up to {MAX_COMPARED_RUNS} runs differ", (_RUNS,))
    for parser in (listing, showing, diff):
        parser.set_defaults(prints=True)
    resume = _add(what, "resume", _resume, "continue a run that stopped", (
        _RUN,
        ("--epochs", {"type": whole, "metavar": "N", "help": "train up to this epoch instead"}),
        ("--data-dir", {"type": filled, "metavar": "DIR",
                        "help": "folder with idx files of the data sets, or data of your own"}),
        ("--threads", {"type": whole, "metavar": "N", "help": "cores to use (default: all)"}),
    ))  # fmt: skip
    add_tensorboard(resume)
    _add(what, "note", _note, "write a note or tags to a run", (
        _RUN,
        ("text", {"nargs": "?", "help": "the note, in place of the one before"}),
        ("--tag", {"action": "append", "default": [], "metavar": "T", "help": "add a tag"}),
        ("--untag", {"action": "append", "default": [], "metavar": "T", "help": "drop a tag"}),
    ))  # fmt: skip
    _add(what, "export", _export, "tables as CSV or Parquet, or a run as zip", (
        _RUNS,
        ("--out", {"required": True, "type": place, "metavar": "FILE",
                   "help": "file to write: .csv, .parquet or .zip"}),
        ("--what", {"choices": ("epochs", "steps", "runs"), "default": "epochs",
                    "help": "a row per epoch, per step or per run"}),
    ))  # fmt: skip
    _add(what, "tensorboard", _tensorboard, "write the curves of runs for TensorBoard", (
        _RUNS,
        ("--out", {"required": True, "type": place, "metavar": "DIR",
                   "help": "folder; each run is written to a sub-folder"}),
    ))  # fmt: skip
    _add(what, "rm", _rm, "remove runs for good", (
        _RUNS, ("--yes", {"action": "store_true", "help": "really"}),
    ))  # fmt: skip


_RUN = ("run", {"type": filled, "metavar": "RUN", "help": "folder, name or beginning of a name"})
_RUNS = ("runs", {"type": filled, "metavar": "RUN", "nargs": "+", "help": "folders or names"})


def _add(commands, name, command, text, arguments):
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    parser.add_argument("--root", default=argparse.SUPPRESS, **_ROOT)  # also after the verb
    for flag, options in arguments:
        parser.add_argument(flag, **options)
    return parser


def _list(arguments):
    from snnlab.runs.run import list_runs

    roots = arguments.folders or [arguments.root]
    for root in roots:
        _check_root(root)
    listed = [list_runs(root) for root in roots]
    runs = _once(run for found, _ in listed for run in found)
    complaints = [complaint for _, more in listed for complaint in more]
    rows = [{**run.row(), "folder": str(run.folder)} for run in runs]
    rows = select_rows(rows, arguments.where, arguments.sort)
    called = "folder" if arguments.folders else "run"  # the name that other commands take
    results = {name: q.heading for name, q in quantities(RUN_LIST).items()}
    columns = {called: "run", "state": "state", "dataset": "data", **results, "tags": "tags"}
    if arguments.sort and arguments.sort not in columns:
        columns[arguments.sort] = arguments.sort
    cells = ([format_cell(name, row) for name in columns] for row in rows)
    print(aligned([columns.values(), *cells]))
    if not (runs or complaints):
        where = ", ".join(map(str, roots))
        print(f"no runs in {where}: those made with --out are listed by snnlab runs list DIR")
    for complaint in complaints:
        print(f"left out: {plain(complaint)}")
    return 0


def _check_root(root):
    """Check that a given folder of runs exists; the default one need not."""
    if not root.is_dir() and (root.exists() or root != RUNS):
        raise SnnlabError(f"folder of runs {root}: no such folder, give an existing one")


def _show(arguments):
    from snnlab.runs.run import find_run

    run = find_run(arguments.run, arguments.root)
    record, notes, row, own = run.record, run.notes(), run.row(), run.record["own_die"]
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    for line in (
        f"{run.name}: {run.state}, {record['steps']} steps, network {record['network']}",
        f"from {record['created']} to {record['updated']}, commit {record['commit']}",
        f"data {record['data']}; {versions}",
        *((f"classes {', '.join(map(str, record['classes']))}",) if record["own"] else ()),
        *[f"on a die of its own, {own}: the knob die has no effect"] * bool(own),
        *(f"tag {tag}" for tag in notes["tags"]), *notes["note"].splitlines(),
    ):  # fmt: skip
        print(plain(line))
    results = quantities(RUN_LIST).items()
    print(*(f"{q.heading} {format_cell(name, row)}" for name, q in results), sep=", ")
    for name, value in run.settings.items():
        default = Config.param[name].default if name in Config.knobs() else None
        print(plain(f"  {name} = {value}" + f"  (default {default})" * (value != default)))
    for change in run.changes:
        print(plain(f"  {change.knob} {change.before} → {change.after} after {change.step} steps"))
    epochs, one = quantities(EPOCH), run.one
    head = ("epoch", *(q.label.replace("image", one) for q in epochs.values()))
    cells = ((e.epoch, *(q.format(getattr(e, n)) for n, q in epochs.items())) for e in run.epochs())
    print(aligned([head, *cells]))
    return 0


def _diff(arguments):
    from snnlab.runs.run import difference

    runs = _find_runs(arguments)
    if not 2 <= len(runs) <= MAX_COMPARED_RUNS:
        raise SnnlabError(
            f"{len(runs)} runs given: compare 2 to {MAX_COMPARED_RUNS} different ones"
        )
    rows = [run.row() for run in runs]
    results = [
        [q.heading, *(format_cell(name, row) for row in rows)]
        for name, q in quantities(RUN_LIST).items()
    ]
    knobs = [[name, *map(str, values)] for name, values in difference(runs).items()]
    print(aligned([["", *(run.name for run in runs)], *results, *knobs]))
    return 0


def _find_runs(arguments):
    from snnlab.runs.run import find_run

    return _once(find_run(name, arguments.root) for name in arguments.runs)


def _once(runs):
    return list({run.folder.resolve(): run for run in runs}.values())


def _resume(arguments):
    from snnlab.runs.run import find_run

    run = find_run(arguments.run, arguments.root)
    from snnlab.runs.training import resume  # numba takes a second: only when needed

    finished = resume(
        run, arguments.data_dir, arguments.epochs, arguments.threads,
        tensorboard=arguments.tensorboard,
    )  # fmt: skip
    return 0 if finished else INTERRUPTED


def _note(arguments):
    from snnlab.runs.run import find_run

    run = find_run(arguments.run, arguments.root)
    tags = {*run.notes()["tags"], *arguments.tag} - set(arguments.untag)
    if arguments.text is None and not (arguments.tag or arguments.untag):
        raise SnnlabError(f"nothing to note on run {run.name}: give a text, --tag or --untag")
    for tag in arguments.tag:
        if not tag or any(map(str.isspace, tag)):
            raise SnnlabError(f"tag {tag!r} is not allowed: give one word")
    run.annotate(arguments.text, tags)
    return 0


def _export(arguments):
    from snnlab.runs.tables import columns_of, export_table

    runs, out = _find_runs(arguments), arguments.out
    if out.suffix == ".zip":
        return _zip(runs, out)
    rows = [row for run in runs for row in _rows(run, arguments.what)]
    export_table(out, columns_of(rows))
    print(f"{out}: {len(rows)} rows of {len(runs)} runs")
    return 0


def _zip(runs, out):
    if len(runs) != 1:
        raise SnnlabError(f"{len(runs)} runs given: a zip file holds one")
    try:
        write_named(out, lambda file: _pack(runs[0].folder, file))
    except OSError as error:
        raise SnnlabError(f"{out} cannot be written: {error.strerror}") from None
    print(f"{out}: run {runs[0].name}")
    return 0


def _pack(folder, file):
    """The files of a run, without following links."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                archive.write(path, path.name)


def _rows(run, what):
    from snnlab.runs.run import tidy_epochs

    if what == "runs":
        row = run.row()
        return [{k: "-".join(map(str, v)) if isinstance(v, list) else v for k, v in row.items()}]
    if what == "epochs":
        return tidy_epochs(run)
    columns = run.steps()
    rows = zip(*columns.values(), strict=True)
    return [{"run": run.name, **dict(zip(columns, row, strict=True))} for row in rows]


def _tensorboard(arguments):
    from snnlab.runs.tensorboard import export

    runs = _find_runs(arguments)
    for run in runs:
        export(run, arguments.out)
    print(f"{len(runs)} runs written: tensorboard --logdir {arguments.out}")
    return 0


def _rm(arguments):
    runs = _find_runs(arguments)
    if not arguments.yes:
        names = ", ".join(run.name for run in runs)
        raise SnnlabError(f"{len(runs)} runs would be removed for good ({names}): add --yes")
    for run in runs:
        run.remove()
        print(f"removed {run.name}")
    return 0
