"""Names that ``snnlab.runs`` imports on first use, for type checkers and editors."""

from snnlab.runs.run import Run as Run
from snnlab.runs.run import find_run as find_run
from snnlab.runs.run import list_runs as list_runs
from snnlab.runs.run import load_weights as load_weights
from snnlab.runs.training import resume as resume
from snnlab.runs.training import train as train
