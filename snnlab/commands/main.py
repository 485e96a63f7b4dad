"""The command line: the parser of ``snnlab``, and its short commands."""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from snnlab import install
from snnlab.commands.app import add_app, add_password
from snnlab.commands.chip import add_calibrate, add_map
from snnlab.commands.classify import add_classify
from snnlab.commands.flags import (
    add_data_dir,
    add_knobs,
    add_recipe,
    add_tensorboard,
    config,
    filled,
    place,
    whole,
)
from snnlab.commands.gradients import add_gradients
from snnlab.commands.lessons import add_lessons
from snnlab.commands.robustness import add_robustness
from snnlab.commands.runs import add_runs
from snnlab.commands.sweep import add_sweep
from snnlab.config import Config
from snnlab.errors import SnnlabError, plain
from snnlab.text import console
from snnlab.text.spelling import did_you_mean
from snnlab.text.tables import aligned

UNSOUND, UNPRINTED, INTERRUPTED = 1, 1, 130
"""Exit codes: problem with the installation; output lost, of a command whose result is its output;
Ctrl-C. An error of use gives 2."""


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors of use are one line on standard error."""
    console.make_tolerant()
    arguments = _parser().parse_args(argv)
    if warning := install.find_conflict():
        print(f"snnlab: {warning}", file=sys.stderr)
    try:
        code = arguments.command(arguments)
    except SnnlabError as error:
        print(f"snnlab: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # not handled by a command, e.g. a failing disk
        where = f"{error.filename}: " if error.filename else ""
        print(f"snnlab: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("snnlab: stopped", file=sys.stderr)
        return INTERRUPTED
    return code or _unprinted("prints" in arguments)


def _unprinted(prints):
    """The exit code of a command that succeeded, but whose output may be lost."""
    return UNPRINTED if prints and console.is_output_lost() else 0


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options):
        super().__init__(allow_abbrev=False, **options)  # new flags must not make these ambiguous

    def parse_known_args(self, args=None, namespace=None):
        """Parse known arguments; the command itself reports unknown ones and refers to its help."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            meant = did_you_mean(rest[0].partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(rest)}{meant}")
        return found, rest

    def _check_value(self, action, value):
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(value, action.choices)
            raise

    def exit(self, status=0, message=None):
        """Exit, also after help and version, whose output may be lost."""
        super().exit(status or _unprinted(True), message)

    def error(self, message):
        self.exit(2, f"snnlab: {plain(message)} (see {self.prog} --help)\n")


def _parser():
    parser = _Parser(
        prog="snnlab", description="Spiking networks on an emulated analog chip.",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # the version stays one line
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=install.describe())
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_train(commands)
    add_runs(commands)
    add_classify(commands)
    add_data_dir(add_sweep(commands))
    add_robustness(commands)
    add_gradients(commands)
    add_app(commands)
    add_password(commands)
    _add_data(commands)
    add_calibrate(commands)
    add_map(commands)
    _add_convergence(commands)
    _add_export(commands)
    _add_recipes(commands)
    add_lessons(commands)
    _add_reproduce(commands)
    _add_bench(commands)
    _add_doctor(commands)
    return parser


def _add_train(commands):
    train = commands.add_parser("train", help="train a network in the loop with the chip")
    train.set_defaults(command=_train)
    add_data_dir(train)
    text = "start from the weights of a run or npz"
    train.add_argument("--weights", type=filled, metavar="FILE", help=text)
    text = "run folder (default: runs/<time>-<dataset>)"
    train.add_argument("--out", type=place, metavar="DIR", help=text)
    add_tensorboard(train)
    _add_threads(train)
    add_recipe(train)
    add_knobs(train)


def _add_data(commands):
    data = commands.add_parser("data", help="fetch a data set and print its source")
    data.set_defaults(command=_data, prints=True)
    data.add_argument("name", help=", ".join(Config.param["dataset"].objects))
    add_data_dir(data)


def _add_convergence(commands):
    convergence = commands.add_parser(
        "convergence", help="evaluate a run with ever smaller time steps of the emulator"
    )
    convergence.set_defaults(command=_convergence, prints=True)
    convergence.add_argument("run", metavar="RUN", type=place, help="name or folder of a run")
    add_data_dir(convergence)
    _add_threads(convergence)


def _add_export(commands):
    export = commands.add_parser("export", help="write a run's network as NIR, for other libraries")
    export.set_defaults(command=_export)
    export.add_argument("run", metavar="RUN", type=place, help="name or folder of a run")
    export.add_argument("out", metavar="FILE", type=place, help="NIR file to write")
    text = "a graph in fixed time steps for this library: norse or snntorch"
    export.add_argument("--for", dest="library", type=str.lower, metavar="LIB", help=text)


def _add_recipes(commands):
    recipes_ = commands.add_parser("recipes", help="list the named settings for --recipe")
    recipes_.set_defaults(command=_recipes, prints=True)


