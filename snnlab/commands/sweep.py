"""``snnlab sweep``: many trainings, to find the best settings."""

from snnlab.commands.flags import add_knobs, add_recipe, config, filled, place, whole
from snnlab.errors import SnnlabError
from snnlab.quantities import objectives
from snnlab.runs.tables import check_export, columns_of, export_table
from snnlab.text.numerals import number, suggest

MAX_SHOWN_TRIALS = 10
"""Trials that are shown at the end."""
_HELP = {
    "beta=1:200:log": "knob to vary: low:high, low:high:log, low:high:log:points, or a,b,c",
    "accuracy": f"quantity to optimise: {', '.join(objectives())}; may be repeated",
    "power=0.2015": "highest allowed value of a quantity (accuracy: lowest); may be repeated",
}


def add_sweep(commands):
    """Add the command to a parser's commands; returns its parser."""
    parser = commands.add_parser("sweep", help="train many times, to find the best settings")
    parser.set_defaults(command=_sweep)
    add = parser.add_argument
    add("plan", nargs="?", type=place, metavar="PLAN.toml", help="plan file; flags override it")
    for flag, (shown, text) in zip(
        ("--vary", "--objective", "--limit"), _HELP.items(), strict=True
    ):
        add(flag, action="append", default=[], metavar=shown, help=text)
    add("--sampler", metavar="X", help="grid, random or tpe (default)")
    add("--trials", type=whole, metavar="N", help="how many (default: 20, or the whole grid)")
    text = "dies that each trial is trained on (default: 1)"
    add("--repeats", type=whole, metavar="N", help=text)
    add("--sweep-seed", type=whole, metavar="N", help="seed of the values that are tried")
    add("--prune", action="store_true", default=None, help="stop bad trials early")
    add(
        "--name",
        type=filled,
        metavar="X",
        help="name of the study (default: sweep, or the file's name)",
    )
    add("--storage", type=filled, metavar="X", help="SQLite file, .journal file or database URL"
        " (default: sweeps/<name>.db); several processes may share it")  # fmt: skip
    text = "processes (default: one for each core; 0: only this one)"
    add("--workers", type=whole, metavar="N", help=text)
    add(
        "--scheduler",
        type=filled,
        metavar="tcp://…",
        help="address of a Dask scheduler to use instead",
    )
    add("--export", type=place, metavar="FILE", help="write all trials as .csv or .parquet")
    add_recipe(parser)
    add_knobs(parser)
    return parser


def _sweep(arguments):
    plan = _plan(arguments)
    if arguments.export:
        check_export(arguments.export)
    from snnlab.sweeps.outcome import row_of
    from snnlab.sweeps.search import default_storage, sweep
    from snnlab.text.progress import Bar, say

    storage = arguments.storage or default_storage(plan.name)
    ended = []
    with Bar(times=True) as bar:

        def tell(message, fraction):
            say(message)
            ended.append(message)
            bar.tell(plan.name, fraction)

        bar.tell(plan.name, 0.0)
        try:
            study = sweep(
                plan, storage, workers=arguments.workers, scheduler=arguments.scheduler,
                data_dir=arguments.data_dir, tell=tell,
            )  # fmt: skip
        except KeyboardInterrupt:
            if ended:
                say(_so_far(plan, storage))
            raise
    if not ended:
        print("nothing to do: all trials are complete")
    if arguments.export:
        export_table(arguments.export, columns_of([row_of(plan, trial) for trial in study.trials]))
    print(_summary(plan, study, storage))
    return 0 if any(trial.state.name == "COMPLETE" for trial in study.trials) else 1


def _plan(arguments):
    from snnlab.sweeps.plan import Plan, above

    given = {name: getattr(arguments, name) for name in ("sampler", "trials", "repeats", "prune")}
    given |= {"name": arguments.name, "seed": arguments.sweep_seed}
    given |= {"objectives": arguments.objective or None}
    given = {name: value for name, value in given.items() if value is not None}
    given["vary"] = _once("vary", (_pair("vary", text) for text in arguments.vary))
    all_knobs = config(arguments).values()
    given["settings"] = {k: v for k, v in all_knobs.items() if getattr(arguments, k) is not None}
    if arguments.limit:
        given["limits"] = _once("limit", map(_limit, arguments.limit))
    below = all_knobs if arguments.recipe else None
    if arguments.plan:
        return Plan.read(arguments.plan, below, **given)
    return Plan.checked(**{**given, "settings": above(below, given["settings"], given["vary"])})


def _pair(flag, text):
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise SnnlabError(f"--{flag} {text}: give NAME=VALUES")
    return name.replace("-", "_"), value


def _once(flag, pairs):
    """Flags by name."""
    found = {}
    for name, value in pairs:
        if name in found:
            raise SnnlabError(f"--{flag} {name} is given twice: {found[name]} and {value}")
        found[name] = value
    return found


def _limit(text):
    name, value = _pair("limit", text)
    try:
        return name, number(value, float)
    except ValueError:
        meant = suggest(value, float)
        raise SnnlabError(f"limit {name} = {value} is not a number{meant}") from None


def _so_far(plan, storage):
    """Results of an interrupted sweep, and how to resume it."""
    from snnlab.sweeps.storage import load_study

    try:
        found = _summary(plan, load_study(plan.name, storage), storage)
    except SnnlabError as error:
        return str(error)
    return f"{found}\nthe same command continues with the remaining trials"


def _summary(plan, study, storage):
    """Table of the best trials, or the reason why there are no valid trials."""
    from snnlab.quantities import objectives
    from snnlab.sweeps.outcome import best_of, row_of, why_none

    states = [trial.state.name.lower() for trial in study.trials]
    lines = [", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states)) + f", in {storage}"]
    best = best_of(plan, study)
    if best:
        several = len(plan.objectives) > 1
        what = "trials that no other beats in all objectives" if several else "best trials"
        lines.append(f"{what} ({', '.join(plan.objectives)}; energy and power are estimates):")
    elif none := why_none(plan, [row_of(plan, trial) for trial in study.trials]):
        lines.append(none)
    known = objectives()
    for trial in best[:MAX_SHOWN_TRIALS]:
        values = ", ".join(
            f"{n} {known[n].format(v)}" for n, v in zip(plan.objectives, trial.values, strict=True)
        )
        knobs = ", ".join(f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}"
                          for n, v in trial.params.items())  # fmt: skip
        lines.append(f"  {trial.number}: {values} at {knobs}")
    return "\n".join(lines)
