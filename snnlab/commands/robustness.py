"""``snnlab robustness``, ``transfer`` and ``neuron-death``: tests of a run's network."""

import argparse
from pathlib import Path

import numpy as np

from snnlab.commands.flags import add_data_dir, filled, place, whole
from snnlab.text.numerals import number, suggest
from snnlab.text.tables import aligned


def add_robustness(commands) -> None:
    """Add the three commands to a parser's commands."""
    add = _add(commands, "robustness", _robustness, "test a run on other dies, with mismatch")
    add("--dies", type=whole, default=5, metavar="N", help="how many (default: 5)")
    add("--sigmas", type=_numbers, metavar="A,B", help="mismatch σ_d of each (default: 0 to 0.5)")
    add("--epochs", type=whole, default=0, metavar="N",
        help="epochs of training on each die before the test (default: 0)")  # fmt: skip
    add = _add(commands, "transfer", _transfer, "train a run's settings on die A, test on die B")
    add("--dies", type=whole, default=3, metavar="N", help="how many (default: 3)")
    add = _add(commands, "neuron-death", _neuron_death, "test a run with silenced hidden neurons")
    add("--shares", type=_numbers, metavar="A,B", help="shares that are silent (default: 0 to 0.5)")
    text = "random draws for each share (default: 5)"
    add("--draws", type=whole, default=5, metavar="N", help=text)


def _add(commands, name, command, text):
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command, prints=True)
    parser.add_argument("run", type=filled, metavar="RUN", help="folder or name of a run")
    parser.add_argument("--workers", type=whole, metavar="N", help="processes (default: cores)")
    parser.add_argument("--scheduler", type=filled, metavar="tcp://…",
                        help="address of a Dask scheduler to use instead")  # fmt: skip
    parser.add_argument("--export", type=place, metavar="FILE",
                        help="write every single test as .csv or .parquet")  # fmt: skip
    add_data_dir(parser)
    return parser.add_argument


def _numbers(text):
    try:
        return tuple(number(part := each, float) for each in text.split(","))
    except ValueError:
        meant = suggest(part, float, percent=0.01)
        raise argparse.ArgumentTypeError(f"{text}: give numbers such as 0,0.2,0.4{meant}") from None


def _robustness(arguments):
    from snnlab.studies.stress import SIGMAS, robustness

    sigmas = arguments.sigmas or SIGMAS
    table = _measured(
        arguments, robustness, n_dies=arguments.dies, sigmas=sigmas, epochs=arguments.epochs
    )
    print(_spread(table, "sigma", "mismatch"))
    return 0


def _transfer(arguments):
    from snnlab.studies.stress import transfer

    table = _measured(arguments, transfer, n_dies=arguments.dies)
    dies = list(dict.fromkeys(table["tested_on"]))
    rows = np.reshape(table["accuracy"], (len(dies), len(dies)))
    head = ("accuracy, trained on", *(f"on die {die}" for die in dies))
    lines = [
        (f"die {die}", *map("{:.2%}".format, row)) for die, row in zip(dies, rows, strict=True)
    ]
    print(aligned([head, *lines], right=range(len(head))))
    return 0


def _neuron_death(arguments):
    from snnlab.studies.stress import SHARES, neuron_death

    shares = arguments.shares or SHARES
    table = _measured(arguments, neuron_death, shares=shares, draws=arguments.draws)
    print(_spread(table, "silenced", "silent"))
    return 0


def _measured(arguments, study, **options):
    """Run a study; its table is also written to a file if requested."""
    from snnlab.runs.run import find_run
    from snnlab.runs.tables import check_export, export_table
    from snnlab.text.progress import Bar

    run = find_run(arguments.run, Path("runs"))
    if arguments.export:
        check_export(arguments.export)
    with Bar(times=True) as bar:
        bar.tell("testing", 0.0)
        table = study(
            run, workers=arguments.workers, scheduler=arguments.scheduler,
            data_dir=arguments.data_dir, tell=bar.tell, **options,
        )  # fmt: skip
    if arguments.export:
        export_table(arguments.export, table)
    return table


def _spread(table, name, title):
    """Mean, lowest and highest accuracy for each value of a column."""
    at, accuracy, spikes = (np.array(table[n]) for n in (name, "accuracy", "spikes"))
    rows = [(title, "accuracy", "lowest", "highest", "spikes/image")]
    for value in dict.fromkeys(at.tolist()):
        found, fired = accuracy[at == value], spikes[at == value]
        shares = (f"{share:.2%}" for share in (found.mean(), found.min(), found.max()))
        rows.append((f"{value:.2f}", *shares, f"{fired.mean():.1f}"))
    return aligned(rows, right=range(5))