def _add_reproduce(commands):
    reproduce = commands.add_parser(
        "reproduce", help="measure the paper's tables and figures on the emulated chip"
    )
    reproduce.set_defaults(command=_reproduce)
    reproduce.add_argument("study", help="table1, sparsity, mismatch, neuron-death, latency or all")
    reproduce.add_argument("--quick", action="store_true", help="a small version on the digits")
    reproduce.add_argument("--seeds", type=whole, metavar="N", help="at most N seeds (default: 5)")
    reproduce.add_argument(
        "--out",
        type=place,
        metavar="DIR",
        help="folder in which results.md and results/ are written (default: runs/results, with"
        " --quick runs/results-quick)",
    )
    reproduce.add_argument(
        "--cache",
        type=place,
        metavar="DIR",
        default=Path("runs/reproduce"),
        help="folder of finished trainings (default: runs/reproduce)",
    )
    reproduce.add_argument(
        "--report-only", action="store_true", help="write the results without training"
    )
    reproduce.add_argument("--workers", type=whole, metavar="N", help="processes (default: cores)")
    reproduce.add_argument(
        "--scheduler",
        type=filled,
        metavar="tcp://…",
        help="address of a Dask scheduler to use instead",
    )
    add_data_dir(reproduce)


def _add_bench(commands):
    bench = commands.add_parser("bench", help="measure the speed, against chip and other libraries")
    bench.set_defaults(command=_bench)
    bench.add_argument("--full", action="store_true", help="also the long ones: ten minutes")
    bench.add_argument("--only", metavar="A,B", help="sections to measure (default: short ones)")
    text = "folder for the results (default: runs/bench)"
    bench.add_argument("--out", type=place, default=Path("runs/bench"), metavar="DIR", help=text)
    bench.add_argument("--threads", type=whole, default=2, metavar="N", help="cores (default: 2)")


def _add_doctor(commands):
    doctor = commands.add_parser("doctor", help="report what is installed, where, and problems")
    doctor.set_defaults(command=_doctor, prints=True)
    doctor.add_argument("--json", action="store_true", help="the report as JSON")


def _add_threads(parser):
    parser.add_argument("--threads", type=whole, metavar="N", help="cores to use (default: all)")


def _train(arguments):
    settings = config(arguments)
    from snnlab.runs.training import train  # numba takes a second: only when needed

    finished = train(
        settings, arguments.out, arguments.data_dir, arguments.weights, arguments.threads,
        tensorboard=arguments.tensorboard,
    )  # fmt: skip
    return 0 if finished else INTERRUPTED


def _bench(arguments):
    if importlib.util.find_spec("matplotlib") is None:
        raise install.missing("the benchmarks are", "bench")
    importlib.import_module("snnlab_bench.suite").run(
        arguments.out, only=arguments.only, full=arguments.full, threads=arguments.threads
    )
    return 0


def _data(arguments):
    from snnlab.data import Dataset, count_images, load
    from snnlab.data.catalogue import CATALOGUE
    from snnlab.text.progress import Bar

    if known := CATALOGUE.get(arguments.name):
        known.check_place(arguments.data_dir)
    with Bar() as bar:
        dataset = load(arguments.name, data_dir=arguments.data_dir, progress=bar.tell)
    kind = "images" if isinstance(dataset, Dataset) else "recordings"
    print(
        f"{dataset.name}: {len(dataset.train_labels)} training and {len(dataset.test_labels)} test"
        f" {kind} of {len(dataset.classes)} classes, from {dataset.origin}"
    )
    if dataset.own:
        print(aligned([("", *row) for row in count_images(dataset)], right=(2, 3)))
        print(*(plain(f"note: {note}") for note in dataset.own.notes), sep="\n")
    return 0


def _convergence(arguments):
    from snnlab.studies.convergence import study, table

    print(table(study(arguments.run, arguments.data_dir, arguments.threads)))
    return 0


def _export(arguments):
    if importlib.util.find_spec("nir") is None:
        raise install.missing("NIR is", "nir")
    from snnlab.nir.export import export_run

    network, differences = export_run(arguments.run, arguments.out, arguments.library)
    print(f"{arguments.out}: network {network.topology}")
    if differences:
        print(differences)
    return 0


def _recipes(arguments):
    from snnlab.recipes import recipes

    print(aligned([(recipe.name, recipe.version, recipe.about) for recipe in recipes().values()]))
    return 0


def _doctor(arguments):
    from snnlab.commands.doctor import examine

    report = examine()
    print(report.as_json() if arguments.json else report)
    return UNSOUND if report.problems else 0


def _reproduce(arguments):
    from snnlab.reproduce.command import reproduce

    finished = reproduce(
        arguments.study, arguments.out, arguments.cache,
        quick=arguments.quick, seeds=arguments.seeds, data_dir=arguments.data_dir,
        workers=arguments.workers, scheduler=arguments.scheduler, report_only=arguments.report_only,
    )  # fmt: skip
    return 0 if finished else INTERRUPTED
