"""``snnlab calibrate`` and ``snnlab map``: one die measured and set, a network placed on it."""

from pathlib import Path

from snnlab.commands.flags import add_data_dir, add_knobs, config, place
from snnlab.config import Config
from snnlab.files import check_place
from snnlab.model.topology import Topology
from snnlab.text.tables import aligned

PLACED_BY = ("dataset", "side", "hidden", "recurrent", "chips")
"""Knobs that decide how a network is placed."""
TO_CALIBRATE = "uncalibrated"
"""The die that ``snnlab calibrate`` takes unless another is asked for."""
ROWS_IN_LSB = 4
"""Number of first rows of a calibration report that are in LSB; the others are relative."""


def add_calibrate(commands) -> None:
    """Add the command to a parser's commands."""
    text = "measure and calibrate every circuit of a die"
    calibrate = commands.add_parser("calibrate", help=text)
    calibrate.set_defaults(command=_calibrate, prints=True)
    text = "write codes and measurements to an npz file"
    calibrate.add_argument("--out", type=place, metavar="FILE", help=text)
    add_knobs(calibrate, ("die", "die_seed", "mismatch"), die=TO_CALIBRATE)


def add_map(commands) -> None:
    """Add the command to a parser's commands."""
    map_ = commands.add_parser("map", help="print the placement of a network on the chip")
    map_.set_defaults(command=_map, prints=True)
    add_data_dir(map_)
    add_knobs(map_, PLACED_BY)


def _calibrate(arguments):
    settings = config(arguments)
    if arguments.die is None:
        settings.set("die", TO_CALIBRATE)
    _calibrate_die(settings, arguments.out)
    return 0


def _calibrate_die(settings: Config, path: Path | None):
    """Calibrate the die of the settings, print a table of spreads, and keep the result."""
    if path:
        check_place(path, "calibration")
    from snnlab.chip.die import Die  # numba takes seconds
    from snnlab.chip.lab.calibration import calibrate
    from snnlab.chip.lab.laboratory import Lab
    from snnlab.chip.spec import BRAINSCALES2
    from snnlab.text.progress import Bar, say

    die = Die.draw(settings.die, sigma=settings.mismatch, seed=settings.die_seed)
    with Bar() as bar:
        found = calibrate(Lab(die, seed=settings.die_seed), tell=bar.tell)
    lost, every = found.excluded, BRAINSCALES2.n_circuits
    able = f"{every - len(lost)} calibratable circuits" if lost else "circuits"
    say(f"{settings.die} die {settings.die_seed}: standard deviation over its {able}")
    rows = [("quantity", "before", "after", "")]
    for row, (name, spreads) in enumerate(found.spreads().items()):
        unit, factor, digits = ("LSB", 1, 2) if row < ROWS_IN_LSB else ("%", 100, 1)
        rows.append((name, *(f"{factor * spread:.{digits}f}" for spread in spreads), unit))
    say(aligned(rows, right=(1, 2)))
    if lost:
        numbers = ", ".join(map(str, lost))
        say(f"{len(lost)} of {every} circuits cannot be calibrated: number {numbers}")
    if path:
        found.save(path)
        say(f"kept in {path}")


def _map(arguments):
    settings = config(arguments)
    from snnlab.chip.layout.mapping import Mapping
    from snnlab.data import load
    from snnlab.data.catalogue import CATALOGUE

    known = CATALOGUE[settings.dataset].checked(settings.side)
    inputs, classes = known.channels or settings.side**2, known.classes
    if known.own:
        data = load(settings.dataset, settings.side, data_dir=arguments.data_dir)
        classes = data.classes
        inputs = data.n_channels if known.recordings else inputs
    topology = Topology.chain(
        (inputs, *settings.hidden, len(classes)), settings.recurrent != "none"
    )
    mapping = Mapping(topology.sizes, chips=settings.chips, recurrent=topology.recurrent)
    report = mapping.report()
    # The published costs are those of an image.
    print(f"network {mapping}", report.placement() if known.recordings else report, sep="\n")
    return 0
