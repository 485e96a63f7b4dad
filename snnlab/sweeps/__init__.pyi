"""Names that ``snnlab.sweeps`` imports on first use, for type checkers and editors."""

from snnlab.sweeps.outcome import best_of as best_of
from snnlab.sweeps.plan import Plan as Plan
from snnlab.sweeps.search import sweep as sweep
